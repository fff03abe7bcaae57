#!/usr/bin/env bash
# default-deny.sh FILE: gives every namespace of a tenant in $CLUSTER (bvc-tenant-*, bvc-fresh-*) the NetworkPolicy of the
# file as soon as it is there, as a provisioner of a data centre does. It runs on the control-plane node.
set -o errexit -o nounset -o pipefail
[ $# -eq 1 ] || { echo "usage: CLUSTER=bvc-... default-deny.sh FILE" >&2; exit 3; }
node="$CLUSTER-control-plane"
within() { docker exec --interactive "$node" bash -o errexit -o nounset -o pipefail "$@"; }

within -c 'cat >/etc/kubernetes/default-deny.yaml' <"$1"
within <<'END'
cat >/usr/local/sbin/default-deny <<'SCRIPT'
#!/usr/bin/env bash
# The watch begins with all namespaces there are; when it ends, systemd begins it again.
set -o errexit -o nounset -o pipefail
export KUBECONFIG=/etc/kubernetes/admin.conf
kubectl get namespaces --watch --no-headers --output custom-columns=NAME:.metadata.name,PHASE:.status.phase |
	while read -r name phase; do
		if [[ "$name" == bvc-@(tenant|fresh)-* ]] && [ "$phase" = Active ]; then
			kubectl --namespace "$name" apply --filename /etc/kubernetes/default-deny.yaml || true
		fi
	done
SCRIPT
chmod 755 /usr/local/sbin/default-deny
cat >/etc/systemd/system/default-deny.service <<'UNIT'
[Unit]
Description=NetworkPolicy for each namespace of a tenant
StartLimitIntervalSec=0
[Service]
ExecStart=/usr/local/sbin/default-deny
Restart=always
RestartSec=1
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --quiet default-deny
systemctl restart default-deny
END
