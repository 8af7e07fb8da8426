// SPDX-License-Identifier: MIT
/*
 * The cost of a submission with an in-fence and an out-fence.
 */
#include "bench.h"

/* One fence to wait for and one to signal, as either ioctl takes them */
struct fences {
	__u32 in, out;			/* syncobjs */
	__u64 points[2];		/* 0: binary */
	struct drm_i915_gem_timeline_fence eb3[2];
	struct drm_i915_gem_exec_fence eb2[2];
	struct drm_i915_gem_execbuffer_ext_timeline_fences timeline;
};

enum source {
	NONE,
	BINARY_SIGNALLED,
	TIMELINE_SIGNALLED,
	TIMELINE_PENDING,	/* by a batch on another engine */
	SOURCES
};

static const char * const figures[SOURCES] = {
	[NONE] = "fences-none",
	[BINARY_SIGNALLED] = "fences-binary",
	[TIMELINE_SIGNALLED] = "fences-timeline",
	[TIMELINE_PENDING] = "fences-pending",
};

static int signal_point(__u32 syncobj, __u64 point)
{
	struct drm_syncobj_timeline_array args = {
		.handles = to_user(&syncobj), .points = to_user(&point),
		.count_handles = 1,
	};

	return drm_call(gpu, DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, &args);
}

/* The binary payload of @from becomes a point of @to. */
static int transfer(__u32 from, __u32 to, __u64 point)
{
	struct drm_syncobj_transfer args = {
		.src_handle = from, .dst_handle = to, .dst_point = point,
	};

	return drm_call(gpu, DRM_IOCTL_SYNCOBJ_TRANSFER, &args);
}

static void fences_init(struct fences *f)
{
	memset(f, 0, sizeof(*f));
	must(_syncobj_create(gpu, &f->in));
	must(_syncobj_create(gpu, &f->out));
	f->eb3[0].handle = f->in;
	f->eb3[0].flags = I915_TIMELINE_FENCE_WAIT;
	f->eb3[1].handle = f->out;
	f->eb3[1].flags = I915_TIMELINE_FENCE_SIGNAL;
	f->eb2[0].handle = f->in;
	f->eb2[0].flags = I915_EXEC_FENCE_WAIT;
	f->eb2[1].handle = f->out;
	f->eb2[1].flags = I915_EXEC_FENCE_SIGNAL;
	f->timeline.base.name = DRM_I915_GEM_EXECBUFFER_EXT_TIMELINE_FENCES;
	f->timeline.fence_count = 2;
	f->timeline.handles_ptr = to_user(f->eb2);
	f->timeline.values_ptr = to_user(f->points);
}

static void fences_fini(const struct fences *f)
{
	must(_syncobj_destroy(gpu, f->in));
	must(_syncobj_destroy(gpu, f->out));
}

/* What a batch on another engine signals at its end is the next in-point. */
static void next_in_point(struct fences *f, enum source source,
			  const struct side *other)
{
	f->points[0] += source != BINARY_SIGNALLED;
	if (source == TIMELINE_PENDING)
		must(transfer(other->done, f->in, f->points[0]));
	else
		must(signal_point(f->in, f->points[0]));
	f->eb3[0].value = f->points[0];
}

static void attach(const struct side *side, struct submission *sub,
		   struct fences *f, enum source source)
{
	if (source == NONE)
		return;

	if (side->kind != EXECBUF2) {
		sub->eb3.fence_count = 2;
		sub->eb3.timeline_fences = to_user(f->eb3);
	} else if (source == BINARY_SIGNALLED) {
		sub->eb2.flags |= I915_EXEC_FENCE_ARRAY;
		sub->eb2.cliprects_ptr = to_user(f->eb2);
		sub->eb2.num_cliprects = 2;
	} else {
		sub->eb2.flags |= I915_EXEC_USE_EXTENSIONS;
		sub->eb2.cliprects_ptr = to_user(&f->timeline);
	}
}

/* A pending fence makes requests longer. */
#define FENCED_REQUESTS		(GATED_REQUESTS / 2)

static __u64 fenced_cost(struct side *side, struct side *other,
			 enum source source, struct submission *sub)
{
	struct samples s = { 0 };
	struct fences f;

	fences_init(&f);
	attach(side, sub, &f, source);
	while (s.n < 400) {
		gate_close(other);
		gate_close(side);
		if (source != NONE)
			next_in_point(&f, source, other);
		for (unsigned int i = 0; i < FENCED_REQUESTS; i++) {
			f.points[1] += source != BINARY_SIGNALLED;
			f.eb3[1].value = f.points[1];
			sample(&s, counted(submit(sub)));
		}
		gate_open(other);
		gate_open(side);
	}
	fences_fini(&f);
	return median(&s);
}

static void measure_side(enum kind kind, struct side *other)
{
	struct submission sub;
	struct side side;
	__u32 handle;

	side_open(&side, kind);
	handle = object_create(&side, PAGE_SIZE);
	if (kind != EXECBUF2)
		must(object_bind(&side, handle, OBJECT_ADDRESS, PAGE_SIZE));

	for (enum source source = 0; source < SOURCES; source++) {
		submission_init(&side, &sub, 1);
		submission_add(&sub, handle, OBJECT_ADDRESS, EXEC_OBJECT_ASYNC);
		report(figures[source], side.name, 1,
		       fenced_cost(&side, other, source, &sub), "instructions");
		submission_fini(&sub);
	}
	must(_gem_close(gpu, handle));
	side_close(&side);
}

void bench_fences(void)
{
	struct side other;

	side_open_on(&other, EXECBUF2, I915_ENGINE_CLASS_COPY);
	for (enum kind kind = 0; kind < KINDS; kind++)
		measure_side(kind, &other);
	side_close(&other);
}
