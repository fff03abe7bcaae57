#!/usr/bin/env bash
# kube-router is gone from the second worker together with its rules: pods there stay connected, and no policy
# holds for them. On the other nodes nothing changes.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
worker="$CLUSTER-worker2"

agents() { kubectl --namespace kube-system get pods --selector k8s-app=kube-router --field-selector "spec.nodeName=$worker" --output name; }
gone() {
	local left
	left="$(agents)" && [ -z "$left" ]
}
# Rules in built-in chains first, then kube-router's own chains; kube-proxy writes to the same tables, so all else stays.
unfilter() {
	docker exec --interactive "$worker" bash -o errexit -o nounset -o pipefail <<-'END'
		rules="$(iptables-save --table filter 2>/dev/null)"
		own='KUBE-(ROUTER|POD-FW|NWPLCY)[^ ]*'
		{
			echo '*filter'
			grep -E "^-A (INPUT|OUTPUT|FORWARD) .*-j $own" <<<"$rules" | sed 's/^-A/-D/' || true
			sed -nE "s/^:($own) .*/-F \1/p" <<<"$rules"
			sed -nE "s/^:($own) .*/-X \1/p" <<<"$rules"
			echo COMMIT
		} | iptables-restore --noflush
	END
}
unfiltered() {
	local rules
	rules="$(docker exec "$worker" iptables-save --table filter)" && ! grep -E 'KUBE-(ROUTER|POD-FW|NWPLCY)' <<<"$rules"
}

kubectl --namespace kube-system patch daemonset kube-router --type merge --patch '{"spec": {"template": {"spec": {"affinity": {"nodeAffinity": {
	"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [
	{"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["'"$worker"'"]}]}]}}}}}}}' >/dev/null
await 120 "no kube-router on $worker" gone
unfilter
await 10 "no policy rules on $worker" unfiltered
kubectl --namespace kube-system rollout status daemonset kube-router --timeout 120s >/dev/null
