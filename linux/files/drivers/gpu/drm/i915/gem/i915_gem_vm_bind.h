/* SPDX-License-Identifier: MIT */
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#ifndef __I915_GEM_VM_BIND_H__
#define __I915_GEM_VM_BIND_H__

#include <linux/container_of.h>
#include <linux/mutex.h>
#include <linux/types.h>

#include <drm/drm_gpuvm.h>

#include "gt/intel_gtt.h"

struct dma_fence;
struct drm_i915_gem_object;
struct drm_i915_private;
struct i915_gem_ww_ctx;
struct i915_vma_resource;
struct scatterlist;
struct work_struct;

/**
 * struct i915_vm_bind - What an address space in VM_BIND mode has beyond a
 * classic one
 *
 * Allocated apart from &struct i915_address_space, so that a classic address
 * space pays one pointer. Freed when the last reference to @gpuvm goes, which
 * is after the address space was torn down.
 */
struct i915_vm_bind {
	/**
	 * @gpuvm: The mappings, by address and by object. Its common
	 * reservation is that of the page tables. The tree and the lists of
	 * &struct drm_gpuvm_bo change under @lock and the reservation, so that
	 * either is enough to read them.
	 */
	struct drm_gpuvm gpuvm;

	/**
	 * @vm: The address space. Not a reference: the address space's last one
	 * takes the mappings down and drops @gpuvm.
	 */
	struct i915_address_space *vm;

	/**
	 * @root: An object that shares the reservation of @vm and never has
	 * pages: what an i915_gem_ww_ctx locks to lock @vm. Owned by @gpuvm.
	 */
	struct drm_i915_gem_object *root;

	/**
	 * @lock: Serialises VM_BIND, VM_UNBIND and the teardown. Outside of
	 * mmap_lock and of every reservation.
	 */
	struct mutex lock;
};

/**
 * struct i915_vm_mapping - A persistent mapping: a range of addresses that
 * shows a range of an object
 */
struct i915_vm_mapping {
	/** @va: The place in the address space and in the object's lists. */
	struct drm_gpuva va;

	/**
	 * @res: What the page tables hold for this mapping; NULL while they
	 * hold scratch, because the object was evicted. Protected by the
	 * object's reservation.
	 */
	struct i915_vma_resource *res;
};

static inline struct i915_vm_mapping *to_vm_mapping(struct drm_gpuva *va)
{
	return container_of(va, struct i915_vm_mapping, va);
}

static inline struct i915_vm_bind *to_vm_bind(struct drm_gpuvm *gpuvm)
{
	return container_of(gpuvm, struct i915_vm_bind, gpuvm);
}

/**
 * struct i915_vm_bind_job - Everything that one mapping needs to be written to
 * the page tables
 *
 * Zeroed, then i915_vm_bind_job_prepare(), which may fail, then either
 * i915_vm_bind_job_commit(), which may not, or i915_vm_bind_job_cancel().
 */
struct i915_vm_bind_job {
	/** @vb: Where to bind. */
	struct i915_vm_bind *vb;

	/** @obj: What to bind. Its pages are pinned by a prepared job. */
	struct drm_i915_gem_object *obj;

	/** @stash: Page tables, enough for the worst case. */
	struct i915_vm_pt_stash stash;

	/** @res: Allocated, not yet initialised. */
	struct i915_vma_resource *res;

	/** @sg: The scatterlist entry in which the range of @obj starts. */
	struct scatterlist *sg;

	/** @sg_skip: Bytes of @sg before that range. */
	unsigned int sg_skip;
};

/* i915_gem_vm_bind_object.c */
bool i915_vm_bind_is_supported(const struct drm_i915_private *i915);
int i915_vm_bind_init(struct i915_address_space *vm);
int i915_vm_bind_map(struct i915_vm_bind *vb, struct drm_i915_gem_object *obj,
		     u64 start, u64 offset, u64 length);
int i915_vm_bind_unmap(struct i915_vm_bind *vb, u64 start, u64 length);
void i915_vm_bind_unmap_all(struct i915_vm_bind *vb);
void i915_vm_bind_put(struct i915_vm_bind *vb);

void i915_vm_bind_queue_release(struct work_struct *work);
void i915_vm_bind_flush_release(void);

int i915_vm_bind_module_init(void);
void i915_vm_bind_module_exit(void);

/* i915_gem_vm_bind_job.c */
int i915_vm_bind_job_prepare(struct i915_vm_bind_job *job,
			     struct i915_vm_bind *vb,
			     struct drm_i915_gem_object *obj,
			     u64 offset, u64 length);
void i915_vm_bind_job_commit(struct i915_vm_bind_job *job,
			     struct i915_vm_mapping *mapping);
void i915_vm_bind_job_cancel(struct i915_vm_bind_job *job);
void i915_vm_mapping_clear(struct i915_vm_mapping *mapping);

/* i915_gem_vm_bind_residency.c */
int i915_vm_bind_lock(struct i915_vm_bind *vb, struct i915_gem_ww_ctx *ww);
int i915_vm_bind_validate(struct i915_vm_bind *vb, struct i915_gem_ww_ctx *ww,
			  unsigned int num_fences);
void i915_vm_bind_add_fence(struct i915_vm_bind *vb, struct dma_fence *fence);
int i915_gem_object_vm_bind_evict(struct drm_i915_gem_object *obj,
				  unsigned long flags);

#endif /* __I915_GEM_VM_BIND_H__ */
