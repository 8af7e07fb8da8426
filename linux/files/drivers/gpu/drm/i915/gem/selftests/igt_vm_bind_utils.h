/* SPDX-License-Identifier: MIT */
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#ifndef __IGT_VM_BIND_UTILS_H__
#define __IGT_VM_BIND_UTILS_H__

#include <linux/bits.h>
#include <linux/sizes.h>
#include <linux/types.h>

struct dma_fence;
struct drm_i915_gem_object;
struct drm_i915_private;
struct i915_address_space;

/*
 * Below the uAPI: what the page tables hold, and when pages are released. The
 * GPU is not used; fences of our own stand for its work.
 */

#define IGT_VM_ADDRESS	(BIT_ULL(40) + SZ_1G - SZ_2M) /* crosses directories */

struct i915_address_space *igt_vm_create(struct drm_i915_private *i915);

int igt_vm_map(struct i915_address_space *vm, struct drm_i915_gem_object *obj,
	       u64 start, u64 offset, u64 length);
int igt_vm_unmap(struct i915_address_space *vm, u64 start, u64 length);

int igt_vm_check_mapped(struct i915_address_space *vm,
			struct drm_i915_gem_object *obj,
			u64 start, u64 offset, u64 length);
int igt_vm_check_cleared(struct i915_address_space *vm, u64 start, u64 length);

enum igt_vm_object { IGT_INTERNAL, IGT_SHMEM, IGT_LMEM };

struct drm_i915_gem_object *igt_vm_object_create(struct drm_i915_private *i915,
						 enum igt_vm_object kind,
						 u64 size);

int igt_object_evict(struct drm_i915_gem_object *obj, unsigned long flags);
int igt_object_drop_pages(struct drm_i915_gem_object *obj);
int igt_object_add_move(struct drm_i915_gem_object *obj,
			struct dma_fence *fence);

struct dma_fence *igt_fence_create(void);
int igt_vm_make_busy(struct i915_address_space *vm, struct dma_fence *fence);
int igt_vm_rebind(struct i915_address_space *vm);
u64 igt_vm_entry(struct i915_address_space *vm, u64 addr);

/* i915_gem_vm_bind_*.c: of the group gem_vm_bind */
int i915_gem_vm_bind_snapshot_selftests(struct drm_i915_private *i915);
int i915_gem_vm_bind_tree_selftests(struct drm_i915_private *i915);
int i915_gem_vm_bind_busy_selftests(struct drm_i915_private *i915);
int i915_gem_vm_bind_pending_selftests(struct drm_i915_private *i915);

#endif
