#!/usr/bin/env bash
# New Secrets are encrypted again: "identity" comes last among the encryption providers.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/restart.sh"

# shellcheck disable=SC2016 # sed's $ is the last line
edit -e '/^  - identity: {}$/d' -e '$a\  - identity: {}'
reread "the API server encrypts Secrets"
