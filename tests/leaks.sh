#!/bin/sh
# SPDX-License-Identifier: MIT
# leaks.sh
# Runs in the guest, on a kernel with kmemleak: takes the GPU away from i915 and prints what memory nobody points to any
# more, or `no leaks`. Fails where there is such memory, and where nothing was searched. Then i915 is removed: what others
# still point to, a reference that was never given back, is left in its slab caches, of which the kernel warns.
#
# Left out are objects that i915 loses without any patch of ours: those of ref_tracker_alloc(), which tracks wakerefs.
set -eu
leaks=/sys/kernel/debug/kmemleak

[ -e $leaks ] || { echo "no kmemleak"; exit 1; }
for device in /sys/bus/pci/drivers/i915/0000:*; do
	echo "${device##*/}" >/sys/bus/pci/drivers/i915/unbind
done

# What lies in a register, or is freed by RCU, may look lost to one scan; young objects are left out.
for seconds in 6 6; do
	sleep $seconds
	echo scan >$leaks
done

awk '/^unreferenced object/ { show(); text = "" }
	{ text = text $0 "\n" }
	/ref_tracker_alloc/ { known = 1 }
	function show() { if (text != "" && !known) { printf "%s", text; lost++ } known = 0 }
	END { show(); if (lost) exit 1; print "no leaks" }' $leaks
rmmod i915
