#!/usr/bin/env bash
# Images from foreign registries are refused again.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"

kubectl patch validatingadmissionpolicybinding restrict-image-registries --type merge --patch '{"spec":{"validationActions":["Deny"]}}' >/dev/null
await 30 "bvc-tenant-a refuses an image from a foreign registry" says "denied request: restrict-image-registries" admitted "$here/pod.yaml"
