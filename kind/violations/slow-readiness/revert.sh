#!/usr/bin/env bash
# Readiness probes stay as their pods declare them.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/effect.sh"

for kind in mutatingadmissionpolicybinding mutatingadmissionpolicy; do
	# A cluster that does not serve the kind has none of it.
	if kubectl api-resources --api-group admissionregistration.k8s.io --no-headers | grep -iq " $kind$"; then
		kubectl delete "$kind" bvc-slow-readiness --ignore-not-found >/dev/null
	fi
done
if [ -n "$tenant" ]; then await 30 "pods in $tenant keep their own delay" delayed 1; fi
