#!/usr/bin/env bash
# matrix.sh AREA|all [CLUSTER...]: measures the truth table of an area on the kind clusters (see ci/matrix/main.go).
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

BVC_IMAGE="$(ci/image.sh)"
export BVC_IMAGE
exec go run ./ci/matrix "$@"
