#!/usr/bin/env bash
# The namespace bvc-tenant-a falls back to the cluster's default, and the webhook is gone.
set -o errexit -o nounset -o pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../steps.sh"
. "$here/server.sh"

kubectl label namespace bvc-tenant-a pod-security.kubernetes.io/enforce- >/dev/null
kubectl delete validatingwebhookconfiguration violation-admits-at-random --ignore-not-found >/dev/null
docker rm --force "$server" >/dev/null 2>&1 || true
await 30 "bvc-tenant-a refuses a privileged pod" says "violates PodSecurity" admitted "$here/pod.yaml"
