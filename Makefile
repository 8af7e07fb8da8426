# SPDX-License-Identifier: MIT
# Each target calls one script; see docs/workflow.md and docs/testing.md.
#   make run CMD='...' KERNEL=stock|vmbind|debug|debian PLATFORM=tgl|dg1 PARAMS='i915 options' TIMEOUT=seconds

KERNEL ?= vmbind
PLATFORM ?= tgl
PARAMS ?=
TIMEOUT ?= 600
CMD ?=
TOPICS ?=
FUZZ_SECONDS ?= 600
export CMD

CHECKS := check-style check-model check-mock check-live check-uapi check-fuzz check-stock check-clients check-series

.PHONY: help deps compose import build run shell demo series check bench bench-compare fuzz coverage $(CHECKS)

help: ## this list
	@sed -nE 's/^([a-z$$(){}A-Z-]+):.*## /\1\t/p' $(MAKEFILE_LIST) | sed 's/$$(CHECKS)/check-.../' | expand -t 16

deps: ## install what is missing (as root), or say what it is
	@scripts/deps

compose: ## make build/linux and build/qemu from Debian's sources and the patches
	@scripts/deps compose && scripts/compose linux && scripts/compose qemu

import: ## take the commits of build/linux and build/qemu back into files/ and patches/
	@for t in linux qemu; do if [ -d build/$$t/.git ]; then scripts/import $$t; fi; done

build: ## QEMU with the GPU model, and the kernel KERNEL
	@scripts/deps build && scripts/build-qemu && scripts/build-linux $(KERNEL)

run: ## boot on the emulated GPU and run the demo, or CMD
	@scripts/boot --kernel $(KERNEL) --platform $(PLATFORM) --params '$(PARAMS)' --timeout $(TIMEOUT)

shell: ## a shell in the guest
	@scripts/boot --kernel $(KERNEL) --platform $(PLATFORM) --params '$(PARAMS)' --shell

series: ## mails ready to send, in build/series
	@scripts/deps compose && scripts/series

check: ## every tier
	@scripts/check

bench: ## measure again what docs/bench.md shows (some minutes)
	@scripts/bench $(TOPICS)

bench-compare: ## measure, and fail where a figure is 5 % worse than in bench/data
	@scripts/bench-compare

fuzz: ## look for inputs that reach something new, for FUZZ_SECONDS (600)
	@scripts/deps build && scripts/fuzz $(FUZZ_SECONDS)

coverage: ## which lines of the series the tests reach (half an hour)
	@scripts/deps build && scripts/coverage

$(CHECKS): ## one tier: style model mock live uapi fuzz stock clients series
	@scripts/check $(@:check-%=%)
