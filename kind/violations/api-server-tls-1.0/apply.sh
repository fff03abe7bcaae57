#!/usr/bin/env bash
# The API server offers TLS 1.0 as well.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/../control-plane.sh"
served() { kubectl get --raw /readyz --request-timeout 5s && takes "$control_plane" 127.0.0.1:6443 tls1; }

flagged kube-apiserver --tls-min-version=VersionTLS10 || restart kube-apiserver --expression 's/^    - kube-apiserver$/&\n    - --tls-min-version=VersionTLS10/'
await 180 "the API server offers TLS 1.0" served
await_leaders
