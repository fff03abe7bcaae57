#!/usr/bin/env bash
# The nodes' firewall lets pods through to etcd. It still wants client certificates.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../host-firewall.sh"

for name in $(all_nodes); do
	opening "$name" -C 2379 2>/dev/null || opening "$name" -I 2379
done
say "pods reach etcd"
