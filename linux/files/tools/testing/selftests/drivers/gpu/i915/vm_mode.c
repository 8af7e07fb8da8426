// SPDX-License-Identifier: MIT
/*
 * The vm_bind mode of an address space: who may have it, and what a context
 * needs to use it.
 */
#include "i915_vm_bind_utils.h"

FIXTURE(vm_mode)
{
	struct gpu gpu;
};

FIXTURE_SETUP(vm_mode)
{
	test_gpu_open();
}

FIXTURE_TEARDOWN(vm_mode)
{
	close(self->gpu.fd);
}

TEST_F(vm_mode, version)
{
	int version = -1;

	test_getparam(I915_PARAM_VM_BIND_VERSION, &version);
	ASSERT_EQ(1, version);
}

TEST_F(vm_mode, create_flags)
{
	const __u32 mode = I915_VM_CREATE_FLAGS_USE_VM_BIND;
	__u32 vm[2];

	test_vm_create(mode, &vm[0]);
	for (int bit = 1; bit < 32; bit++) {
		test_err_vm_create(EINVAL, 1u << bit, NULL);
		test_err_vm_create(EINVAL, 1u << bit | mode, NULL);
	}
	test_vm_create(mode, &vm[1]);
	ASSERT_NE(0, vm[0]);
	ASSERT_NE(vm[0], vm[1]);
	test_vm_destroy(vm[0]);
	test_err_vm_destroy(ENOENT, vm[0]);
	test_vm_destroy(vm[1]);
}

/* Not even after somebody tried to destroy it. */
TEST_F(vm_mode, nothing_is_called_0)
{
	__u32 vm[2];

	test_err_vm_destroy(ENOENT, 0);
	for (int i = 0; i < 2; i++) {
		test_vm_create(I915_VM_CREATE_FLAGS_USE_VM_BIND, &vm[i]);
		ASSERT_NE(0, vm[i]);
	}
	test_err_vm_destroy(ENOENT, 0);
	test_vm_destroy(vm[0]);
	test_vm_destroy(vm[1]);
}

TEST_F(vm_mode, create_extension)
{
	const struct i915_user_extension unknown = { .name = 0x1234 };
	__u32 vm;

	test_vm_create(I915_VM_CREATE_FLAGS_USE_VM_BIND, &vm);
	test_err_vm_create(EINVAL, I915_VM_CREATE_FLAGS_USE_VM_BIND, &unknown);
	test_err_vm_create(EFAULT, I915_VM_CREATE_FLAGS_USE_VM_BIND, (void *)8);
	test_vm_create(I915_VM_CREATE_FLAGS_USE_VM_BIND, &vm);
}

TEST_F(vm_mode, size)
{
	__u64 size = 0, classic = 1;
	__u32 ctx;

	test_context_create(NULL, &ctx);
	test_context_getparam(ctx, I915_CONTEXT_PARAM_GTT_SIZE, &classic);
	test_context_getparam(self->gpu.ctx, I915_CONTEXT_PARAM_GTT_SIZE, &size);
	ASSERT_EQ(classic, size);
	ASSERT_LT(SPIN_ADDRESS, size);
	ASSERT_GE(ADDRESSES, size);
}

/* A recoverable context cannot have a vm_bind VM, in whatever order it is made. */
TEST_F(vm_mode, context_must_not_be_recoverable)
{
	const __u64 VM = I915_CONTEXT_PARAM_VM, REC = I915_CONTEXT_PARAM_RECOVERABLE;
	struct drm_i915_gem_context_create_ext_setparam
		plain[] = { SETPARAM(VM, self->gpu.vm), { } },
		vm_first[] = { SETPARAM(VM, self->gpu.vm), SETPARAM(REC, 0), { } },
		vm_last[] = { SETPARAM(REC, 0), SETPARAM(VM, self->gpu.vm), { } },
		explicitly[] = { SETPARAM(REC, 1), SETPARAM(VM, self->gpu.vm), { } },
		back_again[] = { SETPARAM(REC, 0), SETPARAM(VM, self->gpu.vm),
				 SETPARAM(REC, 1), { } };
	__u32 ctx;

	test_context_create(link_all(vm_first), &ctx);
	test_err_context_create(EINVAL, link_all(plain));
	test_err_context_create(EINVAL, link_all(explicitly));
	test_err_context_create(EINVAL, link_all(back_again));
	test_context_create(link_all(vm_last), &ctx);
}

/* Only what the whole chain ends with counts. */
TEST_F(vm_mode, context_chain_changes_its_mind)
{
	const __u64 VM = I915_CONTEXT_PARAM_VM, REC = I915_CONTEXT_PARAM_RECOVERABLE;
	__u32 classic, ctx;

	test_vm_create(0, &classic);

	struct drm_i915_gem_context_create_ext_setparam
		to_classic[] = { SETPARAM(VM, self->gpu.vm), SETPARAM(VM, classic), { } },
		to_vm_bind[] = { SETPARAM(REC, 1), SETPARAM(VM, classic),
				 SETPARAM(VM, self->gpu.vm), SETPARAM(REC, 0), { } };

	test_context_create(link_all(to_classic), &ctx);
	test_context_create(link_all(to_vm_bind), &ctx);
}

/* Before its first use a context is only a draft, so both states are tried. */
TEST_F(vm_mode, setparam_recoverable)
{
	const __u64 REC = I915_CONTEXT_PARAM_RECOVERABLE;
	__u64 value = 1;

	test_context_setparam(self->gpu.ctx, REC, 0);
	test_err_context_setparam(EINVAL, self->gpu.ctx, REC, 1);

	test_context_getparam(self->gpu.ctx, REC, &value);
	ASSERT_EQ(0, value);

	test_err_context_setparam(EINVAL, self->gpu.ctx, REC, 1);
	test_context_setparam(self->gpu.ctx, REC, 0);
	test_context_getparam(self->gpu.ctx, REC, &value);
	ASSERT_EQ(0, value);
}

TEST_F(vm_mode, setparam_vm)
{
	const __u64 VM = I915_CONTEXT_PARAM_VM, REC = I915_CONTEXT_PARAM_RECOVERABLE;
	__u32 ctx, classic;

	test_vm_create(0, &classic);
	test_context_create(NULL, &ctx);
	test_context_setparam(ctx, VM, classic);
	test_err_context_setparam(EINVAL, ctx, VM, self->gpu.vm);
	test_context_setparam(ctx, REC, 0);
	test_context_setparam(ctx, VM, self->gpu.vm);
	test_err_context_setparam(EINVAL, ctx, REC, 1);
	test_context_setparam(ctx, VM, classic);
	test_context_setparam(ctx, REC, 1);
}

TEST_F(vm_mode, classic_context_may_recover)
{
	const __u64 REC = I915_CONTEXT_PARAM_RECOVERABLE;
	__u64 value = 1;
	__u32 ctx;

	test_context_create(NULL, &ctx);
	test_context_setparam(ctx, REC, 0);
	test_context_getparam(ctx, REC, &value);
	ASSERT_EQ(0, value);
	test_context_setparam(ctx, REC, 1);
	test_context_getparam(ctx, REC, &value);
	ASSERT_EQ(1, value);
}

TEST_F(vm_mode, execbuffer2_is_refused)
{
	struct bo bo;
	__u32 ctx;

	test_bo_create(PAGE_SIZE, &bo);
	emit_end(bo.map);
	test_context_create(NULL, &ctx);

	test_execbuffer2(ctx, bo.handle);
	test_err_execbuffer2(EOPNOTSUPP, self->gpu.ctx, bo.handle);
	test_execbuffer2(ctx, bo.handle);
	test_gpu_store(BATCH_ADDRESS + 0x800);
}

/* An object may be bound in one VM and used by execbuf2 in another. */
TEST_F(vm_mode, execbuffer2_with_a_bound_object)
{
	struct bo bo;
	__u32 ctx;

	test_bo_create(PAGE_SIZE, &bo);
	emit_end(emit_store(bo.map, OBJECT_ADDRESS + 0x800, 0x600d));
	ASSERT_EQ(0, bo_bind(self->gpu.fd, self->gpu.vm, &bo, OBJECT_ADDRESS));
	test_context_create(NULL, &ctx);
	emit_end(self->gpu.batch.map);
	test_execbuffer2(ctx, self->gpu.batch.handle);
	test_execbuffer2(ctx, bo.handle);
	test_gpu_run(OBJECT_ADDRESS);
	test_cpu_read(&bo, 0x800, 0x600d);
}

/* A VM id taken from the context names the same address space. */
TEST_F(vm_mode, vm_from_context)
{
	__u64 vm = 0;
	struct bo bo;

	test_context_getparam(self->gpu.ctx, I915_CONTEXT_PARAM_VM, &vm);
	ASSERT_NE(self->gpu.vm, vm);
	test_vm_destroy(self->gpu.vm);

	test_bo_create(PAGE_SIZE, &bo);
	ASSERT_EQ(-ENOENT, bo_bind(self->gpu.fd, self->gpu.vm, &bo, OBJECT_ADDRESS));
	ASSERT_EQ(0, bo_bind(self->gpu.fd, vm, &bo, OBJECT_ADDRESS));
	test_mapped(OBJECT_ADDRESS + 0x40, &bo, 0x40);
}

int main(int argc, char **argv)
{
	skip_without_vm_bind();
	return test_harness_run(argc, argv);
}
