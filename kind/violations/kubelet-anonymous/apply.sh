#!/usr/bin/env bash
# The kubelet of the second worker answers everybody, whoever reaches it.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/kubelet.sh"

set_kubelet true AlwaysAllow
await 60 "the kubelet of $worker answers without credentials" asked 200
await 60 "$worker is ready" served
