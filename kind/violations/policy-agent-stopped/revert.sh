#!/usr/bin/env bash
# kube-router runs on every node again, and its rules are back on the second worker.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
worker="$CLUSTER-worker2"

filtered() { docker exec "$worker" iptables-save --table filter | grep -E '^-A FORWARD .*-j KUBE-ROUTER-FORWARD'; }

kubectl --namespace kube-system patch daemonset kube-router --type merge --patch '{"spec": {"template": {"spec": {"affinity": null}}}}' >/dev/null
kubectl --namespace kube-system rollout status daemonset kube-router --timeout 120s >/dev/null
await 60 "policy rules on $worker" filtered
