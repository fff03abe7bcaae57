# Sourced by image.sh and cold-image.sh.
# shellcheck shell=bash

# push REGISTRY NAME:TAG: prints the reference by digest, as the nodes of the clusters name it.
push() {
	local registry="$1" name="${2%:*}" digest
	docker push --quiet "$registry/$2" >/dev/null
	digest="$(docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$registry/$2" | sed -n "s|^$registry/$name@||p" | tail -n 1)"
	[ -n "$digest" ] || usage "the registry gave no digest for $2: see docker logs bvc-registry"
	printf 'bvc-registry:5000/%s@%s\n' "$name" "$digest"
}
