#!/usr/bin/env bash
# Pods of tenants with a readiness probe become ready after 63 s at the earliest.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/effect.sh"

version="$(kubectl api-resources --api-group admissionregistration.k8s.io --no-headers --output wide | sed -n 's|.*admissionregistration.k8s.io/\([^ ]*\) .*MutatingAdmissionPolicy .*|\1|p')"
if [ -z "$version" ]; then usage "slow-readiness is not available: this cluster serves no MutatingAdmissionPolicy (it does from Kubernetes 1.36)"; fi

sed "s|VERSION|$version|" "$here/policy.yaml" | kubectl apply --filename - >/dev/null
if [ -n "$tenant" ]; then
	await 30 "pods in $tenant get the delay" delayed 63
else
	say "the policy is there; no bvc-tenant- namespace exists in which its effect could be seen"
fi
