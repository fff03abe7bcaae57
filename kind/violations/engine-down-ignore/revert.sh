#!/usr/bin/env bash
# The policy engine is back, and nothing is admitted without it.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../kyverno.sh"

up
failure Fail
await 30 "bvc-tenant-a refuses a privileged pod" says "disallow-privileged-containers" admitted "$here/pod.yaml"
