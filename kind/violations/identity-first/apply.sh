#!/usr/bin/env bash
# New Secrets are stored in clear: "identity" comes first among the encryption providers.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/restart.sh"

identity first
reread "the API server writes Secrets in clear"
