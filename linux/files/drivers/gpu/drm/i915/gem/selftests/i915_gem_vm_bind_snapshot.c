// SPDX-License-Identifier: MIT
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#include <linux/delay.h>
#include <linux/dma-fence.h>
#include <linux/workqueue.h>

#include <drm/drm_syncobj.h>

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

/* The last page, where the batch of expect() lies. */
static bool is_clipped(const struct snapshots *s,
		       const struct i915_vm_bind_snapshot *snapshot)
{
	const u64 before = MARKED_LENGTH - SZ_4K;

	return snapshot->obj == s->obj &&
		snapshot->start == MARKED_ADDRESS + before &&
		snapshot->offset == MARKED_OFFSET + before &&
		snapshot->length == SZ_4K;
}

static bool find_batch(const struct snapshots *s, u64 addr, bool marked)
{
	struct i915_vm_bind_snapshot snapshot;
	bool found;

	if (!i915_vm_bind_snapshot_batch(s->vm->vm_bind, addr, &snapshot))
		return false;

	found = is_clipped(s, &snapshot) == marked;
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

/* Pages that are read are not dropped; who may not wait gives up. */
static int check_held(const struct snapshots *s)
{
	struct i915_vm_bind_snapshot snapshot;
	int err;

	if (!i915_vm_bind_snapshot_batch(s->vm->vm_bind, MARKED_ADDRESS,
					 &snapshot))
		return -EINVAL;

	err = igt_object_drop_pages(s->obj);
	i915_vm_bind_snapshot_fini(&snapshot);
	if (err != -EBUSY) {
		pr_err("pages that are read are dropped: %d\n", err);
		return -EINVAL;
	}

	return igt_object_drop_pages(s->obj);
}

struct reader {
	struct work_struct work;
	struct i915_vm_bind_snapshot snapshot;
	bool done;
};

static void read_slowly(struct work_struct *work)
{
	struct reader *r = container_of(work, typeof(*r), work);

	msleep(100);
	WRITE_ONCE(r->done, true);
	i915_vm_bind_snapshot_fini(&r->snapshot);
}

/* And who may wait does so until they were read. */
static int check_awaited(const struct snapshots *s)
{
	struct reader r = {};
	int err;

	if (!i915_vm_bind_snapshot_batch(s->vm->vm_bind, MARKED_ADDRESS,
					 &r.snapshot))
		return -EINVAL;

	INIT_WORK_ONSTACK(&r.work, read_slowly);
	schedule_work(&r.work);
	err = igt_object_evict(s->obj, I915_GEM_OBJECT_UNBIND_ACTIVE);
	if (!err && !READ_ONCE(r.done)) {
		pr_err("nobody waited for the pages to be read\n");
		err = -EINVAL;
	}
	flush_work(&r.work);
	destroy_work_on_stack(&r.work);

	return err;
}

static int check_evicted(const struct snapshots *s)
{
	int err;

	err = check_held(s);
	if (!err)
		err = expect(s, "without pages", false);
	if (!err)
		err = igt_vm_rebind(s->vm);
	if (!err)
		err = expect(s, "after its pages came back", true);
	if (!err)
		err = check_awaited(s);
	if (!err)
		err = igt_vm_rebind(s->vm);
	return err ?: expect(s, "after it was waited for", true);
}

static int bind_marked(const struct snapshots *s,
		       struct i915_timeline_fence *out)
{
	return i915_vm_bind_map(s->vm->vm_bind, s->obj, MARKED_ADDRESS,
				MARKED_OFFSET, MARKED_LENGTH,
				I915_GEM_VM_BIND_CAPTURE, out);
}

/* A mapping that waits for its pages, or that never got them, is not shown. */
static int bind_late(const struct snapshots *s, struct dma_fence *move,
		     struct i915_timeline_fence *out, bool fails)
{
	struct dma_fence *fence;
	int err;

	err = igt_object_add_move(s->obj, move);
	if (!err)
		err = bind_marked(s, out);
	if (!err)
		err = expect(s, "while its pages are on their way", false);
	s->obj->mm.unknown_state = fails;
	dma_fence_signal(move);
	if (err)
		return err;

	fence = drm_syncobj_fence_get(out->syncobj);
	if (dma_fence_wait_timeout(fence, false, 10 * HZ) <= 0)
		err = -ETIME;
	dma_fence_put(fence);
	return err ?: expect(s, "when its job had run", !fails);
}

static int check_late(const struct snapshots *s, bool fails)
{
	struct i915_timeline_fence out = {
		.user.flags = I915_TIMELINE_FENCE_SIGNAL,
	};
	struct dma_fence *move = igt_fence_create();
	int err;

	if (!move)
		return -ENOMEM;

	err = drm_syncobj_create(&out.syncobj, 0, NULL);
	if (!err) {
		err = bind_late(s, move, &out, fails);
		s->obj->mm.unknown_state = false;
		i915_timeline_fence_put(&out);
	}

	dma_fence_signal(move);
	dma_fence_put(move);
	return err ?: igt_vm_unmap(s->vm, MARKED_ADDRESS, MARKED_LENGTH);
}

static int check_all(const struct snapshots *s)
{
	struct i915_timeline_fence none = {};
	int err;

	err = bind_marked(s, &none);
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
		err = igt_vm_unmap(s->vm, MARKED_ADDRESS, MARKED_LENGTH);
	if (!err)
		err = expect(s, "where it was", false);
	return err ?: check_late(s, false) ?: check_late(s, true);
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
