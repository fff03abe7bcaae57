# Sourced by addons.sh and image.sh: container images without a registry to build on.
# shellcheck shell=bash disable=SC2034

base_image=bvc.invalid/base:1

# put_image NAME BASE PROGRAM_FILE [LINE]: an image of one program on BASE (or scratch).
put_image() {
	local name="$1" base="$2" file="$3" line="${4:-}" program
	program="$(basename "$file")"
	local context
	context="$(mktemp -d)"
	ln "$file" "$context/$program" 2>/dev/null || cp "$file" "$context/$program"
	printf 'FROM %s\nCOPY %s /usr/local/bin/\nENTRYPOINT ["/usr/local/bin/%s"]\n%s\n' "$base" "$program" "$program" "$line" >"$context/Dockerfile"
	DOCKER_BUILDKIT=0 docker build --quiet --tag "$name" "$context" >/dev/null
	rm -rf "$context"
}
