# Sourced by apply.sh and revert.sh.
# shellcheck shell=bash

role=node-role.kubernetes.io/control-plane
# those SELECTOR: names and addresses of nodes.
those() {
	kubectl get nodes --selector "$1" --output jsonpath='{range .items[*]}{.metadata.name} {.status.addresses[?(@.type=="InternalIP")].address}{"\n"}{end}'
}
mapfile -t control_planes < <(those "$role")
mapfile -t others < <(those "!$role")

# each_way DO: does it with every node of the one kind and the address of every one of the other, both ways.
each_way() {
	local one other
	for one in "${control_planes[@]}"; do
		for other in "${others[@]}"; do
			"$@" "${one%% *}" "${other##* }" || return 1
			"$@" "${other%% *}" "${one##* }" || return 1
		done
	done
}
# Before the rule by which wireguard.sh takes what is not yet encrypted.
before=90
has_plain_to() { docker exec "$1" ip rule list priority "$before" | grep --quiet --fixed-strings "to $2 "; }
plain_to() { has_plain_to "$@" || docker exec "$1" ip rule add to "$2" table main priority "$before"; }
encrypted_to() { ! has_plain_to "$@" || docker exec "$1" ip rule del to "$2" table main priority "$before"; }
goes_by() { docker exec "$2" ip route get "$3" | grep " dev $1 "; }
leave_by() { each_way goes_by "$1"; }
