// SPDX-License-Identifier: MIT
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#include <linux/dma-resv.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/wait_bit.h>

#include <drm/drm_gem.h>

#include "i915_drv.h"
#include "i915_gem_object.h"
#include "i915_gem_vm_bind_internal.h"
#include "i915_gem_ww.h"
#include "i915_trace.h"

/**
 * DOC: VM_BIND and objects that lose their pages
 *
 * A mapping outlives every submission, the pages behind it need not: memory
 * pressure, a change of caching or a move takes them away. This file is both
 * ends of that.
 *
 * Away: i915_gem_object_vm_bind_evict() is called by i915_gem_object_unbind(),
 * which everybody who moves or drops pages goes through. It waits until the
 * object is idle, lets the page tables of all its mappings point to scratch and
 * marks them evicted.
 *
 * Back: before a request is created, i915_vm_bind_validate() locks the address space
 * and all external objects, and binds evicted mappings again. It visits each external
 * object, but only those private objects that are on the list of evicted ones.
 *
 * The pages of userptr objects are pinned by i915_vm_bind_pin_userptr(), without
 * any reservation held, as that takes mmap_lock. i915_vm_bind_validate() checks
 * as its last step that they are still the right ones.
 *
 * Activity is known by the reservations: each request puts its fence, with
 * DMA_RESV_USAGE_BOOKKEEP, into that of the address space and into that of each
 * object that does not share it. An object that was unbound by VM_UNBIND may
 * have no mapping left and still be in use, so that what counts is
 * i915_gem_object_was_vm_bound() and not the list of mappings.
 *
 * Invariants, each with its lock:
 *
 * 1. Pages are released only while the object's reservation is held, every
 *    fence in it has signalled and the TLB was invalidated.
 * 2. An evicted mapping belongs to a &struct drm_gpuvm_bo marked
 *    evicted, or to an object that was madvised away and has lost its pages:
 *    its contents are undefined then, and scratch will do (object's
 *    reservation).
 * 3. No request is created while a mapping of its address space is evicted
 *    (all reservations).
 */

/* The contents are lost, and the pages never come back. */
static bool vm_bind_is_purged(struct drm_i915_gem_object *obj)
{
	return obj->mm.madv == __I915_MADV_PURGED;
}

/* Madvised away and without pages: the shrinker may purge it. */
static bool vm_bind_is_unwanted(struct drm_i915_gem_object *obj)
{
	return obj->mm.madv != I915_MADV_WILLNEED &&
		!i915_gem_object_has_pages(obj);
}

static int vm_mapping_validate(struct i915_vm_bind *vb,
			       struct i915_vm_mapping *mapping)
{
	if (i915_vm_mapping_is_bound(mapping)) {
		if (likely(!i915_vm_mapping_is_failed(mapping)))
			return 0;

		/* A rebind has armed a job meanwhile: the next submission will. */
		if (!i915_vm_bind_is_idle(vb)) {
			WRITE_ONCE(vb->failed, true);
			return 0;
		}

		i915_vm_mapping_clear(mapping);
	}

	return i915_vm_bind_rebind(vb, mapping);
}

static int vm_bo_rebind(struct i915_vm_bind *vb, struct drm_gpuvm_bo *vm_bo)
{
	struct drm_gpuva *va, *next;
	int err;

	assert_object_held(vb->root);
	assert_object_held(to_intel_bo(vm_bo->obj));

	drm_gpuvm_bo_for_each_va_safe(va, next, vm_bo) {
		err = vm_mapping_validate(vb, to_vm_mapping(va));
		if (!err && fatal_signal_pending(current))
			err = -EINTR;
		if (err) {
			drm_gpuvm_bo_evict(vm_bo, true); /* for the next time */
			return err;
		}
		cond_resched();
	}

	drm_gpuvm_bo_evict(vm_bo, false);
	return 0;
}

/* A job could not write its mapping, as its pages did not arrive. */
static void vm_bind_evict_failed(struct i915_vm_bind *vb)
{
	struct drm_gpuva *va;

	drm_gpuvm_for_each_va(va, &vb->gpuvm) {
		if (drm_gpuvm_is_extobj(&vb->gpuvm, va->gem.obj))
			continue; /* each of them is looked at */

		if (i915_vm_mapping_is_failed(to_vm_mapping(va)))
			drm_gpuvm_bo_evict(va->vm_bo, true);
		cond_resched();
	}
}

static int vm_bo_validate(struct i915_vm_bind *vb, struct drm_gpuvm_bo *vm_bo,
			  bool failed)
{
	struct drm_i915_gem_object *obj = to_intel_bo(vm_bo->obj);

	if (likely(!vm_bo->evicted && !failed))
		return 0;

	if (vm_bind_is_purged(obj)) {
		drm_gpuvm_bo_evict(vm_bo, false);
		return 0;
	}

	return vm_bind_is_unwanted(obj) ? 0 : vm_bo_rebind(vb, vm_bo);
}

static int vm_bind_validate_external(struct i915_vm_bind *vb,
				     struct i915_gem_ww_ctx *ww,
				     unsigned int num_fences, bool failed)
{
	struct drm_gpuvm_bo *vm_bo;
	int err;

	drm_gpuvm_for_each_extobj(vm_bo, &vb->gpuvm) {
		err = i915_gem_object_lock(to_intel_bo(vm_bo->obj), ww);
		if (err)
			return err;

		err = vm_bo_validate(vb, vm_bo, failed);
		if (err)
			return err;

		err = dma_resv_reserve_fences(vm_bo->obj->resv, num_fences);
		if (err)
			return err;
	}

	return 0;
}

static int vm_bind_validate_private(struct i915_vm_bind *vb)
{
	struct drm_gpuvm_bo *vm_bo, *next;
	int err;

	drm_gpuvm_for_each_evicted_safe(vm_bo, next, &vb->gpuvm) {
		err = vm_bo_validate(vb, vm_bo, false);
		if (err)
			return err;
	}

	return 0;
}

/* Earlier invalidations force a retry; for a later one the old pages stay in use. */
static int vm_bind_check_userptr(struct i915_vm_bind *vb)
{
	struct drm_gpuvm_bo *vm_bo;

	if (!vb->num_userptr)
		return 0;

	drm_gpuvm_for_each_extobj(vm_bo, &vb->gpuvm) {
		struct drm_i915_gem_object *obj = to_intel_bo(vm_bo->obj);

		if (!i915_gem_object_is_userptr(obj))
			continue;

		/* Its contents are undefined: the old pages will do. */
		if (obj->mm.madv != I915_MADV_WILLNEED)
			continue;

		if (!i915_gem_object_userptr_is_valid(obj))
			return -EAGAIN;
	}

	return 0;
}

/**
 * i915_vm_bind_validate - Make all that an address space shows resident
 * @vb: The address space
 * @ww: The ww context; takes all the locks, to be held until the fences are in
 * @num_fences: How many fences i915_vm_bind_add_fence() will add
 *
 * Return: 0, or a negative error code: -EDEADLK where @ww has to back off; -EIO
 * where pages could not be cleared or moved, which the next call tries again;
 * -EAGAIN where i915_vm_bind_pin_userptr() has to be called again, without
 * locks, or where memory could not be had for now; -ENOMEM; -EINTR or
 * -ERESTARTSYS. What was bound again by then stays so.
 */
int i915_vm_bind_validate(struct i915_vm_bind *vb, struct i915_gem_ww_ctx *ww,
			  unsigned int num_fences)
{
	bool failed;
	int err;

	err = i915_vm_bind_lock_resv(vb, ww);
	if (err)
		return err;

	/* Before the flags of mappings: see i915_vm_mapping_complete(). */
	failed = smp_load_acquire(&vb->failed) && i915_vm_bind_is_idle(vb);
	if (unlikely(failed)) {
		WRITE_ONCE(vb->failed, false);
		vm_bind_evict_failed(vb);
	}

	err = vm_bind_validate_external(vb, ww, num_fences, failed);
	if (!err)
		err = vm_bind_validate_private(vb);
	if (err) {
		if (unlikely(failed))
			WRITE_ONCE(vb->failed, true);
		return err;
	}

	/* After page tables were allocated, which may take slots as well. */
	err = dma_resv_reserve_fences(drm_gpuvm_resv(&vb->gpuvm), num_fences);
	if (err)
		return err;

	return vm_bind_check_userptr(vb);
}

/*
 * Only its creator can pin a userptr object; once pinned, any process may use it. The
 * reservation is not held, so i915_vm_bind_validate() looks again.
 */
static bool vm_bind_needs_pin(struct drm_i915_gem_object *obj)
{
	return i915_gem_object_is_userptr(obj) &&
		data_race(obj->mm.madv == I915_MADV_WILLNEED) && /* a hint */
		!i915_gem_object_userptr_is_valid(obj);
}

static int vm_bind_count_unpinned(struct i915_vm_bind *vb)
{
	struct drm_gpuvm_bo *vm_bo;
	int count = 0;

	lockdep_assert_held(&vb->op_lock);

	__drm_gpuvm_for_each_extobj(vm_bo, &vb->gpuvm)
		count += vm_bind_needs_pin(to_intel_bo(vm_bo->obj));

	return count;
}

/* Returns how many references @objs has, which the caller frees; or an error. */
static int vm_bind_get_unpinned(struct i915_vm_bind *vb,
				struct drm_i915_gem_object ***objs)
{
	struct drm_gpuvm_bo *vm_bo;
	int err, max, count = 0;

	*objs = NULL;
	err = mutex_lock_interruptible(&vb->op_lock);
	if (err)
		return err;

	max = vm_bind_count_unpinned(vb);
	if (!max)
		goto out;

	*objs = kvmalloc_array(max, sizeof(**objs), GFP_KERNEL);
	if (!*objs) {
		err = -ENOMEM;
		goto out;
	}

	__drm_gpuvm_for_each_extobj(vm_bo, &vb->gpuvm) {
		struct drm_i915_gem_object *obj = to_intel_bo(vm_bo->obj);

		if (count < max && vm_bind_needs_pin(obj))
			(*objs)[count++] = i915_gem_object_get(obj);
	}

out:
	mutex_unlock(&vb->op_lock);
	return err ?: count;
}

static bool vm_bind_is_in_vm(struct i915_vm_bind *vb,
			     const struct drm_i915_gem_object *obj)
{
	struct drm_gpuvm_bo *vm_bo;
	bool found = false;

	mutex_lock(&vb->op_lock);
	__drm_gpuvm_for_each_extobj(vm_bo, &vb->gpuvm) {
		found = vm_bo->obj == &obj->base;
		if (found)
			break;
	}
	mutex_unlock(&vb->op_lock);

	return found;
}

/* What was unbound meanwhile needs no pages, and its memory may be gone. */
static int vm_bind_pin_userptr(struct i915_vm_bind *vb,
			       struct drm_i915_gem_object *obj)
{
	int err = i915_gem_object_userptr_submit_init(obj);

	return err == -EFAULT && !vm_bind_is_in_vm(vb, obj) ? 0 : err;
}

/**
 * i915_vm_bind_pin_userptr - Get the pages of all userptr objects
 * @vb: The address space, no lock held
 *
 * Waits for batches that use pages which were invalidated, and for user space
 * where it serves page faults.
 *
 * Return: 0; -EFAULT where the memory is gone or belongs to another process;
 * -EAGAIN where it was invalidated meanwhile; -ENOMEM; -EINTR or -ERESTARTSYS.
 */
int i915_vm_bind_pin_userptr(struct i915_vm_bind *vb)
{
	struct drm_i915_gem_object **objs;
	int count, i, err = 0;

	/* A hint: i915_vm_bind_validate() looks again. */
	if (!READ_ONCE(vb->num_userptr))
		return 0;

	count = vm_bind_get_unpinned(vb, &objs);
	if (count < 0)
		return count;

	for (i = 0; i < count; i++) {
		if (!err)
			err = vm_bind_pin_userptr(vb, objs[i]);
		i915_gem_object_put(objs[i]);
	}

	kvfree(objs);
	return err;
}

/**
 * i915_vm_bind_add_fence - Mark all that an address space shows as in use
 * @vb: The address space, with i915_vm_bind_validate() done and still locked
 * @fence: The fence of a request; never a container, see dma_resv_add_fence()
 */
void i915_vm_bind_add_fence(struct i915_vm_bind *vb, struct dma_fence *fence)
{
	struct drm_i915_private *i915 = vb->vm->i915;
	struct drm_gpuvm_bo *vm_bo;

	assert_object_held(vb->root);

	/* What runs is the last to be evicted. */
	if (HAS_LMEM(i915)) {
		spin_lock(&i915->bdev.lru_lock);
		ttm_lru_bulk_move_tail(&vb->lru);
		spin_unlock(&i915->bdev.lru_lock);
	}

	dma_resv_add_fence(drm_gpuvm_resv(&vb->gpuvm), fence,
			   DMA_RESV_USAGE_BOOKKEEP);
	drm_gpuvm_for_each_extobj(vm_bo, &vb->gpuvm)
		dma_resv_add_fence(vm_bo->obj->resv, fence,
				   DMA_RESV_USAGE_BOOKKEEP);
}

/**
 * i915_vm_bind_reserve_batches - Get room for i915_vm_bind_add_batches()
 * @vb: The address space, its reservation held
 * @obj: An object with a reservation of its own, which is held
 *
 * Return: How many batches there are, or -ENOMEM.
 */
int i915_vm_bind_reserve_batches(struct i915_vm_bind *vb,
				 struct drm_i915_gem_object *obj)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	int err, count = 0;

	assert_object_held(vb->root);
	assert_object_held(obj);

	dma_resv_for_each_fence(&cursor, drm_gpuvm_resv(&vb->gpuvm),
				DMA_RESV_USAGE_BOOKKEEP, fence)
		count += !dma_fence_is_signaled(fence);

	if (!count)
		return 0;

	/* One more, for the job that may bind @obj. */
	err = dma_resv_reserve_fences(obj->base.resv, count + 1);
	return err ?: count;
}

/**
 * i915_vm_bind_add_batches - Mark an object as in use by what runs already
 * @vb: The address space, its reservation held
 * @obj: An object that i915_vm_bind_reserve_batches() was called for
 *
 * Batches that were submitted before @obj was bound may use it from now on, once
 * user space tells them to. i915_vm_bind_add_fence() did not know of it then.
 */
void i915_vm_bind_add_batches(struct i915_vm_bind *vb,
			      struct drm_i915_gem_object *obj)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;

	assert_object_held(vb->root);
	assert_object_held(obj);

	dma_resv_for_each_fence(&cursor, drm_gpuvm_resv(&vb->gpuvm),
				DMA_RESV_USAGE_BOOKKEEP, fence)
		if (!dma_fence_is_signaled(fence))
			dma_resv_add_fence(obj->base.resv, fence,
					   DMA_RESV_USAGE_BOOKKEEP);
}

static int vm_bind_wait_for_idle(struct drm_i915_gem_object *obj,
				 unsigned long flags)
{
	long ret;

	/* With a dump, too: nothing is evicted in vain where nobody may wait. */
	if (dma_resv_test_signaled(obj->base.resv, DMA_RESV_USAGE_BOOKKEEP) &&
	    !atomic_read(&obj->mm.num_dumps))
		return 0;

	if (!(flags & I915_GEM_OBJECT_UNBIND_ACTIVE))
		return -EBUSY;

	ret = dma_resv_wait_timeout(obj->base.resv, DMA_RESV_USAGE_BOOKKEEP,
				    true, MAX_SCHEDULE_TIMEOUT);
	return ret < 0 ? ret : 0;
}

/*
 * An error capture reads the pages. With all mappings evicted, no other one begins.
 * It does not take reservations, nor wait for anyone who may hold this one.
 */
static int vm_bind_wait_for_dumps(struct drm_i915_gem_object *obj,
				  unsigned long flags)
{
	atomic_t *num_dumps = &obj->mm.num_dumps;

	if (likely(!atomic_read(num_dumps)))
		return 0;

	if (!(flags & I915_GEM_OBJECT_UNBIND_ACTIVE))
		return -EBUSY;

	return wait_var_event_interruptible(num_dumps, !atomic_read(num_dumps));
}

/* See vm_mapping_sort(): what is bound comes before what is evicted. */
static struct i915_vm_mapping *vm_bind_first_bound(struct drm_i915_gem_object *obj)
{
	struct drm_gpuvm_bo *vm_bo;
	struct drm_gpuva *va;

	assert_object_held(obj);

	vm_bo = list_first_entry_or_null(&obj->base.gpuva.list, typeof(*vm_bo),
					 list.entry.gem);
	if (!vm_bo)
		return NULL;

	va = list_first_entry_or_null(&vm_bo->list.gpuva, typeof(*va),
				      gem.entry);
	return va && i915_vm_mapping_is_bound(to_vm_mapping(va)) ?
		to_vm_mapping(va) : NULL;
}

static void vm_mapping_evict(struct i915_vm_mapping *mapping)
{
	trace_i915_vm_evict(mapping);
	drm_gpuvm_bo_evict(mapping->va.vm_bo, true);
	i915_vm_mapping_clear(mapping);
}

/* Reclaim does a part at a time, all others can be killed. */
static int vm_bind_evict_mappings(struct drm_i915_gem_object *obj, unsigned long flags)
{
	unsigned int left = I915_VM_BIND_MAX_SHRINK;
	struct i915_vm_mapping *mapping;

	while ((mapping = vm_bind_first_bound(obj))) {
		if (flags & I915_GEM_OBJECT_UNBIND_PART && !left--)
			return -EBUSY;
		if (fatal_signal_pending(current))
			return -EINTR;

		vm_mapping_evict(mapping);
		cond_resched();
	}

	return 0;
}

/*
 * The GPU may have written until now, past the CPU's caches where it does not
 * snoop: what they hold must not be taken for the contents when the pages are
 * swapped out.
 */
static void vm_bind_move_from_gpu(struct drm_i915_gem_object *obj)
{
	if (!i915_gem_object_has_pages(obj))
		return;

	obj->write_domain = I915_GEM_DOMAIN_RENDER;
	obj->read_domains = I915_GEM_GPU_DOMAINS;
}

/**
 * i915_gem_object_vm_bind_evict - Take an object out of all page tables that
 * VM_BIND wrote
 * @obj: The object, its reservation held
 * @flags: Those of i915_gem_object_unbind()
 *
 * May be called under memory pressure: allocates nothing, and takes neither a
 * lock nor a reference of the address spaces. They can't go away, as their
 * teardown needs the reservation of @obj to remove the mappings.
 *
 * Return: 0 with @obj idle and in no page table; -EBUSY where @flags forbid to
 * wait, for an error capture too, or to unbind, or ask for a part and there is more:
 * then I915_VM_BIND_MAX_SHRINK mappings were evicted, and the next call goes on from
 * there; -ERESTARTSYS where the wait was interrupted; -EINTR
 * where the caller was killed.
 */
int i915_gem_object_vm_bind_evict(struct drm_i915_gem_object *obj,
				  unsigned long flags)
{
	int err;

	assert_object_held(obj);

	if (flags & I915_GEM_OBJECT_UNBIND_TEST && vm_bind_first_bound(obj))
		return -EBUSY;

	err = vm_bind_wait_for_idle(obj, flags);
	if (err)
		return err;

	err = vm_bind_evict_mappings(obj, flags);
	if (!err)
		err = vm_bind_wait_for_dumps(obj, flags);
	if (err)
		return err;

	vm_bind_move_from_gpu(obj);
	return 0;
}
