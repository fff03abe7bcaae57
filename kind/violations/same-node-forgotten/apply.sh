#!/usr/bin/env bash
# No NetworkPolicy holds between pods of one node. kube-router puts its rule first again whenever it writes rules, so the
# one that lets pass is put before it as often.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../network.sh"

first() { docker exec "$1" bash -c 'iptables --wait --list-rules FORWARD | sed -n 2p | grep bvc-violation'; }

while read -r name range; do
	docker exec --interactive "$name" bash -o errexit -o nounset <<-END
		cat >/run/bvc-violation <<'SCRIPT'
		while sleep 0.1; do
			iptables --wait --list-rules FORWARD | sed -n 2p | grep -q bvc-violation ||
				iptables --wait --insert FORWARD --source $range --destination $range --match comment --comment bvc-violation --jump ACCEPT
		done
		SCRIPT
		systemctl stop bvc-violation 2>/dev/null || true
		systemd-run --quiet --unit bvc-violation --collect bash /run/bvc-violation
	END
	await 10 "nothing is filtered between pods of $name" first "$name"
done < <(nodes)
