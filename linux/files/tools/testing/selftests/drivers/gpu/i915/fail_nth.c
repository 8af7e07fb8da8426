// SPDX-License-Identifier: MIT
/*
 * Each allocation that a call makes fails once, one after the other, and each
 * copy from user space. The call either does without, or fails and has changed
 * nothing: not the mappings, not the syncobjs, not the memory in use.
 *
 * Needs a kernel with fault injection, and root.
 */
#include "i915_vm_bind_engines.h"
#include "i915_vm_bind_udmabuf.h"
#include "i915_vm_bind_utils.h"

#define EMPTY_ADDRESS	(BATCH_ADDRESS + PAGE_SIZE)

FIXTURE(fail_nth)
{
	struct gpu gpu;
	struct bo bo;
	struct bo empty;	/* a batch at EMPTY_ADDRESS that does nothing */
	__u64 addr;
	int nth;		/* how many more chances to fail pass by */
	__u32 timeline;
	__u64 point;		/* the last one signalled in it */
	int other;		/* a failure of another kind than -ENOMEM */
	int failures;		/* of the call, when each point has failed once */
	bool frees;		/* so that it may have no such point */
	long slack;		/* KiB that a failure may leave allocated */
};

/* Whether copies fail, too, or only those of a caller that is at 1: none. */
static int inject_usercopy(bool on)
{
	return write_file("/sys/kernel/debug/fail_usercopy/require-start",
			  on ? "0" : "1") ?:
	       write_file("/sys/kernel/debug/fail_usercopy/require-end",
			  on ? "0xffffffffffffffff" : "2");
}

/* What is logged of each failure. */
static int set_verbose(const char *level)
{
	static const char *const kinds[] = {
		"failslab", "fail_page_alloc", "fail_usercopy",
	};
	char path[PATH_SIZE];
	int err = 0;

	for (int i = 0; i < ARRAY_SIZE(kinds); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s/verbose", kinds[i]);
		err = err ?: write_file(path, level);
	}
	return err;
}

/* As after boot. */
static void restore_injection(void)
{
	set_verbose("2");
	inject_usercopy(true);
	write_file("/sys/kernel/debug/failslab/ignore-gfp-wait", "Y");
	write_file("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "Y");
	write_file("/sys/kernel/debug/fail_page_alloc/min-order", "1");
}

static int setup_injection(void)
{
	if (set_verbose("0"))
		return -ENOENT;
	/*
	 * Not what the calls of the driver that is there already copy: the DRM
	 * core copies their arguments back when all is done.
	 */
	if (inject_usercopy(false))
		return -ENOENT;
	/* Those that may sleep fail as well. */
	if (write_file("/sys/kernel/debug/failslab/ignore-gfp-wait", "N") ||
	    write_file("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N") ||
	    write_file("/sys/kernel/debug/fail_page_alloc/min-order", "0"))
		return -ENOENT;
	return open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
}

FIXTURE_SETUP(fail_nth)
{
	self->nth = setup_injection();
	if (self->nth < 0)
		SKIP(return, "no fault injection");
	test_gpu_open();
	test_bo_create(4 * PAGE_SIZE, &self->bo);
	self->addr = OBJECT_ADDRESS;
	test_bo_create(PAGE_SIZE, &self->empty);
	emit_end(self->empty.map);
	ASSERT_EQ(0, bo_bind(self->gpu.fd, self->gpu.vm, &self->empty, EMPTY_ADDRESS));
	test_syncobj_create(&self->timeline);
}

/* The new calls copy nothing back. */
#define test_inject_usercopy() do {					\
	ASSERT_EQ(0, inject_usercopy(true));				\
	self->other = -EFAULT;						\
} while (0)

FIXTURE_TEARDOWN(fail_nth)
{
	restore_injection();
	close(self->nth);
	close(self->gpu.fd);
}

static void arm(int nth, int count)
{
	char text[16];
	int length = sprintf(text, "%d", count);

	if (pwrite(nth, text, length, 0) != length)
		abort();
}

/* Whether one has failed. To ask and to disarm is to copy, too. */
static bool disarm(int nth)
{
	char text[16] = "";
	bool left = pread(nth, text, sizeof(text) - 1, 0) <= 0 || atoi(text);

	if (pwrite(nth, "0", 1, 0) != 1)
		arm(nth, 0);
	return !left;
}

struct state {
	char *mappings;
	long memory;		/* KiB */
	__u64 point;
};

static struct state get_state(struct gpu *gpu, __u32 timeline)
{
	char path[PATH_SIZE];
	struct state state = {
		.mappings = read_file(debugfs_path(gpu->fd, "gpuvas", path)),
		.memory = fdinfo_memory(gpu->fd, "drm-total-system0"),
	};

	_syncobj_query(gpu->fd, timeline, &state.point);
	return state;
}

/* Waits until it is freed, which batches that run may hold up. */
static int flush_freed(int drm)
{
	char path[PATH_SIZE];

	return write_file(debugfs_path(drm, "i915_gem_drop_caches", path), "0x210");
}

static bool same_state(struct gpu *gpu, __u32 timeline, const struct state *before,
		       long slack)
{
	bool same = false;

	/* What was allocated in vain is freed by a worker. */
	for (int ms = 0; !same && ms < 2000; ms++) {
		struct state now = get_state(gpu, timeline);

		same = now.mappings && !strcmp(now.mappings, before->mappings) &&
		       now.memory <= before->memory + slack && now.point == before->point;
		free(now.mappings);
		if (!same)
			usleep(1000);
	}
	return same;
}

#define NEXT_POINT							\
	((struct drm_i915_gem_timeline_fence) {				\
		.handle = self->timeline, .value = self->point + 1,	\
		.flags = I915_TIMELINE_FENCE_SIGNAL })

/*
 * Calls until nothing is left that could fail. @prepare is done before each call,
 * and undone by @succeeded after one that did what it should, and by @failed after
 * one that did not, and has changed nothing.
 */
#define test_each_failure(prepare, call, succeeded, failed) do {	\
	int count = 0, failures = 0, err;				\
	bool injected;							\
									\
	do {								\
		struct state before;					\
									\
		prepare;						\
		before = get_state(&self->gpu, self->timeline);		\
		ASSERT_NE(NULL, before.mappings);			\
		ASSERT_LT(0, before.memory);				\
		arm(self->nth, ++count);				\
		err = (call);						\
		injected = disarm(self->nth);				\
		failures += !!err;					\
		ASSERT_TRUE(!err || injected)				\
			TH_LOG("%d at %d, of itself", err, count);	\
		if (err) {						\
			ASSERT_TRUE(err == -ENOMEM || err == self->other) \
				TH_LOG("%d at %d", err, count);		\
			test_same_state(&before);			\
			failed;						\
		} else {						\
			succeeded;					\
		}							\
		free(before.mappings);					\
	} while (injected);						\
	TH_LOG("%d points, %d failures", count - 1, failures);		\
	self->failures = failures;					\
	ASSERT_TRUE(count > 1 || self->frees);				\
} while (0)

/* Also once nobody has anything left to free. */
#define test_same_state(before) do {					\
	const struct state *__before = (before);			\
									\
	ASSERT_TRUE(same_state(&self->gpu, self->timeline, __before, self->slack)) \
		TH_LOG("changed at %d", count);				\
	ASSERT_EQ(0, flush_freed(self->gpu.fd));			\
	ASSERT_TRUE(same_state(&self->gpu, self->timeline, __before, self->slack)) \
		TH_LOG("changed later at %d", count);			\
} while (0)

/* Address spaces, contexts, files */

TEST_F(fail_nth, vm_create)
{
	__u32 vm;

	test_each_failure({},
			  _vm_create(self->gpu.fd, I915_VM_CREATE_FLAGS_USE_VM_BIND,
				     NULL, &vm),
			  test_vm_destroy(vm), {});
}

/* With a context that has run a batch, in either order. */
#define test_ends(first, second) do {					\
	struct gpu other = self->gpu;					\
									\
	self->frees = true;						\
	test_each_failure({						\
		test_vm_create(I915_VM_CREATE_FLAGS_USE_VM_BIND, &other.vm); \
		test_context_on_vm(other.vm, I915_ENGINE_CLASS_RENDER, 0, &other.ctx); \
		ASSERT_EQ(0, bo_bind(other.fd, other.vm, &other.batch, BATCH_ADDRESS)); \
		ASSERT_EQ(0, bo_bind(other.fd, other.vm, &self->bo, self->addr)); \
		test_syncobj_create(&other.timeline);			\
		other.point = 0;					\
		ASSERT_EQ(0, gpu_store(&other, self->addr, 1));		\
		test_syncobj_destroy(other.timeline);			\
	}, (first) ?: (second), {}, {});				\
	ASSERT_EQ(0, self->failures);					\
} while (0)

TEST_F(fail_nth, vm_destroy)
{
	test_ends(_vm_destroy(self->gpu.fd, other.vm),
		  _context_destroy(self->gpu.fd, other.ctx));
}

TEST_F(fail_nth, context_destroy)
{
	test_ends(_context_destroy(self->gpu.fd, other.ctx),
		  _vm_destroy(self->gpu.fd, other.vm));
}

TEST_F(fail_nth, file_close)
{
	struct gpu other;
	struct bo bo;

	self->frees = true;
	test_each_failure({
		ASSERT_EQ(0, gpu_open(&other, I915_ENGINE_CLASS_RENDER, 0));
		ASSERT_EQ(0, bo_create(other.fd, PAGE_SIZE, &bo));
		ASSERT_EQ(0, bo_bind(other.fd, other.vm, &bo, self->addr));
		ASSERT_EQ(0, gpu_store(&other, self->addr, 1));
		ASSERT_EQ(0, munmap(bo.map, bo.size));
		ASSERT_EQ(0, munmap(other.batch.map, PAGE_SIZE));
	}, close(other.fd), {}, {});
	ASSERT_EQ(0, self->failures);
}

/* The batch is killed: by a request of the driver's, or without one by a reset. */
TEST_F(fail_nth, file_close_busy)
{
	struct spin spin;
	struct gpu other;

	test_each_failure({
		ASSERT_EQ(0, gpu_open(&other, I915_ENGINE_CLASS_RENDER, 0));
		ASSERT_EQ(0, spin_prepare(&other, &spin, SPIN_ADDRESS));
		ASSERT_EQ(0, spin_submit(&other, &spin, other.ctx));
		ASSERT_EQ(0, munmap(spin.bo.map, spin.bo.size));
		ASSERT_EQ(0, munmap(other.batch.map, PAGE_SIZE));
	}, close(other.fd), test_gpu_run(EMPTY_ADDRESS), {});
	ASSERT_EQ(0, self->failures);
}

/* Objects */

TEST_F(fail_nth, private_create)
{
	const struct drm_i915_gem_create_ext_vm_private ext = {
		.base.name = I915_GEM_CREATE_EXT_VM_PRIVATE, .vm_id = self->gpu.vm,
	};
	__u32 handle;

	self->other = -ENOSPC; /* for another handle */
	test_each_failure({}, _gem_create_ext(self->gpu.fd, PAGE_SIZE, &ext, &handle),
			  test_gem_close(handle), {});
}

static int userptr_create(int fd, struct bo *bo)
{
	bo->size = PAGE_SIZE;
	bo->map = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return bo->map == MAP_FAILED ? -ENOMEM :
	       _gem_userptr(fd, bo->map, PAGE_SIZE, &bo->handle);
}

TEST_F(fail_nth, userptr_create)
{
	__u32 handle;

	ASSERT_EQ(0, userptr_create(self->gpu.fd, &self->bo));
	self->other = -ENOSPC; /* for another handle */
	test_each_failure({}, _gem_userptr(self->gpu.fd, self->bo.map, PAGE_SIZE, &handle),
			  test_gem_close(handle), {});
}

/* Mappings */

#define bound_and_unbind() do {						\
	test_mapped(self->addr, &self->bo, 0);				\
	test_vm_unbind();						\
} while (0)

/* What the GPU writes there does not arrive. */
#define not_bound() do {						\
	self->bo.map[0] = 0;						\
	test_gpu_store(self->addr);					\
	test_cpu_read(&self->bo, 0, 0);					\
} while (0)

/*
 * The pages of the object and the page tables: what could not be had once is had
 * at the second try. Only the arguments and the mapping itself are not.
 */
#define test_bind(...) do {						\
	test_inject_usercopy();						\
	not_bound();							\
	test_each_failure({}, __vm_bind(__VA_ARGS__), bound_and_unbind(), not_bound()); \
	ASSERT_GE(3, self->failures);					\
} while (0)

/* Nobody keeps the pages any more: they can be purged. */
#define test_not_pinned() do {						\
	__u32 retained = 0;						\
									\
	ASSERT_EQ(0, munmap(self->bo.map, self->bo.size));		\
	test_gem_madvise(self->bo.handle, I915_MADV_DONTNEED, &retained); \
	ASSERT_EQ(1, retained);						\
	test_drop_caches();						\
	test_gem_madvise(self->bo.handle, I915_MADV_WILLNEED, &retained); \
	ASSERT_EQ(0, retained);						\
} while (0)

TEST_F(fail_nth, vm_bind)
{
	test_bind();
	test_not_pinned();
}

TEST_F(fail_nth, vm_bind_marked)
{
	test_bind(.flags = I915_GEM_VM_BIND_CAPTURE);
	test_not_pinned();
}

TEST_F(fail_nth, vm_bind_private)
{
	test_bo_create_private(4 * PAGE_SIZE, &self->bo);
	test_bind();
	test_not_pinned();
}

TEST_F(fail_nth, vm_bind_userptr)
{
	ASSERT_EQ(0, userptr_create(self->gpu.fd, &self->bo));
	test_bind();
}

TEST_F(fail_nth, vm_bind_imported)
{
	const int dmabuf = udmabuf_create(self->bo.size, &self->bo.map);

	if (dmabuf == -ENOENT)
		SKIP(return, "no udmabuf");
	ASSERT_LE(0, dmabuf);
	self->other = -ENOSPC; /* for another handle */
	test_each_failure({}, _prime_import(self->gpu.fd, dmabuf, &self->bo.handle),
			  test_gem_close(self->bo.handle), {});
	ASSERT_EQ(0, _prime_import(self->gpu.fd, dmabuf, &self->bo.handle));
	test_bind();
	close(dmabuf);
}

/* Where no page table is there, nor one that is kept for the next. */
TEST_F(fail_nth, vm_bind_in_new_vm)
{
	const __u32 vm = self->gpu.vm;
	__u32 fresh;

	test_inject_usercopy();
	test_each_failure({
		test_vm_create(I915_VM_CREATE_FLAGS_USE_VM_BIND, &fresh);
		self->gpu.vm = fresh;
	}, __vm_bind(), {
		test_vm_unbind();
		self->gpu.vm = vm;
		test_vm_destroy(fresh);
	}, {
		test_vm_bind();
		self->gpu.vm = vm;
		test_vm_destroy(fresh);
	});
	ASSERT_GE(3, self->failures);
}

TEST_F(fail_nth, vm_bind_with_fence)
{
	test_inject_usercopy();
	not_bound();
	test_each_failure({}, __vm_bind(.fence = NEXT_POINT), {
		self->point++;
		test_syncobj_wait(self->timeline, self->point);
		bound_and_unbind();
	}, not_bound());
}

/* Without a fence it does not fail for want of memory: it needs none. */
TEST_F(fail_nth, vm_unbind)
{
	test_inject_usercopy();
	test_vm_bind();
	test_mapped(self->addr, &self->bo, 0);
	test_each_failure({}, __vm_unbind(), {
		not_bound();
		test_vm_bind();
	}, test_mapped(self->addr, &self->bo, 0));
	ASSERT_EQ(1, self->failures); /* of the arguments */
}

TEST_F(fail_nth, vm_unbind_with_fence)
{
	test_vm_bind();
	test_mapped(self->addr, &self->bo, 0);
	test_inject_usercopy();
	test_each_failure({}, __vm_unbind(.fence = NEXT_POINT), {
		self->point++;
		test_syncobj_wait(self->timeline, self->point);
		not_bound();
		test_vm_bind();
	}, test_mapped(self->addr, &self->bo, 0));
}

/* Submission */

/* The batch has not run: the next one of the context would have come after it. */
#define not_executed() do {						\
	test_gpu_run(EMPTY_ADDRESS);					\
	test_cpu_read(&self->bo, 0, 0);					\
} while (0)

#define executed() do {							\
	self->point++;							\
	test_syncobj_wait(self->timeline, self->point);			\
	test_cpu_read(&self->bo, 0, value_at(self->addr));		\
} while (0)

#define write_batch() do {						\
	self->bo.map[0] = 0;						\
	emit_end(emit_store(self->gpu.batch.map, self->addr, value_at(self->addr))); \
} while (0)

/* @ready: what is done before each call. */
#define test_execute(ready) do {					\
	test_inject_usercopy();						\
	test_mapped(self->addr, &self->bo, 0);				\
	test_each_failure({						\
		ready;							\
		write_batch();						\
	}, ({								\
		const struct drm_i915_gem_timeline_fence fences[] = {	\
			{ self->timeline, self->point ? I915_TIMELINE_FENCE_WAIT : 0, \
			  self->point },				\
			NEXT_POINT,					\
		};							\
									\
		__execbuffer3(.fence_count = 2, .timeline_fences = to_user(fences)); \
	}), executed(), not_executed());				\
} while (0)

TEST_F(fail_nth, execbuffer3)
{
	test_vm_bind();
	test_execute({});
}

/*
 * What was evicted is bound again, or the batch does not run. Pages and page
 * tables that could not be had once are had at the second try: no more fails
 * than where nothing is bound.
 */
#define test_rebinds() do {						\
	self->slack = 128; /* what was bound again by then stays so, too */ \
	test_vm_bind();							\
	test_execute(test_drop_caches());				\
	ASSERT_GE(6, self->failures);					\
} while (0)

TEST_F(fail_nth, execbuffer3_rebinds)
{
	test_rebinds();
}

TEST_F(fail_nth, execbuffer3_rebinds_private)
{
	test_bo_create_private(4 * PAGE_SIZE, &self->bo);
	test_rebinds();
}

/* Memory of the process that is not the one which was pinned. */
TEST_F(fail_nth, execbuffer3_pins)
{
	ASSERT_EQ(0, userptr_create(self->gpu.fd, &self->bo));
	test_vm_bind();
	test_execute({
		ASSERT_EQ(self->bo.map, mmap(self->bo.map, self->bo.size,
					     PROT_READ | PROT_WRITE, MAP_PRIVATE |
					     MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	});
}

/* Behind a bind that may not be done yet. */
TEST_F(fail_nth, execbuffer3_follows_bind)
{
	const __u64 other = self->addr + self->bo.size;
	struct drm_i915_gem_timeline_fence done = {
		.flags = I915_TIMELINE_FENCE_SIGNAL,
	};

	test_syncobj_create(&done.handle);
	test_vm_bind();
	test_execute({
		for (int i = 0; i < 8; i++) {
			test_vm_bind(.start = other, .fence = done);
			test_vm_unbind(.start = other, .fence = done);
		}
	});
}

TEST_F(fail_nth, execbuffer3_parallel)
{
	const __u64 batches[WIDTH] = { BATCH_ADDRESS, SPIN_ADDRESS };
	struct bo second;
	__u32 ctx;
	int err = context_parallel(self->gpu.fd, self->gpu.vm, &ctx);

	if (err == -EINVAL || err == -ENODEV)
		SKIP(return, "no two video engines");
	ASSERT_EQ(0, err);
	test_bo_create(PAGE_SIZE, &second);
	emit_end(emit_store(second.map, self->addr + 4, 1));
	test_vm_bind(.handle = second.handle, .start = SPIN_ADDRESS, .length = PAGE_SIZE);
	test_vm_bind();
	test_inject_usercopy();
	test_mapped(self->addr, &self->bo, 0);
	test_each_failure(write_batch(), ({
		const struct drm_i915_gem_timeline_fence out = NEXT_POINT;

		self->bo.map[1] = 0;
		__execbuffer3(.ctx_id = ctx, .batch_address = to_user(batches),
			      .fence_count = 1, .timeline_fences = to_user(&out));
	}), {
		executed();
		test_cpu_read(&self->bo, 4, 1);
	}, {
		usleep(10000); /* another context's comes when it likes */
		not_executed();
		test_cpu_read(&self->bo, 4, 0);
	});
}

int main(int argc, char **argv)
{
	skip_without_vm_bind();
	return test_harness_run(argc, argv);
}
