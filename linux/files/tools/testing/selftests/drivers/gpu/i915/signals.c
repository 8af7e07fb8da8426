// SPDX-License-Identifier: MIT
/*
 * A storm of signals: calls that wait are interrupted over and over, and what was
 * asked for is done once all the same.
 *
 * There is something to wait for: another thread that binds and unbinds, or a batch
 * that ends only after enough calls were interrupted.
 */
#include <pthread.h>

#include "i915_vm_bind_storm.h"
#include "i915_vm_bind_utils.h"

/* Post-increment of the doubleword at an address. */
#define MI_ATOMIC_INC	(0x2fu << 23 | 0x05u << 8 | 1)

#define ENOUGH		20

static time_t give_up;	/* before the harness does */

FIXTURE(signals)
{
	struct gpu gpu;
	struct bo bo;
	__u64 addr;
	struct drm_i915_gem_timeline_fence out;
	struct spin spin;
	pthread_t other;
	bool stop;
};

FIXTURE_VARIANT(signals)
{
	bool private;
};

FIXTURE_VARIANT_ADD(signals, private) { .private = true };
FIXTURE_VARIANT_ADD(signals, shared) { .private = false };

FIXTURE_SETUP(signals)
{
	struct timespec begin;

	test_gpu_open();
	if (variant->private)
		test_bo_create_private(64 * PAGE_SIZE, &self->bo);
	else
		test_bo_create(64 * PAGE_SIZE, &self->bo);
	self->addr = OBJECT_ADDRESS;
	self->out.flags = I915_TIMELINE_FENCE_SIGNAL;
	test_syncobj_create(&self->out.handle);
	test_spin_prepare(&self->spin);
	/* As long as two calls and a batch take here. */
	clock_gettime(CLOCK_MONOTONIC, &begin);
	test_vm_bind();
	test_mapped(self->addr, &self->bo, 0);
	test_vm_unbind();
	give_up = begin.tv_sec + 20;
	ASSERT_EQ(0, storm_begin(&begin));
}

FIXTURE_TEARDOWN(signals)
{
	storm_end();
	close(self->gpu.fd);
}

static bool is_enough(void)
{
	return __atomic_load_n(&calls_interrupted, __ATOMIC_SEQ_CST) >= ENOUGH;
}

/* What takes longer does not get enough. */
static bool more_rounds(int round)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return round < 50 || (!is_enough() && now.tv_sec < give_up);
}

/* No signal is for a thread that is started so. */
static int thread_create(pthread_t *thread, void *(*run)(void *), void *arg)
{
	sigset_t signals, before;
	int err;

	sigfillset(&signals);
	pthread_sigmask(SIG_BLOCK, &signals, &before);
	err = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}

/* Binds and unbinds an object of its own, elsewhere, so that others have to wait. */
static void *keep_busy(void *arg)
{
	struct _test_data_signals *self = arg;
	const struct drm_i915_gem_vm_unbind unbind = {
		.vm_id = self->gpu.vm, .start = 2 * self->addr, .length = 1 << 20,
	};
	struct bo bo;
	int err = bo_create(self->gpu.fd, 1 << 20, &bo);

	while (!err && !__atomic_load_n(&self->stop, __ATOMIC_SEQ_CST))
		err = bo_bind(self->gpu.fd, self->gpu.vm, &bo, 2 * self->addr) ?:
		      _vm_unbind(self->gpu.fd, &unbind);
	return (void *)(intptr_t)err;
}

#define test_other_begins() \
	ASSERT_EQ(0, thread_create(&self->other, keep_busy, self))

#define test_other_ends() do {						\
	void *__err;							\
									\
	__atomic_store_n(&self->stop, true, __ATOMIC_SEQ_CST);		\
	ASSERT_EQ(0, pthread_join(self->other, &__err));		\
	ASSERT_EQ(NULL, __err);						\
	ASSERT_TRUE(is_enough())					\
		TH_LOG("%u interrupted", calls_interrupted);		\
} while (0)

/* Ends the batch once enough of those who wait for it were interrupted. */
static void *release(void *arg)
{
	struct _test_data_signals *self = arg;

	for (int ms = 0; !is_enough() && ms < WAIT_SECONDS * 1000; ms++)
		usleep(1000);
	return (void *)(intptr_t)spin_end(&self->gpu, &self->spin);
}

#define test_spin_begins() do {						\
	test_spin_submit(&self->spin);					\
	ASSERT_EQ(0, thread_create(&self->other, release, self));	\
} while (0)

#define test_spin_was_waited_for() test_other_ends()

/* Twice would be ENOSPC, and not at all would leave nothing to be seen. */
TEST_F(signals, bind_and_unbind)
{
	test_other_begins();
	for (int round = 0; more_rounds(round); round++) {
		const __u64 offset = 4 * round % self->bo.size;

		test_vm_bind();
		test_err_vm_bind(ENOSPC);
		test_mapped(self->addr + offset, &self->bo, offset);
		test_vm_unbind();
		test_err_execbuffer3(EINVAL, .batch_address = self->addr);
	}
	test_other_ends();
}

/* A point that was used up by a call that was interrupted would be missing. */
TEST_F(signals, with_fences)
{
	test_other_begins();
	for (int round = 0; more_rounds(round); round++) {
		self->out.value++;
		test_vm_bind(.fence = self->out);
		self->out.value++;
		test_vm_unbind(.fence = self->out);
		if (round % 10)
			continue;
		test_vm_bind();
		test_mapped(self->addr, &self->bo, 0);
		test_vm_unbind();
		test_syncobj_point(self->out.handle, self->out.value);
	}
	test_other_ends();
}

/* The ring is full, and each batch counts. */
TEST_F(signals, execute)
{
	__u32 *cs = self->gpu.batch.map;
	int count = 0;

	test_vm_bind();
	*cs++ = MI_ATOMIC_INC;
	*cs++ = self->addr;
	*cs++ = self->addr >> 32;
	emit_end(cs);
	self->bo.map[0] = 0;
	test_spin_begins();
	for (; more_rounds(count / 20); count++)
		test_equal(0, execute(self->gpu.fd, self->gpu.ctx, BATCH_ADDRESS,
				      self->gpu.timeline, ++self->gpu.point));
	test_spin_was_waited_for();
	test_syncobj_wait(self->gpu.timeline, self->gpu.point);
	test_syncobj_point(self->gpu.timeline, self->gpu.point);
	test_cpu_read(&self->bo, 0, count);
}

TEST_F(signals, evicted)
{
	const int words = self->bo.size / 4;
	int round, err;

	if (!is_root())
		SKIP(return, NEEDS_ROOT);
	test_vm_bind();
	test_other_begins();
	for (round = 0; more_rounds(round); round++) {
		const __u64 offset = 4 * (round % words);

		test_mapped(self->addr + offset, &self->bo, offset);
		do {
			err = drop_caches(self->gpu.fd);
		} while (err == -EINTR);
		ASSERT_EQ(0, err);
	}
	test_other_ends();
	while (round--)
		test_cpu_read(&self->bo, 4 * (round % words),
			      value_at(self->addr + 4 * (round % words)));
}

static int map_anew(struct bo *bo)
{
	void *map = mmap(bo->map, bo->size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | (bo->map ? MAP_FIXED : 0), -1, 0);

	if (map == MAP_FAILED)
		return -errno;
	bo->map = map;
	return 0;
}

/* Its memory is pinned anew, for which the batch that uses the old one has to end. */
TEST_F(signals, userptr)
{
	struct bo bo = { .size = 4 * PAGE_SIZE };

	ASSERT_EQ(0, map_anew(&bo));
	ASSERT_EQ(0, _gem_userptr(self->gpu.fd, bo.map, bo.size, &bo.handle));
	test_vm_bind(.handle = bo.handle, .length = bo.size);
	test_mapped(self->addr, &bo, 0);
	test_spin_begins();
	ASSERT_EQ(0, map_anew(&bo));
	emit_end(emit_store(self->gpu.batch.map, self->addr, 0x600d));
	test_equal(0, execute(self->gpu.fd, self->gpu.ctx, BATCH_ADDRESS,
			      self->gpu.timeline, ++self->gpu.point));
	test_spin_was_waited_for();
	test_syncobj_wait(self->gpu.timeline, self->gpu.point);
	test_cpu_read(&bo, 0, 0x600d);
	for (int round = 0; round < 50; round++) {
		const __u64 offset = 4 * round % bo.size;

		test_mapped(self->addr + offset, &bo, offset);
		ASSERT_EQ(0, map_anew(&bo));
		test_mapped(self->addr + offset, &bo, offset);
	}
}

int main(int argc, char **argv)
{
	skip_without_vm_bind();
	return test_harness_run(argc, argv);
}
