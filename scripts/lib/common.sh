# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# Sourced by every script: places, messages, options, stages with their time, content keys, locks, the cache of builds.

# A failure inside $(...) is a failure.
shopt -s inherit_errexit

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$top/build
cache=${XDG_CACHE_HOME:-$HOME/.cache}/i915-vm-bind
logs=$build/log
mkdir -p "$logs" "$build/out" "$cache"
# With CCACHE_DEPEND a miss costs no second run of the preprocessor, a fifth of what a file of i915 costs.
export CCACHE_DIR=$cache/ccache CCACHE_NOHASHDIR=1 CCACHE_DEPEND=1 CCACHE_MAXSIZE=8G

# Two cores are the smallest machine this is measured on.
jobs=${JOBS:-$(nproc)}

die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }
say() { printf '%s\n' "$*" >&2; }

# The script's opening comment is its usage text.
usage() { sed -n '3,/^[^#]/{s/^# \{0,1\}//p}' "$0"; }

# take NAMES "$@": each leading `--NAME VALUE` sets the variable NAME, if NAMES has it; a flag, NAME? there, sets it to `yes`.
# What follows the options is left in `rest`.
take() {
	local names=" $1 " name
	shift
	while [[ ${1:-} == --?* ]]; do
		name=${1#--}
		case $names in
		*" $name? "*) declare -g "${name//-/_}=yes" ;;
		*" $name "*) (($# > 1)) && declare -g "${name//-/_}=$2" && shift ;;
		*) [[ $name != help ]] && usage >&2 && exit 2; usage; exit ;;
		esac || { usage >&2; exit 2; }
		shift
	done
	[[ ${1:-} != -- ]] || shift
	rest=("$@")
}

# no_rest: nothing may follow the options.
no_rest() { ((${#rest[@]} == 0)) || { usage >&2; exit 2; }; }

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

# tree_inputs linux|qemu PATTERN: the diffs that the repo adds to Debian's source, and the files that match PATTERN. A patch's
# message changes no result.
tree_inputs() (
	shopt -s extglob nullglob
	cd "$top/$1"
	for path in patches/*.patch patches-test/*.patch; do sed '1,/^---$/d' "$path" | sha256sum; done
	# shellcheck disable=SC2086
	key $2
)

# cached NAME TREE: makes build/out/NAME a link to the cache's entry of what the caller's inputs() prints. If there is no such
# entry, the caller's unpack() and compile() make it. compile() finds its place in `entry`.
cached() {
	local composed=''
	entry=$cache/$1-$(key_of "$(inputs)")
	if [[ ! -d $entry ]]; then
		lock "$2"
		# Somebody may edit the repo meanwhile: a result must not get the key of other content.
		while [[ ! -d $entry && $entry != "$composed" ]]; do
			composed=$entry
			stage "source of $1" "$logs/unpack-$1.log" unpack
			entry=$cache/$1-$(key_of "$(inputs)")
		done
		[[ -d $entry ]] || stage "$1" "$logs/$1.log" compile
	fi
	ln -sfn "$entry" "$build/out/$1"
}

# built [KERNEL...]: QEMU with the GPU model, and these kernels.
built() {
	local kernel
	"$top/scripts/deps" build
	"$top/scripts/build-qemu"
	for kernel; do "$top/scripts/build-linux" --kernel "$kernel"; done
}

# program NAME KERNEL ARGUMENT...: compiles build/out/NAME, static, for the guest, against the uAPI headers of KERNEL.
program() {
	gcc -std=gnu11 -O2 -Wall -Wextra -Werror -static -pthread -isystem "$build/out/linux-$2/include" \
		-o "$build/out/$1" "${@:3}"
}
