// SPDX-License-Identifier: MIT
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#include <linux/dma-fence.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/workqueue.h>

#include <uapi/drm/i915_drm.h>

#include "gt/intel_gpu_commands.h"
#include "gt/intel_gtt.h"

#include "i915_drv.h"
#include "i915_gem_context.h"
#include "i915_gem_ioctls.h"
#include "i915_gem_object.h"
#include "i915_gem_shrinker.h"
#include "i915_gem_timeline_fence.h"
#include "i915_gem_ttm.h"
#include "i915_gem_vm_bind.h"
#include "i915_gem_ww.h"
#include "i915_trace.h"

/**
 * DOC: VM_BIND address spaces
 *
 * In an address space created with I915_VM_CREATE_FLAGS_USE_VM_BIND, user space
 * decides what stands where: a mapping made by VM_BIND stays until VM_UNBIND or
 * until the address space goes, and EXECBUFFER3 names a batch by its address.
 *
 * The addresses are kept by a &struct drm_gpuvm in DRM_GPUVM_RESV_PROTECTED
 * mode. Writing page tables is done in i915_gem_vm_bind_job.c, and what happens
 * to a mapping whose object loses its pages is found in
 * i915_gem_vm_bind_residency.c. This file has the address space, the tree of
 * its mappings, and the two ioctls.
 *
 * A call with an out-fence returns once the mapping is in the tree, or out of
 * it: the range can be reused. Page tables are written by a job then, and the
 * fence is that of the job. Without one, the call completes before it returns,
 * and can be interrupted until it begins to write.
 *
 * Objects created with I915_GEM_CREATE_EXT_VM_PRIVATE share the reservation of
 * their address space, and are found in no other: whatever their number, they
 * are locked, and known to be in use, all at once.
 *
 * Locks, outermost first:
 *
 * 1. &i915_vm_bind.lock: serialises all changes of the tree.
 * 2. The reservations, in one ww context: that of the address space, which the
 *    page tables share, then those of the objects.
 * 3. &i915_address_space.mutex is for i915_vma, and is not taken here.
 *
 * A mapping changes, and comes and goes, under all of (1), the address space's
 * reservation and the object's. The shrinker, which has the object's alone, may
 * only turn a mapping to scratch.
 *
 * A mapping holds a reference of its object through &struct drm_gpuvm_bo, never
 * of its address space: the last reference of that takes the mappings down, on
 * a workqueue, because it needs reservations and may be dropped anywhere.
 */

static struct workqueue_struct *release_wq;

/* One for each object in each address space: to the byte, as they are many. */
static struct kmem_cache *vm_bo_slab;

/**
 * i915_vm_bind_is_supported - Whether address spaces can be in VM_BIND mode
 * @i915: The device
 *
 * Return: True from graphics version 12 on, given full PPGTT.
 */
bool i915_vm_bind_is_supported(const struct drm_i915_private *i915)
{
	return GRAPHICS_VER(i915) >= 12 && HAS_FULL_PPGTT(i915);
}

static void vm_bind_free(struct drm_gpuvm *gpuvm)
{
	struct i915_vm_bind *vb = to_vm_bind(gpuvm);

	dma_fence_put(rcu_access_pointer(vb->last));
	mutex_destroy(&vb->lock);
	kfree(vb);
}

static struct drm_gpuvm_bo *vm_bo_alloc(void)
{
	return kmem_cache_zalloc(vm_bo_slab, GFP_KERNEL_ACCOUNT);
}

static void vm_bo_free(struct drm_gpuvm_bo *vm_bo)
{
	kmem_cache_free(vm_bo_slab, vm_bo);
}

static const struct drm_gpuvm_ops vm_bind_gpuvm_ops = {
	.vm_free = vm_bind_free,
	.vm_bo_alloc = vm_bo_alloc,
	.vm_bo_free = vm_bo_free,
};

/**
 * i915_vm_bind_init - Put a new address space into VM_BIND mode
 * @vm: The address space, not yet known to user space
 *
 * Undone by the release of @vm.
 *
 * Return: 0 or -ENOMEM.
 */
int i915_vm_bind_init(struct i915_address_space *vm)
{
	struct i915_vm_bind *vb;

	vb = kzalloc(sizeof(*vb), GFP_KERNEL_ACCOUNT);
	if (!vb)
		return -ENOMEM;

	/* Allocated like a page table, for the shared reservation. */
	vb->root = alloc_pt_dma(vm, I915_GTT_PAGE_SIZE_4K);
	if (IS_ERR(vb->root)) {
		int err = PTR_ERR(vb->root);

		kfree(vb);
		return err;
	}

	vb->vm = vm;
	vb->fence_context = dma_fence_context_alloc(1);
	mutex_init(&vb->lock);
	spin_lock_init(&vb->spare_lock);
	spin_lock_init(&vb->capture_lock);
	INIT_LIST_HEAD(&vb->captures);
	ttm_lru_bulk_move_init(&vb->lru);
	drm_gpuvm_init(&vb->gpuvm, "i915-vm_bind", DRM_GPUVM_RESV_PROTECTED,
		       &vm->i915->drm, &vb->root->base, 0, vm->total, 0, 0,
		       &vm_bind_gpuvm_ops);
	i915_gem_object_put(vb->root); /* drm_gpuvm holds it */

	vm->vm_bind = vb;
	return 0;
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

static void mapping_count_userptr(struct i915_vm_bind *vb,
				  const struct i915_vm_mapping *mapping, int by)
{
	lockdep_assert_held(&vb->lock);
	assert_object_held(vb->root);

	if (i915_gem_object_is_userptr(to_intel_bo(mapping->va.gem.obj)))
		WRITE_ONCE(vb->num_userptr, vb->num_userptr + by);
}

static struct i915_vm_mapping *mapping_alloc(u64 flags)
{
	struct i915_vm_capture *capture;

	if (!(flags & I915_GEM_VM_BIND_CAPTURE))
		return kzalloc(sizeof(struct i915_vm_mapping),
			       GFP_KERNEL_ACCOUNT);

	capture = kzalloc(sizeof(*capture), GFP_KERNEL_ACCOUNT);
	if (!capture)
		return NULL;

	capture->base.va.flags = I915_VM_MAPPING_CAPTURE;
	return &capture->base;
}

static void mapping_add_capture(struct i915_vm_bind *vb,
				struct i915_vm_mapping *mapping)
{
	if (!(mapping->va.flags & I915_VM_MAPPING_CAPTURE))
		return;

	spin_lock(&vb->capture_lock);
	list_add_tail(&to_vm_capture(mapping)->link, &vb->captures);
	vb->num_captures++;
	spin_unlock(&vb->capture_lock);
}

static void mapping_del_capture(struct i915_vm_bind *vb,
				struct i915_vm_mapping *mapping)
{
	if (!(mapping->va.flags & I915_VM_MAPPING_CAPTURE))
		return;

	spin_lock(&vb->capture_lock);
	list_del(&to_vm_capture(mapping)->link);
	vb->num_captures--;
	spin_unlock(&vb->capture_lock);
}

/* A private object is in the LRU's bulk move while it is mapped. */
static void vm_bo_set_lru(struct i915_vm_bind *vb, struct drm_gpuvm_bo *vm_bo,
			  struct ttm_lru_bulk_move *lru)
{
	if (!i915_vm_bind_is_external(vb, vm_bo->obj))
		i915_ttm_set_bulk_move(to_intel_bo(vm_bo->obj), lru);
}

/* Remove a mapping that shows scratch, or will. */
static void mapping_destroy(struct i915_vm_bind *vb,
			    struct i915_vm_mapping *mapping)
{
	lockdep_assert_held(&vb->lock);
	assert_object_held(vb->root);
	assert_object_held(to_intel_bo(mapping->va.gem.obj));
	GEM_BUG_ON(mapping->res);

	trace_i915_vm_unbind(mapping);
	if (vb->last_batch == mapping)
		vb->last_batch = NULL;
	mapping_count_userptr(vb, mapping, -1);
	mapping_del_capture(vb, mapping);
	if (list_is_singular(&mapping->va.vm_bo->list.gpuva))
		vm_bo_set_lru(vb, mapping->va.vm_bo, NULL);
	drm_gpuva_remove(&mapping->va);
	drm_gpuva_unlink(&mapping->va);
	kfree(mapping);
}

static int lock_mapping(struct i915_vm_bind *vb,
			struct i915_vm_mapping *mapping,
			struct i915_gem_ww_ctx *ww)
{
	int err;

	err = i915_vm_bind_lock(vb, ww);
	if (err)
		return err;

	return i915_gem_object_lock(to_intel_bo(mapping->va.gem.obj), ww);
}

/* With no reference to the address space left, no job is pending. */
static void clear_and_destroy(struct i915_vm_bind *vb,
			      struct i915_vm_mapping *mapping)
{
	struct i915_gem_ww_ctx ww;
	int err;

	for_i915_gem_ww(&ww, err, false) {
		err = lock_mapping(vb, mapping, &ww);
		if (err)
			continue;

		i915_vm_mapping_clear(mapping);
		mapping_destroy(vb, mapping);
	}
}

/**
 * i915_vm_bind_unmap_all - Take all mappings of a dying address space down
 * @vb: The address space, with no reference left
 */
void i915_vm_bind_unmap_all(struct i915_vm_bind *vb)
{
	struct drm_gpuva *va, *next;
	intel_wakeref_t wakeref;

	mutex_lock(&vb->lock);
	wakeref = vm_bind_wake(vb);
	drm_gpuvm_for_each_va_safe(va, next, &vb->gpuvm) {
		clear_and_destroy(vb, to_vm_mapping(va));
		cond_resched();
	}
	ttm_lru_bulk_move_fini(&vb->vm->i915->bdev, &vb->lru);
	i915_vm_bind_free_tables(vb);
	vm_bind_sleep(vb, wakeref);
	mutex_unlock(&vb->lock);
}

/**
 * i915_vm_bind_put - Drop what is left of a released address space
 * @vb: The address space
 *
 * May drop the last reference of the device, and so has to come last.
 */
void i915_vm_bind_put(struct i915_vm_bind *vb)
{
	drm_gpuvm_put(&vb->gpuvm);
}

/**
 * i915_vm_bind_queue_release - Queue the release of an address space
 * @work: The work
 *
 * Not on the device's ordered queue: that one is flushed under object locks,
 * which the release waits for, and by the release of the device, which the
 * release of the address space may bring about.
 */
void i915_vm_bind_queue_release(struct work_struct *work)
{
	queue_work(release_wq, work);
}

/**
 * i915_vm_bind_flush_release - Wait for the releases queued so far
 *
 * Not to be called from the release of the device.
 */
void i915_vm_bind_flush_release(void)
{
	flush_workqueue(release_wq);
}

/* Either canonical, or with the upper bits clear. */
static bool is_address(u64 addr)
{
	return addr == gen8_noncanonical_addr(addr) ||
		addr == gen8_canonical_addr(addr);
}

static int check_range(u64 start, u64 length)
{
	if (!length || !is_address(start))
		return -EINVAL;

	if (!IS_ALIGNED(start | length, I915_GTT_PAGE_SIZE_4K))
		return -EINVAL;

	/* Past the last address; an address space may end before that. */
	if (range_overflows_t(u64, gen8_noncanonical_addr(start), length,
			      BIT_ULL(GEN8_HIGH_ADDRESS_BIT + 1)))
		return -EINVAL;

	return 0;
}

static int bind_check_args(const struct drm_i915_gem_vm_bind *args)
{
	u64 end;
	int err;

	if (args->flags & __I915_GEM_VM_BIND_UNKNOWN_FLAGS || args->extensions)
		return -EINVAL;

	if (!IS_ALIGNED(args->offset, I915_GTT_PAGE_SIZE_4K) ||
	    check_add_overflow(args->offset, args->length, &end))
		return -EINVAL;

	err = check_range(args->start, args->length);
	if (err)
		return err;

	return i915_timeline_fence_check(&args->fence,
					 I915_TIMELINE_FENCE_SIGNAL);
}

static int bind_check_object(const struct i915_address_space *vm,
			     struct drm_i915_gem_object *obj,
			     const struct drm_i915_gem_vm_bind *args)
{
	u64 start = gen8_noncanonical_addr(args->start);
	u64 align = I915_GTT_PAGE_SIZE_4K;

	if (range_overflows_t(u64, args->offset, args->length, obj->base.size))
		return -EINVAL;

	if (range_overflows(start, args->length, vm->total))
		return -EINVAL;

	if (i915_gem_object_is_vm_private(obj) && obj->shares_resv_from != vm)
		return -EINVAL;

	if (i915_gem_object_is_protected(obj))
		return -EOPNOTSUPP;

	/*
	 * Wherever it is now, it may be there at the next submission. Userptr
	 * objects and imports have no placement: their pages are the system's.
	 */
	if (obj->mm.n_placements &&
	    i915_gem_object_placement_possible(obj, INTEL_MEMORY_LOCAL))
		align = vm->min_alignment[INTEL_MEMORY_LOCAL];
	if (!IS_ALIGNED(start | args->offset | args->length, align))
		return -EINVAL;

	return 0;
}

static void publish(struct i915_timeline_fence *out, struct dma_fence *fence)
{
	i915_timeline_fence_signal(out, fence);
	dma_fence_put(fence);
}

/* Batches that run know nothing of the object yet. */
static bool is_first_of_external(const struct i915_vm_bind *vb,
				 const struct drm_gpuvm_bo *vm_bo)
{
	return list_empty(&vm_bo->list.gpuva) &&
		i915_vm_bind_is_external(vb, vm_bo->obj);
}

/* The point of no return of VM_BIND, after which nothing fails or allocates. */
static void bind_commit(struct i915_vm_bind *vb,
			struct i915_vm_mapping *mapping,
			struct drm_gpuvm_bo *vm_bo,
			struct i915_vm_bind_job *job,
			struct i915_timeline_fence *out)
{
	bool cookie;

	lockdep_assert_held(&vb->lock);
	assert_object_held(vb->root);

	cookie = dma_fence_begin_signalling();

	if (is_first_of_external(vb, vm_bo))
		i915_vm_bind_add_batches(vb, to_intel_bo(vm_bo->obj));
	vm_bo_set_lru(vb, vm_bo, &vb->lru);
	drm_gpuva_link(&mapping->va, vm_bo);
	drm_gpuvm_bo_extobj_add(vm_bo);
	mapping_count_userptr(vb, mapping, 1);
	mapping_add_capture(vb, mapping);
	trace_i915_vm_bind(mapping);

	i915_vm_bind_job_attach(job, mapping);
	if (i915_timeline_fence_is_signal(out))
		publish(out, i915_vm_bind_job_queue(job));
	else
		i915_vm_bind_job_run(job);

	dma_fence_end_signalling(cookie);
}

static int bind_insert(struct i915_vm_bind *vb, struct i915_vm_mapping *mapping,
		       struct i915_vm_bind_job *job,
		       struct i915_timeline_fence *out)
{
	struct drm_gpuvm_bo *vm_bo;
	int err;

	if (!i915_timeline_fence_is_signal(out)) {
		err = i915_vm_bind_job_check(job);
		if (err)
			return err;
	}

	vm_bo = drm_gpuvm_bo_obtain(&vb->gpuvm, mapping->va.gem.obj);
	if (IS_ERR(vm_bo))
		return PTR_ERR(vm_bo);

	err = 0;
	if (is_first_of_external(vb, vm_bo))
		err = i915_vm_bind_reserve_batches(vb, to_intel_bo(vm_bo->obj));
	if (!err)
		err = drm_gpuva_insert(&vb->gpuvm, &mapping->va);
	if (!err)
		bind_commit(vb, mapping, vm_bo, job, out);

	drm_gpuvm_bo_put(vm_bo); /* the mapping holds it */
	return err;
}

static int bind_locked(struct i915_vm_bind *vb, struct i915_vm_mapping *mapping,
		       struct i915_timeline_fence *out)
{
	struct i915_vm_bind_job *job;
	int err;

	job = i915_vm_bind_job_create_map(vb, mapping);
	if (IS_ERR(job))
		return PTR_ERR(job);

	err = bind_insert(vb, mapping, job, out);
	if (err)
		i915_vm_bind_job_cancel(job);

	return err;
}

static int lock_and_bind(struct i915_vm_bind *vb,
			 struct i915_vm_mapping *mapping,
			 struct i915_timeline_fence *out)
{
	struct i915_gem_ww_ctx ww;
	int err;

	lockdep_assert_held(&vb->lock);

	for_i915_gem_ww(&ww, err, true) {
		err = lock_mapping(vb, mapping, &ww);
		if (!err)
			err = bind_locked(vb, mapping, out);
	}

	/* A full region has either name, of which an overlap has the first. */
	return err == -ENOSPC ? -ENXIO : err;
}

/* One attempt, on which the range may turn out not to be free. */
static int bind_once(struct i915_vm_bind *vb, struct i915_vm_mapping *mapping,
		     struct i915_timeline_fence *out)
{
	struct drm_i915_gem_object *obj = to_intel_bo(mapping->va.gem.obj);
	intel_wakeref_t wakeref;
	int err;

	/* Waits for user space, and for batches: without any lock. */
	if (i915_gem_object_is_userptr(obj) &&
	    !i915_gem_object_userptr_is_valid(obj)) {
		err = i915_gem_object_userptr_submit_init(obj);
		if (err)
			return err;
	}

	err = mutex_lock_interruptible(&vb->lock);
	if (err)
		return err;

	wakeref = vm_bind_wake(vb);
	if (drm_gpuvm_interval_empty(&vb->gpuvm, mapping->va.va.addr,
				     mapping->va.va.range))
		err = lock_and_bind(vb, mapping, out);
	else
		err = -ENOSPC;
	vm_bind_sleep(vb, wakeref);

	mutex_unlock(&vb->lock);
	return err;
}

/* In the system's memory, unless the object can't fit whatever is dropped. */
static bool make_room(struct drm_i915_private *i915,
		      const struct drm_i915_gem_object *obj)
{
	const unsigned long pages = obj->base.size >> PAGE_SHIFT;
	intel_wakeref_t wakeref;

	if (pages > totalram_pages())
		return false;

	with_intel_runtime_pm(&i915->runtime_pm, wakeref)
		i915_gem_shrink(NULL, i915, 2 * pages + SWAP_CLUSTER_MAX, NULL,
				I915_SHRINK_BOUND | I915_SHRINK_UNBOUND);
	return true;
}

/*
 * What shares the reservation of the address space can't be reclaimed while that
 * is locked: once more after the locks were dropped, before memory is declared
 * short.
 */
static int bind_hard(struct i915_vm_bind *vb, struct i915_vm_mapping *mapping,
		     struct i915_timeline_fence *out)
{
	struct drm_i915_gem_object *obj = to_intel_bo(mapping->va.gem.obj);
	unsigned int raced = 0;
	bool tried = false;
	int err;

	for (;;) {
		err = bind_once(vb, mapping, out);
		if (err == -EINPROGRESS) {
			err = i915_vm_bind_wait(vb, obj);
			if (err)
				return err;
			continue;
		}

		if (err == -EAGAIN && raced++ < I915_VM_BIND_USERPTR_RETRIES)
			continue;

		if (err != -ENOMEM && err != -ENXIO)
			return err;
		if (tried || (err == -ENOMEM && !make_room(vb->vm->i915, obj)))
			return -ENOMEM;

		tried = true;
	}
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
 * userptr object was invalidated over and over; -EINTR; or what
 * i915_vm_bind_job_create_map() returns.
 */
int i915_vm_bind_map(struct i915_vm_bind *vb, struct drm_i915_gem_object *obj,
		     u64 start, u64 offset, u64 length, u64 flags,
		     struct i915_timeline_fence *out)
{
	struct i915_vm_mapping *mapping;
	int err;

	mapping = mapping_alloc(flags);
	if (!mapping)
		return -ENOMEM;

	drm_gpuva_init(&mapping->va, start, length, &obj->base, offset);

	err = bind_hard(vb, mapping, out);
	if (err)
		kfree(mapping);

	return err;
}

/**
 * i915_gem_vm_bind_ioctl - DRM_IOCTL_I915_GEM_VM_BIND
 * @dev: The device
 * @data: A &struct drm_i915_gem_vm_bind
 * @file: The client
 *
 * Return: 0; -EINVAL for bad arguments, and for an object that is private to
 * another address space; -ENOENT for an unknown address space, object or
 * syncobj; -EOPNOTSUPP where the address space is not in VM_BIND mode, and for
 * protected objects; -ENOSPC where the range overlaps a mapping; -EFAULT where
 * the object was madvised away, or the memory of a userptr object is gone;
 * -EAGAIN where that was invalidated over and over; -EIO where pages could not be
 * cleared; -ENOMEM; -EINTR or -ERESTARTSYS where a signal came first.
 */
int i915_gem_vm_bind_ioctl(struct drm_device *dev, void *data,
			   struct drm_file *file)
{
	const struct drm_i915_gem_vm_bind *args = data;
	struct i915_timeline_fence fence = { .user = args->fence };
	struct drm_i915_gem_object *obj;
	struct i915_address_space *vm;
	int err;

	err = bind_check_args(args);
	if (err)
		return err;

	vm = i915_gem_vm_lookup(file->driver_priv, args->vm_id);
	if (!vm)
		return -ENOENT;

	obj = i915_gem_object_lookup(file, args->handle);
	if (!obj) {
		err = -ENOENT;
		goto out_vm;
	}

	err = i915_timeline_fence_get(&fence, file);
	if (err)
		goto out_fence;

	if (!vm->vm_bind) {
		err = -EOPNOTSUPP;
		goto out_fence;
	}

	err = bind_check_object(vm, obj, args);
	if (err)
		goto out_fence;

	err = i915_timeline_fence_prepare(&fence);
	if (err)
		goto out_fence;

	err = i915_vm_bind_map(vm->vm_bind, obj,
			       gen8_noncanonical_addr(args->start),
			       args->offset, args->length, args->flags,
			       &fence);

out_fence:
	i915_timeline_fence_put(&fence);
	i915_gem_object_put(obj);
out_vm:
	i915_vm_put(vm);
	return err;
}

static int unbind_check_args(const struct drm_i915_gem_vm_unbind *args)
{
	int err;

	if (args->rsvd || args->flags || args->extensions)
		return -EINVAL;

	err = check_range(args->start, args->length);
	if (err)
		return err;

	return i915_timeline_fence_check(&args->fence,
					 I915_TIMELINE_FENCE_SIGNAL);
}

/* Where there is no memory for a job, the caller waits in its place. */
static struct i915_vm_bind_job *
unbind_prepare(struct i915_vm_bind *vb, struct i915_vm_mapping *mapping,
	       const struct i915_timeline_fence *out, int *err)
{
	struct i915_vm_bind_job *job;

	if (i915_timeline_fence_is_signal(out)) {
		struct drm_gem_object *obj = mapping ? mapping->va.gem.obj : NULL;

		job = i915_vm_bind_job_create_clear(vb, obj ? to_intel_bo(obj) :
						    NULL);
		if (!IS_ERR(job))
			return job;
	}

	*err = i915_vm_bind_is_idle(vb) ? 0 : -EINPROGRESS;
	return NULL;
}

/* The point of no return of VM_UNBIND. */
static void unbind_commit(struct i915_vm_bind *vb,
			  struct i915_vm_mapping *mapping,
			  struct i915_vm_bind_job *job,
			  struct i915_timeline_fence *out)
{
	bool cookie;

	cookie = dma_fence_begin_signalling();

	if (mapping) {
		if (job)
			i915_vm_bind_job_attach(job, mapping);
		else
			i915_vm_mapping_clear(mapping);
		mapping_destroy(vb, mapping);
	}

	publish(out, job ? i915_vm_bind_job_queue(job) : dma_fence_get_stub());

	dma_fence_end_signalling(cookie);
}

static int lock_and_unbind(struct i915_vm_bind *vb,
			   struct i915_vm_mapping *mapping,
			   struct i915_timeline_fence *out)
{
	struct i915_vm_bind_job *job;
	struct i915_gem_ww_ctx ww;
	int err;

	for_i915_gem_ww(&ww, err, true) {
		err = mapping ? lock_mapping(vb, mapping, &ww) :
				i915_vm_bind_lock(vb, &ww);
		if (err)
			continue;

		job = unbind_prepare(vb, mapping, out, &err);
		if (!err)
			unbind_commit(vb, mapping, job, out);
	}

	return err;
}

static int unbind_once(struct i915_vm_bind *vb, u64 start, u64 length,
		       struct i915_timeline_fence *out)
{
	intel_wakeref_t wakeref;
	struct drm_gpuva *va;
	int err;

	err = mutex_lock_interruptible(&vb->lock);
	if (err)
		return err;

	wakeref = vm_bind_wake(vb);

	va = drm_gpuva_find_first(&vb->gpuvm, start, length);
	if (va && (va->va.addr != start || va->va.range != length))
		err = -EINVAL;
	else
		err = lock_and_unbind(vb, va ? to_vm_mapping(va) : NULL, out);

	vm_bind_sleep(vb, wakeref);
	mutex_unlock(&vb->lock);
	return err;
}

/**
 * i915_vm_bind_unmap - Take a mapping down
 * @vb: The address space
 * @start: The address, in bytes, page aligned
 * @length: The length of the range, in bytes, page aligned, not 0
 * @out: What to signal, or one that stands for no fence: then the range shows
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
		err = unbind_once(vb, start, length, out);
		if (err != -EINPROGRESS)
			return err;

		err = i915_vm_bind_wait(vb, NULL);
	} while (!err);

	return err;
}

/**
 * i915_gem_vm_unbind_ioctl - DRM_IOCTL_I915_GEM_VM_UNBIND
 * @dev: The device
 * @data: A &struct drm_i915_gem_vm_unbind
 * @file: The client
 *
 * Return: 0, also where the range holds no mapping; -EINVAL for bad arguments,
 * and where the range cuts or spans mappings; -ENOENT for an unknown address
 * space or syncobj; -EOPNOTSUPP where the address space is not in VM_BIND mode;
 * -EINTR or -ERESTARTSYS where a signal came first. -ENOMEM only where an
 * out-fence is asked for.
 */
int i915_gem_vm_unbind_ioctl(struct drm_device *dev, void *data,
			     struct drm_file *file)
{
	const struct drm_i915_gem_vm_unbind *args = data;
	struct i915_timeline_fence fence = { .user = args->fence };
	struct i915_address_space *vm;
	int err;

	err = unbind_check_args(args);
	if (err)
		return err;

	vm = i915_gem_vm_lookup(file->driver_priv, args->vm_id);
	if (!vm)
		return -ENOENT;

	err = i915_timeline_fence_get(&fence, file);
	if (err)
		goto out;

	if (!vm->vm_bind) {
		err = -EOPNOTSUPP;
		goto out;
	}

	if (range_overflows(gen8_noncanonical_addr(args->start), args->length,
			    vm->total)) {
		err = -EINVAL;
		goto out;
	}

	err = i915_timeline_fence_prepare(&fence);
	if (err)
		goto out;

	err = i915_vm_bind_unmap(vm->vm_bind,
				 gen8_noncanonical_addr(args->start),
				 args->length, &fence);

out:
	i915_timeline_fence_put(&fence);
	i915_vm_put(vm);
	return err;
}

int __init i915_vm_bind_module_init(void)
{
	vm_bo_slab = KMEM_CACHE(drm_gpuvm_bo, 0);
	if (!vm_bo_slab)
		return -ENOMEM;

	release_wq = alloc_workqueue("i915-vm_bind-release", WQ_UNBOUND, 0);
	if (!release_wq) {
		kmem_cache_destroy(vm_bo_slab);
		return -ENOMEM;
	}

	return 0;
}

void i915_vm_bind_module_exit(void)
{
	destroy_workqueue(release_wq); /* releases free what is in the slab */
	kmem_cache_destroy(vm_bo_slab);
	rcu_barrier(); /* the last of them free address spaces */
}
