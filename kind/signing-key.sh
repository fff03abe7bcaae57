#!/usr/bin/env bash
# Prints the folder with the key pair of this machine for signing test images: private.pem (PKCS#8, without a
# passphrase) and public.pem. The policies of the clusters name the public key.
set -o errexit -o nounset -o pipefail
. "$(dirname "${BASH_SOURCE[0]}")/cache.sh"
keys="$BVC_CACHE/signing-key"

exec {lock}>"$BVC_CACHE/.signing-key.lock"
flock "$lock"
if [ ! -d "$keys" ]; then
	umask 077
	work="$(mktemp -d "$BVC_CACHE/.signing-key.XXXXXX")"
	trap 'rm -rf "$work"' EXIT
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out "$work/private.pem"
	openssl pkey -in "$work/private.pem" -pubout -out "$work/public.pem"
	mv -T "$work" "$keys"
fi
printf '%s\n' "$keys"
