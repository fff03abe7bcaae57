# Sourced by apply.sh and revert.sh: edits the encryption configuration and has the API server read it.
# shellcheck shell=bash
control_plane="$CLUSTER-control-plane"
file=/etc/kubernetes/bvc/encryption.yaml

# edit SED_ARGUMENTS: leaves the file alone where nothing would change, for its time tells whether it was read.
edit() {
	docker exec "$control_plane" bash -o errexit -c '
		file="$1" && shift
		sed "$@" "$file" >"$file.new"
		if cmp -s "$file" "$file.new"; then rm "$file.new"; else chmod 600 "$file.new" && mv "$file.new" "$file"; fi' edit "$file" "$@"
}

# current: the API server started after the file was written, which is when it reads it.
current() {
	# shellcheck disable=SC2016 # for the node's shell
	docker exec "$control_plane" bash -o errexit -c '
		started=$(($(date +%s) - $(ps -o etimes= -p "$(pidof kube-apiserver)")))
		[ "$started" -gt "$(stat -c %Y "$1")" ]' current "$file"
}
ready() { current && kubectl get --raw /readyz --request-timeout 5s; }

# The kubelet starts it again at once, the second and third time within ten minutes after 10 and 20 s.
reread() {
	current || docker exec "$control_plane" pkill --exact kube-apiserver
	await 180 "$1" ready
}
