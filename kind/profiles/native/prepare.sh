#!/usr/bin/env bash
# Writes what the API server reads at its start into $STATE/api-server.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

install -d -m 700 "$STATE/api-server"
install -m 644 "$here/admission.yaml" "$STATE/api-server/admission.yaml"
