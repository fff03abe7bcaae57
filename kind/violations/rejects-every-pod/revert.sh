#!/usr/bin/env bash
# Pods of tenants that keep the rules are admitted again.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../kyverno.sh"

kubectl delete --ignore-not-found --filename "$here/policy.yaml" >/dev/null
await 60 "bvc-tenant-a admits a pod that keeps every rule" admitted "$here/pod.yaml"
