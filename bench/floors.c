// SPDX-License-Identifier: MIT
/*
 * What no design can go below.
 */
#include "bench.h"

static int getparam(void)
{
	int value;

	return _getparam(gpu, I915_PARAM_CHIPSET_ID, &value);
}

/* An ioctl that does nothing but return a number */
static void floor_ioctl(void)
{
	struct samples s = { 0 };

	for (unsigned int i = 0; i < 1000; i++)
		sample(&s, counted(getparam()));
	report("floor-ioctl", "getparam", 1, median(&s), "instructions");
}

/* Five instructions an entry, whatever the compiler */
static int store_entries(__u64 *entry, unsigned long n)
{
	__u64 value = 3;

	asm volatile("1: mov %2, (%0)\n\t"
		     "add $0x1000, %2\n\t"
		     "add $8, %0\n\t"
		     "dec %1\n\t"
		     "jnz 1b"
		     : "+r" (entry), "+r" (n), "+r" (value) : : "memory");
	return 0;
}

static void floor_stores(__u64 size)
{
	const unsigned long entries = size / PAGE_SIZE;
	__u64 *table = malloc(entries * sizeof(*table));
	struct samples s = { 0 };

	if (!table)
		die("out of memory");
	for (unsigned int i = 0; i < 9; i++)
		sample(&s, counted(store_entries(table, entries)));
	report("floor-stores", "stores", size, median(&s), "instructions");
	free(table);
}

void bench_floors(void)
{
	floor_ioctl();
	for (__u64 size = PAGE_SIZE; size <= GIB(1); size *= 4)
		floor_stores(size);
}
