#!/usr/bin/env bash
# The API server offers TLS 1.2 and 1.3.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../control-plane.sh"
served() { kubectl get --raw /readyz --request-timeout 5s && takes_no "$control_plane" 127.0.0.1:6443 tls1; }

if flagged kube-apiserver --tls-min-version=VersionTLS10; then restart kube-apiserver --expression '/^    - --tls-min-version=VersionTLS10$/d'; fi
await 180 "the API server offers no TLS 1.0" served
await_leaders
