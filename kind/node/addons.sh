#!/usr/bin/env bash
# Makes the images of what a profile runs beside Kubernetes, and prints their names. They are in the node image;
# a published node image gets them loaded when the cluster is made.
set -o errexit -o nounset -o pipefail
node="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$node/../cache.sh"
. "$node/programs.sh"
. "$node/rootfs.sh"
. "$node/images.sh"

kube_router="bvc.invalid/kube-router:$(version_of "$node/kube-router" github.com/cloudnativelabs/kube-router/v2)"
local_path="bvc.invalid/local-path-provisioner:$(version_of "$node/local-path" github.com/rancher/local-path-provisioner)"

base="$(rootfs base)"
docker import --change 'CMD ["bash"]' "$base/rootfs.tar" "$base_image" >/dev/null
put_image "$kube_router" "$base_image" "$(program kube-router "$node/kube-router" build_kube_router)/kube-router"
put_image "$local_path" scratch "$(program local-path "$node/local-path" build_local_path)/local-path-provisioner"
printf '%s\n' "$base_image" "$kube_router" "$local_path"
