#!/usr/bin/env bash
# Runs the suite once on the profile conformant and writes what it cost to ci/bench/run.md.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. kind/cache.sh

code=0
ci/suite.sh conformant .work/bench || code=$?
[ "$code" = 0 ] || usage "the run on conformant ended with exit code $code: measured is only a run that shows no deviation"
go run ./ci/bench -report .work/bench -image "127.0.0.1:5001/bvc@$(sed 's/.*@//' .work/image)" -demos .work/demo-times >ci/bench/run.md.new
mv ci/bench/run.md.new ci/bench/run.md
say "written: ci/bench/run.md"
