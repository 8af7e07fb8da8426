// SPDX-License-Identifier: MIT
/*
 * A storm of signals: each wait is interrupted over and over, and what was asked
 * for is done once all the same.
 */
#include "i915_vm_bind_storm.h"
#include "i915_vm_bind_utils.h"

/* Post-increment of the doubleword at an address. */
#define MI_ATOMIC_INC	(0x2fu << 23 | 0x05u << 8 | 1)

FIXTURE(signals)
{
	struct gpu gpu;
	struct bo bo;
	__u64 addr;
	struct drm_i915_gem_timeline_fence out;
};

FIXTURE_VARIANT(signals)
{
	bool private;
};

FIXTURE_VARIANT_ADD(signals, private) { .private = true };
FIXTURE_VARIANT_ADD(signals, shared) { .private = false };

FIXTURE_SETUP(signals)
{
	struct timespec before, after;

	test_gpu_open();
	if (variant->private)
		test_bo_create_private(64 * PAGE_SIZE, &self->bo);
	else
		test_bo_create(64 * PAGE_SIZE, &self->bo);
	self->addr = OBJECT_ADDRESS;
	self->out.flags = I915_TIMELINE_FENCE_SIGNAL;
	test_syncobj_create(&self->out.handle);
	/* As long as two calls and a batch take here. */
	clock_gettime(CLOCK_MONOTONIC, &before);
	test_vm_bind();
	test_mapped(self->addr, &self->bo, 0);
	test_vm_unbind();
	clock_gettime(CLOCK_MONOTONIC, &after);
	ASSERT_EQ(0, storm_begin(100 + (after.tv_sec - before.tv_sec) * 1000000 +
				 (after.tv_nsec - before.tv_nsec) / 1000));
}

FIXTURE_TEARDOWN(signals)
{
	storm_end();
	close(self->gpu.fd);
}

/* Until enough have come. */
static bool more_rounds(int round)
{
	return round < 50 || (signals_seen < 50 && round < 5000);
}

/* Twice would be ENOSPC, and not at all would leave nothing to be seen. */
TEST_F(signals, bind_and_unbind)
{
	for (int round = 0; more_rounds(round); round++) {
		test_vm_bind();
		test_err_vm_bind(ENOSPC);
		test_mapped(self->addr + 4 * round, &self->bo, 4 * round);
		test_vm_unbind();
		test_err_execbuffer3(EINVAL, .batch_address = self->addr);
	}
	ASSERT_LE(50, signals_seen);
}

/* A point that was used up by a call that was interrupted would be missing. */
TEST_F(signals, with_fences)
{
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
	ASSERT_LE(50, signals_seen);
}

/* The ring is full most of the time, and each batch counts. */
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
	for (; more_rounds(count / 20); count++)
		test_equal(0, execute(self->gpu.fd, self->gpu.ctx, BATCH_ADDRESS,
				      self->gpu.timeline, ++self->gpu.point));
	test_syncobj_wait(self->gpu.timeline, self->gpu.point);
	test_syncobj_point(self->gpu.timeline, self->gpu.point);
	test_cpu_read(&self->bo, 0, count);
	ASSERT_LE(50, signals_seen);
}

TEST_F(signals, evicted)
{
	int round;

	test_vm_bind();
	for (round = 0; more_rounds(round); round++) {
		test_mapped(self->addr + 4 * round, &self->bo, 4 * round);
		while (drop_caches(self->gpu.fd) == -EINTR)
			;
	}
	while (round--)
		test_cpu_read(&self->bo, 4 * round, value_at(self->addr + 4 * round));
	ASSERT_LE(50, signals_seen);
}

/* Its memory is pinned anew each time. */
TEST_F(signals, userptr)
{
	struct bo bo = { .size = 4 * PAGE_SIZE };

	bo.map = mmap(NULL, bo.size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, bo.map);
	ASSERT_EQ(0, _gem_userptr(self->gpu.fd, bo.map, bo.size, &bo.handle));
	test_vm_bind(.handle = bo.handle, .length = bo.size);
	for (int round = 0; more_rounds(round); round++) {
		const __u64 offset = 4 * round % bo.size;

		test_mapped(self->addr + offset, &bo, offset);
		ASSERT_EQ(0, madvise(bo.map, bo.size, MADV_DONTNEED));
		test_mapped(self->addr + offset, &bo, offset);
	}
	ASSERT_LE(50, signals_seen);
}

int main(int argc, char **argv)
{
	skip_without_vm_bind();
	return test_harness_run(argc, argv);
}
