# Sourced by apply.sh and revert.sh: edits the encryption configuration and has the API server read it.
# shellcheck shell=bash
control_plane="$CLUSTER-control-plane"
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
# led: both have renewed their lease since; they end when they can not, and come back after a delay.
led() {
	local lease renewed
	for lease in kube-controller-manager kube-scheduler; do
		renewed="$(kubectl --namespace kube-system get lease "$lease" --output 'jsonpath={.spec.renewTime}')"
		[[ "$renewed" > "$since" ]] || return 1
	done
}
ready() { current && kubectl get --raw /readyz --request-timeout 5s; }

# The kubelet delays each restart of a container more; with another annotation it is a new pod to it, which starts at
# once. Its orderly end would wait up to a minute for open watches.
reread() {
	# shellcheck disable=SC2016 # for the node's shell
	current || docker exec "$control_plane" bash -o errexit -c '
		manifest=/etc/kubernetes/manifests/kube-apiserver.yaml copy=/etc/kubernetes/kube-apiserver.yaml.new
		sed -e "/^    bvc-configuration-read:/d" -e "s/^  annotations:\$/&\n    bvc-configuration-read: \"$(date +%s)\"/" "$manifest" >"$copy"
		mv "$copy" "$manifest"
		pkill --signal KILL --exact kube-apiserver'
	await 180 "$1" ready
	since="$(date --utc +%FT%T)"
	await 300 "controller manager and scheduler work again" led
}
