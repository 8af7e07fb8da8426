// SPDX-License-Identifier: MIT
/*
 * Fences of VM_BIND, VM_UNBIND and EXECBUFFER3: what is accepted, what they
 * wait for, and that a call that fails leaves the syncobjs as they were.
 */
#include "i915_vm_bind_sync.h"
#include "i915_vm_bind_utils.h"

FIXTURE(fences)
{
	struct gpu gpu;
	struct bo bo;
	__u64 addr;
	__u32 binary, timeline;	/* hold nothing */
};

FIXTURE_SETUP(fences)
{
	test_gpu_open();
	test_bo_create(4 * PAGE_SIZE, &self->bo);
	self->addr = OBJECT_ADDRESS;
	test_vm_bind();
	test_syncobj_create(&self->binary);
	test_syncobj_create(&self->timeline);
	emit_end(emit_store(self->gpu.batch.map, self->addr, 0x1));
}

FIXTURE_TEARDOWN(fences)
{
	close(self->gpu.fd);
}

#define __execute_with(...) ({						\
	const struct drm_i915_gem_timeline_fence __f[] = { __VA_ARGS__ };	\
									\
	__execbuffer3(.fence_count = ARRAY_SIZE(__f),			\
		      .timeline_fences = to_user(__f));			\
})
#define test_execute(...) ASSERT_EQ(0, __execute_with(__VA_ARGS__))
#define test_err_execute(err, ...) ASSERT_EQ(-(err), __execute_with(__VA_ARGS__))

/* EXECBUFFER3 */

TEST_F(fences, execute_signals_binary)
{
	test_err_syncobj_wait(EINVAL, self->binary, 0);
	test_execute(SIGNAL(self->binary, 0));
	test_syncobj_wait(self->binary, 0);
	test_cpu_read(&self->bo, 0, 0x1);
}

TEST_F(fences, execute_signals_timeline)
{
	for (__u64 point = 1; point < 100; point *= 3) {
		test_err_syncobj_wait(EINVAL, self->timeline, point);
		test_execute(SIGNAL(self->timeline, point));
		test_syncobj_wait(self->timeline, point);
		test_syncobj_point(self->timeline, point);
	}
}

TEST_F(fences, execute_signals_several)
{
	test_execute(SIGNAL(self->binary, 0), SIGNAL(self->timeline, 1),
		     SIGNAL(self->timeline, 2));
	test_syncobj_wait(self->binary, 0);
	test_syncobj_wait(self->timeline, 2);
	test_syncobj_point(self->timeline, 2);
}

TEST_F(fences, execute_replaces_binary)
{
	struct spin spin;

	test_spin_prepare(&spin);
	test_execute(SIGNAL(spin.done, 0));
	test_syncobj_wait(spin.done, 0);
	test_spin_submit(&spin);
	test_spin_runs(&spin);
	test_spin_end(&spin);
}

/* Value 0 is the binary payload, also of what was a timeline. */
TEST_F(fences, execute_replaces_timeline)
{
	test_execute(SIGNAL(self->timeline, 7));
	test_syncobj_wait(self->timeline, 7);
	test_syncobj_point(self->timeline, 7);
	test_execute(SIGNAL(self->timeline, 0));
	test_syncobj_wait(self->timeline, 0);
	test_syncobj_point(self->timeline, 0);
}

/* Not before the batch has ended, and not before what it waits for has. */
TEST_F(fences, execute_signals_at_the_end)
{
	struct spin spin;

	test_spin_prepare(&spin);
	test_spin_submit(&spin);
	test_spin_runs(&spin);
	test_execute(WAIT(spin.done, 0), SIGNAL(self->binary, 0),
		     SIGNAL(self->timeline, 1));
	test_err_syncobj_wait(ETIME, self->binary, 0);
	test_err_syncobj_wait(ETIME, self->timeline, 1);
	test_spin_end(&spin);
	test_syncobj_wait(self->binary, 0);
	test_syncobj_wait(self->timeline, 1);
}

TEST_F(fences, execute_has_nothing_to_wait_for)
{
	test_execute(SIGNAL(self->timeline, 2));
	test_err_execute(EINVAL, WAIT(self->binary, 0));
	test_err_execute(EINVAL, WAIT(self->binary, 1));
	test_err_execute(EINVAL, WAIT(self->timeline, 3));
	test_execute(WAIT(self->timeline, 2), SIGNAL(self->timeline, 3));
	test_syncobj_wait(self->timeline, 3);
	test_execute(WAIT(self->timeline, 3));
}

/* The fences of old points are gone, the points have been reached all the same. */
TEST_F(fences, execute_waits_for_what_has_been)
{
	for (__u64 point = 2; point <= 8; point += 2) {
		test_execute(SIGNAL(self->timeline, point));
		test_syncobj_wait(self->timeline, point);
	}
	for (__u64 point = 0; point <= 8; point++)
		test_execute(WAIT(self->timeline, point));
	test_err_execute(EINVAL, WAIT(self->timeline, 9));
	test_execute(WAIT(self->timeline, 8), SIGNAL(self->binary, 0));
	test_syncobj_wait(self->binary, 0);
	test_execute(WAIT(self->binary, 0));
}

/*
 * A batch that was killed, with its context, is over: what waited for it runs,
 * and does not fail with it. It waits with a fence, which has the error, and not
 * with a semaphore: it is on another engine, and of low priority.
 */
TEST_F(fences, execute_waits_for_what_failed)
{
	struct spin spin;
	__u32 ctx;

	test_context_on_vm(self->gpu.vm, I915_ENGINE_CLASS_COPY, 0, &ctx);
	test_context_setparam(self->gpu.ctx, I915_CONTEXT_PARAM_PRIORITY, -1);
	test_spin_prepare(&spin);
	spin.cs = emit_store(spin.cs, self->addr + 8, 0x2);
	test_equal(0, spin_submit(&self->gpu, &spin, ctx));
	test_execute(WAIT(spin.done, 0), SIGNAL(self->binary, 0));
	test_spin_runs(&spin);
	test_err_syncobj_wait(ETIME, self->binary, 0);
	test_context_destroy(ctx);
	test_syncobj_wait(spin.done, 0);
	test_syncobj_status(-EIO, spin.done);
	test_syncobj_wait(self->binary, 0);
	test_syncobj_status(1, self->binary);
	test_cpu_read(&self->bo, 8, 0);
	test_cpu_read(&self->bo, 0, 0x1);
}

TEST_F(fences, execute_waits_and_signals_in_one)
{
	struct spin spin;

	test_err_execute(EINVAL, BOTH(self->binary, 0));
	test_execute(SIGNAL(self->timeline, 1));
	test_err_execute(EINVAL, BOTH(self->timeline, 1));
	test_err_execute(EINVAL, BOTH(self->timeline, 2));
	test_err_syncobj_wait(EINVAL, self->timeline, 2);

	test_spin_prepare(&spin);
	test_spin_submit(&spin);
	test_execute(BOTH(spin.done, 0), SIGNAL(self->binary, 0));
	test_err_syncobj_wait(ETIME, spin.done, 0);
	test_err_syncobj_wait(ETIME, self->binary, 0);
	test_spin_end(&spin);
	test_syncobj_wait(self->binary, 0);
}

TEST_F(fences, execute_flags)
{
	const __u32 known = I915_TIMELINE_FENCE_WAIT | I915_TIMELINE_FENCE_SIGNAL;

	for (__u32 flag = 1; flag; flag <<= 1) {
		if (flag & known)
			continue;
		test_execute(SIGNAL(self->binary, 0));
		test_err_execute(EINVAL, FENCE(self->binary, flag, 0));
		test_err_execute(EINVAL, FENCE(self->binary, flag | known, 0));
	}
	test_execute(SIGNAL(self->binary, 0));
	test_syncobj_wait(self->binary, 0);
}

TEST_F(fences, execute_no_flags_no_fence)
{
	test_execute(FENCE(0, 0, 0), FENCE(-1, 0, 0), FENCE(0, 0, -1),
		     FENCE(self->timeline, 0, 5), SIGNAL(self->binary, 0));
	test_syncobj_wait(self->binary, 0);
	test_err_syncobj_wait(EINVAL, self->timeline, 5);
}

TEST_F(fences, execute_unknown_handle)
{
	test_execute(SIGNAL(self->binary, 0));
	test_err_execute(ENOENT, SIGNAL(0, 0));
	test_err_execute(ENOENT, SIGNAL(1000, 1));
	test_err_execute(ENOENT, WAIT(1000, 0));
	test_err_execute(ENOENT, SIGNAL(-1, 0));
	test_execute(WAIT(self->binary, 0));
}

TEST_F(fences, execute_unreadable)
{
	struct drm_i915_gem_timeline_fence *fence;

	fence = mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)fence);
	ASSERT_EQ(0, munmap((char *)fence + PAGE_SIZE, PAGE_SIZE));
	fence += PAGE_SIZE / sizeof(*fence) - 1;
	*fence = SIGNAL(self->timeline, 1);

	test_err_execbuffer3(EFAULT, .fence_count = 1);
	test_err_execbuffer3(EFAULT, .fence_count = 1, .timeline_fences = 8);
	test_err_execbuffer3(EFAULT, .fence_count = 1, .timeline_fences = -16);
	test_err_execbuffer3(EFAULT, .fence_count = 2,
			     .timeline_fences = to_user(fence));
	/* An array that would end where the kernel is */
	test_err_execbuffer3(EFAULT, .fence_count = I915_TIMELINE_FENCES_MAX,
			     .timeline_fences = (1ull << 47) - 2 * PAGE_SIZE);
	test_err_syncobj_wait(EINVAL, self->timeline, 1);
	test_execbuffer3(.fence_count = 1, .timeline_fences = to_user(fence));
	test_syncobj_wait(self->timeline, 1);
}

/* As many as are allowed, and more: readable or not, of that size or absurd. */
TEST_F(fences, execute_count)
{
	const unsigned int most = I915_TIMELINE_FENCES_MAX, absurd = 1u << 20;
	struct drm_i915_gem_timeline_fence *fences;
	const __u64 nowhere = (1ull << 47) - PAGE_SIZE;

	ASSERT_EQ(1024, most);
	fences = mmap(NULL, absurd * sizeof(*fences), PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)fences);
	fences[0] = SIGNAL(self->timeline, 1);
	fences[most] = fences[0];

	for (__u64 count = most + 1; count < 1ull << 32; count *= 2) {
		test_err_execbuffer3(EINVAL, .fence_count = count,
				     .timeline_fences = to_user(fences));
		test_err_execbuffer3(EINVAL, .fence_count = count,
				     .timeline_fences = nowhere);
	}
	test_err_execbuffer3(EINVAL, .fence_count = absurd,
			     .timeline_fences = to_user(fences));
	test_err_execbuffer3(EINVAL, .fence_count = -1,
			     .timeline_fences = to_user(fences));
	test_err_syncobj_wait(EINVAL, self->timeline, 1);

	for (int i = 0; i < most; i++)
		fences[i] = SIGNAL(self->timeline, i + 1);
	test_execbuffer3(.fence_count = most, .timeline_fences = to_user(fences));
	test_syncobj_wait(self->timeline, most);
	for (int i = 0; i < most; i++)
		fences[i] = WAIT(self->timeline, i + 1);
	test_execbuffer3(.fence_count = most, .timeline_fences = to_user(fences));
	fences[most - 1].handle = 1000;
	test_err_execbuffer3(ENOENT, .fence_count = most,
			     .timeline_fences = to_user(fences));
}

TEST_F(fences, execute_failure_signals_nothing)
{
	const struct drm_i915_gem_timeline_fence good[] = {
		SIGNAL(self->binary, 0), SIGNAL(self->timeline, 7),
	};

	test_err_execute(ENOENT, good[0], good[1], SIGNAL(1000, 0));
	test_err_execute(EINVAL, good[0], good[1], WAIT(self->timeline, 1));
	test_err_execute(EINVAL, good[0], good[1], FENCE(self->binary, 4, 0));
	test_err_execute(EINVAL, good[0], good[1], BOTH(self->timeline, 3));
	test_err_execbuffer3(EINVAL, .batch_address = 0, .fence_count = 2,
			     .timeline_fences = to_user(good));
	test_err_execbuffer3(EINVAL, .engine_idx = 1, .fence_count = 2,
			     .timeline_fences = to_user(good));
	test_err_syncobj_wait(EINVAL, self->binary, 0);
	test_err_syncobj_wait(EINVAL, self->timeline, 7);
	test_syncobj_point(self->timeline, 0);

	test_execute(good[0], good[1]);
	test_syncobj_wait(self->binary, 0);
	test_syncobj_wait(self->timeline, 7);
}

/* User space says what waits for what: the object itself tells nobody. */
TEST_F(fences, nothing_is_implicit)
{
	struct spin spin;
	__u32 busy = ~0u;
	int err;

	test_spin_prepare(&spin);
	test_spin_submit(&spin);
	for (int i = 0; i < 2; i++) {
		const __u32 handle = i ? spin.bo.handle : self->bo.handle;

		test_gem_busy(handle, &busy);
		ASSERT_EQ(0, busy);
		test_gem_wait(handle);
		test_gem_set_domain(handle);
		/* A discrete GPU has no pwrite. */
		err = _gem_pwrite(self->gpu.fd, handle, 0xa00, 0x600d);
		ASSERT_TRUE(!err || err == -EOPNOTSUPP);
		test_cpu_read(i ? &spin.bo : &self->bo, 0xa00, err ? 0 : 0x600d);
	}
	test_spin_runs(&spin);
	test_spin_end(&spin);
}

/* VM_BIND and VM_UNBIND */

TEST_F(fences, bind_signals)
{
	__u64 start = self->addr + self->bo.size;

	test_vm_bind(.start = start, .fence = SIGNAL(self->binary, 0));
	test_syncobj_wait(self->binary, 0);
	test_vm_bind(.start = start + self->bo.size,
		     .fence = SIGNAL(self->timeline, 1));
	test_syncobj_wait(self->timeline, 1);
	test_vm_unbind(.start = start, .fence = SIGNAL(self->timeline, 4));
	test_syncobj_wait(self->timeline, 4);
	test_syncobj_point(self->timeline, 4);
}

TEST_F(fences, unbind_of_nothing_signals)
{
	__u64 start = self->addr + self->bo.size;

	test_vm_unbind(.start = start, .fence = SIGNAL(self->timeline, 1));
	test_syncobj_wait(self->timeline, 1);
	test_vm_unbind(.start = start, .fence = SIGNAL(self->binary, 0));
	test_syncobj_wait(self->binary, 0);
}

TEST_F(fences, bind_flags)
{
	const __u64 start = self->addr + self->bo.size;

	/* There is something that could be waited for. */
	test_vm_bind(.start = start, .fence = SIGNAL(self->timeline, 1));
	test_syncobj_wait(self->timeline, 1);
	test_vm_unbind(.start = start);
	for (__u32 flag = 1; flag; flag <<= 1) {
		const struct drm_i915_gem_timeline_fence
			alone = FENCE(self->timeline, flag, 1),
			with = FENCE(self->timeline,
				     flag | I915_TIMELINE_FENCE_SIGNAL, 1);

		if (flag == I915_TIMELINE_FENCE_SIGNAL)
			continue;
		test_vm_bind(.start = start);
		test_err_vm_unbind(EINVAL, .start = start, .fence = alone);
		test_err_vm_unbind(EINVAL, .start = start, .fence = with);
		test_vm_unbind(.start = start);
		test_err_vm_bind(EINVAL, .start = start, .fence = alone);
		test_err_vm_bind(EINVAL, .start = start, .fence = with);
	}
	test_syncobj_point(self->timeline, 1);
	test_vm_bind(.start = start, .fence = SIGNAL(self->timeline, 2));
	test_syncobj_wait(self->timeline, 2);
}

TEST_F(fences, bind_no_flags_no_fence)
{
	test_vm_unbind(.fence = FENCE(-1, 0, 3));
	test_vm_bind(.fence = FENCE(1000, 0, -1));
	test_vm_unbind(.fence = FENCE(self->timeline, 0, 3));
	test_err_syncobj_wait(EINVAL, self->timeline, 3);
	test_vm_bind();
}

TEST_F(fences, bind_unknown_handle)
{
	const __u64 start = self->addr + self->bo.size;

	test_err_vm_bind(ENOENT, .start = start, .fence = SIGNAL(1000, 1));
	test_err_vm_bind(ENOENT, .start = start, .fence = SIGNAL(0, 0));
	test_vm_bind(.start = start);
	test_err_vm_unbind(ENOENT, .start = start, .fence = SIGNAL(1000, 1));
	test_err_vm_bind(ENOSPC, .start = start);
	test_vm_unbind(.start = start);

	/* A name is looked up before the range is, and before the mode. */
	test_err_vm_bind(ENOENT, .fence = SIGNAL(1000, 1));
	test_err_vm_unbind(ENOENT, .length = PAGE_SIZE, .fence = SIGNAL(1000, 1));
}

TEST_F(fences, bind_failure_signals_nothing)
{
	const struct drm_i915_gem_timeline_fence next = SIGNAL(self->timeline, 3);

	test_vm_unbind(.fence = SIGNAL(self->timeline, 2));
	test_vm_bind();
	test_err_vm_bind(ENOSPC, .fence = next);
	test_err_vm_bind(ENOENT, .handle = 1000, .fence = next);
	test_err_vm_bind(EINVAL, .length = self->bo.size + PAGE_SIZE, .fence = next);
	test_err_vm_bind(EINVAL, .length = 0, .fence = next);
	test_err_vm_unbind(EINVAL, .length = PAGE_SIZE, .fence = next);
	test_err_vm_unbind(ENOENT, .vm_id = 0, .fence = next);
	test_err_vm_bind(ENOSPC, .fence = SIGNAL(self->binary, 0));

	test_syncobj_wait(self->timeline, 2);
	test_syncobj_point(self->timeline, 2);
	test_err_syncobj_wait(EINVAL, self->timeline, 3);
	test_err_syncobj_wait(EINVAL, self->binary, 0);

	test_vm_unbind(.fence = next);
	test_syncobj_wait(self->timeline, 3);
}

/* A batch of another context waits for a bind by its fence. */
TEST_F(fences, execute_waits_for_bind)
{
	const __u64 start = self->addr + self->bo.size;

	emit_end(emit_store(self->gpu.batch.map, start, value_at(start)));
	test_context_on_vm(self->gpu.vm, I915_ENGINE_CLASS_COPY, 0, &self->gpu.ctx);
	test_vm_bind(.start = start, .fence = SIGNAL(self->timeline, 1));
	test_execute(WAIT(self->timeline, 1), SIGNAL(self->timeline, 2));
	test_syncobj_wait(self->timeline, 2);
	test_cpu_read(&self->bo, 0, value_at(start));
}

/*
 * A batch that waits for the CPU on each engine, and one on rcs0 that waits for
 * that batch.
 */
FIXTURE(fence_order)
{
	struct gpu gpu;
	struct bo bo;
	__u64 addr;
	struct spin spin;
	__u32 rcs0, out;
};

FIXTURE_VARIANT(fence_order)
{
	__u16 class, instance;
};

FIXTURE_VARIANT_ADD(fence_order, rcs0) { I915_ENGINE_CLASS_RENDER, 0 };
FIXTURE_VARIANT_ADD(fence_order, bcs0) { I915_ENGINE_CLASS_COPY, 0 };
FIXTURE_VARIANT_ADD(fence_order, vcs0) { I915_ENGINE_CLASS_VIDEO, 0 };
FIXTURE_VARIANT_ADD(fence_order, vcs1) { I915_ENGINE_CLASS_VIDEO, 1 };
FIXTURE_VARIANT_ADD(fence_order, vecs0) { I915_ENGINE_CLASS_VIDEO_ENHANCE, 0 };

FIXTURE_SETUP(fence_order)
{
	int err = gpu_open(&self->gpu, variant->class, variant->instance);

	if (err == -ENOENT)
		SKIP(return, "no such engine");
	ASSERT_EQ(0, err);
	test_bo_create(PAGE_SIZE, &self->bo);
	self->addr = OBJECT_ADDRESS;
	test_vm_bind();
	test_context_on_vm(self->gpu.vm, I915_ENGINE_CLASS_RENDER, 0, &self->rcs0);
	test_syncobj_create(&self->out);
	test_spin_prepare(&self->spin);
	emit_end(emit_copy(self->gpu.batch.map, self->addr + 8, self->addr));
}

FIXTURE_TEARDOWN(fence_order)
{
	close(self->gpu.fd);
}

/* The CPU changes the word late: the copy shows when the second batch ran. */
#define test_waits_for_spin(in) do {					\
	const struct drm_i915_gem_timeline_fence __f[] = {		\
		in, SIGNAL(self->out, 1),				\
	};								\
									\
	self->bo.map[0] = 0x01d;					\
	test_execbuffer3(.ctx_id = self->rcs0, .fence_count = 2,	\
			 .timeline_fences = to_user(__f));		\
	usleep(50000);							\
	test_err_syncobj_wait(ETIME, self->out, 1);			\
	test_cpu_read(&self->bo, 8, 0);					\
	self->bo.map[0] = 0x4e3;					\
	test_spin_end(&self->spin);					\
	test_syncobj_wait(self->out, 1);				\
	test_cpu_read(&self->bo, 8, 0x4e3);				\
} while (0)

TEST_F(fence_order, binary)
{
	test_spin_submit(&self->spin);
	test_waits_for_spin(WAIT(self->spin.done, 0));
}

TEST_F(fence_order, timeline)
{
	self->spin.point = 5;
	test_spin_submit(&self->spin);
	test_waits_for_spin(WAIT(self->spin.done, 5));
}

/* An earlier point than the one that is there waits for that one. */
TEST_F(fence_order, timeline_gap)
{
	self->spin.point = 5;
	test_spin_submit(&self->spin);
	test_waits_for_spin(WAIT(self->spin.done, 3));
}

/* A timeline may begin with what was there before: a binary fence. */
TEST_F(fence_order, timeline_on_a_binary)
{
	__u32 ctx;

	test_spin_submit(&self->spin);
	test_context_on_vm(self->gpu.vm, I915_ENGINE_CLASS_COPY, 0, &ctx);
	emit_end(self->bo.map + 0x400 / 4);
	test_equal(0, execute(self->gpu.fd, ctx, self->addr + 0x400,
			      self->spin.done, 1));
	self->spin.point = 1;
	test_waits_for_spin(WAIT(self->spin.done, 1));
}

/* Two points of a timeline, each reached by a batch of its own. */
FIXTURE(fence_jump)
{
	struct gpu gpu;
	struct bo bo;
	__u64 addr;
};

FIXTURE_VARIANT(fence_jump)
{
	__u64 from, to;
};

FIXTURE_VARIANT_ADD(fence_jump, by_1) { 1, 2 };
FIXTURE_VARIANT_ADD(fence_jump, to_the_sign) { 0x7fffffff, 0x80000000 };
FIXTURE_VARIANT_ADD(fence_jump, by_2_31) { 1, 0x80000001 };
FIXTURE_VARIANT_ADD(fence_jump, by_2_31_and_1) { 1, 0x80000002 };
FIXTURE_VARIANT_ADD(fence_jump, to_32_bits) { 3, 0xffffffff };
FIXTURE_VARIANT_ADD(fence_jump, over_32_bits) { 0xffffffff, 0x100000000 };
FIXTURE_VARIANT_ADD(fence_jump, by_2_32) { 1, 0x100000001 };
FIXTURE_VARIANT_ADD(fence_jump, by_2_32_less_1) { 2, 0x100000001 };
FIXTURE_VARIANT_ADD(fence_jump, by_2_63) { 1, 0x8000000000000001 };
FIXTURE_VARIANT_ADD(fence_jump, to_64_bits) { 1, 0xffffffffffffffff };

FIXTURE_SETUP(fence_jump)
{
	test_gpu_open();
	test_bo_create(PAGE_SIZE, &self->bo);
	self->addr = OBJECT_ADDRESS;
	test_vm_bind();
}

FIXTURE_TEARDOWN(fence_jump)
{
	close(self->gpu.fd);
}

/*
 * One context waits for the first point, and then for the second. It is still
 * waiting for the first when it is told of the second, so that it remembers.
 */
TEST_F(fence_jump, both_are_waited_for)
{
	const __u64 points[] = { variant->from, variant->to };
	const __u16 classes[] = {
		I915_ENGINE_CLASS_COPY, I915_ENGINE_CLASS_VIDEO,
	};
	__u32 timeline, out, ctx;
	struct spin spins[2];

	test_syncobj_create(&timeline);
	test_syncobj_create(&out);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, spin_prepare(&self->gpu, &spins[i],
					  SPIN_ADDRESS + i * PAGE_SIZE));
		spins[i].done = timeline;
		spins[i].point = points[i];
		test_context_on_vm(self->gpu.vm, classes[i], 0, &ctx);
		ASSERT_EQ(0, spin_submit(&self->gpu, &spins[i], ctx));
	}
	for (int i = 0; i < 2; i++) {
		__u32 *cs = self->bo.map + (0x400 + 0x100 * i) / 4;

		emit_end(emit_store(cs, self->addr + 8 * i, 1 + i));
		test_execbuffer3(.batch_address = self->addr + 0x400 + 0x100 * i,
				 FENCES(WAIT(timeline, points[i]),
					SIGNAL(out, i + 1)));
	}
	test_spin_end(&spins[0]);
	test_syncobj_wait(out, 1);
	test_cpu_read(&self->bo, 0, 1);
	usleep(50000);
	test_err_syncobj_wait(ETIME, out, 2);
	test_cpu_read(&self->bo, 8, 0);
	test_spin_end(&spins[1]);
	test_syncobj_wait(out, 2);
	test_cpu_read(&self->bo, 8, 2);
}

int main(int argc, char **argv)
{
	skip_without_vm_bind();
	return test_harness_run(argc, argv);
}
