#!/usr/bin/env bash
# Builds bin/bvc: static, the same bytes from the same commit on every machine.
set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

commit="$(git rev-parse HEAD)"
version="$(git describe --tags --exact-match --match 'v*' 2>/dev/null || echo devel)"
# The truth tables are written while they are measured, and are no part of the program.
if [ -n "$(git status --porcelain -- . ':!ci/matrix/*.json')" ]; then commit+=-dirty version=devel; fi
mkdir -p bin
CGO_ENABLED=0 GOOS=linux GOARCH=amd64 GOWORK=off go build -trimpath -buildvcs=false \
	-ldflags "-s -w -X main.version=$version -X main.commit=$commit" -o bin/bvc ./plugins/bvc
