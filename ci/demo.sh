#!/usr/bin/env bash
# Both clusters, the suite through Sonobuoy on each, and the paths of the two HTML reports. Fails when a run ends
# otherwise than kind/expected says.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. kind/cache.sh

# What is there at the start decides what the time of this demo means.
state=cold
if compgen -G "$BVC_CACHE/kubernetes-*" >/dev/null; then state=built; fi
if [ -f "$BVC_CACHE/clusters/bvc-conformant/definition" ] && [ -f "$BVC_CACHE/clusters/bvc-vanilla/definition" ]; then state=warm; fi
SECONDS=0

wrong=""
for profile in conformant vanilla; do kind/cluster.sh up "$profile" >/dev/null; done
BVC_IMAGE="$(ci/image.sh)"
export BVC_IMAGE
for profile in conformant vanilla; do
	expected="$(sed -n 's/^exitCode: //p' "kind/expected/$profile.yaml")"
	code=0
	ci/suite.sh "$profile" ".work/$profile/report" || code=$?
	if [ "$code" != "$expected" ]; then wrong+="$profile ended with exit code $code, expected $expected (kind/expected/$profile.yaml). "; fi
done

took="$SECONDS"
mkdir -p ".work"
printf '%s\t%s\t%s\t%s\n' "$(date --utc +%F)" "$(git rev-parse --short=12 HEAD)" "$state" "$took" >>.work/demo-times
say "demo took $took s ($state)"
[ -z "$wrong" ] || usage "$wrong"
echo "Reports:"
for profile in conformant vanilla; do echo "  $PWD/.work/$profile/report/report.html"; done
