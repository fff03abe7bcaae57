#!/usr/bin/env bash
# Every pod of a tenant is refused, whatever is in it.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../kyverno.sh"

kubectl apply --filename "$here/policy.yaml" >/dev/null
await 60 "bvc-tenant-a refuses a pod that keeps every rule" says "violation-no-pods" admitted "$here/pod.yaml"
