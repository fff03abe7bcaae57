#!/usr/bin/env bash
# host-firewall.sh FILE: closes the ports of all nodes of $CLUSTER to pods, as the firewall of a data centre does; FILE has
# the TCP ports that stay open to them ("in PORT[:PORT] why") and those to which nodes themselves get no connection ("out PORT
# why"), one a line. What a pod sends to another node leaves under its own node's address, so
# both nodes filter: the pod's own on the way out, the target on the way in. Nodes among themselves, and what nodes send
# to pods, are not touched. Run again after nodes were restarted: rules do not survive that.
set -o errexit -o nounset -o pipefail
[ $# -eq 1 ] || { echo "usage: CLUSTER=bvc-... host-firewall.sh FILE" >&2; exit 3; }
kubectl() { docker exec "$CLUSTER-control-plane" kubectl --kubeconfig /etc/kubernetes/admin.conf "$@"; }

ports() { sed -nE "s/^$2 ([0-9:]+) .*/\\1/p" "$1"; }
mapfile -t open < <(ports "$1" in)
mapfile -t away < <(ports "$1" out)
mapfile -t nodes < <(kubectl get nodes --output jsonpath='{range .items[*]}{.metadata.name} {.status.addresses[?(@.type=="InternalIP")].address} {.spec.podCIDR}{"\n"}{end}')
for node in "${nodes[@]}"; do
	read -r name _ <<<"$node"
	{
		# In the table that packets come to before that of kube-router, and after a Service's address was replaced.
		echo "*mangle"
		echo ":BVC-HOST-FIREWALL - [0:0]"
		for port in "${open[@]}"; do echo "-A BVC-HOST-FIREWALL --protocol tcp --destination-port $port --jump RETURN"; done
		echo "-A BVC-HOST-FIREWALL --jump DROP"
		echo COMMIT
	} | docker exec --interactive "$name" bash -o errexit -c '
		# A chain that is there is kept, with what a violation put into it.
		iptables --wait --table mangle --numeric --list BVC-HOST-FIREWALL >/dev/null 2>&1 || iptables-restore --wait --noflush'
	# The pods' addresses are those of all nodes' ranges. What a pod only answers is no new connection; Docker's resolver
	# is reached by an address that becomes one of 127.0.0.0/8 on the way.
	{
		new="--match conntrack --ctstate NEW --jump"
		for port in "${away[@]}"; do echo "OUTPUT --protocol tcp --destination-port $port $new DROP"; done
		for other in "${nodes[@]}"; do
			read -r _ _ range <<<"$other"
			echo "INPUT --source $range ! --destination 127.0.0.0/8 --match addrtype --dst-type LOCAL $new BVC-HOST-FIREWALL"
			for each in "${nodes[@]}"; do
				read -r _ address _ <<<"$each"
				echo "FORWARD --source $range --destination $address $new BVC-HOST-FIREWALL"
			done
		done
	} | docker exec --interactive "$name" bash -o errexit -o nounset -c '
		while read -r chain rule; do
			iptables --wait --table mangle --check $chain $rule 2>/dev/null || iptables --wait --table mangle --append $chain $rule
		done'
done
