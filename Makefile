# SPDX-License-Identifier: MIT
# Each target calls one script, with those of these variables that are set; see docs/workflow.md and docs/testing.md.
#   KERNEL=stock|vmbind|debug|cover|kcsan|debian PLATFORM=tgl|dg1 PARAMS='i915 options' TIMEOUT=seconds
#   DURATION=seconds ROUNDS=number ONLY='what, of all that the target does'

CHECKS := check-style check-model check-mock check-live check-uapi check-fuzz check-stock check-clients check-series

# option VARIABLE: the script's option of that name, with a value in one word.
option = $(if $($1),--$2 '$($1)')
kernel := $(call option,KERNEL,kernel)
on := $(kernel) $(call option,PLATFORM,platform) $(call option,PARAMS,params)
duration := $(call option,DURATION,duration)

# The kernel's make and others do not get them a second time.
MAKEOVERRIDES :=
unexport KERNEL PLATFORM PARAMS TIMEOUT DURATION ROUNDS ONLY PROGRAM TEST
export CMD

.PHONY: help deps compose import build run shell demo series suite suite-counts suite-list check bench bench-compare bench-profile \
	fuzz fuzz-model coverage mutants soak selftest-table $(CHECKS)

help: ## this list
	@sed -nE 's/^([a-z$$(){}A-Z-]+):.*## /\1\t/p' $(MAKEFILE_LIST) | sed 's/$$(CHECKS)/check-.../' | expand -t 16

deps: ## install what is missing (as root), or say what it is
	@scripts/deps

compose: ## make build/linux and build/qemu from Debian's sources and the patches
	@scripts/deps compose && scripts/compose linux && scripts/compose qemu

import: ## take the commits of build/linux and build/qemu back into files/ and patches/
	@for t in linux qemu; do if [ -d build/$$t/.git ]; then scripts/import $$t; fi; done

build: ## QEMU with the GPU model, and the kernel KERNEL (vmbind)
	@scripts/deps build && scripts/build-qemu && scripts/build-linux $(kernel)

run: ## boot KERNEL on the emulated GPU PLATFORM and run the demo, or CMD
	@scripts/boot $(on) $(call option,TIMEOUT,timeout)

shell: ## a shell in the guest
	@scripts/boot $(on) --shell

series: ## mails ready to send, in build/series (PART=fixes, vm_bind or all)
	@scripts/deps compose && scripts/series $(if $(PART),--part $(PART))

check: ## every tier
	@scripts/check $(on)

$(CHECKS): ## one tier: style model mock live uapi fuzz stock clients series
	@scripts/check $(on) $(@:check-%=%)

suite: ## one PROGRAM of the ioctl suite, or of it the TEST
	@scripts/suite $(on) $(call option,TIMEOUT,timeout) $(PROGRAM) $(TEST)

suite-counts: ## what PROGRAM=stress (DURATION seconds each) or fail_nth counts, into results/
	@scripts/suite-counts $(kernel) $(duration) $(PROGRAM)

suite-list: ## how many tests each program of the ioctl suite has
	@scripts/suite-list

mutants: ## whether the tests find each wrong change of tests/mutants (hours), or ONLY these
	@scripts/mutants $(ONLY)

coverage: ## which lines of the series the tests reach (half an hour), again for ONLY these sets
	@scripts/coverage $(ONLY)

fuzz: ## look for inputs that reach something new, for DURATION seconds (600)
	@scripts/fuzz $(call option,PLATFORM,platform) $(duration)

fuzz-model: ## fuzz the GPU model, compiled with sanitizers, for DURATION seconds (600)
	@scripts/fuzz-model $(duration) $(ONLY)

soak: ## suspend, sleep and reset the GPU under load, ROUNDS times (100) each, or ONLY some of these
	@scripts/soak $(kernel) $(call option,ROUNDS,rounds) $(ONLY)

selftest-table: ## all of i915's selftests on the stock and the vmbind kernel, side by side
	@scripts/selftest-table

bench: ## measure again what docs/bench.md shows (some minutes), or ONLY these topics
	@scripts/bench $(ONLY)

bench-compare: ## measure, and fail where a figure is 5 % worse than in bench/data
	@scripts/bench-compare

bench-profile: ## the instructions of one call, by function: ONLY='TOPIC FUNCTION [HIT [OFFSET=VALUE]]'
	@scripts/bench-profile $(ONLY)
