// SPDX-License-Identifier: MIT
/*
 * VM_UNBIND: its arguments, what it may take away, and that the GPU cannot
 * reach it any more. Its out-fence is in fences.c.
 */
#include "i915_vm_bind_utils.h"

FIXTURE(vm_unbind)
{
	struct gpu gpu;
	struct bo bo;
	__u64 addr;
};

FIXTURE_SETUP(vm_unbind)
{
	test_gpu_open();
	test_bo_create(4 * PAGE_SIZE, &self->bo);
	self->addr = OBJECT_ADDRESS;
	test_vm_bind();
}

FIXTURE_TEARDOWN(vm_unbind)
{
	close(self->gpu.fd);
}

/* Between two good calls; the mapping stays (a second one cannot be made). */
#define test_refused(err, ...) do {					\
	test_vm_unbind();						\
	test_vm_bind();							\
	test_err_vm_unbind(err, __VA_ARGS__);				\
	test_err_vm_bind(ENOSPC);					\
	test_vm_unbind();						\
	test_vm_bind();							\
} while (0)

TEST_F(vm_unbind, must_be_zero)
{
	const struct i915_user_extension unknown = { .name = 0x1234 };

	for (int bit = 0; bit < 64; bit++)
		test_refused(EINVAL, .flags = 1ull << bit);
	for (int bit = 0; bit < 32; bit++)
		test_refused(EINVAL, .rsvd = 1u << bit);
	test_refused(EINVAL, .extensions = to_user(&unknown));
	test_mapped(self->addr, &self->bo, 0);
}

TEST_F(vm_unbind, arguments_read_only)
{
	const struct drm_i915_gem_vm_unbind args = {
		.vm_id = self->gpu.vm, .start = self->addr,
		.length = self->bo.size,
	};

	for (int rfc = 0; rfc < 2; rfc++) {
		test_read_only(DRM_I915_GEM_VM_UNBIND, args, rfc);
		test_err_execbuffer3(EINVAL, .batch_address = self->addr);
		test_vm_bind();
	}
}

TEST_F(vm_unbind, alignment)
{
	for (int bit = 0; bit < 12; bit++) {
		test_refused(EINVAL, .start = self->addr | 1ull << bit);
		test_refused(EINVAL, .length = self->bo.size | 1ull << bit);
		test_refused(EINVAL, .length = 1ull << bit);
		/* Also where there is nothing that could be cut. */
		test_refused(EINVAL, .start = self->addr + self->bo.size,
			     .length = 1ull << bit);
	}
}

TEST_F(vm_unbind, length)
{
	test_refused(EINVAL, .length = 0);
	test_refused(EINVAL, .length = -PAGE_SIZE);
	test_refused(EINVAL, .length = -self->addr);
}

TEST_F(vm_unbind, not_canonical)
{
	for (int bit = 48; bit < 64; bit++)
		test_refused(EINVAL, .start = self->addr | 1ull << bit);
	test_refused(EINVAL, .start = 0xffff000000000000ull);
	test_refused(EINVAL, .start = ADDRESSES);
}

TEST_F(vm_unbind, end_of_vm)
{
	const __u64 end = self->gpu.end, last = end - self->bo.size;

	test_refused(EINVAL, .start = last + PAGE_SIZE);
	test_refused(EINVAL, .start = canonical(end - PAGE_SIZE));
	test_vm_bind(.start = last);
	test_vm_unbind(.start = last);
}

TEST_F(vm_unbind, unknown_vm)
{
	test_refused(ENOENT, .vm_id = 0);
	test_refused(ENOENT, .vm_id = self->gpu.vm + 1000);
	test_refused(ENOENT, .vm_id = -1);
}

TEST_F(vm_unbind, classic_vm)
{
	__u32 classic;

	test_vm_create(0, &classic);
	test_refused(EOPNOTSUPP, .vm_id = classic);
}

TEST_F(vm_unbind, order_of_checks)
{
	__u32 classic;

	test_vm_create(0, &classic);
	test_refused(EINVAL, .vm_id = 0, .length = 0);
	test_refused(EINVAL, .vm_id = classic, .rsvd = 1);
	/* Cuts the mapping, but the VM is not one that has mappings. */
	test_refused(EOPNOTSUPP, .vm_id = classic, .length = PAGE_SIZE);
}

TEST_F(vm_unbind, what_is_not_there)
{
	test_vm_unbind(.start = self->addr + self->bo.size);
	test_vm_unbind(.start = self->addr - self->bo.size);
	test_vm_unbind(.start = 0, .length = self->addr);
	test_mapped(self->addr, &self->bo, 0);
	test_vm_unbind();
	test_vm_unbind();
	test_vm_bind();
	test_mapped(self->addr, &self->bo, 0);
}

/* The GPU's writes go nowhere, and the batch still ends. */
TEST_F(vm_unbind, gpu_cannot_reach_it)
{
	test_mapped(self->addr, &self->bo, 0);
	test_mapped(self->addr + self->bo.size - 4, &self->bo, self->bo.size - 4);
	test_vm_unbind();
	self->bo.map[0] = 0x600d;
	test_gpu_store(self->addr);
	test_gpu_store(self->addr + self->bo.size - 4);
	test_cpu_read(&self->bo, 0, 0x600d);
	test_cpu_read(&self->bo, self->bo.size - 4,
		      value_at(self->addr + self->bo.size - 4));
}

/* One address, two objects in turn: no translation may be left over. */
TEST_F(vm_unbind, address_is_used_again)
{
	struct bo bo[2] = { self->bo };

	test_bo_create(self->bo.size, &bo[1]);
	for (int i = 1; i < 40; i++) {
		test_vm_unbind();
		test_vm_bind(.handle = bo[i % 2].handle);
		bo[0].map[0] = 0;
		bo[1].map[0] = 0;
		test_gpu_store(self->addr);
		test_cpu_read(&bo[i % 2], 0, value_at(self->addr));
		test_cpu_read(&bo[!(i % 2)], 0, 0);
	}
}

/* A running batch may keep what it has, and the next one must not. */
TEST_F(vm_unbind, while_the_batch_uses_it)
{
	struct spin spin;

	test_spin_prepare(&spin);
	spin.cs = emit_store(spin.cs, self->addr + 8, 0x8);
	test_spin_submit(&spin);
	test_vm_unbind();
	test_spin_runs(&spin);
	test_spin_end(&spin);

	test_gpu_store(self->addr);
	test_cpu_read(&self->bo, 0, 0);
}

/* Nothing can start there, until something is mapped there again. */
TEST_F(vm_unbind, batch_mapping)
{
	const struct gpu *gpu = &self->gpu;

	test_gpu_store(self->addr);
	test_vm_unbind(.start = BATCH_ADDRESS, .length = PAGE_SIZE);
	ASSERT_EQ(-EINVAL, gpu_store(&self->gpu, self->addr, 0));
	ASSERT_EQ(0, bo_bind(gpu->fd, gpu->vm, &gpu->batch, BATCH_ADDRESS));
	test_mapped(self->addr, &self->bo, 0);
}

/*
 * Version 1 takes mappings away as they were made. Four pages, a hole of one
 * page, four pages; any other range is refused, and both stay.
 */
FIXTURE(vm_unbind_exact)
{
	struct gpu gpu;
	struct bo bo;
	__u64 addr;
};

FIXTURE_VARIANT(vm_unbind_exact)
{
	int first, pages, err;
};

FIXTURE_SETUP(vm_unbind_exact)
{
	test_gpu_open();
	test_bo_create(8 * PAGE_SIZE, &self->bo);
	self->addr = OBJECT_ADDRESS;
	test_vm_bind(.length = 4 * PAGE_SIZE);
	test_vm_bind(.length = 4 * PAGE_SIZE, .offset = 4 * PAGE_SIZE,
		     .start = self->addr + 5 * PAGE_SIZE);
}

FIXTURE_TEARDOWN(vm_unbind_exact)
{
	close(self->gpu.fd);
}

FIXTURE_VARIANT_ADD(vm_unbind_exact, before) { -4, 4, 0 };
FIXTURE_VARIANT_ADD(vm_unbind_exact, hole) { 4, 1, 0 };
FIXTURE_VARIANT_ADD(vm_unbind_exact, after) { 9, 4, 0 };
FIXTURE_VARIANT_ADD(vm_unbind_exact, first_page) { 0, 1, EINVAL };
FIXTURE_VARIANT_ADD(vm_unbind_exact, last_page) { 3, 1, EINVAL };
FIXTURE_VARIANT_ADD(vm_unbind_exact, inside) { 1, 2, EINVAL };
FIXTURE_VARIANT_ADD(vm_unbind_exact, cuts_start) { -1, 2, EINVAL };
FIXTURE_VARIANT_ADD(vm_unbind_exact, cuts_end) { 3, 2, EINVAL };
FIXTURE_VARIANT_ADD(vm_unbind_exact, with_page_before) { -1, 5, EINVAL };
FIXTURE_VARIANT_ADD(vm_unbind_exact, with_hole_after) { 0, 5, EINVAL };
FIXTURE_VARIANT_ADD(vm_unbind_exact, with_hole_before) { 4, 5, EINVAL };
FIXTURE_VARIANT_ADD(vm_unbind_exact, hole_and_both_edges) { 3, 3, EINVAL };
FIXTURE_VARIANT_ADD(vm_unbind_exact, same_length_shifted) { 1, 4, EINVAL };
FIXTURE_VARIANT_ADD(vm_unbind_exact, both) { 0, 9, EINVAL };
FIXTURE_VARIANT_ADD(vm_unbind_exact, around_both) { -1, 11, EINVAL };

TEST_F(vm_unbind_exact, range)
{
	const __u64 second = self->addr + 5 * PAGE_SIZE;

	test_err_vm_unbind(variant->err,
			   .start = self->addr + variant->first * PAGE_SIZE,
			   .length = variant->pages * PAGE_SIZE);

	test_mapped(self->addr, &self->bo, 0);
	test_mapped(self->addr + 4 * PAGE_SIZE - 4, &self->bo, 4 * PAGE_SIZE - 4);
	test_mapped(second, &self->bo, 4 * PAGE_SIZE);
	test_mapped(second + 4 * PAGE_SIZE - 4, &self->bo, 8 * PAGE_SIZE - 4);

	test_vm_unbind(.length = 4 * PAGE_SIZE);
	test_mapped(second, &self->bo, 4 * PAGE_SIZE);
	test_vm_unbind(.start = second, .length = 4 * PAGE_SIZE);
	test_vm_bind(.start = self->addr + PAGE_SIZE);
	test_mapped(self->addr + PAGE_SIZE, &self->bo, 0);
}

int main(int argc, char **argv)
{
	skip_without_vm_bind();
	return test_harness_run(argc, argv);
}
