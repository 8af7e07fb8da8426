// SPDX-License-Identifier: MIT
/*
 * Threads that bind, unbind, execute, evict, invalidate, share, close and hang at
 * the same time, each by itself and all together, for STRESS_SECONDS each (2). A
 * thread that has not had enough turns by then goes on, and the others leave it alone.
 * Each has addresses of its own in one address space, and checks what the GPU wrote
 * there; what they do to one another is in i915_vm_bind_contention.h.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "i915_vm_bind_contention.h"
#include "i915_vm_bind_utils.h"
#include "i915_vm_bind_worker.h"

static atomic_bool stop;	/* once there were enough turns */

/* Those that are disturbed. */
static struct worker *workers;
static unsigned int num_workers;

static int unbind(struct worker *w, __u64 length, __u32 syncobj)
{
	const struct drm_i915_gem_vm_unbind args = {
		.vm_id = w->gpu.vm, .start = w->addr, .length = length,
		.fence = { .handle = syncobj,
			   .flags = syncobj ? I915_TIMELINE_FENCE_SIGNAL : 0 },
	};

	return _vm_unbind(w->gpu.fd, &args);
}

static int bind(struct worker *w, const struct bo *bo, __u32 syncobj)
{
	const struct drm_i915_gem_vm_bind args = {
		.vm_id = w->gpu.vm, .handle = bo->handle, .start = w->addr,
		.length = bo->size,
		.fence = { .handle = syncobj,
			   .flags = syncobj ? I915_TIMELINE_FENCE_SIGNAL : 0 },
	};

	return _vm_bind(w->gpu.fd, &args);
}

static int turn_bind(struct worker *w)
{
	return bind(w, &w->bo, 0) ?: check(w, &w->bo, some_offset(w)) ?:
	       unbind(w, SIZE, 0);
}

/* Without a pause, so that others look at what changes, and workers are busy. */
static int rebind(struct worker *w, const struct bo *bo, __u32 syncobj)
{
	int err = 0;

	for (int i = 0; !err && i < 16; i++)
		err = unbind(w, SIZE, syncobj) ?: bind(w, bo, syncobj);
	return err;
}

static int turn_bind_with_fences(struct worker *w)
{
	__u32 fence;
	int err = _syncobj_create(w->gpu.fd, &fence);

	if (err)
		return err;
	err = bind(w, &w->bo, fence) ?: check(w, &w->bo, some_offset(w)) ?:
	      rebind(w, &w->bo, fence) ?: check(w, &w->bo, some_offset(w)) ?:
	      unbind(w, SIZE, fence) ?:
	      _syncobj_wait(w->gpu.fd, fence, 0, WAIT_SECONDS);
	_syncobj_destroy(w->gpu.fd, fence);
	return err;
}

/* Stays bound, however often it is evicted. */
static int turn_execute(struct worker *w)
{
	int err = w->turns ? 0 : bind(w, &w->bo, 0);

	return err ?: check(w, &w->bo, some_offset(w));
}

static int turn_private(struct worker *w)
{
	const __u64 offset = some_offset(w);
	const __u32 value = value_at(w->addr + offset + w->turns);
	struct bo bo;
	int err = bo_create_private(w->gpu.fd, w->gpu.vm, SIZE, &bo);

	if (err)
		return err;
	bo.map[offset / 4] = ~value;
	return bind(w, &bo, 0) ?: bo_let_go(w->gpu.fd, &bo) ?:
	       check_unseen(w, offset, value) ?: unbind(w, SIZE, 0);
}

/*
 * Each submission binds again what was evicted of all: until half of the others have
 * had a turn, so that more than that is done, wherever it takes long.
 */
static void wait_for_turns(void)
{
	unsigned int before[num_workers], turned = 0;

	for (unsigned int i = 0; i < num_workers; i++)
		before[i] = __atomic_load_n(&workers[i].turns, __ATOMIC_RELAXED);
	for (int usec = 0; usec < 2000000 && 2 * turned < num_workers; usec += 500) {
		usleep(500);
		turned = 0;
		for (unsigned int i = 0; i < num_workers; i++)
			turned += __atomic_load_n(&workers[i].turns,
						  __ATOMIC_RELAXED) != before[i];
	}
}

static int turn_evict(struct worker *w)
{
	wait_for_turns();
	return drop_caches(w->gpu.fd);
}

/* As when memory runs short: all shrinkers are asked. */
static int turn_shrink(struct worker *w)
{
	wait_for_turns();
	return write_file("/proc/sys/vm/drop_caches", "2");
}

/* The same object again and again, at pages that come and go. */
static int turn_userptr(struct worker *w)
{
	struct bo bo = { .size = SIZE };
	int err;

	bo.map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (bo.map == MAP_FAILED)
		return -errno;
	err = _gem_userptr(w->gpu.fd, bo.map, SIZE, &bo.handle) ?:
	      bind(w, &bo, 0) ?: check(w, &bo, some_offset(w));
	madvise(bo.map, SIZE, MADV_DONTNEED);
	err = err ?: check(w, &bo, some_offset(w)) ?: rebind(w, &bo, 0) ?:
	      check(w, &bo, some_offset(w)) ?: unbind(w, SIZE, 0);
	_gem_close(w->gpu.fd, bo.handle);
	munmap(bo.map, SIZE);
	return err;
}

/* All that a client has, made and thrown away in another order each time. */
static int turn_client(struct worker *w)
{
	struct worker other = { .addr = OBJECT_ADDRESS, .turns = w->turns };
	int err = gpu_open(&other.gpu, I915_ENGINE_CLASS_RENDER, 0) ?:
		  bo_create(other.gpu.fd, SIZE, &other.bo) ?:
		  bind(&other, &other.bo, 0) ?:
		  gpu_store(&other.gpu, OBJECT_ADDRESS, ~w->turns);

	if (!err && other.bo.map[0] != ~w->turns)
		err = -EBADMSG;
	for (int i = 0; !err && i < 3; i++) {
		switch ((w->turns + i * (1 + w->turns % 2)) % 3) {
		case 0:
			err = _gem_close(other.gpu.fd, other.bo.handle);
			break;
		case 1:
			err = _vm_destroy(other.gpu.fd, other.gpu.vm);
			break;
		case 2:
			err = execute(other.gpu.fd, other.gpu.ctx, BATCH_ADDRESS,
				      other.gpu.timeline, 1000) ?:
			      _context_destroy(other.gpu.fd, other.gpu.ctx);
			break;
		}
	}
	munmap(other.bo.map, SIZE);
	munmap(other.gpu.batch.map, PAGE_SIZE);
	close(other.gpu.fd);
	return err;
}

/* One object in two clients' address spaces. */
static int turn_share(struct worker *w)
{
	struct worker other = { .addr = OBJECT_ADDRESS, .gpu.fd = -1 };
	struct bo bo = { .size = SIZE };
	int dmabuf = -1;
	int err = _prime_export(w->gpu.fd, w->bo.handle, &dmabuf) ?:
		  gpu_open(&other.gpu, I915_ENGINE_CLASS_COPY, 0) ?:
		  _prime_import(other.gpu.fd, dmabuf, &bo.handle) ?:
		  bind(&other, &bo, 0) ?: bind(w, &w->bo, 0) ?:
		  gpu_store(&other.gpu, OBJECT_ADDRESS, ~w->turns) ?:
		  check(w, &w->bo, 8) ?: unbind(w, SIZE, 0);

	if (!err && w->bo.map[0] != ~w->turns)
		err = -EBADMSG;
	munmap(other.gpu.batch.map, PAGE_SIZE);
	close(dmabuf);
	close(other.gpu.fd);
	return err;
}

/* A batch that says that it runs, and never ends: its client goes, and it with it. */
static int submit_hang(struct worker *w)
{
	const __u64 runs = SIZE - 8;
	__u32 *cs = emit_store(w->bo.map, w->addr + runs, 1);
	int err;

	emit_hang(cs, w->addr + 4 * (cs - w->bo.map));
	err = execute(w->gpu.fd, w->gpu.ctx, w->addr, w->gpu.timeline, 1);
	for (int ms = 0; !err && !__atomic_load_n(&w->bo.map[runs / 4], __ATOMIC_SEQ_CST); ms++) {
		if (ms == WAIT_SECONDS * 1000)
			return -ETIME;
		usleep(1000);
	}
	return err;
}

/*
 * On an engine that only those who do this use, with a batch of their own after it.
 * It is given up after 640 ms, rcs0 after 7.5 s.
 */
static int turn_hang(struct worker *w)
{
	struct worker other = { .addr = OBJECT_ADDRESS };
	int err = gpu_open(&other.gpu, I915_ENGINE_CLASS_VIDEO_ENHANCE, 0) ?:
		  bo_create(other.gpu.fd, SIZE, &other.bo) ?:
		  bind(&other, &other.bo, 0) ?: submit_hang(&other);

	munmap(other.bo.map, SIZE);
	munmap(other.gpu.batch.map, PAGE_SIZE);
	close(other.gpu.fd);
	usleep(500000); /* an emulator's CPU was busy with it */
	return err ?: bind(w, &w->bo, 0) ?: check(w, &w->bo, some_offset(w)) ?:
	       unbind(w, SIZE, 0);
}

/* Not single engines, even where that would be enough. */
static int reset_whole_gpu(const struct worker *w)
{
	char path[PATH_SIZE], wedged[PATH_SIZE];
	int err = change_setting(debugfs_path(w->gpu.fd, "i915_params/reset", path), "1") ?:
		  write_file(debugfs_path(w->gpu.fd, "i915_wedged", wedged), "1");

	return restore_settings() ?: err;
}

/* Of the whole GPU. What was bound is still there, and clients go on, or begin. */
static int turn_reset(struct worker *w)
{
	struct worker other = { .addr = OBJECT_ADDRESS };
	int err = gpu_open(&other.gpu, I915_ENGINE_CLASS_RENDER, 0) ?:
		  bo_create(other.gpu.fd, SIZE, &other.bo) ?:
		  bind(&other, &other.bo, 0) ?: submit_hang(&other) ?:
		  reset_whole_gpu(w);

	munmap(other.bo.map, SIZE);
	munmap(other.gpu.batch.map, PAGE_SIZE);
	close(other.gpu.fd);
	return err ?: turn_execute(w) ?: turn_client(w);
}

/*
 * The least: for most some turns after others have begun; for those whose turns differ all of
 * the ways, twice where one turn needs what an earlier one did.
 */
static const struct worker stressors[] = {
	{ "bind", turn_bind, 8 },
	{ "bind_with_fences", turn_bind_with_fences, 8 },
	{ "execute", turn_execute, 8 },
	{ "private", turn_private, 8 },
	{ "userptr", turn_userptr, 8 },
	{ "client", turn_client, 6 },
	{ "share", turn_share, 6 },
	{ "hang", turn_hang, 2, .class = I915_ENGINE_CLASS_VIDEO_ENHANCE },
	{ "one_range", turn_one_range, 8 },
	{ "one_memory", turn_one_memory, 8 },
	{ "one_client", turn_one_client, 22 },
	{ "reset", turn_reset, 2 },
};

static const struct worker evictors[] = {
	{ "evict", turn_evict, 4 },
	{ "shrink", turn_shrink, 4 },
};

#define COPIES	2	/* threads a stressor, at most */

FIXTURE(stress)
{
	struct gpu gpu;
	struct worker workers[COPIES * ARRAY_SIZE(stressors) + ARRAY_SIZE(evictors)];
	unsigned int count;
};

FIXTURE_SETUP(stress)
{
	if (!is_root())
		SKIP(return, NEEDS_ROOT);
	test_gpu_open();
	ASSERT_EQ(0, contention_prepare(&self->gpu));
}

FIXTURE_TEARDOWN(stress)
{
	close(self->gpu.fd);
}

static int worker_prepare(struct worker *w, const struct gpu *gpu, unsigned int n)
{
	struct drm_i915_gem_vm_bind batch = { .vm_id = gpu->vm, .length = PAGE_SIZE };
	int err;

	w->gpu = *gpu;
	w->addr = (n + 2) * WINDOW;
	if (!w->class) /* that of the render engine */
		w->class = n % 2 ? I915_ENGINE_CLASS_COPY : I915_ENGINE_CLASS_RENDER;
	err = context_on_vm(gpu->fd, gpu->vm, w->class, 0, &w->gpu.ctx) ?:
	      bo_create(gpu->fd, SIZE, &w->bo) ?:
	      bo_create(gpu->fd, PAGE_SIZE, &w->gpu.batch) ?:
	      _syncobj_create(gpu->fd, &w->gpu.timeline);
	batch.handle = w->gpu.batch.handle;
	batch.start = batch_of(w);
	return err ?: _vm_bind(gpu->fd, &batch);
}

/* Of those that get in each other's way not every turn does what it is for. */
static bool has_enough(const struct worker *w)
{
	return w->turns >= w->least && (w->hits || strncmp(w->name, "one_", 4));
}

static void *worker_run(void *arg)
{
	struct worker *w = arg;

	do {
		w->err = w->turn(w);
		__atomic_add_fetch(&w->turns, 1, __ATOMIC_RELAXED);
	} while (!w->err && (!has_enough(w) || !atomic_load(&stop)));
	return NULL;
}

#define add_worker(stressor) do {					\
	struct worker *__w = &self->workers[self->count];		\
									\
	*__w = *(stressor);						\
	ASSERT_EQ(0, worker_prepare(__w, &self->gpu, self->count));	\
	self->count++;							\
} while (0)

#define test_workers() do {						\
	const char *seconds = getenv("STRESS_SECONDS");			\
									\
	for (unsigned int i = 0; i < self->count; i++)			\
		ASSERT_EQ(0, pthread_create(&self->workers[i].thread, NULL, \
					    worker_run, &self->workers[i])); \
	sleep(seconds ? atoi(seconds) : 2);				\
	atomic_store(&stop, true);					\
	for (unsigned int i = 0; i < self->count; i++)			\
		ASSERT_EQ(0, pthread_join(self->workers[i].thread, NULL)); \
	for (unsigned int i = 0; i < self->count; i++) {		\
		const struct worker *__w = &self->workers[i];		\
									\
		TH_LOG("%s: %u turns", __w->name, __w->turns);		\
		EXPECT_EQ(0, __w->err);					\
		EXPECT_TRUE(has_enough(__w));				\
	}								\
} while (0)

FIXTURE_VARIANT(stress)
{
	unsigned int first, count;	/* of the stressors */
	unsigned int copies;
	bool evict;			/* by the evictors, beside them */
};

FIXTURE_VARIANT_ADD(stress, bind) { 0, 1, COPIES, true };
FIXTURE_VARIANT_ADD(stress, bind_with_fences) { 1, 1, COPIES, true };
FIXTURE_VARIANT_ADD(stress, execute) { 2, 1, COPIES, true };
FIXTURE_VARIANT_ADD(stress, private) { 3, 1, COPIES, true };
FIXTURE_VARIANT_ADD(stress, userptr) { 4, 1, COPIES, true };
FIXTURE_VARIANT_ADD(stress, client) { 5, 1, COPIES, true };
FIXTURE_VARIANT_ADD(stress, share) { 6, 1, COPIES, true };
FIXTURE_VARIANT_ADD(stress, hang) { 7, 1, COPIES, true };
FIXTURE_VARIANT_ADD(stress, one_range) { 8, 1, COPIES, true };
FIXTURE_VARIANT_ADD(stress, one_memory) { 9, 1, COPIES, true };
FIXTURE_VARIANT_ADD(stress, one_client) { 10, 1, COPIES, true };
FIXTURE_VARIANT_ADD(stress, reset) { 11, 1, 1, true };
/* What one client does, as fast as it goes: nothing is evicted. */
FIXTURE_VARIANT_ADD(stress, undisturbed) { 0, 5, 1, false };
/* But for the last, which loses batches of others. */
FIXTURE_VARIANT_ADD(stress, all) { 0, ARRAY_SIZE(stressors) - 1, COPIES, true };

/* A day, as STRESS_SECONDS may be long. What gets stuck says so much earlier. */
#define TIMEOUT	86400

TEST_F_TIMEOUT(stress, run, TIMEOUT)
{
	for (unsigned int i = 0; i < variant->count * variant->copies; i++)
		add_worker(&stressors[variant->first + i % variant->count]);
	workers = self->workers;
	num_workers = self->count;
	for (unsigned int i = 0; variant->evict && i < ARRAY_SIZE(evictors); i++)
		add_worker(&evictors[i]);
	test_workers();
}

int main(int argc, char **argv)
{
	skip_without_vm_bind();
	return test_harness_run(argc, argv);
}
