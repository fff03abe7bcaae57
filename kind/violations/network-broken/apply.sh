#!/usr/bin/env bash
# Nothing gets from a pod to another pod, allowed or not, but for DNS, without which the policy engine would admit no pod,
# and Sonobuoy's results.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../network.sh"

while read -r name _; do
	for protocol in tcp udp; do
		with_rule "$name" --source "$pod_range" --destination "$pod_range" --protocol "$protocol" --match multiport ! --ports 53,8080 --jump DROP
	done
done < <(nodes)
say "pods are cut off from each other"
