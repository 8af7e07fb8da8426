// SPDX-License-Identifier: MIT
/*
 * What one client's calls and batches do to others: a call that waits keeps nobody else out,
 * and memory stays for as long as any batch may reach it.
 */
#include "i915_vm_bind_canary.h"
#include "i915_vm_bind_cost.h"
#include "i915_vm_bind_thread.h"
#include "i915_vm_bind_utils.h"

/* @gpu's batch waits for the CPU; @other has an engine of its own. */
FIXTURE(others)
{
	struct gpu gpu;
	struct gpu other;
	struct spin spin;
	struct bo bo;
	__u64 addr;
};

FIXTURE_SETUP(others)
{
	test_gpu_open();
	if (gpu_open(&self->other, I915_ENGINE_CLASS_COPY, 0) == -ENOENT)
		SKIP(return, "no second engine");
	ASSERT_LT(0, self->other.timeline);
	self->addr = OBJECT_ADDRESS;
	test_spin_prepare(&self->spin);
}

FIXTURE_TEARDOWN(others)
{
	close(self->gpu.fd);
	close(self->other.fd);
}

/* The object of both, in @bo as the first sees it. */
static int share(struct gpu *gpu, struct gpu *other, __u64 addr, struct bo *bo)
{
	struct bo theirs = { .size = PAGE_SIZE };
	int err, dmabuf;

	err = bo_create(gpu->fd, PAGE_SIZE, bo) ?: bo_bind(gpu->fd, gpu->vm, bo, addr) ?:
	      _prime_export(gpu->fd, bo->handle, &dmabuf);
	if (err)
		return err;
	err = _prime_import(other->fd, dmabuf, &theirs.handle) ?:
	      bo_bind(other->fd, other->vm, &theirs, addr);
	close(dmabuf);
	return err;
}

struct caching {
	int fd;
	struct drm_i915_gem_caching args;
};

static void *set_caching(void *arg)
{
	struct caching *caching = arg;

	__atomic_store_n(&executing, syscall(SYS_gettid), __ATOMIC_SEQ_CST);
	return ioctl(caching->fd, DRM_IOCTL_I915_GEM_SET_CACHING, &caching->args) ?
		(void *)(intptr_t)-errno : NULL;
}

/* Lets the batch go in the end, so that a kernel that holds others up fails, and ends. */
static void *end_late(void *arg)
{
	struct spin *spin = arg;

	sleep(5);
	__atomic_store_n(&spin->bo.map[SPIN_GO / 4], 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* SET_CACHING waits for a batch; who has the same object mapped submits meanwhile. */
TEST_F(others, set_caching_waits_alone)
{
	struct caching caching = {
		.fd = self->gpu.fd, .args.caching = I915_CACHING_NONE,
	};
	pthread_t thread, watchdog;
	void *err;

	if (local_memory(self->gpu.fd))
		SKIP(return, "a discrete GPU has no SET_CACHING");
	ASSERT_EQ(0, share(&self->gpu, &self->other, self->addr, &self->bo));
	caching.args.handle = self->bo.handle;
	test_spin_submit(&self->spin);
	executing = 0;
	ASSERT_EQ(0, pthread_create(&thread, NULL, set_caching, &caching));
	ASSERT_EQ(0, wait_until_it_waits());

	ASSERT_EQ(0, pthread_create(&watchdog, NULL, end_late, &self->spin));
	ASSERT_EQ(0, gpu_store(&self->other, self->addr, 0x600d));
	test_spin_runs(&self->spin);
	test_cpu_read(&self->bo, 0, 0x600d);

	test_spin_end(&self->spin);
	ASSERT_EQ(0, pthread_join(thread, &err));
	ASSERT_EQ(NULL, err);
	ASSERT_EQ(0, pthread_join(watchdog, NULL));
}

/* What is bound while a batch runs may be used by it, and stays until it has ended. */
TEST_F(others, bound_under_a_batch)
{
	struct frames frames;
	struct canaries canaries;

	if (!is_root())
		SKIP(return, NEEDS_ROOT);
	test_spin_submit(&self->spin);
	test_bo_create(8 * PAGE_SIZE, &self->bo);
	memset(self->bo.map, 1, self->bo.size);
	ASSERT_EQ(0, frames_of_bo(self->gpu.fd, &self->bo, &frames));
	test_vm_bind();
	test_vm_unbind();
	test_let_go(&self->bo);
	test_held(&frames, &canaries);
	test_canaries_live(&canaries);

	test_spin_end(&self->spin);
	test_released(&frames);
}

/* A batch that runs finds what was bound since it began, also once that was evicted. */
TEST_F(others, bound_under_a_batch_and_evicted)
{
	if (!is_root())
		SKIP(return, NEEDS_ROOT);
	self->spin.cs = emit_store(self->spin.cs, self->addr, 0x600d);
	test_spin_submit(&self->spin);
	test_bo_create(PAGE_SIZE, &self->bo);
	memset(self->bo.map, 1, self->bo.size);
	test_vm_bind();
	test_drop_caches();
	test_spin_end(&self->spin);
	test_cpu_read(&self->bo, 0, 0x600d);
}

int main(int argc, char **argv)
{
	skip_without_vm_bind();
	return test_harness_run(argc, argv);
}
