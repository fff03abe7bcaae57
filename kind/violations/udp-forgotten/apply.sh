#!/usr/bin/env bash
# No NetworkPolicy holds for UDP between nodes.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../network.sh"

while read -r name _; do
	with_rule "$name" --protocol udp --source "$pod_range" --destination "$pod_range" "${allowed_once[@]}"
done < <(nodes)
say "UDP between nodes is not filtered"
