// SPDX-License-Identifier: MIT
/*
 * The devices are suspended and resumed: mappings stay, and so does what is in
 * them, also where a discrete GPU's memory had to be saved meanwhile.
 *
 * Needs root, CONFIG_PM_DEBUG, and a machine that nobody else uses. Where the file system
 * that the program and its libraries come from does not survive, as 9p does not, it has to
 * be static (make STATIC=1) and in memory.
 */
#include "i915_vm_bind_utils.h"

#define PM_TEST		"/sys/power/pm_test"
#define PM_TEST_DELAY	"/sys/module/suspend/parameters/pm_test_delay"
#define SIZE		(4ull << 20)
#define STEP		0x54ffcull	/* from one tested word to the next */

FIXTURE(suspend)
{
	struct gpu gpu;
	struct bo bo;
	__u64 addr;
	struct drm_i915_gem_timeline_fence out;
};

enum kind { SHMEM, PRIVATE, USERPTR, LOCAL, LOCAL_PRIVATE };

FIXTURE_VARIANT(suspend)
{
	enum kind kind;
};

FIXTURE_VARIANT_ADD(suspend, shmem) { SHMEM };
FIXTURE_VARIANT_ADD(suspend, private) { PRIVATE };
FIXTURE_VARIANT_ADD(suspend, userptr) { USERPTR };
FIXTURE_VARIANT_ADD(suspend, local) { LOCAL };
FIXTURE_VARIANT_ADD(suspend, local_private) { LOCAL_PRIVATE };

static int create(struct gpu *gpu, enum kind kind, struct bo *bo)
{
	switch (kind) {
	case SHMEM:
		return bo_create(gpu->fd, SIZE, bo);
	case PRIVATE:
		return bo_create_private(gpu->fd, gpu->vm, SIZE, bo);
	case USERPTR:
		bo->size = SIZE;
		bo->map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		return bo->map == MAP_FAILED ? -ENOMEM :
		       _gem_userptr(gpu->fd, bo->map, SIZE, &bo->handle);
	case LOCAL:
	case LOCAL_PRIVATE:
		return bo_create_placed(gpu, kind == LOCAL_PRIVATE, 2, SIZE, bo);
	}
	return -EINVAL;
}

#define test_create(bo) test_equal(0, create(&self->gpu, variant->kind, bo))

FIXTURE_SETUP(suspend)
{
	test_gpu_open();
	if (variant->kind >= LOCAL && !local_memory(self->gpu.fd))
		SKIP(return, "the GPU has no memory of its own");
	if (access(PM_TEST, W_OK))
		SKIP(return, "nobody may suspend the devices alone");
	self->addr = OBJECT_ADDRESS;
	self->out.flags = I915_TIMELINE_FENCE_SIGNAL;
	test_syncobj_create(&self->out.handle);
	test_create(&self->bo);
	/* At last: a setup that fails has no teardown. */
	ASSERT_EQ(0, change_setting(PM_TEST_DELAY, "0"));
	ASSERT_EQ(0, change_setting(PM_TEST, "devices"));
}

FIXTURE_TEARDOWN(suspend)
{
	EXPECT_EQ(0, restore_settings());
	close(self->gpu.fd);
}

#define test_suspend() test_equal(0, write_file("/sys/power/state", "freeze"))

TEST_F(suspend, mappings_stay)
{
	test_vm_bind();
	test_vm_bind(.start = self->addr + SIZE, .offset = SIZE / 2,
		     .length = PAGE_SIZE);
	for (__u64 offset = 0; offset < SIZE; offset += STEP)
		test_gpu_store(self->addr + offset);
	for (int round = 0; round < 2; round++) {
		test_suspend();
		for (__u64 offset = 0; offset < SIZE; offset += STEP)
			test_cpu_read(&self->bo, offset,
				      value_at(self->addr + offset));
		test_mapped(self->addr + SIZE + 8, &self->bo, SIZE / 2 + 8);
	}
	for (__u64 offset = 0; offset < SIZE; offset += STEP)
		test_mapped(self->addr + offset, &self->bo, offset);
	test_vm_unbind(.start = self->addr + SIZE, .length = PAGE_SIZE);
	test_vm_unbind();
	test_vm_bind();
	test_mapped(self->addr, &self->bo, 0);
}

/* The GPU finds what it wrote, with no CPU that looked at it between. */
TEST_F(suspend, data_stays)
{
	test_vm_bind();
	for (__u64 offset = 0; offset < SIZE; offset += STEP)
		test_gpu_store(self->addr + offset);
	test_suspend();
	for (__u64 offset = 0; offset < SIZE; offset += STEP) {
		self->gpu.batch.map[0x800 / 4] = 0;
		test_gpu_copy(BATCH_ADDRESS + 0x800, self->addr + offset);
		test_cpu_read(&self->gpu.batch, 0x800,
			      value_at(self->addr + offset));
	}
}

/* Whether its job has run by then or not: the fence signals, the mapping is there. */
TEST_F(suspend, bound_just_before)
{
	self->out.value = 1;
	test_vm_bind(.fence = self->out);
	test_suspend();
	test_syncobj_wait(self->out.handle, 1);
	test_mapped(self->addr, &self->bo, 0);
}

/* Whether freed by then or not: what comes after has the place for itself. */
TEST_F(suspend, released_just_before)
{
	struct bo bo;

	test_create(&bo);
	test_vm_bind(.handle = bo.handle);
	test_gpu_store(self->addr);
	self->out.value = 1;
	test_vm_unbind(.fence = self->out);
	test_gem_close(bo.handle);
	test_suspend();
	test_syncobj_wait(self->out.handle, 1);
	test_vm_bind();
	test_mapped(self->addr, &self->bo, 0);
}

/* The memory was taken away before, and comes back after. */
TEST_F(suspend, evicted)
{
	test_vm_bind();
	test_gpu_store(self->addr);
	test_drop_caches();
	test_suspend();
	test_cpu_read(&self->bo, 0, value_at(self->addr));
	test_mapped(self->addr + PAGE_SIZE, &self->bo, PAGE_SIZE);
}

int main(int argc, char **argv)
{
	skip_without_vm_bind();
	return test_harness_run(argc, argv);
}
