#!/usr/bin/env bash
# The rules on privileged containers and privilege escalation hold for what controllers create, and for their templates.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../kyverno.sh"

. "$here/effect.sh"

# Not by apply: what it did not set, it does not remove.
for policy in disallow-privileged-containers disallow-privilege-escalation; do
	kubectl patch validatingpolicy "$policy" --type merge --patch '{"spec": {"autogen": null, "matchConditions": null}}' >/dev/null
done
await 60 "bvc-tenant-a refuses a Deployment of privileged pods" says "disallow-privileged-containers" by_controller
await 30 "bvc-tenant-a refuses a privileged pod" says "disallow-privileged-containers" admitted "$here/pod.yaml"
