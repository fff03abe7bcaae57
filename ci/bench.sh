#!/usr/bin/env bash
# bench.sh         runs the suite once on the profile conformant and writes what it cost to ci/bench/run.md
# bench.sh AREA    runs the checks of one area on each profile that differs in it and writes what they cost to ci/bench/AREA.md
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. kind/cache.sh
area="${1:-}"
peer_heading='## Held against cyclonus'

code=0
if [ -n "$area" ]; then
	# At the rate that sites get: what `bvc run` takes without --qps.
	runs=() profiles=(kind/profiles/*)
	# To the network the others are as vanilla.
	if [ "$area" = network ]; then profiles=(conformant vanilla); fi
	for profile in "${profiles[@]}"; do
		name="$(basename "$profile")"
		code=0
		QPS=5 ci/suite.sh "$name" ".work/bench-$name" --label-filter "area: containsAny $area" || code=$?
		# Deviations, and a run of some checks only, are what is expected here.
		[ "$code" -le 2 ] || usage "the run on $name ended with exit code $code"
		runs+=("$name=.work/bench-$name")
	done
	{
		go run ./ci/bench -area "$area" -command "make bench AREA=$area" "${runs[@]}"
		# What ci/peer.sh wrote stays.
		if grep -q "^$peer_heading\$" "ci/bench/$area.md" 2>/dev/null; then
			printf '\n'
			sed -n "/^$peer_heading\$/,\$p" "ci/bench/$area.md"
		fi
	} >"ci/bench/$area.md.new"
	mv "ci/bench/$area.md.new" "ci/bench/$area.md"
	say "written: ci/bench/$area.md"
	exit
fi
ci/suite.sh conformant .work/bench || code=$?
[ "$code" = 0 ] || usage "the run on conformant ended with exit code $code: measured is only a run that shows no deviation"
go run ./ci/bench -report .work/bench -image "127.0.0.1:5001/bvc@$(sed 's/.*@//' .work/image)" -demos .work/demo-times >ci/bench/run.md.new
mv ci/bench/run.md.new ci/bench/run.md
say "written: ci/bench/run.md"
