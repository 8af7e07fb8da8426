// SPDX-License-Identifier: MIT
/*
 * Each kind of object, bound and unbound with and without a fence: where a mapping
 * may be, what it may show, and what may stand beside it.
 */
#include "i915_vm_bind_udmabuf.h"
#include "i915_vm_bind_utils.h"

#define PAGES	1112	/* two huge pages, and some */

enum kind { SHMEM, PRIVATE, USERPTR, IMPORTED, LOCAL, LOCAL_PRIVATE, KINDS };

static const char *const kind_names[] = {
	"shmem", "private", "userptr", "imported", "local", "local and private",
};

FIXTURE(kinds)
{
	struct gpu gpu;
	struct bo bo;
	__u64 addr;
	enum kind last;
	struct drm_i915_gem_timeline_fence out;
};

FIXTURE_VARIANT(kinds)
{
	bool fences;
};

FIXTURE_VARIANT_ADD(kinds, synchronous) { .fences = false };
FIXTURE_VARIANT_ADD(kinds, with_fences) { .fences = true };

FIXTURE_SETUP(kinds)
{
	if (access("/dev/udmabuf", R_OK | W_OK))
		SKIP(return, "no udmabuf");
	test_gpu_open();
	self->addr = OBJECT_ADDRESS;
	self->last = local_memory(self->gpu.fd) ? LOCAL_PRIVATE : IMPORTED;
	test_syncobj_create(&self->out.handle);
	self->out.flags = variant->fences ? I915_TIMELINE_FENCE_SIGNAL : 0;
	if (!variant->fences)
		self->out.handle = 0;
}

FIXTURE_TEARDOWN(kinds)
{
	close(self->gpu.fd);
}

static int userptr_create(int fd, __u64 size, struct bo *bo)
{
	bo->map = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return bo->map == MAP_FAILED ? -errno :
	       _gem_userptr(fd, bo->map, size, &bo->handle);
}

static int import_create(int fd, __u64 size, struct bo *bo)
{
	const int dmabuf = udmabuf_create(size, &bo->map);
	int err = dmabuf < 0 ? dmabuf : _prime_import(fd, dmabuf, &bo->handle);

	close(dmabuf);
	return err;
}

static int kind_create(struct gpu *gpu, enum kind kind, __u64 size, struct bo *bo)
{
	bo->size = size;
	switch (kind) {
	case SHMEM:
		return bo_create(gpu->fd, size, bo);
	case PRIVATE:
		return bo_create_private(gpu->fd, gpu->vm, size, bo);
	case USERPTR:
		return userptr_create(gpu->fd, size, bo);
	case IMPORTED:
		return import_create(gpu->fd, size, bo);
	default:
		return bo_create_placed(gpu, kind == LOCAL_PRIVATE, 1, size, bo);
	}
}

#define test_kind_create(_kind, size, bo) do {				\
	const enum kind __kind = (_kind);				\
									\
	TH_LOG("%s", kind_names[__kind]);				\
	ASSERT_EQ(0, kind_create(&self->gpu, __kind, size, bo));	\
} while (0)

#define NEXT_POINT (self->out.value += variant->fences, self->out)

#define test_done() do {						\
	if (variant->fences)						\
		test_syncobj_wait(self->out.handle, self->out.value);	\
} while (0)

#define test_bind(_bo, _start, _first, _pages)				\
	test_vm_bind(.handle = (_bo)->handle, .start = (_start), .fence = NEXT_POINT, \
		     .offset = (_first) * PAGE_SIZE, .length = (_pages) * PAGE_SIZE)

#define test_unbind(_start, _pages)					\
	test_vm_unbind(.start = (_start), .length = (_pages) * PAGE_SIZE, \
		       .fence = NEXT_POINT)

/* What the GPU writes there does not arrive at @offset of the object. */
#define test_not_mapped(address, bo, offset) do {			\
	__u32 *__word = &(bo)->map[(offset) / 4];			\
									\
	*__word = 0;							\
	test_gpu_store(address);					\
	ASSERT_EQ(0, *__word);						\
} while (0)

/* Pages @first and on of @bo, at @start, come and go: ends and middle. */
#define test_window(_bo, start, first, pages) do {			\
	const __u64 __start = (start), __first = (first), __pages = (pages); \
	const __u64 __words[] = {					\
		0, __pages * PAGE_SIZE / 2, __pages * PAGE_SIZE - 4,	\
	};								\
	struct bo *__bo = (_bo);					\
									\
	test_bind(__bo, __start, __first, __pages);			\
	for (int __i = 0; __i < 3; __i++)				\
		test_mapped(__start + __words[__i], __bo,		\
			    __first * PAGE_SIZE + __words[__i]);	\
	test_unbind(__start, __pages);					\
	test_done();							\
	for (int __i = 0; __i < 3; __i++)				\
		test_not_mapped(__start + __words[__i], __bo,		\
				__first * PAGE_SIZE + __words[__i]);	\
} while (0)

TEST_F(kinds, windows)
{
	/* The address in pages from 2 MiB on, then which pages of the object. */
	static const struct { int skew, first, pages; } rows[] = {
		{ 0, 0, PAGES }, { 1, 0, PAGES }, { 0, 0, 1 }, { 0, 1, 1 },
		{ 0, PAGES - 1, 1 }, { 0, 1, PAGES - 1 }, { 0, 0, PAGES - 1 },
		{ 0, 300, 7 }, { 0, 13, 16 }, { 16, 16, 16 }, { 0, 511, 2 },
		{ 0, 0, 512 }, { 0, 512, 512 }, { 0, 256, 512 }, { 3, 0, 512 },
		{ 511, 511, 514 },
	};

	for (enum kind kind = SHMEM; kind <= self->last; kind++) {
		test_kind_create(kind, PAGES * PAGE_SIZE, &self->bo);
		for (int i = 0; i < ARRAY_SIZE(rows); i++)
			test_window(&self->bo, self->addr + rows[i].skew * PAGE_SIZE,
				    rows[i].first, rows[i].pages);
		test_let_go(&self->bo);
	}
}

/* Two pages at each place where the page tables or the address change shape. */
TEST_F(kinds, places)
{
	const __u64 rows[] = {
		0, PAGE_SIZE, (1ull << 21) - PAGE_SIZE, (1ull << 30) - PAGE_SIZE,
		(1ull << 32) - PAGE_SIZE, (1ull << 39) - PAGE_SIZE,
		self->gpu.end / 2 - PAGE_SIZE, self->gpu.end - 2 * PAGE_SIZE,
	};

	for (enum kind kind = SHMEM; kind <= self->last; kind++) {
		test_kind_create(kind, 2 * PAGE_SIZE, &self->bo);
		for (int i = 0; i < ARRAY_SIZE(rows); i++) {
			test_window(&self->bo, rows[i], 0, 2);
			test_window(&self->bo, rows[i], 1, 1);
		}
		test_let_go(&self->bo);
	}
}

/* A second mapping against four pages that are there already, at page 4. */
TEST_F(kinds, overlaps)
{
	static const struct { int first, pages, err; } rows[] = {
		{ 1, 2, 0 }, { 2, 2, 0 }, { 8, 2, 0 }, { 9, 2, 0 },
		{ 3, 2, ENOSPC }, { 7, 2, ENOSPC }, { 4, 4, ENOSPC }, { 4, 1, ENOSPC },
		{ 4, 6, ENOSPC }, { 7, 1, ENOSPC }, { 2, 6, ENOSPC }, { 5, 2, ENOSPC },
		{ 2, 8, ENOSPC },
	};
	struct bo other;

	for (enum kind kind = SHMEM; kind <= self->last; kind++) {
		test_kind_create(kind, 4 * PAGE_SIZE, &self->bo);
		test_kind_create(kind, 8 * PAGE_SIZE, &other);
		test_bind(&self->bo, self->addr + 4 * PAGE_SIZE, 0, 4);
		for (int i = 0; i < ARRAY_SIZE(rows); i++) {
			const __u64 start = self->addr + rows[i].first * PAGE_SIZE;

			if (rows[i].err)
				test_err_vm_bind(rows[i].err, .handle = other.handle,
						 .start = start, .fence = self->out,
						 .length = rows[i].pages * PAGE_SIZE);
			else
				test_window(&other, start, 0, rows[i].pages);
			test_mapped(self->addr + 4 * PAGE_SIZE, &self->bo, 0);
			test_mapped(self->addr + 8 * PAGE_SIZE - 4, &self->bo,
				    4 * PAGE_SIZE - 4);
		}
		test_unbind(self->addr + 4 * PAGE_SIZE, 4);
		test_let_go(&self->bo);
		test_let_go(&other);
	}
}

/* Four pages at page 4, a hole of one page, four pages: taken away as they came. */
TEST_F(kinds, unbinds)
{
	static const struct { int first, pages; } rows[] = {
		{ 4, 1 }, { 7, 1 }, { 5, 2 }, { 3, 2 }, { 7, 2 }, { 3, 5 }, { 4, 5 },
		{ 8, 5 }, { 7, 3 }, { 5, 4 }, { 4, 9 }, { 3, 11 },
	};
	const __u64 first = self->addr + 4 * PAGE_SIZE;
	const __u64 second = self->addr + 9 * PAGE_SIZE;

	for (enum kind kind = SHMEM; kind <= self->last; kind++) {
		test_kind_create(kind, 8 * PAGE_SIZE, &self->bo);
		test_bind(&self->bo, first, 0, 4);
		test_bind(&self->bo, second, 4, 4);
		for (int i = 0; i < ARRAY_SIZE(rows); i++) {
			test_err_vm_unbind(EINVAL, .fence = self->out,
					   .start = self->addr + rows[i].first * PAGE_SIZE,
					   .length = rows[i].pages * PAGE_SIZE);
			test_mapped(first, &self->bo, 0);
			test_mapped(second - 2 * PAGE_SIZE, &self->bo, 3 * PAGE_SIZE);
			test_mapped(second, &self->bo, 4 * PAGE_SIZE);
			test_mapped(second + 3 * PAGE_SIZE, &self->bo, 7 * PAGE_SIZE);
		}
		test_unbind(self->addr, 4);
		test_unbind(first + 4 * PAGE_SIZE, 1);
		test_unbind(first, 4);
		test_mapped(second, &self->bo, 4 * PAGE_SIZE);
		test_done();
		test_not_mapped(first, &self->bo, 0);
		test_unbind(second, 4);
		test_done();
		test_not_mapped(second, &self->bo, 4 * PAGE_SIZE);
		test_let_go(&self->bo);
	}
}

int main(int argc, char **argv)
{
	skip_without_vm_bind();
	return test_harness_run(argc, argv);
}
