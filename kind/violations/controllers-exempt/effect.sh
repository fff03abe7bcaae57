# Sourced by apply.sh and revert.sh: how the effect shows.
# shellcheck shell=bash disable=SC2154

# The template's pod, as the controller would send it.
by_controller() {
	admitted "$here/deployment.yaml" && admitted "$here/pod.yaml" --as system:serviceaccount:kube-system:replicaset-controller
}
