// SPDX-License-Identifier: MIT
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#include <linux/dma-fence.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "gt/intel_gtt.h"

#include "i915_drv.h"
#include "i915_gem_object.h"
#include "i915_gem_vm_bind_internal.h"

/**
 * DOC: VM_BIND address spaces
 *
 * In an address space created with I915_VM_CREATE_FLAGS_USE_VM_BIND, user space
 * assigns the GPU addresses: a mapping made by VM_BIND stays until VM_UNBIND or until
 * the address space goes, and EXECBUFFER3 names a batch by its address.
 *
 * The addresses are kept by a &struct drm_gpuvm in DRM_GPUVM_RESV_PROTECTED mode.
 * Each file has one subject:
 *
 * ============================ ===============================================
 * i915_gem_vm_bind.c           the device's part, and an address space's life
 * i915_gem_vm_bind_ioctl.c     VM_BIND and VM_UNBIND: arguments and look-ups
 * i915_gem_vm_bind_ops.c       what a call does: prepare, commit, cleanup
 * i915_gem_vm_bind_mapping.c   a mapping and its states
 * i915_gem_vm_bind_pt.c        page tables: taken, written, cleared, cached
 * i915_gem_vm_bind_job.c       what is done later, and in which order
 * i915_gem_vm_bind_evict.c     objects that lose their pages and get them back
 * i915_gem_vm_bind_debug.c     what debugfs and error states show
 * i915_gem_execbuffer3.c       EXECBUFFER3
 * ============================ ===============================================
 *
 * A call with an out-fence changes the tree, arms a job and returns. The job writes
 * the page tables and signals the fence; the range can be reused at once. A call
 * without an out-fence writes the page tables before it returns. Signals can interrupt
 * it until the write begins.
 *
 * An object created with I915_GEM_CREATE_EXT_VM_PRIVATE is private: it shares the
 * reservation of its address space, and can be mapped in no other. One lock and one
 * fence cover all private objects. All other objects are external.
 *
 * Locks, outermost first:
 *
 * 1. &i915_vm_bind.op_lock: serialises all changes of the tree.
 * 2. The reservations, in one ww context: that of the address space, which the
 *    page tables share, then those of the objects.
 * 3. &i915_vm_bind.tree_lock, &i915_vm_bind.cache_lock and the spinlocks of the
 *    page tables: innermost; none is taken while another of them is held.
 *
 * &i915_address_space.mutex is for i915_vma, and is not taken here.
 *
 * Inserting or removing a mapping needs op_lock and both reservations. Binding needs
 * both reservations. Evicting needs the object's reservation only, as the shrinker can
 * take no other. All of them take tree_lock as well.
 *
 * When the last reference to an address space is dropped, a worker removes the
 * mappings, as that needs reservations.
 */

static struct workqueue_struct *release_wq;

/*
 * One drm_gpuvm_bo for each pair of object and address space. They are many: a slab of
 * their own avoids the rounding of kmalloc().
 */
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
	mutex_destroy(&vb->op_lock);
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
	mutex_init(&vb->op_lock);
	spin_lock_init(&vb->tree_lock);
	spin_lock_init(&vb->cache_lock);
	INIT_LIST_HEAD(&vb->captures);
	ttm_lru_bulk_move_init(&vb->lru);
	drm_gpuvm_init(&vb->gpuvm, "i915-vm_bind", DRM_GPUVM_RESV_PROTECTED,
		       &vm->i915->drm, &vb->root->base, 0, vm->total, 0, 0,
		       &vm_bind_gpuvm_ops);
	i915_gem_object_put(vb->root); /* drm_gpuvm holds it */

	vm->vm_bind = vb;
	vm->keep_pt = i915_vm_bind_keep_pt;
	return 0;
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
 * Does not use i915->wq: others flush that with object locks held, which the release
 * needs, and the release of the device, which this work may cause, flushes it, too.
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

/**
 * i915_vm_bind_device_init - Prepare a device for address spaces of VM_BIND
 * @i915: The device
 *
 * Return: 0 or -ENOMEM.
 */
int i915_vm_bind_device_init(struct drm_i915_private *i915)
{
	/* Has a rescuer: memory may be waiting for a job. */
	i915->mm.vm_bind_wq = alloc_workqueue("i915-vm_bind",
					      WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return i915->mm.vm_bind_wq ? 0 : -ENOMEM;
}

/**
 * i915_vm_bind_device_fini - Undo i915_vm_bind_device_init()
 * @i915: The device, with no job left
 */
void i915_vm_bind_device_fini(struct drm_i915_private *i915)
{
	GEM_BUG_ON(atomic_read(&i915->mm.num_vm_bind_jobs));
	destroy_workqueue(i915->mm.vm_bind_wq);
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
