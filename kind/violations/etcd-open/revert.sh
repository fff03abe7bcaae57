#!/usr/bin/env bash
# Pods do not reach etcd.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../host-firewall.sh"

for name in $(all_nodes); do
	while opening "$name" -D 2379 2>/dev/null; do :; done
done
say "pods do not reach etcd"
