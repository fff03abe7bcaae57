# Sourced by what makes container images: there is no registry to build on.
# shellcheck shell=bash disable=SC2034

base_image=bvc.invalid/base:1

# build_image NAME FOLDER [OPTION...]: with the classic builder, which every engine has; it says at each call that it
# is deprecated, so what it says is shown only when it fails.
build_image() {
	local name="$1" folder="$2" said
	shift 2
	said="$(DOCKER_BUILDKIT=0 docker build --quiet --tag "$name" "$@" "$folder" 2>&1)" || { printf '%s\n' "$said" >&2 && return 1; }
}

# put_image NAME BASE PROGRAM_FILE [LINE]: an image of one program on BASE (or scratch).
put_image() {
	local name="$1" base="$2" file="$3" line="${4:-}" program
	program="$(basename "$file")"
	local context
	context="$(mktemp -d)"
	ln "$file" "$context/$program" 2>/dev/null || cp "$file" "$context/$program"
	printf 'FROM %s\nCOPY %s /usr/local/bin/\nENTRYPOINT ["/usr/local/bin/%s"]\n%s\n' "$base" "$program" "$program" "$line" >"$context/Dockerfile"
	build_image "$name" "$context"
	rm -rf "$context"
}
