#!/usr/bin/env bash
# What nodes and their pods send each other is encrypted again.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../../wireguard/path.sh"
. "$here/path.sh"

for node in "${nodes[@]}"; do encrypted_path "${node%% *}"; done
await 10 "nodes send each other everything through WireGuard" leaves_by wg0
