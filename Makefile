# Martlet: an MTProto proxy. `make` explains itself.
SHELL := /bin/bash
SWIFT ?= swift
CONFIGURATION ?= release
# One file without Swift's libraries beside it, and no run-time check of exclusive access on the data path.
RELEASE_FLAGS = --static-swift-stdlib -Xswiftc -enforce-exclusivity=unchecked
ARGS ?=
ROUNDS ?= 3
TEST_FILTER ?=
RUN_TESTS = $(SWIFT) test --skip-build --experimental-maximum-parallelization-width 8
# One after the other: what only computes would take the processors from what waits for an answer in time.
SOCKET_TESTS = ^(EndToEndTests|ProxyEngineTests)\.
PROGRAM_TESTS = ^CommandTests\.
# A crashing test shall end, not wait for a debugger.
export SWIFT_BACKTRACE = enable=yes,interactive=no,color=no

.DEFAULT_GOAL := help
.PHONY: help build run test e2e format lint check man completions deb test-deb test-systemd test-image bench clean

help: ## This list
	@echo "Martlet, an MTProto proxy. Targets:"
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "Start with: make run        (options: make run ARGS='--port 2443')"

build: ## Build the program (release): .build/release/martlet
	@scripts/install-tools.sh build
	$(SWIFT) build -c $(CONFIGURATION) --product martlet $(if $(filter release,$(CONFIGURATION)),$(RELEASE_FLAGS))

run: build ## Build and start the local bridge on 127.0.0.1:1443
	@exec .build/$(CONFIGURATION)/martlet run $(ARGS)

test: ## Everything: installs what the tests need, then runs them all
	@scripts/install-tools.sh test
	$(SWIFT) build --build-tests
ifneq ($(TEST_FILTER),)
	$(RUN_TESTS) --filter '$(TEST_FILTER)'
else
	$(RUN_TESTS) --skip '$(SOCKET_TESTS)' --skip '$(PROGRAM_TESTS)'
	$(RUN_TESTS) --filter '$(SOCKET_TESTS)'
	$(RUN_TESTS) --filter '$(PROGRAM_TESTS)'
endif

e2e: ## Only the end-to-end tests, over real sockets
	@$(MAKE) test TEST_FILTER=EndToEndTests

configuration-page: ## Write docs/configuration.md anew, after a change of the options
	$(SWIFT) build --product martlet
	.build/debug/martlet config print --reference > docs/configuration.md

format: ## Format all Swift sources in place
	$(SWIFT) format --in-place --parallel --recursive Package.swift Sources Tests

lint: ## Formatting, style and the shape of files and functions
	$(SWIFT) format lint --strict --parallel --recursive Package.swift Sources Tests
	@scripts/check-shape.sh

check: lint test ## What a change has to pass: lint and all tests

man: build ## Write the manual page: .build/man/martlet.1
	@mkdir -p .build/man
	@.build/$(CONFIGURATION)/martlet --experimental-dump-help \
		| scripts/make-man.py "$$(.build/$(CONFIGURATION)/martlet --version)" > .build/man/martlet.1
	@ln -sf martlet.1 .build/man/mtproto-proxy.1
	@echo .build/man/martlet.1

completions: build ## Write completions for bash, zsh and fish: .build/completions
	@scripts/make-completions.sh .build/$(CONFIGURATION)/martlet .build/completions
	@ls -d .build/completions/*

deb: build ## Make the Debian package: .build/packages
	@scripts/install-tools.sh deb
	@scripts/make-deb.sh --binary .build/$(CONFIGURATION)/martlet

test-deb: build ## Try the package in a Debian of its own (root; minutes, so not a part of `make test`)
	@scripts/test-deb.sh .build/$(CONFIGURATION)/martlet

test-systemd: build ## Try the service under a systemd of its own (root)
	@scripts/test-systemd.sh .build/$(CONFIGURATION)/martlet

test-image: build ## Run the files of the container image as a container would (root)
	@scripts/test-image.sh .build/$(CONFIGURATION)/martlet

bench: build ## Speed and memory against a minimal C relay (needs a C compiler, libssl-dev, root for port 443)
	@scripts/bench.sh $(ROUNDS) $(ARGS)

clean: ## Remove what was built
	rm -rf .build bench/mtload bench/crelay
