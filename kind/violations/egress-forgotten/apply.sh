#!/usr/bin/env bash
# No NetworkPolicy holds for what leaves a pod towards another node; what comes in is filtered as before.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../network.sh"

while read -r name range; do
	with_rule "$name" --source "$range" ! --destination "$range" "${allowed_once[@]}"
done < <(nodes)
say "outgoing traffic between nodes is not filtered"
