# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# Sourced by the check-* scripts after common.sh: counts what passed, failed and was skipped, one line each, in
# build/results/TIER, from which `check` makes its summary.

tier=${0##*/check-}
results=$build/results/$tier
mkdir -p "$build/results"
: >"$results"
trap 'finish $?' EXIT

pass() { record pass "$*"; }
fail() { record fail "$*"; }
skip() { record skip "$*"; }
# what whoever reads the summary shall know, and is no failure
notice() { record notice "$*"; }
record() { printf '%s\t%s\n' "$1" "$2" | tee -a "$results"; }

# attempt NAME COMMAND...: passes if the command succeeds; its output goes to build/log, the end of it is shown on failure.
attempt() {
	local name=$1 log
	log=$logs/$tier-${name//[^A-Za-z0-9_.-]/-}.log
	shift
	if "$@" >"$log" 2>&1; then
		pass "$name"
	else
		tail -n 25 "$log"
		fail "$name (${log#"$top"/})"
	fi
}

# tap PREFIX FILE: records the points of a TAP output, and fails if they are not as many as its plan says.
tap() {
	local line planned points=0 name
	planned=$(sed -nE 's/^1\.\.([0-9]+).*/\1/p' "$2" | sed -n 1p)
	while IFS= read -r line; do
		points=$((points + 1))
		name=$(sed -E 's/^(not )?ok [0-9]+ *(- )?//; s/ *# SKIP.*//I' <<<"$line")
		case $line in
		*'# SKIP'*) skip "$1: $name" ;;
		ok*) pass "$1: $name" ;;
		*) fail "$1: $name" ;;
		esac
	done < <(grep -aE '^(not )?ok [0-9]+' "$2")
	[[ -n $planned && $planned == "$points" && $points != 0 ]] ||
		fail "$1: $points results where ${planned:-no} were planned"
}

# A tier that recorded nothing, or stopped early, has failed.
finish() {
	[[ $1 == 0 ]] || record fail "check-$tier stopped with $1"
	[[ -s $results ]] || record fail "check-$tier tested nothing"
	! grep -qP '^(fail|skip)\t' "$results" || exit 1
}
