#!/usr/bin/env bash
# Builds bvc's image, pushes it to the local registry, prints its reference as the clusters name it, and keeps it
# in .work/image.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. kind/cache.sh
. kind/node/images.sh
. ci/push.sh

registry="$(kind/registry.sh)"
mkdir -p .work
# Another terminal, or another checkout, may build at the same time, under the same tag.
exec {lock}>"$BVC_CACHE/.bvc-image.lock"
flock "$lock"
say "building bin/bvc and its image"
ci/build.sh
build_image "$registry/bvc:devel" .
# Pods by the tag latest are one of the faults that are tried; who looks images up must find it.
docker tag "$registry/bvc:devel" "$registry/bvc:latest"
docker push --quiet "$registry/bvc:latest" >/dev/null
push "$registry" bvc:devel >.work/image.new
mv .work/image.new .work/image
cat .work/image
