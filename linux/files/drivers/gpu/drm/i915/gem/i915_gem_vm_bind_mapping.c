// SPDX-License-Identifier: MIT
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#include <linux/list.h>
#include <linux/slab.h>

#include <uapi/drm/i915_drm.h>

#include "i915_gem_object.h"
#include "i915_gem_ttm.h"
#include "i915_gem_vm_bind_internal.h"
#include "i915_trace.h"

/**
 * DOC: VM_BIND mappings
 *
 * The states of a mapping, and what leads from one to the next::
 *
 *                    VM_BIND
 *                       |
 *                       v     the job could not write
 *    rebound   +--> [ bound ] ------------------------> [ bound, failed ]
 *    by a      |        |                                      |
 *    submission|        | its object loses its pages           | next
 *              |        v                                      | submission
 *              +-- [ evicted ] <-------------------------------+
 *
 * VM_UNBIND and the end of the address space take it out of any of these.
 *
 * A bound mapping may be pending: then a job will write its page tables, and the
 * job's fence is in the reservations, so that nobody evicts it before that. Each
 * mapping that was bound has all its page tables, even if its job failed.
 *
 * A mapping holds a reference to its object through &struct drm_gpuvm_bo, but
 * none to its address space.
 */

/**
 * i915_vm_mapping_create - Allocate a mapping
 * @flags: Those of &struct drm_i915_gem_vm_bind
 *
 * Return: The mapping, to be freed with kfree() while it is in no tree; or NULL.
 */
struct i915_vm_mapping *i915_vm_mapping_create(u64 flags)
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

static void vm_mapping_assert_held(const struct i915_vm_mapping *mapping)
{
	struct i915_vm_bind *vb = to_vm_bind(mapping->va.vm);

	lockdep_assert_held(&vb->op_lock);
	assert_object_held(vb->root);
	assert_object_held(to_intel_bo(mapping->va.gem.obj));
}

static void vm_mapping_count_userptr(const struct i915_vm_mapping *mapping,
				     int by)
{
	struct i915_vm_bind *vb = to_vm_bind(mapping->va.vm);

	if (i915_gem_object_is_userptr(to_intel_bo(mapping->va.gem.obj)))
		WRITE_ONCE(vb->num_userptr, vb->num_userptr + by);
}

/* A private object is in the LRU's bulk move while it is mapped. */
static void vm_mapping_set_lru(const struct i915_vm_mapping *mapping,
			       struct ttm_lru_bulk_move *lru)
{
	struct drm_gem_object *obj = mapping->va.gem.obj;

	if (!drm_gpuvm_is_extobj(mapping->va.vm, obj))
		i915_ttm_set_bulk_move(to_intel_bo(obj), lru);
}

static void vm_mapping_add_capture(struct i915_vm_bind *vb,
				   struct i915_vm_mapping *mapping)
{
	if (!(mapping->va.flags & I915_VM_MAPPING_CAPTURE))
		return;

	list_add_tail(&to_vm_capture(mapping)->link, &vb->captures);
	WRITE_ONCE(vb->num_captures, vb->num_captures + 1);
}

static void vm_mapping_del_capture(struct i915_vm_bind *vb,
				   struct i915_vm_mapping *mapping)
{
	if (!(mapping->va.flags & I915_VM_MAPPING_CAPTURE))
		return;

	list_del(&to_vm_capture(mapping)->link);
	WRITE_ONCE(vb->num_captures, vb->num_captures - 1);
}

/**
 * i915_vm_mapping_insert - Put a mapping into the tree
 * @mapping: The mapping; evicted
 * @vm_bo: Its object in its address space
 *
 * The caller holds &i915_vm_bind.op_lock and the reservations of the address space
 * and of the object, and has made sure that the range is free.
 */
void i915_vm_mapping_insert(struct i915_vm_mapping *mapping,
			    struct drm_gpuvm_bo *vm_bo)
{
	struct i915_vm_bind *vb = to_vm_bind(vm_bo->vm);
	int err;

	spin_lock(&vb->tree_lock);
	err = drm_gpuva_insert(&vb->gpuvm, &mapping->va);
	vm_mapping_add_capture(vb, mapping);
	spin_unlock(&vb->tree_lock);
	GEM_BUG_ON(err);
	vm_mapping_assert_held(mapping);

	vm_mapping_set_lru(mapping, &vb->lru);
	drm_gpuva_link(&mapping->va, vm_bo);
	drm_gpuvm_bo_extobj_add(vm_bo);
	vm_mapping_count_userptr(mapping, 1);
	trace_i915_vm_bind(mapping);
}

/**
 * i915_vm_mapping_destroy - Take a mapping out of the tree, and free it
 * @mapping: The mapping. Its page tables hold scratch, or a job will see to it, or
 * the address space ends.
 *
 * The caller holds &i915_vm_bind.op_lock and the reservations of the address space
 * and of the object. May drop the last reference to the object.
 */
void i915_vm_mapping_destroy(struct i915_vm_mapping *mapping)
{
	struct i915_vm_bind *vb = to_vm_bind(mapping->va.vm);

	vm_mapping_assert_held(mapping);

	trace_i915_vm_unbind(mapping);
	if (vb->last_batch == &mapping->va)
		vb->last_batch = NULL;
	vm_mapping_count_userptr(mapping, -1);
	if (list_is_singular(&mapping->va.vm_bo->list.gpuva))
		vm_mapping_set_lru(mapping, NULL);

	spin_lock(&vb->tree_lock);
	vm_mapping_del_capture(vb, mapping);
	drm_gpuva_remove(&mapping->va);
	spin_unlock(&vb->tree_lock);

	drm_gpuva_unlink(&mapping->va);
	kfree(mapping);
}

static void vm_mapping_set_sg(struct i915_vm_mapping *mapping,
			      const struct i915_vm_bind_update *update)
{
	if (!(mapping->va.flags & I915_VM_MAPPING_CAPTURE))
		return;

	to_vm_capture(mapping)->sg = update->sg;
	to_vm_capture(mapping)->sg_skip = update->sg_skip;
}

static bool vm_bo_is_bound(const struct drm_gpuvm_bo *vm_bo)
{
	struct drm_gpuva *va = list_first_entry(&vm_bo->list.gpuva,
						typeof(*va), gem.entry);

	return i915_vm_mapping_is_bound(to_vm_mapping(va));
}

/*
 * In the lists of an object, bound mappings come before evicted ones, and so do
 * the address spaces that have any. Eviction then finds what is left to do
 * without a search, however many mappings there are, and can do it in parts.
 */
static void vm_mapping_sort(struct i915_vm_mapping *mapping)
{
	struct drm_gpuvm_bo *vm_bo = mapping->va.vm_bo;

	if (i915_vm_mapping_is_bound(mapping)) {
		list_move(&mapping->va.gem.entry, &vm_bo->list.gpuva);
		list_move(&vm_bo->list.entry.gem, &vm_bo->obj->gpuva.list);
		return;
	}

	list_move_tail(&mapping->va.gem.entry, &vm_bo->list.gpuva);
	if (!vm_bo_is_bound(vm_bo))
		list_move_tail(&vm_bo->list.entry.gem,
			       &vm_bo->obj->gpuva.list);
}

/**
 * i915_vm_mapping_set_bound - Say what the page tables hold for a mapping
 * @mapping: The mapping, in the tree, the reservation of its object held
 * @update: Writes the pages of the object, now or once its job has run; or NULL for
 * scratch
 */
void i915_vm_mapping_set_bound(struct i915_vm_mapping *mapping,
			       const struct i915_vm_bind_update *update)
{
	struct i915_vm_bind *vb = to_vm_bind(mapping->va.vm);

	assert_object_held(to_intel_bo(mapping->va.gem.obj));

	spin_lock(&vb->tree_lock);
	mapping->va.flags &= ~(I915_VM_MAPPING_BOUND | I915_VM_MAPPING_FAILED);
	if (update) {
		mapping->va.flags |= I915_VM_MAPPING_BOUND;
		mapping->seqno = update->seqno;
		vm_mapping_set_sg(mapping, update);
	}
	spin_unlock(&vb->tree_lock);

	vm_mapping_sort(mapping);
}

/**
 * i915_vm_mapping_complete - Note that a job has run
 * @vb: The address space
 * @update: What the job has run
 * @failed: It could not write its mapping
 *
 * The mapping may be gone by now, and another one have its range: that one is of
 * another job.
 */
void i915_vm_mapping_complete(struct i915_vm_bind *vb,
			      const struct i915_vm_bind_update *update,
			      bool failed)
{
	struct drm_gpuva *va = NULL;

	spin_lock(&vb->tree_lock);
	GEM_BUG_ON(update->seqno != vb->completed + 1); /* in their order */
	vb->completed = update->seqno;
	if (failed)
		va = drm_gpuva_find(&vb->gpuvm, update->start, update->length);
	if (va && to_vm_mapping(va)->seqno == update->seqno)
		WRITE_ONCE(va->flags, va->flags | I915_VM_MAPPING_FAILED);
	spin_unlock(&vb->tree_lock);

	if (!failed)
		return;

	/* After the flag: see i915_vm_bind_validate(). */
	smp_store_release(&vb->failed, true);
}

/**
 * i915_vm_mapping_clear - Let the page tables of a mapping point to scratch
 * @mapping: The mapping, with no job pending, the reservation of its object held
 *
 * Neither allocates nor fails, so that the shrinker can rely on it.
 */
void i915_vm_mapping_clear(struct i915_vm_mapping *mapping)
{
	struct i915_vm_bind *vb = to_vm_bind(mapping->va.vm);

	assert_object_held(to_intel_bo(mapping->va.gem.obj));

	if (!i915_vm_mapping_is_bound(mapping))
		return;

	i915_vm_mapping_set_bound(mapping, NULL);
	i915_vm_bind_clear(vb, to_intel_bo(mapping->va.gem.obj),
			   mapping->va.va.addr, mapping->va.va.range);
}
