// SPDX-License-Identifier: MIT
/*
 * The end of mappings, objects, contexts, VMs and files, in every order, idle
 * and busy. What is not needed any more goes; what is in use stays.
 */
#include <signal.h>

#include "i915_vm_bind_canary.h"
#include "i915_vm_bind_utils.h"

FIXTURE(teardown)
{
	struct gpu gpu;
	struct bo bo;
	__u64 addr;
};

FIXTURE_SETUP(teardown)
{
	test_gpu_open();
	test_bo_create(4 * PAGE_SIZE, &self->bo);
	self->addr = OBJECT_ADDRESS;
	test_vm_bind();
}

/* Whatever a test did to its file: another one finds the GPU as it should be. */
FIXTURE_TEARDOWN(teardown)
{
	struct gpu next;
	struct bo bo;

	close(self->gpu.fd);
	EXPECT_EQ(0, gpu_open(&next, I915_ENGINE_CLASS_RENDER, 0));
	EXPECT_EQ(0, bo_create(next.fd, PAGE_SIZE, &bo));
	EXPECT_EQ(0, bo_bind(next.fd, next.vm, &bo, self->addr));
	EXPECT_EQ(0, gpu_store(&next, self->addr, 0x600d));
	EXPECT_EQ(0x600d, bo.map[0]);
	close(next.fd);
}

/* These bodies do nothing on purpose: closing the file is the test. */

TEST_F(teardown, file_with_mappings)
{
}

TEST_F(teardown, file_with_mappings_in_use)
{
	test_gpu_store(self->addr);
}

TEST_F(teardown, file_with_running_batch)
{
	struct spin spin;

	test_spin_prepare(&spin);
	test_spin_submit(&spin);
}

TEST_F(teardown, file_with_waiting_batch)
{
	struct spin spin;
	struct drm_i915_gem_timeline_fence in = {
		.flags = I915_TIMELINE_FENCE_WAIT,
	};

	emit_end(emit_store(self->gpu.batch.map, self->addr, 1));
	test_spin_prepare(&spin);
	test_spin_submit(&spin);
	in.handle = spin.done;
	test_execbuffer3(.fence_count = 1, .timeline_fences = to_user(&in));
}

TEST_F(teardown, context_never_used)
{
	__u32 ctx;

	test_context_on_vm(self->gpu.vm, I915_ENGINE_CLASS_RENDER, 0, &ctx);
	test_context_destroy(ctx);
	test_context_on_vm(self->gpu.vm, I915_ENGINE_CLASS_RENDER, 0, &ctx);
	test_vm_destroy(self->gpu.vm);
}

TEST_F(teardown, empty_vm)
{
	__u32 vm;

	for (int i = 0; i < 16; i++) {
		test_vm_create(I915_VM_CREATE_FLAGS_USE_VM_BIND, &vm);
		test_vm_destroy(vm);
	}
}

/* The context keeps the address space after its name has gone. */
TEST_F(teardown, vm_before_context)
{
	test_vm_destroy(self->gpu.vm);
	test_mapped(self->addr, &self->bo, 0);
	test_err_vm_bind(ENOENT, .start = self->addr + self->bo.size);
	test_err_vm_unbind(ENOENT);
	test_mapped(self->addr + 8, &self->bo, 8);
	test_context_destroy(self->gpu.ctx);
	test_cpu_read(&self->bo, 0, value_at(self->addr));
}

TEST_F(teardown, object_after_vm)
{
	struct gpu *gpu = &self->gpu;

	test_mapped(self->addr, &self->bo, 0);
	test_vm_destroy(gpu->vm);
	test_context_destroy(gpu->ctx);

	test_vm_create(I915_VM_CREATE_FLAGS_USE_VM_BIND, &gpu->vm);
	test_context_on_vm(gpu->vm, I915_ENGINE_CLASS_RENDER, 0, &gpu->ctx);
	ASSERT_EQ(0, bo_bind(gpu->fd, gpu->vm, &gpu->batch, BATCH_ADDRESS));
	test_vm_bind(.start = self->addr + self->bo.size);
	test_mapped(self->addr + self->bo.size, &self->bo, 0);
}

TEST_F(teardown, syncobj_while_batch_runs)
{
	struct spin spin;

	test_spin_prepare(&spin);
	test_spin_submit(&spin);
	test_syncobj_destroy(spin.done);
	spin.bo.map[SPIN_GO / 4] = 1;
	test_mapped(self->addr, &self->bo, 0);
}

/* One object in many VMs, which end one by one. */
TEST_F(teardown, vms_of_one_object)
{
	const int count = 8;
	struct canaries canaries;
	struct gpu gpu[count];

	for (int i = 0; i < count; i++) {
		gpu[i] = self->gpu;
		gpu[i].point = 0;
		test_syncobj_create(&gpu[i].timeline);
		test_vm_create(I915_VM_CREATE_FLAGS_USE_VM_BIND, &gpu[i].vm);
		test_context_on_vm(gpu[i].vm, I915_ENGINE_CLASS_RENDER, 0, &gpu[i].ctx);
		ASSERT_EQ(0, bo_bind(self->gpu.fd, gpu[i].vm, &self->gpu.batch,
				     BATCH_ADDRESS));
		test_vm_bind(.vm_id = gpu[i].vm);
	}
	test_let_go(&self->bo);
	test_canaries_create(&canaries);
	for (int end = 0; end < count; end++) {
		int gone = (end * 3 + 1) % count;

		for (int i = 0; i < count; i++) {
			if (!gpu[i].vm)
				continue;
			ASSERT_EQ(0, gpu_store(&gpu[i], self->addr, 100 * end + i));
			test_gpu_reads(100 * end + i, self->addr);
		}
		test_vm_destroy(gpu[gone].vm);
		test_context_destroy(gpu[gone].ctx);
		gpu[gone].vm = 0;
	}
	test_gpu_store(self->addr);
	test_gpu_reads(value_at(self->addr), self->addr);
	test_canaries_live(&canaries);
}

/* A process that is killed while its batch runs. */
TEST_F(teardown, killed)
{
	int ready[2], status;
	char byte;
	pid_t child;

	ASSERT_EQ(0, pipe(ready));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		struct gpu gpu;
		struct spin spin;
		bool ok = !gpu_open(&gpu, I915_ENGINE_CLASS_RENDER, 0) &&
			  !spin_prepare(&gpu, &spin, SPIN_ADDRESS) &&
			  !spin_submit(&gpu, &spin, gpu.ctx);

		if (ok && write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	ASSERT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status));
	test_mapped(self->addr, &self->bo, 0);
}

/*
 * A batch has written to an object, and will again. Meanwhile the object goes,
 * and memory that is got now belongs to somebody else. The GPU still has its
 * translations, unless they went together with the page table, of which other
 * mappings may be left. Where all of the address space goes, the batch keeps it.
 */
FIXTURE(freed)
{
	struct gpu gpu;
	struct bo bo;
	__u64 addr;
	struct spin spin;
};

FIXTURE_VARIANT(freed)
{
	bool keep_page_table;
	bool destroy_vm;
};

FIXTURE_VARIANT_ADD(freed, pages) { .keep_page_table = true };
FIXTURE_VARIANT_ADD(freed, pages_and_page_table) { };
FIXTURE_VARIANT_ADD(freed, address_space) { .destroy_vm = true };

FIXTURE_SETUP(freed)
{
	if (!is_root())
		SKIP(return, NEEDS_ROOT);
	test_gpu_open();
	test_bo_create(16 * PAGE_SIZE, &self->bo);
	self->addr = OBJECT_ADDRESS;
	test_vm_bind();
	if (variant->keep_page_table)
		test_vm_bind(.start = self->addr + self->bo.size,
			     .handle = self->gpu.batch.handle, .length = PAGE_SIZE);
	test_context_setparam(self->gpu.ctx, I915_CONTEXT_PARAM_PERSISTENCE,
			      variant->destroy_vm);
	test_spin_prepare(&self->spin);
}

/* Where a test has failed, the batch may not end with its file. */
FIXTURE_TEARDOWN(freed)
{
	if (self->spin.bo.map)
		self->spin.bo.map[SPIN_GO / 4] = 1;
	close(self->gpu.fd);
}

TEST_F(freed, memory_of_others_is_not_written)
{
	const __u32 ended = 0xa00;
	struct canaries canaries;
	struct frames frames;

	self->spin.cs = self->spin.bo.map;
	spin_emit_stores(&self->spin, self->addr, self->bo.size, 0x600d);
	spin_emit_wait(&self->spin);
	spin_emit_stores(&self->spin, self->addr, self->bo.size, 0xbad);
	self->spin.cs = emit_store(self->spin.cs, self->spin.address + ended, 1);
	test_spin_submit(&self->spin);
	test_cpu_read(&self->bo, 0, 0x600d);
	test_equal(0, frames_of_bo(self->gpu.fd, &self->bo, &frames));

	test_let_go(&self->bo);
	if (variant->destroy_vm) {
		test_vm_destroy(self->gpu.vm);
		test_context_destroy(self->gpu.ctx);
	} else {
		test_vm_unbind();
	}
	test_held(&frames, &canaries);
	test_spin_runs(&self->spin);
	test_spin_end(&self->spin);
	test_cpu_read(&self->spin.bo, ended, 1);
	test_canaries_live(&canaries);
	test_released(&frames);
}

/* Four things that end, in each of their 24 orders. */
enum step { UNBIND, CLOSE_OBJECT, DESTROY_VM, DESTROY_CONTEXT, STEPS };

FIXTURE(order)
{
	struct gpu gpu;
	struct bo bo;
	__u64 addr;
	struct spin spin;
};

FIXTURE_VARIANT(order)
{
	bool busy, persistent;
};

FIXTURE_VARIANT_ADD(order, idle) { .busy = false };
FIXTURE_VARIANT_ADD(order, busy) { .busy = true, .persistent = true };
FIXTURE_VARIANT_ADD(order, busy_and_killed) { .busy = true };

FIXTURE_SETUP(order)
{
	self->addr = OBJECT_ADDRESS;
}

FIXTURE_TEARDOWN(order)
{
}

/* The @n-th permutation of the steps. */
static void permutation(int n, enum step order[STEPS])
{
	enum step left[STEPS] = { UNBIND, CLOSE_OBJECT, DESTROY_VM, DESTROY_CONTEXT };

	for (int i = 0; i < STEPS; i++) {
		int pick = n % (STEPS - i);

		n /= STEPS - i;
		order[i] = left[pick];
		for (int j = pick; j < STEPS - i - 1; j++)
			left[j] = left[j + 1];
	}
}

static int take_step(const struct gpu *gpu, const struct bo *bo,
		     const struct bo *batch, enum step step)
{
	const struct drm_i915_gem_vm_unbind unbind = {
		.vm_id = gpu->vm, .start = OBJECT_ADDRESS, .length = bo->size,
	};

	switch (step) {
	case UNBIND:
		return _vm_unbind(gpu->fd, &unbind);
	case CLOSE_OBJECT:
		return _gem_close(gpu->fd, bo->handle) ?:
		       _gem_close(gpu->fd, batch->handle);
	case DESTROY_VM:
		return _vm_destroy(gpu->fd, gpu->vm);
	case DESTROY_CONTEXT:
		return _context_destroy(gpu->fd, gpu->ctx);
	default:
		return -EINVAL;
	}
}

TEST_F(order, all)
{
	for (int n = 0; n < 24; n++) {
		enum step order[STEPS];
		bool vm_gone = false;

		permutation(n, order);
		test_gpu_open();
		test_bo_create(4 * PAGE_SIZE, &self->bo);
		test_vm_bind();
		test_context_setparam(self->gpu.ctx, I915_CONTEXT_PARAM_PERSISTENCE,
				      variant->persistent);
		test_mapped(self->addr, &self->bo, 0);
		test_spin_prepare(&self->spin);
		if (variant->busy)
			test_spin_submit(&self->spin);

		for (int i = 0; i < STEPS; i++) {
			int expected = order[i] == UNBIND && vm_gone ? -ENOENT : 0;

			ASSERT_EQ(expected, take_step(&self->gpu, &self->bo,
						      &self->spin.bo, order[i]))
				TH_LOG("order %d, step %d", n, i);
			vm_gone |= order[i] == DESTROY_VM;
		}
		if (variant->busy && variant->persistent) {
			test_spin_runs(&self->spin);
			test_spin_end(&self->spin);
		} else if (variant->busy) {
			test_syncobj_wait(self->spin.done, 0);
		}
		test_cpu_read(&self->bo, 0, value_at(self->addr));
		close(self->gpu.fd);
		munmap(self->bo.map, self->bo.size);
		munmap(self->spin.bo.map, self->spin.bo.size);
		munmap(self->gpu.batch.map, self->gpu.batch.size);
	}
}

int main(int argc, char **argv)
{
	skip_without_vm_bind();
	return test_harness_run(argc, argv);
}
