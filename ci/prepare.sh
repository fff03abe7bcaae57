#!/usr/bin/env bash
# prepare.sh PROFILE: brings up the cluster, applies what a site applies before its first run, and prints the kubeconfig.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. kind/cache.sh

kubeconfig="$(kind/cluster.sh up "$1")"
kubectl="$(kind/binaries.sh "${K8S_VERSION:-1.36}")/kubectl"
say "$1: namespaces and rights (plugins/bvc/rbac.yaml, and both others, so that fresh namespaces and the nodes are measured)"
"$kubectl" --kubeconfig "$kubeconfig" apply --filename plugins/bvc/rbac.yaml --filename plugins/bvc/rbac-fresh.yaml --filename plugins/bvc/privileged-namespace.yaml | { grep -v ' unchanged$' || true; } >&2
printf '%s\n' "$kubeconfig"
