// SPDX-License-Identifier: MIT
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#include <uapi/drm/i915_drm.h>

#include "gt/intel_gpu_commands.h"
#include "gt/intel_gtt.h"

#include "i915_drv.h"
#include "i915_gem_context.h"
#include "i915_gem_ioctls.h"
#include "i915_gem_object.h"
#include "i915_gem_timeline_fence.h"
#include "i915_gem_vm_bind_internal.h"

/*
 * VM_BIND and VM_UNBIND: arguments, look-ups and fences, in the order in which their
 * errors count. What they do is in i915_gem_vm_bind_ops.c.
 */

/* Either canonical, or with the upper bits clear. */
static bool vm_bind_is_address(u64 addr)
{
	return addr == gen8_noncanonical_addr(addr) ||
		addr == gen8_canonical_addr(addr);
}

static int vm_bind_check_range(u64 start, u64 length)
{
	if (!length || !vm_bind_is_address(start))
		return -EINVAL;

	if (!IS_ALIGNED(start | length, I915_GTT_PAGE_SIZE_4K))
		return -EINVAL;

	/* Past the last address; an address space may end before that. */
	if (range_overflows_t(u64, gen8_noncanonical_addr(start), length,
			      BIT_ULL(GEN8_HIGH_ADDRESS_BIT + 1)))
		return -EINVAL;

	return 0;
}

static int vm_bind_check_args(const struct drm_i915_gem_vm_bind *args)
{
	u64 end;
	int err;

	if (args->flags & __I915_GEM_VM_BIND_UNKNOWN_FLAGS || args->extensions)
		return -EINVAL;

	if (!IS_ALIGNED(args->offset, I915_GTT_PAGE_SIZE_4K) ||
	    check_add_overflow(args->offset, args->length, &end))
		return -EINVAL;

	err = vm_bind_check_range(args->start, args->length);
	if (err)
		return err;

	return i915_timeline_fence_check(&args->fence,
					 I915_TIMELINE_FENCE_SIGNAL);
}

static int vm_bind_check_object(const struct i915_address_space *vm,
				struct drm_i915_gem_object *obj,
				const struct drm_i915_gem_vm_bind *args)
{
	u64 start = gen8_noncanonical_addr(args->start);
	u64 align = I915_GTT_PAGE_SIZE_4K;

	if (range_overflows_t(u64, args->offset, args->length, obj->base.size))
		return -EINVAL;

	if (range_overflows(start, args->length, vm->total))
		return -EINVAL;

	if (i915_gem_object_is_vm_private(obj) && obj->shares_resv_from != vm)
		return -EINVAL;

	if (i915_gem_object_is_protected(obj))
		return -EOPNOTSUPP;

	/*
	 * Wherever it is now, it may be there at the next submission. Userptr
	 * objects and imports have no placement: their pages are the system's.
	 */
	if (obj->mm.n_placements &&
	    i915_gem_object_placement_possible(obj, INTEL_MEMORY_LOCAL))
		align = vm->min_alignment[INTEL_MEMORY_LOCAL];
	if (!IS_ALIGNED(start | args->offset | args->length, align))
		return -EINVAL;

	return 0;
}

/**
 * i915_gem_vm_bind_ioctl - DRM_IOCTL_I915_GEM_VM_BIND
 * @dev: The device
 * @data: A &struct drm_i915_gem_vm_bind
 * @file: The client
 *
 * Return: 0; -EINVAL for bad arguments, and for an object that is private to
 * another address space; -ENOENT for an unknown address space, object or
 * syncobj; -EOPNOTSUPP where the address space is not in VM_BIND mode, and for
 * protected objects; -ENOSPC where the range overlaps a mapping; -EFAULT where
 * the object was madvised away, or the memory of a userptr object is gone;
 * -EAGAIN where that was invalidated over and over; -EIO where pages could not be
 * cleared; -ENOMEM; -EINTR or -ERESTARTSYS where a signal came first.
 */
int i915_gem_vm_bind_ioctl(struct drm_device *dev, void *data,
			   struct drm_file *file)
{
	const struct drm_i915_gem_vm_bind *args = data;
	struct i915_timeline_fence fence = { .user = args->fence };
	struct drm_i915_gem_object *obj;
	struct i915_address_space *vm;
	int err;

	err = vm_bind_check_args(args);
	if (err)
		return err;

	vm = i915_gem_vm_lookup(file->driver_priv, args->vm_id);
	if (!vm)
		return -ENOENT;

	obj = i915_gem_object_lookup(file, args->handle);
	if (!obj) {
		err = -ENOENT;
		goto out_vm;
	}

	err = i915_timeline_fence_get(&fence, file);
	if (err)
		goto out_fence;

	if (!vm->vm_bind) {
		err = -EOPNOTSUPP;
		goto out_fence;
	}

	err = vm_bind_check_object(vm, obj, args);
	if (err)
		goto out_fence;

	err = i915_timeline_fence_prepare(&fence);
	if (err)
		goto out_fence;

	err = i915_vm_bind_map(vm->vm_bind, obj,
			       gen8_noncanonical_addr(args->start),
			       args->offset, args->length, args->flags,
			       &fence);

out_fence:
	i915_timeline_fence_put(&fence);
	i915_gem_object_put(obj);
out_vm:
	i915_vm_put(vm);
	return err;
}

static int vm_unbind_check_args(const struct drm_i915_gem_vm_unbind *args)
{
	int err;

	if (args->rsvd || args->flags || args->extensions)
		return -EINVAL;

	err = vm_bind_check_range(args->start, args->length);
	if (err)
		return err;

	return i915_timeline_fence_check(&args->fence,
					 I915_TIMELINE_FENCE_SIGNAL);
}

/**
 * i915_gem_vm_unbind_ioctl - DRM_IOCTL_I915_GEM_VM_UNBIND
 * @dev: The device
 * @data: A &struct drm_i915_gem_vm_unbind
 * @file: The client
 *
 * Return: 0, also where the range holds no mapping; -EINVAL for bad arguments,
 * and where the range cuts or spans mappings; -ENOENT for an unknown address
 * space or syncobj; -EOPNOTSUPP where the address space is not in VM_BIND mode;
 * -EINTR or -ERESTARTSYS where a signal came first. -ENOMEM only where an
 * out-fence is asked for.
 */
int i915_gem_vm_unbind_ioctl(struct drm_device *dev, void *data,
			     struct drm_file *file)
{
	const struct drm_i915_gem_vm_unbind *args = data;
	struct i915_timeline_fence fence = { .user = args->fence };
	struct i915_address_space *vm;
	int err;

	err = vm_unbind_check_args(args);
	if (err)
		return err;

	vm = i915_gem_vm_lookup(file->driver_priv, args->vm_id);
	if (!vm)
		return -ENOENT;

	err = i915_timeline_fence_get(&fence, file);
	if (err)
		goto out;

	if (!vm->vm_bind) {
		err = -EOPNOTSUPP;
		goto out;
	}

	if (range_overflows(gen8_noncanonical_addr(args->start), args->length,
			    vm->total)) {
		err = -EINVAL;
		goto out;
	}

	err = i915_timeline_fence_prepare(&fence);
	if (err)
		goto out;

	err = i915_vm_bind_unmap(vm->vm_bind,
				 gen8_noncanonical_addr(args->start),
				 args->length, &fence);

out:
	i915_timeline_fence_put(&fence);
	i915_vm_put(vm);
	return err;
}
