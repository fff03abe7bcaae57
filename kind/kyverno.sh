#!/usr/bin/env bash
# kyverno.sh up FILE...    puts Kyverno into $CLUSTER with the policies of the files, and waits until they hold
# kyverno.sh add FILE...   adds policies to Kyverno, and waits until all hold
# kyverno.sh wait          waits until Kyverno serves and all policies that are there hold
# Kyverno's admission controller only: nothing here needs reports, generated objects or clean-up.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
node="$here/node"
. "$here/cache.sh"
. "$here/node/programs.sh"
. "$here/node/images.sh"
kubectl() { docker exec --interactive "$CLUSTER-control-plane" kubectl --kubeconfig /etc/kubernetes/admin.conf "$@"; }
apply() { kubectl apply --server-side --force-conflicts --filename - >/dev/null; }

# build_kyverno_install FOLDER: Kyverno's own manifest, from its module, less the other controllers and the init
# container, which removes reports of older versions. It tells sooner that it is ready; its own certificate has an elliptic key. ReplicaSets, which Kyverno
# passes over as it comes, are looked at like other controllers.
build_kyverno_install() {
	local module
	module="$(cd "$node/kyverno" && GOWORK=off go list -f '{{.Module.Dir}}' github.com/kyverno/kyverno/cmd/kyverno)"
	awk 'BEGIN { RS = "---\n"; ORS = "" } !/\n  name: kyverno[-:](background|cleanup|reports|rbac)[-:]/ { print "---\n" $0 }' "$module/config/install-latest-testing.yaml" |
		sed -e '/^      initContainers:/,/^      containers:/{/^      containers:/!d}' \
			-e '/^    \[ReplicaSet/d' \
			-e 's|image: "reg.kyverno.io/kyverno/kyverno:.*"|image: KYVERNO_IMAGE|; s|imagePullPolicy: .*|imagePullPolicy: Always|' \
			-e 's|--admissionReports=true|--admissionReports=false|; s|- --webhookServerPort=|- --tlsKeyAlgorithm=ECDSA\n            &|' \
			-e '/^          startupProbe:/,/^          livenessProbe:/{s|failureThreshold: .*|failureThreshold: 120|;s|periodSeconds: .*|periodSeconds: 1|}' \
			-e '/^          readinessProbe:/,/^          volumeMounts:/{s|initialDelaySeconds: .*|initialDelaySeconds: 0|;s|periodSeconds: .*|periodSeconds: 1|}' \
			>"$1/install.yaml"
}

# image: puts it into the registry. Nodes get it from there, as from any registry: the other rules on pods hold for it too.
image() {
	local program name registry
	program="$(program kyverno "$node/kyverno" build_kyverno)"
	name="kyverno:$(version_of "$node/kyverno" github.com/kyverno/kyverno)-${program##*-}"
	registry="$("$here/registry.sh")"
	docker image inspect "$registry/$name" >/dev/null 2>&1 || put_image "$registry/$name" scratch "$program/kyverno"
	docker push --quiet "$registry/$name" >/dev/null
	printf 'bvc-registry:5000/%s\n' "$name"
}

# wait_for_kinds waits until the API serves Kyverno's policies. kubectl wait gives up on an object that has no conditions yet.
wait_for_kinds() {
	local established
	for _ in $(seq 120); do
		established="$(kubectl get --output 'jsonpath={range .items[*]}{.status.conditions[?(@.type=="Established")].status} {end}' \
			customresourcedefinition validatingpolicies.policies.kyverno.io imagevalidatingpolicies.policies.kyverno.io)" || true
		[ "$established" != "True True " ] || return 0
		sleep 0.5
	done
	say "the API server does not serve Kyverno's policies"
	return 1
}

# held: each policy is part of a webhook that the API server calls.
held() {
	local paths name
	paths="$(kubectl get validatingwebhookconfiguration kyverno-resource-validating-webhook-cfg --output jsonpath='{range .webhooks[*]}{.clientConfig.service.path}/{"\n"}{end}' 2>/dev/null)" || return 1
	for name in $(kubectl get validatingpolicies,imagevalidatingpolicies --output jsonpath='{.items[*].metadata.name}'); do
		[[ "$paths" == */"$name"/* ]] || return 1
	done
}

# answers: the API server reaches Kyverno, which is a little later than it is ready. It is asked about changes of its policies.
answers() { kubectl label validatingpolicies,imagevalidatingpolicies --all --overwrite --dry-run=server bvc.invalid/asked=yes; } >/dev/null 2>&1

wait_for_policies() {
	kubectl --namespace kyverno rollout status deployment/kyverno-admission-controller --timeout 120s >/dev/null
	for _ in $(seq 120); do
		held && answers && return
		sleep 0.5
	done
	say "Kyverno has not taken up all policies:"
	kubectl get validatingpolicies,imagevalidatingpolicies >&2
	return 1
}

add() {
	local key policy attempt said
	said="$(mktemp)"
	# shellcheck disable=SC2064 # now
	trap "rm -f '$said'" EXIT
	key="$(sed ':a;N;$!ba;s/\n/\\\\n/g' "$("$here/signing-key.sh")/public.pem")"
	for policy in "$@"; do
		# Kyverno is asked about its policies, and ready a little before the API server reaches it.
		for attempt in $(seq 20); do
			sed "s|PUBLIC_KEY|$key|" "$policy" | apply 2>"$said" && break
			if [ "$attempt" = 20 ]; then cat "$said" >&2 && return 1; fi
			sleep 0.5
		done
	done
}

action="${1:-}"
[ $# -eq 0 ] || shift
case "$action" in
up)
	install="$(artefact kyverno-install build_kyverno_install "$node/kyverno/go.mod")"
	image="$(image)"
	sed "s|KYVERNO_IMAGE|$image|" "$install/install.yaml" | apply
	wait_for_kinds
	# It refuses policies until it serves.
	kubectl --namespace kyverno rollout status deployment/kyverno-admission-controller --timeout 180s >/dev/null
	add "$@"
	wait_for_policies
	;;
add)
	add "$@"
	wait_for_policies
	;;
wait)
	# A cluster with a violation is kept as it is (violations/kyverno.sh).
	if [ -n "$(kubectl --namespace kyverno get deployment kyverno-admission-controller --output jsonpath='{.spec.template.spec.nodeSelector.bvc\.invalid/violation}')" ]; then
		say "a violation keeps Kyverno down"
	else
		wait_for_policies
	fi
	;;
*)
	usage "usage: CLUSTER=bvc-... kyverno.sh up FILE... | add FILE... | wait"
	;;
esac
