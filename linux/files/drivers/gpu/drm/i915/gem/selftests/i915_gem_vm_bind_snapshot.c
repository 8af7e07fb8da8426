// SPDX-License-Identifier: MIT
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#include <linux/dma-fence.h>
#include <linux/dma-resv.h>

#include <uapi/drm/i915_drm.h>

#include "gem/i915_gem_object.h"
#include "gem/i915_gem_timeline_fence.h"
#include "gem/i915_gem_vm_bind_internal.h"
#include "gt/intel_gtt.h"
#include "i915_drv.h"
#include "i915_selftest.h"

#include "igt_vm_bind_utils.h"

/* What an error state finds in an address space, and when it finds nothing. */

#define MARKED_ADDRESS	IGT_VM_ADDRESS
#define PLAIN_ADDRESS	(IGT_VM_ADDRESS + SZ_64K)
#define MARKED_OFFSET	SZ_4K
#define MARKED_LENGTH	(2 * SZ_4K)

struct snapshots {
	struct i915_address_space *vm;
	struct drm_i915_gem_object *obj;
};

static bool is_marked(const struct snapshots *s,
		      const struct i915_vm_bind_snapshot *snapshot)
{
	return snapshot->obj == s->obj && snapshot->start == MARKED_ADDRESS &&
		snapshot->offset == MARKED_OFFSET &&
		snapshot->length == MARKED_LENGTH;
}

static bool find_batch(const struct snapshots *s, u64 addr, bool marked)
{
	struct i915_vm_bind_snapshot snapshot;
	bool found;

	if (!i915_vm_bind_snapshot_batch(s->vm->vm_bind, addr, &snapshot))
		return false;

	found = is_marked(s, &snapshot) == marked;
	i915_vm_bind_snapshot_fini(&snapshot);
	return found;
}

static bool find_marked(const struct snapshots *s)
{
	struct i915_vm_bind_snapshot found[3];
	unsigned int i, count;
	bool ok;

	count = i915_vm_bind_snapshot_captures(s->vm->vm_bind, found,
					       ARRAY_SIZE(found));
	ok = count == 1 && is_marked(s, &found[0]);
	for (i = 0; i < count; i++)
		i915_vm_bind_snapshot_fini(&found[i]);

	return ok;
}

static int expect(const struct snapshots *s, const char *when, bool found)
{
	const u64 batch = MARKED_ADDRESS + MARKED_LENGTH - sizeof(u64);

	if (find_marked(s) == found && find_batch(s, batch, true) == found)
		return 0;

	pr_err("the mapping is %sfound %s\n", found ? "not " : "", when);
	return -EINVAL;
}

static int drop_pages(struct drm_i915_gem_object *obj)
{
	int err;

	i915_gem_object_lock(obj, NULL);
	err = i915_gem_object_unbind(obj, 0);
	if (!err)
		err = __i915_gem_object_put_pages(obj);
	i915_gem_object_unlock(obj);

	return err;
}

/* Pages that are read can't be dropped, and nobody waits. */
static int check_held(const struct snapshots *s)
{
	struct i915_vm_bind_snapshot snapshot;
	int err;

	if (!i915_vm_bind_snapshot_batch(s->vm->vm_bind, MARKED_ADDRESS,
					 &snapshot))
		return -EINVAL;

	err = drop_pages(s->obj);
	i915_vm_bind_snapshot_fini(&snapshot);
	if (err != -EBUSY) {
		pr_err("pages that are read are dropped: %d\n", err);
		return -EINVAL;
	}

	return drop_pages(s->obj);
}

static int check_evicted(const struct snapshots *s)
{
	int err;

	err = check_held(s);
	if (!err)
		err = expect(s, "without pages", false);
	if (!err)
		err = igt_vm_rebind(s->vm);
	return err ?: expect(s, "after its pages came back", true);
}

/* What others left in the pages is not shown. */
static int check_unknown(const struct snapshots *s)
{
	struct dma_fence *move = igt_fence_create();
	int err;

	if (!move)
		return -ENOMEM;

	i915_gem_object_lock(s->obj, NULL);
	err = dma_resv_reserve_fences(s->obj->base.resv, 1);
	if (!err)
		dma_resv_add_fence(s->obj->base.resv, move,
				   DMA_RESV_USAGE_KERNEL);
	i915_gem_object_unlock(s->obj);

	if (!err)
		err = expect(s, "while its pages are on their way", false);
	dma_fence_signal(move);
	dma_fence_put(move);
	if (err)
		return err;

	s->obj->mm.unknown_state = true;
	err = expect(s, "although its pages did not arrive", false);
	s->obj->mm.unknown_state = false;
	return err ?: expect(s, "once its pages are there", true);
}

static int check_all(const struct snapshots *s)
{
	struct i915_timeline_fence none = {};
	int err;

	err = i915_vm_bind_map(s->vm->vm_bind, s->obj, MARKED_ADDRESS,
			       MARKED_OFFSET, MARKED_LENGTH,
			       I915_GEM_VM_BIND_CAPTURE, &none);
	if (!err)
		err = igt_vm_map(s->vm, s->obj, PLAIN_ADDRESS, 0, SZ_4K);
	if (!err)
		err = expect(s, "where it is", true);
	if (!err && (!find_batch(s, PLAIN_ADDRESS, false) ||
		     find_batch(s, PLAIN_ADDRESS + SZ_4K, false))) {
		pr_err("a batch is found where none is, or not where one is\n");
		err = -EINVAL;
	}
	if (!err)
		err = check_evicted(s);
	if (!err)
		err = check_unknown(s);
	if (!err)
		err = igt_vm_unmap(s->vm, MARKED_ADDRESS, MARKED_LENGTH);
	return err ?: expect(s, "where it was", false);
}

static int igt_vm_bind_snapshot(void *arg)
{
	struct snapshots s;
	int err;

	s.vm = igt_vm_create(arg);
	if (IS_ERR(s.vm))
		return PTR_ERR(s.vm);

	s.obj = igt_vm_object_create(arg, IGT_SHMEM, SZ_64K);
	if (IS_ERR(s.obj)) {
		err = PTR_ERR(s.obj);
		goto out;
	}
	i915_gem_object_unpin_pages(s.obj);

	err = check_all(&s);
	i915_gem_object_put(s.obj);
out:
	i915_vm_put(s.vm);
	return err;
}

int i915_gem_vm_bind_snapshot_selftests(struct drm_i915_private *i915)
{
	static const struct i915_subtest tests[] = {
		SUBTEST(igt_vm_bind_snapshot),
	};

	return i915_live_subtests(tests, i915);
}
