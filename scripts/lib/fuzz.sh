# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by what runs the fuzzer of tests/fuzz, after common.sh.

corpus=$top/tests/fuzz/corpus
# which of the kernel's files are the series' own
OWN_FILES='gem/i915_gem_(execbuffer3|timeline_fence|vm_bind[a-z_]*)\.c$'
fuzz_build() { program fuzz vmbind -D_GNU_SOURCE "$top"/tests/fuzz/*.c; }
