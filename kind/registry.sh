#!/usr/bin/env bash
# Makes sure that the registry runs, and prints its address on this machine. The nodes of every cluster know it
# as bvc-registry:5000. What was pushed stays, in a volume of that name.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/cache.sh"
. "$here/node/images.sh"
address=127.0.0.1:5001
"$here/engine.sh"

# shellcheck disable=SC2317 # artefact calls it
build_registry() { go_build "$here/registry" github.com/distribution/distribution/v3/cmd/registry "$1/registry"; }
registry="$(artefact registry build_registry "$here/registry")"
image="bvc-registry:$(hash_of "=${registry##*/}" "$here/registry")"

exec {lock}>"$BVC_CACHE/.registry.lock"
flock "$lock"
if ! docker image inspect "$image" >/dev/null 2>&1; then
	# A folder of this run: the cached one holds the program only.
	context="$(mktemp -d)"
	trap 'rm -rf "$context"' EXIT
	cp "$registry/registry" "$here/registry/config.yml" "$here/registry/Dockerfile" "$context"
	build_image "$image" "$context"
fi
# kind would make it with its first cluster; the registry may come first.
docker network inspect kind >/dev/null 2>&1 || docker network create kind >/dev/null
if [ "$(docker inspect --format '{{.Config.Image}} {{.State.Running}}' bvc-registry 2>/dev/null)" != "$image true" ]; then
	say "starting the registry on $address"
	docker rm --force bvc-registry >/dev/null 2>&1 || true
	docker run --detach --name bvc-registry --restart unless-stopped --network kind --publish "$address:5000" \
		--volume bvc-registry:/var/lib/registry "$image" >/dev/null
fi

# answers, in a shell of its own: the engine's proxy takes connections before the registry does and drops them, and
# whoever then writes is ended by SIGPIPE.
answers() (
	exec 3<>"/dev/tcp/${address/://}" && printf 'GET /v2/ HTTP/1.0\r\n\r\n' >&3 &&
		read -r -t 5 line <&3 && [[ "$line" == *" 200 "* ]]
) 2>/dev/null
for _ in $(seq 100); do
	if answers; then
		printf '%s\n' "$address"
		exit
	fi
	sleep 0.2
done
docker logs --tail 5 bvc-registry >&2
usage "the registry does not answer on $address"
