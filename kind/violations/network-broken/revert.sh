#!/usr/bin/env bash
# Pods reach each other.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../network.sh"

while read -r name _; do
	without_rule "$name" --source "$pod_range" --destination "$pod_range" --jump DROP
done < <(nodes)
say "pods reach each other"
