# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# Sourced by what runs or reads i915's own selftests, after common.sh: runs i915's own selftests and reads their outcome.

# i915 says `Running GROUP/SUBTEST` in the kernel's log, and ends with -25 in the module parameter if all passed; 0 means
# that nothing ran, anything else is the first failure, which ends the list.
SELFTESTS_PASSED=-25

# selftest_parameter KERNEL mock|live GROUP: the module parameter that chooses one group.
selftest_parameter() {
	local module
	module=$(find "$build/out/linux-$1/modules/" -name i915.ko)
	modinfo -F parm "$module" | sed -nE "s/^(igt__[0-9]+__$2_$3):.*/\\1/p"
}

# selftest_groups KERNEL mock|live: all groups, in the driver's order.
selftest_groups() {
	local module
	module=$(find "$build/out/linux-$1/modules/" -name i915.ko)
	modinfo -F parm "$module" | sed -nE "s/^igt__([0-9]+)__$2_([a-z0-9_]+):.*/\\1 \\2/p" | sort -n | cut -d' ' -f2
}

# known_failures KIND GROUP: CALLER/TEST of each line of tests/known-failures.
known_failures() { awk -v k="$1" -v g="$2" '$1 == k && $2 == g { print $3 }' "$top/tests/known-failures"; }

# without_known KIND GROUP: the module parameter that leaves those out.
without_known() { known_failures "$1" "$2" | sed 's/^/!/' | paste -sd, | sed 's/^./st_filter=&/'; }

# selftest_run KERNEL live|mock GROUP FILTER [OPTION...]: boots with these options of run, runs the group, and prints the value
# of the module parameter. SELFTEST_AFTER is what the guest runs then.
selftest_run() {
	local kernel=$1 kind=$2 group=$3 filter=$4
	shift 4
	if [[ $kind == live ]]; then
		"$top/scripts/run" --kernel "$kernel" --no-node --params "live_selftests=-1 $(selftest_parameter "$kernel" live "$group")=1 $filter" \
			"$@" -- "cat /sys/module/i915/parameters/live_selftests; ${SELFTEST_AFTER:-}"
	else
		"$top/scripts/run" --kernel "$kernel" --no-gpu --mem 4G "$@" -- "$(mock_command "$kernel" "$group" "$filter"); ${SELFTEST_AFTER:-}"
	fi
}

# selftest_passes: as selftest_run; fails if the group did, or the kernel reported something.
selftest_passes() {
	local value
	value=$(selftest_run "$@") && [[ $value == "$SELFTESTS_PASSED" ]]
}

# live_load NAME KERNEL GROUP FILTER [OPTION...]: as selftest_run, sets log and value.
live_load() {
	local code=0
	log=$logs/live-$2-${1//\//-}.log
	value=$(selftest_run "$2" live "$3" "$4" "${@:5}" --timeout 400 --log "$log") || code=$?
	[[ $code == 0 ]] || fail "live $1: the guest ended with $code (${log#"$top"/})"
}

# mock_command KERNEL GROUP FILTER: what a guest without GPU runs to load i915 with a group of mock selftests; prints the value.
mock_command() {
	local filter=$3
	[[ -z $filter ]] || filter="'$filter'"
	echo "chroot /run/guest modprobe i915 mock_selftests=-1 $(selftest_parameter "$1" mock "$2")=1 $filter
		cat /sys/module/i915/parameters/mock_selftests"
}

# known_outcome NAME TEST VALUE: of a load of such a test alone.
known_outcome() {
	if [[ $3 == -* && $3 != "$SELFTESTS_PASSED" ]]; then
		pass "$1: $2 fails with $3, as on stock (tests/known-failures)"
	else
		fail "$1: $2 is in tests/known-failures and ended with ${3:-nothing}"
	fi
}

# Groups that have no subtests.
SELFTESTS_WHOLE='sanitycheck|mock uncore'

# selftest_outcome NAME LOG VALUE: one result a subtest that ran, and one for the whole. With a GPU that it cannot use i915
# passes a group without running its subtests, which is a failure here.
selftest_outcome() {
	local name=$1 log=$2 value=$3 test failed count=0
	failed=$(tr -d '\r' <"$log" | sed -nE 's/.*i915\/([a-z0-9_]+): ([A-Za-z0-9_]+) failed with error.*/\1\/\2/p' | sed -n 1p)
	while IFS= read -r test; do
		count=$((count + 1))
		if [[ $test == "$failed" ]]; then fail "$name: $test"; else pass "$name: $test"; fi
	done < <(tr -d '\r' <"$log" | sed -nE 's/.*i915: Running ([a-z0-9_]+\/[A-Za-z0-9_]+)$/\1/p')
	if [[ $value == "$SELFTESTS_PASSED" && $count == 0 && ! $name =~ ($SELFTESTS_WHOLE)$ ]]; then
		fail "$name: ran no subtest (${log#"$top"/})"
	elif [[ $value == "$SELFTESTS_PASSED" ]]; then
		pass "$name: all"
	else
		fail "$name: ended with ${value:-nothing} (${log#"$top"/})"
	fi
}
