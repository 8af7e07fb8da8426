// SPDX-License-Identifier: MIT
/*
 * VM_BIND: its arguments, and where a mapping may be and what it maps. Its
 * out-fence is in fences.c.
 */
#include <signal.h>
#include <sys/time.h>

#include "i915_vm_bind_canary.h"
#include "i915_vm_bind_utils.h"

FIXTURE(vm_bind)
{
	struct gpu gpu;
	struct bo bo;
	__u64 addr;
};

FIXTURE_SETUP(vm_bind)
{
	test_gpu_open();
	test_bo_create(4 * PAGE_SIZE, &self->bo);
	self->addr = OBJECT_ADDRESS;
}

FIXTURE_TEARDOWN(vm_bind)
{
	close(self->gpu.fd);
}

/* The range is free before and after, as only the whole of it can be bound. */
#define test_good_bind() do {						\
	test_vm_bind();							\
	test_vm_unbind();						\
} while (0)

#define test_refused(err, ...) do {					\
	test_good_bind();						\
	test_err_vm_bind(err, __VA_ARGS__);				\
	test_good_bind();						\
} while (0)

TEST_F(vm_bind, flags)
{
	/* Bit 0 is I915_GEM_VM_BIND_CAPTURE. */
	for (int bit = 1; bit < 64; bit++)
		test_refused(EINVAL, .flags = 1ull << bit);
}

TEST_F(vm_bind, extension)
{
	const struct i915_user_extension unknown = { .name = 0x1234 };

	test_refused(EINVAL, .extensions = to_user(&unknown));
}

TEST_F(vm_bind, alignment)
{
	for (int bit = 0; bit < 12; bit++) {
		test_refused(EINVAL, .start = self->addr | 1ull << bit);
		test_refused(EINVAL, .length = PAGE_SIZE, .offset = 1ull << bit);
		test_refused(EINVAL, .length = PAGE_SIZE | 1ull << bit);
		test_refused(EINVAL, .length = 1ull << bit);
	}
	test_vm_bind();
	test_mapped(self->addr, &self->bo, 0);
}

TEST_F(vm_bind, length)
{
	test_refused(EINVAL, .length = 0);
	test_refused(EINVAL, .length = -PAGE_SIZE);
	test_refused(EINVAL, .length = -self->addr);
	test_refused(EINVAL, .length = 1ull << 63);
	test_refused(EINVAL, .length = self->bo.size + PAGE_SIZE);
}

TEST_F(vm_bind, offset)
{
	const __u64 size = self->bo.size;

	test_refused(EINVAL, .length = PAGE_SIZE, .offset = size);
	test_refused(EINVAL, .length = size, .offset = PAGE_SIZE);
	test_refused(EINVAL, .length = PAGE_SIZE, .offset = -PAGE_SIZE);
	test_refused(EINVAL, .length = 2 * PAGE_SIZE, .offset = -PAGE_SIZE);
	test_refused(EINVAL, .length = PAGE_SIZE, .offset = 1ull << 32);
	test_refused(EINVAL, .length = PAGE_SIZE, .offset = 1ull << 63);
	test_vm_bind(.length = PAGE_SIZE, .offset = size - PAGE_SIZE);
	test_mapped(self->addr, &self->bo, size - PAGE_SIZE);
}

TEST_F(vm_bind, end_of_vm)
{
	const __u64 end = self->gpu.end, last = end - self->bo.size;

	test_refused(EINVAL, .start = last + PAGE_SIZE);
	test_refused(EINVAL, .start = canonical(last + PAGE_SIZE));
	test_refused(EINVAL, .start = end - PAGE_SIZE);
	test_refused(EINVAL, .start = canonical(end - PAGE_SIZE));
	test_vm_bind(.start = last);
	/* Also where the range is taken: what the arguments show comes first. */
	test_refused(EINVAL, .start = last + PAGE_SIZE);
	test_refused(EINVAL, .start = end - PAGE_SIZE);
	test_mapped(end - 4, &self->bo, self->bo.size - 4);
}

TEST_F(vm_bind, not_canonical)
{
	for (int bit = 48; bit < 64; bit++) {
		test_refused(EINVAL, .start = self->addr | 1ull << bit);
		test_refused(EINVAL, .start = canonical(1ull << 47) ^ 1ull << bit);
	}
	test_refused(EINVAL, .start = 0xffff000000000000ull);
	test_refused(EINVAL, .start = 0xffff7ffffffff000ull);
	test_refused(EINVAL, .start = ADDRESSES);
}

/* Either form of an address in the upper half means the same place. */
TEST_F(vm_bind, canonical_aliases)
{
	const __u64 plain = 1ull << 47, sign_extended = canonical(plain);

	if (self->gpu.end < ADDRESSES)
		SKIP(return, "the address space has no upper half");
	test_vm_bind(.start = sign_extended);
	test_err_vm_bind(ENOSPC, .start = plain);
	test_err_vm_bind(ENOSPC, .start = sign_extended);
	test_mapped(sign_extended, &self->bo, 0);
	test_vm_unbind(.start = plain);
	test_vm_bind(.start = plain);
	test_vm_unbind(.start = sign_extended);
	test_vm_bind(.start = sign_extended);
}

TEST_F(vm_bind, unknown_names)
{
	test_refused(ENOENT, .vm_id = 0);
	test_refused(ENOENT, .vm_id = self->gpu.vm + 1000);
	test_refused(ENOENT, .vm_id = -1);
	test_refused(ENOENT, .handle = 0);
	test_refused(ENOENT, .handle = self->bo.handle + 1000);
	test_refused(ENOENT, .handle = -1);
}

TEST_F(vm_bind, classic_vm)
{
	__u32 classic;

	test_vm_create(0, &classic);
	test_refused(EOPNOTSUPP, .vm_id = classic);
}

TEST_F(vm_bind, arguments_read_only)
{
	struct drm_i915_gem_vm_bind args = {
		.vm_id = self->gpu.vm, .handle = self->bo.handle,
		.start = self->addr, .length = self->bo.size,
	};

	for (int rfc = 0; rfc < 2; rfc++) {
		test_read_only(DRM_I915_GEM_VM_BIND, args, rfc);
		test_mapped(self->addr, &self->bo, 0);
		test_vm_unbind();
	}
}

/* Arguments alone, then names, then the mode, then the object and the VM. */
TEST_F(vm_bind, order_of_checks)
{
	__u32 classic;

	test_vm_create(0, &classic);
	test_refused(EINVAL, .vm_id = 0, .length = 0);
	test_refused(EINVAL, .handle = 0, .start = 1);
	test_refused(EINVAL, .vm_id = classic, .offset = 1);
	test_refused(ENOENT, .vm_id = classic, .handle = 0);
	test_refused(EOPNOTSUPP, .vm_id = classic, .offset = self->bo.size);
}

TEST_F(vm_bind, vm_of_another_file)
{
	struct gpu other;

	ASSERT_EQ(0, gpu_open(&other, I915_ENGINE_CLASS_RENDER, 0));
	ASSERT_EQ(0, _vm_destroy(self->gpu.fd, self->gpu.vm));
	test_err_vm_bind(ENOENT, .vm_id = other.vm);
	close(other.fd);
}

TEST_F(vm_bind, object_madvised_away)
{
	struct bo gone;
	__u32 retained = 1;

	ASSERT_EQ(0, _gem_create(self->gpu.fd, PAGE_SIZE, &gone.handle));
	test_gem_madvise(gone.handle, I915_MADV_DONTNEED, &retained);
	test_refused(EFAULT, .handle = gone.handle, .length = PAGE_SIZE);
}

/* Its pages are there until memory gets short. */
TEST_F(vm_bind, madvised_away_once_bound)
{
	__u32 retained = 0;

	test_vm_bind();
	test_gem_madvise(self->bo.handle, I915_MADV_DONTNEED, &retained);
	ASSERT_EQ(1, retained);
	test_gpu_store(BATCH_ADDRESS + 0x800);
	test_gem_madvise(self->bo.handle, I915_MADV_WILLNEED, &retained);
	ASSERT_EQ(1, retained);
	test_mapped(self->addr, &self->bo, 0);
}

/* What the GPU writes through one mapping it reads through the other. */
TEST_F(vm_bind, aliases)
{
	const __u64 alias = self->addr + (1ull << 40);

	test_vm_bind();
	test_vm_bind(.start = alias);
	test_vm_bind(.start = alias + self->bo.size, .offset = PAGE_SIZE,
		     .length = PAGE_SIZE);

	test_mapped(self->addr + PAGE_SIZE, &self->bo, PAGE_SIZE);
	test_gpu_reads(value_at(self->addr + PAGE_SIZE), alias + PAGE_SIZE);

	test_mapped(alias + self->bo.size + 8, &self->bo, PAGE_SIZE + 8);
	test_gpu_reads(value_at(alias + self->bo.size + 8), self->addr + PAGE_SIZE + 8);

	test_vm_unbind();
	test_mapped(alias, &self->bo, 0);
}

/* Each page on its own, last page first, one in each second slot. */
TEST_F(vm_bind, scattered_pages)
{
	const int pages = 32;
	struct bo bo;

	test_bo_create(pages * PAGE_SIZE, &bo);
	for (int i = 0; i < pages; i++)
		test_vm_bind(.handle = bo.handle, .length = PAGE_SIZE,
			     .offset = (pages - 1 - i) * PAGE_SIZE,
			     .start = self->addr + 2 * i * PAGE_SIZE);
	for (int i = 0; i < pages; i++)
		test_mapped(self->addr + 2 * i * PAGE_SIZE + 4 * i, &bo,
			    (pages - 1 - i) * PAGE_SIZE + 4 * i);
}

/* A 2 MiB page table filled by one object, with single pages around it. */
TEST_F(vm_bind, large_object_and_neighbours)
{
	const __u64 size = 2ull << 20, start = 64 * size;
	struct bo large;

	test_bo_create(size, &large);
	test_vm_bind(.start = start - PAGE_SIZE, .length = PAGE_SIZE);
	test_vm_bind(.start = start, .handle = large.handle, .length = size);
	test_vm_bind(.start = start + size, .offset = PAGE_SIZE, .length = PAGE_SIZE);

	test_mapped(start - 4, &self->bo, PAGE_SIZE - 4);
	test_mapped(start, &large, 0);
	test_mapped(start + size / 2, &large, size / 2);
	test_mapped(start + size - 4, &large, size - 4);
	test_mapped(start + size, &self->bo, PAGE_SIZE);

	test_vm_unbind(.start = start, .length = size);
	test_mapped(start - 4, &self->bo, PAGE_SIZE - 4);
	test_mapped(start + size, &self->bo, PAGE_SIZE);
}

/* One address means another object in another VM. */
TEST_F(vm_bind, vms_are_separate)
{
	struct gpu *first = &self->gpu, second = self->gpu;
	struct bo bo;

	test_vm_create(I915_VM_CREATE_FLAGS_USE_VM_BIND, &second.vm);
	test_context_on_vm(second.vm, I915_ENGINE_CLASS_RENDER, 0, &second.ctx);
	ASSERT_EQ(0, bo_bind(second.fd, second.vm, &second.batch, BATCH_ADDRESS));
	test_syncobj_create(&second.timeline);
	test_bo_create(self->bo.size, &bo);

	test_vm_bind();
	test_vm_bind(.vm_id = second.vm, .handle = bo.handle);
	ASSERT_EQ(0, gpu_store(first, self->addr, 0x11111111));
	ASSERT_EQ(0, gpu_store(&second, self->addr, 0x22222222));
	test_cpu_read(&self->bo, 0, 0x11111111);
	test_cpu_read(&bo, 0, 0x22222222);
}

/* A mapping is the VM's, not the handle's. */
TEST_F(vm_bind, outlives_the_handle)
{
	test_vm_bind();
	test_kept_by_mapping(&self->bo, self->addr);
	test_err_vm_bind(ENOENT, .start = self->addr + self->bo.size);
	test_gpu_store(self->addr + self->bo.size - 4);
	test_gpu_reads(value_at(self->addr + self->bo.size - 4),
		       self->addr + self->bo.size - 4);
	test_vm_unbind();
}

/* Both while a batch runs: neither waits for it. */
TEST_F(vm_bind, while_the_vm_is_busy)
{
	struct spin spin;

	test_spin_prepare(&spin);
	test_spin_submit(&spin);
	test_vm_bind();
	test_vm_bind(.start = self->addr + self->bo.size);
	test_vm_unbind(.start = self->addr + self->bo.size);
	test_spin_runs(&spin);
	test_spin_end(&spin);
	test_mapped(self->addr, &self->bo, 0);
}

static void do_nothing(int signal)
{
}

/*
 * A change of caching takes an object out of the page tables, once no batch uses
 * it; a signal that ends the wait leaves all as it was.
 */
TEST_F(vm_bind, caching_is_changed)
{
	const struct sigaction action = { .sa_handler = do_nothing };
	const struct itimerval soon = {
		.it_value.tv_usec = 100000, .it_interval.tv_usec = 100000,
	};
	const struct itimerval never = { };
	struct spin spin;
	__u32 caching;

	if (_gem_set_caching(self->gpu.fd, self->bo.handle, I915_CACHING_CACHED))
		SKIP(return, "the caching of objects cannot be set");
	test_vm_bind();
	test_mapped(self->addr, &self->bo, 0);
	test_spin_prepare(&spin);
	test_spin_submit(&spin);
	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &soon, NULL));
	ASSERT_EQ(-EINTR, _gem_set_caching(self->gpu.fd, self->bo.handle,
					   I915_CACHING_NONE));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &never, NULL));
	ASSERT_EQ(0, _gem_get_caching(self->gpu.fd, self->bo.handle, &caching));
	ASSERT_EQ(I915_CACHING_CACHED, caching);
	test_spin_runs(&spin);
	test_spin_end(&spin);

	test_gem_set_caching(self->bo.handle, I915_CACHING_NONE);
	test_mapped(self->addr + 4, &self->bo, 4);
	test_gem_set_caching(self->bo.handle, I915_CACHING_CACHED);
	test_mapped(self->addr + 8, &self->bo, 8);
}

/* Two pages at each place where the page tables or the address change shape. */
FIXTURE(vm_bind_place)
{
	struct gpu gpu;
	struct bo bo;
	__u64 addr;
};

FIXTURE_VARIANT(vm_bind_place)
{
	__u64 start;
	bool from_end;
};

FIXTURE_SETUP(vm_bind_place)
{
	test_gpu_open();
	test_bo_create(2 * PAGE_SIZE, &self->bo);
	self->addr = variant->start + (variant->from_end ? self->gpu.end : 0);
	if (((self->addr + self->bo.size - 1) & (ADDRESSES - 1)) >= self->gpu.end)
		SKIP(return, "beyond the end of the address space");
}

FIXTURE_TEARDOWN(vm_bind_place)
{
	close(self->gpu.fd);
}

FIXTURE_VARIANT_ADD(vm_bind_place, zero) { 0 };
FIXTURE_VARIANT_ADD(vm_bind_place, second_page) { PAGE_SIZE };
FIXTURE_VARIANT_ADD(vm_bind_place, across_page_table) { (1ull << 21) - PAGE_SIZE };
FIXTURE_VARIANT_ADD(vm_bind_place, across_directory) { (1ull << 30) - PAGE_SIZE };
FIXTURE_VARIANT_ADD(vm_bind_place, across_4_gib) { (1ull << 32) - PAGE_SIZE };
FIXTURE_VARIANT_ADD(vm_bind_place, across_directory_pointer) { (1ull << 39) - PAGE_SIZE };
FIXTURE_VARIANT_ADD(vm_bind_place, across_bit_47) { (1ull << 47) - PAGE_SIZE };
FIXTURE_VARIANT_ADD(vm_bind_place, upper_half) { 1ull << 47 };
FIXTURE_VARIANT_ADD(vm_bind_place, upper_half_canonical) { 0xffff800000000000ull };
FIXTURE_VARIANT_ADD(vm_bind_place, last_pages) { -2 * PAGE_SIZE, .from_end = true };
FIXTURE_VARIANT_ADD(vm_bind_place, last_pages_canonical) { -2 * PAGE_SIZE };

TEST_F(vm_bind_place, both_pages)
{
	test_vm_bind();
	test_err_vm_bind(ENOSPC);
	for (__u64 page = 0; page < self->bo.size; page += PAGE_SIZE) {
		test_mapped(self->addr + page, &self->bo, page);
		test_mapped(self->addr + page + PAGE_SIZE - 4, &self->bo,
			    page + PAGE_SIZE - 4);
	}
	test_vm_unbind();
	test_vm_bind();
	test_mapped(self->addr, &self->bo, 0);
}

TEST_F(vm_bind_place, page_by_page)
{
	const __u64 second = (self->addr + PAGE_SIZE) & (ADDRESSES - 1);

	test_vm_bind(.start = second, .length = PAGE_SIZE);
	test_vm_bind(.length = PAGE_SIZE, .offset = PAGE_SIZE);
	test_mapped(self->addr, &self->bo, PAGE_SIZE);
	test_mapped(second, &self->bo, 0);
	test_vm_unbind(.length = PAGE_SIZE);
	test_mapped(second, &self->bo, 0);
}

/* Parts of an object that needs two page tables. */
FIXTURE(vm_bind_window)
{
	struct gpu gpu;
	struct bo bo;
	__u64 addr;
};

FIXTURE_VARIANT(vm_bind_window)
{
	__u64 first, pages;
};

FIXTURE_SETUP(vm_bind_window)
{
	test_gpu_open();
	test_bo_create(600 * PAGE_SIZE, &self->bo);
	self->addr = OBJECT_ADDRESS + 3 * PAGE_SIZE;
}

FIXTURE_TEARDOWN(vm_bind_window)
{
	close(self->gpu.fd);
}

FIXTURE_VARIANT_ADD(vm_bind_window, all) { 0, 600 };
FIXTURE_VARIANT_ADD(vm_bind_window, first_page) { 0, 1 };
FIXTURE_VARIANT_ADD(vm_bind_window, second_page) { 1, 1 };
FIXTURE_VARIANT_ADD(vm_bind_window, last_page) { 599, 1 };
FIXTURE_VARIANT_ADD(vm_bind_window, all_but_first) { 1, 599 };
FIXTURE_VARIANT_ADD(vm_bind_window, all_but_last) { 0, 599 };
FIXTURE_VARIANT_ADD(vm_bind_window, few_in_the_middle) { 300, 7 };
FIXTURE_VARIANT_ADD(vm_bind_window, sixteen_unaligned) { 13, 16 };
FIXTURE_VARIANT_ADD(vm_bind_window, across_512) { 511, 2 };
FIXTURE_VARIANT_ADD(vm_bind_window, whole_table) { 44, 512 };

TEST_F(vm_bind_window, ends_and_middle)
{
	const __u64 offset = variant->first * PAGE_SIZE;
	const __u64 length = variant->pages * PAGE_SIZE;
	const __u64 words[] = { 0, length / 2, length - 4 };

	test_vm_bind(.offset = offset, .length = length);
	for (int i = 0; i < 3; i++)
		test_mapped(self->addr + words[i], &self->bo, offset + words[i]);
	for (__u64 i = 0; i < self->bo.size; i += 4)
		test_equal(i == offset || i == offset + length / 2 ||
			   i == offset + length - 4, !!self->bo.map[i / 4]);
	test_vm_unbind(.length = length);
	test_vm_bind();
	test_mapped(self->addr + offset, &self->bo, offset);
}

/* A second mapping against four pages that are there already. */
FIXTURE(vm_bind_overlap)
{
	struct gpu gpu;
	struct bo bo;
	__u64 addr;
};

FIXTURE_VARIANT(vm_bind_overlap)
{
	int first, pages, err;
};

FIXTURE_SETUP(vm_bind_overlap)
{
	test_gpu_open();
	test_bo_create(8 * PAGE_SIZE, &self->bo);
	self->addr = OBJECT_ADDRESS;
	test_vm_bind(.length = 4 * PAGE_SIZE);
}

FIXTURE_TEARDOWN(vm_bind_overlap)
{
	close(self->gpu.fd);
}

FIXTURE_VARIANT_ADD(vm_bind_overlap, before) { -3, 2, 0 };
FIXTURE_VARIANT_ADD(vm_bind_overlap, touches_start) { -2, 2, 0 };
FIXTURE_VARIANT_ADD(vm_bind_overlap, touches_end) { 4, 2, 0 };
FIXTURE_VARIANT_ADD(vm_bind_overlap, after) { 5, 2, 0 };
FIXTURE_VARIANT_ADD(vm_bind_overlap, over_start) { -1, 2, ENOSPC };
FIXTURE_VARIANT_ADD(vm_bind_overlap, over_end) { 3, 2, ENOSPC };
FIXTURE_VARIANT_ADD(vm_bind_overlap, same) { 0, 4, ENOSPC };
FIXTURE_VARIANT_ADD(vm_bind_overlap, same_start_shorter) { 0, 1, ENOSPC };
FIXTURE_VARIANT_ADD(vm_bind_overlap, same_start_longer) { 0, 6, ENOSPC };
FIXTURE_VARIANT_ADD(vm_bind_overlap, same_end_shorter) { 3, 1, ENOSPC };
FIXTURE_VARIANT_ADD(vm_bind_overlap, same_end_longer) { -2, 6, ENOSPC };
FIXTURE_VARIANT_ADD(vm_bind_overlap, inside) { 1, 2, ENOSPC };
FIXTURE_VARIANT_ADD(vm_bind_overlap, around) { -2, 8, ENOSPC };

TEST_F(vm_bind_overlap, second)
{
	const __u64 start = self->addr + variant->first * PAGE_SIZE;
	const __u64 length = variant->pages * PAGE_SIZE;
	struct bo bo;

	test_bo_create(8 * PAGE_SIZE, &bo);
	test_err_vm_bind(variant->err, .handle = bo.handle, .start = start,
			 .length = length);

	/* The first mapping is as it was, */
	test_mapped(self->addr, &self->bo, 0);
	test_mapped(self->addr + 4 * PAGE_SIZE - 4, &self->bo, 4 * PAGE_SIZE - 4);
	if (!variant->err) {
		test_mapped(start, &bo, 0);
		test_mapped(start + length - 4, &bo, length - 4);
	}

	/* and a refused one left nothing behind. */
	test_vm_unbind(.length = 4 * PAGE_SIZE);
	if (variant->err)
		test_vm_bind(.handle = bo.handle, .start = start, .length = length);
	test_mapped(start, &bo, 0);
	test_mapped(start + length - 4, &bo, length - 4);
}

int main(int argc, char **argv)
{
	skip_without_vm_bind();
	return test_harness_run(argc, argv);
}
