#!/usr/bin/env bash
# The tenant may change the labels of its namespace bvc-tenant-b.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"

kubectl apply --filename "$here/role.yaml" >/dev/null
await 30 "the tenant may patch bvc-tenant-b" kubectl auth can-i patch namespaces/bvc-tenant-b --namespace bvc-tenant-b --as system:serviceaccount:bvc-tenant-a:tenant
