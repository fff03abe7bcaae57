# Sourced by violations of what runs on the control-plane node, after steps.sh.
# shellcheck shell=bash
control_plane="$CLUSTER-control-plane"

# led: controller manager and scheduler have renewed their leases since $since; they end when they can not, and come
# back after a delay.
led() {
	local lease renewed
	for lease in kube-controller-manager kube-scheduler; do
		renewed="$(kubectl --namespace kube-system get lease "$lease" --output 'jsonpath={.spec.renewTime}')"
		[[ "$renewed" > "$since" ]] || return 1
	done
}
await_leaders() {
	since="$(date --utc +%FT%T)"
	await 300 "controller manager and scheduler work again" led
}

# restart PROGRAM [SED-OPTION...]: changes the program's manifest and has it start anew. The kubelet delays each restart
# of a container more; with another annotation it is a new pod to it, which starts at once. Its orderly end would wait
# up to a minute for open watches.
restart() {
	# shellcheck disable=SC2016 # for the node's shell
	docker exec "$control_plane" bash -o errexit -c '
		program="$1" manifest="/etc/kubernetes/manifests/$1.yaml" copy="/etc/kubernetes/$1.yaml.new"
		shift
		grep --quiet "^  annotations:\$" "$manifest" || sed -i "s/^metadata:\$/&\n  annotations:/" "$manifest"
		sed -e "/^    bvc-configuration-read:/d" -e "s/^  annotations:\$/&\n    bvc-configuration-read: \"$(date +%s)\"/" "$@" "$manifest" >"$copy"
		mv "$copy" "$manifest"
		pkill --signal KILL --full "^$program "' restart "$@"
}

# flagged PROGRAM FLAG: its manifest has the flag.
flagged() { docker exec "$control_plane" grep --quiet --fixed-strings --line-regexp -- "    - $2" "/etc/kubernetes/manifests/$1.yaml"; }

# takes NODE ADDRESS VERSION: a server takes nothing but that version of TLS ("tls1"), as seen from the node.
takes() {
	docker exec "$1" timeout 5 openssl s_client -connect "$2" "-$3" -cipher 'ALL:@SECLEVEL=0' </dev/null
}
takes_no() { ! takes "$@"; }
