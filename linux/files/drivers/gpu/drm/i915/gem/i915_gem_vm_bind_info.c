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
 * What debugfs shows of an address space. The tree of mappings is read under
 * &i915_vm_bind.lock alone, so that no batch is held up.
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
