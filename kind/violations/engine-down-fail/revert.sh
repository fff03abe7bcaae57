#!/usr/bin/env bash
# The policy engine is back.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../kyverno.sh"

up
await 60 "bvc-tenant-a admits a pod that keeps every rule" admitted "$here/pod.yaml"
