#!/usr/bin/env bash
# The rule on root file systems looks at the containers and forgets the init containers.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"

rule="object.spec.?initContainers.orValue([]).all(c, c.?securityContext.?readOnlyRootFilesystem.orValue(false))"
# Of what is not the expected rule, nothing is removed.
if kubectl get validatingadmissionpolicy require-ro-rootfs --output jsonpath='{.spec.validations[*].expression}' | grep -qF "$rule"; then
	kubectl patch validatingadmissionpolicy require-ro-rootfs --type json \
		--patch '[{"op":"test","path":"/spec/validations/1/expression","value":"'"$rule"'"},{"op":"remove","path":"/spec/validations/1"}]' >/dev/null
fi
await 30 "bvc-tenant-a admits an init container with a writable root file system" admitted "$here/pod.yaml"
