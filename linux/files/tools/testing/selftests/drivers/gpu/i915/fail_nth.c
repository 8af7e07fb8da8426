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
	bool shmem;		/* which says -ENOSPC where it gets no inode */
	int kmsg;		/* which tells where a failure was injected */
	int least;		/* sites in the kernel where a failure has to fail the call */
	int failures;		/* of the call, when each point has failed once */
	bool frees;		/* so that it may have no such point */
	long slack;		/* KiB that a failure may leave allocated */
};

/* On a slow machine a sweep takes some seconds, and there may be several. */
#define TEST_FAIL(name)	TEST_F_TIMEOUT(fail_nth, name, 200)

/* Whether copies fail, too, or only those of a caller that is at 1: none. */
static int inject_usercopy(bool on)
{
	return change_setting("/sys/kernel/debug/fail_usercopy/require-start",
			      on ? "0" : "1") ?:
	       change_setting("/sys/kernel/debug/fail_usercopy/require-end",
			      on ? "0xffffffffffffffff" : "2");
}

/* What is logged of each failure, with no limit: 2 is the stack. */
static int set_verbose(const char *level)
{
	static const char *const kinds[] = {
		"failslab", "fail_page_alloc", "fail_usercopy",
	};
	char path[PATH_SIZE];
	int err = 0;

	for (int i = 0; i < ARRAY_SIZE(kinds); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s/verbose", kinds[i]);
		err = err ?: change_setting(path, level);
		snprintf(path, sizeof(path),
			 "/sys/kernel/debug/%s/verbose_ratelimit_interval_ms", kinds[i]);
		err = err ?: change_setting(path, "0");
	}
	return err;
}

static int setup_injection(void)
{
	if (set_verbose("2"))
		return -ENOENT;
	/* Stacks without a report are for the log, and not for the console. */
	if (change_setting("/proc/sys/kernel/printk", "7 7"))
		return -ENOENT;
	/*
	 * Not what the calls of the driver that is there already copy: the DRM
	 * core copies their arguments back when all is done.
	 */
	if (inject_usercopy(false))
		return -ENOENT;
	/* Those that may sleep fail as well. */
	if (change_setting("/sys/kernel/debug/failslab/ignore-gfp-wait", "N") ||
	    change_setting("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N") ||
	    change_setting("/sys/kernel/debug/fail_page_alloc/min-order", "0"))
		return -ENOENT;
	return open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
}

FIXTURE_SETUP(fail_nth)
{
	test_gpu_open();
	test_bo_create(4 * PAGE_SIZE, &self->bo);
	self->addr = OBJECT_ADDRESS;
	test_bo_create(PAGE_SIZE, &self->empty);
	emit_end(self->empty.map);
	ASSERT_EQ(0, bo_bind(self->gpu.fd, self->gpu.vm, &self->empty, EMPTY_ADDRESS));
	test_syncobj_create(&self->timeline);
	/* At last: a setup that fails has no teardown. */
	self->nth = setup_injection();
	self->kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (self->nth < 0 || self->kmsg < 0) {
		restore_settings();
		SKIP(return, "no fault injection, or no log");
	}
}

/* The new calls copy nothing back. */
#define test_inject_usercopy() do {					\
	ASSERT_EQ(0, inject_usercopy(true));				\
	self->other = -EFAULT;						\
} while (0)

FIXTURE_TEARDOWN(fail_nth)
{
	EXPECT_EQ(0, restore_settings());
	close(self->kmsg);
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

/* Sites of a call where a failure failed it: two functions, callee first, with offsets. */
#define MAX_SITES	128

static struct site {
	char name[128];
} sites[MAX_SITES];
static int num_sites;

/* A function that is looked for, in a line of a stack. */
static bool is_caller(const char *name)
{
	static const char *const others[] = {
		"?", "<", "dump_stack", "should_fail", "__kmalloc", "__kvmalloc",
		"kmem_cache_alloc", "___slab_alloc", "__slab_alloc", "allocate_slab",
		"new_slab", "alloc_pages", "__alloc_pages", "_copy_from_user",
	};

	for (int i = 0; i < ARRAY_SIZE(others); i++)
		if (!strncmp(name, others[i], strlen(others[i])))
			return false;
	return true;
}

/* The site of what the log tells of next. Nothing is told if the kernel was asked not to. */
static struct site read_site(int kmsg)
{
	struct site site = { "silent" };
	char record[1024], name[60];
	bool in_stack = false;
	ssize_t got;

	for (int found = 0; found < 2;) {
		got = read(kmsg, record, sizeof(record) - 1);
		if (got < 0 && errno != EPIPE)	/* EPIPE: some were overwritten */
			break;
		record[got < 0 ? 0 : got] = 0;
		in_stack |= !!strstr(record, ";Call Trace:");
		if (!in_stack || sscanf(record, "%*[^;]; %59[^/ ]", name) != 1 ||
		    !strchr(name, '+') || !is_caller(name))
			continue;
		if (!found++)
			site.name[0] = 0;
		strcat(site.name, " ");
		strcat(site.name, name);
	}
	return site;
}

static void add_site(int kmsg)
{
	const struct site site = read_site(kmsg);

	for (int i = 0; i < num_sites; i++)
		if (!strcmp(site.name, sites[i].name))
			return;
	if (num_sites < MAX_SITES)
		sites[num_sites++] = site;
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
#define test_each_once(prepare, call, succeeded, failed) do {		\
	int count = 0, err;						\
	bool injected;							\
									\
	self->failures = 0;						\
	do {								\
		struct state before;					\
									\
		prepare;						\
		before = get_state(&self->gpu, self->timeline);		\
		ASSERT_NE(NULL, before.mappings);			\
		ASSERT_LT(0, before.memory);				\
		lseek(self->kmsg, 0, SEEK_END);				\
		arm(self->nth, ++count);				\
		err = (call);						\
		injected = disarm(self->nth);				\
		self->failures += !!err;				\
		ASSERT_TRUE(!err || injected)				\
			TH_LOG("%d at %d, of itself", err, count);	\
		if (err) {						\
			add_site(self->kmsg);				\
			ASSERT_TRUE(err == -ENOMEM || err == self->other || \
				    (self->shmem && err == -ENOSPC))	\
				TH_LOG("%d at %d", err, count);		\
			test_same_state(&before);			\
			failed;						\
		} else {						\
			succeeded;					\
		}							\
		free(before.mappings);					\
	} while (injected);						\
	TH_LOG("%d points, %d failures, %d sites", count - 1, self->failures, \
	       num_sites);						\
	ASSERT_TRUE(count > 1 || self->frees);				\
} while (0)

/*
 * The points are counted: one is missed where an earlier one was there in the call before,
 * and is not in this, as when a slab is refilled, or when a batch has ended by now. So all
 * over again, until the sites are there that a call cannot do without.
 */
#define SWEEPS	16

#define test_each_failure(prepare, call, succeeded, failed) do {	\
	int sweeps = 0;							\
									\
	num_sites = 0;							\
	do {								\
		test_each_once(prepare, call, succeeded, failed);	\
	} while (num_sites < self->least && ++sweeps < SWEEPS);		\
	ASSERT_LE(self->least, num_sites)				\
		test_log_sites();					\
} while (0)

#define test_log_sites() do {						\
	for (int i = 0; i < num_sites; i++)				\
		TH_LOG("%s", sites[i].name);				\
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

TEST_FAIL(vm_create)
{
	__u32 vm = 0;

	self->least = 5;
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

TEST_FAIL(vm_destroy)
{
	test_ends(_vm_destroy(self->gpu.fd, other.vm),
		  _context_destroy(self->gpu.fd, other.ctx));
}

TEST_FAIL(context_destroy)
{
	test_ends(_context_destroy(self->gpu.fd, other.ctx),
		  _vm_destroy(self->gpu.fd, other.vm));
}

TEST_FAIL(file_close)
{
	struct gpu other = { };
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
TEST_FAIL(file_close_busy)
{
	struct spin spin;
	struct gpu other;

	if (!may_disrupt())
		SKIP(return, DISRUPTS);
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

TEST_FAIL(private_create)
{
	const struct drm_i915_gem_create_ext_vm_private ext = {
		.base.name = I915_GEM_CREATE_EXT_VM_PRIVATE, .vm_id = self->gpu.vm,
	};
	__u32 handle;

	self->least = 5;
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

TEST_FAIL(userptr_create)
{
	__u32 handle;

	self->least = 2;
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
	self->least = 2;						\
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

TEST_FAIL(vm_bind)
{
	test_bind();
	test_not_pinned();
}

TEST_FAIL(vm_bind_marked)
{
	test_bind(.flags = I915_GEM_VM_BIND_CAPTURE);
	test_not_pinned();
}

TEST_FAIL(vm_bind_private)
{
	test_bo_create_private(4 * PAGE_SIZE, &self->bo);
	test_bind();
	test_not_pinned();
}

TEST_FAIL(vm_bind_userptr)
{
	ASSERT_EQ(0, userptr_create(self->gpu.fd, &self->bo));
	test_bind();
}

TEST_FAIL(vm_bind_imported)
{
	const int dmabuf = udmabuf_create(self->bo.size, &self->bo.map);

	if (dmabuf == -ENOENT)
		SKIP(return, "no udmabuf");
	ASSERT_LE(0, dmabuf);
	self->other = -ENOSPC; /* for another handle */
	self->least = 4;
	test_each_failure({}, _prime_import(self->gpu.fd, dmabuf, &self->bo.handle),
			  test_gem_close(self->bo.handle), {});
	ASSERT_EQ(0, _prime_import(self->gpu.fd, dmabuf, &self->bo.handle));
	test_bind();
	close(dmabuf);
}

/* Where no page table is there, nor one that is kept for the next. */
TEST_FAIL(vm_bind_in_new_vm)
{
	const __u32 vm = self->gpu.vm;
	__u32 fresh;

	self->least = 2; /* the arguments, the mapping */
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

TEST_FAIL(vm_bind_with_fence)
{
	self->least = 3; /* the arguments, the mapping, the point */
	test_inject_usercopy();
	not_bound();
	test_each_failure({}, __vm_bind(.fence = NEXT_POINT), {
		self->point++;
		test_syncobj_wait(self->timeline, self->point);
		bound_and_unbind();
	}, not_bound());
}

/* Without a fence it does not fail for want of memory: it needs none. */
TEST_FAIL(vm_unbind)
{
	self->least = 1; /* the arguments */
	test_inject_usercopy();
	test_vm_bind();
	test_mapped(self->addr, &self->bo, 0);
	test_each_failure({}, __vm_unbind(), {
		not_bound();
		test_vm_bind();
	}, test_mapped(self->addr, &self->bo, 0));
	ASSERT_EQ(1, self->failures);
}

TEST_FAIL(vm_unbind_with_fence)
{
	self->least = 2; /* the arguments, the point */
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

/* The arguments, the array, what is in it, the point; the array has two fences. */
#define EXECUTE_SITES	4
#define EXECUTE_MOST	6

/* @ready: what is done before each call; @sites: where it has to fail. */
#define test_execute(sites, ready) do {					\
	self->least = (sites);						\
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

TEST_FAIL(execbuffer3)
{
	test_vm_bind();
	test_execute(EXECUTE_SITES, {});
}

/*
 * What was evicted is bound again, or the batch does not run. Pages and page
 * tables that could not be had once are had at the second try: no more fails
 * than where nothing is bound.
 */
#define test_rebinds() do {						\
	self->slack = 128; /* what was bound again by then stays so, too */ \
	test_vm_bind();							\
	test_execute(EXECUTE_SITES, test_drop_caches());		\
	ASSERT_GE(EXECUTE_MOST, self->failures);			\
} while (0)

TEST_FAIL(execbuffer3_rebinds)
{
	test_rebinds();
}

TEST_FAIL(execbuffer3_rebinds_private)
{
	test_bo_create_private(4 * PAGE_SIZE, &self->bo);
	test_rebinds();
}

/* Memory of the process that is not the one which was pinned. */
TEST_FAIL(execbuffer3_pins)
{
	ASSERT_EQ(0, userptr_create(self->gpu.fd, &self->bo));
	test_vm_bind();
	test_execute(EXECUTE_SITES, {
		ASSERT_EQ(self->bo.map, mmap(self->bo.map, self->bo.size,
					     PROT_READ | PROT_WRITE, MAP_PRIVATE |
					     MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	});
}

/* Behind a bind that may not be done yet. */
TEST_FAIL(execbuffer3_follows_bind)
{
	const __u64 other = self->addr + self->bo.size;
	struct drm_i915_gem_timeline_fence done = {
		.flags = I915_TIMELINE_FENCE_SIGNAL,
	};

	test_syncobj_create(&done.handle);
	test_vm_bind();
	test_execute(EXECUTE_SITES, {
		for (int i = 0; i < 8; i++) {
			test_vm_bind(.start = other, .fence = done);
			test_vm_unbind(.start = other, .fence = done);
		}
	});
}

/* The driver makes a context when it is first used: objects, and what they lie in. */
TEST_FAIL(execbuffer3_new_context)
{
	self->shmem = true;
	test_vm_bind();
	test_execute(14, {
		test_context_destroy(self->gpu.ctx);
		test_context_on_vm(self->gpu.vm, I915_ENGINE_CLASS_RENDER, 0,
				   &self->gpu.ctx);
	});
}

/* @ready: what is done before each call to the context @ctx of two engines. */
#define test_execute_parallel(sites, ready) do {			\
	const __u64 batches[WIDTH] = { BATCH_ADDRESS, SPIN_ADDRESS };	\
	struct bo second;						\
									\
	test_bo_create(PAGE_SIZE, &second);				\
	emit_end(emit_store(second.map, self->addr + 4, 1));		\
	test_vm_bind(.handle = second.handle, .start = SPIN_ADDRESS,	\
		     .length = PAGE_SIZE);				\
	test_vm_bind();							\
	self->least = (sites);						\
	test_inject_usercopy();						\
	test_mapped(self->addr, &self->bo, 0);				\
	test_each_failure({						\
		ready;							\
		write_batch();						\
	}, ({								\
		const struct drm_i915_gem_timeline_fence out = NEXT_POINT;	\
									\
		self->bo.map[1] = 0;					\
		__execbuffer3(.ctx_id = ctx, .batch_address = to_user(batches), \
			      .fence_count = 1, .timeline_fences = to_user(&out)); \
	}), {								\
		executed();						\
		test_cpu_read(&self->bo, 4, 1);				\
	}, {								\
		usleep(10000); /* another context's comes when it likes */ \
		not_executed();						\
		test_cpu_read(&self->bo, 4, 0);				\
	});								\
} while (0)

/*
 * The arguments, the fences' array, the fence in it, the point, the addresses; and to signal
 * the fence for both batches, an array, and what has it. What the context allocates once is
 * for execbuffer3_new_parallel.
 */
TEST_FAIL(execbuffer3_parallel)
{
	__u32 ctx;
	int err = context_parallel(self->gpu.fd, self->gpu.vm, &ctx);

	if (err == -EINVAL || err == -ENODEV)
		SKIP(return, "no two video engines");
	ASSERT_EQ(0, err);
	test_execute_parallel(7, {});
}

TEST_FAIL(execbuffer3_new_parallel)
{
	__u32 ctx;
	int err = context_parallel(self->gpu.fd, self->gpu.vm, &ctx);

	self->shmem = true;
	if (err == -EINVAL || err == -ENODEV)
		SKIP(return, "no two video engines");
	ASSERT_EQ(0, err);
	test_execute_parallel(20, {
		test_context_destroy(ctx);
		ASSERT_EQ(0, context_parallel(self->gpu.fd, self->gpu.vm, &ctx));
	});
}

int main(int argc, char **argv)
{
	skip_without_vm_bind();
	return test_harness_run(argc, argv);
}
