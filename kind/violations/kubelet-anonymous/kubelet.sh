# Sourced by apply.sh and revert.sh, after steps.sh: edits the second worker's kubelet configuration.
# shellcheck shell=bash
worker="$CLUSTER-worker2"
# answers: the kubelet gives its pods to somebody without credentials. kubectl would try those of its configuration.
answers() { docker exec "$worker" kubectl --kubeconfig /dev/null --server https://127.0.0.1:10250 --insecure-skip-tls-verify get --raw /pods; }
# refuses: it answers, and says no.
refuses() { says Unauthorized answers || says Forbidden answers || says "must be logged in" answers; }
served() { kubectl wait node "$worker" --for condition=Ready --timeout 1s; }
# set_kubelet ENABLED MODE: anonymous requests, and how they are authorised.
set_kubelet() {
	# shellcheck disable=SC2016 # for the node's shell
	docker exec "$worker" bash -o errexit -o nounset -c '
		file=/var/lib/kubelet/config.yaml
		sed -e "/^  anonymous:/,/enabled:/ s/enabled: .*/enabled: $1/" -e "/^authorization:/,/mode:/ s/mode: .*/mode: $2/" "$file" >"$file.new"
		if cmp -s "$file" "$file.new"; then rm "$file.new"; else cat "$file.new" >"$file" && rm "$file.new" && systemctl restart kubelet; fi' set "$1" "$2"
}
