#!/usr/bin/env bash
# Makes sure that a container engine runs. On Debian and Ubuntu as root it installs and starts what is missing;
# elsewhere it uses the engine that is there. It never stops an engine.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/cache.sh"

engine_works() { docker info >/dev/null 2>&1; }

debian_root() { [ "$(id -u)" = 0 ] && [ -f /etc/debian_version ] && command -v apt-get >/dev/null; }

# need PACKAGE PROGRAM...: names the package when one of its programs is missing.
need() {
	local package="$1" program
	shift
	for program in "$@"; do
		command -v "$program" >/dev/null || { printf '%s ' "$package"; return; }
	done
}

install_missing() {
	local missing
	missing="$(need docker.io dockerd runc)$(need mmdebstrap mmdebstrap)$(need iptables iptables)$(need util-linux flock setsid)$(need xz-utils xz)"
	[ -f /usr/share/keyrings/debian-archive-keyring.gpg ] || missing+="debian-archive-keyring "
	if [ -n "$missing" ]; then
		say "installing $missing"
		apt-get update -qq >&2
		# shellcheck disable=SC2086 # a list of words
		DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >&2
	fi
	# Newer releases have the client in a package of its own.
	if ! command -v docker >/dev/null; then
		say "installing docker-cli"
		DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends docker-cli >&2
	fi
}

build_runtime() { go_build "$here/engine/runtime" . "$1/runtime"; }

start_engine() {
	local options=() log="$BVC_CACHE/dockerd.log" started
	if [ -n "$lacking" ]; then
		say "this machine lacks $lacking: privileged containers do without"
		options=(--add-runtime "bvc=$runtime" --default-runtime bvc)
	fi
	say "starting dockerd (log: $log)"
	# In a session of its own, so that it outlives this script and the terminal; without our descriptors, which may hold locks.
	(
		for descriptor in /proc/self/fd/*; do
			descriptor="${descriptor##*/}"
			[ "$descriptor" -le 2 ] || eval "exec $descriptor>&-"
		done
		exec setsid nohup dockerd "${options[@]}" >"$log" 2>&1 </dev/null
	) &
	started=$!
	for _ in $(seq 120); do
		engine_works && return
		# Two scripts may start one at the same time; the second process ends, and the first is what both use.
		kill -0 "$started" 2>/dev/null || engine_works || { tail -n 5 "$log" >&2; usage "dockerd did not start, see $log"; }
		sleep 0.5
	done
	usage "dockerd does not answer after 60 s, see $log"
}

if ! debian_root; then
	engine_works && exit 0
	usage "no container engine answers: install and start Docker (on Debian or Ubuntu, run this as root and it does so itself)"
fi

# allow_watches: every node watches many files, and the kernel's usual 128 instances end at about four nodes.
allow_watches() {
	local limit=/proc/sys/fs/inotify/max_user_instances
	if [ "$(<"$limit")" -lt 1024 ]; then
		say "raising fs.inotify.max_user_instances from $(<"$limit") to 1024"
		echo 1024 >"$limit" || say "not permitted; large clusters may fail"
	fi
}

install_missing
allow_watches
runtime="$(artefact runtime build_runtime "$here/engine/runtime")/runtime"
lacking="$("$runtime" missing)"
exec {engine_lock}>"$BVC_CACHE/.engine.lock"
flock "$engine_lock"
if ! engine_works; then
	start_engine
elif in_use="$(docker info --format '{{range $n, $r := .Runtimes}}{{if eq $n "bvc"}}{{$r.Path}}{{end}}{{end}}')" && [ -n "$in_use" ] && [ ! -x "$in_use" ]; then
	# A dockerd outlives the cache that it was started from.
	say "putting back the runtime of the dockerd that runs, $in_use"
	install -D "$runtime" "$in_use"
elif [ -n "$lacking" ] && [ "$(docker info --format '{{.DefaultRuntime}}')" != bvc ]; then
	usage "the dockerd that runs here cannot start privileged containers ($lacking missing): stop it, and this script starts one that can"
fi
