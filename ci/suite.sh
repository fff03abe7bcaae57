#!/usr/bin/env bash
# suite.sh PROFILE FOLDER [OPTION...]: brings up the cluster, puts our image beside it, runs the suite through Sonobuoy
# with the options of `bvc run`, and leaves the report in FOLDER. Ends with the exit code of `bvc run`.
set -o errexit -o nounset -o pipefail
[ $# -ge 2 ] || { echo "usage: suite.sh PROFILE FOLDER [OPTION OF bvc run...]" >&2; exit 3; }
profile="$1" folder="$2"
shift 2
mkdir -p "$folder"
folder="$(cd "$folder" && pwd)"
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. kind/cache.sh

kubeconfig="$(ci/prepare.sh "$profile")"
# Two runs on one cluster would measure each other.
exec {lock}>".work/$profile/.lock"
flock "$lock"
# A test that runs the suite on several clusters builds once.
image="${BVC_IMAGE:-$(ci/image.sh)}"
{ read -r _ && read -r sonobuoy; } < <(kind/sonobuoy.sh)
cold="$(ci/cold-image.sh)"

# As a site does: what lies in its registry is signed with its key, and the images to try signatures with lie beside it.
mirrored=".work/$profile/mirrored.json"
bin/bvc mirror --image "${image/#bvc-registry:5000/127.0.0.1:5001}" --also "${cold/#bvc-registry:5000/127.0.0.1:5001}" --plain-http \
	--to 127.0.0.1:5001 --as bvc-registry:5000 --key "$(kind/signing-key.sh)/private.pem" -o json >"$mirrored"
field() { sed -n "s|^ *\"$1\": \"\(bvc-registry[^\"]*\)\".*|\1|p" "$mirrored"; }
{ read -r image && read -r cold; } < <(field reference)

site=".work/$profile/site.yaml"
read -r canary_address canary_port < <(kind/canary.sh)
{
	sed "s/^name: .*/name: kind, Profil $profile/" kind/site.yaml
	printf 'images:\n  plainHTTP: true\n'
	for one in signed unsigned wrongKey; do printf '  %s: %s\n' "$one" "$(field "$one")"; done
	printf 'egressCanary:\n  address: %s\n  port: %s\n' "$canary_address" "$canary_port"
	# What the profile says of its own ports.
	if [ -f "kind/profiles/$profile/site.yaml" ]; then cat "kind/profiles/$profile/site.yaml"; fi
} >"$site"
say "$profile: running the suite"
rm -f "$folder"/{report.json,evidence.json,report.html,junit.xml}
# Nobody else uses these clusters: requests are not held back as they are at a site (QPS=5 holds them back).
exec bin/bvc run --qps "${QPS:-10}" --kubeconfig "$kubeconfig" --site "$site" --image "$image" --sonobuoy-image "$sonobuoy" --cold-image "$cold" \
	--output "$folder" "$@"
