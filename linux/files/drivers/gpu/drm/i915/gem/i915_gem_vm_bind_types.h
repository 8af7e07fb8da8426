/* SPDX-License-Identifier: MIT */
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#ifndef __I915_GEM_VM_BIND_TYPES_H__
#define __I915_GEM_VM_BIND_TYPES_H__

#include <linux/container_of.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock_types.h>
#include <linux/types.h>

#include <drm/drm_gpuvm.h>
#include <drm/ttm/ttm_resource.h>

#include "gt/intel_gtt.h"

struct dma_fence;
struct drm_i915_gem_object;
struct scatterlist;

/* As in &struct i915_vm_pt_stash: page tables, and directories of any level. */
enum i915_vm_bind_pt_kind {
	I915_VM_BIND_PT,
	I915_VM_BIND_PD,
	I915_VM_BIND_PT_KINDS
};

/**
 * struct i915_vm_bind - What an address space in VM_BIND mode has beyond a
 * legacy one
 *
 * Allocated apart from &struct i915_address_space, so that a legacy address
 * space pays one pointer. Freed when the last reference to @gpuvm goes, which
 * is after the address space was torn down.
 */
struct i915_vm_bind {
	/**
	 * @gpuvm: The mappings, by address and by object. Its common
	 * reservation is that of the page tables. The tree and the list of
	 * external objects change under @op_lock and the reservation, so that
	 * either is enough to read them; the tree changes under @tree_lock as
	 * well. The lists of an object change under the object's reservation.
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
	 * @op_lock: Serialises VM_BIND, VM_UNBIND and the teardown, and lets
	 * others read the tree without a reservation. Outside of every
	 * reservation. Never held while the caller waits for user space; nor
	 * for batches, except where pages need room in local memory.
	 */
	struct mutex op_lock;

	/**
	 * @tree_lock: An innermost lock. Lets error captures and jobs, which can
	 * take no reservation, read the tree and &drm_gpuva.flags, and lets a
	 * job that failed mark its mapping. Protects @captures and
	 * @num_captures.
	 */
	spinlock_t tree_lock;

	/** @captures: The &struct i915_vm_capture that are mapped. */
	struct list_head captures;

	/** @num_captures: How many they are. */
	unsigned int num_captures;

	/**
	 * @fence_context: The timeline of the jobs, which complete in the order
	 * of their seqnos.
	 */
	u64 fence_context;

	/** @seqno: Of the last job. Protected by the reservation of @vm. */
	u64 seqno;

	/**
	 * @completed: The seqno of the last job that has run. Protected by
	 * @tree_lock.
	 */
	u64 completed;

	/**
	 * @last: The fence of the last job, or NULL. Changes under the
	 * reservation of @vm, and can be read under RCU.
	 */
	struct dma_fence __rcu *last;

	/**
	 * @failed: A job could not write its mapping since this was reset, by
	 * i915_vm_bind_validate() under the reservation of @vm.
	 */
	bool failed;

	/**
	 * @last_batch: Where EXECBUFFER3 found the last batch, or NULL. A hint,
	 * as many batches come from few mappings. Protected by the reservation
	 * of @vm.
	 */
	struct drm_gpuva *last_batch;

	/**
	 * @num_userptr: How many mappings map userptr objects. Changes under
	 * @op_lock and the reservation of @vm.
	 */
	unsigned int num_userptr;

	/**
	 * @lru: The mapped private objects in local memory: a submission moves
	 * all of them to the end of TTM's LRU. Protected by TTM's LRU lock.
	 */
	struct ttm_lru_bulk_move lru;

	/** @cache_lock: An innermost lock. Protects @cache and @num_cached. */
	spinlock_t cache_lock;

	/** @cache: Page tables for the next update. */
	struct i915_vm_pt_stash cache;

	/** @num_cached: How many of each kind @cache has. */
	unsigned int num_cached[I915_VM_BIND_PT_KINDS];
};

/*
 * In &drm_gpuva.flags. They change under the object's reservation and
 * &i915_vm_bind.tree_lock, so that either is enough to read them; but a failed job
 * has tree_lock alone, and sets I915_VM_MAPPING_FAILED, so that who has only the
 * reservation reads them with READ_ONCE().
 */

/* The mapping is a &struct i915_vm_capture. Constant. */
#define I915_VM_MAPPING_CAPTURE (DRM_GPUVA_USERBITS << 0)

/*
 * Set: the page tables hold the pages of the object, or will once the mapping's job has
 * run. Clear: the mapping is evicted, and they hold scratch.
 */
#define I915_VM_MAPPING_BOUND (DRM_GPUVA_USERBITS << 1)

/* With I915_VM_MAPPING_BOUND: the job failed, and left scratch. */
#define I915_VM_MAPPING_FAILED (DRM_GPUVA_USERBITS << 2)

/**
 * struct i915_vm_mapping - A persistent mapping: a range of addresses that maps a
 * range of an object
 */
struct i915_vm_mapping {
	/** @va: The place in the address space and in the object's lists. */
	struct drm_gpuva va;

	/**
	 * @seqno: Of the job that binds the mapping, or 0 if there was none.
	 * Changes with &drm_gpuva.flags.
	 */
	u64 seqno;
};

/**
 * struct i915_vm_capture - A mapping that error states show
 */
struct i915_vm_capture {
	/** @base: The mapping. */
	struct i915_vm_mapping base;

	/** @link: In &i915_vm_bind.captures. */
	struct list_head link;

	/**
	 * @sg: While it is bound: the scatterlist entry in which its range of
	 * the object starts. Changes with &drm_gpuva.flags, as does @sg_skip.
	 */
	struct scatterlist *sg;

	/** @sg_skip: Bytes of @sg before that range. */
	unsigned int sg_skip;
};

/**
 * struct i915_vm_bind_update - One change of the page tables
 *
 * Prepared by a function that may fail, and run by one that does not. See
 * i915_gem_vm_bind_pt.c.
 */
struct i915_vm_bind_update {
	/** @obj: What the range maps, or mapped until now; NULL for no mapping. */
	struct drm_i915_gem_object *obj;

	/** @start: The first address, in bytes. */
	u64 start;

	/** @length: The length of the range, in bytes; 0 for no change. */
	u64 length;

	/** @seqno: Of the job that runs the update, or 0 if there is none. */
	u64 seqno;

	/**
	 * @sg: To write entries: the scatterlist entry in which the range of
	 * @obj starts, whose pages are pinned. NULL to clear them.
	 */
	struct scatterlist *sg;

	/** @sg_skip: Bytes of @sg before that range. */
	unsigned int sg_skip;

	/** @is_lmem: To write entries: @obj is in local memory. */
	bool is_lmem;

	/** @stash: All the page tables that the range may need. */
	struct i915_vm_pt_stash stash;
};

static inline struct i915_vm_bind *to_vm_bind(struct drm_gpuvm *gpuvm)
{
	return container_of(gpuvm, struct i915_vm_bind, gpuvm);
}

#endif /* __I915_GEM_VM_BIND_TYPES_H__ */
