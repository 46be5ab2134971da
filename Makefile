# petcd: `make run` builds the store and runs a three-member cluster; `make test` runs the tests.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VERSION := $(shell sed -n 's/.*Petcd = "\(.*\)"/\1/p' server/version/version.go)
BIN     := bin
DATA    ?= data

# What --version shows of where a binary comes from.
COMMIT  := $(shell git rev-parse --short=7 HEAD 2>/dev/null)
LDFLAGS := -s -w -X github.com/petcd/petcd/server/version.commit=$(COMMIT)

# One set of compiled packages, optimized by the profile of the store's own loads, serves builds, tests and releases; only the
# race detector needs cgo. What is not the store is built without the profile.
PROFILE := $(CURDIR)/server/cmd/etcd/default.pgo
# GOFLAGS may be another make's, with the profile.
PLAIN   := $(filter-out '-pgo=$(PROFILE)',$(GOFLAGS)) -trimpath
export CGO_ENABLED := 0
export GOFLAGS := $(PLAIN) '-pgo=$(PROFILE)'

# How much the long campaigns do; a seed of 0 draws one and prints it.
SEED        ?= 0
KILLS       ?= 1000
LANES       ?= 1
FAULTS      ?= 300
DIFF_OPS    ?= 100000
DIFF_V2_OPS ?= 50000
FUZZTIME    ?= 20000x
CUTS        ?= 1000
FLIPS       ?= 1000
STALL       ?= 30s
SOAK        ?= 60m
BENCH_PAIRS ?= 5
SEEDS       ?= 10000
MUTANTS     ?= all

# What the third-party clients are run on: "all" has Patroni on the real etcd, too.
CLIENTS ?= 1

.PHONY: help
help: ## Lists the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Builds etcd, etcdctl, etcdutl and bench into bin/.
	@mkdir -p $(BIN)
	@echo 'building into $(BIN)/ (minutes the first time, then seconds)'
	@go build -ldflags '$(LDFLAGS)' -o $(BIN)/etcd ./server/cmd/etcd
	@go build -ldflags '$(LDFLAGS)' -o $(BIN)/etcdctl ./etcdctl
	@go build -ldflags '$(LDFLAGS)' -o $(BIN)/etcdutl ./server/cmd/etcdutl
	@go build -o $(BIN)/bench ./bench
	@go build -o $(BIN)/devcluster ./server/cmd/devcluster

.PHONY: run
run: build ## Builds, then runs a three-member cluster on loopback until Ctrl-C; its data stays in data/.
	@exec $(BIN)/devcluster --etcd $(BIN)/etcd --data-dir $(DATA)

.PHONY: test
test: build ## Runs every test but the long campaigns; with `make peers` done before, against the real etcd too.
	@go test -timeout 9m ./...

# The advisory left out reads which libraries are in the binary, and a script stands in for that here.
.PHONY: test-grpc-go
test-grpc-go: build ## Runs the conformance suite on a petcd whose gRPC is served by grpc-go.
	@printf '#!/bin/sh\nETCD_GRPC_FAST_PATH=false exec %s "$$@"\n' $(CURDIR)/$(BIN)/etcd >$(BIN)/etcd-grpc-go && chmod +x $(BIN)/etcd-grpc-go
	@PETCD_BIN=$(CURDIR)/$(BIN)/etcd-grpc-go PETCD_CONFORMANCE=petcd go test -count=1 -timeout 20m -skip '^TestAdvisories$$/^CVE-2023-44487$$' ./server/conformance

.PHONY: race
race: ## Runs the tests of the concurrent parts under the race detector.
	@CGO_ENABLED=1 go test -race -short -timeout 15m ./raft/... ./storage/... ./server/replica/... ./server/apply/... ./server/lessor/... ./server/membership/... ./server/expirer/... ./server/api/... ./server/v2http/... ./server/v2copy/... ./server/crashimage/... ./server/listener/... ./server/auth/... ./server/password/... ./server/v2auth/... ./server/tlsconfig/... ./server/recipes/... ./server/httpapi/... ./server/grpcproxy/... ./server/gateway/... ./server/corruption/... ./server/rpc/...

.PHONY: lint
lint: ## Checks format, vet, and the rules of .golangci.yml (who may import whom among them).
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo 'lint: run gofmt on these'; exit 1; }
	@go vet ./...
	@.ci/golangci-lint . run ./...

.PHONY: vuln
vuln: ## Looks the module's dependencies up in the Go vulnerability database, which it must reach.
	@.ci/vuln

.PHONY: fuzz
fuzz: ## Runs every fuzz target for FUZZTIME each: a number of inputs (20000x) or a time (10m).
	@.ci/fuzz $(FUZZTIME)

.PHONY: peers
peers: ## Puts the real etcd 3.4.23 and 3.7.3 into bin/peers, for the tests and benchmarks that compare.
	@GOFLAGS='$(PLAIN)' bench/peer/fetch $(BIN)/peers

.PHONY: mixin
mixin: build ## Has a real Prometheus evaluate the alerts of etcd's mixin on clusters, healthy and broken.
	@bench/mixin/fetch $(BIN)/mixin
	@PETCD_MIXIN=1 PETCD_BIN=$(CURDIR)/$(BIN)/etcd go test -count=1 -v -timeout 10m ./server/mixin

.PHONY: clients
clients: build peers ## Runs clients of others (python3-etcd, node-etcd, Patroni, …) against petcd; installs them, as root.
	@server/thirdparty/fetch $(BIN)/clients
	@PETCD_THIRDPARTY=$(CLIENTS) PETCD_BIN=$(CURDIR)/$(BIN)/etcd go test -count=1 -v -timeout 5m -parallel 4 ./server/thirdparty

.PHONY: kill
kill: build ## Crash campaign: KILLS random kill -9 on real clusters under load, LANES of them at once.
	@PETCD_LANES=$(LANES) PETCD_KILLS=$(KILLS) PETCD_SEED=$(SEED) go test -count=1 -v -timeout 120m -run 'TestKillCampaign' ./server/robustness

.PHONY: faults
faults: build ## Fault campaign: FAULTS kills, pauses and partitions under load, checked for linearizability.
	@PETCD_FAULTS=$(FAULTS) PETCD_SEED=$(SEED) go test -count=1 -v -timeout 120m -run 'TestLinearizability' ./server/robustness

.PHONY: powercuts
powercuts: build ## CUTS power cuts under load: of machines with an ext4 each (root), and of a file system that loses all that was not synced.
	@PETCD_LANES=3 PETCD_POWERCUTS=$(CUTS) PETCD_SEED=$(SEED) go test -count=1 -v -timeout 240m -run 'Test(Strict)?PowerCuts$$' ./server/robustness

.PHONY: robustness
robustness: ## The crash campaign of real clusters: KILLS kill -9 and CUTS power cuts on clusters of three and five members.
	@$(MAKE) kill LANES=3
	@$(MAKE) powercuts

.PHONY: flips
flips: ## FLIPS bits turned over in one member's files, one at a time: found or harmless, never served, repaired without an operator.
	@PETCD_FLIPS=$(FLIPS) PETCD_SEED=$(SEED) go test -count=1 -v -timeout 120m -run 'TestBitFlips' ./server

.PHONY: stall
stall: build peers ## Freezes the leader's disk for STALL under writes, on petcd and on the real etcd 3.7.3. Needs root.
	@PETCD_STALL=$(STALL) PETCD_BIN=$(CURDIR)/$(BIN)/etcd go test -count=1 -v -timeout 30m -run 'TestDiskStall' ./server/robustness

.PHONY: soak
soak: build ## Kubernetes' traffic with faults for SOAK; memory, files and goroutines of each member as a table and a page in bin/soak.
	@PETCD_SOAK=$(SOAK) PETCD_SOAK_DIR=$(CURDIR)/$(BIN)/soak go test -count=1 -v -timeout 600m -run 'TestSoak$$' ./server/robustness

.PHONY: interop
interop: ## gRPC's interoperability tests, and h2spec, on petcd's gRPC transport; fetches both.
	@.ci/h2spec
	@.ci/grpc-interop
	@go test -count=1 -run 'TestH2spec' ./server/rpc

.PHONY: mutants
mutants: ## Plants faults, etcd's known bugs among them, and demands that the tests find each; MUTANTS=name,… for some.
	@PETCD_MUTANTS=$(MUTANTS) go test -count=1 -v -timeout 120m ./server/mutants

.PHONY: sim
sim: ## Simulates SEEDS clusters under faults, from the seed SEED on: machines, disks, network and clocks in one goroutine.
	@PETCD_SIM_SEEDS=$(SEEDS) PETCD_SEED=$(SEED) go test -count=1 -v -timeout 600m -run 'TestCampaign' ./server/simulation

.PHONY: diff
diff: build peers ## Differential campaign: DIFF_OPS random operations, and DIFF_V2_OPS of API 2, to petcd and to the real etcd.
	@PETCD_DIFF_OPS=$(DIFF_OPS) PETCD_V2_DIFF_OPS=$(DIFF_V2_OPS) PETCD_DIFF_SEED=$(SEED) go test -count=1 -v -timeout 60m -run 'Test(V2)?Differential$$' ./server/conformance

.PHONY: bench
bench: build peers ## Measures petcd beside the real etcd, in turns: tables, and bin/bench{,-v2}.{json,html}.
	@$(BIN)/bench compare --pairs $(BENCH_PAIRS) --json $(BIN)/bench.json --html $(BIN)/bench.html
	@$(BIN)/bench v2-compare --pairs $(BENCH_PAIRS) --json $(BIN)/bench-v2.json --html $(BIN)/bench-v2.html

.PHONY: bench-quick
bench-quick: build peers ## Runs every row of the benchmarks in a short form, which shows that they work and measures nothing.
	@$(BIN)/bench compare --quick --json $(BIN)/bench-quick.json --html $(BIN)/bench-quick.html

.PHONY: profile
profile: build ## Takes the profile again that the compiler optimizes by, under the loads of bench/profile.
	@bench/profile $(BIN)/etcd $(BIN)/bench '$(PROFILE)'

.PHONY: bigstore
bigstore: build peers ## Loads 1,000,000 keys of 1 KiB into petcd and the real etcd: start-up, memory, counts.
	@$(BIN)/bench bigstore

.PHONY: generate
generate: ## Generates the Go code of our .proto files; needs protoc.
	@.ci/generate

.PHONY: release
release: ## Writes dist/etcd-v<version>-linux-{amd64,arm64}.tar.gz and their checksums.
	@.ci/release $(VERSION)

.PHONY: release-check
release-check: release ## Checks that the release is reproducible and that its archive serves.
	@.ci/release-check $(VERSION)

.PHONY: cross
cross: ## Compiles what is shipped for macOS and Windows.
	@for os in darwin windows; do GOOS=$$os go build ./server/cmd/etcd ./server/cmd/etcdutl ./etcdctl || exit 1; done

# Which release of Kubernetes the control plane's API is that of; kubectl asks.
KUBERNETES := v1.37.2

# The parts that make up a node; their tests are test-nodes', as most need root.
# SHORT=-short leaves the longest of them out.
SHORT ?=
NODES := ./critest/... ./runtime/... ./kubelet/... ./proxy/... ./dns/... ./images/... ./kubeadm/... ./tour/...

.PHONY: control-plane
control-plane: build ## Builds the programs of the control plane and of nodes into bin/ (minutes the first time).
	@echo 'building the programs of control plane and nodes into $(BIN)/ (the first time 4 minutes on two idle cores, silently)'
	@cd orchestrator && GOFLAGS='$(PLAIN)' go build -ldflags '-s -w -X k8s.io/component-base/version.gitVersion=$(KUBERNETES) -X k8s.io/component-base/version.gitCommit=$(COMMIT)' -o $(CURDIR)/$(BIN)/ ./cmd/...

.PHONY: test-control-plane
test-control-plane: control-plane ## Runs the control plane's tests, with a stock kubectl: the one on PATH, or Debian's.
	@.ci/kubectl $(BIN)/kubectl
	@cd orchestrator && GOFLAGS='$(PLAIN)' PATH="$$PATH:$(CURDIR)/$(BIN)/kubectl" go test -timeout 15m $$(go list ./... | grep -vE '/orchestrator/(critest|runtime|kubelet|proxy|dns|images|kubeadm|tour)(/|$$)')

.PHONY: lint-control-plane
lint-control-plane: ## Checks the control plane's code, as lint does the store's.
	@GOFLAGS='$(PLAIN)' .ci/golangci-lint orchestrator run ./...

.PHONY: images
images: control-plane ## Writes the OCI images of etcd, the control plane and what runs beside them into bin/images.oci; needs no Docker.
	@.ci/node-packages
	@$(BIN)/images build --bin $(BIN) --out $(BIN)/images.oci

# What would fail after minutes of building fails at once.
.PHONY: kube-needs
kube-needs:
	@[ "$$(uname -s)" = Linux ] && [ "$$(id -u)" = 0 ] || { echo 'make kube: needs Linux and root, for network namespaces and cgroups'; exit 1; }

.PHONY: kube
kube: kube-needs images ## Runs a cluster with real containers until Ctrl-C: a control plane, two workers, a web application. Needs root.
	@exec $(BIN)/kubeadm up --root $(CURDIR)/kube

.PHONY: test-nodes
test-nodes: images ## Runs the tests of nodes: runtimes, kubelet, proxy, pod network, clusters. Needs root; elsewhere they say what they skip.
	@.ci/node-packages all
	@.ci/kubectl $(BIN)/kubectl
	@cd orchestrator && GOFLAGS='$(PLAIN)' PATH="$$PATH:$(CURDIR)/$(BIN)/kubectl" PETCD_BIN_DIR=$(CURDIR)/$(BIN) go test -timeout 15m $(SHORT) $(NODES)

.PHONY: simulate
simulate: control-plane ## Runs the control plane with three simulated nodes until Ctrl-C; its data is in simcluster/.
	@exec $(BIN)/simcluster --data-dir simcluster

.PHONY: clean
clean: ## Removes what the other targets wrote, the cluster's data included.
	@test ! -d kube || $(BIN)/kubeadm down --root $(CURDIR)/kube
	@rm -rf $(BIN) dist $(DATA) simcluster kube
