// SPDX-License-Identifier: MIT
/*
 * The cost of a bind against the number of mappings that there are, and of the
 * end of an address space with that many. All show the same page.
 */
#include "bench.h"

static const unsigned int counts[] = {
	1, 10, 100, 1000, 10000, 100000, 1048576,
};

#define SAMPLES		64
#define TEARDOWN_MIN	1000	/* fewer are lost among what else workers do */

static __u64 address(unsigned int i)
{
	return OBJECT_ADDRESS + i * PAGE_SIZE;
}

static void fill(const struct side *side, __u32 handle, unsigned int from,
		 unsigned int to)
{
	for (unsigned int i = from; i < to; i++) {
		must(object_bind(side, handle, address(i), PAGE_SIZE));
		if (i % 1024 == 1023)
			settle();
	}
}

/* The one in the middle goes and comes again. */
static void measure_bind(const struct side *side, __u32 handle, unsigned int n)
{
	struct samples bind = { 0 }, unbind = { 0 };

	settle();
	for (unsigned int i = 0; i < SAMPLES; i++) {
		sample(&unbind, counted(object_unbind(side, address(n / 2),
						      PAGE_SIZE)));
		sample(&bind, counted(object_bind(side, handle, address(n / 2),
						  PAGE_SIZE)));
	}
	report("bind-among", side->name, n, median(&bind), "instructions");
	report("unbind-among", side->name, n, median(&unbind), "instructions");
}

/* Done by the kernel's workers, some time after the last reference has gone */
static void measure_teardown(struct side *side, unsigned int n)
{
	__u64 start, last, now;

	settle();
	start = now = worker_time();
	side_close(side);
	do {
		last = now;
		usleep(500 * 1000);
		now = worker_time();
	} while (now - last > 1000 * 1000);
	if (n >= TEARDOWN_MIN)
		report("teardown", side->name, n, now - start, "instructions");
}

static void measure_count(enum kind kind, unsigned int n)
{
	struct side side;
	__u32 handle;

	side_open(&side, kind);
	handle = object_create(&side, PAGE_SIZE);
	fill(&side, handle, 0, n);
	measure_bind(&side, handle, n);
	measure_teardown(&side, n);
	must(_gem_close(gpu, handle));
}

void bench_scale(void)
{
	for (enum kind kind = SHARED; kind < KINDS; kind++)
		for (unsigned int c = 0; c < ARRAY_SIZE(counts); c++)
			measure_count(kind, counts[c]);
}
