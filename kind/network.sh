#!/usr/bin/env bash
# network.sh CLUSTER POD_RANGE MTU: connects the pods of all nodes by plain routing, which filters nothing: an address
# range per node, a route to every other node's range. Run again after nodes were restarted: routes do not survive that.
set -o errexit -o nounset -o pipefail
cluster="$1" pods="$2" mtu="$3"

kubectl() { docker exec "$cluster-control-plane" kubectl --kubeconfig /etc/kubernetes/admin.conf "$@"; }
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
			    {"type": "ptp", "mtu": $mtu, "ipam": {"type": "host-local", "ranges": [[{"subnet": "$range"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
			    {"type": "portmap", "capabilities": {"portMappings": true}}
			  ]
			}
			CNI
			mv /etc/cni/net.d/.new /etc/cni/net.d/10-pods.conflist
			leaving="POSTROUTING --source $range ! --destination $pods --match comment --comment bvc-pods-leave --jump MASQUERADE"
			iptables --table nat --check \$leaving 2>/dev/null || iptables --table nat --append \$leaving
		END
		for other in "${nodes[@]}"; do
			read -r other_name address other_range <<<"$other"
			if [ "$other_name" != "$name" ]; then echo "ip route replace $other_range via $address dev eth0"; fi
		done
	} | docker exec --interactive "$name" bash -o errexit -o nounset
done
