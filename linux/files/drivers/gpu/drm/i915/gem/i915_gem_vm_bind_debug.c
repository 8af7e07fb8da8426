// SPDX-License-Identifier: MIT
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#include <linux/list.h>
#include <linux/seq_file.h>
#include <linux/wait_bit.h>

#include <drm/drm_debugfs.h>

#include "i915_gem_object.h"
#include "i915_gem_vm_bind_internal.h"

/**
 * DOC: What is shown of a VM_BIND address space
 *
 * debugfs walks the tree of mappings under &i915_vm_bind.op_lock.
 *
 * Error capture must not wait for a reservation. It finds bound mappings under
 * &i915_vm_bind.tree_lock, and raises &drm_i915_gem_object.mm.num_dumps of their
 * objects. Any path that releases pages first evicts the object's mappings, under
 * tree_lock, and then waits for the dumps, or gives up where it must not wait. The
 * pages are read without any lock. VM_UNBIND does not wait.
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

/*
 * Of a mapping whose job has not run, or failed, the GPU has seen scratch, and the
 * pages may hold another client's data.
 */
static bool vm_mapping_is_complete(const struct i915_vm_bind *vb,
				   const struct i915_vm_mapping *mapping)
{
	return i915_vm_mapping_is_bound(mapping) &&
		!i915_vm_mapping_is_failed(mapping) &&
		mapping->seqno <= vb->completed;
}

static bool vm_mapping_snapshot(struct i915_vm_mapping *mapping,
				struct i915_vm_bind_snapshot *snapshot)
{
	struct drm_i915_gem_object *obj = to_intel_bo(mapping->va.gem.obj);
	struct i915_vm_bind *vb = to_vm_bind(mapping->va.vm);

	lockdep_assert_held(&vb->tree_lock);

	if (!vm_mapping_is_complete(vb, mapping))
		return false;

	atomic_inc(&obj->mm.num_dumps);
	*snapshot = (struct i915_vm_bind_snapshot) {
		.obj = i915_gem_object_get(obj),
		.start = mapping->va.va.addr,
		.offset = mapping->va.gem.offset,
		.length = mapping->va.va.range,
	};
	return true;
}

/**
 * i915_vm_bind_snapshot_fini - Let the pages of a snapshot go
 * @snapshot: The snapshot
 */
void i915_vm_bind_snapshot_fini(struct i915_vm_bind_snapshot *snapshot)
{
	atomic_t *num_dumps = &snapshot->obj->mm.num_dumps;

	if (atomic_dec_and_test(num_dumps))
		wake_up_var(num_dumps);
	i915_gem_object_put(snapshot->obj);
}

/* From the page of @address on, and no more than the limit. */
static void snapshot_clip(struct i915_vm_bind_snapshot *snapshot, u64 address)
{
	const u64 before = round_down(address, PAGE_SIZE) - snapshot->start;

	snapshot->start += before;
	snapshot->offset += before;
	snapshot->length = min_t(u64, snapshot->length - before,
				 I915_VM_BIND_MAX_BATCH_SIZE);
}

/**
 * i915_vm_bind_snapshot_batch - Find the mapping at the address of a batch
 * @vb: The address space
 * @address: Where the batch starts, in bytes
 * @snapshot: What was found, from the page of @address on, at most
 * I915_VM_BIND_MAX_BATCH_SIZE bytes; to be given to i915_vm_bind_snapshot_fini()
 *
 * If user space has bound something else there meanwhile, that is found.
 *
 * To be called from a process, with no spinlock held.
 *
 * Return: Whether something was found.
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

	if (found)
		snapshot_clip(snapshot, address);
	return found;
}

/**
 * i915_vm_bind_snapshot_captures - Find the mappings that error states show
 * @vb: The address space
 * @snapshots: What was found, each to be given to i915_vm_bind_snapshot_fini()
 * @max: How many @snapshots there is room for
 *
 * A reset waits for the dump. One request therefore shows at most @max mappings and
 * I915_VM_BIND_MAX_CAPTURE_SIZE bytes, taken from the first four times
 * I915_VM_BIND_MAX_CAPTURES mappings on the list. A mapping that does not fit is
 * skipped.
 *
 * To be called from a process, with no spinlock held.
 *
 * Return: How many were found.
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

		snapshots[count].sg = c->sg;
		snapshots[count].sg_skip = c->sg_skip;
		left -= c->base.va.va.range;
		count++;
	}
	spin_unlock(&vb->tree_lock);

	return count;
}
