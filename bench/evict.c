// SPDX-License-Identifier: MIT
/*
 * The cost of dropping the pages of all objects, as under memory pressure, and
 * of the submission that gets them and binds them again.
 */
#include "bench.h"

static const unsigned int counts[] = { 100, 1000, 10000 };

#define ROUNDS		5

static __u64 address(unsigned int i)
{
	return OBJECT_ADDRESS + i * PAGE_SIZE;
}

static void rest(struct side *side)
{
	gate_close(side);
	gate_open(side);
	settle();
}

static void measure_rounds(struct side *side, struct submission *sub,
			   unsigned int n)
{
	struct samples away = { 0 }, back = { 0 };

	for (unsigned int i = 0; i < ROUNDS; i++) {
		must(submit(sub));
		rest(side);
		sample(&away, counted(drop_pages()));
		sample(&back, counted(submit(sub)));
		rest(side);
	}
	report("evict", side->name, n, median(&away), "instructions");
	report("rebind", side->name, n, median(&back), "instructions");
}

static void measure_side(enum kind kind, unsigned int n)
{
	__u32 *handles = calloc(n, sizeof(*handles));
	struct submission sub;
	struct side side;

	if (!handles)
		die("out of memory");
	side_open(&side, kind);
	submission_init(&side, &sub, n);
	for (unsigned int i = 0; i < n; i++) {
		handles[i] = object_create(&side, PAGE_SIZE);
		submission_add(&sub, handles[i], address(i), EXEC_OBJECT_ASYNC);
		if (kind != EXECBUF2)
			must(object_bind(&side, handles[i], address(i), PAGE_SIZE));
	}
	measure_rounds(&side, &sub, n);
	submission_fini(&sub);
	while (n)
		must(_gem_close(gpu, handles[--n]));
	side_close(&side);
	free(handles);
}

void bench_evict(void)
{
	for (unsigned int c = 0; c < ARRAY_SIZE(counts); c++)
		for (enum kind kind = 0; kind < KINDS; kind++)
			measure_side(kind, counts[c]);
}
