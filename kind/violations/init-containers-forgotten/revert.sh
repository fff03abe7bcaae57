#!/usr/bin/env bash
# The rule on root file systems looks at every kind of container again.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"

refused() {
	local said
	said="$(kubectl create --dry-run=server --filename "$here/pod.yaml" 2>&1)" || true
	printf '%s\n' "$said"
	[[ "$said" == *"denied request: require-ro-rootfs"* ]]
}

kubectl apply --filename "$here/../../profiles/conformant/manifests/policies.yaml" >/dev/null
await 30 "bvc-tenant-a refuses an init container with a writable root file system" refused
