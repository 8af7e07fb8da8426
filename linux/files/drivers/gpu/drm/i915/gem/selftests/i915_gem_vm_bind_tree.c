// SPDX-License-Identifier: MIT
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#include "gem/i915_gem_object.h"
#include "gem/i915_gem_vm_bind_internal.h"
#include "gt/intel_gtt.h"
#include "i915_drv.h"
#include "i915_selftest.h"
#include "selftests/i915_random.h"

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

	mutex_lock(&vm->vm_bind->op_lock);
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
	mutex_unlock(&vm->vm_bind->op_lock);

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

#define ORDER_VMS	3
#define ORDER_SLOTS	4

struct order {
	struct drm_i915_gem_object *obj;
	struct i915_address_space *vms[ORDER_VMS];
	bool mapped[ORDER_VMS][ORDER_SLOTS];
};

/* Eviction takes the first of an object's lists, and ends where that is unbound. */
static int order_check(struct order *o)
{
	bool vm_ended = false;
	struct drm_gpuvm_bo *vm_bo;
	struct drm_gpuva *va;
	int err = 0;

	i915_gem_object_lock(o->obj, NULL);
	drm_gem_for_each_gpuvm_bo(vm_bo, &o->obj->base) {
		bool ended = false, bound = false;

		drm_gpuvm_bo_for_each_va(va, vm_bo) {
			if (!i915_vm_mapping_is_bound(to_vm_mapping(va)))
				ended = true;
			else if (ended || vm_ended)
				err = -EINVAL;
			else
				bound = true;
		}
		vm_ended |= !bound;
	}
	i915_gem_object_unlock(o->obj);

	return err;
}

static int order_step(struct order *o, struct rnd_state *prng)
{
	unsigned int vm = prandom_u32_state(prng) % ORDER_VMS;
	unsigned int slot = prandom_u32_state(prng) % ORDER_SLOTS;
	const u64 addr = IGT_VM_ADDRESS + slot * SZ_4K;
	int err;

	switch (prandom_u32_state(prng) % 8) {
	case 0:
		return igt_object_evict(o->obj, 0);
	case 1:
		return igt_vm_rebind(o->vms[vm]);
	default:
		err = o->mapped[vm][slot] ?
			igt_vm_unmap(o->vms[vm], addr, SZ_4K) :
			igt_vm_map(o->vms[vm], o->obj, addr, 0, SZ_4K);
		o->mapped[vm][slot] = !o->mapped[vm][slot];
		return err;
	}
}

static int order_run(struct order *o)
{
	I915_RND_STATE(prng);
	unsigned int i;
	int err = 0;

	for (i = 0; i < 2000 && !err; i++) {
		err = order_step(o, &prng);
		if (!err)
			err = order_check(o);
		if (err)
			pr_err("step %u: %d\n", i, err);
	}

	return err;
}

/* What is bound comes first, whatever is bound, unbound and evicted in between. */
static int igt_vm_bind_order(void *arg)
{
	struct order o = {};
	int i, err = 0;

	o.obj = igt_vm_object_create(arg, IGT_SHMEM, SZ_4K);
	if (IS_ERR(o.obj))
		return PTR_ERR(o.obj);

	for (i = 0; i < ORDER_VMS && !err; i++) {
		o.vms[i] = igt_vm_create(arg);
		if (IS_ERR(o.vms[i]))
			err = PTR_ERR(fetch_and_zero(&o.vms[i]));
	}
	if (!err)
		err = order_run(&o);

	for (i = 0; i < ORDER_VMS; i++)
		if (o.vms[i])
			i915_vm_put(o.vms[i]);
	i915_gem_object_unpin_pages(o.obj);
	i915_gem_object_put(o.obj);
	return err;
}

static int map_many(struct i915_address_space *vm,
		    struct drm_i915_gem_object *obj, unsigned int count)
{
	int err = 0;

	while (count-- && !err)
		err = igt_vm_map(vm, obj, count * (u64)SZ_4K, 0, SZ_4K);

	return err;
}

/* The shrinker takes a part of them out at a time, and gets to the end. */
static int igt_vm_bind_shrink(void *arg)
{
	const unsigned int count = I915_VM_BIND_MAX_SHRINK + 1;
	const unsigned long part = I915_GEM_OBJECT_UNBIND_PART;
	struct drm_i915_gem_object *obj;
	struct i915_address_space *vm;
	int err;

	vm = igt_vm_create(arg);
	if (IS_ERR(vm))
		return PTR_ERR(vm);

	obj = igt_vm_object_create(arg, IGT_SHMEM, SZ_4K);
	if (IS_ERR(obj)) {
		err = PTR_ERR(obj);
		goto out;
	}

	err = map_many(vm, obj, count);
	if (!err && (igt_object_evict(obj, part) != -EBUSY ||
		     igt_object_evict(obj, part) != 0)) {
		pr_err("%u mappings are not evicted in two parts\n", count);
		err = -EINVAL;
	}
	if (!err)
		err = igt_vm_check_cleared(vm, 0, count * (u64)SZ_4K);
	if (!err)
		err = igt_vm_rebind(vm);

	/* Others do it all at once. */
	if (!err)
		err = igt_object_evict(obj, 0);
	if (!err)
		err = igt_vm_check_cleared(vm, 0, count * (u64)SZ_4K);

	i915_gem_object_unpin_pages(obj);
	i915_gem_object_put(obj);
out:
	i915_vm_put(vm);
	return err;
}

int i915_gem_vm_bind_tree_selftests(struct drm_i915_private *i915)
{
	static const struct i915_subtest tests[] = {
		SUBTEST(igt_vm_bind_order),
		SUBTEST(igt_vm_bind_shrink),
		SUBTEST(igt_vm_bind_tree),
	};

	return i915_live_subtests(tests, i915);
}
