// SPDX-License-Identifier: MIT
/*
 * The cost of a submission against the number of objects that its address space
 * shows, all bound and resident; and of its fences.
 */
#include "bench.h"

static const unsigned int counts[] = {
	1, 4, 16, 64, 256, 1024, 4096, 10000, 16384, 65536, 262144,
};

static const struct variant {
	const char *name;
	enum kind kind;
	__u64 flags;		/* of execbuf2's objects */
	unsigned int max;	/* objects: where cost grows, or memory ends */
	bool userptr;
} variants[] = {
	/* what a Vulkan driver sets */
	{ "execbuf2", EXECBUF2, EXEC_OBJECT_ASYNC, 16384, false },
	{ "execbuf2-implicit", EXECBUF2, 0, 16384, false },
	{ "execbuf2-userptr", EXECBUF2, EXEC_OBJECT_ASYNC, 1024, true },
	{ "shared", SHARED, 0, 16384, false },
	{ "userptr", SHARED, 0, 1024, true },
	{ "private", PRIVATE, 0, 262144, false },
};

static unsigned int samples_for(unsigned int n)
{
	return n <= 256 ? 400 : n <= 4096 ? 96 : 32;
}

static __u64 object_address(unsigned int i)
{
	return OBJECT_ADDRESS + i * PAGE_SIZE;
}

static void grow(const struct side *side, struct submission *sub,
		 __u32 *handles, unsigned int from, unsigned int to, __u64 flags)
{
	for (unsigned int i = from; i < to; i++) {
		handles[i] = object_create(side, PAGE_SIZE);
		submission_add(sub, handles[i], object_address(i), flags);
		if (side->kind != EXECBUF2)
			must(object_bind(side, handles[i], object_address(i),
					 PAGE_SIZE));
		if (i % 256 == 255)
			settle();
	}
}

static void measure(const struct variant *v)
{
	__u32 *handles = calloc(v->max, sizeof(*handles));
	struct submission sub;
	unsigned int n = 0;
	struct side side;

	if (!handles)
		die("out of memory");
	side_open(&side, v->kind);
	side.userptr = v->userptr;
	submission_init(&side, &sub, v->max);
	for (unsigned int c = 0; c < ARRAY_SIZE(counts) && counts[c] <= v->max; c++) {
		grow(&side, &sub, handles, n, counts[c], v->flags);
		n = counts[c];
		report("submit", v->name, n,
		       submission_cost(&side, &sub, samples_for(n)),
		       "instructions");
	}
	submission_fini(&sub);
	while (n)
		must(_gem_close(gpu, handles[--n]));
	side_close(&side);
	free(handles);
}

void bench_submit(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(variants); i++)
		measure(&variants[i]);
}
