// SPDX-License-Identifier: MIT
/*
 * EXECBUFFER3: which context, engine and address it takes, and that the GPU
 * runs what is there. Its fences are in fences.c.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

#include "i915_vm_bind_thread.h"
#include "i915_vm_bind_sync.h"
#include "i915_vm_bind_utils.h"

FIXTURE(execbuffer3)
{
	struct gpu gpu;
	struct bo bo;
	__u64 addr;
};

FIXTURE_SETUP(execbuffer3)
{
	test_gpu_open();
	test_bo_create(4 * PAGE_SIZE, &self->bo);
	self->addr = OBJECT_ADDRESS;
	test_vm_bind();
}

FIXTURE_TEARDOWN(execbuffer3)
{
	EXPECT_EQ(0, restore_settings());
	close(self->gpu.fd);
}

#define test_refused(err, ...) do {					\
	test_mapped(self->addr, &self->bo, 0);				\
	emit_end(emit_store(self->gpu.batch.map, self->addr, 0xbad));	\
	test_err_execbuffer3(err, __VA_ARGS__);				\
	test_cpu_read(&self->bo, 0, value_at(self->addr));		\
	test_mapped(self->addr, &self->bo, 0);				\
} while (0)

TEST_F(execbuffer3, must_be_zero)
{
	const struct i915_user_extension unknown = { .name = 0x1234 };

	for (int bit = 0; bit < 64; bit += 7)
		test_refused(EINVAL, .flags = 1ull << bit);
	for (int bit = 0; bit < 64; bit++) {
		test_err_execbuffer3(EINVAL, .flags = 1ull << bit);
		test_err_execbuffer3(EINVAL, .rsvd1 = 1u << bit % 32);
		test_err_execbuffer3(EINVAL, .rsvd2 = 1ull << bit);
	}
	test_refused(EINVAL, .rsvd1 = 1);
	test_refused(EINVAL, .rsvd2 = 1);
	test_refused(EINVAL, .extensions = to_user(&unknown));
}

TEST_F(execbuffer3, arguments_read_only)
{
	const struct drm_i915_gem_timeline_fence out = {
		.handle = self->gpu.timeline, .flags = I915_TIMELINE_FENCE_SIGNAL,
	};
	const struct drm_i915_gem_execbuffer3 args = {
		.ctx_id = self->gpu.ctx, .batch_address = BATCH_ADDRESS,
		.fence_count = 1, .timeline_fences = to_user(&out),
	};
	const __u32 word = value_at(self->addr);

	emit_end(emit_store(self->gpu.batch.map, self->addr, word));
	for (int rfc = 0; rfc < 2; rfc++) {
		self->bo.map[0] = 0;
		test_read_only(DRM_I915_GEM_EXECBUFFER3, args, rfc);
		test_syncobj_wait(self->gpu.timeline, 0);
		test_cpu_read(&self->bo, 0, word);
	}
}

TEST_F(execbuffer3, unknown_context)
{
	test_refused(ENOENT, .ctx_id = self->gpu.ctx + 1000);
	test_refused(ENOENT, .ctx_id = -1);
}

TEST_F(execbuffer3, classic_context)
{
	__u32 classic_vm, mapped, plain;

	test_vm_create(0, &classic_vm);
	test_context_on_vm(classic_vm, I915_ENGINE_CLASS_RENDER, 0, &mapped);
	test_context_create(NULL, &plain);
	test_refused(EOPNOTSUPP, .ctx_id = mapped);
	test_refused(EOPNOTSUPP, .ctx_id = plain);
	test_refused(EOPNOTSUPP, .ctx_id = 0); /* the file's default context */
}

TEST_F(execbuffer3, context_without_engine_map)
{
	struct drm_i915_gem_context_create_ext_setparam ext[] = {
		SETPARAM(I915_CONTEXT_PARAM_VM, self->gpu.vm),
		SETPARAM(I915_CONTEXT_PARAM_RECOVERABLE, 0),
		{ }
	};
	__u32 ctx;

	test_context_create(link_all(ext), &ctx);
	test_refused(EINVAL, .ctx_id = ctx);
	test_refused(EINVAL, .ctx_id = ctx, .engine_idx = 1);
}

TEST_F(execbuffer3, engine_index)
{
	I915_DEFINE_CONTEXT_PARAM_ENGINES(engines, 3) = {
		.engines = {
			{ I915_ENGINE_CLASS_RENDER, 0 },
			{ I915_ENGINE_CLASS_INVALID, I915_ENGINE_CLASS_INVALID_NONE },
			{ I915_ENGINE_CLASS_COPY, 0 },
		},
	};
	struct drm_i915_gem_context_create_ext_setparam ext[] = {
		SETPARAM(I915_CONTEXT_PARAM_VM, self->gpu.vm),
		SETPARAM(I915_CONTEXT_PARAM_RECOVERABLE, 0),
		SETPARAM(I915_CONTEXT_PARAM_ENGINES, to_user(&engines),
			 .size = sizeof(engines)),
		{ }
	};
	struct drm_i915_gem_timeline_fence out = {
		.flags = I915_TIMELINE_FENCE_SIGNAL,
	};
	__u32 ctx;

	test_context_create(link_all(ext), &ctx);
	test_syncobj_create(&out.handle);
	test_refused(EINVAL, .ctx_id = ctx, .engine_idx = 1);
	test_refused(EINVAL, .ctx_id = ctx, .engine_idx = 3);
	test_refused(EINVAL, .ctx_id = ctx, .engine_idx = 64);
	test_refused(EINVAL, .ctx_id = ctx, .engine_idx = -1);

	emit_end(emit_store(self->gpu.batch.map, self->addr, 0xb1));
	test_execbuffer3(.ctx_id = ctx, .engine_idx = 2, .fence_count = 1,
			 .timeline_fences = to_user(&out));
	test_syncobj_wait(out.handle, 0);
	test_cpu_read(&self->bo, 0, 0xb1);
}

TEST_F(execbuffer3, nothing_mapped_there)
{
	test_refused(EINVAL, .batch_address = 0);
	test_refused(EINVAL, .batch_address = BATCH_ADDRESS - 8);
	test_refused(EINVAL, .batch_address = BATCH_ADDRESS + PAGE_SIZE);
	test_refused(EINVAL, .batch_address = self->addr - PAGE_SIZE);
	test_refused(EINVAL, .batch_address = self->addr + self->bo.size);
	test_refused(EINVAL, .batch_address = self->gpu.end - 8);
	test_refused(EINVAL, .batch_address = -8);
}

TEST_F(execbuffer3, not_aligned)
{
	for (int byte = 1; byte < 8; byte++)
		test_refused(EINVAL, .batch_address = BATCH_ADDRESS + byte);
}

TEST_F(execbuffer3, not_canonical)
{
	for (int bit = 48; bit < 64; bit++)
		test_refused(EINVAL, .batch_address = BATCH_ADDRESS | 1ull << bit);
	test_refused(EINVAL, .batch_address = BATCH_ADDRESS | 0xffffull << 48);
}

TEST_F(execbuffer3, order_of_checks)
{
	struct drm_i915_gem_timeline_fence unknown = {
		.handle = 1000, .flags = I915_TIMELINE_FENCE_SIGNAL,
	};
	const __u64 fence = to_user(&unknown);

	test_refused(EINVAL, .ctx_id = -1, .flags = 1);
	test_refused(EINVAL, .ctx_id = 0, .rsvd2 = 1);
	test_refused(ENOENT, .ctx_id = -1, .batch_address = 0);
	test_refused(ENOENT, .fence_count = 1, .timeline_fences = fence,
		     .batch_address = 0);
	test_refused(ENOENT, .fence_count = 1, .timeline_fences = fence, .ctx_id = 0);
	test_refused(EOPNOTSUPP, .ctx_id = 0, .batch_address = 0);
}

/* The batch starts at the address, not where its mapping starts. */
TEST_F(execbuffer3, starts_at_the_address)
{
	const __u64 result = BATCH_ADDRESS + 0x800;
	__u32 *cs = self->bo.map;

	cs = emit_store(cs, result, 0x11);
	emit_end(cs);
	emit_end(emit_store(self->bo.map + 0x100 / 4, result, 0x22));
	emit_end(emit_store(self->bo.map + PAGE_SIZE / 4, result, 0x33));

	test_gpu_run(self->addr);
	test_cpu_read(&self->gpu.batch, 0x800, 0x11);
	test_gpu_run(self->addr + 0x100);
	test_cpu_read(&self->gpu.batch, 0x800, 0x22);
	test_gpu_run(self->addr + PAGE_SIZE);
	test_cpu_read(&self->gpu.batch, 0x800, 0x33);
}

TEST_F(execbuffer3, starts_in_a_window)
{
	const __u64 result = BATCH_ADDRESS + 0x800, start = self->addr + (1ull << 32);

	for (int page = 0; page < 4; page++)
		emit_end(emit_store(self->bo.map + page * PAGE_SIZE / 4, result,
				    0x100 + page));
	test_vm_bind(.start = start, .offset = 2 * PAGE_SIZE, .length = 2 * PAGE_SIZE);
	test_gpu_run(start);
	test_cpu_read(&self->gpu.batch, 0x800, 0x102);
	test_gpu_run(start + PAGE_SIZE);
	test_cpu_read(&self->gpu.batch, 0x800, 0x103);
}

TEST_F(execbuffer3, last_bytes_of_a_mapping)
{
	emit_end(self->bo.map + self->bo.size / 4 - 2);
	test_gpu_run(self->addr + self->bo.size - 8);
	test_refused(EINVAL, .batch_address = self->addr + self->bo.size);
}

/* Where the last batch was found is no place to look for the next one. */
TEST_F(execbuffer3, mapping_is_replaced)
{
	const __u64 result = BATCH_ADDRESS + 0x800;

	for (int round = 1; round < 8; round++) {
		struct bo bo;

		test_bo_create(2 * PAGE_SIZE, &bo);
		emit_end(emit_store(bo.map, result, round));
		test_vm_unbind();
		test_err_execbuffer3(EINVAL, .batch_address = self->addr);
		test_vm_bind(.handle = bo.handle, .length = PAGE_SIZE);
		test_gpu_run(self->addr);
		test_cpu_read(&self->gpu.batch, 0x800, round);
		test_err_execbuffer3(EINVAL, .batch_address = self->addr + PAGE_SIZE);
		test_err_execbuffer3(EINVAL, .batch_address = self->addr - 8);
		test_vm_unbind(.length = PAGE_SIZE);
		test_vm_bind();
	}
}

TEST_F(execbuffer3, upper_half)
{
	const __u64 plain = self->gpu.end - 16 * PAGE_SIZE;

	if (self->gpu.end < ADDRESSES)
		SKIP(return, "the address space has no upper half");
	test_vm_bind(.start = plain);
	emit_end(emit_store(self->bo.map, plain + 0x800, 0x44));
	test_gpu_run(plain);
	test_cpu_read(&self->bo, 0x800, 0x44);
	emit_end(emit_store(self->bo.map, plain + 0x800, 0x55));
	test_gpu_run(canonical(plain));
	test_cpu_read(&self->bo, 0x800, 0x55);
}

/* Many mappings in one working set, and a batch that touches them all. */
TEST_F(execbuffer3, many_objects)
{
	const int count = 64;
	struct bo bo[count];
	__u32 *cs = self->bo.map;

	for (int i = 0; i < count; i++) {
		__u64 start = (__u64)(i + 1) << 34;

		test_bo_create(PAGE_SIZE, &bo[i]);
		test_vm_bind(.handle = bo[i].handle, .start = start,
			     .length = PAGE_SIZE);
		cs = emit_store(cs, start + 8 * i, value_at(start));
	}
	emit_end(cs);
	test_gpu_run(self->addr);
	for (int i = 0; i < count; i++)
		test_cpu_read(&bo[i], 8 * i, value_at((__u64)(i + 1) << 34));
}

/* Two engines, render and copy, that follow one another. */
static int context_single_timeline(int fd, __u32 vm, __u32 *ctx)
{
	I915_DEFINE_CONTEXT_PARAM_ENGINES(engines, 2) = {
		.engines = {
			{ I915_ENGINE_CLASS_RENDER, 0 },
			{ I915_ENGINE_CLASS_COPY, 0 },
		},
	};

	return context_with_map(fd, vm, I915_CONTEXT_CREATE_FLAGS_SINGLE_TIMELINE,
				&engines, sizeof(engines), ctx);
}

/* The copy engine is free, as another context sees, but not for this one. */
TEST_F(execbuffer3, single_timeline)
{
	const struct drm_i915_gem_timeline_fence out = {
		.handle = self->gpu.timeline, .flags = I915_TIMELINE_FENCE_SIGNAL,
		.value = 1,
	};
	struct spin spin;
	__u32 ctx, other;

	test_equal(0, context_single_timeline(self->gpu.fd, self->gpu.vm, &ctx));
	test_context_on_vm(self->gpu.vm, I915_ENGINE_CLASS_COPY, 0, &other);
	test_spin_prepare(&spin);
	spin.cs = emit_store(spin.cs, self->addr, 1);
	test_equal(0, spin_submit(&self->gpu, &spin, ctx));
	emit_end(emit_copy(self->gpu.batch.map, self->addr + 8, self->addr));
	test_execbuffer3(.ctx_id = ctx, .engine_idx = 1, .fence_count = 1,
			 .timeline_fences = to_user(&out));
	self->gpu.point = out.value;
	emit_end(emit_store(self->bo.map + PAGE_SIZE / 4, self->addr + 16, 1));
	test_equal(0, execute(self->gpu.fd, other, self->addr + PAGE_SIZE,
			      self->gpu.timeline, 2));
	for (int ms = 0; !self->bo.map[16 / 4]; ms++) {
		ASSERT_GT(WAIT_SECONDS * 1000, ms);
		usleep(1000);
	}
	test_err_syncobj_wait(ETIME, self->gpu.timeline, 1);
	test_spin_end(&spin);
	test_syncobj_wait(self->gpu.timeline, 2);
	test_cpu_read(&self->bo, 8, 1);
}

/* A context that hung the GPU is banned; the VM and its mappings are not. */
TEST_F(execbuffer3, banned_context)
{
	char heartbeat[PATH_SIZE];
	__u32 done, ctx;

	if (!may_disrupt())
		SKIP(return, DISRUPTS);
	card_path(self->gpu.fd, "engine/rcs0/heartbeat_interval_ms", heartbeat);
	if (change_setting(heartbeat, "100"))
		SKIP(return, "the heartbeat's interval cannot be set");

	emit_hang(self->bo.map, self->addr);
	test_syncobj_create(&done);
	EXPECT_EQ(0, execute(self->gpu.fd, self->gpu.ctx, self->addr, done, 0));
	EXPECT_EQ(0, _syncobj_wait(self->gpu.fd, done, 0, WAIT_SECONDS));
	EXPECT_EQ(0, restore_settings());
	test_syncobj_status(-EIO, done);

	test_err_execbuffer3(EIO);
	test_context_on_vm(self->gpu.vm, I915_ENGINE_CLASS_RENDER, 0, &ctx);
	test_err_execbuffer3(EIO);
	self->gpu.ctx = ctx;
	test_mapped(self->addr, &self->bo, 0);
}

/* A ring that is full: the call waits for room, or says that it would have to. */
static int execute_once(struct gpu *gpu)
{
	struct drm_i915_gem_execbuffer3 args = {
		.ctx_id = gpu->ctx, .batch_address = BATCH_ADDRESS,
	};

	return ioctl(gpu->fd, DRM_IOCTL_I915_GEM_EXECBUFFER3, &args) ? -errno : 0;
}

/* Until the next submission would have to wait. */
static int fill_ring(struct gpu *gpu)
{
	int err = fcntl(gpu->fd, F_SETFL, O_NONBLOCK);

	for (int submitted = 0; !err && submitted < 100000; submitted++)
		err = execute_once(gpu);
	return fcntl(gpu->fd, F_SETFL, 0) ?: err;
}

static void do_nothing(int signal)
{
}

FIXTURE(ring)
{
	struct gpu gpu;
	struct bo bo;
	struct spin spin;
	__u64 addr;
};

FIXTURE_SETUP(ring)
{
	test_gpu_open();
	test_bo_create(PAGE_SIZE, &self->bo);
	self->addr = OBJECT_ADDRESS;
	test_vm_bind();
	test_spin_prepare(&self->spin);
	test_spin_submit(&self->spin);
	emit_end(emit_store(self->gpu.batch.map, self->addr, 0x4149));
}

FIXTURE_TEARDOWN(ring)
{
	close(self->gpu.fd);
}

TEST_F(ring, full_and_nonblocking)
{
	int err = 0, submitted = 0;

	ASSERT_EQ(0, fcntl(self->gpu.fd, F_SETFL, O_NONBLOCK));
	while (!err && submitted++ < 100000)
		err = execute_once(&self->gpu);
	ASSERT_EQ(-EWOULDBLOCK, err);
	ASSERT_LT(10, submitted);
	test_equal(-EWOULDBLOCK, execute_once(&self->gpu));
	test_cpu_read(&self->bo, 0, 0);
	test_spin_end(&self->spin);
	test_mapped(self->addr, &self->bo, 0);
}

TEST_F(ring, full_and_interrupted)
{
	const struct sigaction interrupt = { .sa_handler = do_nothing };
	const struct itimerval soon = { .it_value.tv_usec = 100000,
					.it_interval.tv_usec = 100000 };
	const struct itimerval never = { };
	int err = 0, submitted = 0;

	ASSERT_EQ(0, sigaction(SIGALRM, &interrupt, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &soon, NULL));
	while ((!err || submitted < 10) && submitted++ < 100000)
		err = execute_once(&self->gpu);
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &never, NULL));
	ASSERT_EQ(-EINTR, err);
	test_cpu_read(&self->bo, 0, 0);
	test_spin_end(&self->spin);
	test_mapped(self->addr, &self->bo, 0);
}

/*
 * Closed while a submission waits for room: what it waited for is killed, and it
 * fails, so that its fence does not signal, not even with an error.
 */
TEST_F(ring, full_and_closed)
{
	const struct drm_i915_gem_timeline_fence out = {
		.handle = self->gpu.timeline, .flags = I915_TIMELINE_FENCE_SIGNAL,
		.value = 1,
	};
	struct one_call call = {
		.fd = self->gpu.fd,
		.args = {
			.ctx_id = self->gpu.ctx, .batch_address = BATCH_ADDRESS,
			.fence_count = 1, .timeline_fences = to_user(&out),
		},
	};
	pthread_t thread;
	void *result;

	ASSERT_EQ(-EWOULDBLOCK, fill_ring(&self->gpu));
	ASSERT_EQ(0, pthread_create(&thread, NULL, call_in_thread, &call));
	ASSERT_EQ(0, wait_until_it_waits());
	test_context_destroy(self->gpu.ctx);
	ASSERT_EQ(0, pthread_join(thread, &result));
	test_equal(-ENOENT, (intptr_t)result);
	test_err_syncobj_wait(EINVAL, self->gpu.timeline, 1);
	test_context_on_vm(self->gpu.vm, I915_ENGINE_CLASS_RENDER, 0, &self->gpu.ctx);
	test_mapped(self->addr, &self->bo, 0);
}

/* It had pinned memory that was mapped anew while it waited, and sees that. */
TEST_F(ring, full_and_mapped_anew)
{
	const int anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
	struct bo bo = {
		.size = PAGE_SIZE,
		.map = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, anonymous, -1, 0),
	};
	const __u64 addr = self->addr + bo.size;
	struct one_call call = {
		.fd = self->gpu.fd,
		.args = { .ctx_id = self->gpu.ctx, .batch_address = BATCH_ADDRESS },
	};
	pthread_t thread;
	void *result;

	ASSERT_NE(MAP_FAILED, bo.map);
	ASSERT_EQ(0, _gem_userptr(self->gpu.fd, bo.map, bo.size, &bo.handle));
	test_vm_bind(.handle = bo.handle, .start = addr, .length = bo.size);
	emit_end(emit_store(self->gpu.batch.map, addr, 1));
	ASSERT_EQ(-EWOULDBLOCK, fill_ring(&self->gpu));
	ASSERT_EQ(0, pthread_create(&thread, NULL, call_in_thread, &call));
	ASSERT_EQ(0, wait_until_it_waits());
	ASSERT_EQ(bo.map, mmap(bo.map, bo.size, PROT_READ | PROT_WRITE,
			       anonymous | MAP_FIXED, -1, 0));
	test_spin_end(&self->spin);
	ASSERT_EQ(0, pthread_join(thread, &result));
	ASSERT_EQ(NULL, result);
	for (int ms = 0; !bo.map[0]; ms++) {
		ASSERT_GT(WAIT_SECONDS * 1000, ms);
		usleep(1000);
	}
}

/*
 * Where the GPU cannot be reset it is given up: nothing is executed, but
 * mappings come and go as before.
 */
TEST_F(execbuffer3, wedged)
{
	char reset[PATH_SIZE], wedged[PATH_SIZE];
	__u32 done;

	if (!may_disrupt())
		SKIP(return, DISRUPTS);
	debugfs_path(self->gpu.fd, "i915_wedged", wedged);
	debugfs_path(self->gpu.fd, "i915_params/reset", reset);
	if (change_setting(reset, "0"))
		SKIP(return, "reset cannot be forbidden");

	emit_hang(self->bo.map, self->addr);
	test_syncobj_create(&done);
	EXPECT_EQ(0, execute(self->gpu.fd, self->gpu.ctx, self->addr, done, 0));
	EXPECT_EQ(0, write_file(wedged, "1"));
	EXPECT_EQ(0, _syncobj_wait(self->gpu.fd, done, 0, WAIT_SECONDS));
	EXPECT_EQ(-EIO, __execbuffer3());
	EXPECT_EQ(0, __vm_unbind());
	EXPECT_EQ(0, __vm_bind());
	EXPECT_EQ(-EIO, __execbuffer3());

	EXPECT_EQ(0, restore_settings());
	EXPECT_EQ(0, write_file(wedged, "1"));
	test_context_on_vm(self->gpu.vm, I915_ENGINE_CLASS_RENDER, 0, &self->gpu.ctx);
	test_mapped(self->addr, &self->bo, 0);
}

/* On each engine */
FIXTURE(engine)
{
	struct gpu gpu;
	struct bo bo;
	__u64 addr;
};

FIXTURE_VARIANT(engine)
{
	__u16 class, instance;
};

FIXTURE_VARIANT_ADD(engine, rcs0) { I915_ENGINE_CLASS_RENDER, 0 };
FIXTURE_VARIANT_ADD(engine, bcs0) { I915_ENGINE_CLASS_COPY, 0 };
FIXTURE_VARIANT_ADD(engine, vcs0) { I915_ENGINE_CLASS_VIDEO, 0 };
FIXTURE_VARIANT_ADD(engine, vcs1) { I915_ENGINE_CLASS_VIDEO, 1 };
FIXTURE_VARIANT_ADD(engine, vecs0) { I915_ENGINE_CLASS_VIDEO_ENHANCE, 0 };

FIXTURE_SETUP(engine)
{
	int err = gpu_open(&self->gpu, variant->class, variant->instance);

	if (err == -ENOENT)
		SKIP(return, "no such engine");
	ASSERT_EQ(0, err);
	test_bo_create(64 * PAGE_SIZE, &self->bo);
	self->addr = OBJECT_ADDRESS;
	test_vm_bind();
}

FIXTURE_TEARDOWN(engine)
{
	close(self->gpu.fd);
}

TEST_F(engine, store)
{
	test_mapped(self->addr, &self->bo, 0);
	test_mapped(self->addr + self->bo.size - 4, &self->bo, self->bo.size - 4);
}

TEST_F(engine, copy)
{
	for (int i = 0; i < 4; i++) {
		self->bo.map[i] = value_at(self->addr + 4 * i);
		test_gpu_copy(self->addr + (4 - i) * PAGE_SIZE, self->addr + 4 * i);
	}
	for (int i = 0; i < 4; i++)
		test_cpu_read(&self->bo, (4 - i) * PAGE_SIZE,
			      value_at(self->addr + 4 * i));
}

/* A translation must not outlive its mapping in any engine's TLB. */
TEST_F(engine, address_is_used_again)
{
	const __u64 start = self->addr + (1ull << 36);

	for (int page = 0; page < 16; page++) {
		test_vm_bind(.start = start, .length = PAGE_SIZE,
			     .offset = page * PAGE_SIZE);
		test_mapped(start + 4 * page, &self->bo, page * PAGE_SIZE + 4 * page);
		test_vm_unbind(.start = start, .length = PAGE_SIZE);
	}
}

/* Submitted back to back: each batch has a page, and the next one its word. */
TEST_F(engine, many_in_flight)
{
	const int count = 63;

	for (int i = 0; i < count; i++) {
		__u64 batch = self->addr + i * PAGE_SIZE;

		emit_end(emit_copy(self->bo.map + i * PAGE_SIZE / 4,
				   batch + PAGE_SIZE + 0x800, batch + 0x800));
	}
	self->bo.map[0x800 / 4] = 0x7a55;
	for (int i = 0; i < count; i++)
		test_equal(0, execute(self->gpu.fd, self->gpu.ctx,
				      self->addr + i * PAGE_SIZE,
				      self->gpu.timeline, ++self->gpu.point));
	test_syncobj_wait(self->gpu.timeline, self->gpu.point);
	test_syncobj_point(self->gpu.timeline, count);
	test_cpu_read(&self->bo, count * PAGE_SIZE + 0x800, 0x7a55);
}

/* One VM, two contexts, one of them on rcs0: both see the same memory. */
TEST_F(engine, shares_the_vm)
{
	struct gpu other = self->gpu;

	test_context_on_vm(self->gpu.vm, I915_ENGINE_CLASS_RENDER, 0, &other.ctx);
	test_syncobj_create(&other.timeline);
	other.point = 0;
	for (int i = 0; i < 8; i++) {
		test_gpu_store(self->addr + 8 * i);
		ASSERT_EQ(0, gpu_copy(&other, self->addr + 0x800, self->addr + 8 * i));
		test_cpu_read(&self->bo, 0x800, value_at(self->addr + 8 * i));
	}
}

int main(int argc, char **argv)
{
	skip_without_vm_bind();
	return test_harness_run(argc, argv);
}
