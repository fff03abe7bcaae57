#!/usr/bin/env bash
# The policy engine is gone, and nothing is admitted without it.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../kyverno.sh"

down
await 30 "bvc-tenant-a refuses a pod that keeps every rule" says "failed calling webhook" admitted "$here/pod.yaml"
