#!/usr/bin/env bash
# Every image must be signed again.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../kyverno.sh"

kubectl patch imagevalidatingpolicy verify-image-signatures --type merge --patch '{"spec": {"matchImageReferences": [{"glob": "bvc-registry:5000/*"}]}}' >/dev/null
await 60 "bvc-tenant-a refuses an image without a signature" says "verify-image-signatures" admitted "$here/pod.yaml"
