#!/usr/bin/env bash
# Pods reach each other.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../network.sh"

while read -r name _; do
	for protocol in tcp udp; do
		without_rule "$name" --source "$pod_range" --destination "$pod_range" --protocol "$protocol" --match multiport ! --ports 53,8080 --jump DROP
	done
done < <(nodes)
say "pods reach each other"
