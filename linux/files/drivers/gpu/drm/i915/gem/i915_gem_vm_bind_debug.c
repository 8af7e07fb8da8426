// SPDX-License-Identifier: MIT
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#include <linux/dma-resv.h>
#include <linux/list.h>
#include <linux/seq_file.h>

#include <drm/drm_debugfs.h>

#include "i915_gem_object.h"
#include "i915_gem_vm_bind_internal.h"

/**
 * DOC: What is shown of a VM_BIND address space
 *
 * debugfs reads the tree of mappings under &i915_vm_bind.op_lock alone, so that no
 * batch is held up.
 *
 * An error state is taken where no reservation may be waited for. It finds mappings
 * under &i915_vm_bind.tree_lock, and pins the pages of those that are bound: who
 * drops the pages of an object first makes its mappings evicted, under the same
 * lock. The pages are then read without any lock. Nobody waits for that; meanwhile,
 * reclaim passes the object over, and a userptr object can't be pinned anew.
 */

/**
 * i915_vm_bind_show - Print all mappings
 * @vb: The address space
 * @m: Where to print
 *
 * Return: 0 or -EINTR.
 */
int i915_vm_bind_show(struct i915_vm_bind *vb, struct seq_file *m)
{
	int err;

	err = mutex_lock_interruptible(&vb->op_lock);
	if (err)
		return err;

	err = drm_debugfs_gpuva_info(m, &vb->gpuvm);
	mutex_unlock(&vb->op_lock);

	return err;
}

static bool vm_mapping_snapshot(struct i915_vm_mapping *mapping,
				struct i915_vm_bind_snapshot *snapshot)
{
	struct drm_i915_gem_object *obj = to_intel_bo(mapping->va.gem.obj);

	lockdep_assert_held(&to_vm_bind(mapping->va.vm)->tree_lock);

	if (!i915_vm_mapping_is_bound(mapping))
		return false;

	__i915_gem_object_pin_pages(obj);
	snapshot->obj = i915_gem_object_get(obj);
	snapshot->start = mapping->va.va.addr;
	snapshot->offset = mapping->va.gem.offset;
	snapshot->length = mapping->va.va.range;
	return true;
}

/* Until they are cleared or moved, pages hold what others left there. */
static bool snapshot_is_readable(const struct i915_vm_bind_snapshot *snapshot)
{
	return dma_resv_test_signaled(snapshot->obj->base.resv,
				      DMA_RESV_USAGE_KERNEL) &&
		!i915_gem_object_has_unknown_state(snapshot->obj);
}

/**
 * i915_vm_bind_snapshot_fini - Give a snapshot back
 * @snapshot: The snapshot
 */
void i915_vm_bind_snapshot_fini(struct i915_vm_bind_snapshot *snapshot)
{
	i915_gem_object_unpin_pages(snapshot->obj);
	i915_gem_object_put(snapshot->obj);
}

/**
 * i915_vm_bind_snapshot_batch - Find the mapping that a batch runs from
 * @vb: The address space
 * @address: Where the batch starts, in bytes
 * @snapshot: What was found, to be given to i915_vm_bind_snapshot_fini()
 *
 * To be called from a process, with any lock of i915 held but a spinlock.
 *
 * Return: Whether @snapshot can be read.
 */
bool i915_vm_bind_snapshot_batch(struct i915_vm_bind *vb, u64 address,
				 struct i915_vm_bind_snapshot *snapshot)
{
	struct drm_gpuva *va;
	bool found = false;

	spin_lock(&vb->tree_lock);
	va = drm_gpuva_find_first(&vb->gpuvm, address, sizeof(u64));
	if (va)
		found = vm_mapping_snapshot(to_vm_mapping(va), snapshot);
	spin_unlock(&vb->tree_lock);

	if (!found)
		return false;

	if (snapshot_is_readable(snapshot))
		return true;

	i915_vm_bind_snapshot_fini(snapshot);
	return false;
}

static unsigned int drop_unreadable(struct i915_vm_bind_snapshot *snapshots,
				    unsigned int count)
{
	unsigned int i, left = 0;

	for (i = 0; i < count; i++) {
		if (snapshot_is_readable(&snapshots[i]))
			snapshots[left++] = snapshots[i];
		else
			i915_vm_bind_snapshot_fini(&snapshots[i]);
	}

	return left;
}

/**
 * i915_vm_bind_snapshot_captures - Find the mappings that error states show
 * @vb: The address space
 * @snapshots: What was found, each to be given to i915_vm_bind_snapshot_fini()
 * @max: How many @snapshots there is room for
 *
 * A reset waits for all dumps, so that what one address space may show is limited:
 * I915_VM_BIND_MAX_CAPTURE_SIZE bytes, and as many mappings as are found within
 * four times I915_VM_BIND_MAX_CAPTURES.
 *
 * To be called from a process, with any lock of i915 held but a spinlock.
 *
 * Return: How many there are.
 */
unsigned int
i915_vm_bind_snapshot_captures(struct i915_vm_bind *vb,
			       struct i915_vm_bind_snapshot *snapshots,
			       unsigned int max)
{
	unsigned int looks = 4 * I915_VM_BIND_MAX_CAPTURES, count = 0;
	u64 left = I915_VM_BIND_MAX_CAPTURE_SIZE;
	struct i915_vm_capture *c;

	spin_lock(&vb->tree_lock);
	list_for_each_entry(c, &vb->captures, link) {
		if (count == max || !left || !looks--)
			break;

		if (c->base.va.va.range > left ||
		    !vm_mapping_snapshot(&c->base, &snapshots[count]))
			continue;

		left -= c->base.va.va.range;
		count++;
	}
	spin_unlock(&vb->tree_lock);

	return drop_unreadable(snapshots, count);
}
