# Sourced by apply.sh and revert.sh.
# shellcheck shell=bash disable=SC2154

node_range="$(docker network inspect kind --format '{{range .IPAM.Config}}{{println .Subnet}}{{end}}' | grep --fixed-strings .)"
# Programs of bvc in the network of their node, but for the sniffers, which only listen.
bvc=(--match owner --uid-owner 65532)
api_server="$(kubectl get service kubernetes --output jsonpath='{.spec.clusterIP}')"
# Each pod may open so many connections to the API server: enough for the run itself.
few=(--match hashlimit --hashlimit-name bvc-violation --hashlimit-mode srcip --hashlimit-above 1/hour --hashlimit-burst 12 --hashlimit-htable-expire 3600000)
# Left besides are DNS and the registry, without which the policy engine would admit no pod, and Sonobuoy's results.
each_cut() {
	local protocol name
	while read -r name _; do
		for protocol in tcp udp; do
			"$1" "$name" FORWARD --source "$pod_range" --destination "$pod_range" --protocol "$protocol" --match multiport ! --ports 53,8080 --jump DROP
			"$1" "$name" PREROUTING --source "$pod_range" --destination "$node_range" --match conntrack --ctstate NEW --protocol "$protocol" \
				--match multiport ! --dports 53,5000 --jump DROP
		done
		"$1" "$name" PREROUTING --source "$pod_range" --destination "$api_server" --protocol tcp --match conntrack --ctstate NEW "${few[@]}" --jump DROP
		"$1" "$name" OUTPUT "${bvc[@]}" --jump DROP
	done < <(nodes)
}
