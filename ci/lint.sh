#!/usr/bin/env bash
# golangci-lint, built once from ci/tools, and shellcheck over every shell script of the repository.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. kind/cache.sh

if ! command -v shellcheck >/dev/null; then
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then usage "shellcheck is missing: install the package shellcheck"; fi
	say "installing shellcheck"
	apt-get update -qq >&2
	DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends shellcheck >&2
fi

# shellcheck disable=SC2317 # artefact calls it
build_golangci_lint() { go_build "$PWD/ci/tools" github.com/golangci/golangci-lint/v2/cmd/golangci-lint "$1/golangci-lint"; }
linter="$(artefact golangci-lint build_golangci_lint "$PWD/ci/tools")/golangci-lint"

failed=0
say "shellcheck"
# The first line tells a script; the sourced ones say so in a directive.
mapfile -t scripts < <(git ls-files --cached --others --exclude-standard | while read -r file; do
	if [ -f "$file" ] && head -n 3 "$file" | grep -qaE '^#!.*\b(ba)?sh$|^# shellcheck shell='; then printf '%s\n' "$file"; fi
done)
shellcheck --external-sources --source-path=SCRIPTDIR --source-path="$PWD" "${scripts[@]}" || failed=1
say "golangci-lint"
"$linter" run --build-tags e2e,apiserver ./... || failed=1
# A module of its own.
(cd ci/browser && "$linter" run ./...) || failed=1
exit "$failed"
