#!/usr/bin/env bash
# NetworkPolicies hold for what leaves a pod.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../network.sh"

while read -r name range; do
	without_rule "$name" --source "$range" ! --destination "$range" "${allowed_once[@]}"
done < <(nodes)
say "outgoing traffic between nodes is filtered"
