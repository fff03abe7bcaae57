#!/usr/bin/env bash
# What control planes and other nodes send each other goes in clear, as where a network exempts control planes; between
# all other nodes it is encrypted.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/exempt.sh"

each_way plain_to
await 10 "control planes and others send each other everything in clear" leave_by eth0
