# Sourced by violations of the policy engine, after steps.sh.
# shellcheck shell=bash disable=SC2154
policies="$(dirname "${BASH_SOURCE[0]}")/../profiles/${CLUSTER#bvc-}/policies"
if [ ! -d "$policies" ]; then usage "$CLUSTER has no policy engine; bvc-kyverno has"; fi

# down: the admission controller finds no node to run on. Scaled to nothing it would take its webhooks with it.
down() {
	kubectl --namespace kyverno patch deployment kyverno-admission-controller --type merge --patch '{"spec": {
		"strategy": {"type": "Recreate", "rollingUpdate": null}, "template": {"spec": {"nodeSelector": {"bvc.invalid/violation": "none"}}}}}' >/dev/null
	await 60 "the engine is down" is_down
}
up() {
	kubectl --namespace kyverno patch deployment kyverno-admission-controller --type merge --patch '{"spec": {
		"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": "40%"}}, "template": {"spec": {"nodeSelector": {"bvc.invalid/violation": null}}}}}' >/dev/null
	kubectl --namespace kyverno rollout status deployment kyverno-admission-controller --timeout 120s >/dev/null
	# Ready a little before the API server reaches it. It is asked about changes of its policies.
	await 30 "the engine is up" kubectl label validatingpolicies,imagevalidatingpolicies --all --overwrite --dry-run=server bvc.invalid/asked=yes
}
is_down() {
	local phases
	phases="$(kubectl --namespace kyverno get pods --selector app.kubernetes.io/component=admission-controller --output jsonpath='{.items[*].status.phase}')"
	[ "$phases" = Pending ]
}

# webhooks JSONPATH: one value for each webhook that the engine has registered for pods.
webhooks() {
	kubectl get validatingwebhookconfiguration kyverno-resource-validating-webhook-cfg \
		--output jsonpath="{range .webhooks[*]}{$1}{\"\\n\"}{end}"
}

# failure Ignore|Fail: what becomes of pods when the engine does not answer.
failure() {
	local all
	mapfile -t all < <(kubectl get validatingpolicies,imagevalidatingpolicies --output name)
	kubectl patch "${all[@]}" --type merge --patch '{"spec": {"failurePolicy": "'"$1"'"}}' >/dev/null
	await 60 "the engine's webhooks say $1" fails_with "$1"
}
fails_with() { [ "$(webhooks .failurePolicy | sort -u)" = "$1" ]; }
