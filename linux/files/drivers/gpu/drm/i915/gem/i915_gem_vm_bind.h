/* SPDX-License-Identifier: MIT */
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#ifndef __I915_GEM_VM_BIND_H__
#define __I915_GEM_VM_BIND_H__

#include <linux/sizes.h>
#include <linux/types.h>

#include "i915_gem_vm_bind_types.h"

struct dma_fence;
struct drm_i915_gem_object;
struct drm_i915_private;
struct i915_address_space;
struct i915_gem_ww_ctx;
struct i915_request;
struct scatterlist;
struct seq_file;
struct work_struct;

/*
 * Limits of what the dump of one request shows: marked mappings, the oldest first,
 * and their bytes; bytes of the batch, from where it starts.
 */
#define I915_VM_BIND_MAX_CAPTURES 1024u
#define I915_VM_BIND_MAX_CAPTURE_SIZE SZ_64M
#define I915_VM_BIND_MAX_BATCH_SIZE SZ_1M

/* i915_gem_vm_bind.c: the device, and its address spaces */
int i915_vm_bind_module_init(void);
void i915_vm_bind_module_exit(void);
int i915_vm_bind_device_init(struct drm_i915_private *i915);
void i915_vm_bind_device_fini(struct drm_i915_private *i915);

bool i915_vm_bind_is_supported(const struct drm_i915_private *i915);
int i915_vm_bind_init(struct i915_address_space *vm);
void i915_vm_bind_put(struct i915_vm_bind *vb);
void i915_vm_bind_queue_release(struct work_struct *work);
void i915_vm_bind_flush_release(void);

/* i915_gem_vm_bind_ops.c: what changes an address space */
void i915_vm_bind_unmap_all(struct i915_vm_bind *vb);

struct i915_vm_bind_retry {
	unsigned int raced;
	bool short_of_memory;
};

bool i915_vm_bind_should_retry(struct i915_vm_bind *vb,
			       struct i915_vm_bind_retry *retry, u64 size,
			       int *err);

/* i915_gem_vm_bind_job.c: what was queued */
bool i915_vm_bind_is_job_fence(const struct dma_fence *fence,
			       const struct drm_i915_private *i915);
int i915_vm_bind_await(struct i915_vm_bind *vb, struct i915_request *rq);
void i915_vm_bind_flush_jobs(struct drm_i915_private *i915);

/* i915_gem_vm_bind_evict.c: objects that lose their pages, and get them back */
int i915_vm_bind_pin_userptr(struct i915_vm_bind *vb);
int i915_vm_bind_validate(struct i915_vm_bind *vb, struct i915_gem_ww_ctx *ww,
			  unsigned int num_fences);
void i915_vm_bind_add_fence(struct i915_vm_bind *vb, struct dma_fence *fence);
int i915_gem_object_vm_bind_evict(struct drm_i915_gem_object *obj,
				  unsigned long flags);

/* i915_gem_vm_bind_debug.c: what is shown of an address space */
struct i915_vm_bind_snapshot {
	struct drm_i915_gem_object *obj; /* a reference; its pages stay */
	u64 start, offset, length; /* in bytes */
	struct scatterlist *sg; /* where @offset lies, or NULL: not looked for */
	unsigned int sg_skip;
};

bool i915_vm_bind_snapshot_batch(struct i915_vm_bind *vb, u64 address,
				 struct i915_vm_bind_snapshot *snapshot);
unsigned int i915_vm_bind_snapshot_captures(struct i915_vm_bind *vb,
					    struct i915_vm_bind_snapshot *snapshots,
					    unsigned int max);
void i915_vm_bind_snapshot_fini(struct i915_vm_bind_snapshot *snapshot);
int i915_vm_bind_show(struct i915_vm_bind *vb, struct seq_file *m);

#endif /* __I915_GEM_VM_BIND_H__ */
