// SPDX-License-Identifier: MIT
/*
 * VM_BIND and VM_UNBIND with an out-fence: nobody waits for one of them but the
 * GPU. What the fences are, and when they are left alone, is in fences.c.
 */
#include "i915_vm_bind_canary.h"
#include "i915_vm_bind_utils.h"

FIXTURE(async)
{
	struct gpu gpu;
	struct bo bo;
	__u64 addr;
	struct drm_i915_gem_timeline_fence out;
};

FIXTURE_VARIANT(async)
{
	bool private;
};

FIXTURE_VARIANT_ADD(async, private) { .private = true };
FIXTURE_VARIANT_ADD(async, shared) { .private = false };

static int create(struct gpu *gpu, bool private, __u64 size, struct bo *bo)
{
	return private ? bo_create_private(gpu->fd, gpu->vm, size, bo) :
			 bo_create(gpu->fd, size, bo);
}

#define test_create(size, bo) \
	test_equal(0, create(&self->gpu, variant->private, size, bo))

/* Each call has a point of its own, in the order of the calls. */
#define NEXT_POINT (self->out.value++, self->out)

FIXTURE_SETUP(async)
{
	test_gpu_open();
	test_create(64 * PAGE_SIZE, &self->bo);
	self->addr = OBJECT_ADDRESS;
	self->out.flags = I915_TIMELINE_FENCE_SIGNAL;
	test_syncobj_create(&self->out.handle);
}

FIXTURE_TEARDOWN(async)
{
	close(self->gpu.fd);
}

TEST_F(async, batch_follows_bind)
{
	test_vm_bind(.fence = NEXT_POINT);
	test_mapped(self->addr, &self->bo, 0);
	test_syncobj_wait(self->out.handle, 1);
	test_vm_unbind(.fence = NEXT_POINT);
	test_syncobj_wait(self->out.handle, 2);
	test_syncobj_point(self->out.handle, 2);
}

/* The batch itself is in a mapping that was just made. */
TEST_F(async, bind_of_the_batch)
{
	const __u64 batch = self->addr + self->bo.size;

	emit_end(emit_store(self->bo.map, batch + 0x800, 0x600d));
	test_vm_bind(.start = batch, .fence = NEXT_POINT);
	test_gpu_run(batch);
	test_cpu_read(&self->bo, 0x800, 0x600d);
}

TEST_F(async, many_binds)
{
	for (int i = 0; i < 64; i++)
		test_vm_bind(.start = self->addr + 2 * i * PAGE_SIZE,
			     .offset = i * PAGE_SIZE, .length = PAGE_SIZE,
			     .fence = NEXT_POINT);
	for (int i = 63; i >= 0; i--)
		test_mapped(self->addr + 2 * i * PAGE_SIZE, &self->bo, i * PAGE_SIZE);
	test_syncobj_wait(self->out.handle, 64);
}

/* The last point of a timeline is the last to be signalled. */
TEST_F(async, in_order)
{
	for (int i = 0; i < 200; i++) {
		test_vm_bind(.fence = NEXT_POINT);
		test_vm_unbind(.fence = NEXT_POINT);
	}
	test_syncobj_wait(self->out.handle, self->out.value);
	test_syncobj_point(self->out.handle, self->out.value);
	for (__u64 point = 1; point <= self->out.value; point++)
		test_syncobj_wait(self->out.handle, point);
}

/* A range is free as soon as the call returns; the next mapping comes after. */
TEST_F(async, range_used_again)
{
	struct bo bo[8];

	for (int i = 0; i < ARRAY_SIZE(bo); i++)
		test_create(self->bo.size, &bo[i]);
	for (int round = 0; round < 100; round++) {
		struct bo *this = &bo[round % ARRAY_SIZE(bo)];

		test_vm_bind(.handle = this->handle, .fence = NEXT_POINT);
		test_err_vm_bind(ENOSPC, .fence = self->out);
		if (round % 3)
			test_equal(0, gpu_store(&self->gpu, self->addr + 4 * round, round));
		test_vm_unbind(.fence = NEXT_POINT);
	}
	for (int round = 0; round < 100; round++)
		test_cpu_read(&bo[round % ARRAY_SIZE(bo)], 4 * round,
			      round % 3 ? round : 0);
}

/* With and without fences, in any mix. */
TEST_F(async, mixed_with_synchronous)
{
	for (int round = 0; round < 32; round++) {
		if (round & 1)
			test_vm_bind(.fence = NEXT_POINT);
		else
			test_vm_bind();
		test_mapped(self->addr + 4 * round, &self->bo, 4 * round);
		if (round & 2)
			test_vm_unbind(.fence = NEXT_POINT);
		else
			test_vm_unbind();
		test_vm_bind(.fence = NEXT_POINT);
		test_vm_unbind();
		/* What was asked for before is done as well. */
		test_syncobj_point(self->out.handle, self->out.value);
	}
}

TEST_F(async, nothing_to_unbind)
{
	test_vm_unbind(.fence = NEXT_POINT);
	test_syncobj_wait(self->out.handle, 1);
	test_vm_bind(.fence = NEXT_POINT);
	test_vm_unbind(.fence = NEXT_POINT);
	test_vm_unbind(.fence = NEXT_POINT);
	test_syncobj_wait(self->out.handle, 4);
	test_syncobj_point(self->out.handle, 4);
}

/* Neither waits for a batch. */
TEST_F(async, while_the_vm_is_busy)
{
	struct spin spin;

	test_spin_prepare(&spin);
	test_spin_submit(&spin);
	test_vm_bind(.fence = NEXT_POINT);
	test_vm_unbind(.fence = NEXT_POINT);
	test_vm_bind(.fence = NEXT_POINT);
	test_syncobj_wait(self->out.handle, 3);
	test_spin_runs(&spin);
	test_spin_end(&spin);
	test_mapped(self->addr, &self->bo, 0);
}

/* What the mappings at each second page hold, of which nothing else is left. */
#define test_each_kept(count) do {					\
	struct canaries __canaries;					\
									\
	test_canaries_create(&__canaries);				\
	for (int __i = 0; __i < (count); __i++) {			\
		const __u64 __page = self->addr + 2 * __i * PAGE_SIZE;	\
									\
		test_gpu_reads(~__i, __page);				\
		test_gpu_store(__page);					\
		test_gpu_reads(value_at(__page), __page);		\
		test_vm_unbind(.start = __page, .length = PAGE_SIZE,	\
			       .fence = NEXT_POINT);			\
	}								\
	test_syncobj_wait(self->out.handle, self->out.value);		\
	test_canaries_live(&__canaries);				\
} while (0)

TEST_F(async, object_closed_at_once)
{
	struct bo bo[32];

	for (int i = 0; i < ARRAY_SIZE(bo); i++) {
		test_create(PAGE_SIZE, &bo[i]);
		bo[i].map[0] = ~i;
	}
	for (int i = 0; i < ARRAY_SIZE(bo); i++) {
		test_vm_bind(.handle = bo[i].handle, .length = PAGE_SIZE,
			     .start = self->addr + 2 * i * PAGE_SIZE,
			     .fence = NEXT_POINT);
		test_let_go(&bo[i]);
	}
	test_each_kept(ARRAY_SIZE(bo));
}

/* The scatterlist of each part is the object's. */
TEST_F(async, object_of_parts_closed_at_once)
{
	for (int i = 0; i < 64; i++)
		self->bo.map[i * PAGE_SIZE / 4] = ~i;
	for (int i = 0; i < 64; i++)
		test_vm_bind(.start = self->addr + 2 * i * PAGE_SIZE,
			     .offset = i * PAGE_SIZE, .length = PAGE_SIZE,
			     .fence = NEXT_POINT);
	test_let_go(&self->bo);
	test_each_kept(64);
}

TEST_F(async, evicted_and_unbound)
{
	if (!is_root())
		SKIP(return, NEEDS_ROOT);
	test_vm_bind();
	test_gpu_store(self->addr);
	test_drop_caches();
	test_vm_unbind(.fence = NEXT_POINT);
	test_vm_bind(.fence = NEXT_POINT);
	test_mapped(self->addr + 4, &self->bo, 4);
	test_cpu_read(&self->bo, 0, value_at(self->addr));
	test_syncobj_wait(self->out.handle, 2);
}

/* Taken away while its bind is pending, or just after. */
TEST_F(async, evicted_at_once)
{
	if (!is_root())
		SKIP(return, NEEDS_ROOT);
	for (int round = 0; round < 16; round++) {
		test_vm_bind(.fence = NEXT_POINT);
		test_drop_caches();
		test_mapped(self->addr + 4 * round, &self->bo, 4 * round);
		test_vm_unbind(.fence = NEXT_POINT);
		test_drop_caches();
	}
	for (int round = 0; round < 16; round++)
		test_cpu_read(&self->bo, 4 * round, value_at(self->addr + 4 * round));
}

TEST_F(async, vm_destroyed_at_once)
{
	const __u32 first = self->gpu.vm;

	for (int i = 0; i < 64; i++)
		test_vm_bind(.start = self->addr + i * self->bo.size,
			     .fence = NEXT_POINT);
	test_vm_destroy(first);
	test_mapped(self->addr, &self->bo, 0);
	test_context_destroy(self->gpu.ctx);
	test_syncobj_wait(self->out.handle, 64);
}

/* The body ends where the test begins: the file is closed. */
TEST_F(async, file_closed_at_once)
{
	for (int i = 0; i < 64; i++)
		test_vm_bind(.start = self->addr + i * self->bo.size,
			     .fence = NEXT_POINT);
	for (int i = 0; i < 64; i += 2)
		test_vm_unbind(.start = self->addr + i * self->bo.size,
			       .fence = NEXT_POINT);
}

int main(int argc, char **argv)
{
	skip_without_vm_bind();
	return test_harness_run(argc, argv);
}
