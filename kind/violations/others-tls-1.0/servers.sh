# Sourced by apply.sh and revert.sh, after steps.sh and control-plane.sh: the kubelet of the second worker, the controller
# manager, and a webhook that is called for nothing.
# shellcheck shell=bash disable=SC2154,SC2034
worker="$CLUSTER-worker2"
port=9444
# set_kubelet LINE: its least version of TLS; empty for the kubelet's own.
set_kubelet() {
	# shellcheck disable=SC2016 # for the node's shell
	docker exec "$worker" bash -o errexit -o nounset -c '
		file=/var/lib/kubelet/config.yaml
		{ sed "/^tlsMinVersion:/d" "$file" && echo "$1"; } | sed "/^\$/d" >"$file.new"
		if cmp -s "$file" "$file.new"; then rm "$file.new"; else cat "$file.new" >"$file" && rm "$file.new" && systemctl restart kubelet; fi' set "$1"
}
served() { kubectl wait node "$worker" --for condition=Ready --timeout 1s; }
address() { kubectl get node "$control_plane" --output 'jsonpath={.status.addresses[?(@.type=="InternalIP")].address}'; }
