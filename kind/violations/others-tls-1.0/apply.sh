#!/usr/bin/env bash
# The kubelet of the second worker, the controller manager and a webhook offer TLS 1.0 as well.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../control-plane.sh"
. "$here/../host-firewall.sh"
. "$here/servers.sh"

set_kubelet "tlsMinVersion: VersionTLS10"
flagged kube-controller-manager --tls-min-version=VersionTLS10 ||
	restart kube-controller-manager --expression 's/^    - kube-controller-manager$/&\n    - --tls-min-version=VersionTLS10/'
# shellcheck disable=SC2016 # for the node's shell
docker exec "$control_plane" bash -o errexit -c '
	systemctl is-active --quiet bvc-old-webhook && exit
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj /CN=bvc.invalid -days 2 -keyout /run/bvc-old-webhook.key -out /run/bvc-old-webhook.crt 2>/dev/null
	systemd-run --quiet --unit bvc-old-webhook openssl s_server -accept "$1" -www -quiet -cert /run/bvc-old-webhook.crt -key /run/bvc-old-webhook.key -min_protocol TLSv1 -cipher DEFAULT:@SECLEVEL=0' webhook "$port"
for name in $(all_nodes); do
	opening "$name" -C "$port" 2>/dev/null || opening "$name" -I "$port"
done
sed "s|ADDRESS|$(address):$port|" "$here/webhook.yaml" | kubectl apply --filename - >/dev/null
await 60 "the kubelet of $worker offers TLS 1.0" takes "$worker" 127.0.0.1:10250 tls1
await 60 "the controller manager offers TLS 1.0" takes "$control_plane" 127.0.0.1:10257 tls1
await 60 "the webhook offers TLS 1.0" takes "$control_plane" "127.0.0.1:$port" tls1
await 60 "$worker is ready" served
await_leaders
