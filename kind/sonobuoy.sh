#!/usr/bin/env bash
# Makes sure that Sonobuoy's image is in the registry. Prints the path of the command line tool, and on a second
# line the image as the cluster names it, by digest.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/cache.sh"
. "$here/node/images.sh"
version="$(version_of "$here/sonobuoy" github.com/vmware-tanzu/sonobuoy)"

# Its own default for the version lags behind its release.
build_sonobuoy() {
	go_build "$here/sonobuoy" github.com/vmware-tanzu/sonobuoy "$1/sonobuoy" \
		"-X github.com/vmware-tanzu/sonobuoy/pkg/buildinfo.Version=$version"
}
sonobuoy="$(artefact "sonobuoy-$version" build_sonobuoy "$here/sonobuoy")"
registry="$("$here/registry.sh")"

image="$registry/sonobuoy:$version"
build_image "$image" "$sonobuoy" --file "$here/sonobuoy/Dockerfile"
docker push --quiet "$image" >&2
digest="$(docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$image" | sed -n "s|^$registry/sonobuoy@||p")"
printf '%s\n%s\n' "$sonobuoy/sonobuoy" "bvc-registry:5000/sonobuoy@$digest"
