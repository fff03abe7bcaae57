#!/usr/bin/env bash
# binaries.sh [K8S_VERSION]: prints a folder with kube-apiserver, etcd and kubectl, as they are in the node image.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
node="$here/node"
. "$here/cache.sh"
. "$here/node/programs.sh"
minor="${1:-$default_minor}"
check_minor "$minor"

kubernetes="$(kubernetes)"
etcd="$(etcd)"
link() { ln -s "$kubernetes/kube-apiserver" "$kubernetes/kubectl" "$etcd/etcd" "$1/"; }
artefact "binaries-$minor" link "=$kubernetes $etcd"
