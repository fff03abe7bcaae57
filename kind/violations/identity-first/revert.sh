#!/usr/bin/env bash
# New Secrets are encrypted again: "identity" comes last among the encryption providers.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/restart.sh"

identity last
reread "the API server encrypts Secrets"
