#!/usr/bin/env bash
# The tenant loses the right to change the labels of its namespace again.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"

refused() { ! kubectl auth can-i patch namespaces/bvc-tenant-b --namespace bvc-tenant-b --as system:serviceaccount:bvc-tenant-a:tenant; }

kubectl delete --ignore-not-found --filename "$here/role.yaml" >/dev/null
await 30 "the tenant may no longer patch bvc-tenant-b" refused
