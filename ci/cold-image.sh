#!/usr/bin/env bash
# An image that no node has: bvc's with one fresh layer on top. Each call makes another one, prints its reference as
# the clusters name it, and keeps it in .work/cold-image.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. kind/cache.sh
. kind/node/images.sh
. ci/push.sh

[ -s .work/image ] || usage "there is no image of bvc yet: run make image first"
registry="$(kind/registry.sh)"
context="$(mktemp -d)"
trap 'rm -rf "$context"' EXIT
head -c 4096 /dev/urandom >"$context/fresh"
# By digest: another checkout may have moved the tag.
printf 'FROM %s/bvc@%s\nCOPY fresh /fresh\n' "$registry" "$(sed 's/.*@//' .work/image)" >"$context/Dockerfile"
tag="bvc-cold:$(sha256sum "$context/fresh" | cut -c1-16)"
build_image "$registry/$tag" "$context"
reference="$(push "$registry" "$tag")"
docker rmi "$registry/$tag" >/dev/null
printf '%s\n' "$reference" >.work/cold-image
printf '%s\n' "$reference"
