#!/usr/bin/env bash
# In bvc-tenant-a a webhook takes the place of Pod Security. It refuses every other privileged pod.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../../node/images.sh"
. "$here/server.sh"

build_admits_at_random() { go_build "$here" . "$1/admits-at-random"; }
serves() { certificate="$(docker logs "$server" 2>/dev/null)" && [[ "$certificate" == *END* ]]; }

# Its certificate is that of the one process.
if [ "$(docker inspect --format '{{.State.Running}}' "$server" 2>/dev/null)" != true ]; then
	program="$(artefact admits-at-random build_admits_at_random "$here/go.mod" "$here/main.go")"
	put_image bvc.invalid/admits-at-random:1 scratch "$program/admits-at-random"
	docker rm --force "$server" >/dev/null 2>&1 || true
	docker run --detach --name "$server" --network kind bvc.invalid/admits-at-random:1 "$server" >/dev/null
fi
await 10 "the webhook serves" serves
sed "s|SERVER|$server|; s|CERTIFICATE|$(docker logs "$server" 2>/dev/null | base64 -w 0)|" "$here/webhook.yaml" | kubectl apply --filename - >/dev/null
kubectl label namespace bvc-tenant-a --overwrite pod-security.kubernetes.io/enforce=privileged >/dev/null
await 30 "bvc-tenant-a refuses a privileged pod" says "no privileged pods this time" admitted "$here/pod.yaml"
await 30 "bvc-tenant-a admits a privileged pod" admitted "$here/pod.yaml"
