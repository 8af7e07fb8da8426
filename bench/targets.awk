# SPDX-License-Identifier: MIT
# The table of targets in docs/bench.md, from all data files.

/^#/ { next }
{ v[$1, $2, $3] = $4 }

# row WHAT AGAINST TARGET VALUE: a negative TARGET is a lower bound; VALUE is "" where a figure is missing.
function row(what, against, target, value, bound, shown, verdict)
{
	bound = target < 0 ? "≥ " (-target) : "≤ " target
	shown = value
	verdict = "not measured"
	if (value != "") {
		shown = sprintf(value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.3f", value)
		verdict = "**missed**"
		if (target < 0 ? value >= -target : value <= target)
			verdict = "reached"
	}
	printf "| %s | %s | %s | %s | %s |\n", what, against, bound, shown, verdict
}

# value FIGURE SIDE N, or several of them joined by +
function value(names, list, part, count, i, sum)
{
	count = split(names, list, " \\+ ")
	for (i = 1; i <= count; i++) {
		split(list[i], part, " ")
		if (!((part[1], part[2], part[3]) in v))
			return ""
		sum += v[part[1], part[2], part[3]]
	}
	return sum
}

function ratio(names, others, a, b)
{
	a = value(names)
	b = value(others)
	return a == "" || b == "" ? "" : a / b
}

# each FIGURE SIDE: what each further one costs, up to 10,000
function each(names, first, last)
{
	first = value(names " 1")
	last = value(names " 10000")
	return first == "" || last == "" ? "" : (last - first) / 9999
}

function kind_rows(k, a, b)
{
	row("EXECBUFFER3, 1 " k " object", "execbuf2, 1 object", 0.9, ratio("submit " k " 1", "submit execbuf2 1"))
	if (k == "shared") {
		a = each("submit shared")
		b = each("submit execbuf2")
		row("EXECBUFFER3, each further shared object", "execbuf2, each further object", 0.333, a == "" || b == "" ? "" : a / b)
	} else {
		row("EXECBUFFER3, 262,144 private objects", "itself with 1", 1.02, ratio("submit private 262144", "submit private 1"))
		row("execbuf2, 10,000 objects", "EXECBUFFER3, 10,000 private objects", -400,
		    ratio("submit execbuf2 10000", "submit private 10000"))
	}
	row("EXECBUFFER3 with a pending in-fence and an out-fence, " k, "execbuf2 with the same", 1,
	    ratio("fences-pending " k " 1", "fences-pending execbuf2 1"))
	row("VM_BIND and VM_UNBIND of a page, " k, "execbuf2's first use and unbind", k == "shared" ? 0.131 : 0.125,
	    ratio("bind-tables " k " 1 + unbind-tables " k " 1", "bind+unbind-tables execbuf2 1"))
	row("first VM_BIND of an object of 1 GiB, of its last page, " k, "of its first page", 1.2,
	    ratio("last-page-4k " k " 1073741824", "first-page-4k " k " 1073741824"))
	row("VM_BIND of 1 GiB in 4 KiB pages, " k, "storing 262,144 entries", 2,
	    ratio("bind-4k " k " 1073741824", "floor-stores stores 1073741824"))
	row("the same, no two pages neighbours, " k, "the same", 2,
	    ratio("bind-4k-scattered " k " 1073741824", "floor-stores stores 1073741824"))
	row("VM_BIND of 1 GiB in 2 MiB pages, " k, "an ioctl that does nothing", 20,
	    ratio("bind-2m " k " 1073741824", "floor-ioctl getparam 1"))
	row("the same, no two pages neighbours, " k, "the same", 20,
	    ratio("bind-2m-scattered " k " 1073741824", "floor-ioctl getparam 1"))
	row("asynchronous VM_BIND of 1 GiB in 4 KiB pages, until the ioctl returns, " k, "synchronous", 1,
	    ratio("bind-async-4k " k " 1073741824", "bind-4k " k " 1073741824"))
	row("VM_BIND among 1,048,576 mappings, " k, "among 1,000 (log n)", 2,
	    ratio("bind-among " k " 1048576", "bind-among " k " 1000"))
	row("kernel memory of a mapping, " k, "an i915_vma and its resource", k == "shared" ? 0.32 : 0.25,
	    ratio("memory-bound " k " 16352", "memory-structs i915_vma 1 + memory-structs i915_vma_resource 1"))
	row("eviction and rebind of 10,000 objects, " k, "of those of execbuf2", 1,
	    ratio("evict " k " 10000 + rebind " k " 10000", "evict execbuf2 10000 + rebind execbuf2 10000"))
	a = ratio("teardown " k " 1048576", "teardown " k " 1000")
	row("end of an address space, each of 1,048,576 mappings, " k, "each of 1,000", 1.1, a == "" ? "" : a * 1000 / 1048576)
	a = ratio("teardown " k " 1048576", "unbind-among " k " 1048576")
	row("the same, " k, "a VM_UNBIND among as many", 0.36, a == "" ? "" : a / 1048576)
}

END {
	print "| what | against | to reach | measured | |"
	print "| --- | --- | --- | --- | --- |"
	kind_rows("private")
	kind_rows("shared")
}
