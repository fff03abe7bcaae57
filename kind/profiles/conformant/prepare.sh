#!/usr/bin/env bash
# Writes what the API server reads at its start into $STATE/api-server: the key is this cluster's own.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

install -d -m 700 "$STATE/api-server"
cp "$here/admission.yaml" "$STATE/api-server/admission.yaml"
(
	umask 077
	cat >"$STATE/api-server/encryption.yaml" <<-END
		apiVersion: apiserver.config.k8s.io/v1
		kind: EncryptionConfiguration
		resources:
		- resources: [secrets]
		  providers:
		  - secretbox:
		      keys:
		      - name: key1
		        secret: $(head -c 32 /dev/urandom | base64 -w 0)
		  - identity: {}
	END
)
