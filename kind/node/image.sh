#!/usr/bin/env bash
# image.sh [K8S_VERSION]: makes the kind node image from source unless it is there, and prints its name.
set -o errexit -o nounset -o pipefail
node="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$node/../cache.sh"
. "$node/programs.sh"
. "$node/rootfs.sh"
. "$node/images.sh"
minor="${1:-$default_minor}"
check_minor "$minor"
"$node/../engine.sh"

kubernetes="$(kubernetes)"
etcd="$(etcd)"
coredns="$(program coredns "$node/coredns" build_coredns)"
pause="$(program pause "$node/pause" build_pause)"
system="$(rootfs node)"
# The entries' own names tell their content, wherever the cache lies.
parts=("=${kubernetes##*/} ${etcd##*/} ${coredns##*/} ${pause##*/} ${system##*/} $(basename "$(rootfs base)")" "$node/files" "$node/image.sh" "$node/images.sh" "$node/addons.sh"
	"$node/kube-router" "$node/local-path")
image="bvc-node:$minor-$(hash_of "${parts[@]}")"

# Two runs would write the same intermediate images.
exec {lock}>"$BVC_CACHE/.image.lock"
flock "$lock"
if docker image inspect "$image" >/dev/null 2>&1; then
	printf '%s\n' "$image"
	exit
fi

say "making the node image $image"
mapfile -t addons < <("$node/addons.sh")
# The names that kubeadm writes into its manifests. etcd and CoreDNS carry the expected tags, not their own versions.
mapfile -t control_plane < <("$kubernetes/kubeadm" config images list --kubernetes-version "$(kubernetes_version "$minor")" 2>/dev/null)
pause_image=""
for name in "${control_plane[@]}"; do
	case "$name" in
	*/pause:*) pause_image="$name" && put_image "$name" scratch "$pause/pause" "USER 65535:65535" ;;
	*/etcd:*) put_image "$name" scratch "$etcd/etcd" ;;
	*/coredns:*) put_image "$name" scratch "$coredns/coredns" ;;
	*/kube-proxy:*) put_image "$name" "$base_image" "$kubernetes/kube-proxy" ;;
	*/kube-*) put_image "$name" scratch "$kubernetes/$(basename "${name%:*}")" ;;
	*) usage "kubeadm asks for $name, which image.sh can not build" ;;
	esac
done

work="$(mktemp -d)"
container="bvc-node-$$"
trap 'docker rm --force --volumes "$container" >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
cp -R "$node/files/." "$work"
sed -i "s|PAUSE_IMAGE|$pause_image|" "$work/etc/containerd/config.toml"
install -D --target-directory "$work/usr/bin" "$kubernetes"/{kubeadm,kubectl,kubelet}
install -d "$work/etc/systemd/system/multi-user.target.wants" "$work/etc/kubernetes/manifests" "$work/opt/cni" "$work/kind/manifests"
kubernetes_version "$minor" >"$work/kind/version"
# Debian keeps the plugins elsewhere than containerd and the profiles look.
ln -s /usr/lib/cni "$work/opt/cni/bin"
for unit in containerd kubelet; do ln -s "../$unit.service" "$work/etc/systemd/system/multi-user.target.wants/$unit.service"; done
# What belongs to a machine with hardware and users, or writes to the host's kernel.
for unit in systemd-udevd.service systemd-logind.service console-getty.service getty.target systemd-binfmt.service proc-sys-fs-binfmt_misc.automount \
	apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer systemd-tmpfiles-clean.timer; do
	ln -s /dev/null "$work/etc/systemd/system/$unit"
done
# kind would install a deprecated class without this file, and wants an object in it; the class comes with the profile.
printf 'apiVersion: v1\nkind: Namespace\nmetadata: {name: local-path-storage}\n' >"$work/kind/manifests/default-storage.yaml"

docker import "$system/rootfs.tar" bvc-rootfs:node >/dev/null
# systemd looks for the variable, and ends on that signal; the image inherits both.
docker create --name "$container" --env container=docker --stop-signal SIGRTMIN+3 --interactive --entrypoint /kind/bin/import-images bvc-rootfs:node >/dev/null
tar --create --owner 0 --group 0 --directory "$work" . | docker cp - "$container:/"
docker save "${control_plane[@]}" "${addons[@]}" | docker start --interactive --attach "$container" >&2
docker commit --change 'ENTRYPOINT ["/kind/bin/entrypoint"]' --change 'CMD []' "$container" "$image" >/dev/null
# Their content is in the node image now; the names would only confuse on the host.
docker rm "$container" >/dev/null
docker rmi "${control_plane[@]}" bvc-rootfs:node >/dev/null
say "node image $image, $(($(docker image inspect --format '{{.Size}}' "$image") / 1000000)) MB"
printf '%s\n' "$image"
