# Sourced by wireguard.sh and by the violation that takes the way through the device: what one decides, the other undoes.
# shellcheck shell=bash disable=SC2034

# 1500 less what WireGuard adds to a packet of IPv4 or IPv6.
mtu=1420
# On packets that are encrypted already. No bit of it means anything to kube-proxy or kube-router.
mark=512
table=51820
plain=/etc/wireguard/plain

# encrypted_path NODE: all that is not yet encrypted looks into the table first.
encrypted_path() {
	docker exec "$1" rm -f "$plain"
	has_encrypted_path "$1" || docker exec "$1" ip rule add not fwmark "$mark" table "$table" priority 100
}
# plain_path NODE: nothing does, and wireguard.sh leaves it so.
plain_path() {
	docker exec "$1" touch "$plain"
	! has_encrypted_path "$1" || docker exec "$1" ip rule del priority 100
}
has_encrypted_path() { [ -n "$(docker exec "$1" ip rule list priority 100)" ]; }
is_left_plain() { docker exec "$1" test -e "$plain"; }
