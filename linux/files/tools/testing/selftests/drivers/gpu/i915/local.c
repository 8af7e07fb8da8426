// SPDX-License-Identifier: MIT
/*
 * Objects in the memory of a discrete GPU: bound there, moved away by others,
 * and bound again where they are by then.
 */
#include "i915_vm_bind_storm.h"
#include "i915_vm_bind_utils.h"

FIXTURE(local)
{
	struct gpu gpu;
	struct bo bo;
	__u64 addr;
	__u64 memory;		/* bytes that the GPU has */
};

FIXTURE_VARIANT(local)
{
	bool private;
};

FIXTURE_VARIANT_ADD(local, private) { .private = true };
FIXTURE_VARIANT_ADD(local, shared) { .private = false };

#define test_bo_create_local(size, bo) \
	test_equal(0, bo_create_placed(&self->gpu, variant->private, 2, size, bo))

FIXTURE_SETUP(local)
{
	test_gpu_open();
	self->memory = local_memory(self->gpu.fd);
	if (!self->memory)
		SKIP(return, "the GPU has no memory of its own");
	self->addr = OBJECT_ADDRESS;
	test_bo_create_local(4 << 20, &self->bo);
}

FIXTURE_TEARDOWN(local)
{
	close(self->gpu.fd);
}

TEST_F(local, mapped)
{
	test_vm_bind();
	for (__u64 offset = 0; offset < self->bo.size; offset += 0x10ff0)
		test_mapped(self->addr + offset, &self->bo, offset);
	test_vm_unbind();
	test_vm_bind(.start = self->addr + (1ull << 32), .offset = 1 << 20,
		     .length = 1 << 20);
	test_mapped(self->addr + (1ull << 32), &self->bo, 1 << 20);
}

/* New pages are cleared by the GPU, before the first batch sees them. */
TEST_F(local, starts_with_zeroes)
{
	const struct drm_i915_gem_timeline_fence none = { 0 };

	for (int round = 0; round < 4; round++) {
		struct bo bo;

		test_bo_create_local(4 << 20, &bo);
		test_vm_bind(.handle = bo.handle, .length = bo.size, .fence = none);
		for (__u64 offset = 0; offset < bo.size; offset += 1 << 20) {
			self->gpu.batch.map[0x800 / 4] = 0xffffffff;
			test_gpu_copy(BATCH_ADDRESS + 0x800, self->addr + offset);
			test_cpu_read(&self->gpu.batch, 0x800, 0);
			test_gpu_store(self->addr + offset);
		}
		test_vm_unbind(.length = bo.size);
		test_gem_close(bo.handle);
		ASSERT_EQ(0, munmap(bo.map, bo.size));
	}
}

/* No batch that runs holds up a bind, which needs new page tables. */
TEST_F(local, while_the_vm_is_busy)
{
	struct spin spin;

	test_spin_prepare(&spin);
	test_spin_submit(&spin);
	for (int i = 0; i < 8; i++)
		test_vm_bind(.start = self->addr + ((__u64)i << 39));
	for (int i = 0; i < 8; i++)
		test_vm_unbind(.start = self->addr + ((__u64)i << 39));
	test_spin_runs(&spin);
	test_spin_end(&spin);
}

/* What fails halfway is gone, while batches of the same address space run. */
TEST_F(local, too_big)
{
	struct spin spin;
	struct bo bo;

	test_spin_prepare(&spin);
	test_spin_submit(&spin);
	for (int i = 0; i < 4; i++)
		ASSERT_EQ(-E2BIG, bo_create_placed(&self->gpu, variant->private, 2,
						   1ull << 44, &bo));
	test_spin_runs(&spin);
	test_spin_end(&spin);
	test_vm_bind();
	test_mapped(self->addr, &self->bo, 0);
}

/* Each object moves others away, and all are bound. */
static void fill_memory(struct __test_metadata *_metadata, struct _test_data_local *self,
			const struct _fixture_variant_local *variant)
{
	const __u64 size = self->memory / 8;
	struct bo bo[10];

	for (int i = 0; i < ARRAY_SIZE(bo); i++) {
		test_bo_create_local(size, &bo[i]);
		test_vm_bind(.handle = bo[i].handle, .length = size,
			     .start = self->addr + i * size);
		test_gpu_store(self->addr + i * size + 8 * i);
	}
	for (int i = 0; i < ARRAY_SIZE(bo); i++) {
		self->gpu.batch.map[0x800 / 4] = 0;
		test_gpu_copy(BATCH_ADDRESS + 0x800, self->addr + i * size + 8 * i);
		test_cpu_read(&self->gpu.batch, 0x800,
			      value_at(self->addr + i * size + 8 * i));
		test_cpu_read(&bo[i], 8 * i, value_at(self->addr + i * size + 8 * i));
	}
	for (int i = 0; i < ARRAY_SIZE(bo); i++) {
		test_vm_unbind(.start = self->addr + i * size, .length = size);
		test_let_go(&bo[i]);
	}
}

TEST_F(local, more_than_there_is)
{
	fill_memory(_metadata, self, variant);
}

TEST_F(local, more_than_there_is_and_signals)
{
	struct timespec begin;
	struct bo bo;

	test_bo_create_local(self->memory / 8, &bo);
	test_vm_bind(.handle = bo.handle, .length = bo.size);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	test_gpu_store(self->addr);
	ASSERT_EQ(0, storm_begin(&begin));
	test_vm_unbind(.length = bo.size);
	test_let_go(&bo);
	for (int round = 0; round < 4 && calls_interrupted < 5; round++)
		fill_memory(_metadata, self, variant);
	storm_end();
	ASSERT_LE(5, calls_interrupted);
}

/*
 * Nowhere else to go. Shared objects can each be bound, but not all used at once.
 * Private ones do not make room for one another: what does not fit is not bound.
 */
TEST_F(local, does_not_fit)
{
	const __u64 size = self->memory / 8;
	struct bo bo[9];
	int bound;

	for (bound = 0; bound < ARRAY_SIZE(bo); bound++) {
		int err;

		ASSERT_EQ(0, bo_create_placed(&self->gpu, variant->private, 1, size,
					      &bo[bound]));
		err = __vm_bind(.handle = bo[bound].handle, .length = size,
				.start = self->addr + bound * size);
		if (variant->private && err == -ENOMEM)
			break;
		ASSERT_EQ(0, err);
	}
	if (variant->private) {
		ASSERT_LE(6, bound);
		ASSERT_GT(ARRAY_SIZE(bo), bound);
	} else {
		test_err_execbuffer3(ENOMEM);
		test_err_execbuffer3(ENOMEM);
		for (int i = 1; i < 4; i++)
			test_vm_unbind(.start = self->addr + i * size, .length = size);
	}
	test_mapped(self->addr, &bo[0], 0);
	bound--;
	test_mapped(self->addr + bound * size, &bo[bound], 0);
}

/* Without pages there is nothing to wait for, whatever the address space does. */
TEST_F(local, madvise_waits_for_nobody)
{
	struct spin spin;
	__u32 retained;
	double begin;
	struct bo bo;

	test_bo_create_local(1 << 20, &bo);
	test_spin_prepare(&spin);
	test_spin_submit(&spin);
	begin = seconds_now();
	ASSERT_EQ(0, _gem_madvise(self->gpu.fd, bo.handle, I915_MADV_DONTNEED,
				  &retained));
	ASSERT_GT(5, seconds_now() - begin); /* it gave up after 15 s */
	test_spin_runs(&spin);
	test_spin_end(&spin);
}

/* Two that have filled most of the memory, with private objects, one after the other. */
FIXTURE(lru)
{
	struct gpu first, second, third;
	__u64 addr;
	__u64 memory;
};

FIXTURE_SETUP(lru)
{
	ASSERT_EQ(0, gpu_open(&self->first, I915_ENGINE_CLASS_RENDER, 0));
	ASSERT_EQ(0, gpu_open(&self->second, I915_ENGINE_CLASS_RENDER, 0));
	ASSERT_EQ(0, gpu_open(&self->third, I915_ENGINE_CLASS_RENDER, 0));
	self->memory = local_memory(self->first.fd);
	if (!self->memory)
		SKIP(return, "the GPU has no memory of its own");
	self->addr = OBJECT_ADDRESS;
}

FIXTURE_TEARDOWN(lru)
{
	close(self->first.fd);
	close(self->second.fd);
	close(self->third.fd);
}

/* Together a third of the memory, and allowed nowhere else. */
static int bind_third(struct gpu *gpu, __u64 memory, __u64 addr)
{
	struct bo bo;
	int err = 0;

	for (int i = 0; !err && i < 8; i++)
		err = bo_create_placed(gpu, true, 1, memory / 24 & -PAGE_SIZE, &bo) ?:
		      bo_bind(gpu->fd, gpu->vm, &bo, addr + i * bo.size);
	return err ?: gpu_store(gpu, addr, 1);
}

/* What is used goes last, although it was there first. */
TEST_F(lru, what_runs_stays)
{
	const char *const key = "drm-resident-local0";
	/* Half an object: page tables count as well, and come and go. */
	const long slack = self->memory / 24 / 1024 / 2;
	long first, second;

	ASSERT_EQ(0, bind_third(&self->first, self->memory, self->addr));
	ASSERT_EQ(0, bind_third(&self->second, self->memory, self->addr));
	ASSERT_EQ(0, gpu_store(&self->first, self->addr, 2));
	first = fdinfo_memory(self->first.fd, key);
	second = fdinfo_memory(self->second.fd, key);

	ASSERT_EQ(0, bind_third(&self->third, self->memory, self->addr));
	ASSERT_LT(first - slack, fdinfo_memory(self->first.fd, key));
	ASSERT_GT(second - slack, fdinfo_memory(self->second.fd, key));
}

int main(int argc, char **argv)
{
	skip_without_vm_bind();
	return test_harness_run(argc, argv);
}
