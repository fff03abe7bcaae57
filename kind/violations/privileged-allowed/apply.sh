#!/usr/bin/env bash
# The namespace bvc-tenant-a admits privileged pods.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"

kubectl label namespace bvc-tenant-a --overwrite pod-security.kubernetes.io/enforce=privileged >/dev/null
await 30 "bvc-tenant-a admits a privileged pod" admitted "$here/pod.yaml"
