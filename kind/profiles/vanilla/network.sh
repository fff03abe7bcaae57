#!/usr/bin/env bash
# Connects pods by plain routing, with nothing that could filter: an address range per node, a route to every
# other node's range. Run again after the nodes were restarted: routes do not survive that.
set -o errexit -o nounset -o pipefail

pods=10.244.0.0/16 # podSubnet of kind.yaml
kubectl() { docker exec "$CLUSTER-control-plane" kubectl --kubeconfig /etc/kubernetes/admin.conf "$@"; }
kubectl wait node --all --for 'jsonpath={.spec.podCIDR}' --timeout 60s >/dev/null
mapfile -t nodes < <(kubectl get nodes --output \
	jsonpath='{range .items[*]}{.metadata.name} {.status.addresses[?(@.type=="InternalIP")].address} {.spec.podCIDR}{"\n"}{end}')

for node in "${nodes[@]}"; do
	read -r name _ range <<<"$node"
	{
		cat <<-END
			cat >/etc/cni/net.d/.new <<'CNI'
			{
			  "cniVersion": "0.4.0",
			  "name": "pods",
			  "plugins": [
			    {"type": "ptp", "ipam": {"type": "host-local", "ranges": [[{"subnet": "$range"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
			    {"type": "portmap", "capabilities": {"portMappings": true}}
			  ]
			}
			CNI
			mv /etc/cni/net.d/.new /etc/cni/net.d/10-pods.conflist
			rule="POSTROUTING -s $range ! -d $pods -m comment --comment bvc-pods-leave -j MASQUERADE"
			iptables -t nat -C \$rule 2>/dev/null || iptables -t nat -A \$rule
		END
		for other in "${nodes[@]}"; do
			read -r other_name address other_range <<<"$other"
			[ "$other_name" = "$name" ] || echo "ip route replace $other_range via $address"
		done
	} | docker exec --interactive "$name" bash -o errexit -o nounset
done
