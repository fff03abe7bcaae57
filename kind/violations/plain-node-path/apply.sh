#!/usr/bin/env bash
# What nodes and their pods send each other goes in clear: the way through WireGuard's device is gone, the plain routes
# are what is left. The device itself stays.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../../wireguard/path.sh"
. "$here/path.sh"

for node in "${nodes[@]}"; do plain_path "${node%% *}"; done
await 10 "nodes send each other everything in clear" leaves_by eth0
