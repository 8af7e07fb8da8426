// SPDX-License-Identifier: MIT
/*
 * Objects that are private to an address space: how they are created, what they
 * can't be used for, and that they work, end and come back like others.
 */
#include "i915_vm_bind_canary.h"
#include "i915_vm_bind_utils.h"

FIXTURE(private)
{
	struct gpu gpu;
	struct bo bo;
	__u64 addr;
};

FIXTURE_SETUP(private)
{
	test_gpu_open();
	test_bo_create_private(4 * PAGE_SIZE, &self->bo);
	self->addr = OBJECT_ADDRESS;
}

FIXTURE_TEARDOWN(private)
{
	close(self->gpu.fd);
}

#define VM_PRIVATE(...) \
	(&(struct drm_i915_gem_create_ext_vm_private) {			\
		.base.name = I915_GEM_CREATE_EXT_VM_PRIVATE,		\
		.vm_id = self->gpu.vm, ##__VA_ARGS__ })

/* Between two good ones. */
#define test_err_create(err, ...) do {					\
	__u32 __handle;							\
									\
	ASSERT_EQ(0, _gem_create_ext(self->gpu.fd, PAGE_SIZE, VM_PRIVATE(), &__handle));\
	test_gem_close(__handle);					\
	ASSERT_EQ(-(err), _gem_create_ext(self->gpu.fd, PAGE_SIZE,	\
					  VM_PRIVATE(__VA_ARGS__), &__handle));\
	ASSERT_EQ(0, _gem_create_ext(self->gpu.fd, PAGE_SIZE, VM_PRIVATE(), &__handle));\
	test_gem_close(__handle);					\
} while (0)

TEST_F(private, reserved)
{
	for (int bit = 0; bit < 32; bit++)
		test_err_create(EINVAL, .rsvd = 1u << bit);
}

TEST_F(private, unknown_vm)
{
	test_err_create(ENOENT, .vm_id = 0);
	test_err_create(ENOENT, .vm_id = self->gpu.vm + 1000);
	test_err_create(ENOENT, .vm_id = -1);
	test_err_create(EINVAL, .vm_id = -1, .rsvd = 1);
}

TEST_F(private, classic_vm)
{
	__u32 classic;

	test_vm_create(0, &classic);
	test_err_create(EINVAL, .vm_id = classic);
}

TEST_F(private, twice)
{
	test_err_create(EINVAL, .base.next_extension = to_user(VM_PRIVATE()));
}

TEST_F(private, unreadable)
{
	__u32 handle;

	ASSERT_EQ(-EFAULT, _gem_create_ext(self->gpu.fd, PAGE_SIZE, (void *)8, &handle));
}

/* With another extension, before and after it. */
TEST_F(private, with_placement)
{
	const struct drm_i915_gem_memory_class_instance smem = {
		.memory_class = I915_MEMORY_CLASS_SYSTEM,
	};
	struct drm_i915_gem_create_ext_memory_regions regions = {
		.base.name = I915_GEM_CREATE_EXT_MEMORY_REGIONS,
		.num_regions = 1, .regions = to_user(&smem),
	};
	__u32 handle, other;

	test_vm_create(I915_VM_CREATE_FLAGS_USE_VM_BIND, &other);
	ASSERT_EQ(0, _gem_create_ext(self->gpu.fd, PAGE_SIZE,
				     VM_PRIVATE(.base.next_extension = to_user(&regions)),
				     &handle));
	test_err_vm_bind(EINVAL, .vm_id = other, .handle = handle, .length = PAGE_SIZE);
	regions.base.next_extension = to_user(VM_PRIVATE());
	ASSERT_EQ(0, _gem_create_ext(self->gpu.fd, PAGE_SIZE, &regions, &handle));
	test_err_vm_bind(EINVAL, .vm_id = other, .handle = handle, .length = PAGE_SIZE);
	test_vm_bind(.handle = handle, .length = PAGE_SIZE);
}

/* A creation that fails for another reason has taken nothing from the VM. */
TEST_F(private, other_extension_fails)
{
	const struct drm_i915_gem_create_ext_memory_regions none = {
		.base.name = I915_GEM_CREATE_EXT_MEMORY_REGIONS,
	};
	__u32 handle;

	for (int i = 0; i < 16; i++)
		ASSERT_EQ(-EINVAL,
			  _gem_create_ext(self->gpu.fd, PAGE_SIZE,
					  VM_PRIVATE(.base.next_extension = to_user(&none)),
					  &handle));
	ASSERT_EQ(-EINVAL, _gem_create_ext(self->gpu.fd, 0, VM_PRIVATE(), &handle));
	test_vm_bind();
	test_mapped(self->addr, &self->bo, 0);
}

TEST_F(private, other_vm)
{
	__u32 other;

	test_vm_create(I915_VM_CREATE_FLAGS_USE_VM_BIND, &other);
	test_vm_bind();
	test_err_vm_bind(EINVAL, .vm_id = other);
	test_vm_unbind();
	test_err_vm_bind(EINVAL, .vm_id = other);
	test_vm_bind();
	test_mapped(self->addr, &self->bo, 0);
}

TEST_F(private, export)
{
	struct bo shared;
	int dmabuf;

	test_bo_create(PAGE_SIZE, &shared);
	ASSERT_EQ(0, _prime_export(self->gpu.fd, shared.handle, &dmabuf));
	close(dmabuf);
	ASSERT_EQ(-EINVAL, _prime_export(self->gpu.fd, self->bo.handle, &dmabuf));
	test_vm_bind();
	ASSERT_EQ(-EINVAL, _prime_export(self->gpu.fd, self->bo.handle, &dmabuf));
	test_mapped(self->addr, &self->bo, 0);
}

TEST_F(private, execbuffer2)
{
	struct bo shared;

	test_bo_create(PAGE_SIZE, &shared);
	emit_end(shared.map);
	emit_end(self->bo.map);
	test_execbuffer2(0, shared.handle);
	for (int i = 0; i < 4; i++)
		test_err_execbuffer2(EINVAL, 0, self->bo.handle);
	test_execbuffer2(0, shared.handle);
	test_vm_bind();
	test_mapped(self->addr, &self->bo, 0);
}

/* The VM is one of this file, and of no other. */
TEST_F(private, vm_of_another_file)
{
	struct gpu other;
	struct bo bo;

	ASSERT_EQ(0, gpu_open(&other, I915_ENGINE_CLASS_RENDER, 0));
	test_vm_destroy(self->gpu.vm);
	test_equal(-ENOENT, bo_create_private(self->gpu.fd, other.vm, PAGE_SIZE, &bo));
	test_equal(0, bo_create_private(other.fd, other.vm, PAGE_SIZE, &bo));
	close(other.fd);
}

TEST_F(private, aliases_and_parts)
{
	const __u64 alias = self->addr + (1ull << 40);

	test_vm_bind();
	test_vm_bind(.start = alias, .offset = PAGE_SIZE, .length = 2 * PAGE_SIZE);
	test_mapped(self->addr, &self->bo, 0);
	test_mapped(alias + PAGE_SIZE, &self->bo, 2 * PAGE_SIZE);
	test_vm_unbind();
	test_mapped(alias, &self->bo, PAGE_SIZE);
	test_err_vm_bind(ENOSPC, .start = alias);
}

/* Beside objects that are not private, in one VM. */
TEST_F(private, among_others)
{
	struct bo bo[16];

	for (int i = 0; i < ARRAY_SIZE(bo); i++) {
		if (i & 1)
			test_bo_create(PAGE_SIZE, &bo[i]);
		else
			test_bo_create_private(PAGE_SIZE, &bo[i]);
		test_vm_bind(.handle = bo[i].handle, .length = PAGE_SIZE,
			     .start = self->addr + i * PAGE_SIZE);
	}
	for (int i = 0; i < ARRAY_SIZE(bo); i++)
		test_mapped(self->addr + i * PAGE_SIZE + 4 * i, &bo[i], 4 * i);
}

/* The object outlives its address space, and can be bound to none. */
TEST_F(private, outlives_the_vm)
{
	__u32 vm;

	test_vm_bind();
	test_mapped(self->addr, &self->bo, 0);
	test_vm_destroy(self->gpu.vm);
	test_context_destroy(self->gpu.ctx);
	usleep(50000);
	test_cpu_read(&self->bo, 0, value_at(self->addr));
	test_gem_set_domain(self->bo.handle);
	test_gem_wait(self->bo.handle);
	for (int i = 0; i < 8; i++) {
		test_vm_create(I915_VM_CREATE_FLAGS_USE_VM_BIND, &vm);
		test_err_vm_bind(EINVAL, .vm_id = vm);
	}
}

TEST_F(private, outlives_the_handle)
{
	test_vm_bind();
	test_kept_by_mapping(&self->bo, self->addr);
	test_vm_unbind();
}

/*
 * Its address space is never idle, and yet its memory is released as soon as
 * the batches that may use it have ended, and not before.
 */
TEST_F(private, freed_while_others_run)
{
	struct spin first, second;
	struct frames frames;

	if (!is_root())
		SKIP(return, NEEDS_ROOT);
	test_vm_bind();
	test_mapped(self->addr, &self->bo, 0);
	test_equal(0, spin_prepare(&self->gpu, &first, SPIN_ADDRESS));
	test_equal(0, spin_prepare(&self->gpu, &second, SPIN_ADDRESS + PAGE_SIZE));
	test_spin_submit(&first);
	test_equal(0, frames_of_bo(self->gpu.fd, &self->bo, &frames));

	test_vm_unbind();
	test_let_go(&self->bo);
	wait_for_rcu(self->gpu.fd);
	usleep(50000); /* for whoever takes note of its fences */
	emit_end(second.cs);
	test_equal(0, execute(self->gpu.fd, self->gpu.ctx, second.address,
			      second.done, 0));
	test_all_held(&frames);

	test_spin_end(&first);
	test_released(&frames);
	test_spin_runs(&second);
	test_spin_end(&second);
}

/* GEM_BUSY and GEM_WAIT know nothing of the batches of a VM. */
TEST_F(private, no_implicit_sync)
{
	struct spin spin;
	__u32 busy;

	test_spin_prepare(&spin);
	test_vm_bind();
	test_spin_submit(&spin);
	test_gem_busy(self->bo.handle, &busy);
	ASSERT_EQ(0, busy);
	test_gem_wait(self->bo.handle);
	ASSERT_EQ(0, _gem_set_domain(self->gpu.fd, self->bo.handle));
	test_spin_runs(&spin);
	test_spin_end(&spin);
}

/* Nor do those who look at it through the driver, or through the aperture. */
TEST_F(private, cpu_does_not_wait)
{
	struct spin spin;
	__u32 *map, seen;
	int err;

	test_spin_prepare(&spin);
	test_vm_bind();
	test_spin_submit(&spin);
	err = _gem_mmap_as(self->gpu.fd, self->bo.handle, I915_MMAP_OFFSET_GTT,
			   PAGE_SIZE, &map);
	if (err == -ENODEV)
		SKIP(return, "no aperture");
	ASSERT_EQ(0, err);
	map[0] = 0x600d;
	ASSERT_EQ(0, _gem_pread(self->gpu.fd, self->bo.handle, 0, &seen));
	ASSERT_EQ(0x600d, seen);
	ASSERT_EQ(0, _gem_pwrite(self->gpu.fd, self->bo.handle, 4, 0x600e));
	ASSERT_EQ(0x600e, map[1]);
	ASSERT_EQ(0, munmap(map, PAGE_SIZE));
	test_spin_runs(&spin);
	test_spin_end(&spin);
}

/* Where each object's memory is taken away between two submissions. */
FIXTURE(private_evicted)
{
	struct gpu gpu;
	struct bo bo;
	__u64 addr;
};

FIXTURE_VARIANT(private_evicted)
{
	bool private;
};

FIXTURE_VARIANT_ADD(private_evicted, private) { .private = true };
FIXTURE_VARIANT_ADD(private_evicted, shared) { .private = false };

FIXTURE_SETUP(private_evicted)
{
	if (!is_root())
		SKIP(return, NEEDS_ROOT);
	test_gpu_open();
	if (variant->private)
		test_bo_create_private(8 * PAGE_SIZE, &self->bo);
	else
		test_bo_create(8 * PAGE_SIZE, &self->bo);
	self->addr = OBJECT_ADDRESS;
	test_vm_bind();
}

FIXTURE_TEARDOWN(private_evicted)
{
	close(self->gpu.fd);
}

TEST_F(private_evicted, contents_come_back)
{
	for (__u64 round = 0; round < 8; round++) {
		const __u64 address = self->addr + round * (PAGE_SIZE + 4);

		test_gpu_store(address);
		test_drop_caches();
		test_gpu_reads(value_at(address), address);
	}
	for (__u64 round = 0; round < 8; round++)
		test_cpu_read(&self->bo, round * (PAGE_SIZE + 4),
			      value_at(self->addr + round * (PAGE_SIZE + 4)));
}

static bool swap_is_there(void)
{
	char *text = read_file("/proc/swaps"); /* a heading, and a line each */
	const bool there = text && strchr(text, '\n') != strrchr(text, '\n');

	free(text);
	return there;
}

/* What has to be written first goes only when that is done, and it is asked again. */
static bool is_paged_out(void *map, __u64 size)
{
	unsigned char resident[8] = { };
	bool any = madvise(map, size, MADV_PAGEOUT) || mincore(map, size, resident);

	for (int i = 0; i < ARRAY_SIZE(resident); i++)
		any |= resident[i] & 1;
	return !any;
}

/*
 * What the GPU wrote is there after the kernel has taken the pages for something
 * else: it wrote them to the swap first. Looked at through a mapping of the shared
 * memory below the object, which alone can be asked to be paged out.
 */
TEST_F(private_evicted, pages_are_reclaimed)
{
	__u32 *map;
	int err;

	if (!swap_is_there())
		SKIP(return, "no swap");
	err = _gem_mmap_pages(self->gpu.fd, self->bo.handle, self->bo.size, &map);
	if (err == -EOPNOTSUPP)
		SKIP(return, "a discrete GPU's objects can't be mapped so");
	ASSERT_EQ(0, err);
	for (__u64 page = 0; page < self->bo.size; page += PAGE_SIZE)
		test_gpu_store(self->addr + page);
	test_drop_caches();
	for (__u64 page = 0; page < self->bo.size; page += PAGE_SIZE)
		ASSERT_EQ(value_at(self->addr + page), map[page / 4]);
	for (int ms = 0; !is_paged_out(map, self->bo.size); ms++) {
		ASSERT_GT(WAIT_SECONDS * 1000, ms);
		usleep(1000);
	}
	for (__u64 page = 0; page < self->bo.size; page += PAGE_SIZE)
		test_cpu_read(&self->bo, page, value_at(self->addr + page));
}

TEST_F(private_evicted, still_takes_its_range)
{
	test_gpu_store(self->addr);
	test_drop_caches();
	test_err_vm_bind(ENOSPC);
	test_err_vm_bind(ENOSPC, .start = self->addr + PAGE_SIZE, .length = PAGE_SIZE);
	test_vm_unbind();
	test_vm_bind();
	test_cpu_read(&self->bo, 0, value_at(self->addr));
	test_mapped(self->addr, &self->bo, 0);
}

/* Not while a batch may use it. */
TEST_F(private_evicted, not_in_use)
{
	struct canaries canaries;
	struct frames frames;
	struct spin spin;

	test_equal(0, frames_of_bo(self->gpu.fd, &self->bo, &frames));
	test_spin_prepare(&spin);
	spin_emit_stores(&spin, self->addr, self->bo.size, 0x600d);
	test_spin_submit(&spin);
	test_drop_caches();
	test_held(&frames, &canaries);
	test_spin_runs(&spin);
	test_spin_end(&spin);
	test_canaries_live(&canaries);
	for (__u64 page = 0; page < self->bo.size; page += PAGE_SIZE)
		test_cpu_read(&self->bo, page, 0x600d);
}

/* Purged for good: what is there reads as anything, and nothing fails. */
TEST_F(private_evicted, purged)
{
	__u32 retained = 1;

	test_gpu_store(self->addr);
	test_gem_madvise(self->bo.handle, I915_MADV_DONTNEED, &retained);
	ASSERT_EQ(1, retained);
	ASSERT_EQ(0, munmap(self->bo.map, self->bo.size));
	test_drop_caches();
	test_gem_madvise(self->bo.handle, I915_MADV_WILLNEED, &retained);
	ASSERT_EQ(0, retained);

	for (__u64 page = 0; page < self->bo.size; page += PAGE_SIZE)
		test_gpu_reads_scratch(self->addr + page);
	test_gpu_store(self->addr);
	test_err_vm_bind(ENOSPC);
	test_vm_unbind();
	test_err_vm_bind(EFAULT);
}

/*
 * A batch may start there. It executes scratch: MI_NOOPs up to the next mapping, unless the
 * kernel has poisoned scratch, which is no batch then.
 */
TEST_F(private_evicted, purged_batch)
{
	const __u64 next = self->addr + self->bo.size;
	__u32 retained, scratch;
	struct bo bo;

	test_bo_create(PAGE_SIZE, &bo);
	test_vm_bind(.handle = bo.handle, .start = next, .length = bo.size);
	emit_end(emit_store(bo.map, next + 0x800, 0x600d));
	for (__u64 word = 0; word < self->bo.size / 4; word++)
		self->bo.map[word] = MI_BATCH_BUFFER_END;
	test_gpu_run(self->addr);
	test_cpu_read(&bo, 0x800, 0);

	ASSERT_EQ(0, munmap(self->bo.map, self->bo.size));
	test_gem_madvise(self->bo.handle, I915_MADV_DONTNEED, &retained);
	test_drop_caches();
	test_gpu_reads_scratch(self->addr);
	ASSERT_EQ(0, gpu_read_scratch(&self->gpu, &scratch));
	if (scratch != MI_NOOP)
		return;
	test_gpu_run(self->addr);
	test_cpu_read(&bo, 0x800, 0x600d);
	test_gpu_run(next - 8);
}

int main(int argc, char **argv)
{
	skip_without_vm_bind();
	return test_harness_run(argc, argv);
}
