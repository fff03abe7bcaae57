#!/usr/bin/env bash
# The rules on privileged containers and privilege escalation hold for pods of every name.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../kyverno.sh"

# Not by apply: what it did not set, it does not remove.
for policy in disallow-privileged-containers disallow-privilege-escalation; do
	kubectl patch validatingpolicy "$policy" --type merge --patch '{"spec": {"matchConditions": null}}' >/dev/null
done
await 60 "bvc-tenant-a refuses a privileged pod of that name" says "disallow-privileged-containers" admitted "$here/pod.yaml"
