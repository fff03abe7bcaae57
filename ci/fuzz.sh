#!/usr/bin/env bash
# Every fuzz test of the module, one after the other, for FUZZTIME each.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. kind/cache.sh

failed=()
while IFS=: read -r file name; do
	say "$name in $(dirname "$file"), ${FUZZTIME:-20s}"
	# Bounded, or the time goes into making interesting inputs smaller.
	go test -run '^$' -fuzz "^$name\$" -fuzztime "${FUZZTIME:-20s}" -fuzzminimizetime 5x "./$(dirname "$file")" || failed+=("$name")
done < <(git grep --untracked -E '^func Fuzz[A-Za-z0-9]+\(' -- '*_test.go' | sed -nE 's/^([^:]+):func (Fuzz[A-Za-z0-9]+)\(.*/\1:\2/p')
[ "${#failed[@]}" = 0 ] || usage "failed: ${failed[*]}; the inputs are kept under testdata/fuzz of their packages"
