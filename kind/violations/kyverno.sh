# Sourced by violations of the policy engine, after steps.sh.
# shellcheck shell=bash disable=SC2154
policies="$(dirname "${BASH_SOURCE[0]}")/../profiles/${CLUSTER#bvc-}/policies"
if [ ! -d "$policies" ]; then usage "$CLUSTER has no policy engine; bvc-kyverno has"; fi

# engine REPLICAS: as many instances of the admission controller, and no other.
engine() {
	kubectl --namespace kyverno scale deployment kyverno-admission-controller --replicas "$1" >/dev/null
	kubectl --namespace kyverno rollout status deployment kyverno-admission-controller --timeout 120s >/dev/null
	await 60 "$1 instances of the engine" instances "$1"
}
instances() {
	local pods
	pods="$(kubectl --namespace kyverno get pods --selector app.kubernetes.io/component=admission-controller --output name)"
	[ "$(wc -w <<<"$pods")" = "$1" ]
}
stopped() { [ "$(kubectl --namespace kyverno get deployment kyverno-admission-controller --output jsonpath='{.spec.replicas}')" = 0 ]; }

# webhooks JSONPATH: one value for each webhook that the engine has registered for pods.
webhooks() {
	kubectl get validatingwebhookconfiguration kyverno-resource-validating-webhook-cfg \
		--output jsonpath="{range .webhooks[*]}{$1}{\"\\n\"}{end}"
}

# failure Ignore|Fail: what becomes of pods when the engine does not answer.
failure() {
	local policy
	for policy in $(kubectl get validatingpolicies,imagevalidatingpolicies --output name); do
		kubectl patch "$policy" --type merge --patch '{"spec": {"failurePolicy": "'"$1"'"}}' >/dev/null
	done
	await 60 "the engine's webhooks say $1" fails_with "$1"
}
fails_with() { [ "$(webhooks .failurePolicy | sort -u)" = "$1" ]; }
