// SPDX-License-Identifier: MIT
/*
 * EXECBUFFER3 on engines that are made of several: a virtual engine runs a batch
 * on whichever is free, a parallel one runs a batch on each at the same time.
 */
#include "i915_vm_bind_engines.h"
#include "i915_vm_bind_sync.h"
#include "i915_vm_bind_utils.h"

/* Virtual engines */

FIXTURE(virtual)
{
	struct gpu gpu;
	struct bo bo;
	__u64 addr;
};

FIXTURE_SETUP(virtual)
{
	int err;

	test_gpu_open();
	err = context_virtual(self->gpu.fd, self->gpu.vm, &self->gpu.ctx);
	if (err == -EINVAL || err == -ENODEV)
		SKIP(return, "no two video engines");
	ASSERT_EQ(0, err);
	test_bo_create(4 * PAGE_SIZE, &self->bo);
	self->addr = OBJECT_ADDRESS;
	test_vm_bind();
}

FIXTURE_TEARDOWN(virtual)
{
	close(self->gpu.fd);
}

TEST_F(virtual, store)
{
	for (int i = 0; i < 8; i++)
		test_mapped(self->addr + 8 * i, &self->bo, 8 * i);
}

/* Two batches that wait for each other: two contexts, whose engines differ. */
TEST_F(virtual, runs_where_there_is_room)
{
	struct spin one, two;
	__u32 other;

	ASSERT_EQ(0, context_virtual(self->gpu.fd, self->gpu.vm, &other));
	test_spin_prepare(&one);
	ASSERT_EQ(0, spin_prepare(&self->gpu, &two, SPIN_ADDRESS + PAGE_SIZE));
	test_spin_submit(&one);
	ASSERT_EQ(0, spin_submit(&self->gpu, &two, other));
	test_spin_runs(&one);
	test_spin_end(&two);
	test_spin_runs(&one);
	test_spin_end(&one);
}

TEST_F(virtual, batches_in_order)
{
	struct spin spin;

	test_spin_prepare(&spin);
	spin.cs = emit_store(spin.cs, self->addr, 1);
	test_spin_submit(&spin);
	emit_end(emit_copy(self->gpu.batch.map, self->addr + 8, self->addr));
	ASSERT_EQ(0, execute(self->gpu.fd, self->gpu.ctx, BATCH_ADDRESS,
			     self->gpu.timeline, ++self->gpu.point));
	test_spin_end(&spin);
	test_syncobj_wait(self->gpu.timeline, self->gpu.point);
	test_cpu_read(&self->bo, 8, 1);
}

/* Parallel engines: batch n is in page n of the object. */

FIXTURE(parallel)
{
	struct gpu gpu;		/* its context has one engine */
	struct bo bo;
	__u64 addr;
	__u64 batches[WIDTH];	/* addresses */
	__u32 *cs[WIDTH];	/* where commands go */
	__u32 ctx;
	__u32 timeline;
};

FIXTURE_SETUP(parallel)
{
	int err;

	test_gpu_open();
	err = context_parallel(self->gpu.fd, self->gpu.vm, &self->ctx);
	if (err == -EINVAL || err == -ENODEV)
		SKIP(return, "no two video engines");
	ASSERT_EQ(0, err);
	test_bo_create((WIDTH + 1) * PAGE_SIZE, &self->bo);
	test_syncobj_create(&self->timeline);
	self->addr = OBJECT_ADDRESS;
	test_vm_bind();
	for (int n = 0; n < WIDTH; n++) {
		self->batches[n] = self->addr + n * PAGE_SIZE;
		self->cs[n] = self->bo.map + n * PAGE_SIZE / 4;
	}
}

FIXTURE_TEARDOWN(parallel)
{
	EXPECT_EQ(0, restore_settings());
	close(self->gpu.fd);
}

#define WORD(n)		(WIDTH * PAGE_SIZE + 8 * (n))
#define VALUE(n)	(0x9a7a + (n))

#define __parallel(...) \
	__execbuffer3(.ctx_id = self->ctx, \
		      .batch_address = (uintptr_t)self->batches, ##__VA_ARGS__)

#define SIGNALS(_syncobj, _value)					\
	.fence_count = 1,						\
	.timeline_fences = to_user(&(struct drm_i915_gem_timeline_fence) { \
		.handle = (_syncobj), .value = (_value),		\
		.flags = I915_TIMELINE_FENCE_SIGNAL })

/* Each batch writes a word of its own. */
#define end_with_stores() do {						\
	for (int __n = 0; __n < WIDTH; __n++) {				\
		self->bo.map[WORD(__n) / 4] = 0;			\
		emit_end(emit_store(self->cs[__n],			\
				    self->addr + WORD(__n), VALUE(__n)));	\
	}								\
} while (0)

#define test_words(expected_of_n) do {					\
	for (int n = 0; n < WIDTH; n++)					\
		test_cpu_read(&self->bo, WORD(n), expected_of_n);	\
} while (0)

TEST_F(parallel, each_runs)
{
	for (__u64 point = 1; point <= 8; point++) {
		end_with_stores();
		test_equal(0, __parallel(SIGNALS(self->timeline, point)));
		test_syncobj_wait(self->timeline, point);
		test_words(VALUE(n));
	}
}

/* Each waits for a word of the other, so that neither ends before both run. */
TEST_F(parallel, at_the_same_time)
{
	for (int n = 0; n < WIDTH; n++) {
		self->cs[n] = emit_store(self->cs[n], self->addr + WORD(WIDTH + n), 1);
		self->cs[n] = emit_wait_until(self->cs[n], self->addr +
					      WORD(WIDTH + (n + 1) % WIDTH), 1);
	}
	end_with_stores();
	test_equal(0, __parallel(SIGNALS(self->timeline, 1)));
	test_syncobj_wait(self->timeline, 1);
	test_words(VALUE(n));
}

/* The out-fence is one for all, whichever ends last. */
TEST_F(parallel, signals_after_the_last)
{
	__u64 *batches = self->batches, first = batches[0];
	struct spin spin;

	for (int last = 0; last < WIDTH; last++) {
		end_with_stores();
		ASSERT_EQ(0, spin_prepare(&self->gpu, &spin,
					  SPIN_ADDRESS + last * PAGE_SIZE));
		emit_end(spin.cs);
		batches[0] = last ? first : spin.address;
		batches[1] = last ? spin.address : first;
		test_equal(0, __parallel(SIGNALS(spin.done, 0)));
		for (int ms = 0; !spin_runs(&spin) || !self->bo.map[WORD(0) / 4]; ms++) {
			ASSERT_GT(WAIT_SECONDS * 1000, ms);
			usleep(1000);
		}
		usleep(20000);
		test_spin_runs(&spin);
		test_spin_end(&spin);
	}
}

/* A semaphore lets a request onto its engine early: each has to have one. */
TEST_F(parallel, each_waits)
{
	struct spin spin;

	end_with_stores();
	test_spin_prepare(&spin);
	test_spin_submit(&spin);
	{
		const struct drm_i915_gem_timeline_fence fences[] = {
			{ spin.done, I915_TIMELINE_FENCE_WAIT },
			{ self->timeline, I915_TIMELINE_FENCE_SIGNAL, 1 },
		};

		test_equal(0, __parallel(.fence_count = 2,
					 .timeline_fences = to_user(fences)));
	}
	usleep(50000);
	test_words(0);
	test_spin_end(&spin);
	test_syncobj_wait(self->timeline, 1);
	test_words(VALUE(n));
}

/* One batch has ended, and the other of the same submission has not. */
#define test_spins_in(_spin, _n) do {					\
	struct spin *__spin = (_spin);					\
	const int __in = (_n);						\
									\
	end_with_stores();						\
	ASSERT_EQ(0, spin_prepare(&self->gpu, __spin,			\
				  SPIN_ADDRESS + __in * PAGE_SIZE));	\
	emit_end(__spin->cs);						\
	self->batches[__in] = __spin->address;				\
	test_equal(0, __parallel(SIGNALS(__spin->done, 0)));		\
	self->batches[__in] = self->addr + __in * PAGE_SIZE;		\
	for (int __ms = 0; !spin_runs(__spin) ||			\
	     !self->bo.map[WORD(!__in) / 4]; __ms++) {			\
		ASSERT_GT(WAIT_SECONDS * 1000, __ms);			\
		usleep(1000);						\
	}								\
} while (0)

/*
 * For its own last submission, by each shape that the fence can have. Which batch
 * that one is waiting for makes no difference.
 */
TEST_F(parallel, waits_for_itself)
{
	struct spin spin;

	for (int timeline = 0; timeline < 2; timeline++) {
		for (int last = 0; last < WIDTH; last++) {
			__u32 in;

			test_spins_in(&spin, last);
			in = spin.done;
			if (timeline) {
				test_syncobj_create(&in);
				ASSERT_EQ(0, _syncobj_transfer(self->gpu.fd, in, 1,
							       spin.done));
			}
			end_with_stores();
			test_equal(0, __parallel(FENCES(WAIT(in, timeline),
							SIGNAL(self->timeline, 0))));
			usleep(50000);
			test_words(0);
			test_err_syncobj_wait(ETIME, self->timeline, 0);
			test_spin_end(&spin);
			test_syncobj_wait(self->timeline, 0);
			test_words(VALUE(n));
			test_vm_unbind(.start = spin.address, .length = PAGE_SIZE);
		}
	}
}

/* Until restore_settings(); "0": none. */
static int set_heartbeat(int fd, int instance, const char *value)
{
	char path[PATH_SIZE], name[64];

	snprintf(name, sizeof(name), "engine/vcs%d/heartbeat_interval_ms", instance);
	return change_setting(card_path(fd, name, path), value);
}

/* One of them hung, and its context is banned: the others do not run alone. */
TEST_F(parallel, one_is_banned)
{
	if (!may_disrupt())
		SKIP(return, DISRUPTS);
	for (int bad = 0; bad < WIDTH; bad++) {
		__u32 done;

		if (set_heartbeat(self->gpu.fd, bad, "100"))
			SKIP(return, "the heartbeat's interval cannot be set");
		test_syncobj_create(&done);
		end_with_stores();
		emit_hang(self->cs[bad], self->batches[bad]);
		EXPECT_EQ(0, __parallel(SIGNALS(done, 0)));
		EXPECT_EQ(0, _syncobj_wait(self->gpu.fd, done, 0, WAIT_SECONDS));
		EXPECT_EQ(0, restore_settings());
		test_syncobj_status(-EIO, done);

		end_with_stores();
		test_equal(-EIO, __parallel(SIGNALS(self->timeline, 0)));
		test_equal(-EIO, __parallel(SIGNALS(self->timeline, 1)));
		test_err_syncobj_wait(EINVAL, self->timeline, 0);
		usleep(50000);
		test_words(0);
		ASSERT_EQ(0, context_parallel(self->gpu.fd, self->gpu.vm, &self->ctx));
	}
	test_equal(0, __parallel(SIGNALS(self->timeline, 1)));
	test_syncobj_wait(self->timeline, 1);
	test_words(VALUE(n));
}

/*
 * A context that is destroyed takes all its batches along, also where only one is
 * left and there is no heartbeat that would find it out.
 */
TEST_F(parallel, destroyed_with_one_left)
{
	struct spin spin;

	for (int left = 0; left < WIDTH; left++) {
		if (set_heartbeat(self->gpu.fd, left, "0"))
			SKIP(return, "the heartbeat cannot be stopped");
		test_spins_in(&spin, left);
		test_context_destroy(self->ctx);
		EXPECT_EQ(0, _syncobj_wait(self->gpu.fd, spin.done, 0, WAIT_SECONDS / 2));
		test_equal(0, spin_end(&self->gpu, &spin));
		EXPECT_EQ(0, restore_settings());
		test_syncobj_status(-EIO, spin.done);
		ASSERT_EQ(0, context_parallel(self->gpu.fd, self->gpu.vm, &self->ctx));
	}
}

/*
 * A reservation has room for some more fences than were asked for: if not for
 * each batch's, there is one too few at some count, odd or even.
 */
TEST_F(parallel, each_has_a_slot)
{
	struct drm_i915_gem_timeline_fence wait = {
		.flags = I915_TIMELINE_FENCE_WAIT,
	};
	struct spin spin;
	__u32 ctx;

	end_with_stores();
	test_spin_prepare(&spin);
	test_spin_submit(&spin);
	wait.handle = spin.done;
	for (int i = 0; i < 32; i++) {
		if (i == 16) {
			test_context_on_vm(self->gpu.vm, I915_ENGINE_CLASS_COPY, 0,
					   &ctx);
			test_execbuffer3(.ctx_id = ctx, .fence_count = 1,
					 .batch_address = self->batches[0],
					 .timeline_fences = to_user(&wait));
		}
		ASSERT_EQ(0, context_parallel(self->gpu.fd, self->gpu.vm, &ctx));
		test_equal(0, __parallel(.ctx_id = ctx, .fence_count = 1,
					 .timeline_fences = to_user(&wait)));
	}
	test_spin_end(&spin);
	test_equal(0, __parallel(SIGNALS(self->timeline, 1)));
	test_syncobj_wait(self->timeline, 1);
	test_words(VALUE(n));
}

TEST_F(parallel, follows_pending_binds)
{
	const __u64 start = self->addr + (1ull << 32);
	struct drm_i915_gem_timeline_fence bound = {
		.handle = self->timeline, .flags = I915_TIMELINE_FENCE_SIGNAL,
	};

	for (__u64 round = 0; round < 16; round++) {
		end_with_stores();
		for (int n = 0; n < WIDTH; n++)
			self->batches[n] = start + n * PAGE_SIZE;
		bound.value++;
		test_vm_bind(.start = start, .fence = bound);
		bound.value++;
		test_equal(0, __parallel(SIGNALS(self->timeline, bound.value)));
		test_syncobj_wait(self->timeline, bound.value);
		test_words(VALUE(n));
		bound.value++;
		test_vm_unbind(.start = start, .fence = bound);
	}
}

/* However many batches of others an address space has, there is room for all. */
TEST_F(parallel, beside_others)
{
	struct drm_i915_gem_timeline_fence wait = {
		.flags = I915_TIMELINE_FENCE_WAIT,
	};
	struct spin spin;

	end_with_stores();
	test_spin_prepare(&spin);
	test_spin_submit(&spin);
	wait.handle = spin.done;
	for (int others = 0; others <= 8; others++) {
		__u32 vm, ctx;

		test_vm_create(I915_VM_CREATE_FLAGS_USE_VM_BIND, &vm);
		test_equal(0, bo_bind(self->gpu.fd, vm, &self->bo, self->addr));
		for (int n = 0; n < others; n++) {
			test_context_on_vm(vm, I915_ENGINE_CLASS_RENDER, 0, &ctx);
			test_execbuffer3(.ctx_id = ctx, .batch_address = self->addr,
					 .fence_count = 1, .timeline_fences = to_user(&wait));
		}
		test_equal(0, context_parallel(self->gpu.fd, vm, &ctx));
		test_equal(0, __parallel(.ctx_id = ctx, SIGNALS(self->timeline, others + 1)));
		test_syncobj_wait(self->timeline, others + 1);
	}
	test_spin_runs(&spin);
	test_spin_end(&spin);
}

/*
 * Its context is closed when the first batch has ended, and another never will.
 * What is said of that one, when its engine is reset, needs the context. That is
 * freed some seconds later: one round is not enough.
 */
TEST_F(parallel, closed_with_one_left)
{
	const int left = WIDTH - 1;
	struct gpu other;

	if (!may_disrupt())
		SKIP(return, DISRUPTS);
	ASSERT_EQ(0, gpu_open(&other, I915_ENGINE_CLASS_VIDEO, left));
	for (int round = 0; round < 4; round++) {
		__u32 ctx;

		end_with_stores();
		emit_hang(self->cs[left] + 4, self->batches[left] + 16);
		test_equal(0, context_parallel(self->gpu.fd, self->gpu.vm, &ctx));
		test_equal(0, __parallel(.ctx_id = ctx));
		for (int ms = 0; !self->bo.map[WORD(0) / 4] ||
		     !self->bo.map[WORD(left) / 4]; ms++) {
			ASSERT_GT(WAIT_SECONDS * 1000, ms);
			usleep(1000);
		}
		test_context_destroy(ctx);
		usleep(1500000); /* until what has ended is retired */
		ASSERT_EQ(0, gpu_store(&other, BATCH_ADDRESS + 0x800, 1));
	}
	close(other.fd);
}

/* Taken away while one of them runs: each of them holds the pages. */
TEST_F(parallel, each_keeps_the_pages)
{
	__u64 *batches = self->batches, first = batches[0];
	struct spin spin;

	if (!is_root())
		SKIP(return, NEEDS_ROOT);
	for (int last = 0; last < WIDTH; last++) {
		end_with_stores();
		ASSERT_EQ(0, spin_prepare(&self->gpu, &spin,
					  SPIN_ADDRESS + last * PAGE_SIZE));
		spin.cs = emit_store(spin.cs, self->addr + WORD(1), VALUE(last));
		emit_end(spin.cs);
		batches[0] = last ? first : spin.address;
		batches[1] = last ? spin.address : first;
		test_equal(0, __parallel(SIGNALS(spin.done, 0)));
		for (int ms = 0; !spin_runs(&spin) || !self->bo.map[WORD(0) / 4]; ms++) {
			ASSERT_GT(WAIT_SECONDS * 1000, ms);
			usleep(1000);
		}
		test_drop_caches();
		test_spin_end(&spin);
		test_cpu_read(&self->bo, WORD(1), VALUE(last));
	}
}

/* What is wrong with one of them stops them all. */
#define test_refused(err, ...) do {					\
	test_equal(-(err), __parallel(SIGNALS(self->timeline, 1), ##__VA_ARGS__)); \
	test_err_syncobj_wait(EINVAL, self->timeline, 1);		\
} while (0)

TEST_F(parallel, one_bad_address)
{
	const __u64 bad[] = {
		0, self->addr - PAGE_SIZE, self->addr + self->bo.size,
		self->addr + 4, self->addr + (1ull << 48), -8,
	};

	end_with_stores();
	for (int n = 0; n < WIDTH; n++) {
		const __u64 good = self->batches[n];

		for (int i = 0; i < ARRAY_SIZE(bad); i++) {
			self->batches[n] = bad[i];
			test_refused(EINVAL);
		}
		self->batches[n] = good;
	}
	test_words(0);
	test_equal(0, __parallel(SIGNALS(self->timeline, 1)));
	test_syncobj_wait(self->timeline, 1);
	test_words(VALUE(n));
}

TEST_F(parallel, unreadable_addresses)
{
	char *pages = mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, pages);
	ASSERT_EQ(0, munmap(pages + PAGE_SIZE, PAGE_SIZE));
	end_with_stores();
	memcpy(pages + PAGE_SIZE - 8, self->batches, 8);
	test_refused(EFAULT, .batch_address = to_user(pages + PAGE_SIZE - 8));
	test_refused(EFAULT, .batch_address = 0);
	test_refused(EFAULT, .batch_address = self->batches[0]);
	test_refused(EFAULT, .batch_address = -8);
	test_words(0);
	memcpy(pages + PAGE_SIZE - 16, self->batches, 16);
	test_equal(0, __parallel(SIGNALS(self->timeline, 1),
				 .batch_address = to_user(pages + PAGE_SIZE - 16)));
	test_syncobj_wait(self->timeline, 1);
	test_words(VALUE(n));
}

TEST_F(parallel, many_in_flight)
{
	struct spin spin;

	end_with_stores();
	test_spin_prepare(&spin);
	emit_end(spin.cs);
	self->batches[1] = spin.address;
	test_equal(0, __parallel(SIGNALS(spin.done, 0)));
	self->batches[1] = self->addr + PAGE_SIZE;
	for (__u64 point = 1; point <= 16; point++)
		test_equal(0, __parallel(SIGNALS(self->timeline, point)));
	test_err_syncobj_wait(ETIME, self->timeline, 1);
	test_spin_end(&spin);
	test_syncobj_wait(self->timeline, 16);
	test_syncobj_point(self->timeline, 16);
	test_words(VALUE(n));
}

/* The body ends where the test begins: the file is closed. */
TEST_F(parallel, file_closed_at_once)
{
	end_with_stores();
	for (__u64 point = 1; point <= 8; point++)
		test_equal(0, __parallel(SIGNALS(self->timeline, point)));
}

int main(int argc, char **argv)
{
	skip_without_vm_bind();
	return test_harness_run(argc, argv);
}
