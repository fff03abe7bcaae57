# Sourced by the scripts that need one: every program is built from a module here that pins what goes into it.
# shellcheck shell=bash
# One function per artefact (see artefact in ../cache.sh); $node is this folder, $minor the Kubernetes minor.
# shellcheck disable=SC2154,SC2034

build_etcd() { go_build "$node/etcd" go.etcd.io/etcd/server/v3 "$1/etcd"; }
build_coredns() { go_build "$node/coredns" . "$1/coredns"; }
build_pause() { go_build "$node/pause" . "$1/pause"; }
build_kube_router() {
	go_build "$node/kube-router" github.com/cloudnativelabs/kube-router/v2/cmd/kube-router "$1/kube-router" \
		"-X github.com/cloudnativelabs/kube-router/v2/pkg/version.Version=$(version_of "$node/kube-router" github.com/cloudnativelabs/kube-router/v2)"
}
build_kyverno() {
	go_build "$node/kyverno" tool "$1/" "-X github.com/kyverno/kyverno/pkg/version.BuildVersion=$(version_of "$node/kyverno" github.com/kyverno/kyverno)"
}
build_local_path() { go_build "$node/local-path" github.com/rancher/local-path-provisioner "$1/local-path-provisioner"; }

default_minor=1.36
kubernetes_minors() { (cd "$node/kubernetes" && printf '%s\n' *) | sort -V; }

# check_minor MINOR: ends the script unless there is a module for it.
check_minor() {
	kubernetes_minors | grep --quiet --line-regexp --fixed-strings -- "$1" || usage "K8S_VERSION=$1 is not known; choose one of: $(kubernetes_minors | xargs)"
}

kubernetes_version() { version_of "$node/kubernetes/$1" k8s.io/kubernetes; }

# build_kubernetes FOLDER, with $minor set. The version is what the API server reports and kubeadm compares.
build_kubernetes() {
	local version path stamp=""
	version="$(kubernetes_version "$minor")"
	for path in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
		stamp+=" -X $path.gitVersion=$version -X $path.gitMajor=1 -X $path.gitMinor=${minor#*.} -X $path.gitTreeState=clean"
	done
	go_build "$node/kubernetes/$minor" tool "$1/" "$stamp"
}

# program NAME MODULE_FOLDER RECIPE: prints the folder that holds it.
program() { artefact "$1" "$3" "$2"; }

kubernetes() { program "kubernetes-$(kubernetes_version "$minor")" "$node/kubernetes/$minor" build_kubernetes; }
etcd() { program etcd "$node/etcd" build_etcd; }
