#!/usr/bin/env bash
# test.sh unit|api|browser|clusters...: runs the parts one after the other and says at the end what each package said.
# A part that fails does not keep the next one from running, so that one run shows all that is wrong.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. kind/cache.sh

unit() { go test -count=1 ./...; }

api() {
	local binaries
	binaries="$(kind/binaries.sh "${K8S_VERSION:-1.36}")"
	BVC_KUBE_BINARIES="$binaries" go test -count=1 -tags apiserver -timeout 10m -v ./ci/apiserver
}

browser() { ci/browser.sh test; }

clusters() {
	local profile image profiles=()
	for profile in kind/expected/*.yaml; do
		profiles+=("$(basename "$profile" .yaml)")
		kind/cluster.sh up "${profiles[-1]}" >/dev/null
	done
	image="$(ci/image.sh)"
	BVC_IMAGE="$image" BVC_E2E_PROFILES="${profiles[*]}" go test -count=1 -tags e2e -timeout 60m -v ./ci/e2e
}

log="$(mktemp)"
trap 'rm -f "$log"' EXIT
failed=()
for part in "$@"; do
	say "test: $part"
	# A function in a condition runs without errexit, hence the shell of its own.
	(set -o errexit; "$part") > >(tee --append "$log") &
	code=0
	wait $! || code=$?
	# Whatever ended it, even a signal that leaves no word.
	if [ "$code" != 0 ]; then failed+=("$part (exit code $code)"); fi
done
say "what the packages said:"
grep -E '^(ok|FAIL|panic:|---|    ---) ' "$log" || grep -E '^(ok|FAIL)' "$log" || true
if [ "${#failed[@]}" -gt 0 ]; then
	# Last, where whoever reads the end of a long log sees it.
	say "what the tests that failed said:"
	grep -E '^ +[a-z0-9_]+_test\.go:[0-9]+: ' "$log" | cut -c 1-400 | head -n 60 || true
	say "failed: ${failed[*]}"
	exit 1
fi
say "all passed: $*"
