# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# Sourced by every script: places, messages, stages with their time, content keys, locks.

# A failure inside $(...) is a failure.
shopt -s inherit_errexit

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$top/build
cache=${XDG_CACHE_HOME:-$HOME/.cache}/i915-vm-bind
logs=$build/log
mkdir -p "$logs" "$build/out" "$cache"

# Two cores are the smallest machine this is measured on.
jobs=${JOBS:-$(nproc)}

die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }
say() { printf '%s\n' "$*" >&2; }

# The script's opening comment is its usage text.
usage() { sed -n '3,/^[^#]/{s/^# \{0,1\}//p}' "$0"; }

# base_field TREE FIELD: a line of linux/BASE or qemu/BASE.
base_field() { awk -v f="$2" '$1 == f { print $2 }' "$top/$1/BASE"; }

# key PATH...: one hash over the names, modes and contents of files and of directories' files, below the current
# directory. A path that does not exist counts as empty.
key() {
	local path
	for path; do
		if [[ -e $path ]]; then find "$path" -type f -print0; fi
	done | LC_ALL=C sort -z | while IFS= read -r -d '' path; do
		[[ -x $path ]] && printf 'x '
		sha256sum -- "$path"
	done | sha256sum | cut -c1-16
}

# key_of STRING...: one hash over strings, to combine keys.
key_of() { printf '%s\n' "$@" | sha256sum | cut -c1-16; }

# lock NAME: at most one script at a time works on NAME; freed when the script ends.
lock() {
	local fd
	exec {fd}>"$build/.lock-$1"
	flock -n "$fd" || { say "waiting for another build of $1 ..."; flock "$fd"; }
}

# plan N: how many stages will be announced. Nested scripts continue the count.
plan() { [[ -n ${STAGES:-} ]] || export STAGES=$1 STAGE_FILE="$build/.stage-$$"; : >>"$STAGE_FILE"; }

# stage NAME LOG COMMAND...: runs it with its output in LOG, and says what, which of how many, and how long it took.
# COMMAND stops at its first error only if stage is not called in a condition.
stage() {
	local name=$1 log=$2 start=$SECONDS at='' rc
	shift 2
	if [[ -n ${STAGE_FILE:-} ]]; then
		printf 'x' >>"$STAGE_FILE"
		at="[$(wc -c <"$STAGE_FILE")/$STAGES] "
	fi
	printf '%s%s ... ' "$at" "$name" >&2
	set +e
	(set -e; "$@") >"$log" 2>&1 </dev/null
	rc=$?
	set -e
	if ((rc == 0)); then
		printf '%d s\n' $((SECONDS - start)) >&2
		printf '%s\t%d\n' "$name" $((SECONDS - start)) >>"$build/times.txt"
	else
		printf 'FAILED after %d s; the last lines of %s:\n' $((SECONDS - start)) "${log#"$top"/}" >&2
		tail -n "${LOG_TAIL:-25}" "$log" >&2
		return $rc
	fi
}
