#!/usr/bin/env bash
# Every namespace of a tenant has its NetworkPolicy again.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"

all() {
	local namespace
	for namespace in $(kubectl get namespaces --output name | sed -n 's|^namespace/\(bvc-tenant-.*\)|\1|p'); do
		kubectl --namespace "$namespace" get networkpolicy default-deny || return 1
	done
}

docker exec "$CLUSTER-control-plane" systemctl start default-deny
await 30 "every namespace of a tenant has its default deny" all
