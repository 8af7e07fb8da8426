# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by what runs programs of the ioctl suite, after common.sh.

suite=tools/testing/selftests/drivers/gpu/i915
suite_out=$build/kselftest

# suite_programs: as the suite's Makefile names them.
suite_programs() {
	sed -nE 's/^TEST_GEN_PROGS(_EXTENDED)? *[:+]?=//p' "$top/linux/files/$suite/Makefile" | tr -s ' ' '\n' | sed '/^$/d'
}

# suite_build: compiles the suite. Static, as the guest's file system does not survive what `suspend` does.
suite_build() {
	"$top/scripts/compose" linux
	mkdir -p "$suite_out"
	make -s -C "$build/linux/$suite" STATIC=1 OUTPUT="$suite_out" KHDR_INCLUDES="-isystem $build/out/linux-vmbind/include"
}

# suite_names KERNEL: all that runs on that kernel: the programs, and on DG1 once more what depends on the GPU. There an address
# space ends before addresses do, and objects in local memory are two more kinds.
suite_names() {
	local name
	for name in $(suite_programs) vm_bind@dg1 vm_unbind@dg1 kinds@dg1; do
		suite_how "$name"
		[[ " ${kernels:-$1} " != *" $1 "* ]] || echo "$name"
	done
}

# bench_build: compiles the bench, which shares the suite's headers.
bench_build() {
	"$top/scripts/compose" linux
	program bench vmbind -isystem "$build/linux/tools/testing/selftests" "$top"/bench/*.c
}

# suite_how NAME [PLATFORM]: how a program, PROGRAM@PLATFORM, or stress-long runs, on PLATFORM if there is one. Sets program,
# platform, gpu, append, arguments, environment and kernels (those that can run it; empty: all).
suite_how() {
	program=${1%@*} platform=tgl gpu='' append='' arguments='' environment='' kernels=''
	case $1 in
	*@*) platform=${1#*@} ;;&
	# on the GPU that has local memory, with as little of it as is filled in time
	local | suspend) platform=dg1 gpu=lmem-size=256M ;;&
	suspend) append=guest.suspend=yes kernels=debug ;;
	# fault injection
	fail_nth) kernels='debug cover' ;;
	# It measures CPU time, and locks more objects at once than lockdep can count.
	costs) kernels='vmbind' ;;
	vm_bind@dg1 | vm_unbind@dg1) arguments='-t end_of_vm' ;;
	# KCSAN watches one place at a time: a race has to happen often.
	stress-long)
		program=stress environment='STRESS_SECONDS=40' kernels=kcsan
		arguments='-v bind_with_fences -v userptr -v undisturbed -v all'
		;;
	esac
	platform=${2:-$platform}
	[[ $platform == dg1 ]] || gpu=
}

# suite_command: what the guest runs, after suite_how. While devices are suspended no file of the host is there.
suite_command() { echo "cp $suite_out/$program /tmp && ${environment:+export $environment && }exec /tmp/$program $arguments"; }

# suite_run NAME PLATFORM [OPTION...]: boots with these options of run, and prints the program's TAP. PLATFORM may be empty.
suite_run() {
	local program platform gpu append arguments environment kernels
	suite_how "$1" "$2"
	"$top/scripts/run" --platform "$platform" --gpu "$gpu" --append "$append" "${@:3}" -- "$(suite_command)"
}
