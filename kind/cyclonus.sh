#!/usr/bin/env bash
# Makes sure that agnhost, which runs in cyclonus's pods, is in the registry. Prints the path of the program that drives
# cyclonus's engine (cyclonus/main.go), on a second line that of its own command line tool, and on a third the registry as
# it wants it named (--image-registry).
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/cache.sh"
. "$here/node/images.sh"
version="$(version_of "$here/cyclonus" github.com/mattfenwick/cyclonus)"

# shellcheck disable=SC2317 # artefact calls these
build_cyclonus() {
	go_build "$here/cyclonus" github.com/mattfenwick/cyclonus/cmd/cyclonus "$1/cyclonus"
	go_build "$here/cyclonus" . "$1/peer"
}
# shellcheck disable=SC2317
build_agnhost() { go_build "$here/cyclonus/agnhost" k8s.io/kubernetes/test/images/agnhost "$1/agnhost"; }
cyclonus="$(artefact "cyclonus-$version" build_cyclonus "$here/cyclonus/main.go" "$here/cyclonus/go.mod" "$here/cyclonus/go.sum")"
agnhost="$(artefact agnhost build_agnhost "$here/cyclonus/agnhost")"
registry="$("$here/registry.sh")"

# Name and tag are in cyclonus's code; what is built is the agnhost of the Kubernetes that the module names.
image="$registry/e2e-test-images/agnhost:2.43"
build_image "$image" "$agnhost" --file "$here/cyclonus/agnhost/Dockerfile"
docker push --quiet "$image" >&2
printf '%s\n' "$cyclonus/peer" "$cyclonus/cyclonus" bvc-registry:5000
