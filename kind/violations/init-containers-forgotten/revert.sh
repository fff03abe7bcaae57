#!/usr/bin/env bash
# The rule on root file systems looks at every kind of container again.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"

kubectl apply --filename "$here/../../profiles/conformant/manifests/policies.yaml" >/dev/null
await 30 "bvc-tenant-a refuses an init container with a writable root file system" says "denied request: require-ro-rootfs" admitted "$here/pod.yaml"
