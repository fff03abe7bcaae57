# `make help` lists what there is. The work is done by scripts under ci/ and kind/; the programs print what they do.
SHELL := bash
.SHELLFLAGS := -o errexit -o nounset -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

PROFILE ?= conformant
export K8S_VERSION ?= 1.36

.PHONY: help
help: ## lists the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand --tabs=24

.PHONY: demo
demo: ## both clusters, the suite through Sonobuoy on each, two HTML reports
	@ci/demo.sh

.PHONY: test
test: ## all tests: test-unit, test-api, test-browser and test-clusters
	@ci/test.sh unit api browser clusters

.PHONY: test-unit
test-unit: ## unit tests, fuzz seeds, repository rules; needs nothing but Go
	@ci/test.sh unit

.PHONY: test-api
test-api: ## integration test against a real etcd and kube-apiserver
	@ci/test.sh api

.PHONY: test-browser
test-browser: ## the HTML report in a real Chromium: WCAG rules, keyboard, search, print, no network
	@ci/test.sh browser

.PHONY: test-clusters
test-clusters: ## the suite on both clusters, held against kind/expected
	@ci/test.sh clusters

.PHONY: build
build: ## the binary bin/bvc
	@ci/build.sh

.PHONY: image
image: ## the image of bvc in the local registry; its reference goes to .work/image
	@ci/image.sh

.PHONY: cold-image
cold-image: ## an image with a layer that no node has; its reference goes to .work/cold-image
	@ci/cold-image.sh

.PHONY: cluster
cluster: ## the kind cluster PROFILE=vanilla|native|kyverno|conformant (K8S_VERSION=1.33 to 1.36, NODE_IMAGE=...)
	@kind/cluster.sh up "$(PROFILE)"

.PHONY: cluster-delete
cluster-delete: ## removes the cluster PROFILE=..., or all of them without one
	@kind/cluster.sh down $(if $(filter command line environment,$(origin PROFILE)),"$(PROFILE)")

.PHONY: run
run: ## the suite through Sonobuoy on PROFILE=..., FILTER=... selects by label
	@ci/suite.sh "$(PROFILE)" ".work/$(PROFILE)/report" $(if $(FILTER),--label-filter "$(FILTER)")

.PHONY: screenshots
screenshots: ## pictures of reports, phone and desktop, both languages, in .work/screenshots; REPORTS="folder..."
	@ci/browser.sh screenshots $(or $(REPORTS),$(dir $(wildcard .work/*/report/report.json)))

.PHONY: matrix
matrix: ## the truth table ci/matrix/AREA.json, AREA=all or one, CLUSTER="name..." for single rows
	@ci/matrix.sh "$(or $(AREA),all)" $(CLUSTER)

.PHONY: bench
bench: ## measures a run and writes ci/bench/run.md; AREA=admission: one area on each profile
	@ci/bench.sh $(AREA)

.PHONY: peer
peer: ## holds the segmentation probe against cyclonus, ci/bench/network.md; PROFILE=..., or conformant and vanilla
	@ci/peer.sh $(if $(filter command line environment,$(origin PROFILE)),"$(PROFILE)")

.PHONY: lint
lint: ## golangci-lint and shellcheck
	@ci/lint.sh

.PHONY: update
update: ## writes every generated file anew
	@ci/update.sh

.PHONY: verify
verify: ## generated files are current, repository rules hold
	@ci/verify.sh

.PHONY: fuzz
fuzz: ## every fuzz test for FUZZTIME=20s
	@ci/fuzz.sh

.PHONY: clean
clean: ## removes bin/ and .work/; clusters and caches stay (make cluster-delete)
	@rm -rf bin .work
