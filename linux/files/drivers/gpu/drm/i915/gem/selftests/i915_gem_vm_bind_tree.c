// SPDX-License-Identifier: MIT
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#include "gem/i915_gem_object.h"
#include "gem/i915_gem_vm_bind.h"
#include "gt/intel_gtt.h"
#include "i915_drv.h"
#include "i915_selftest.h"

#include "igt_vm_bind_utils.h"

/* Which mappings there are: what may be bound beside what, and unbound. */

#define TREE_PAGES 12

struct tree_step {
	u8 unmap;
	u8 first;
	u8 pages;
	int err;
};

/* After each step: where a mapping begins, how many pages it has, in order. */
static int check_tree(struct i915_address_space *vm,
		      struct drm_i915_gem_object *obj, const u8 *pages)
{
	unsigned int page = 0;
	struct drm_gpuva *va;
	int err = 0;

	mutex_lock(&vm->vm_bind->lock);
	drm_gpuvm_for_each_va(va, &vm->vm_bind->gpuvm) {
		while (page < TREE_PAGES && !pages[page])
			page++;
		if (page == TREE_PAGES ||
		    va->va.addr != IGT_VM_ADDRESS + page * SZ_4K ||
		    va->va.range != pages[page] * SZ_4K ||
		    va->gem.offset != page * SZ_4K ||
		    va->gem.obj != &obj->base)
			err = -EINVAL;
		if (err)
			break;
		page += pages[page];
	}
	mutex_unlock(&vm->vm_bind->lock);

	for (; page < TREE_PAGES && !err; page++)
		err = pages[page] ? -EINVAL : 0;
	return err;
}

static int tree_step(struct i915_address_space *vm,
		     struct drm_i915_gem_object *obj,
		     const struct tree_step *step, u8 *pages)
{
	const u64 start = IGT_VM_ADDRESS + step->first * SZ_4K;
	const u64 length = step->pages * SZ_4K;
	int err;

	if (step->unmap)
		err = igt_vm_unmap(vm, start, length);
	else
		err = igt_vm_map(vm, obj, start, step->first * SZ_4K, length);
	if (err != step->err)
		return err ?: -EINVAL;

	if (!err)
		pages[step->first] = step->unmap ? 0 : step->pages;
	return check_tree(vm, obj, pages);
}

/* Mappings are never split, merged or replaced. */
static int igt_vm_bind_tree(void *arg)
{
	static const struct tree_step steps[] = {
		/* unmap, first, pages, err */
		{ 1, 0, 12, 0 }, /* nothing there */
		{ 0, 4, 4, 0 },
		{ 0, 4, 4, -ENOSPC }, /* the same */
		{ 0, 4, 1, -ENOSPC }, /* its first, */
		{ 0, 7, 1, -ENOSPC }, /* its last, */
		{ 0, 5, 2, -ENOSPC }, /* its inner pages */
		{ 0, 3, 2, -ENOSPC }, /* across its start, */
		{ 0, 7, 2, -ENOSPC }, /* across its end, */
		{ 0, 3, 6, -ENOSPC }, /* around it */
		{ 1, 4, 1, -EINVAL },
		{ 1, 7, 1, -EINVAL },
		{ 1, 5, 2, -EINVAL },
		{ 1, 3, 2, -EINVAL },
		{ 1, 7, 2, -EINVAL },
		{ 1, 3, 6, -EINVAL },
		{ 1, 4, 3, -EINVAL },
		{ 1, 5, 3, -EINVAL },
		{ 1, 3, 1, 0 }, /* just before: nothing there, */
		{ 1, 8, 1, 0 }, /* nor just after */
		{ 0, 3, 1, 0 }, /* neighbours are not merged, */
		{ 0, 8, 4, 0 },
		{ 1, 3, 5, -EINVAL }, /* nor unmapped together */
		{ 1, 4, 8, -EINVAL },
		{ 1, 3, 9, -EINVAL },
		{ 0, 0, 3, 0 },
		{ 1, 4, 4, 0 }, /* out of the middle */
		{ 1, 4, 4, 0 },
		{ 0, 2, 4, -ENOSPC },
		{ 0, 5, 4, -ENOSPC },
		{ 0, 5, 2, 0 }, /* and something smaller in */
		{ 0, 4, 1, 0 },
		{ 0, 7, 1, 0 },
		{ 1, 8, 4, 0 },
		{ 1, 0, 3, 0 },
		{ 1, 5, 2, 0 },
		{ 1, 3, 1, 0 },
		{ 1, 7, 1, 0 },
		{ 1, 4, 1, 0 },
	};
	struct drm_i915_private *i915 = arg;
	struct drm_i915_gem_object *obj;
	u8 pages[TREE_PAGES] = {};
	struct i915_address_space *vm;
	unsigned int i;
	int err = 0;

	vm = igt_vm_create(i915);
	if (IS_ERR(vm))
		return PTR_ERR(vm);

	obj = igt_vm_object_create(i915, IGT_INTERNAL, TREE_PAGES * SZ_4K);
	if (IS_ERR(obj)) {
		err = PTR_ERR(obj);
		goto out;
	}

	for (i = 0; i < ARRAY_SIZE(steps) && !err; i++) {
		err = tree_step(vm, obj, &steps[i], pages);
		if (err)
			pr_err("step %u: %d\n", i, err);
	}

	i915_gem_object_unpin_pages(obj);
	i915_gem_object_put(obj);
out:
	i915_vm_put(vm);
	return err;
}

int i915_gem_vm_bind_tree_selftests(struct drm_i915_private *i915)
{
	static const struct i915_subtest tests[] = {
		SUBTEST(igt_vm_bind_tree),
	};

	return i915_live_subtests(tests, i915);
}
