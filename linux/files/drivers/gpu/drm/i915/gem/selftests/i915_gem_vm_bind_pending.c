// SPDX-License-Identifier: MIT
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/dma-fence.h>
#include <linux/kthread.h>

#include <drm/drm_syncobj.h>

#include "gem/i915_gem_object.h"
#include "gem/i915_gem_timeline_fence.h"
#include "gem/i915_gem_vm_bind_internal.h"
#include "gt/intel_engine_pm.h"
#include "gt/intel_gt.h"
#include "gt/intel_gtt.h"
#include "i915_drv.h"
#include "i915_request.h"
#include "i915_selftest.h"
#include "selftests/intel_scheduler_helpers.h"

#include "igt_vm_bind_utils.h"

/* What may change, and what has to stay, while a bind waits for its pages. */

/* A syncobj for each of the calls below. */
enum { BIND, BIND_OTHER, UNBIND, NOTHING, CALLS };

struct pending {
	struct i915_address_space *vm;
	struct drm_i915_gem_object *obj, *other;
	struct i915_timeline_fence out[CALLS];

	/* Seen when the fence of BIND signalled: how often its pages were pinned. */
	struct dma_fence_cb cb;
	struct completion signalled;
	int pins;
};

#define OTHER_ADDRESS	(IGT_VM_ADDRESS + SZ_1G)

/* A job that waits for @move writes the mapping. */
static int pending_bind(struct pending *p, struct dma_fence *move)
{
	return igt_object_add_move(p->obj, move) ?:
	       i915_vm_bind_map(p->vm->vm_bind, p->obj, IGT_VM_ADDRESS, 0,
				SZ_64K, 0, &p->out[BIND]);
}

/* None of these may wait for the pages to arrive. */
static int pending_queue(struct pending *p)
{
	struct i915_vm_bind *vb = p->vm->vm_bind;
	int err;

	err = i915_vm_bind_map(vb, p->obj, IGT_VM_ADDRESS, 0, SZ_64K, 0,
			       &p->out[BIND]);
	if (!err)
		err = i915_vm_bind_map(vb, p->other, OTHER_ADDRESS, 0, SZ_64K,
				       0, &p->out[BIND_OTHER]);
	if (!err)
		err = i915_vm_bind_unmap(vb, OTHER_ADDRESS, SZ_64K,
					 &p->out[UNBIND]);
	if (!err)
		err = i915_vm_bind_unmap(vb, OTHER_ADDRESS, SZ_64K,
					 &p->out[NOTHING]);

	return err;
}

static void pending_signalled(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct pending *p = container_of(cb, typeof(*p), cb);

	p->pins = atomic_read(&p->obj->mm.pages_pin_count);
	complete(&p->signalled);
}

static int pending_watch(struct pending *p)
{
	struct dma_fence *fence = drm_syncobj_fence_get(p->out[BIND].syncobj);
	int err;

	init_completion(&p->signalled);
	err = dma_fence_add_callback(fence, &p->cb, pending_signalled);
	dma_fence_put(fence);
	return err;
}

/* A fence that never signals fails pending_wait(). */
static void pending_unwatch(struct pending *p)
{
	struct dma_fence *fence = drm_syncobj_fence_get(p->out[BIND].syncobj);

	if (!wait_for_completion_timeout(&p->signalled, 10 * HZ))
		dma_fence_remove_callback(fence, &p->cb);
	dma_fence_put(fence);
}

static int pending_count(struct pending *p)
{
	struct dma_fence *fence;
	int i, count = 0;

	for (i = 0; i < CALLS; i++) {
		fence = drm_syncobj_fence_get(p->out[i].syncobj);
		count += fence && !dma_fence_is_signaled(fence);
		dma_fence_put(fence);
	}

	return count;
}

static int pending_check(struct pending *p)
{
	if (pending_count(p) != CALLS) {
		pr_err("%d of %d calls are pending\n", pending_count(p), CALLS);
		return -EINVAL;
	}

	/* The pages must not go, nor the mapping, before the job has run. */
	if (igt_object_evict(p->obj, 0) != -EBUSY ||
	    igt_object_evict(p->other, 0) != -EBUSY)
		return -EINVAL;

	if (igt_vm_map(p->vm, p->obj, IGT_VM_ADDRESS, 0, SZ_4K) != -ENOSPC)
		return -EINVAL;

	return igt_vm_check_cleared(p->vm, IGT_VM_ADDRESS, SZ_64K);
}

static int pending_wait(struct pending *p)
{
	struct dma_fence *fence;
	int i, err = 0;

	for (i = 0; i < CALLS && !err; i++) {
		fence = drm_syncobj_fence_get(p->out[i].syncobj);
		if (dma_fence_wait_timeout(fence, false, 10 * HZ) <= 0)
			err = -ETIME;
		else if (fence->error)
			err = fence->error; /* of another's */
		dma_fence_put(fence);
		if (err)
			pr_err("call %d: %d\n", i, err);
	}
	if (err)
		return err;

	/* The job had done all by then: no pin is left but the test's own. */
	if (p->pins != 1) {
		pr_err("the pages had %d pins\n", p->pins);
		return -EINVAL;
	}

	return 0;
}

/* A batch that is submitted now has to find what is bound by then. */
static struct i915_request *pending_request(struct pending *p)
{
	struct i915_vm_bind *vb = p->vm->vm_bind;
	struct intel_engine_cs *engine =
		intel_selftest_find_any_engine(to_gt(p->vm->i915));
	struct i915_request *rq;
	int err;

	/* in this order: a request holds its timeline's lock until it is added */
	i915_gem_object_lock(vb->root, NULL);
	rq = intel_engine_create_kernel_request(engine);
	if (!IS_ERR(rq)) {
		err = i915_vm_bind_await(vb, rq);
		i915_request_get(rq);
		i915_request_add(rq);
		if (err) {
			i915_request_put(rq);
			rq = ERR_PTR(err);
		}
	}
	i915_gem_object_unlock(vb->root);

	return rq;
}

static int __pending(struct pending *p, struct dma_fence *move)
{
	struct i915_request *rq;
	int err;

	err = igt_object_add_move(p->obj, move);
	if (err)
		return err;

	err = pending_queue(p);
	if (!err)
		err = pending_watch(p);
	if (!err)
		err = pending_check(p);

	rq = pending_request(p);
	if (!err && (IS_ERR(rq) || i915_request_wait(rq, 0, HZ / 10) != -ETIME))
		err = -EINVAL;

	dma_fence_set_error(move, -EIO);
	dma_fence_signal(move);
	if (p->cb.func)
		pending_unwatch(p);

	if (!IS_ERR(rq)) {
		if (i915_request_wait(rq, 0, 10 * HZ) < 0)
			err = -ETIME;
		i915_request_put(rq);
	}
	if (err)
		return err;

	err = pending_wait(p);
	if (!err)
		err = igt_vm_check_mapped(p->vm, p->obj, IGT_VM_ADDRESS, 0, SZ_64K);
	if (!err)
		err = igt_vm_check_cleared(p->vm, OTHER_ADDRESS, SZ_64K);

	return err;
}

static void pending_fini(struct pending *p)
{
	int i;

	for (i = 0; i < CALLS; i++)
		i915_timeline_fence_put(&p->out[i]);

	if (p->other) {
		i915_gem_object_unpin_pages(p->other);
		i915_gem_object_put(p->other);
	}
	if (p->obj) {
		i915_gem_object_unpin_pages(p->obj);
		i915_gem_object_put(p->obj);
	}
	if (p->vm)
		i915_vm_put(p->vm);
}

static int pending_init(struct pending *p, struct drm_i915_private *i915)
{
	int i, err;

	p->vm = igt_vm_create(i915);
	if (IS_ERR(p->vm))
		return PTR_ERR(fetch_and_zero(&p->vm));

	p->obj = igt_vm_object_create(i915, IGT_INTERNAL, SZ_64K);
	if (IS_ERR(p->obj))
		return PTR_ERR(fetch_and_zero(&p->obj));

	p->other = igt_vm_object_create(i915, IGT_SHMEM, SZ_64K);
	if (IS_ERR(p->other))
		return PTR_ERR(fetch_and_zero(&p->other));

	for (i = 0; i < CALLS; i++) {
		err = drm_syncobj_create(&p->out[i].syncobj, 0, NULL);
		if (err)
			return err;
	}

	return 0;
}

static int with_pending(struct drm_i915_private *i915,
			int (*fn)(struct pending *p, struct dma_fence *move))
{
	struct pending p = {};
	struct dma_fence *move;
	int err;

	move = igt_fence_create();
	if (!move)
		return -ENOMEM;

	err = pending_init(&p, i915);
	if (!err)
		err = fn(&p, move);

	pending_fini(&p);
	dma_fence_put(move);
	return err;
}

/* With an out-fence, a call returns while the pages are still on their way. */
static int igt_vm_bind_pending(void *arg)
{
	return with_pending(arg, __pending);
}

static int pending_wait_for(struct pending *p, int call, int error)
{
	struct dma_fence *fence = drm_syncobj_fence_get(p->out[call].syncobj);
	int err = 0;

	if (dma_fence_wait_timeout(fence, false, 10 * HZ) <= 0 ||
	    fence->error != error) {
		pr_err("the fence of call %d tells of %d\n", call,
		       fence->error);
		err = -EINVAL;
	}
	dma_fence_put(fence);

	return err;
}

static int __unknown(struct pending *p, struct dma_fence *move)
{
	int err;

	err = pending_bind(p, move);
	p->obj->mm.unknown_state = true;
	dma_fence_signal(move);
	if (err)
		return err;

	err = pending_wait_for(p, BIND, -EIO);
	if (err)
		return err;

	/* Without an out-fence the call itself fails. */
	if (igt_vm_map(p->vm, p->obj, OTHER_ADDRESS, 0, SZ_64K) != -EIO)
		return -EINVAL;

	err = igt_vm_check_cleared(p->vm, IGT_VM_ADDRESS, SZ_64K) ?:
	      igt_vm_check_cleared(p->vm, OTHER_ADDRESS, SZ_64K);
	if (err)
		return err;

	/* Each submission tries again. */
	if (igt_vm_rebind(p->vm) != -EIO || igt_vm_rebind(p->vm) != -EIO) {
		pr_err("submitted without the pages\n");
		return -EINVAL;
	}

	p->obj->mm.unknown_state = false;
	return igt_vm_rebind(p->vm) ?:
	       igt_vm_check_mapped(p->vm, p->obj, IGT_VM_ADDRESS, 0, SZ_64K);
}

/* The range of a job that fails may have another mapping by then. */
static int __replaced(struct pending *p, struct dma_fence *move)
{
	struct i915_vm_bind *vb = p->vm->vm_bind;
	struct drm_gpuva *va;
	int err;

	err = pending_bind(p, move);
	if (!err)
		err = i915_vm_bind_unmap(vb, IGT_VM_ADDRESS, SZ_64K,
					 &p->out[UNBIND]);
	if (!err)
		err = i915_vm_bind_map(vb, p->other, IGT_VM_ADDRESS, 0, SZ_64K,
				       0, &p->out[BIND_OTHER]);

	p->obj->mm.unknown_state = true;
	dma_fence_signal(move);
	err = err ?: pending_wait_for(p, BIND, -EIO) ?:
	      pending_wait_for(p, BIND_OTHER, 0);
	p->obj->mm.unknown_state = false;
	if (err)
		return err;

	mutex_lock(&vb->op_lock);
	va = drm_gpuva_find(&vb->gpuvm, IGT_VM_ADDRESS, SZ_64K);
	if (!va || va->flags & I915_VM_MAPPING_FAILED) {
		pr_err("the second mapping counts as failed\n");
		err = -EINVAL;
	}
	mutex_unlock(&vb->op_lock);

	return err ?: igt_vm_rebind(p->vm) ?:
	       igt_vm_check_mapped(p->vm, p->other, IGT_VM_ADDRESS, 0, SZ_64K);
}

static int igt_vm_bind_unknown_replaced(void *arg)
{
	return with_pending(arg, __replaced);
}

static int rebind_later(struct pending *p, struct dma_fence *move)
{
	int err;

	err = igt_object_evict(p->other, 0);
	if (!err)
		err = igt_object_add_move(p->other, move);
	if (!err)
		err = igt_vm_rebind(p->vm);
	dma_fence_signal(move);
	if (!err)
		err = i915_vm_bind_wait(p->vm->vm_bind, p->other);

	return err ?: igt_vm_rebind(p->vm) ?:
	       igt_vm_check_mapped(p->vm, p->other, OTHER_ADDRESS, 0, SZ_64K) ?:
	       igt_vm_check_mapped(p->vm, p->obj, IGT_VM_ADDRESS, 0, SZ_64K);
}

/* A submission that binds another object by a job leaves it to the next one. */
static int __later(struct pending *p, struct dma_fence *move)
{
	struct dma_fence *second = igt_fence_create();
	int err;

	if (!second)
		return -ENOMEM;

	err = igt_vm_map(p->vm, p->other, OTHER_ADDRESS, 0, SZ_64K);
	if (!err)
		err = pending_bind(p, move);

	p->obj->mm.unknown_state = true;
	dma_fence_signal(move);
	err = err ?: pending_wait_for(p, BIND, -EIO);
	p->obj->mm.unknown_state = false;
	if (!err)
		err = rebind_later(p, second);

	dma_fence_signal(second);
	dma_fence_put(second);
	return err;
}

static int igt_vm_bind_unknown_later(void *arg)
{
	return with_pending(arg, __later);
}

struct caller {
	struct pending *p;
	struct task_struct *task;
	struct completion done;
	int err;
};

static int call_synchronously(void *data)
{
	struct caller *c = data;

	c->err = igt_vm_map(c->p->vm, c->p->other, OTHER_ADDRESS, 0, SZ_64K);
	complete(&c->done);
	return 0;
}

static bool is_waiting(const struct caller *c)
{
	unsigned int ms;

	for (ms = 0; ms < 5000; ms += 20) {
		if (READ_ONCE(c->task->__state) & TASK_INTERRUPTIBLE)
			return true;
		msleep(20);
	}

	return false;
}

static int is_lockable(struct i915_vm_bind *vb)
{
	if (!mutex_trylock(&vb->op_lock))
		return -EBUSY;
	mutex_unlock(&vb->op_lock);

	if (!i915_gem_object_trylock(vb->root, NULL))
		return -EBUSY;
	i915_gem_object_unlock(vb->root);

	return 0;
}

static int __waiting(struct pending *p, struct dma_fence *move)
{
	struct caller c = { .p = p };
	int err;

	err = pending_bind(p, move);
	if (err)
		goto out;

	init_completion(&c.done);
	c.task = kthread_run(call_synchronously, &c, "igt-vm_bind");
	if (IS_ERR(c.task)) {
		err = PTR_ERR(c.task);
		goto out;
	}
	get_task_struct(c.task);

	if (!is_waiting(&c))
		err = -ETIME;
	else
		err = is_lockable(p->vm->vm_bind);
	if (err)
		pr_err("a call that waits keeps others out: %d\n", err);

	dma_fence_signal(move);
	wait_for_completion(&c.done);
	kthread_stop(c.task);
	put_task_struct(c.task);
	return err ?: c.err ?:
	       igt_vm_check_mapped(p->vm, p->other, OTHER_ADDRESS, 0, SZ_64K);
out:
	dma_fence_signal(move);
	return err;
}

/* A synchronous call waits for those before it without any lock. */
static int igt_vm_bind_waiting(void *arg)
{
	return with_pending(arg, __waiting);
}

/* Pages that could not be cleared, by the GPU or the CPU, are never mapped. */
static int igt_vm_bind_unknown(void *arg)
{
	return with_pending(arg, __unknown);
}

int i915_gem_vm_bind_pending_selftests(struct drm_i915_private *i915)
{
	static const struct i915_subtest tests[] = {
		SUBTEST(igt_vm_bind_pending),
		SUBTEST(igt_vm_bind_unknown),
		SUBTEST(igt_vm_bind_unknown_later),
		SUBTEST(igt_vm_bind_unknown_replaced),
		SUBTEST(igt_vm_bind_waiting),
	};

	return i915_live_subtests(tests, i915);
}
