#!/usr/bin/env bash
# wireguard.sh CLUSTER: encrypts what the nodes send each other, traffic of pods and their own, by WireGuard in
# user space, which goes before the plain routes of network.sh.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/cache.sh"
. "$here/wireguard/path.sh"
cluster="$1"

build_wireguard() { go_build "$here/wireguard" . "$1/wireguard"; }
program="$(artefact wireguard build_wireguard "$here/wireguard")/wireguard"
kubectl() { docker exec "$cluster-control-plane" kubectl --kubeconfig /etc/kubernetes/admin.conf "$@"; }
mapfile -t nodes < <(kubectl get nodes --output \
	jsonpath='{range .items[*]}{.metadata.name} {.status.addresses[?(@.type=="InternalIP")].address} {.spec.podCIDR}{"\n"}{end}')

declare -A public
for node in "${nodes[@]}"; do
	read -r name _ <<<"$node"
	# A running program is replaced by another file, never overwritten.
	docker exec "$name" mkdir -p /etc/wireguard
	if ! docker exec --interactive "$name" cmp -s - /usr/local/bin/wireguard <"$program"; then
		docker cp "$program" "$name:/usr/local/bin/wireguard.new" >/dev/null
		docker exec "$name" mv /usr/local/bin/wireguard.new /usr/local/bin/wireguard
	fi
	public[$name]="$(docker exec "$name" bash -c 'umask 077 && wireguard key /etc/wireguard/private')"
done

# Every node gets its device first and the way through it after that: until then the plain routes carry all.
for node in "${nodes[@]}"; do
	read -r name address _ <<<"$node"
	{
		cat <<-END
			cat >/etc/systemd/system/wireguard.service <<'UNIT'
			[Service]
			Type=notify
			ExecStart=/usr/local/bin/wireguard run /etc/wireguard/config $mtu
			ExecStartPost=/usr/sbin/ip address replace $address/32 dev wg0
			ExecStartPost=/usr/sbin/ip link set wg0 up
			Restart=always
			UNIT
			umask 077
			{
				echo "private_key=\$(cat /etc/wireguard/private)"
				echo listen_port=51820
				echo fwmark=$mark
				echo replace_peers=true
		END
		for other in "${nodes[@]}"; do
			read -r other_name other_address other_range <<<"$other"
			if [ "$other_name" != "$name" ]; then
				printf 'echo %s\n' "public_key=${public[$other_name]}" "endpoint=$other_address:51820" "allowed_ip=$other_address/32" "allowed_ip=$other_range"
			fi
		done
		cat <<-'END'
			} >/etc/wireguard/config.new
			if ! cmp -s /etc/wireguard/config.new /etc/wireguard/config || ! systemctl is-active --quiet wireguard; then
				mv /etc/wireguard/config.new /etc/wireguard/config
				systemctl daemon-reload
				systemctl restart wireguard
			fi
			# What comes in encrypted and what goes out have different devices.
			sysctl --quiet net.ipv4.conf.all.rp_filter=2
		END
	} | docker exec --interactive "$name" bash -o errexit -o nounset -o pipefail
done

for node in "${nodes[@]}"; do
	read -r name address _ <<<"$node"
	{
		for other in "${nodes[@]}"; do
			read -r other_name other_address other_range <<<"$other"
			if [ "$other_name" != "$name" ]; then
				printf "ip route replace %s dev wg0 src $address table $table\n" "$other_address" "$other_range"
			fi
		done
	} | docker exec --interactive "$name" bash -o errexit -o nounset
	is_left_plain "$name" || encrypted_path "$name"
done
