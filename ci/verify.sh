#!/usr/bin/env bash
# Are the generated files what `make update` would write, and do the rules of the repository hold? Works on a copy, so
# nothing here changes; a generated file that is missing or new is a difference like any other.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. kind/cache.sh

copy="$(mktemp -d)"
trap 'rm -rf "$copy"' EXIT
mkdir "$copy/before"
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
	# A file may be deleted and not yet staged.
	if [ -e "$file" ]; then printf '%s\0' "$file"; fi
done | tar --create --null --files-from - | tar --extract --directory "$copy/before"
cp -R "$copy/before" "$copy/after"
git -C "$copy/after" init --quiet
say "writing the generated files in a copy"
"$copy/after/ci/update.sh" >"$copy/log" 2>&1 || { cat "$copy/log" >&2; usage "make update fails, see above"; }
rm -rf "$copy/after/.git"
failed=0
if ! diff --recursive --brief "$copy/before" "$copy/after" | sed "s|$copy/||g"; then
	diff --recursive --unified "$copy/before" "$copy/after" | head -n 40 >&2 || true
	say "generated files are not current: run make update and commit what it changes"
	failed=1
fi
say "rules of the repository"
go test -count=1 ./ci || failed=1
exit "$failed"
