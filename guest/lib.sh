# shellcheck shell=dash
# SPDX-License-Identifier: MIT
# Sourced by the guest's first process, whichever it is.

/bin/busybox --install -s /bin
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root
# Nobody else uses this GPU: the tests may reset it.
export I915_DISRUPTIVE=1

# fail TEXT: the exit code is not told, so the host sees a failure.
fail() {
	echo "init: $*" >/dev/kmsg
	end
}

# i915 turns its interrupts off before it suspends the GPU: an event that comes in between is never seen, and it waits
# for ever. So the GPU is left to become idle while it can still say so.
end() {
	sync
	for knob in /host/sys/kernel/debug/dri/*/i915_gem_drop_caches /sys/kernel/debug/dri/*/i915_gem_drop_caches; do
		[ ! -e "$knob" ] || timeout 10 sh -c "echo 0x44 >$knob" || echo "init: the GPU is busy" >/dev/kmsg
	done
	# After S3 the machine does not heed ACPI when it shall power off; -no-reboot makes a reboot of it the end as well.
	if [ "$(word guest.suspend)" = yes ]; then reboot -f; else poweroff -f; fi
}

# word NAME: the value of NAME=... on the kernel's command line; %20 stands for a space.
word() {
	tr ' ' '\n' </proc/cmdline | sed -n "s/^$1=//p" | sed 's/%20/ /g'
}

# Compressed memory to swap to, where the kernel can: i915 drops no pages otherwise.
swap_on() {
	[ -b /dev/zram0 ] || return 0
	echo 1G >/sys/block/zram0/disksize
	mkswap /dev/zram0 >/dev/null || fail "no swap"
	swapon /dev/zram0 || fail "no swap"
}

load_i915() {
	params=$(word guest.params)
	echo "init: modprobe i915 $params" >/dev/kmsg
	# shellcheck disable=SC2086
	modprobe i915 $params || fail "i915 did not load"
	[ "$(word guest.node)" = any ] || [ -c /dev/dri/renderD128 ] || fail "i915 made no render node"
}

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
