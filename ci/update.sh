#!/usr/bin/env bash
# Writes every generated file and every golden file anew. What changes is for review, not for committing unread.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

go run ./reports/v1alpha1/schema/gen
# Packages that keep such files say so by a flag of their tests.
mapfile -t packages < <(git ls-files --cached --others --exclude-standard '*_test.go' | xargs grep -lF 'flag.Bool("update"' | xargs -n 1 dirname | sort -u)
go test -count=1 "${packages[@]/#/./}" -update
