// SPDX-License-Identifier: MIT
/*
 * Kernel memory for a bound page, beyond its object and the page tables: how
 * much the slabs grow by many of them.
 */
#include "bench.h"

#define TABLE_PAGES	512u	/* that one page table shows */
#define TABLES		32u
#define KEEPERS		TABLES	/* bound first, so that all tables are there */
#define BOUND		(TABLES * (TABLE_PAGES - 1))

/* The last page of each table is a keeper's. */
static __u64 address(unsigned int i)
{
	unsigned int table = i, page = TABLE_PAGES - 1;

	if (i >= KEEPERS) {
		table = (i - KEEPERS) / (TABLE_PAGES - 1);
		page = (i - KEEPERS) % (TABLE_PAGES - 1);
	}
	return OBJECT_ADDRESS + (table * TABLE_PAGES + page) * PAGE_SIZE;
}

static __u64 slab_bytes(void)
{
	char name[64];
	__u64 value, pages = 0;
	FILE *file;

	usleep(2 * 1000 * 1000);	/* what RCU and workers still free */
	tell("/proc/sys/vm/stat_refresh", "1");
	file = fopen("/proc/vmstat", "r");
	if (!file)
		die("/proc/vmstat: %s", strerror(errno));
	while (fscanf(file, "%63s %llu", name, &value) == 2)
		if (!strcmp(name, "nr_slab_reclaimable") ||
		    !strcmp(name, "nr_slab_unreclaimable"))
			pages += value;
	fclose(file);
	if (!pages)
		die("/proc/vmstat has no nr_slab_");
	return pages * PAGE_SIZE;
}

static void bind_some(const struct side *side, struct submission *sub,
		      const __u32 *handles, unsigned int from, unsigned int to)
{
	for (unsigned int i = from; i < to; i++) {
		submission_add(sub, handles[i], address(i), EXEC_OBJECT_ASYNC);
		if (side->kind != EXECBUF2)
			must(object_bind(side, handles[i], address(i), PAGE_SIZE));
	}
}

static void use(struct side *side, struct submission *sub)
{
	must(submit(sub));
	gate_close(side);
	gate_open(side);
}

static void measure_side(enum kind kind)
{
	const unsigned int n = KEEPERS + BOUND;
	__u32 *handles = calloc(n, sizeof(*handles));
	struct submission sub;
	struct side side;
	__u64 before;

	if (!handles)
		die("out of memory");
	side_open(&side, kind);
	submission_init(&side, &sub, n);
	for (unsigned int i = 0; i < n; i++)
		handles[i] = object_create(&side, PAGE_SIZE);

	bind_some(&side, &sub, handles, 0, KEEPERS);
	use(&side, &sub);
	before = slab_bytes();
	bind_some(&side, &sub, handles, KEEPERS, n);
	if (kind != EXECBUF2)
		report("memory-bound", side.name, BOUND,
		       (slab_bytes() - before) / BOUND, "bytes");
	use(&side, &sub);
	report("memory-used", side.name, BOUND,
	       (slab_bytes() - before) / BOUND, "bytes");

	submission_fini(&sub);
	for (unsigned int i = 0; i < n; i++)
		must(_gem_close(gpu, handles[i]));
	side_close(&side);
	free(handles);
}

static __u64 slab_attribute(const char *cache, const char *name)
{
	char path[128];
	__u64 value;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/kernel/slab/%s/%s", cache, name);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%llu", &value) != 1)
		die("cannot read %s", path);
	fclose(file);
	return value;
}

/* What a slab grows by, for each object */
static void report_struct(const char *cache)
{
	report("memory-structs", cache, 1,
	       (PAGE_SIZE << slab_attribute(cache, "order")) /
	       slab_attribute(cache, "objs_per_slab"), "bytes");
}

void bench_memory(void)
{
	report_struct("i915_vma");
	report_struct("i915_vma_resource");
	for (enum kind kind = 0; kind < KINDS; kind++)
		measure_side(kind);
}
