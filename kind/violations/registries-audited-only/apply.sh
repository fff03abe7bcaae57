#!/usr/bin/env bash
# Images from foreign registries are written to the audit log, and admitted.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"

kubectl patch validatingadmissionpolicybinding restrict-image-registries --type merge --patch '{"spec":{"validationActions":["Audit","Warn"]}}' >/dev/null
await 30 "bvc-tenant-a admits an image from a foreign registry" admitted "$here/pod.yaml"
