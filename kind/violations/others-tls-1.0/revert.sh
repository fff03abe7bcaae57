#!/usr/bin/env bash
# The kubelet of the second worker and the controller manager offer TLS 1.2 and 1.3; the webhook is gone.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../control-plane.sh"
. "$here/../host-firewall.sh"
. "$here/servers.sh"

kubectl delete --ignore-not-found --filename "$here/webhook.yaml" >/dev/null
for name in $(all_nodes); do
	while opening "$name" -D "$port" 2>/dev/null; do :; done
done
docker exec "$control_plane" systemctl stop bvc-old-webhook 2>/dev/null || true
set_kubelet ''
if flagged kube-controller-manager --tls-min-version=VersionTLS10; then
	restart kube-controller-manager --expression '/^    - --tls-min-version=VersionTLS10$/d'
fi
await 60 "the kubelet of $worker serves" takes "$worker" 127.0.0.1:10250 tls1_2
await 60 "the kubelet of $worker offers no TLS 1.0" takes_no "$worker" 127.0.0.1:10250 tls1
await 60 "the controller manager serves" takes "$control_plane" 127.0.0.1:10257 tls1_2
await 60 "the controller manager offers no TLS 1.0" takes_no "$control_plane" 127.0.0.1:10257 tls1
await 60 "$worker is ready" served
await_leaders
