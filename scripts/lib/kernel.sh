# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# Sourced by what compiles kernels, after common.sh: each variant's configuration, the command line of make, and checkouts
# beside build/linux.

# kernel_fragments VARIANT: the files that its configuration is made of.
kernel_fragments() {
	local fragments=("$top/linux/config/base")
	case $1 in
	stock | vmbind) ;;
	debug | kcsan) fragments+=("$top/linux/config/$1") ;;
	cover) fragments+=("$top/linux/config/debug" "$top/linux/config/cover") ;;
	*) die "there is no kernel $1" ;;
	esac
	printf '%s\n' "${fragments[@]}"
}

# The objects that KCOV, GCOV and KCSAN instrument.
cover_objects() { grep -v '^#' "$top/linux/config/cover-objects" | sed '/^$/d'; }

# kernel_make SRC VARIANT ARGUMENT...: the build directory lies in the source tree, because kbuild then uses relative paths:
# objects and ccache's hits do not depend on where the checkout is.
kernel_make() {
	local instrument=()
	case $2 in
	cover) mapfile -t instrument < <(cover_objects | sed 's/.*/KCOV_INSTRUMENT_&=y\nGCOV_PROFILE_&=y/') ;;
	kcsan) mapfile -t instrument < <(echo KCSAN_SANITIZE=n && cover_objects | sed 's/.*/KCSAN_SANITIZE_&=y/') ;;
	esac
	KBUILD_BUILD_TIMESTAMP='2026-01-01' KBUILD_BUILD_USER=vm-bind KBUILD_BUILD_HOST=localhost LC_ALL=C \
		make -C "$1" O="$1/.obj-$2" -j "$jobs" LOCALVERSION= CC='ccache gcc' HOSTCC='ccache gcc' "${instrument[@]}" "${@:3}"
}

# kernel_configure SRC VARIANT: makes .config from nothing but the fragments, and fails if a line of them had no effect.
kernel_configure() {
	local obj=$1/.obj-$2 fragments line option bad=0
	fragments=$(kernel_fragments "$2") || return
	mkdir -p "$obj"
	xargs cat <<<"$fragments" | sed '/^#/d' >"$obj/.fragments"
	kernel_make "$1" "$2" -s KCONFIG_ALLCONFIG="$obj/.fragments" allnoconfig >/dev/null
	kernel_make "$1" "$2" -s olddefconfig >/dev/null
	while IFS= read -r line; do
		[[ -n $line ]] || continue
		option=${line%%=*}
		case $line in
		*=n) ! grep -q "^$option=" "$obj/.config" && continue ;;
		*) grep -qxF -- "$line" "$obj/.config" && continue ;;
		esac
		say "no effect: $line (is: $(grep -E "^(# )?${option}[= ]" "$obj/.config" || echo absent))"
		bad=1
	done <"$obj/.fragments"
	return $bad
}

# worktree NAME REF: a clean checkout of REF in build/NAME, which shares the git objects of build/linux. What an earlier run
# left there goes, but for objects.
worktree() {
	local git=(git -C "$build/$1")
	export GIT_CEILING_DIRECTORIES=$build
	if [[ ! -e $build/$1/Makefile ]]; then
		git -C "$build/linux" worktree prune
		git -C "$build/linux" worktree add -q -f --detach "$build/$1" "$2"
	fi
	rm -rf "$("${git[@]}" rev-parse --path-format=absolute --git-path rebase-apply)"
	"${git[@]}" checkout -q --force --detach "$2"
	"${git[@]}" clean -qfd
}

# series_sources SRC: i915's C files that the series adds or edits, in a checkout of it.
series_sources() {
	git -C "$1" diff --name-only --no-renames --diff-filter=AM refs/composed/base refs/composed/series -- \
		'drivers/gpu/drm/i915/*.c' | grep -v '/selftests/'
}
