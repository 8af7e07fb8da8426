// SPDX-License-Identifier: MIT
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#include <linux/dma-fence.h>

#include "gt/intel_gtt.h"

#include "i915_drv.h"
#include "i915_gem_lmem.h"
#include "i915_gem_object.h"
#include "i915_gem_vm_bind.h"
#include "i915_vma_resource.h"

/**
 * DOC: VM_BIND page table job
 *
 * The only code of VM_BIND that writes page tables. Writing a mapping is cut in
 * two, so that a call which fails has changed nothing:
 *
 * 1. i915_vm_bind_job_prepare() gathers the pages and allocates the worst case
 *    of page tables. It may wait, allocate and fail; nothing is visible yet.
 * 2. i915_vm_bind_job_commit() writes the entries. It neither allocates nor
 *    fails: it is past the point of no return.
 *
 * i915_vm_mapping_clear() is the way back. It neither allocates nor fails
 * either, so that VM_UNBIND and the shrinker can rely on it.
 *
 * Pages are pinned from prepare to commit only. What keeps them afterwards is
 * described in i915_gem_vm_bind_residency.c.
 *
 * Locking: prepare and commit need the reservations of the address space (its
 * page tables are allocated under it) and of the object, held throughout.
 * i915_vm_mapping_clear() needs the object's alone, as the shrinker has no
 * other: the page tables guard themselves, and nobody else can write the range
 * while the mapping stands in the tree.
 */

static void assert_job_held(const struct i915_vm_bind_job *job)
{
	assert_object_held(job->vb->root);
	assert_object_held(job->obj);
}

static int job_get_pages(struct i915_vm_bind_job *job, u64 offset)
{
	const pgoff_t first = offset >> PAGE_SHIFT;
	struct drm_i915_gem_object *obj = job->obj;
	unsigned int skip;
	int err;

	err = i915_gem_object_pin_pages(obj);
	if (err)
		return err;

	/* A migration or clear may be in flight: only then are they ours. */
	err = i915_gem_object_wait_moving_fence(obj, true);
	if (err) {
		i915_gem_object_unpin_pages(obj);
		return err;
	}

	job->sg = i915_gem_object_get_sg_dma(obj, first, &skip);
	job->sg_skip = skip << PAGE_SHIFT;
	return 0;
}

static int job_get_page_tables(struct i915_vm_bind_job *job, u64 length)
{
	struct i915_address_space *vm = job->vb->vm;
	int err;

	if (!vm->allocate_va_range)
		return 0;

	err = i915_vm_alloc_pt_stash(vm, &job->stash, length);
	if (err)
		return err;

	err = i915_vm_map_pt_stash(vm, &job->stash);
	if (err)
		i915_vm_free_pt_stash(vm, &job->stash);

	return err;
}

/**
 * i915_vm_bind_job_prepare - Allocate all that a mapping needs
 * @job: The job, zeroed
 * @vb: Where to bind
 * @obj: What to bind
 * @offset: Where in @obj the mapping starts, in bytes, page aligned
 * @length: How much of @obj is mapped, in bytes, page aligned, not 0
 *
 * The caller holds the reservations of @vb and of @obj in one ww context, and
 * has checked the range.
 *
 * Return: 0, or a negative error code with nothing left to undo: -ENOMEM,
 * -EFAULT where @obj was madvised away, -EINTR or -ERESTARTSYS where a signal
 * came, -EDEADLK where the ww context has to back off, -EIO where clearing the
 * pages has failed.
 */
int i915_vm_bind_job_prepare(struct i915_vm_bind_job *job,
			     struct i915_vm_bind *vb,
			     struct drm_i915_gem_object *obj,
			     u64 offset, u64 length)
{
	int err;

	job->vb = vb;
	job->obj = obj;
	assert_job_held(job);

	err = job_get_pages(job, offset);
	if (err)
		return err;

	err = job_get_page_tables(job, length);
	if (err)
		goto err_pages;

	job->res = i915_vma_resource_alloc();
	if (IS_ERR(job->res)) {
		err = PTR_ERR(job->res);
		goto err_page_tables;
	}

	return 0;

err_page_tables:
	i915_vm_free_pt_stash(vb->vm, &job->stash);
err_pages:
	i915_gem_object_unpin_pages(obj);
	return err;
}

/**
 * i915_vm_bind_job_cancel - Undo i915_vm_bind_job_prepare()
 * @job: A prepared job
 */
void i915_vm_bind_job_cancel(struct i915_vm_bind_job *job)
{
	assert_job_held(job);

	i915_vma_resource_free(job->res);
	i915_vm_free_pt_stash(job->vb->vm, &job->stash);
	i915_gem_object_unpin_pages(job->obj);
}

static void job_init_resource(struct i915_vm_bind_job *job,
			      const struct drm_gpuva *va)
{
	struct i915_address_space *vm = job->vb->vm;
	struct drm_i915_gem_object *obj = job->obj;

	i915_vma_resource_init(job->res, vm, obj->mm.pages,
			       &obj->mm.page_sizes, obj->mm.rsgt,
			       i915_gem_object_is_readonly(obj),
			       i915_gem_object_is_lmem(obj),
			       obj->mm.region, &vm->vma_ops, NULL,
			       va->va.addr, va->va.range, va->va.range, 0);
	job->res->bi.sg = job->sg;
	job->res->bi.sg_skip = job->sg_skip;
}

/**
 * i915_vm_bind_job_commit - Write a mapping to the page tables
 * @job: A prepared job, used up by this call
 * @mapping: A mapping of the range that @job was prepared for. It holds
 * scratch before and the object's pages after.
 */
void i915_vm_bind_job_commit(struct i915_vm_bind_job *job,
			     struct i915_vm_mapping *mapping)
{
	struct i915_address_space *vm = job->vb->vm;
	struct drm_i915_gem_object *obj = job->obj;

	assert_job_held(job);
	GEM_BUG_ON(mapping->res);
	GEM_BUG_ON(mapping->va.gem.obj != &obj->base);

	job_init_resource(job, &mapping->va);
	vm->vma_ops.bind_vma(vm, &job->stash, job->res, obj->pat_index, 0);
	mapping->res = job->res;

	/* The GPU may write from here on, and nothing will say when. */
	obj->mm.dirty = true;
	i915_gem_object_set_vm_bound(obj);

	i915_vm_free_pt_stash(vm, &job->stash);
	i915_gem_object_unpin_pages(obj);
}

/**
 * i915_vm_mapping_clear - Let the page tables of a mapping point to scratch
 * @mapping: The mapping
 *
 * Does not wait for the GPU: a batch that runs may still hold a translation.
 * The TLB is invalidated before the object's pages are released.
 */
void i915_vm_mapping_clear(struct i915_vm_mapping *mapping)
{
	struct drm_i915_gem_object *obj = to_intel_bo(mapping->va.gem.obj);
	struct dma_fence *fence;

	assert_object_held(obj);

	if (!mapping->res)
		return;

	fence = i915_vma_resource_unbind(fetch_and_zero(&mapping->res),
					 obj->mm.tlb);

	/* Nothing to wait for, unless an error capture reads the pages. */
	dma_fence_wait(fence, false);
	dma_fence_put(fence);
}
