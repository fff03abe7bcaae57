#!/usr/bin/env bash
# The namespace bvc-tenant-a falls back to the cluster's default.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"

# Refused by Pod Security, and by nothing else.
refused() {
	local said
	said="$(kubectl create --dry-run=server --filename "$here/pod.yaml" 2>&1)" || true
	printf '%s\n' "$said"
	[[ "$said" == *"violates PodSecurity"* ]]
}

kubectl label namespace bvc-tenant-a pod-security.kubernetes.io/enforce- >/dev/null
await 30 "bvc-tenant-a refuses a privileged pod" refused
