// SPDX-License-Identifier: MIT
/*
 * Memory of the process, mapped by VM_BIND: what the process does to it is
 * followed at the next submission.
 */
#include <pthread.h>
#include <sys/wait.h>

#include "i915_vm_bind_canary.h"
#include "i915_vm_bind_thread.h"
#include "i915_vm_bind_utils.h"

#define PAGES 16

FIXTURE(userptr)
{
	struct gpu gpu;
	struct bo bo;	/* map is the process's own memory */
	__u64 addr;
};

static __u32 *map_pages(void *where, __u64 size, int flags)
{
	void *map = mmap(where, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	return map == MAP_FAILED ? NULL : map;
}

#define test_map_again() \
	ASSERT_EQ(self->bo.map, map_pages(self->bo.map, self->bo.size, MAP_FIXED))

static int bo_create_userptr(int fd, __u64 size, struct bo *bo)
{
	bo->size = size;
	bo->map = map_pages(NULL, size, 0);
	return bo->map ? _gem_userptr(fd, bo->map, size, &bo->handle) : -ENOMEM;
}

FIXTURE_SETUP(userptr)
{
	test_gpu_open();
	self->addr = OBJECT_ADDRESS;
	ASSERT_EQ(0, bo_create_userptr(self->gpu.fd, PAGES * PAGE_SIZE, &self->bo));
}

FIXTURE_TEARDOWN(userptr)
{
	close(self->gpu.fd);
}

#define __batch() execute(self->gpu.fd, self->gpu.ctx, BATCH_ADDRESS, \
			  self->gpu.timeline, ++self->gpu.point)

TEST_F(userptr, bind)
{
	test_vm_bind();
	for (__u64 page = 0; page < self->bo.size; page += PAGE_SIZE)
		test_mapped(self->addr + page, &self->bo, page);
	test_vm_unbind();
	test_err_vm_bind(EINVAL, .length = self->bo.size + PAGE_SIZE);
	test_vm_bind();
	test_mapped(self->addr + 4, &self->bo, 4);
}

TEST_F(userptr, parts_and_aliases)
{
	test_vm_bind(.offset = 3 * PAGE_SIZE, .length = 2 * PAGE_SIZE);
	test_vm_bind(.start = self->addr + self->bo.size, .offset = 4 * PAGE_SIZE,
		     .length = PAGE_SIZE);
	test_mapped(self->addr + PAGE_SIZE, &self->bo, 4 * PAGE_SIZE);
	test_mapped(self->addr + self->bo.size, &self->bo, 4 * PAGE_SIZE);
}

TEST_F(userptr, never_there)
{
	__u32 handle;
	void *hole = map_pages(NULL, self->bo.size, 0);

	ASSERT_EQ(0, munmap(hole, self->bo.size));
	ASSERT_EQ(0, _gem_userptr(self->gpu.fd, hole, self->bo.size, &handle));
	test_vm_bind(.start = self->addr + self->bo.size);
	test_err_vm_bind(EFAULT, .handle = handle);
	test_vm_bind();
	test_mapped(self->addr, &self->bo, 0);
}

/* Pinned, but not to be had: nothing stays pinned, and later it is bound. */
TEST_F(userptr, could_not_be_used)
{
	__u32 retained;

	test_gem_madvise(self->bo.handle, I915_MADV_DONTNEED, &retained);
	test_err_vm_bind(EFAULT);
	test_gem_madvise(self->bo.handle, I915_MADV_WILLNEED, &retained);
	test_vm_bind();
	test_mapped(self->addr, &self->bo, 0);
}

/* Nobody wants it: no batch fails for it, wherever its memory is, nor finds it. */
TEST_F(userptr, madvised_away)
{
	__u32 retained;

	if (!is_root())
		SKIP(return, NEEDS_ROOT);
	test_vm_bind();
	test_mapped(self->addr, &self->bo, 0);
	test_gem_madvise(self->bo.handle, I915_MADV_DONTNEED, &retained);
	test_map_again();
	self->bo.map[0] = 0x600d;
	test_gpu_store(BATCH_ADDRESS + 0x800);
	test_drop_caches();
	test_gpu_reads_scratch(self->addr);
	test_gpu_store(self->addr);
	test_cpu_read(&self->bo, 0, 0x600d);
	test_gem_madvise(self->bo.handle, I915_MADV_WILLNEED, &retained);
	test_mapped(self->addr, &self->bo, 0);
}

static void *execute_in_thread(void *arg)
{
	struct gpu *gpu = arg;

	__atomic_store_n(&executing, syscall(SYS_gettid), __ATOMIC_SEQ_CST);
	return (void *)(intptr_t)execute(gpu->fd, gpu->ctx, BATCH_ADDRESS,
					 gpu->timeline, ++gpu->point);
}

/*
 * A submission that has to pin memory anew waits for the batch that uses the old
 * pages. Nobody else waits with it.
 */
TEST_F(userptr, holds_nobody_up)
{
	const __u64 other = self->addr + self->bo.size;
	struct spin spin;
	pthread_t thread;
	struct bo bo;
	void *err;

	test_bo_create(PAGE_SIZE, &bo);
	test_vm_bind();
	test_spin_prepare(&spin);
	test_spin_submit(&spin);
	test_map_again();
	emit_end(emit_store(self->gpu.batch.map, self->addr, 1));
	ASSERT_EQ(0, pthread_create(&thread, NULL, execute_in_thread, &self->gpu));
	ASSERT_EQ(0, wait_until_it_waits());
	for (int i = 0; i < 10; i++) {
		test_vm_bind(.handle = bo.handle, .start = other, .length = bo.size);
		test_vm_unbind(.start = other, .length = bo.size);
	}
	test_spin_runs(&spin);
	test_spin_end(&spin);
	ASSERT_EQ(0, pthread_join(thread, &err));
	ASSERT_EQ(NULL, err);
	test_syncobj_wait(self->gpu.timeline, self->gpu.point);
	test_cpu_read(&self->bo, 0, 1);
}

/* Binds new memory at page n of @address, to which the batch writes n + 1. */
static int bind_each(struct gpu *gpu, struct bo *bo, int count, __u64 address)
{
	__u32 *cs = gpu->batch.map;
	int err = 0;

	for (int n = 0; n < count && !err; n++, address += PAGE_SIZE) {
		err = bo_create_userptr(gpu->fd, PAGE_SIZE, &bo[n]) ?:
		      bo_bind(gpu->fd, gpu->vm, &bo[n], address);
		cs = emit_store(cs, address, n + 1);
	}
	emit_end(cs);
	return err;
}

static bool map_each_again(const struct bo *bo, int count)
{
	for (int n = 0; n < count; n++)
		if (map_pages(bo[n].map, bo[n].size, MAP_FIXED) != bo[n].map)
			return false;
	return true;
}

/*
 * A submission that has pinned some memory anew, and waits to pin more of it,
 * sees that the first was mapped anew once more, and pins that again by itself.
 * Which it pins first is not known; the one in the middle is used elsewhere.
 */
TEST_F(userptr, mapped_anew_meanwhile)
{
	const struct drm_i915_gem_timeline_fence out = {
		.handle = self->gpu.timeline, .flags = I915_TIMELINE_FENCE_SIGNAL,
		.value = ++self->gpu.point,
	};
	struct one_call call = {
		.fd = self->gpu.fd,
		.args = {
			.ctx_id = self->gpu.ctx, .batch_address = BATCH_ADDRESS,
			.fence_count = 1, .timeline_fences = to_user(&out),
		},
	};
	struct gpu other = self->gpu;
	struct spin spin;
	struct bo bo[3];
	pthread_t thread;
	void *err;

	ASSERT_EQ(0, bind_each(&self->gpu, bo, ARRAY_SIZE(bo), self->addr));
	test_vm_create(I915_VM_CREATE_FLAGS_USE_VM_BIND, &other.vm);
	test_context_on_vm(other.vm, I915_ENGINE_CLASS_RENDER, 0, &other.ctx);
	test_equal(0, bo_bind(other.fd, other.vm, &bo[1], self->addr));
	test_equal(0, spin_prepare(&other, &spin, SPIN_ADDRESS));
	test_equal(0, spin_submit(&other, &spin, other.ctx));

	ASSERT_TRUE(map_each_again(bo, ARRAY_SIZE(bo)));
	ASSERT_EQ(0, pthread_create(&thread, NULL, call_in_thread, &call));
	ASSERT_EQ(0, wait_until_it_waits());
	ASSERT_TRUE(map_each_again(bo, ARRAY_SIZE(bo)));
	test_equal(0, spin_end(&other, &spin));
	ASSERT_EQ(0, pthread_join(thread, &err));
	ASSERT_EQ(NULL, err);
	test_syncobj_wait(self->gpu.timeline, self->gpu.point);
	for (int n = 0; n < ARRAY_SIZE(bo); n++)
		test_cpu_read(&bo[n], 0, n + 1);
}

/*
 * A range that fills a whole directory, 1 GiB, with 512 page tables below it. The
 * directory may be used again for others, and has forgotten all of them.
 */
#define CHUNK (2ull << 20)
#define WHOLE (512 * CHUNK)

TEST_F_TIMEOUT(userptr, whole_directory, 120)
{
	const int file = memfd_create("chunk", 0);
	struct bo bo = { .size = WHOLE, .map = map_pages(NULL, WHOLE, MAP_NORESERVE) };

	ASSERT_NE(NULL, bo.map);
	ASSERT_EQ(0, ftruncate(file, CHUNK));
	for (__u64 at = 0; at < WHOLE; at += CHUNK)
		ASSERT_NE(MAP_FAILED, mmap((char *)bo.map + at, CHUNK,
					   PROT_READ | PROT_WRITE,
					   MAP_SHARED | MAP_FIXED, file, 0));
	ASSERT_EQ(0, _gem_userptr(self->gpu.fd, bo.map, bo.size, &bo.handle));
	test_vm_bind(.handle = bo.handle, .length = WHOLE);
	test_mapped(self->addr + WHOLE - 4, &bo, WHOLE - 4);
	test_vm_unbind(.length = WHOLE);
	test_gem_close(bo.handle);
	ASSERT_EQ(0, munmap(bo.map, WHOLE));
	close(file);

	for (int i = 1; i < 16; i++)
		test_vm_bind(.start = self->addr + i * (WHOLE + CHUNK));
	for (int i = 1; i < 16; i++)
		test_mapped(self->addr + i * (WHOLE + CHUNK), &self->bo, 0);
}

/* Memory that is unbound and unmapped meanwhile is nothing that is missing. */
TEST_F(userptr, unbound_meanwhile)
{
	const __u64 other = self->addr + self->bo.size;
	struct spin spin;
	pthread_t thread;
	struct bo bo;
	void *err;

	ASSERT_EQ(0, bo_create_userptr(self->gpu.fd, PAGE_SIZE, &bo));
	test_vm_bind();
	test_vm_bind(.handle = bo.handle, .start = other, .length = bo.size);
	test_spin_prepare(&spin);
	test_spin_submit(&spin);
	test_map_again();
	ASSERT_EQ(0, munmap(bo.map, bo.size));
	emit_end(emit_store(self->gpu.batch.map, self->addr, 1));
	ASSERT_EQ(0, pthread_create(&thread, NULL, execute_in_thread, &self->gpu));
	ASSERT_EQ(0, wait_until_it_waits());
	test_vm_unbind(.start = other, .length = bo.size);
	test_gem_close(bo.handle);
	test_spin_end(&spin);
	ASSERT_EQ(0, pthread_join(thread, &err));
	ASSERT_EQ(NULL, err);
	test_syncobj_wait(self->gpu.timeline, self->gpu.point);
	test_cpu_read(&self->bo, 0, 1);
}

/* Other memory at the same place, over and over. */
TEST_F(userptr, mapped_anew)
{
	test_vm_bind();
	for (int round = 0; round < 20; round++) {
		test_mapped(self->addr + 4 * round, &self->bo, 4 * round);
		test_map_again();
		test_cpu_read(&self->bo, 4 * round, 0);
	}
	test_mapped(self->addr, &self->bo, 0);
}

TEST_F(userptr, one_page_mapped_anew)
{
	const __u64 offset = 5 * PAGE_SIZE;

	test_vm_bind();
	test_mapped(self->addr, &self->bo, 0);
	test_mapped(self->addr + offset, &self->bo, offset);
	ASSERT_NE(NULL, map_pages((void *)self->bo.map + offset, PAGE_SIZE, MAP_FIXED));
	test_cpu_read(&self->bo, offset, 0);
	test_mapped(self->addr + offset + 8, &self->bo, offset + 8);
	test_cpu_read(&self->bo, offset, 0);
	test_cpu_read(&self->bo, 0, value_at(self->addr));
}

/* Without its memory no batch runs, until it is there again, or unbound. */
TEST_F(userptr, unmapped)
{
	test_vm_bind();
	test_mapped(self->addr, &self->bo, 0);
	ASSERT_EQ(0, munmap(self->bo.map, self->bo.size));
	emit_end(emit_store(self->gpu.batch.map, BATCH_ADDRESS + 0x800, 0xbad));
	for (int i = 0; i < 3; i++)
		test_err_execbuffer3(EFAULT);
	test_cpu_read(&self->gpu.batch, 0x800, 0);

	test_map_again();
	test_mapped(self->addr, &self->bo, 0);

	ASSERT_EQ(0, munmap(self->bo.map, self->bo.size));
	test_err_execbuffer3(EFAULT);
	test_vm_unbind();
	test_gpu_run(BATCH_ADDRESS);
	test_err_vm_bind(EFAULT);
	test_map_again();
}

/* The batch goes on with the pages that it began with, which stay its own. */
TEST_F(userptr, unmapped_in_use)
{
	struct canaries canaries;
	struct frames frames;
	struct spin spin;

	if (!is_root())
		SKIP(return, NEEDS_ROOT);
	test_vm_bind();
	test_spin_prepare(&spin);
	spin_emit_stores(&spin, self->addr, self->bo.size, 0xbad);
	test_spin_submit(&spin);
	test_equal(0, frames_of(self->bo.map, self->bo.size, &frames));
	test_map_again();
	memset(self->bo.map, 0x5a, self->bo.size);
	test_held(&frames, &canaries);
	test_spin_runs(&spin);
	test_spin_end(&spin);
	for (__u64 i = 0; i < self->bo.size; i += 4)
		test_cpu_read(&self->bo, i, 0x5a5a5a5a);
	test_canaries_live(&canaries);
	test_mapped(self->addr, &self->bo, 0);
	test_released(&frames);
}

TEST_F(userptr, moved)
{
	__u32 *to = map_pages(NULL, self->bo.size, 0);

	test_vm_bind();
	test_mapped(self->addr, &self->bo, 0);
	ASSERT_EQ(to, mremap(self->bo.map, self->bo.size, self->bo.size,
			     MREMAP_MAYMOVE | MREMAP_FIXED, to));
	test_err_execbuffer3(EFAULT);
	test_map_again();
	test_mapped(self->addr, &self->bo, 0);
	ASSERT_EQ(value_at(self->addr), to[0]);
	to[0] = 1;
	test_cpu_read(&self->bo, 0, value_at(self->addr));
}

TEST_F(userptr, read_only)
{
	const __u64 result = BATCH_ADDRESS + 0x800;

	self->bo.map[0] = 0x600d;
	test_vm_bind();
	test_gpu_copy(result, self->addr);
	ASSERT_EQ(0, mprotect(self->bo.map, self->bo.size, PROT_READ));
	test_err_execbuffer3(EFAULT);
	ASSERT_EQ(0, mprotect(self->bo.map, self->bo.size, PROT_READ | PROT_WRITE));
	test_gpu_copy(result, self->addr);
	test_cpu_read(&self->gpu.batch, 0x800, 0x600d);
}

/* After a fork the memory is the parent's, whoever writes to it first. */
TEST_F(userptr, fork)
{
	int status;
	pid_t child;

	test_vm_bind();
	test_mapped(self->addr, &self->bo, 0);
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		for (__u64 i = 0; i < self->bo.size / 4; i++)
			self->bo.map[i] = 0xbad;
		_exit(0);
	}
	test_mapped(self->addr + 4, &self->bo, 4);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	test_cpu_read(&self->bo, 4, value_at(self->addr + 4));
	test_mapped(self->addr + 8, &self->bo, 8);
}

/* A process that executes batches for the test, one for each byte that it gets. */
struct helper {
	pid_t pid;
	int request[2], answer[2];	/* pipes; an answer is an errno, or 0 */
};

static void help(struct helper *helper, struct gpu gpu, __u64 address)
{
	char error, value;

	if (_syncobj_create(gpu.fd, &gpu.timeline))
		_exit(1);
	gpu.point = 0;
	while (read(helper->request[0], &value, 1) == 1) {
		error = -gpu_store(&gpu, address, value);
		if (write(helper->answer[1], &error, 1) != 1)
			_exit(1);
	}
	_exit(0);
}

static int helper_start(struct helper *helper, const struct gpu *gpu, __u64 address)
{
	if (pipe(helper->request) || pipe(helper->answer))
		return -errno;
	helper->pid = fork();
	if (!helper->pid) {
		close(helper->request[1]);
		help(helper, *gpu, address);
	}
	close(helper->request[0]);
	close(helper->answer[1]);
	return helper->pid < 0 ? -errno : 0;
}

/* The GPU stores @value at the helper's address: 0 or -errno. */
static int helper_stores(struct helper *helper, char value)
{
	char error;

	if (write(helper->request[1], &value, 1) != 1 ||
	    read(helper->answer[0], &error, 1) != 1)
		return -EPIPE;
	return -error;
}

static int helper_end(struct helper *helper)
{
	int status;

	close(helper->request[1]);
	close(helper->answer[0]);
	if (waitpid(helper->pid, &status, 0) != helper->pid)
		return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EPIPE;
}

/*
 * Another process executes batches that use what is pinned, and cannot pin what is not: only
 * the process whose memory it is can.
 */
TEST_F(userptr, other_process)
{
	struct helper helper;

	test_vm_bind();
	test_gpu_store(self->addr);
	ASSERT_EQ(0, helper_start(&helper, &self->gpu, self->addr + 8));
	/* The fork has made the memory copy-on-write: invalidated. */
	ASSERT_EQ(-EFAULT, helper_stores(&helper, 1));

	/* Pinned by its owner, it serves both, as long as it stays where it is. */
	test_mapped(self->addr, &self->bo, 0);
	for (char round = 2; round < 6; round++) {
		ASSERT_EQ(0, helper_stores(&helper, round));
		test_cpu_read(&self->bo, 8, round);
	}

	test_map_again();
	ASSERT_EQ(-EFAULT, helper_stores(&helper, 6));
	test_cpu_read(&self->bo, 8, 0);
	test_mapped(self->addr, &self->bo, 0);
	ASSERT_EQ(0, helper_stores(&helper, 7));
	test_cpu_read(&self->bo, 8, 7);
	ASSERT_EQ(0, helper_end(&helper));
}

TEST_F(userptr, among_others)
{
	struct bo bo[4];

	test_vm_bind();
	for (int i = 0; i < ARRAY_SIZE(bo); i++) {
		if (i & 1)
			test_bo_create(PAGE_SIZE, &bo[i]);
		else
			test_bo_create_private(PAGE_SIZE, &bo[i]);
		test_vm_bind(.handle = bo[i].handle, .length = PAGE_SIZE,
			     .start = self->addr + self->bo.size + i * PAGE_SIZE);
	}
	for (int round = 0; round < 4; round++) {
		test_mapped(self->addr, &self->bo, 0);
		for (int i = 0; i < ARRAY_SIZE(bo); i++)
			test_mapped(self->addr + self->bo.size + i * PAGE_SIZE,
				    &bo[i], 0);
		test_map_again();
	}
}

/* In two address spaces: both follow. */
TEST_F(userptr, two_vms)
{
	struct gpu second = self->gpu;

	test_vm_create(I915_VM_CREATE_FLAGS_USE_VM_BIND, &second.vm);
	test_context_on_vm(second.vm, I915_ENGINE_CLASS_RENDER, 0, &second.ctx);
	test_equal(0, bo_bind(second.fd, second.vm, &second.batch, BATCH_ADDRESS));
	test_syncobj_create(&second.timeline);
	second.point = 0;
	test_vm_bind();
	test_vm_bind(.vm_id = second.vm);
	for (__u32 round = 0; round < 4; round++) {
		test_mapped(self->addr, &self->bo, 0);
		test_equal(0, gpu_store(&second, self->addr, round));
		test_cpu_read(&self->bo, 0, round);
		test_map_again();
		test_equal(0, gpu_store(&second, self->addr, ~round));
		test_cpu_read(&self->bo, 0, ~round);
		test_map_again();
	}
}

/* The process swaps it out, as far as a pinned page can be. */
TEST_F(userptr, dropped)
{
	if (!is_root())
		SKIP(return, NEEDS_ROOT);
	test_vm_bind();
	for (__u64 round = 0; round < 4; round++) {
		test_gpu_store(self->addr + 4 * round);
		test_drop_caches();
		test_cpu_read(&self->bo, 4 * round, value_at(self->addr + 4 * round));
	}
	for (__u64 round = 0; round < 4; round++)
		test_cpu_read(&self->bo, 4 * round, value_at(self->addr + 4 * round));
}

/* The last page, the handle and the address space go, in any order. */
TEST_F(userptr, closed_then_unmapped)
{
	test_vm_bind();
	test_gpu_store(self->addr);
	test_gem_close(self->bo.handle);
	ASSERT_EQ(0, munmap(self->bo.map, self->bo.size));
	test_err_execbuffer3(EFAULT);
	test_vm_unbind();
	test_gpu_run(BATCH_ADDRESS);
}

TEST_F(userptr, unmapped_then_vm_closed)
{
	test_vm_bind();
	test_gpu_store(self->addr);
	ASSERT_EQ(0, munmap(self->bo.map, self->bo.size));
	test_vm_destroy(self->gpu.vm);
}

TEST_F(userptr, file_closed_in_use)
{
	struct spin spin;

	test_vm_bind();
	test_spin_prepare(&spin);
	test_spin_submit(&spin);
}

int main(int argc, char **argv)
{
	skip_without_vm_bind();
	return test_harness_run(argc, argv);
}
