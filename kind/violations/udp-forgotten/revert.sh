#!/usr/bin/env bash
# NetworkPolicies hold for UDP.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../network.sh"

while read -r name _; do
	without_rule "$name" --protocol udp --source "$pod_range" --destination "$pod_range" "${allowed_once[@]}"
done < <(nodes)
say "UDP between nodes is filtered"
