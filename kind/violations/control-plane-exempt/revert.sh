#!/usr/bin/env bash
# What control planes and other nodes send each other is encrypted again.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/exempt.sh"

each_way encrypted_to
await 10 "control planes and others send each other everything through WireGuard" leave_by wg0
