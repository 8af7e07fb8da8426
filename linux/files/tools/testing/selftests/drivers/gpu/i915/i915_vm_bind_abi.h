/* SPDX-License-Identifier: MIT */
/*
 * The binary interface of VM_BIND, nailed down at compile time: numbers, sizes
 * and offsets, which must be the same for 32-bit and 64-bit user space.
 *
 * Needs no C library, so that a 32-bit compiler without one can check it too.
 */
#ifndef __I915_VM_BIND_ABI_H
#define __I915_VM_BIND_ABI_H

#include <drm/i915_drm.h>

#define ABI_VALUE(name, value) \
	_Static_assert((name) == (value), #name " is part of the ABI")
#define ABI_SIZE(type, size) \
	_Static_assert(sizeof(struct type) == (size), #type " changed its size")
#define ABI_FIELD(type, field, offset) \
	_Static_assert(__builtin_offsetof(struct type, field) == (offset), \
		       #type "." #field " has moved")

ABI_VALUE(DRM_I915_GEM_VM_BIND, 0x3d);
ABI_VALUE(DRM_I915_GEM_VM_UNBIND, 0x3e);
ABI_VALUE(DRM_I915_GEM_EXECBUFFER3, 0x3f);
ABI_VALUE(_IOC_DIR(DRM_IOCTL_I915_GEM_VM_BIND), _IOC_WRITE);
ABI_VALUE(_IOC_DIR(DRM_IOCTL_I915_GEM_VM_UNBIND), _IOC_WRITE);
ABI_VALUE(_IOC_DIR(DRM_IOCTL_I915_GEM_EXECBUFFER3), _IOC_WRITE);
ABI_VALUE(_IOC_SIZE(DRM_IOCTL_I915_GEM_VM_BIND), 64);
ABI_VALUE(_IOC_SIZE(DRM_IOCTL_I915_GEM_VM_UNBIND), 56);
ABI_VALUE(_IOC_SIZE(DRM_IOCTL_I915_GEM_EXECBUFFER3), 56);
ABI_VALUE(I915_VM_CREATE_FLAGS_USE_VM_BIND, 1u << 0);
ABI_VALUE(I915_GEM_CREATE_EXT_VM_PRIVATE, 3);
ABI_VALUE(I915_GEM_VM_BIND_CAPTURE, 1u << 0);
ABI_VALUE(I915_TIMELINE_FENCE_WAIT, 1u << 0);
ABI_VALUE(I915_TIMELINE_FENCE_SIGNAL, 1u << 1);

ABI_SIZE(drm_i915_gem_create_ext_vm_private, 40);
ABI_FIELD(drm_i915_gem_create_ext_vm_private, base, 0);
ABI_FIELD(drm_i915_gem_create_ext_vm_private, vm_id, 32);
ABI_FIELD(drm_i915_gem_create_ext_vm_private, rsvd, 36);

ABI_SIZE(drm_i915_gem_timeline_fence, 16);
ABI_FIELD(drm_i915_gem_timeline_fence, handle, 0);
ABI_FIELD(drm_i915_gem_timeline_fence, flags, 4);
ABI_FIELD(drm_i915_gem_timeline_fence, value, 8);

ABI_SIZE(drm_i915_gem_vm_bind, 64);
ABI_FIELD(drm_i915_gem_vm_bind, vm_id, 0);
ABI_FIELD(drm_i915_gem_vm_bind, handle, 4);
ABI_FIELD(drm_i915_gem_vm_bind, start, 8);
ABI_FIELD(drm_i915_gem_vm_bind, offset, 16);
ABI_FIELD(drm_i915_gem_vm_bind, length, 24);
ABI_FIELD(drm_i915_gem_vm_bind, flags, 32);
ABI_FIELD(drm_i915_gem_vm_bind, fence, 40);
ABI_FIELD(drm_i915_gem_vm_bind, extensions, 56);

ABI_SIZE(drm_i915_gem_vm_unbind, 56);
ABI_FIELD(drm_i915_gem_vm_unbind, vm_id, 0);
ABI_FIELD(drm_i915_gem_vm_unbind, rsvd, 4);
ABI_FIELD(drm_i915_gem_vm_unbind, start, 8);
ABI_FIELD(drm_i915_gem_vm_unbind, length, 16);
ABI_FIELD(drm_i915_gem_vm_unbind, flags, 24);
ABI_FIELD(drm_i915_gem_vm_unbind, fence, 32);
ABI_FIELD(drm_i915_gem_vm_unbind, extensions, 48);

ABI_SIZE(drm_i915_gem_execbuffer3, 56);
ABI_FIELD(drm_i915_gem_execbuffer3, ctx_id, 0);
ABI_FIELD(drm_i915_gem_execbuffer3, engine_idx, 4);
ABI_FIELD(drm_i915_gem_execbuffer3, batch_address, 8);
ABI_FIELD(drm_i915_gem_execbuffer3, flags, 16);
ABI_FIELD(drm_i915_gem_execbuffer3, rsvd1, 24);
ABI_FIELD(drm_i915_gem_execbuffer3, fence_count, 28);
ABI_FIELD(drm_i915_gem_execbuffer3, timeline_fences, 32);
ABI_FIELD(drm_i915_gem_execbuffer3, rsvd2, 40);
ABI_FIELD(drm_i915_gem_execbuffer3, extensions, 48);

#endif
