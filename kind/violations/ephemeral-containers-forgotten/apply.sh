#!/usr/bin/env bash
# The rule on privileged containers forgets ephemeral containers. So does the one on privilege escalation, which every
# privileged container breaks as well.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../kyverno.sh"

. "$here/effect.sh"

# Of what are not the expected rules, nothing is removed.
messages="$(kubectl get validatingpolicy ephemeral-containers --output jsonpath='{.spec.validations[*].message}')"
if [[ "$messages" == "disallow-privileged-containers disallow-privilege-escalation "* ]]; then
	kubectl patch validatingpolicy ephemeral-containers --type json \
		--patch '[{"op":"remove","path":"/spec/validations/0"},{"op":"remove","path":"/spec/validations/0"}]' >/dev/null
fi
await 60 "a pod in bvc-tenant-a may get a privileged ephemeral container" debugged
