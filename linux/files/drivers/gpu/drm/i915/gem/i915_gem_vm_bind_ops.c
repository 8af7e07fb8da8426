// SPDX-License-Identifier: MIT
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#include <linux/dma-fence.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/swap.h>

#include "i915_drv.h"
#include "i915_gem_object.h"
#include "i915_gem_shrinker.h"
#include "i915_gem_timeline_fence.h"
#include "i915_gem_vm_bind_internal.h"
#include "i915_gem_ww.h"
#include "i915_trace.h"
#include "i915_vma.h"

/**
 * DOC: VM_BIND operations
 *
 * VM_BIND and VM_UNBIND are operations (&struct vm_bind_op) of three steps, under
 * &i915_vm_bind.op_lock and, but for the last one, the reservations:
 *
 * 1. Prepare: looks at the tree, and gets all that the change needs. It may wait
 *    for memory, and fail; nothing that others see has changed by then.
 * 2. Commit: changes the tree, and runs the update of the page tables, or arms a
 *    job that will. It neither fails nor allocates.
 * 3. Cleanup: gives back what is left, whether or not the change was committed.
 *
 * A call without an out-fence completes before it returns, and so does not commit
 * while jobs are pending: it drops its locks, waits, and prepares anew. The same is
 * done where pages have not arrived yet, and, a limited number of times, where
 * memory is short or that of a userptr object was invalidated.
 *
 * A submission that binds an evicted mapping again is an operation, too, but has
 * the reservations alone: it leaves the tree as it is.
 */

/*
 * How often a call is tried again where memory of a userptr object was invalidated,
 * or where TTM could not move something for now.
 */
#define VM_BIND_USERPTR_RETRIES 16

struct vm_bind_op {
	struct i915_vm_bind *vb;

	/* What is bound or unbound; NULL for an unbind of nothing. */
	struct i915_vm_mapping *mapping;

	/* Of a new mapping: its object in the address space, a reference. */
	struct drm_gpuvm_bo *vm_bo;

	/* How many fences of the address space that object does not have yet. */
	unsigned int num_batches;

	/* The change of the page tables, and what it has to wait for. */
	struct i915_vm_bind_update update;
	struct dma_fence *moving;

	/* Runs the update; NULL to run it on commit. */
	struct i915_vm_bind_job *job;
};

static struct drm_i915_gem_object *vm_bind_op_obj(const struct vm_bind_op *op)
{
	return op->mapping ? to_intel_bo(op->mapping->va.gem.obj) : NULL;
}

static void vm_bind_op_assert_held(const struct vm_bind_op *op)
{
	assert_object_held(op->vb->root);
	if (op->mapping)
		assert_object_held(vm_bind_op_obj(op));
}

/* Page tables in local memory can be reached only while the device is awake. */
static intel_wakeref_t vm_bind_wake(struct i915_vm_bind *vb)
{
	struct drm_i915_private *i915 = vb->vm->i915;

	return HAS_LMEM(i915) ? intel_runtime_pm_get(&i915->runtime_pm) : 0;
}

static void vm_bind_sleep(struct i915_vm_bind *vb, intel_wakeref_t wakeref)
{
	if (wakeref)
		intel_runtime_pm_put(&vb->vm->i915->runtime_pm, wakeref);
}

static int vm_bind_op_lock(struct vm_bind_op *op, struct i915_gem_ww_ctx *ww)
{
	int err;

	err = i915_vm_bind_lock_resv(op->vb, ww);
	if (err || !op->mapping)
		return err;

	/* A private object is locked by now. */
	if (!drm_gpuvm_is_extobj(&op->vb->gpuvm, op->mapping->va.gem.obj))
		return 0;

	return i915_gem_object_lock(vm_bind_op_obj(op), ww);
}

/* Whether nothing has to be waited for before the update can run. */
static bool vm_bind_op_is_ready(const struct vm_bind_op *op)
{
	return i915_vm_bind_is_idle(op->vb) &&
		(!op->moving || dma_fence_is_signaled(op->moving));
}

/* To be called last, as new page tables may take slots of their own. */
static int vm_bind_op_prepare_job(struct vm_bind_op *op)
{
	struct drm_gpuvm *gpuvm = &op->vb->gpuvm;
	struct drm_i915_gem_object *obj = vm_bind_op_obj(op);
	int err;

	if (obj && drm_gpuvm_is_extobj(gpuvm, &obj->base)) {
		err = dma_resv_reserve_fences(obj->base.resv, 1);
		if (err)
			return err;
	}

	err = dma_resv_reserve_fences(drm_gpuvm_resv(gpuvm), 1);
	if (err)
		return err;

	op->job = i915_vm_bind_job_alloc();
	if (!op->job)
		return -ENOMEM;

	op->update.seqno = op->vb->seqno + 1;
	return 0;
}

static int vm_bind_op_prepare_pages(struct vm_bind_op *op)
{
	struct drm_i915_gem_object *obj = vm_bind_op_obj(op);
	int err;

	vm_bind_op_assert_held(op);

	err = i915_vm_bind_update_prepare(op->vb, &op->update, op->mapping);
	if (err)
		return err;

	/* A move or clear may be in flight: only then are the pages ours. */
	if (dma_resv_test_signaled(obj->base.resv, DMA_RESV_USAGE_KERNEL))
		return 0;

	return i915_gem_object_get_moving_fence(obj, &op->moving);
}

/*
 * -EINPROGRESS where the update can't run at once, -EIO where it could not write
 * the pages.
 */
static int vm_bind_op_check_ready(const struct vm_bind_op *op)
{
	if (!vm_bind_op_is_ready(op))
		return -EINPROGRESS;

	if (op->update.sg && i915_gem_object_has_unknown_state(op->update.obj))
		return -EIO;

	return 0;
}

/* Batches that run already may use the object once it is mapped. */
static int vm_bind_op_prepare_vm_bo(struct vm_bind_op *op)
{
	struct drm_gem_object *obj = op->mapping->va.gem.obj;
	int count = 0;

	op->vm_bo = drm_gpuvm_bo_obtain(&op->vb->gpuvm, obj);
	if (IS_ERR(op->vm_bo))
		return PTR_ERR(fetch_and_zero(&op->vm_bo));

	if (drm_gpuvm_is_extobj(&op->vb->gpuvm, obj) &&
	    list_empty(&op->vm_bo->list.gpuva))
		count = i915_vm_bind_reserve_batches(op->vb, to_intel_bo(obj));

	op->num_batches = max(count, 0);
	return min(count, 0);
}

static int vm_bind_op_prepare_map(struct vm_bind_op *op, bool async)
{
	int err;

	/* Before anything is done that would have to be done once more. */
	if (!async && !i915_vm_bind_is_idle(op->vb))
		return -EINPROGRESS;

	err = vm_bind_op_prepare_pages(op);
	if (err)
		return err;

	if (!async) {
		err = vm_bind_op_check_ready(op);
		if (err)
			return err;
	}

	err = vm_bind_op_prepare_vm_bo(op);
	if (err)
		return err;

	return async ? vm_bind_op_prepare_job(op) : 0;
}

/* Returns a reference to the fence of the job, or NULL where none was needed. */
static struct dma_fence *vm_bind_op_run(struct vm_bind_op *op)
{
	struct i915_vm_bind_job *job = fetch_and_zero(&op->job);

	vm_bind_op_assert_held(op);

	if (job)
		return i915_vm_bind_job_arm(job, op->vb, &op->update,
					    op->moving);

	GEM_BUG_ON(!vm_bind_op_is_ready(op));
	/* The pages have arrived: see vm_bind_op_check_ready(). */
	GEM_WARN_ON(i915_vm_bind_update_run(op->vb, &op->update));
	return NULL;
}

/* The mapping counts as bound from here on, even if a job is to write it. */
static struct dma_fence *vm_bind_op_commit_bound(struct vm_bind_op *op)
{
	struct drm_i915_gem_object *obj = vm_bind_op_obj(op);

	i915_vm_mapping_set_bound(op->mapping, &op->update);

	/* The GPU may write from here on, and nothing will say when. */
	obj->mm.dirty = true;
	i915_gem_object_set_vm_bound(obj);

	return vm_bind_op_run(op);
}

static struct dma_fence *vm_bind_op_commit_map(struct vm_bind_op *op)
{
	lockdep_assert_held(&op->vb->op_lock);

	if (op->num_batches)
		i915_vm_bind_add_batches(op->vb, vm_bind_op_obj(op));
	i915_vm_mapping_insert(op->mapping, op->vm_bo);

	return vm_bind_op_commit_bound(op);
}

/* The mapping is freed, its pages stay until the update has run. */
static struct dma_fence *vm_bind_op_commit_unmap(struct vm_bind_op *op)
{
	struct dma_fence *fence;

	lockdep_assert_held(&op->vb->op_lock);

	if (op->mapping && i915_vm_mapping_is_bound(op->mapping)) {
		op->update.start = op->mapping->va.va.addr;
		op->update.length = op->mapping->va.va.range;
		i915_vm_mapping_set_bound(op->mapping, NULL);
	}
	op->update.obj = vm_bind_op_obj(op);

	fence = vm_bind_op_run(op);
	if (op->mapping)
		i915_vm_mapping_destroy(fetch_and_zero(&op->mapping));

	return fence;
}

/* To be called once for each time that the operation was prepared. */
static void vm_bind_op_cleanup(struct vm_bind_op *op)
{
	if (op->vm_bo)
		drm_gpuvm_bo_put(op->vm_bo); /* a new mapping holds its own */
	op->vm_bo = NULL;

	/* A job is the last thing that is prepared. */
	GEM_BUG_ON(op->job);
	op->update.seqno = 0;

	dma_fence_put(op->moving);
	op->moving = NULL;

	i915_vm_bind_update_fini(op->vb, &op->update);
}

/* Without a job, all is done. */
static void vm_bind_publish(struct i915_timeline_fence *out,
			    struct dma_fence *fence)
{
	if (!i915_timeline_fence_is_signal(out))
		return;

	fence = fence ?: dma_fence_get_stub();
	i915_timeline_fence_signal(out, fence);
	dma_fence_put(fence);
}

static int vm_bind_map_locked(struct vm_bind_op *op,
			      struct i915_timeline_fence *out)
{
	bool cookie;
	int err;

	err = vm_bind_op_prepare_map(op, i915_timeline_fence_is_signal(out));
	if (!err) {
		cookie = dma_fence_begin_signalling();
		vm_bind_publish(out, vm_bind_op_commit_map(op));
		dma_fence_end_signalling(cookie);
	}
	vm_bind_op_cleanup(op);

	return err;
}

static int vm_bind_lock_and_map(struct i915_vm_bind *vb,
				struct i915_vm_mapping *mapping,
				struct i915_timeline_fence *out)
{
	struct vm_bind_op op = { .vb = vb, .mapping = mapping };
	struct i915_gem_ww_ctx ww;
	int err;

	lockdep_assert_held(&vb->op_lock);

	if (!drm_gpuvm_interval_empty(&vb->gpuvm, mapping->va.va.addr,
				      mapping->va.va.range))
		return -EEXIST;

	for_i915_gem_ww(&ww, err, true) {
		err = vm_bind_op_lock(&op, &ww);
		if (!err)
			err = vm_bind_map_locked(&op, out);
	}

	return err;
}

/* Waits for user space, and for batches: without any lock. */
static int vm_bind_op_pin_userptr(struct drm_i915_gem_object *obj)
{
	if (!i915_gem_object_is_userptr(obj) ||
	    i915_gem_object_userptr_is_valid(obj))
		return 0;

	return i915_gem_object_userptr_submit_init(obj);
}

static int vm_bind_map_once(struct i915_vm_bind *vb,
			    struct i915_vm_mapping *mapping,
			    struct i915_timeline_fence *out)
{
	intel_wakeref_t wakeref;
	int err;

	err = vm_bind_op_pin_userptr(to_intel_bo(mapping->va.gem.obj));
	if (err)
		return err;

	err = mutex_lock_interruptible(&vb->op_lock);
	if (err)
		return err;

	wakeref = vm_bind_wake(vb);
	err = vm_bind_lock_and_map(vb, mapping, out);
	vm_bind_sleep(vb, wakeref);

	mutex_unlock(&vb->op_lock);
	return err;
}

/* Each memory region has an error of its own for being full. */
static bool vm_bind_is_out_of_memory(int err)
{
	return err == -ENOMEM || err == -ENOSPC || err == -ENXIO;
}

/* Reclaims system memory. Returns false if @size exceeds all of it. */
static bool vm_bind_make_room(struct drm_i915_private *i915, u64 size)
{
	const u64 pages = size >> PAGE_SHIFT;
	intel_wakeref_t wakeref;

	/*
	 * TTM says the same where local memory is full, which is no reason to
	 * drop the system memory of others.
	 */
	if (HAS_LMEM(i915))
		return true;

	/* Nobody knows how much: all that nobody uses. */
	if (!size) {
		i915_gem_shrink_all(i915);
		return true;
	}

	if (pages > totalram_pages())
		return false;

	with_intel_runtime_pm(&i915->runtime_pm, wakeref)
		i915_gem_shrink(NULL, i915, 2 * pages + SWAP_CLUSTER_MAX, NULL,
				I915_SHRINK_BOUND | I915_SHRINK_UNBOUND);
	return true;
}

/**
 * i915_vm_bind_should_retry - Decide whether a call that failed is tried again
 * @vb: The address space, not locked
 * @retry: What was tried, zeroed at first
 * @size: How many bytes the call needs, or 0 where nobody knows
 * @err: How the call failed; on return false how it ends
 *
 * Private objects can't be reclaimed while their address space is locked. So a call
 * that is out of memory is tried once more, after its locks were dropped.
 *
 * Memory of a userptr object may be invalidated between its look-up and the locks, and
 * TTM may be unable to move an object for now. Then the call is tried
 * VM_BIND_USERPTR_RETRIES times more before it returns -EAGAIN.
 *
 * Return: Whether to try again.
 */
bool i915_vm_bind_should_retry(struct i915_vm_bind *vb,
			       struct i915_vm_bind_retry *retry, u64 size,
			       int *err)
{
	if (*err == -EAGAIN)
		return retry->raced++ < VM_BIND_USERPTR_RETRIES;

	if (!vm_bind_is_out_of_memory(*err))
		return false;

	if (!retry->short_of_memory &&
	    (*err != -ENOMEM || vm_bind_make_room(vb->vm->i915, size))) {
		retry->short_of_memory = true;
		return true;
	}

	*err = -ENOMEM;
	return false;
}

static int vm_bind_map_retry(struct i915_vm_bind *vb,
			     struct i915_vm_mapping *mapping,
			     struct i915_timeline_fence *out)
{
	struct drm_i915_gem_object *obj = to_intel_bo(mapping->va.gem.obj);
	struct i915_vm_bind_retry retry = {};
	int err;

	do {
		err = vm_bind_map_once(vb, mapping, out);
		while (err == -EINPROGRESS) {
			err = i915_vm_bind_wait(vb, obj);
			if (err)
				return err;
			err = vm_bind_map_once(vb, mapping, out);
		}
	} while (i915_vm_bind_should_retry(vb, &retry, obj->base.size, &err));

	return err == -EEXIST ? -ENOSPC : err;
}

/**
 * i915_vm_bind_map - Map a range of an object
 * @vb: The address space
 * @obj: The object
 * @start: The address, in bytes, page aligned
 * @offset: Where in @obj the mapping starts, in bytes, page aligned
 * @length: How much of @obj is mapped, in bytes, page aligned, not 0
 * @flags: Those of &struct drm_i915_gem_vm_bind
 * @out: What to signal, or one that stands for no fence: then the mapping is
 * written on return
 *
 * The caller has checked the range against the ends of @vb and of @obj, and
 * holds no lock.
 *
 * Return: 0; -ENOSPC where the range overlaps a mapping, evicted ones included;
 * -EIO where the pages could not be cleared; -EAGAIN where the memory of a
 * userptr object was invalidated over and over; -EFAULT where @obj was madvised
 * away; -ENOMEM; -EINTR or -ERESTARTSYS.
 */
int i915_vm_bind_map(struct i915_vm_bind *vb, struct drm_i915_gem_object *obj,
		     u64 start, u64 offset, u64 length, u64 flags,
		     struct i915_timeline_fence *out)
{
	struct i915_vm_mapping *mapping;
	int err;

	mapping = i915_vm_mapping_create(flags);
	if (!mapping)
		return -ENOMEM;

	drm_gpuva_init(&mapping->va, start, length, &obj->base, offset);

	err = vm_bind_map_retry(vb, mapping, out);
	if (err)
		kfree(mapping);

	return err;
}

/* Where there is no memory for a job, the caller waits in its place. */
static int vm_bind_op_prepare_unmap(struct vm_bind_op *op, bool async)
{
	if (async && !vm_bind_op_prepare_job(op))
		return 0;

	return vm_bind_op_check_ready(op);
}

static int vm_bind_lock_and_unmap(struct vm_bind_op *op,
				  struct i915_timeline_fence *out)
{
	struct i915_gem_ww_ctx ww;
	bool cookie;
	int err;

	for_i915_gem_ww(&ww, err, true) {
		err = vm_bind_op_lock(op, &ww);
		if (!err)
			err = vm_bind_op_prepare_unmap(op,
						       i915_timeline_fence_is_signal(out));
		if (err)
			continue;

		cookie = dma_fence_begin_signalling();
		vm_bind_publish(out, vm_bind_op_commit_unmap(op));
		dma_fence_end_signalling(cookie);
	}

	vm_bind_op_cleanup(op);
	return err;
}

static int vm_bind_unmap_once(struct i915_vm_bind *vb, u64 start, u64 length,
			      struct i915_timeline_fence *out)
{
	struct vm_bind_op op = { .vb = vb };
	intel_wakeref_t wakeref;
	struct drm_gpuva *va;
	int err;

	err = mutex_lock_interruptible(&vb->op_lock);
	if (err)
		return err;

	wakeref = vm_bind_wake(vb);

	va = drm_gpuva_find_first(&vb->gpuvm, start, length);
	op.mapping = va ? to_vm_mapping(va) : NULL;
	if (va && (va->va.addr != start || va->va.range != length))
		err = -EINVAL;
	else
		err = vm_bind_lock_and_unmap(&op, out);

	vm_bind_sleep(vb, wakeref);
	mutex_unlock(&vb->op_lock);
	return err;
}

/**
 * i915_vm_bind_unmap - Take a mapping down
 * @vb: The address space
 * @start: The address, in bytes, page aligned
 * @length: The length of the range, in bytes, page aligned, not 0
 * @out: What to signal, or one that stands for no fence: then the range holds
 * scratch on return
 *
 * Never fails for lack of memory. The caller holds no reservation.
 *
 * Where the range holds no mapping, @out is signalled after what was unbound
 * there before.
 *
 * Return: 0, also where the range holds no mapping; -EINVAL where it holds
 * anything but exactly one; -EINTR or -ERESTARTSYS.
 */
int i915_vm_bind_unmap(struct i915_vm_bind *vb, u64 start, u64 length,
		       struct i915_timeline_fence *out)
{
	int err;

	do {
		err = vm_bind_unmap_once(vb, start, length, out);
		if (err != -EINPROGRESS)
			return err;

		err = i915_vm_bind_wait(vb, NULL);
	} while (!err);

	return err;
}

/**
 * i915_vm_bind_rebind - Bind an evicted mapping again
 * @vb: The address space, its reservation held
 * @mapping: The mapping, in the tree, the reservation of its object held
 *
 * Where the pages have not arrived yet, or jobs are pending, a job will write the
 * mapping.
 *
 * Return: 0; -EIO where the pages could not be cleared; or what
 * i915_vm_bind_update_prepare() returns.
 */
int i915_vm_bind_rebind(struct i915_vm_bind *vb,
			struct i915_vm_mapping *mapping)
{
	struct vm_bind_op op = { .vb = vb, .mapping = mapping };
	int err;

	err = vm_bind_op_prepare_pages(&op);
	if (!err)
		err = vm_bind_op_check_ready(&op);
	if (err == -EINPROGRESS)
		err = vm_bind_op_prepare_job(&op);
	if (!err) {
		trace_i915_vm_rebind(mapping);
		dma_fence_put(vm_bind_op_commit_bound(&op));
	}
	vm_bind_op_cleanup(&op);

	return err;
}

/* How many mappings are taken down before the locks are dropped. */
#define VM_BIND_UNMAP_BATCH 64

/* With no reference to the address space left, no job is pending. */
static int vm_bind_unmap_some(struct i915_vm_bind *vb,
			      struct i915_gem_ww_ctx *ww)
{
	unsigned int left = VM_BIND_UNMAP_BATCH;
	struct drm_gem_object *external = NULL;
	struct drm_gpuva *va, *next;
	int err;

	err = i915_vm_bind_lock_resv(vb, ww);
	if (err)
		return err;

	drm_gpuvm_for_each_va_safe(va, next, &vb->gpuvm) {
		struct i915_vm_mapping *mapping = to_vm_mapping(va);
		struct drm_gem_object *obj = va->gem.obj;

		if (!left--)
			break;

		/* Others may hold it for long: wait with no other one locked. */
		if (drm_gpuvm_is_extobj(&vb->gpuvm, obj) && obj != external) {
			if (external)
				break;
			err = i915_gem_object_lock(to_intel_bo(obj), ww);
			if (err)
				return err;
			external = obj;
		}

		/* The page tables are freed as they are; the TLB has to know. */
		if (i915_vm_mapping_is_bound(mapping)) {
			vma_invalidate_tlb(vb->vm, to_intel_bo(obj)->mm.tlb);
			i915_vm_mapping_set_bound(mapping, NULL);
		}
		i915_vm_mapping_destroy(mapping);
	}

	return 0;
}

/**
 * i915_vm_bind_unmap_all - Take all mappings of a dying address space down
 * @vb: The address space, with no reference left
 */
void i915_vm_bind_unmap_all(struct i915_vm_bind *vb)
{
	struct i915_gem_ww_ctx ww;
	int err = 0;

	mutex_lock(&vb->op_lock);
	while (!err && !drm_gpuvm_interval_empty(&vb->gpuvm, 0, vb->vm->total)) {
		for_i915_gem_ww(&ww, err, false)
			err = vm_bind_unmap_some(vb, &ww);
		cond_resched();
	}
	GEM_WARN_ON(err);

	ttm_lru_bulk_move_fini(&vb->vm->i915->bdev, &vb->lru);
	i915_vm_bind_free_cache(vb);
	mutex_unlock(&vb->op_lock);
}
