#!/usr/bin/env bash
# The namespace bvc-tenant-a falls back to the cluster's default.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"

kubectl label namespace bvc-tenant-a pod-security.kubernetes.io/enforce- >/dev/null
# By Pod Security, and by nothing else.
await 30 "bvc-tenant-a refuses a privileged pod" says "violates PodSecurity" admitted "$here/pod.yaml"
