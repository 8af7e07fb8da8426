// SPDX-License-Identifier: MIT
/*
 * Each allocation that a call makes fails once, one after the other, and each
 * copy from user space. The call either does without, or fails and has changed
 * nothing: not the mappings, not the syncobjs, not the memory in use.
 *
 * Needs a kernel with fault injection, and root.
 */
#include "i915_vm_bind_utils.h"

FIXTURE(fail_nth)
{
	struct gpu gpu;
	struct bo bo;
	__u64 addr;
	int nth;		/* how many more chances to fail pass by */
	__u32 timeline;
	__u64 point;		/* the last one signalled in it */
	int other;		/* a failure of another kind than -ENOMEM */
	int failures;		/* of the call, when each point has failed once */
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

static int setup_injection(void)
{
	static const char *const kinds[] = {
		"failslab", "fail_page_alloc", "fail_usercopy",
	};
	char path[PATH_SIZE];

	for (int i = 0; i < ARRAY_SIZE(kinds); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s/verbose", kinds[i]);
		if (write_file(path, "0"))
			return -ENOENT;
	}
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
	test_syncobj_create(&self->timeline);
	self->slack = 64; /* page tables that are kept for the next bind */
}

/* The new calls copy nothing back. */
#define test_inject_usercopy() do {					\
	ASSERT_EQ(0, inject_usercopy(true));				\
	self->other = -EFAULT;						\
} while (0)

FIXTURE_TEARDOWN(fail_nth)
{
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
 * Calls until nothing is left that could fail. @succeeded is done after each
 * call that did what it should, and has to undo it.
 */
#define test_each_failure(call, succeeded) do {				\
	struct state before = get_state(&self->gpu, self->timeline);	\
	int count = 0, failures = 0, err;				\
	bool injected;							\
									\
	do {								\
		arm(self->nth, ++count);				\
		err = (call);						\
		injected = disarm(self->nth);				\
		failures += !!err;					\
		ASSERT_TRUE(!err || injected)				\
			TH_LOG("%d at %d, of itself", err, count);	\
		if (err) {						\
			ASSERT_TRUE(err == -ENOMEM || err == self->other) \
				TH_LOG("%d at %d", err, count);		\
			ASSERT_TRUE(same_state(&self->gpu, self->timeline, &before, \
					       self->slack))		\
				TH_LOG("%d at %d changed something", err, count); \
		} else {						\
			succeeded;					\
			free(before.mappings);				\
			before = get_state(&self->gpu, self->timeline);	\
		}							\
	} while (injected);						\
	free(before.mappings);						\
	TH_LOG("%d points, %d failures", count - 1, failures);		\
	self->failures = failures;					\
	ASSERT_LT(1, count);						\
} while (0)

TEST_F(fail_nth, vm_create)
{
	__u32 vm;

	test_each_failure(_vm_create(self->gpu.fd, I915_VM_CREATE_FLAGS_USE_VM_BIND,
				     NULL, &vm),
			  test_vm_destroy(vm));
}

TEST_F(fail_nth, private_create)
{
	const struct drm_i915_gem_create_ext_vm_private ext = {
		.base.name = I915_GEM_CREATE_EXT_VM_PRIVATE, .vm_id = self->gpu.vm,
	};
	__u32 handle;

	self->other = -ENOSPC; /* for another handle */
	test_each_failure(_gem_create_ext(self->gpu.fd, PAGE_SIZE, &ext, &handle),
			  test_gem_close(handle));
}

#define bound_and_unbind() do {						\
	test_mapped(self->addr, &self->bo, 0);				\
	test_vm_unbind();						\
} while (0)

/*
 * The pages of the object and the page tables: what could not be had once is had
 * at the second try. Only the arguments and the mapping itself are not.
 */
TEST_F(fail_nth, vm_bind)
{
	test_inject_usercopy();
	test_each_failure(__vm_bind(), bound_and_unbind());
	ASSERT_GE(3, self->failures);
}

TEST_F(fail_nth, vm_bind_private)
{
	struct bo bo;

	test_bo_create_private(4 * PAGE_SIZE, &bo);
	self->bo = bo;
	test_inject_usercopy();
	test_each_failure(__vm_bind(), bound_and_unbind());
	ASSERT_GE(3, self->failures);
}

TEST_F(fail_nth, vm_bind_marked)
{
	test_inject_usercopy();
	test_each_failure(__vm_bind(.flags = I915_GEM_VM_BIND_CAPTURE),
			  bound_and_unbind());
}

TEST_F(fail_nth, vm_bind_with_fence)
{
	test_inject_usercopy();
	test_each_failure(__vm_bind(.fence = NEXT_POINT), {
		self->point++;
		test_syncobj_wait(self->timeline, self->point);
		bound_and_unbind();
	});
}

TEST_F(fail_nth, vm_bind_userptr)
{
	void *memory = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, memory);
	self->bo.map = memory;
	self->bo.size = PAGE_SIZE;
	ASSERT_EQ(0, _gem_userptr(self->gpu.fd, memory, PAGE_SIZE, &self->bo.handle));
	test_inject_usercopy();
	test_each_failure(__vm_bind(), bound_and_unbind());
}

/* Without a fence it does not fail for want of memory: it needs none. */
TEST_F(fail_nth, vm_unbind)
{
	bool injected;
	int count = 0;

	do {
		int err;

		test_vm_bind();
		arm(self->nth, ++count);
		err = __vm_unbind();
		injected = disarm(self->nth);
		ASSERT_EQ(0, err);
		test_err_execbuffer3(EINVAL, .batch_address = self->addr);
	} while (injected);
	TH_LOG("%d points, 0 failures", count - 1);
	ASSERT_EQ(1, count);
}

TEST_F(fail_nth, vm_unbind_with_fence)
{
	test_vm_bind();
	test_inject_usercopy();
	test_each_failure(__vm_unbind(.fence = NEXT_POINT), {
		self->point++;
		test_syncobj_wait(self->timeline, self->point);
		test_err_execbuffer3(EINVAL, .batch_address = self->addr);
		test_vm_bind();
	});
	test_mapped(self->addr, &self->bo, 0);
}

TEST_F(fail_nth, execbuffer3)
{
	const __u32 word = value_at(self->addr);

	test_vm_bind();
	emit_end(emit_store(self->gpu.batch.map, self->addr, word));
	test_inject_usercopy();
	test_each_failure(({
		const struct drm_i915_gem_timeline_fence fences[] = {
			{ self->timeline, self->point ? I915_TIMELINE_FENCE_WAIT : 0,
			  self->point },
			NEXT_POINT,
		};

		self->bo.map[0] = 0;
		__execbuffer3(.fence_count = 2, .timeline_fences = to_user(fences));
	}), {
		self->point++;
		test_syncobj_wait(self->timeline, self->point);
		test_cpu_read(&self->bo, 0, word);
	});
}

/*
 * What was evicted is bound again, or the batch does not run. Pages and page
 * tables that could not be had once are had at the second try: no more fails
 * than where nothing is bound.
 */
#define test_rebinds() do {						\
	const __u32 word = value_at(self->addr);			\
									\
	self->slack = 128; /* what was bound again by then stays so, too */ \
	test_vm_bind();							\
	emit_end(emit_store(self->gpu.batch.map, self->addr, word));	\
	test_drop_caches();						\
	test_inject_usercopy();						\
	test_each_failure(({						\
		const struct drm_i915_gem_timeline_fence out = NEXT_POINT; \
									\
		__execbuffer3(.fence_count = 1, .timeline_fences = to_user(&out)); \
	}), {								\
		self->point++;						\
		test_syncobj_wait(self->timeline, self->point);		\
		test_cpu_read(&self->bo, 0, word);			\
		test_drop_caches();					\
	});								\
	ASSERT_GE(6, self->failures);					\
} while (0)

TEST_F(fail_nth, execbuffer3_rebinds)
{
	test_rebinds();
}

TEST_F(fail_nth, execbuffer3_rebinds_private)
{
	struct bo bo;

	test_bo_create_private(4 * PAGE_SIZE, &bo);
	self->bo = bo;
	test_rebinds();
}

int main(int argc, char **argv)
{
	skip_without_vm_bind();
	return test_harness_run(argc, argv);
}
