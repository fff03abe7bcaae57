# Sourced by apply.sh and revert.sh, after steps.sh: edits the second worker's kubelet configuration.
# shellcheck shell=bash
worker="$CLUSTER-worker2"
# asked CODE: the kubelet answers somebody without credentials so. kubectl would ask for a name and a password.
asked() {
	# shellcheck disable=SC2016 # for the node's shell
	docker exec "$worker" bash -c '
		said="$(printf "GET /pods HTTP/1.0\r\nHost: kubelet\r\n\r\n" | timeout 5 openssl s_client -quiet -connect 127.0.0.1:10250 2>/dev/null | head -n 1)"
		echo "$said"
		[[ "$said" == *" $1 "* ]]' asked "$1"
}
served() { kubectl wait node "$worker" --for condition=Ready --timeout 1s; }
# set_kubelet ENABLED MODE: anonymous requests, and how they are authorised.
set_kubelet() {
	# shellcheck disable=SC2016 # for the node's shell
	docker exec "$worker" bash -o errexit -o nounset -c '
		file=/var/lib/kubelet/config.yaml
		sed -e "/^  anonymous:/,/enabled:/ s/enabled: .*/enabled: $1/" -e "/^authorization:/,/mode:/ s/mode: .*/mode: $2/" "$file" >"$file.new"
		if cmp -s "$file" "$file.new"; then rm "$file.new"; else cat "$file.new" >"$file" && rm "$file.new" && systemctl restart kubelet; fi' set "$1" "$2"
}
