#!/usr/bin/env bash
# Nothing gets from a pod to another pod, allowed or not.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../network.sh"

while read -r name _; do
	with_rule "$name" --source "$pod_range" --destination "$pod_range" --jump DROP
done < <(nodes)
say "pods are cut off from each other"
