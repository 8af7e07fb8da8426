// SPDX-License-Identifier: MIT
/*
 * The cost of a bind against its size, for memory in huge pages and in single
 * pages, each as the kernel gives them when there is enough, most of them
 * neighbours, and where no two of them are.
 */
#include "bench.h"

#define ADDRESS		0x0000001000000000ull	/* of whatever is bound */
#define WHOLE		GIB(1)
#define HUGE_SIZE	MIB(2)

#define SHMEM_HUGE	"/sys/kernel/mm/transparent_hugepage/shmem_enabled"

struct memory {
	const char *name;
	bool huge, scattered;
};

/* In this order: the first one finds the memory as it was after boot. */
static const struct memory memories[] = {
	{ .name = "4k" },
	{ .name = "2m", .huge = true },
	{ .name = "2m-scattered", .huge = true, .scattered = true },
	{ .name = "4k-scattered", .scattered = true },
};

static unsigned int samples_for(__u64 size)
{
	return size <= MIB(1) ? 64 : size <= MIB(64) ? 16 : 5;
}

/* Allocates page by page, neighbours at different times. */
static void scatter(__u32 handle, __u64 size)
{
	const unsigned int pages = size / PAGE_SIZE;	/* a power of two */

	for (unsigned int i = 0; i < pages; i++)
		must(_gem_pwrite(gpu, handle, i * 100003u % pages * PAGE_SIZE, i));
}

/* Of the object's memory itself, not of what the GPU maps */
static const char *map_memory(__u32 handle, __u64 size)
{
	struct drm_i915_gem_mmap args = { .handle = handle, .size = size };

	must(drm_call(gpu, DRM_IOCTL_I915_GEM_MMAP, &args));
	return (const char *)(uintptr_t)args.addr_ptr;
}

/* How many pages stand right behind the one before them in physical memory? */
static unsigned int count_neighbours(__u32 handle, __u64 size)
{
	int pagemap = open("/proc/self/pagemap", O_RDONLY);
	const char *map = map_memory(handle, size);
	unsigned int neighbours = 0;
	__u64 frame, last = 0;

	for (__u64 offset = 0; offset < size; offset += PAGE_SIZE) {
		frame = frame_of(pagemap, map + offset);
		neighbours += frame == last + 1;
		last = frame;
	}
	munmap((void *)map, size);
	close(pagemap);
	return neighbours;
}

/* Of the pages, or huge pages, at most so many in a hundred do otherwise. */
#define EXCEPTIONS	4

static void check_memory(const struct memory *memory, __u32 handle, __u64 size)
{
	const unsigned int pages = size / PAGE_SIZE;
	const unsigned int units = memory->huge ? size / HUGE_SIZE : pages;
	const unsigned int few = 3 + units * EXCEPTIONS / 100;
	const unsigned int neighbours = count_neighbours(handle, size);
	/* Those inside of a huge page always are. */
	const unsigned int between = neighbours - (pages - units);

	if (neighbours < pages - units ||
	    (memory->scattered ? between > few : between + few < units))
		die("%s: %u of %u pages follow their neighbour", memory->name,
		    neighbours, pages);
}

static void create(const struct side *side, const struct memory *memory,
		   __u64 size, __u32 *handles, unsigned int count)
{
	const bool arrange = memory->huge && size >= HUGE_SIZE;
	__u32 filler;	/* has what would be handed out before */

	tell(SHMEM_HUGE, memory->huge ? "never" : "deny");
	filler = object_create(side, arrange ? frames_begin(memory->scattered) :
					       frames_small());
	for (unsigned int i = 0; i < count; i++) {
		handles[i] = object_create_empty(side, size);
		if (memory->scattered && !memory->huge)
			scatter(handles[i], size);
		must(_gem_set_domain(gpu, handles[i]));
	}
	must(_gem_close(gpu, filler));
	if (arrange)
		frames_end();
	for (unsigned int i = 0; i < count && size >= HUGE_SIZE; i++)
		if (memory->huge || memory->scattered)
			check_memory(memory, handles[i], size);
}

static void report_for(const char *what, const struct memory *memory,
		       const struct side *side, __u64 size, __u64 value)
{
	char figure[32];

	snprintf(figure, sizeof(figure), "%s-%s", what, memory->name);
	report(figure, side->name, size, value, "instructions");
}

static void measure_async(const struct side *side, const struct memory *memory,
			  __u32 handle, __u64 size)
{
	struct samples bind = { 0 };
	__u32 timeline;

	must(_syncobj_create(gpu, &timeline));
	for (unsigned int i = 1; i <= samples_for(size); i++) {
		sample(&bind, counted(object_bind_async(side, handle, ADDRESS,
							size, timeline, i)));
		must(_syncobj_wait(gpu, timeline, i, WAIT_SECONDS));
		must(object_unbind(side, ADDRESS, size));
		settle();
	}
	report_for("bind-async", memory, side, size, median(&bind));
	must(_syncobj_destroy(gpu, timeline));
}

static void measure_size(const struct side *side, const struct memory *memory,
			 __u32 handle, __u64 size)
{
	struct samples bind = { 0 }, unbind = { 0 };

	for (unsigned int i = 0; i < samples_for(size); i++) {
		sample(&bind, counted(object_bind(side, handle, ADDRESS, size)));
		sample(&unbind, counted(object_unbind(side, ADDRESS, size)));
		settle();
	}
	measure_async(side, memory, handle, size);
	report_for("bind", memory, side, size, median(&bind));
	report_for("unbind", memory, side, size, median(&unbind));
	report_for("bind+unbind", memory, side, size,
		   median(&bind) + median(&unbind));
}

/*
 * Of a new object, a page at @offset: the bind brings all pages in, and finds its
 * place among them.
 */
static void measure_first(const struct side *side, const struct memory *memory,
			  const char *what, __u64 offset)
{
	__u32 handle = object_create_empty(side, WHOLE);

	tell(SHMEM_HUGE, "deny");
	report_for(what, memory, side, WHOLE,
		   counted(object_bind_part(side, handle, ADDRESS, offset,
					    PAGE_SIZE)));
	must(object_unbind(side, ADDRESS, PAGE_SIZE));
	must(_gem_close(gpu, handle));
	settle();
}

static void measure_vm_bind(enum kind kind, const struct memory *memory)
{
	struct side side;
	__u32 handle;

	side_open(&side, kind);
	if (!memory->huge && !memory->scattered) {
		measure_first(&side, memory, "first-page", 0);
		measure_first(&side, memory, "last-page", WHOLE - PAGE_SIZE);
	}
	create(&side, memory, WHOLE, &handle, 1);
	for (__u64 size = PAGE_SIZE; size <= WHOLE; size *= 4)
		measure_size(&side, memory, handle, size);
	must(_gem_close(gpu, handle));
	side_close(&side);
}

/* Two objects take turns at the address. */
static void measure_execbuf2_size(struct side *side, const struct memory *memory,
				  __u64 size)
{
	struct samples first = { 0 }, again = { 0 };
	struct submission sub;
	__u32 handles[2];

	create(side, memory, size, handles, 2);
	submission_init(side, &sub, 1);
	submission_add(&sub, handles[0], ADDRESS, EXEC_OBJECT_ASYNC);
	gated_submit(side, &sub);
	for (unsigned int i = 1; i <= samples_for(size); i++) {
		sub.objects[1].handle = handles[i % 2];
		sample(&first, gated_submit(side, &sub));
		sample(&again, gated_submit(side, &sub));
		settle();
	}
	report_for("bind+unbind", memory, side, size,
		   median(&first) - median(&again));
	submission_fini(&sub);
	for (unsigned int i = 0; i < 2; i++)
		must(_gem_close(gpu, handles[i]));
	settle();
}

static void measure_execbuf2(const struct memory *memory)
{
	struct side side;

	side_open(&side, EXECBUF2);
	for (__u64 size = PAGE_SIZE; size <= WHOLE; size *= 4)
		measure_execbuf2_size(&side, memory, size);
	side_close(&side);
}

void bench_size(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(memories); i++) {
		/* Two objects at a time are more than can be scattered. */
		if (!memories[i].huge || !memories[i].scattered)
			measure_execbuf2(&memories[i]);
		for (enum kind kind = SHARED; kind < KINDS; kind++)
			measure_vm_bind(kind, &memories[i]);
	}
}
