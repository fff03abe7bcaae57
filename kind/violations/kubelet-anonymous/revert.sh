#!/usr/bin/env bash
# The kubelet of the second worker wants credentials.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/kubelet.sh"

set_kubelet false Webhook
await 60 "the kubelet of $worker refuses who has no credentials" asked 401
await 60 "$worker is ready" served
