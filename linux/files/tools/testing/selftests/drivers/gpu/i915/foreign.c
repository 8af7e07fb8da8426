// SPDX-License-Identifier: MIT
/*
 * In-fences that are not i915's, however long they take and however they end.
 * They are SW_SYNC's, which signal when the test says so.
 */
#include "i915_vm_bind_engines.h"
#include "i915_vm_bind_sync.h"
#include "i915_vm_bind_utils.h"

/* Longer than i915 otherwise waits for fences of others: 10 s, rounded up. */
#define LONG_SECONDS	12

#define MAX_WAITERS	8

FIXTURE(foreign)
{
	struct gpu gpu;
	struct bo bo;		/* page 0: words; page n + 1: the batch of waiter n */
	__u64 addr;
	int sw;
	unsigned int waiters;
	__u32 outs[MAX_WAITERS];
};

FIXTURE_SETUP(foreign)
{
	self->sw = sw_sync_open();
	if (self->sw < 0)
		SKIP(return, "no SW_SYNC");
	test_gpu_open();
	test_bo_create((MAX_WAITERS + 1) * PAGE_SIZE, &self->bo);
	self->addr = OBJECT_ADDRESS;
	test_vm_bind();
}

FIXTURE_TEARDOWN(foreign)
{
	EXPECT_EQ(0, restore_settings());
	close(self->sw);
	close(self->gpu.fd);
}

#define RESULT(n)	(8 * ((n) + 1))

/* A syncobj that holds the fence of @file, which is closed. */
static int hold(int fd, int file, __u32 *syncobj)
{
	int err = _syncobj_create(fd, syncobj) ?:
		  _sync_file_to_syncobj(fd, file, *syncobj);

	close(file);
	return err;
}

/* A syncobj whose payload @point waits for the timeline's next point. */
static int hold_point(int fd, int file, __u64 point, __u32 *syncobj)
{
	__u32 binary;

	return hold(fd, file, &binary) ?: _syncobj_create(fd, syncobj) ?:
	       _syncobj_transfer(fd, *syncobj, point, binary) ?:
	       _syncobj_destroy(fd, binary);
}

/* A batch that waits for @in, and then copies word 0 to a word of its own. */
static int add_waiter(struct _test_data_foreign *self, __u16 class,
		      struct drm_i915_gem_timeline_fence in)
{
	const unsigned int n = self->waiters++;
	const __u64 batch = self->addr + (n + 1) * PAGE_SIZE;
	struct drm_i915_gem_timeline_fence fences[2] = { in };
	struct drm_i915_gem_execbuffer3 args = {
		.batch_address = batch,
		.fence_count = 2, .timeline_fences = to_user(fences),
	};
	int err = context_on_vm(self->gpu.fd, self->gpu.vm, class, 0, &args.ctx_id) ?:
		  _syncobj_create(self->gpu.fd, &self->outs[n]);

	fences[1] = SIGNAL(self->outs[n], 0);
	self->bo.map[RESULT(n) / 4] = 0;
	emit_end(emit_copy(self->bo.map + (n + 1) * PAGE_SIZE / 4,
			   self->addr + RESULT(n), self->addr));
	return err ?: _execbuffer3(self->gpu.fd, &args);
}

#define test_add_waiter(class, in) ASSERT_EQ(0, add_waiter(self, class, in))

#define test_all_wait() do {						\
	for (unsigned int __n = 0; __n < self->waiters; __n++) {	\
		test_cpu_read(&self->bo, RESULT(__n), 0);		\
		test_syncobj_status(0, self->outs[__n]);		\
	}								\
} while (0)

/* Each has run, and says so, whatever it waited for says. */
#define test_all_run(value) do {					\
	for (unsigned int __n = 0; __n < self->waiters; __n++) {	\
		test_syncobj_wait(self->outs[__n], 0);			\
		test_cpu_read(&self->bo, RESULT(__n), value);		\
		test_syncobj_status(1, self->outs[__n]);		\
	}								\
} while (0)

static int merged(int sw)
{
	int one = sw_sync_fence(sw, 1), other = sw_sync_open(), two, both;

	/* Of another timeline, or one of the fences would be dropped */
	two = sw_sync_fence(other, 1);
	both = sync_file_merge(one, two);
	sw_sync_advance(other, 1);
	close(other);
	close(one);
	close(two);
	return both;
}

/* A waiter for each shape that the next point of @sw can have as an in-fence. */
static int add_waiters(struct _test_data_foreign *self)
{
	const __u16 rcs = I915_ENGINE_CLASS_RENDER, bcs = I915_ENGINE_CLASS_COPY;
	const int fd = self->gpu.fd;
	__u32 in;

	return hold(fd, sw_sync_fence(self->sw, 1), &in) ?:
	       add_waiter(self, rcs, WAIT(in, 0)) ?:
	       hold_point(fd, sw_sync_fence(self->sw, 1), 3, &in) ?:
	       add_waiter(self, bcs, WAIT(in, 3)) ?:
	       hold(fd, merged(self->sw), &in) ?:
	       add_waiter(self, rcs, WAIT(in, 0)) ?:
	       hold_point(fd, merged(self->sw), 3, &in) ?:
	       add_waiter(self, rcs, WAIT(in, 3)) ?:
	       /* What waits for one that waits, on the same engine and on another */
	       add_waiter(self, rcs, WAIT(self->outs[0], 0)) ?:
	       add_waiter(self, bcs, WAIT(self->outs[0], 0));
}

/* A batch does not start before its in-fences have signalled, late as it may be. */
TEST_F_TIMEOUT(foreign, waits_without_limit, 120)
{
	struct drm_i915_gem_timeline_fence fences[2];
	const __u64 batches[WIDTH] = { BATCH_ADDRESS, BATCH_ADDRESS };
	__u32 timeline, in, ctx;

	self->bo.map[0] = 0x01d;
	ASSERT_EQ(0, add_waiters(self));

	/* A timeline with a fence of each kind */
	ASSERT_EQ(0, hold_point(self->gpu.fd, sw_sync_fence(self->sw, 1), 1, &timeline));
	emit_end(self->gpu.batch.map);
	test_context_on_vm(self->gpu.vm, I915_ENGINE_CLASS_RENDER, 0, &ctx);
	test_equal(0, execute(self->gpu.fd, ctx, BATCH_ADDRESS, timeline, 2));
	test_add_waiter(I915_ENGINE_CLASS_COPY, WAIT(timeline, 2));

	/* And one with the end of a parallel submission */
	if (!context_parallel(self->gpu.fd, self->gpu.vm, &ctx)) {
		ASSERT_EQ(0, hold(self->gpu.fd, sw_sync_fence(self->sw, 1), &in));
		fences[0] = WAIT(in, 0);
		fences[1] = SIGNAL(timeline, 3);
		test_execbuffer3(.ctx_id = ctx, .batch_address = to_user(batches),
				 .fence_count = 2, .timeline_fences = to_user(fences));
		test_add_waiter(I915_ENGINE_CLASS_RENDER, WAIT(timeline, 3));
	}

	test_all_wait();
	sleep(LONG_SECONDS);
	test_all_wait();
	self->bo.map[0] = 0x4e3;
	ASSERT_EQ(0, sw_sync_advance(self->sw, 1));
	test_all_run(0x4e3);
}

/* That one has failed is no reason not to run, nor an error of one's own. */
TEST_F(foreign, ends_with_an_error)
{
	self->bo.map[0] = 0x01d;
	ASSERT_EQ(0, add_waiters(self));
	test_all_wait();
	self->bo.map[0] = 0x4e3;
	close(self->sw);
	test_all_run(0x4e3);
}

TEST_F(foreign, has_ended)
{
	__u32 good, bad;

	self->bo.map[0] = 0x4e3;
	ASSERT_EQ(0, hold(self->gpu.fd, sw_sync_fence(self->sw, 1), &good));
	ASSERT_EQ(0, sw_sync_advance(self->sw, 1));
	test_syncobj_status(1, good);
	ASSERT_EQ(0, hold(self->gpu.fd, sw_sync_fence(self->sw, 2), &bad));
	close(self->sw);
	test_syncobj_status(-ENOENT, bad);
	test_add_waiter(I915_ENGINE_CLASS_RENDER, WAIT(good, 0));
	test_add_waiter(I915_ENGINE_CLASS_RENDER, WAIT(bad, 0));
	test_all_run(0x4e3);
}

/* Batches of EXECBUFFER2, which do take over errors. */

#define CLASSIC_ADDRESS	0x200000ull

struct classic {
	struct bo bo;
	__u32 out;
};

/* Its batch stores a word behind itself. */
static int classic_execute(int fd, __u32 ctx, __u32 in, struct classic *classic)
{
	int err = bo_create(fd, PAGE_SIZE, &classic->bo) ?:
		  _syncobj_create(fd, &classic->out);
	const struct drm_i915_gem_exec_fence fences[] = {
		{ in, I915_EXEC_FENCE_WAIT }, { classic->out, I915_EXEC_FENCE_SIGNAL },
	};
	struct drm_i915_gem_exec_object2 object = {
		.handle = classic->bo.handle, .offset = CLASSIC_ADDRESS,
		.flags = EXEC_OBJECT_PINNED | EXEC_OBJECT_SUPPORTS_48B_ADDRESS,
	};
	struct drm_i915_gem_execbuffer2 args = {
		.buffers_ptr = to_user(&object), .buffer_count = 1, .rsvd1 = ctx,
		.flags = I915_EXEC_RENDER | I915_EXEC_FENCE_ARRAY,
		.cliprects_ptr = to_user(fences), .num_cliprects = 2,
	};

	if (err)
		return err;
	emit_end(emit_store(classic->bo.map, CLASSIC_ADDRESS + 0x800, 0xc1a));
	return drm_call(fd, DRM_IOCTL_I915_GEM_EXECBUFFER2, &args);
}

#define test_classic_ended(_expected, _classic) do {			\
	const struct classic *__classic = (_classic);			\
	const int __expected = (_expected);				\
									\
	test_syncobj_wait(__classic->out, 0);				\
	test_syncobj_status(__expected, __classic->out);		\
	test_cpu_read(&__classic->bo, 0x800, __expected == 1 ? 0xc1a : 0);	\
} while (0)

/* An error that a batch disregards reaches nobody who waits for that batch. */
TEST_F(foreign, error_ends_here)
{
	for (int late = 0; late < 2; late++) {
		const int sw = sw_sync_open();
		struct classic after;
		struct spin spin;
		__u32 in;

		ASSERT_EQ(0, hold(self->gpu.fd, sw_sync_fence(sw, 1), &in));
		ASSERT_EQ(0, spin_prepare(&self->gpu, &spin,
					  SPIN_ADDRESS + late * PAGE_SIZE));
		emit_end(spin.cs);
		test_execbuffer3(.batch_address = spin.address,
				 FENCES(WAIT(in, 0), SIGNAL(spin.done, 0)));
		if (!late)
			ASSERT_EQ(0, classic_execute(self->gpu.fd, 0, spin.done, &after));
		close(sw);
		for (int ms = 0; !spin_runs(&spin); ms++) {
			ASSERT_GT(WAIT_SECONDS * 1000, ms);
			usleep(1000);
		}
		if (late)
			ASSERT_EQ(0, classic_execute(self->gpu.fd, 0, spin.done, &after));
		test_spin_end(&spin);
		test_syncobj_status(1, spin.done);
		test_classic_ended(1, &after);
	}
}

/* Nor does an error pass it by, from one that does take it over to another. */
TEST_F(foreign, error_does_not_pass_by)
{
	struct classic first, last;
	__u32 in, between, ctx;

	test_syncobj_create(&between);
	test_context_create(NULL, &ctx);
	ASSERT_EQ(0, hold(self->gpu.fd, sw_sync_fence(self->sw, 1), &in));
	ASSERT_EQ(0, classic_execute(self->gpu.fd, 0, in, &first));
	emit_end(emit_store(self->gpu.batch.map, self->addr, 0x4e3));
	test_execbuffer3(FENCES(WAIT(first.out, 0), SIGNAL(between, 0)));
	ASSERT_EQ(0, classic_execute(self->gpu.fd, ctx, between, &last));
	close(self->sw);
	test_classic_ended(-ENOENT, &first);
	test_syncobj_wait(between, 0);
	test_syncobj_status(1, between);
	test_cpu_read(&self->bo, 0, 0x4e3);
	test_classic_ended(1, &last);
}

/* What ends a wait before its fence does: the batch is skipped, and says so. */

#define test_given_up() do {						\
	for (unsigned int __n = 0; __n < self->waiters; __n++) {	\
		test_syncobj_wait(self->outs[__n], 0);			\
		test_syncobj_status(-EIO, self->outs[__n]);		\
	}								\
	ASSERT_EQ(0, sw_sync_advance(self->sw, 1));			\
	usleep(50000);							\
	for (unsigned int __n = 0; __n < self->waiters; __n++)		\
		test_cpu_read(&self->bo, RESULT(__n), 0);		\
} while (0)

TEST_F_TIMEOUT(foreign, context_is_destroyed, 60)
{
	__u32 in, out, ctx;

	test_syncobj_create(&out);
	test_context_on_vm(self->gpu.vm, I915_ENGINE_CLASS_RENDER, 0, &ctx);
	ASSERT_EQ(0, hold(self->gpu.fd, sw_sync_fence(self->sw, 1), &in));
	emit_end(emit_store(self->gpu.batch.map, self->addr, 0xbad));
	test_execbuffer3(.ctx_id = ctx, FENCES(WAIT(in, 0), SIGNAL(out, 0)));
	test_context_destroy(ctx);
	test_syncobj_wait(out, 0);
	test_syncobj_status(-EIO, out);
	ASSERT_EQ(0, sw_sync_advance(self->sw, 1));
	usleep(50000);
	test_cpu_read(&self->bo, 0, 0);
}

TEST_F_TIMEOUT(foreign, gpu_is_given_up, 120)
{
	char reset[PATH_SIZE], wedged[PATH_SIZE];

	if (!may_disrupt())
		SKIP(return, DISRUPTS);
	debugfs_path(self->gpu.fd, "i915_wedged", wedged);
	debugfs_path(self->gpu.fd, "i915_params/reset", reset);
	/* While it can be reset: some contexts cannot be had otherwise. */
	self->bo.map[0] = 0xbad;
	ASSERT_EQ(0, add_waiters(self));
	if (change_setting(reset, "0"))
		SKIP(return, "reset cannot be forbidden");
	EXPECT_EQ(0, write_file(wedged, "1"));
	EXPECT_EQ(0, restore_settings());
	EXPECT_EQ(0, write_file(wedged, "1"));
	test_given_up();
	test_context_on_vm(self->gpu.vm, I915_ENGINE_CLASS_RENDER, 0, &self->gpu.ctx);
	test_mapped(self->addr, &self->bo, 0);
}

int main(int argc, char **argv)
{
	skip_without_vm_bind();
	return test_harness_run(argc, argv);
}
