#!/usr/bin/env bash
# network.sh CLUSTER: what goes over the plain routes between nodes is encrypted.
set -o errexit -o nounset -o pipefail
exec "$(dirname "${BASH_SOURCE[0]}")/../../wireguard.sh" "$1"
