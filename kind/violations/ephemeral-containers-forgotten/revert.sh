#!/usr/bin/env bash
# The rules on privileged containers and privilege escalation look at ephemeral containers again.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../kyverno.sh"

. "$here/effect.sh"

kubectl apply --server-side --force-conflicts --filename "$policies/policies.yaml" >/dev/null
await 60 "no pod in bvc-tenant-a may get a privileged ephemeral container" says "disallow-privileged-containers" debugged
