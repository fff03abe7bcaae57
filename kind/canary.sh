#!/usr/bin/env bash
# Makes sure that a server outside all clusters runs which stands for one in the internet, and prints its address and
# port. It is the registry's program, empty and on another port.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/cache.sh"
port=4443

"$here/registry.sh" >/dev/null
exec {lock}>"$BVC_CACHE/.canary.lock"
flock "$lock"
image="$(docker inspect --format '{{.Config.Image}}' bvc-registry)"
if [ "$(docker inspect --format '{{.Config.Image}} {{.State.Running}}' bvc-canary 2>/dev/null)" != "$image true" ]; then
	say "starting the server that stands for the internet"
	docker rm --force bvc-canary >/dev/null 2>&1 || true
	docker run --detach --name bvc-canary --restart unless-stopped --network kind --env REGISTRY_HTTP_ADDR=":$port" "$image" >/dev/null
fi
address="$(docker inspect --format '{{.NetworkSettings.Networks.kind.IPAddress}}' bvc-canary)"
for _ in $(seq 100); do
	if { exec 3<>"/dev/tcp/$address/$port"; } 2>/dev/null; then
		printf '%s %s\n' "$address" "$port"
		exit
	fi
	sleep 0.2
done
docker logs --tail 5 bvc-canary >&2
usage "the server that stands for the internet does not answer"
