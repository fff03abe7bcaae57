# Sourced by the other scripts: progress lines, and things that are built once and kept.
# shellcheck shell=bash

# Outside the checkout, so that every checkout on a machine shares what was built.
BVC_CACHE="${BVC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bvc}"
mkdir -p "$BVC_CACHE"

# Progress goes to stderr: stdout carries only what the caller asked for.
say() { printf '==> [%(%H:%M:%S)T] %s\n' -1 "$*" >&2; }
usage() { printf '%s\n' "$*" >&2; exit 3; }

# hash_of INPUT...: one hash over files, all files of folders, and plain values (written =value).
hash_of() {
	local input
	for input in "$@"; do
		case "$input" in
		=*) printf '%s\n' "$input" ;;
		# Names relative to the input: two checkouts of the same recipe share an entry. Profiles share files by links.
		*) (cd "$(dirname "$input")" && find -L "$(basename "$input")" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) ;;
		esac
	done | sha256sum | cut -c1-16
}

# artefact NAME RECIPE INPUT...: prints the folder that the function RECIPE fills (it gets the folder as $1).
# The folder appears under its final name only when it is complete, so an aborted run leaves nothing that a later one would trust.
artefact() {
	local name="$1" recipe="$2" key final work
	shift 2
	key="$(hash_of "=$(declare -f "$recipe" go_build)" "=$(go env GOVERSION GOARCH)" "$@")"
	final="$BVC_CACHE/$name-$key"
	if [ ! -d "$final" ]; then
		exec {lock}>"$BVC_CACHE/.$name-$key.lock"
		flock "$lock"
		if [ ! -d "$final" ]; then
			say "building $name (once, kept in $final)"
			# Under the lock, so what lies here is of a run that was killed.
			rm -rf "$BVC_CACHE/.$name-$key.work".*
			work="$(mktemp -d "$BVC_CACHE/.$name-$key.work.XXXXXX")"
			chmod 755 "$work"
			# A recipe in a condition would run without errexit, hence the subshell of its own and the trap.
			(
				trap '[ -e "$work" ] && rm -rf "$work"' EXIT
				"$recipe" "$work" >&2
				mv -T "$work" "$final"
			)
		fi
		exec {lock}>&-
	fi
	printf '%s\n' "$final"
}

# go_build MODULE PACKAGE OUTPUT [LDFLAGS]: a static program from a module that pins all it needs.
go_build() {
	(cd "$1" && GOWORK=off GOFLAGS='' CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w ${4:-}" -o "$3" "$2")
}

# version_of MODULE_DIR PATH: the version of PATH that the module requires.
version_of() { sed -n "s|^\(require\)\?[[:space:]]*$2 \(v[^ ]*\).*|\2|p" "$1/go.mod"; }
