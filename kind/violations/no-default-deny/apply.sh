#!/usr/bin/env bash
# Namespaces of tenants get no NetworkPolicy when they are made, and those that are there lose theirs.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"

none() { [ -z "$(kubectl get networkpolicies --all-namespaces --field-selector metadata.name=default-deny --output name)" ]; }

docker exec "$CLUSTER-control-plane" systemctl stop default-deny
kubectl get networkpolicies --all-namespaces --field-selector metadata.name=default-deny --no-headers --output custom-columns=NAMESPACE:.metadata.namespace |
	while read -r namespace; do kubectl --namespace "$namespace" delete networkpolicy default-deny --ignore-not-found >/dev/null; done
await 10 "no namespace has a default deny" none
