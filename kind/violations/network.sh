# Sourced by violations of the network, after steps.sh.
# shellcheck shell=bash disable=SC2034
pod_range=10.244.0.0/16
# kube-router's rules let pass what bears this mark, once: the first of the pods on a packet's way is taken for having allowed it.
allowed_once=(--jump MARK --set-xmark 0x10000/0x10000)

nodes() { kubectl get nodes --output jsonpath='{range .items[*]}{.metadata.name} {.spec.podCIDR}{"\n"}{end}'; }
# rule NODE -A|-D|-C RULE...: in the table that a packet comes to before kube-router's.
rule() { docker exec "$1" iptables --wait --table mangle "$2" FORWARD "${@:3}" --match comment --comment bvc-violation; }
with_rule() { rule "$1" -C "${@:2}" 2>/dev/null || rule "$1" -A "${@:2}"; }
without_rule() { while rule "$1" -D "${@:2}" 2>/dev/null; do :; done; }
