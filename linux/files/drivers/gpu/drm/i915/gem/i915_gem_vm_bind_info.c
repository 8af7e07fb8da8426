// SPDX-License-Identifier: MIT
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#include <linux/list.h>
#include <linux/seq_file.h>

#include <drm/drm_debugfs.h>

#include "i915_gem_object.h"
#include "i915_gem_vm_bind.h"

/*
 * What others get to see of an address space: its mappings in debugfs, and the
 * memory that only they keep in fdinfo.
 *
 * Both read the tree of mappings under &i915_vm_bind.lock alone, so that they
 * hold no batch up.
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

	err = mutex_lock_interruptible(&vb->lock);
	if (err)
		return err;

	err = drm_debugfs_gpuva_info(m, &vb->gpuvm);
	mutex_unlock(&vb->lock);

	return err;
}

/* An object is mapped any number of times, and has one first mapping. */
static bool is_first(const struct drm_gpuva *va)
{
	return list_is_first(&va->gem.entry, &va->vm_bo->list.gpuva);
}

/**
 * i915_vm_bind_for_each_orphan - Call a function for each object that has no
 * handle any more
 * @vb: The address space
 * @fn: The function
 * @stats: What is handed to @fn
 *
 * Does nothing where a signal comes first.
 */
void i915_vm_bind_for_each_orphan(struct i915_vm_bind *vb,
				  i915_vm_bind_stats_fn fn,
				  struct drm_memory_stats *stats)
{
	struct drm_gpuva *va;

	if (mutex_lock_interruptible(&vb->lock))
		return;

	drm_gpuvm_for_each_va(va, &vb->gpuvm) {
		if (READ_ONCE(va->gem.obj->handle_count) || !is_first(va))
			continue;

		fn(to_intel_bo(va->gem.obj), stats);
	}

	mutex_unlock(&vb->lock);
}
