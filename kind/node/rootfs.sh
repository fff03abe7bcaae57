# Sourced by addons.sh and image.sh: two small Debian systems, each one archive.
# shellcheck shell=bash

# One release for all machines, whatever the host runs.
debian=bookworm

# base: under the images whose programs call iptables or a shell. node: a machine.
declare -A packages
packages[base]=iptables,ipset,iproute2,conntrack,kmod,procps,ca-certificates
packages[node]="${packages[base]},systemd,systemd-sysv,dbus,nftables,ethtool,mount,e2fsprogs,iputils-ping,containerd,runc,containernetworking-plugins"

# build_rootfs FOLDER, with $system set: without manuals and translations, which no container reads.
build_rootfs() {
	local folder left_out=()
	for folder in man doc info locale lintian bash-completion; do left_out+=(--dpkgopt="path-exclude=/usr/share/$folder/*"); done
	# shellcheck disable=SC2016 # mmdebstrap runs the hook with the system's folder as $1
	mmdebstrap --quiet --variant=minbase --include="${packages[$system]}" "${left_out[@]}" --dpkgopt='path-include=/usr/share/doc/*/copyright' \
		--customize-hook='cd "$1" && rm -rf var/lib/apt/lists/* var/cache/apt/* var/log/* etc/resolv.conf etc/hostname' \
		"$debian" "$1/rootfs.tar"
}

# rootfs SYSTEM: prints the folder that holds rootfs.tar.
rootfs() {
	local system="$1"
	artefact "rootfs-$system" build_rootfs "=$debian ${packages[$system]}"
}
