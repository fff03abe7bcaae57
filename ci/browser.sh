#!/usr/bin/env bash
# browser.sh test                        tests the HTML report in a real Chromium: what is seen, heard, pressed and printed
# browser.sh screenshots [FOLDER...]     pictures of the reports in these folders, phone and desktop, both languages
# Chromium and pdftotext are Debian's; axe-core is fetched once and only used here, never shipped.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. kind/cache.sh

install_missing() {
	local missing=()
	command -v chromium >/dev/null || missing+=(chromium)
	command -v pdftotext >/dev/null || missing+=(poppler-utils)
	fc-list 2>/dev/null | grep -q DejaVuSans.ttf || missing+=(fonts-dejavu-core)
	fc-list 2>/dev/null | grep -q LiberationSans-Regular || missing+=(fonts-liberation)
	[ "${#missing[@]}" -gt 0 ] || return 0
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then usage "missing: install the packages ${missing[*]}"; fi
	say "installing ${missing[*]}"
	apt-get update -qq >&2
	DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >&2
}

axe_version=4.14.1
axe_sha512='FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=='
# shellcheck disable=SC2317 # artefact calls it
fetch_axe() {
	curl --fail --silent --show-error --location --retry 3 --output "$1/axe.tgz" "https://registry.npmjs.org/axe-core/-/axe-core-$axe_version.tgz"
	[ "$(openssl dgst -sha512 -binary "$1/axe.tgz" | base64 --wrap 0)" = "$axe_sha512" ] || usage "axe-core $axe_version is not what was pinned"
	tar --extract --gzip --file "$1/axe.tgz" --directory "$1" --strip-components 1 package/axe.min.js package/LICENSE
	rm "$1/axe.tgz"
}

# pages FOLDER: the example pages of reports/html.
pages() {
	mkdir -p "$1"
	go test -count=1 -run '^TestExamples$' ./reports/html -pages "$1" >&2
}

work="$PWD/.work/browser"
rm -rf "$work"
install_missing
BVC_CHROMIUM="$(command -v chromium)"
BVC_AXE="$(artefact axe fetch_axe "=$axe_version" "=$axe_sha512")/axe.min.js"
export BVC_CHROMIUM BVC_AXE BVC_PAGES="$work/pages"
case "${1:-}" in
test)
	pages "$work/pages"
	cd ci/browser
	go test -count=1 -timeout 20m -parallel 2 -v .
	;;
screenshots)
	shift
	export BVC_SCREENSHOTS="$PWD/.work/screenshots"
	rm -rf "$BVC_SCREENSHOTS"
	mkdir -p "$BVC_SCREENSHOTS" "$work/pages"
	for folder in "$@"; do
		# The report of .work/NAME/report is called NAME.
		name="$(basename "$folder")"
		[ "$name" != report ] || name="$(basename "$(dirname "$(realpath "$folder")")")"
		# Its exit code says what the report says.
		go run ./plugins/bvc report "$folder" -o html --out "$work/pages/$name.html" || [ -s "$work/pages/$name.html" ]
	done
	[ $# -gt 0 ] || pages "$work/pages"
	cd ci/browser
	go test -count=1 -timeout 10m -run '^TestScreenshots$' . >&2
	printf '%s\n' "$BVC_SCREENSHOTS"/*.png
	;;
*)
	usage "usage: browser.sh test | browser.sh screenshots [FOLDER...]"
	;;
esac
