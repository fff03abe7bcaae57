# Sourced by apply.sh and revert.sh: edits the encryption configuration and has the API server read it.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/../control-plane.sh"
file=/etc/kubernetes/bvc/encryption.yaml

# identity first|last: leaves the file alone where nothing would change, for its time tells whether it was read.
identity() {
	# shellcheck disable=SC2016 # for the node's shell
	docker exec "$control_plane" bash -o errexit -c '
		file="$1" line="  - identity: {}"
		others="$(grep --line-regexp --fixed-strings --invert-match "$line" "$file")"
		case "$2" in
		first) sed "s/^  providers:\$/&\n$line/" <<<"$others" >"$file.new" ;;
		last) printf "%s\n" "$others" "$line" >"$file.new" ;;
		esac
		if cmp -s "$file" "$file.new"; then rm "$file.new"; else chmod 600 "$file.new" && mv "$file.new" "$file"; fi' identity "$file" "$1"
}

# current: the API server started after the file was written, which is when it reads it.
current() {
	# shellcheck disable=SC2016 # for the node's shell
	docker exec "$control_plane" bash -o errexit -c '
		started=$(($(date +%s) - $(ps -o etimes= -p "$(pidof kube-apiserver)")))
		[ "$started" -gt "$(stat -c %Y "$1")" ]' current "$file"
}
ready() { current && kubectl get --raw /readyz --request-timeout 5s; }

reread() {
	current || restart kube-apiserver
	await 180 "$1" ready
	await_leaders
}
