#!/usr/bin/env bash
# prepare.sh PROFILE: brings up the cluster, applies what a site applies before its first run, and prints the kubeconfig.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. kind/cache.sh

kubeconfig="$(kind/cluster.sh up "$1")"
kubectl="$(kind/binaries.sh "${K8S_VERSION:-1.36}")/kubectl"
say "$1: namespaces and rights (plugins/bvc/rbac.yaml, and both others, so that fresh namespaces and the nodes are measured)"
"$kubectl" --kubeconfig "$kubeconfig" apply --filename plugins/bvc/rbac.yaml --filename plugins/bvc/rbac-fresh.yaml --filename plugins/bvc/privileged-namespace.yaml | { grep -v ' unchanged$' || true; } >&2
# What the site's provisioner gives each namespace is there before anybody counts what a run leaves.
if [ -f "kind/profiles/$1/default-deny.yaml" ]; then
	for namespace in $("$kubectl" --kubeconfig "$kubeconfig" get namespaces --output name | sed -n 's|^namespace/\(bvc-tenant-.*\)|\1|p'); do
		"$kubectl" --kubeconfig "$kubeconfig" --namespace "$namespace" wait --for create --timeout 60s --filename "kind/profiles/$1/default-deny.yaml" >&2
	done
fi
printf '%s\n' "$kubeconfig"
