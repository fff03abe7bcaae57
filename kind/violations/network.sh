# Sourced by violations of the network, after steps.sh.
# shellcheck shell=bash disable=SC2034
pod_range=10.244.0.0/16
# kube-router's rules let pass what bears this mark, once: the first of the pods on a packet's way is taken for having allowed it.
allowed_once=(--jump MARK --set-xmark 0x10000/0x10000)

nodes() { kubectl get nodes --output jsonpath='{range .items[*]}{.metadata.name} {.spec.podCIDR}{"\n"}{end}'; }
# rule_in NODE CHAIN -A|-D|-C RULE...: in the table that a packet comes to before kube-router's.
rule_in() { docker exec "$1" iptables --wait --table mangle "$3" "$2" "${@:4}" --match comment --comment bvc-violation; }
with_rule_in() { rule_in "$1" "$2" -C "${@:3}" 2>/dev/null || rule_in "$1" "$2" -A "${@:3}"; }
without_rule_in() { while rule_in "$1" "$2" -D "${@:3}" 2>/dev/null; do :; done; }
# The same for what pods send.
with_rule() { with_rule_in "$1" FORWARD "${@:2}"; }
without_rule() { without_rule_in "$1" FORWARD "${@:2}"; }
