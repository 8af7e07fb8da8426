/* SPDX-License-Identifier: MIT */
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#ifndef __I915_GEM_VM_BIND_H__
#define __I915_GEM_VM_BIND_H__

#include <linux/container_of.h>
#include <linux/dma-fence.h>
#include <linux/errno.h>
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include <drm/drm_gpuvm.h>
#include <drm/ttm/ttm_resource.h>

#include "gt/intel_gtt.h"

#include "i915_sw_fence.h"
#include "intel_wakeref.h"

struct drm_i915_gem_object;
struct drm_i915_private;
struct i915_gem_ww_ctx;
struct i915_page_table;
struct i915_request;
struct i915_timeline_fence;
struct i915_vma_bindinfo;
struct i915_vma_resource;
struct scatterlist;
struct seq_file;

/*
 * How often memory that is invalidated while a call looks at it is pinned anew
 * before user space is told to try again.
 */
#define I915_VM_BIND_USERPTR_RETRIES 16

/*
 * How many mappings of an object reclaim takes out of the page tables at once: an
 * object may have any number of them.
 */
#define I915_VM_BIND_MAX_SHRINK 1024

/*
 * What an error state shows at most of the mappings that are marked for it, in
 * the order in which they were made: mappings, and bytes.
 */
#define I915_VM_BIND_MAX_CAPTURES 1024u
#define I915_VM_BIND_MAX_CAPTURE_SIZE SZ_64M

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
	 * @lock: Serialises VM_BIND, VM_UNBIND and the teardown, and lets
	 * others read the tree without a reservation. Outside of every
	 * reservation. Never held while user space is waited for; nor batches,
	 * except where pages need room in local memory.
	 */
	struct mutex lock;

	/**
	 * @fence_context: The timeline of the jobs, which complete in the order
	 * of their seqnos.
	 */
	u64 fence_context;

	/** @seqno: Of the last job. Protected by the reservation of @vm. */
	u64 seqno;

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
	struct i915_vm_mapping *last_batch;

	/**
	 * @num_userptr: How many mappings show userptr objects. Changes under
	 * @lock and the reservation of @vm.
	 */
	unsigned int num_userptr;

	/**
	 * @lru: The mapped private objects in local memory: a submission moves
	 * all of them to the end of TTM's LRU. Protected by TTM's LRU lock.
	 */
	struct ttm_lru_bulk_move lru;

	/** @spare_lock: An innermost lock. Protects @spare and @num_spare. */
	spinlock_t spare_lock;

	/** @spare: Page tables for the next job. */
	struct i915_vm_pt_stash spare;

	/** @num_spare: How many of each kind @spare has. */
	unsigned int num_spare[2];

	/** @capture_lock: An innermost lock. Protects @captures, @num_captures. */
	spinlock_t capture_lock;

	/** @captures: The &struct i915_vm_capture that are mapped. */
	struct list_head captures;

	/** @num_captures: How many they are. */
	unsigned int num_captures;
};

/**
 * struct i915_vm_mapping - A persistent mapping: a range of addresses that
 * shows a range of an object
 */
struct i915_vm_mapping {
	/** @va: The place in the address space and in the object's lists. */
	struct drm_gpuva va;

	/**
	 * @res: What the page tables hold for this mapping, or will once its
	 * job has run; NULL while they hold scratch, because the object was
	 * evicted. Protected by the object's reservation; that of a
	 * &struct i915_vm_capture by &i915_vm_bind.capture_lock as well.
	 */
	struct i915_vma_resource *res;
};

/* Whether an object does not share the reservation of the address space. */
static inline bool i915_vm_bind_is_external(const struct i915_vm_bind *vb,
					    const struct drm_gem_object *obj)
{
	return obj->resv != vb->gpuvm.r_obj->resv;
}

/* In &drm_gpuva.flags: the mapping is a struct i915_vm_capture. */
#define I915_VM_MAPPING_CAPTURE DRM_GPUVA_USERBITS

/**
 * struct i915_vm_capture - A mapping that error states show
 */
struct i915_vm_capture {
	/** @base: The mapping. */
	struct i915_vm_mapping base;

	/** @link: In &i915_vm_bind.captures. */
	struct list_head link;
};

static inline struct i915_vm_capture *
to_vm_capture(struct i915_vm_mapping *mapping)
{
	return container_of(mapping, struct i915_vm_capture, base);
}

static inline struct i915_vm_mapping *to_vm_mapping(struct drm_gpuva *va)
{
	return container_of(va, struct i915_vm_mapping, va);
}

static inline struct i915_vm_bind *to_vm_bind(struct drm_gpuvm *gpuvm)
{
	return container_of(gpuvm, struct i915_vm_bind, gpuvm);
}

/**
 * struct i915_vm_bind_job - One change of the page tables: a mapping to be
 * written, or to be turned to scratch
 *
 * Created by a function that may fail; then attached to a mapping, and run or
 * queued, none of which may fail; or cancelled.
 */
struct i915_vm_bind_job {
	/**
	 * @fence: Signals when the page tables are written. Initialised by
	 * i915_vm_bind_job_queue(), so that a job that was run was never seen.
	 */
	struct dma_fence fence;

	/** @lock: That of @fence. */
	spinlock_t lock;

	/** @chain: Completes when the job may run. */
	struct i915_sw_fence chain;

	/** @after_last: Lets @chain wait for the previous job. */
	struct i915_sw_dma_fence_cb after_last;

	/** @after_move: Lets @chain wait for @moving. */
	struct i915_sw_dma_fence_cb after_move;

	/** @work: Runs the job. */
	struct work_struct work;

	/** @i915: The device, for those who meet the fence. */
	struct drm_i915_private *i915;

	/**
	 * @vb: The address space. A queued job holds a reference of
	 * &i915_vm_bind.vm.
	 */
	struct i915_vm_bind *vb;

	/**
	 * @obj: What is bound or unbound, a reference. NULL where there is
	 * nothing to do but to keep the order.
	 */
	struct drm_i915_gem_object *obj;

	/** @res: What is to be written, or to be taken out. */
	struct i915_vma_resource *res;

	/** @clear: Take @res out. */
	bool clear;

	/** @moving: What has to be done with the pages first, or NULL. */
	struct dma_fence *moving;

	/** @stash: All the page tables that the range may need. */
	struct i915_vm_pt_stash stash;

	/** @sg: The scatterlist entry in which the range of @obj starts. */
	struct scatterlist *sg;

	/** @sg_skip: Bytes of @sg before that range. */
	unsigned int sg_skip;

	/** @wakeref: Where page tables lie in local memory. */
	intel_wakeref_t wakeref;
};

/*
 * Memory regions have names of their own for being full, one of which VM_BIND has
 * for an overlap.
 */
static inline bool i915_vm_bind_is_shortage(int err)
{
	return err == -ENOMEM || err == -ENOSPC || err == -ENXIO;
}

/* i915_gem_vm_bind_object.c */
bool i915_vm_bind_is_supported(const struct drm_i915_private *i915);
int i915_vm_bind_init(struct i915_address_space *vm);
int i915_vm_bind_map(struct i915_vm_bind *vb, struct drm_i915_gem_object *obj,
		     u64 start, u64 offset, u64 length, u64 flags,
		     struct i915_timeline_fence *out);
int i915_vm_bind_unmap(struct i915_vm_bind *vb, u64 start, u64 length,
		       struct i915_timeline_fence *out);
void i915_vm_bind_unmap_all(struct i915_vm_bind *vb);
void i915_vm_bind_put(struct i915_vm_bind *vb);

void i915_vm_bind_queue_release(struct work_struct *work);
void i915_vm_bind_flush_release(void);

int i915_vm_bind_module_init(void);
void i915_vm_bind_module_exit(void);

/* i915_gem_vm_bind_job.c */
struct i915_vm_bind_job *
i915_vm_bind_job_create_map(struct i915_vm_bind *vb,
			    const struct i915_vm_mapping *mapping);
struct i915_vm_bind_job *
i915_vm_bind_job_create_clear(struct i915_vm_bind *vb,
			      struct drm_i915_gem_object *obj);
void i915_vm_bind_job_cancel(struct i915_vm_bind_job *job);
int i915_vm_bind_job_check(struct i915_vm_bind_job *job);
bool i915_vm_bind_job_is_ready(struct i915_vm_bind_job *job);
void i915_vm_bind_job_attach(struct i915_vm_bind_job *job,
			     struct i915_vm_mapping *mapping);
void i915_vm_bind_job_run(struct i915_vm_bind_job *job);
struct dma_fence *i915_vm_bind_job_queue(struct i915_vm_bind_job *job);

bool i915_vm_bind_is_job_fence(const struct dma_fence *fence,
			       const struct drm_i915_private *i915);
bool i915_vm_bind_is_idle(const struct i915_vm_bind *vb);
int i915_vm_bind_wait(struct i915_vm_bind *vb,
		      struct drm_i915_gem_object *obj);
int i915_vm_bind_await(struct i915_vm_bind *vb, struct i915_request *rq);
void i915_vm_bind_flush_jobs(struct drm_i915_private *i915);
void i915_vm_mapping_clear(struct i915_vm_mapping *mapping);

int i915_vm_bind_device_init(struct drm_i915_private *i915);
void i915_vm_bind_device_fini(struct drm_i915_private *i915);

/* i915_gem_vm_bind_tables.c */
int i915_vm_bind_get_tables(struct i915_vm_bind *vb,
			    struct i915_vm_pt_stash *stash,
			    const struct i915_vma_bindinfo *bi,
			    u64 start, u64 length);
void i915_vm_bind_put_tables(struct i915_vm_bind *vb,
			     struct i915_vm_pt_stash *stash);
bool i915_vm_bind_keep_table(struct i915_vm_bind *vb,
			     struct i915_page_table *pt, int lvl);
void i915_vm_bind_free_tables(struct i915_vm_bind *vb);

/* i915_gem_vm_bind_residency.c */
int i915_vm_bind_lock(struct i915_vm_bind *vb, struct i915_gem_ww_ctx *ww);
int i915_vm_bind_pin_userptr(struct i915_vm_bind *vb);
int i915_vm_bind_validate(struct i915_vm_bind *vb, struct i915_gem_ww_ctx *ww,
			  unsigned int num_fences);
void i915_vm_bind_add_fence(struct i915_vm_bind *vb, struct dma_fence *fence);
int i915_vm_bind_reserve_batches(struct i915_vm_bind *vb,
				 struct drm_i915_gem_object *obj);
void i915_vm_bind_add_batches(struct i915_vm_bind *vb,
			      struct drm_i915_gem_object *obj);
int i915_gem_object_vm_bind_evict(struct drm_i915_gem_object *obj,
				  unsigned long flags);

/* i915_gem_vm_bind_info.c */
int i915_vm_bind_show(struct i915_vm_bind *vb, struct seq_file *m);

#endif /* __I915_GEM_VM_BIND_H__ */
