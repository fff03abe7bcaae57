#!/usr/bin/env bash
# NetworkPolicies hold between pods of one node.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../network.sh"

while read -r name range; do
	docker exec --interactive "$name" bash -o errexit -o nounset <<END
systemctl stop bvc-violation 2>/dev/null || true
while iptables --wait --delete FORWARD --source $range --destination $range --match comment --comment bvc-violation --jump ACCEPT 2>/dev/null; do :; done
END
done < <(nodes)
say "pods of one node are filtered"
