#!/usr/bin/env bash
# peer.sh [PROFILE...]: on each profile (conformant and vanilla unless named) runs our segmentation probe and then cyclonus
# over the same pairs in the same situations, and writes how the two agree, with what lies in .work/peer of other
# profiles, to the second part of ci/bench/network.md.
# ALL_PAIRS=STAGE[,STAGE...], all or none: in these stages (denied unless named) cyclonus is measured besides, for its time
# only, without a choice of pairs. A stage takes minutes then.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. kind/cache.sh
[ $# -gt 0 ] || set -- conformant vanilla
ALL_PAIRS="${ALL_PAIRS:-denied}"
servers=cyclonus-servers clients=cyclonus-clients

{ read -r peer && read -r _ && read -r registry; } < <(kind/cyclonus.sh)
kubectl="$(kind/binaries.sh "${K8S_VERSION:-1.36}")/kubectl"

clean() { "$kubectl" delete namespace "$servers" "$clients" --ignore-not-found --wait >&2; }
# prepare PROFILE: namespaces as a tenant of that profile has them.
prepare() {
	local namespace
	for namespace in "$servers" "$clients"; do
		"$kubectl" create namespace "$namespace" >&2
		"$kubectl" --namespace "$namespace" create serviceaccount cyclonus >&2
		if [ -f "kind/profiles/$1/default-deny.yaml" ]; then
			"$kubectl" --namespace "$namespace" apply --filename "kind/profiles/$1/default-deny.yaml" >&2
		fi
	done
}
# drive PROFILE FILE [OPTION...]: cyclonus in fresh namespaces.
drive() {
	local profile="$1" file="$2"
	shift 2
	clean
	prepare "$profile"
	"$peer" -image-registry "$registry" -plan ".work/peer/plan.json" -output "$file.new" "$@"
	mv "$file.new" "$file"
}

mkdir -p .work/peer
go run ./ci/peer plan "$servers" "$clients" >.work/peer/plan.json
for profile in "$@"; do
	folder=".work/peer/$profile"
	code=0
	# The label leaves one probe: segmentation.
	ci/suite.sh "$profile" "$folder" --label-filter 'req: containsAny APP.4.4.A18' || code=$?
	[ "$code" -le 2 ] || usage "the run on $profile ended with exit code $code"
	KUBECONFIG="$(kind/cluster.sh up "$profile")"
	export KUBECONFIG
	# No run of the suite while cyclonus measures.
	exec {lock}>".work/$profile/.lock"
	flock "$lock"
	trap clean EXIT
	say "$profile: cyclonus, the same pairs"
	drive "$profile" "$folder/cyclonus.json"
	rm -f "$folder/cyclonus-all.json"
	if [ "$ALL_PAIRS" != none ]; then
		say "$profile: cyclonus, every pair"
		only=()
		[ "$ALL_PAIRS" = all ] || only=(-stages "$ALL_PAIRS")
		drive "$profile" "$folder/cyclonus-all.json" -all-pairs "${only[@]}"
	fi
	clean
	trap - EXIT
	exec {lock}>&-
done

runs=()
for folder in .work/peer/*/; do
	[ ! -f "$folder/cyclonus.json" ] || runs+=("$(basename "$folder")=$folder")
done
file=ci/bench/network.md
go run ./ci/peer compare "make peer" "${runs[@]}" >.work/peer/section.md
# The first part is of `make bench AREA=network`, which keeps this one.
first="$(sed '/^## Held against cyclonus$/,$d' "$file" 2>/dev/null || true)"
{
	[ -z "$first" ] || printf '%s\n\n' "$first"
	cat .work/peer/section.md
} >"$file.new"
mv "$file.new" "$file"
say "written: $file"
