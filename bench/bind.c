// SPDX-License-Identifier: MIT
/*
 * The cost of binding and unbinding one resident page. EXECBUFFER2 does both
 * where an object is used at the address of another one, for the first time:
 * what that costs more than the same submission of an object that stands there
 * already is the new vma, the old one's unbind and the bind.
 */
#include "bench.h"

#define SAMPLES		160

/* What page tables there are already: those of another page nearby, or none */
#define NEIGHBOUR	(OBJECT_ADDRESS + PAGE_SIZE)

struct place {
	const char *name;
	bool neighbour;
};

static const struct place places[] = {
	{ "tables", true },
	{ "alone", false },
};

static void report_for(const char *what, const struct place *place,
		       const struct side *side, __u64 value)
{
	char figure[32];

	snprintf(figure, sizeof(figure), "%s-%s", what, place->name);
	report(figure, side->name, 1, value, "instructions");
}

/* What the ioctl takes until it returns; the rest is a worker's. */
struct async {
	__u32 timeline;
	__u64 point;
};

static int wait(const struct async *async)
{
	return _syncobj_wait(gpu, async->timeline, async->point, WAIT_SECONDS);
}

static __u64 bind(const struct side *side, __u32 handle, struct async *async)
{
	__u64 count;

	if (!async)
		return counted(object_bind(side, handle, OBJECT_ADDRESS, PAGE_SIZE));
	async->point++;
	count = counted(object_bind_async(side, handle, OBJECT_ADDRESS, PAGE_SIZE,
					  async->timeline, async->point));
	must(wait(async));
	return count;
}

static __u64 unbind(const struct side *side, struct async *async)
{
	__u64 count;

	if (!async)
		return counted(object_unbind(side, OBJECT_ADDRESS, PAGE_SIZE));
	async->point++;
	count = counted(object_unbind_async(side, OBJECT_ADDRESS, PAGE_SIZE,
					    async->timeline, async->point));
	must(wait(async));
	return count;
}

static void measure_samples(const struct side *side, const struct place *place,
			    struct async *async)
{
	struct samples binds = { 0 }, unbinds = { 0 };

	for (unsigned int i = 0; i < SAMPLES; i++) {
		__u32 handle = object_create(side, PAGE_SIZE);

		sample(&binds, bind(side, handle, async));
		sample(&unbinds, unbind(side, async));
		must(_gem_close(gpu, handle));
		settle();
	}
	report_for(async ? "bind-async" : "bind", place, side, median(&binds));
	report_for(async ? "unbind-async" : "unbind", place, side, median(&unbinds));
}

static void measure_vm_bind(enum kind kind, const struct place *place)
{
	struct async async = { 0 };
	struct side side;
	__u32 neighbour;

	side_open(&side, kind);
	neighbour = object_create(&side, PAGE_SIZE);
	if (place->neighbour)
		must(object_bind(&side, neighbour, NEIGHBOUR, PAGE_SIZE));

	must(_syncobj_create(gpu, &async.timeline));
	measure_samples(&side, place, NULL);
	measure_samples(&side, place, &async);
	must(_syncobj_destroy(gpu, async.timeline));
	must(_gem_close(gpu, neighbour));
	side_close(&side);
}

static void measure_execbuf2(const struct place *place)
{
	struct samples first = { 0 }, again = { 0 };
	__u32 neighbour, handle, last = 0;
	struct submission sub;
	struct side side;

	side_open(&side, EXECBUF2);
	neighbour = object_create(&side, PAGE_SIZE);
	if (place->neighbour) {
		submission_init(&side, &sub, 1);
		submission_add(&sub, neighbour, NEIGHBOUR, EXEC_OBJECT_ASYNC);
		gated_submit(&side, &sub);
		submission_fini(&sub);
	}

	submission_init(&side, &sub, 1);
	submission_add(&sub, 0, OBJECT_ADDRESS, EXEC_OBJECT_ASYNC);
	for (unsigned int i = 0; i < SAMPLES; i++) {
		handle = object_create(&side, PAGE_SIZE);
		sub.objects[1].handle = handle;
		sample(&first, gated_submit(&side, &sub));
		sample(&again, gated_submit(&side, &sub));
		if (last)
			must(_gem_close(gpu, last));
		last = handle;
		settle();
	}
	report_for("bind+unbind", place, &side, median(&first) - median(&again));
	submission_fini(&sub);
	must(_gem_close(gpu, last));
	must(_gem_close(gpu, neighbour));
	side_close(&side);
}

void bench_bind(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(places); i++) {
		measure_execbuf2(&places[i]);
		for (enum kind kind = SHARED; kind < KINDS; kind++)
			measure_vm_bind(kind, &places[i]);
	}
}
