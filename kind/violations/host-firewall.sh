# Sourced by violations of the nodes' firewall, after steps.sh.
# shellcheck shell=bash
# opening NODE -I|-D|-C PORT: lets pods through to a port of the nodes (see kind/host-firewall.sh).
opening() { docker exec "$1" iptables --wait --table mangle "$2" BVC-HOST-FIREWALL --protocol tcp --destination-port "$3" --jump RETURN --match comment --comment bvc-violation; }
all_nodes() { kubectl get nodes --output 'jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}'; }
