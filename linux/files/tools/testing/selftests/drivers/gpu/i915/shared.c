// SPDX-License-Identifier: MIT
/*
 * Objects that others see, too: dma-bufs of another driver, bound here, and
 * objects of this driver, exported. Batches are ordered by fences that user
 * space hands over, and by nothing else.
 */
#include <linux/dma-buf.h>
#include <poll.h>

#include "i915_vm_bind_canary.h"
#include "i915_vm_bind_sync.h"
#include "i915_vm_bind_udmabuf.h"
#include "i915_vm_bind_utils.h"

static inline int _sync_file_export(int dmabuf, __u32 flags, int *file)
{
	struct dma_buf_export_sync_file args = { .flags = flags, .fd = -1 };
	int err = drm_call(dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &args);

	*file = args.fd;
	return err;
}

static inline int _sync_file_import(int dmabuf, __u32 flags, int file)
{
	struct dma_buf_import_sync_file args = { .flags = flags, .fd = file };

	return drm_call(dmabuf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &args);
}

/* Whether there is nothing to wait for, at the latest after a while. */
static bool is_ready_in(int dmabuf, short events, int ms)
{
	struct pollfd poll_fd = { .fd = dmabuf, .events = events };

	return poll(&poll_fd, 1, ms) == 1 && poll_fd.revents == events;
}

static bool is_ready(int dmabuf, short events)
{
	return is_ready_in(dmabuf, events, 0);
}

/* Both kinds of dma-buf; @bo is how this driver's object, or handle, sees it. */
FIXTURE(shared)
{
	struct gpu gpu;
	struct bo bo;
	__u64 addr;
	int dmabuf;
};

FIXTURE_VARIANT(shared)
{
	bool imported;
};

FIXTURE_VARIANT_ADD(shared, imported) { .imported = true };
FIXTURE_VARIANT_ADD(shared, exported) { .imported = false };

FIXTURE_SETUP(shared)
{
	test_gpu_open();
	self->addr = OBJECT_ADDRESS;
	if (variant->imported) {
		self->bo.size = 8 * PAGE_SIZE;
		self->dmabuf = udmabuf_create(self->bo.size, &self->bo.map);
		if (self->dmabuf == -ENOENT)
			SKIP(return, "no udmabuf");
		ASSERT_LE(0, self->dmabuf);
		ASSERT_EQ(0, _prime_import(self->gpu.fd, self->dmabuf, &self->bo.handle));
	} else {
		test_bo_create(8 * PAGE_SIZE, &self->bo);
		ASSERT_EQ(0, _prime_export(self->gpu.fd, self->bo.handle, &self->dmabuf));
	}
}

FIXTURE_TEARDOWN(shared)
{
	close(self->gpu.fd);
	close(self->dmabuf);
}

TEST_F(shared, bind)
{
	test_vm_bind();
	for (__u64 page = 0; page < self->bo.size; page += PAGE_SIZE)
		test_mapped(self->addr + page, &self->bo, page);
	test_vm_unbind();
	test_err_vm_bind(EINVAL, .length = self->bo.size + PAGE_SIZE);
	test_vm_bind(.offset = 3 * PAGE_SIZE, .length = PAGE_SIZE);
	test_mapped(self->addr, &self->bo, 3 * PAGE_SIZE);
}

TEST_F(shared, outlives_dmabuf_and_handle)
{
	test_vm_bind();
	close(self->dmabuf);
	test_kept_by_mapping(&self->bo, self->addr);
	test_vm_unbind();
	test_gpu_run(BATCH_ADDRESS);
	self->dmabuf = -1;
}

TEST_F(shared, file_closed_while_bound)
{
	test_vm_bind();
	test_gpu_store(self->addr);
}

TEST_F(shared, file_closed_in_use)
{
	struct spin spin;

	test_vm_bind();
	test_spin_prepare(&spin);
	test_spin_submit(&spin);
}

/* Whoever has the dma-buf is not made to wait for a batch that may not use it. */
TEST_F(shared, no_implicit_sync)
{
	struct spin spin;
	int file;

	test_vm_bind();
	test_spin_prepare(&spin);
	test_spin_submit(&spin);
	ASSERT_TRUE(is_ready(self->dmabuf, POLLIN));
	ASSERT_TRUE(is_ready(self->dmabuf, POLLOUT));
	ASSERT_EQ(0, _sync_file_export(self->dmabuf, DMA_BUF_SYNC_RW, &file));
	ASSERT_TRUE(is_ready(file, POLLIN));
	close(file);
	test_spin_runs(&spin);
	test_spin_end(&spin);
}

/* The fence of a batch is handed over, and is waited for by those who read. */
TEST_F(shared, fence_handed_over)
{
	struct spin spin;
	int file;

	test_vm_bind();
	test_spin_prepare(&spin);
	test_spin_submit(&spin);
	ASSERT_EQ(0, _syncobj_to_sync_file(self->gpu.fd, spin.done, &file));
	ASSERT_EQ(0, _sync_file_import(self->dmabuf, DMA_BUF_SYNC_WRITE, file));
	close(file);
	ASSERT_FALSE(is_ready(self->dmabuf, POLLIN));
	ASSERT_FALSE(is_ready(self->dmabuf, POLLOUT));
	test_spin_end(&spin);
	/* Whoever waits for the fence is told one after the other. */
	ASSERT_TRUE(is_ready_in(self->dmabuf, POLLIN, WAIT_SECONDS * 1000));
	ASSERT_TRUE(is_ready_in(self->dmabuf, POLLOUT, WAIT_SECONDS * 1000));
}

/* What others write is waited for by those batches that were told to. */
TEST_F(shared, fence_taken_over)
{
	struct drm_i915_gem_timeline_fence in = { .flags = I915_TIMELINE_FENCE_WAIT };
	struct spin spin;
	__u32 other;
	int file;

	test_context_on_vm(self->gpu.vm, I915_ENGINE_CLASS_COPY, 0, &other);
	test_vm_bind();
	test_spin_prepare(&spin);
	test_spin_submit(&spin);
	ASSERT_EQ(0, _syncobj_to_sync_file(self->gpu.fd, spin.done, &file));
	ASSERT_EQ(0, _sync_file_import(self->dmabuf, DMA_BUF_SYNC_WRITE, file));
	close(file);

	ASSERT_EQ(0, _sync_file_export(self->dmabuf, DMA_BUF_SYNC_READ, &file));
	test_syncobj_create(&in.handle);
	ASSERT_EQ(0, _sync_file_to_syncobj(self->gpu.fd, file, in.handle));
	close(file);

	self->bo.map[0] = 0;
	emit_end(emit_store(self->gpu.batch.map, self->addr, 0x600d));
	test_execbuffer3(.ctx_id = other, .fence_count = 1,
			 .timeline_fences = to_user(&in));
	usleep(20000);
	test_cpu_read(&self->bo, 0, 0);
	test_spin_end(&spin);
	test_equal(0, gpu_run(&self->gpu, other, BATCH_ADDRESS));
	test_cpu_read(&self->bo, 0, 0x600d);
}

/* Others wait for a fence of the dma-buf or not, batches here do not by themselves. */
TEST_F(shared, fence_ignored)
{
	struct spin spin;
	__u32 other;
	int file;

	test_context_on_vm(self->gpu.vm, I915_ENGINE_CLASS_COPY, 0, &other);
	test_vm_bind();
	test_spin_prepare(&spin);
	test_spin_submit(&spin);
	ASSERT_EQ(0, _syncobj_to_sync_file(self->gpu.fd, spin.done, &file));
	ASSERT_EQ(0, _sync_file_import(self->dmabuf, DMA_BUF_SYNC_WRITE, file));
	close(file);
	emit_end(emit_store(self->gpu.batch.map, self->addr, 0x600d));
	test_equal(0, gpu_run(&self->gpu, other, BATCH_ADDRESS));
	test_cpu_read(&self->bo, 0, 0x600d);
	test_spin_runs(&spin);
	test_spin_end(&spin);
}

/* Unbound and closed under a batch, its memory is nobody else's. */
TEST_F(shared, closed_in_use)
{
	struct canaries canaries;
	struct frames frames;
	struct spin spin;

	if (!is_root())
		SKIP(return, NEEDS_ROOT);
	test_vm_bind();
	test_spin_prepare(&spin);
	spin.cs = spin.bo.map;
	spin_emit_stores(&spin, self->addr, self->bo.size, 0x600d);
	spin_emit_wait(&spin);
	spin_emit_stores(&spin, self->addr, self->bo.size, 0xbad);
	test_spin_submit(&spin);
	test_cpu_read(&self->bo, 0, 0x600d);
	test_equal(0, variant->imported ?
		   frames_of(self->bo.map, self->bo.size, &frames) :
		   frames_of_bo(self->gpu.fd, &self->bo, &frames));
	test_vm_unbind();
	test_let_go(&self->bo);
	close(self->dmabuf);
	self->dmabuf = -1;
	test_held(&frames, &canaries);
	test_spin_runs(&spin);
	test_spin_end(&spin);
	test_canaries_live(&canaries);
	test_released(&frames);
}

/* One object, two clients, each with an address space of its own. */
TEST_F(shared, two_clients)
{
	struct gpu other;
	__u32 handle;

	ASSERT_EQ(0, gpu_open(&other, I915_ENGINE_CLASS_RENDER, 0));
	ASSERT_EQ(0, _prime_import(other.fd, self->dmabuf, &handle));
	test_vm_bind();
	test_equal(0, _vm_bind(other.fd, &(struct drm_i915_gem_vm_bind) {
			       .vm_id = other.vm, .handle = handle,
			       .start = self->addr, .length = self->bo.size }));
	test_mapped(self->addr, &self->bo, 0);
	test_equal(0, gpu_store(&other, self->addr, 0x22222222));
	test_cpu_read(&self->bo, 0, 0x22222222);
	close(other.fd);
	test_mapped(self->addr, &self->bo, 0);
}

int main(int argc, char **argv)
{
	skip_without_vm_bind();
	return test_harness_run(argc, argv);
}
