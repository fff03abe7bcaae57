#!/usr/bin/env bash
# cluster.sh up PROFILE [K8S_VERSION]   makes the cluster bvc-PROFILE, or keeps the one that fits; prints its kubeconfig
# cluster.sh down [PROFILE]             removes it, or all of them
# NODE_IMAGE names a published node image to use instead of our own.
set -o errexit -o nounset -o pipefail
shopt -s nullglob
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
node="$here/node"
. "$here/cache.sh"
. "$here/node/programs.sh"

profiles() { (cd "$here/profiles" && printf '%s\n' *); }
build_kind() { go_build "$here/tools" sigs.k8s.io/kind "$1/kind"; }
kind() { "$(artefact kind build_kind "$here/tools")/kind" "$@"; }
nodes() { docker ps --all --quiet --filter "label=io.x-k8s.kind.cluster=$cluster" "$@"; }
kubectl() { docker exec --interactive "$cluster-control-plane" kubectl --kubeconfig /etc/kubernetes/admin.conf "$@"; }

choose() {
	profile="$1"
	if [ -z "$profile" ] || [ ! -f "$here/profiles/$profile/kind.yaml" ]; then usage "PROFILE=$profile is not known; choose one of: $(profiles | xargs)"; fi
	cluster="bvc-$profile"
	state="$BVC_CACHE/clusters/$cluster"
	export CLUSTER="$cluster" STATE="$state"
	mkdir -p "$BVC_CACHE/clusters"
	exec {lock}>"$BVC_CACHE/clusters/.$cluster.lock"
	flock "$lock"
}

remove() {
	[ -z "$(nodes)" ] || kind delete cluster --name "$cluster" --kubeconfig /dev/null >&2
	rm -rf "$state"
}

# engine: the profile has policies for Kyverno.
engine() { [ -d "$here/profiles/$profile/policies" ]; }

# network: plain routes, and what the profile puts over them (its network.sh). What encrypts makes packets longer.
network() {
	local pods own="$here/profiles/$profile/network.sh" mtu=1500
	pods="$(sed -n 's/^ *podSubnet: //p' "$here/profiles/$profile/kind.yaml")"
	if [ -x "$own" ]; then . "$here/wireguard/path.sh"; fi
	"$here/network.sh" "$cluster" "$pods" "$mtu"
	if [ -x "$own" ]; then "$own" "$cluster"; fi
}
# firewall: the profile says which ports of its nodes pods may reach.
firewall() { [ ! -f "$here/profiles/$profile/host-firewall" ] || "$here/host-firewall.sh" "$here/profiles/$profile/host-firewall"; }

# connected: the nodes are ready and Services work on each. kube-proxy has no readiness probe, so it is asked.
connected() {
	kubectl wait node --all --for condition=Ready --timeout 120s >/dev/null || return 1
	local name
	for name in $(<"$state/nodes"); do
		# shellcheck disable=SC2016 # for the node's shell
		docker exec "$name" bash -c 'for _ in $(seq 120); do
			(
				exec 3<>/dev/tcp/127.0.0.1/10256 && printf "GET /healthz HTTP/1.0\r\n\r\n" >&3 &&
					read -r line <&3 && [[ "$line" == *" 200 "* ]]
			) 2>/dev/null && exit
			sleep 0.5
		done
		echo "kube-proxy does not serve on $HOSTNAME" >&2
		exit 1' || return 1
	done
}

# complete: what every pod needs is there.
complete() {
	kubectl --namespace kube-system rollout status daemonset --selector k8s-app --timeout 120s >/dev/null &&
		kubectl --namespace kube-system rollout status deployment/coredns --timeout 120s >/dev/null &&
		kubectl --namespace local-path-storage rollout status deployment/local-path-provisioner --timeout 120s >/dev/null &&
		{ ! engine || "$here/kyverno.sh" wait; }
}

# renew: new pods in place of those whose recorded state is from before the nodes were stopped.
renew() {
	kubectl --namespace kube-system rollout restart daemonset,deployment --selector 'k8s-app in (kube-dns,kube-router)' &&
		kubectl --namespace local-path-storage rollout restart deployment &&
		{ ! engine || kubectl --namespace kyverno rollout restart deployment; }
} >/dev/null

# usable: the cluster is the one that is wanted, and serves.
usable() {
	[ "$(cat "$state/definition" 2>/dev/null)" = "$definition" ] || return 1
	[ "$(nodes | wc -l)" = "$(wc -l <"$state/nodes")" ] || return 1
	local restarted=false
	if [ "$(nodes --filter status=running | wc -l)" != "$(wc -l <"$state/nodes")" ]; then
		# In the order of their addresses, so that each gets its own again.
		say "$cluster is stopped: starting it"
		xargs -n 1 docker start <"$state/nodes" >/dev/null || return 1
		restarted=true
	fi
	for _ in $(seq 60); do
		if kubectl get --raw /readyz --request-timeout 5s >/dev/null 2>&1; then
			network && firewall && connected && { ! $restarted || renew; } && complete
			return
		fi
		sleep 1
	done
	return 1
}

# bootstrapping: the kubelets ask the cluster for their serving certificates.
bootstrapping() { grep --quiet '^ *serverTLSBootstrap: true' "$here/profiles/$profile/kind.yaml"; }

# approve signs what the kubelets of the nodes asked for, and waits until each serves with it. Nobody else is there yet.
approve() {
	local name
	for name in $(<"$state/nodes"); do
		for _ in $(seq 120); do
			kubectl get --raw "/api/v1/nodes/$name/proxy/healthz" >/dev/null 2>&1 && continue 2
			kubectl get certificatesigningrequests --output 'jsonpath={range .items[?(@.spec.signerName=="kubernetes.io/kubelet-serving")]}{.metadata.name}{"\n"}{end}' |
				xargs --no-run-if-empty docker exec "$cluster-control-plane" kubectl --kubeconfig /etc/kubernetes/admin.conf certificate approve >/dev/null
			sleep 0.5
		done
		say "the kubelet of $name got no serving certificate"
		return 1
	done
}

create() {
	mkdir -p "$state"
	if [ -x "$here/profiles/$profile/prepare.sh" ]; then "$here/profiles/$profile/prepare.sh"; fi
	sed "s|STATE|$state|" "$here/profiles/$profile/kind.yaml" >"$state/kind.yaml"

	say "creating $cluster from $image"
	kind create cluster --name "$cluster" --image "$image" --config "$state/kind.yaml" --kubeconfig "$state/kubeconfig" >&2
	nodes | xargs docker inspect --format '{{(index .NetworkSettings.Networks "kind").IPAddress}} {{.Name}}' | sort -V | cut -d/ -f2 >"$state/nodes"
	if [ -n "${NODE_IMAGE:-}" ]; then complete_published_image; fi

	say "network and storage"
	network
	connected
	if bootstrapping; then approve; fi
	local manifests=("$here/profiles/$profile"/manifests/*.yaml)
	# A published image brings the same provisioner.
	if [ -z "${NODE_IMAGE:-}" ]; then manifests+=("$here"/manifests/*.yaml); fi
	for manifest in "${manifests[@]}"; do
		echo ---
		cat "$manifest"
	done |
		sed "s|KUBE_ROUTER_IMAGE|$(addon kube-router github.com/cloudnativelabs/kube-router/v2)|; s|LOCAL_PATH_IMAGE|$(addon local-path github.com/rancher/local-path-provisioner local-path-provisioner)|" |
		kubectl apply --filename - >/dev/null
	if engine; then
		say "policy engine"
		"$here/kyverno.sh" up "$here/profiles/$profile/policies"/*.yaml
	fi
	if [ -f "$here/profiles/$profile/default-deny.yaml" ]; then "$here/default-deny.sh" "$here/profiles/$profile/default-deny.yaml"; fi
	firewall
	say "waiting until all is ready"
	complete
	printf '%s\n' "$definition" >"$state/definition"
}

# addon MODULE PATH [NAME]: the image that node/addons.sh makes of it.
addon() { printf 'bvc.invalid/%s:%s' "${3:-$1}" "$(version_of "$node/$1" "$2")"; }

# complete_published_image adds what our own image has and a published one lacks.
complete_published_image() {
	local name addons
	mapfile -t addons < <("$node/addons.sh")
	for name in $(<"$state/nodes"); do
		docker save "${addons[@]}" | docker exec --interactive "$name" ctr --namespace k8s.io images import - >/dev/null
		docker cp "$node/files/etc/containerd/certs.d" "$name:/etc/containerd/"
	done
}

case "${1:-}" in
up)
	choose "${2:-}"
	minor="${3:-${K8S_VERSION:-$default_minor}}"
	check_minor "$minor"
	SECONDS=0
	"$here/engine.sh"
	image="${NODE_IMAGE:-$("$node/image.sh" "$minor")}"
	"$here/registry.sh" >/dev/null
	parts=("=$image" "$here/profiles/$profile" "$here/manifests" "$here/cluster.sh" "$here/network.sh" "$here/default-deny.sh")
	if [ -x "$here/profiles/$profile/network.sh" ]; then parts+=("$here/wireguard" "$here/wireguard.sh"); fi
	if engine; then parts+=("$here/kyverno.sh" "$here/node/kyverno" "$("$here/signing-key.sh")/public.pem"); fi
	if [ -f "$here/profiles/$profile/host-firewall" ]; then parts+=("$here/host-firewall.sh"); fi
	definition="$(hash_of "${parts[@]}")"
	if usable; then
		say "$cluster fits and is kept"
	else
		remove
		create
	fi
	# Another cache on this machine may have made it; the port that it got then is in the cluster's own kubeconfig.
	(umask 077 && kind get kubeconfig --name "$cluster" >"$state/kubeconfig.new")
	mv "$state/kubeconfig.new" "$state/kubeconfig"
	# The checkout that asks gets a copy of its own.
	target="$(dirname "$here")/.work/$profile"
	mkdir -p "$target"
	install -m 600 "$state/kubeconfig" "$target/kubeconfig"
	say "$cluster is ready, after $SECONDS s"
	printf '%s\n' "$target/kubeconfig"
	;;
down)
	# Without an engine there is no cluster.
	docker info >/dev/null 2>&1 || exit 0
	for name in ${2:-$(profiles)}; do
		choose "$name"
		remove
		say "$cluster is gone"
	done
	;;
*)
	usage "usage: cluster.sh up PROFILE [K8S_VERSION] | cluster.sh down [PROFILE]"
	;;
esac
