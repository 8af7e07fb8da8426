/* SPDX-License-Identifier: MIT */
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#ifndef __I915_GEM_VM_BIND_INTERNAL_H__
#define __I915_GEM_VM_BIND_INTERNAL_H__

#include <linux/container_of.h>

#include "i915_gem_object.h"
#include "i915_gem_vm_bind.h"

/* What the files of VM_BIND call of each other. */

struct drm_i915_gem_object;
struct i915_gem_ww_ctx;
struct i915_page_table;
struct i915_timeline_fence;
struct i915_vm_bind_job;

/*
 * How many mappings of an object reclaim takes out of the page tables at once: an
 * object may have any number of them.
 */
#define I915_VM_BIND_MAX_SHRINK 1024

static inline struct i915_vm_mapping *to_vm_mapping(struct drm_gpuva *va)
{
	return container_of(va, struct i915_vm_mapping, va);
}

static inline struct i915_vm_capture *
to_vm_capture(struct i915_vm_mapping *mapping)
{
	return container_of(mapping, struct i915_vm_capture, base);
}

static inline bool i915_vm_mapping_is_bound(const struct i915_vm_mapping *mapping)
{
	return READ_ONCE(mapping->va.flags) & I915_VM_MAPPING_BOUND;
}

/* A job may set this at any time while it is pending. */
static inline bool i915_vm_mapping_is_failed(const struct i915_vm_mapping *mapping)
{
	return READ_ONCE(mapping->va.flags) & I915_VM_MAPPING_FAILED;
}

/* 0, -EDEADLK, or -EINTR where @ww is interruptible. */
static inline int i915_vm_bind_lock_resv(struct i915_vm_bind *vb,
					 struct i915_gem_ww_ctx *ww)
{
	return i915_gem_object_lock(vb->root, ww);
}

/* i915_gem_vm_bind_ops.c */
int i915_vm_bind_map(struct i915_vm_bind *vb, struct drm_i915_gem_object *obj,
		     u64 start, u64 offset, u64 length, u64 flags,
		     struct i915_timeline_fence *out);
int i915_vm_bind_unmap(struct i915_vm_bind *vb, u64 start, u64 length,
		       struct i915_timeline_fence *out);
int i915_vm_bind_rebind(struct i915_vm_bind *vb,
			struct i915_vm_mapping *mapping);

/* i915_gem_vm_bind_pt.c */
int i915_vm_bind_update_prepare(struct i915_vm_bind *vb,
				struct i915_vm_bind_update *update,
				const struct i915_vm_mapping *mapping);
int i915_vm_bind_update_run(struct i915_vm_bind *vb,
			    struct i915_vm_bind_update *update);
void i915_vm_bind_update_fini(struct i915_vm_bind *vb,
			      struct i915_vm_bind_update *update);
void i915_vm_bind_clear(struct i915_vm_bind *vb, struct drm_i915_gem_object *obj,
			u64 start, u64 length);
bool i915_vm_bind_keep_pt(struct i915_address_space *vm,
			  struct i915_page_table *pt, int lvl);
void i915_vm_bind_free_cache(struct i915_vm_bind *vb);

/* i915_gem_vm_bind_job.c */
struct i915_vm_bind_job *i915_vm_bind_job_alloc(void);
struct dma_fence *i915_vm_bind_job_arm(struct i915_vm_bind_job *job,
				       struct i915_vm_bind *vb,
				       struct i915_vm_bind_update *update,
				       struct dma_fence *moving);
bool i915_vm_bind_is_idle(const struct i915_vm_bind *vb);
int i915_vm_bind_wait(struct i915_vm_bind *vb,
		      struct drm_i915_gem_object *obj);

/* i915_gem_vm_bind_mapping.c */
struct i915_vm_mapping *i915_vm_mapping_create(u64 flags);
void i915_vm_mapping_insert(struct i915_vm_mapping *mapping,
			    struct drm_gpuvm_bo *vm_bo);
void i915_vm_mapping_destroy(struct i915_vm_mapping *mapping);
void i915_vm_mapping_set_bound(struct i915_vm_mapping *mapping,
			       const struct i915_vm_bind_update *update);
void i915_vm_mapping_complete(struct i915_vm_bind *vb,
			      const struct i915_vm_bind_update *update,
			      bool failed);
void i915_vm_mapping_clear(struct i915_vm_mapping *mapping);

/* i915_gem_vm_bind_evict.c */
int i915_vm_bind_reserve_batches(struct i915_vm_bind *vb,
				 struct drm_i915_gem_object *obj);
void i915_vm_bind_add_batches(struct i915_vm_bind *vb,
			      struct drm_i915_gem_object *obj);

#endif /* __I915_GEM_VM_BIND_INTERNAL_H__ */
