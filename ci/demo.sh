#!/usr/bin/env bash
# Both clusters, the suite through Sonobuoy on each, and the paths of the two HTML reports. Fails when a run ends
# otherwise than kind/expected says.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. kind/cache.sh

nodes() { docker ps --all --quiet --no-trunc --filter label=io.x-k8s.kind.cluster=bvc-conformant; docker ps --all --quiet --no-trunc --filter label=io.x-k8s.kind.cluster=bvc-vanilla; }

SECONDS=0
# What was there at the start decides what the time of this demo means.
state=cold
if compgen -G "$BVC_CACHE/kubernetes-*" >/dev/null; then state=built; fi
before="$(nodes 2>/dev/null || true)"
for profile in conformant vanilla; do kind/cluster.sh up "$profile" >/dev/null; done
if [ "$(nodes)" = "$before" ]; then state=warm; fi
BVC_IMAGE="$(ci/image.sh)"
export BVC_IMAGE
# Two clusters on one small machine: at the usual rate a policy engine may not answer in time. Other checks take longer in any case.
# At the same time: a run mostly waits, and the clusters share nothing but this machine.
wrong="" runs=()
# shellcheck disable=SC2154,SC2046 # a list of processes; each removes what it made
trap 'trap - INT TERM; kill $(jobs -p) 2>/dev/null || true; wait; exit 2' INT TERM
for profile in conformant vanilla; do
	ci/suite.sh "$profile" ".work/$profile/report" > >(sed -u "s/^/[$profile] /") 2> >(sed -u "s/^/[$profile] /" >&2) &
	runs+=("$profile=$!")
done
for run in "${runs[@]}"; do
	profile="${run%=*}" code=0
	wait "${run#*=}" || code=$?
	expected="$(sed -n 's/^exitCode: //p' "kind/expected/$profile.yaml")"
	if [ "$code" != "$expected" ]; then wrong+="$profile ended with exit code $code, expected $expected (kind/expected/$profile.yaml). "; fi
done

say "demo took $SECONDS s ($state)"
[ -z "$wrong" ] || usage "$wrong"
# For make bench.
printf '%s\t%s\t%s\t%s\n' "$(date --utc +%F)" "$(git rev-parse --short=12 HEAD)" "$state" "$SECONDS" >>.work/demo-times
echo "Reports:"
for profile in conformant vanilla; do echo "  $PWD/.work/$profile/report/report.html"; done
