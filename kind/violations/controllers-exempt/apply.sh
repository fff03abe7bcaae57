#!/usr/bin/env bash
# The rule on privileged containers does not hold for what controllers create, nor for the templates that tell them to. Nor
# does the one on privilege escalation, which every privileged container breaks as well.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../kyverno.sh"

. "$here/effect.sh"

for policy in disallow-privileged-containers disallow-privilege-escalation; do
	kubectl patch validatingpolicy "$policy" --type merge --patch '{"spec": {"autogen": {"podControllers": {"controllers": []}},
		"matchConditions": [{"name": "not-by-a-controller", "expression": "!request.userInfo.username.startsWith('"'system:serviceaccount:kube-system:'"')"}]}}' >/dev/null
done
await 60 "bvc-tenant-a admits a Deployment of privileged pods, and those pods" by_controller
await 10 "bvc-tenant-a refuses a privileged pod of a tenant" says "disallow-privileged-containers" admitted "$here/pod.yaml"
