# Sourced by apply.sh and revert.sh.
# shellcheck shell=bash

mapfile -t nodes < <(kubectl get nodes --output jsonpath='{range .items[*]}{.metadata.name} {.status.addresses[?(@.type=="InternalIP")].address} {.spec.podCIDR}{"\n"}{end}')

# leaves_by DEVICE: so do packets of every node to every other one and to its pods.
leaves_by() {
	local node other name address range
	for node in "${nodes[@]}"; do
		for other in "${nodes[@]}"; do
			read -r name address range <<<"$other"
			if [ "$name" = "${node%% *}" ]; then continue; fi
			docker exec "${node%% *}" ip route get "$address" | grep " dev $1 " || return 1
			docker exec "${node%% *}" ip route get "${range%.*}.200" | grep " dev $1 " || return 1
		done
	done
}
