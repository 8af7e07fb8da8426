// SPDX-License-Identifier: MIT
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/ktime.h>
#include <linux/mm.h>

#include <drm/drm_syncobj.h>

#include "gem/i915_gem_lmem.h"
#include "gem/i915_gem_object.h"
#include "gem/i915_gem_timeline_fence.h"
#include "gem/i915_gem_ttm.h"
#include "gem/i915_gem_ttm_move.h"
#include "gem/i915_gem_vm_bind_internal.h"
#include "gt/intel_engine_pm.h"
#include "gt/intel_gt.h"
#include "gt/intel_gtt.h"
#include "i915_drv.h"
#include "i915_request.h"
#include "i915_selftest.h"
#include "selftests/intel_scheduler_helpers.h"

#include "igt_vm_bind_utils.h"

/* What may change, and what has to stay, while a batch runs. */

/* A batch that runs until the test ends it. */
struct batch {
	struct dma_fence *gate;
	struct i915_request *rq;
};

struct busy {
	struct drm_i915_private *i915;
	struct i915_address_space *vm;
	struct batch batch, later;
};

static void batch_end(struct batch *batch)
{
	if (!batch->gate)
		return;

	dma_fence_signal(batch->gate);
	dma_fence_put(fetch_and_zero(&batch->gate));
	if (!batch->rq)
		return;

	if (i915_request_wait(batch->rq, 0, 10 * HZ) < 0)
		pr_err("a request does not end\n");
	i915_request_put(fetch_and_zero(&batch->rq));
}

static int batch_begin(struct batch *batch, struct drm_i915_private *i915)
{
	struct intel_engine_cs *engine =
		intel_selftest_find_any_engine(to_gt(i915));
	struct i915_request *rq;
	int err;

	batch->gate = igt_fence_create();
	if (!batch->gate)
		return -ENOMEM;

	rq = intel_engine_create_kernel_request(engine);
	if (IS_ERR(rq))
		return PTR_ERR(rq);

	err = i915_sw_fence_await_dma_fence(&rq->submit, batch->gate, 0,
					    GFP_KERNEL);
	batch->rq = i915_request_get(rq);
	i915_request_add(rq);
	return min(err, 0);
}

/* As EXECBUFFER3 of that batch does. */
static int make_busy(struct busy *b, struct batch *batch)
{
	return igt_vm_make_busy(b->vm, &batch->rq->fence);
}

static int with_busy(struct drm_i915_private *i915, int (*test)(struct busy *b))
{
	struct busy b = { .i915 = i915 };
	int err;

	b.vm = igt_vm_create(i915);
	if (IS_ERR(b.vm))
		return PTR_ERR(b.vm);

	err = batch_begin(&b.batch, i915);
	if (!err)
		err = batch_begin(&b.later, i915);
	if (!err)
		err = test(&b);

	batch_end(&b.batch);
	batch_end(&b.later);
	i915_gem_drain_freed_objects(i915);
	i915_vm_put(b.vm);
	return err;
}

/* Both show the object. */
static const u64 aliases[] = { IGT_VM_ADDRESS, IGT_VM_ADDRESS + SZ_1G };

static int aliases_map(struct i915_address_space *vm,
		       struct drm_i915_gem_object *obj)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(aliases) && !err; i++)
		err = igt_vm_map(vm, obj, aliases[i], 0, obj->base.size);

	return err;
}

static int aliases_check(struct i915_address_space *vm,
			 struct drm_i915_gem_object *obj, bool mapped)
{
	const u64 size = obj->base.size;
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(aliases) && !err; i++)
		err = mapped ? igt_vm_check_mapped(vm, obj, aliases[i], 0, size) :
			igt_vm_check_cleared(vm, aliases[i], size);

	return err;
}

static int evict_and_rebind(struct busy *b, struct drm_i915_gem_object *obj)
{
	struct i915_address_space *vm = b->vm;
	struct dma_fence *stub;
	int err;

	err = aliases_map(vm, obj);
	if (!err)
		err = make_busy(b, &b->batch);
	if (err)
		return err;

	/* Busy: neither pages nor page tables may change. */
	if (igt_object_evict(obj, 0) != -EBUSY)
		return -EINVAL;
	err = aliases_check(vm, obj, true);
	if (err)
		return err;

	/* Idle, but bound. */
	batch_end(&b->batch);
	if (igt_object_evict(obj, I915_GEM_OBJECT_UNBIND_TEST) != -EBUSY)
		return -EINVAL;

	err = igt_object_evict(obj, 0);
	if (!err)
		err = aliases_check(vm, obj, false);
	if (err)
		return err;

	/* The mapping is still there, and so is what it takes. */
	if (igt_vm_map(vm, obj, IGT_VM_ADDRESS, 0, SZ_4K) != -ENOSPC)
		return -EINVAL;

	stub = dma_fence_get_stub();
	err = igt_vm_make_busy(vm, stub);
	dma_fence_put(stub);
	if (err)
		return err;

	return aliases_check(vm, obj, true);
}

static int __evict(struct busy *b)
{
	struct drm_i915_gem_object *obj;
	int err;

	obj = igt_vm_object_create(b->i915, IGT_INTERNAL, SZ_64K + SZ_4K);
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	err = evict_and_rebind(b, obj);

	i915_gem_object_unpin_pages(obj);
	i915_gem_object_put(obj);
	return err;
}

static int igt_vm_bind_evict(void *arg)
{
	return with_busy(arg, __evict);
}

static bool page_is_released(struct drm_i915_private *i915, struct page *page,
			     unsigned int ms)
{
	do {
		flush_work(&i915->mm.free_work);
		if (page_count(page) == 1)
			return true;
		msleep(20);
	} while (ms -= 20);

	return false;
}

/* Mapped, used by a batch, unmapped and closed; the batch still runs. */
static int use_and_close(struct busy *b, struct drm_i915_gem_object *obj)
{
	int err;

	err = igt_vm_map(b->vm, obj, IGT_VM_ADDRESS, 0, SZ_4K);
	if (!err)
		err = make_busy(b, &b->batch);
	if (!err)
		err = igt_vm_unmap(b->vm, IGT_VM_ADDRESS, SZ_4K);

	i915_gem_object_unpin_pages(obj);
	i915_gem_object_put(obj);
	return err;
}

/* VM_UNBIND and GEM_CLOSE under a batch that runs: its pages have to stay. */
static int __busy_free(struct busy *b)
{
	struct drm_i915_gem_object *obj;
	struct page *page;
	int err, held;

	obj = igt_vm_object_create(b->i915, IGT_INTERNAL, SZ_4K);
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	page = i915_gem_object_get_page(obj, 0);
	get_page(page);

	err = use_and_close(b, obj);
	if (err)
		goto out;

	flush_work(&b->i915->mm.free_work);
	held = page_count(page);

	batch_end(&b->batch);
	i915_gem_drain_freed_objects(b->i915);

	if (held != 2 || page_count(page) != 1) {
		pr_err("%d references while busy, %d when freed\n",
		       held, page_count(page));
		err = -EINVAL;
	}
out:
	put_page(page);
	return err;
}

static int igt_vm_bind_busy_free(void *arg)
{
	return with_busy(arg, __busy_free);
}

/* A batch that runs already may be told of what is bound, and then use it. */
static int __late(struct busy *b)
{
	struct drm_i915_gem_object *obj;
	struct page *page;
	int err;

	err = make_busy(b, &b->batch);
	if (err)
		return err;

	obj = igt_vm_object_create(b->i915, IGT_INTERNAL, SZ_4K);
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	page = i915_gem_object_get_page(obj, 0);
	get_page(page);

	err = igt_vm_map(b->vm, obj, IGT_VM_ADDRESS, 0, SZ_4K);
	if (!err && igt_object_evict(obj, 0) != -EBUSY) {
		pr_err("evicted while in use\n");
		err = -EINVAL;
	}
	if (!err)
		err = igt_vm_unmap(b->vm, IGT_VM_ADDRESS, SZ_4K);
	i915_gem_object_unpin_pages(obj);
	i915_gem_object_put(obj);

	if (!err && page_is_released(b->i915, page, 60)) {
		pr_err("released while in use\n");
		err = -EINVAL;
	}

	batch_end(&b->batch);
	if (!err && !page_is_released(b->i915, page, 2000)) {
		pr_err("kept by nobody\n");
		err = -EINVAL;
	}

	put_page(page);
	return err;
}

static int igt_vm_bind_late(void *arg)
{
	return with_busy(arg, __late);
}

/* As I915_GEM_CREATE_EXT_VM_PRIVATE does, while nobody knows of it. */
static void object_make_private(struct drm_i915_gem_object *obj,
				struct i915_address_space *vm)
{
	obj->base.resv = i915_vm_resv_get(vm);
	obj->shares_resv_from = vm;
}

/* What follows in its address space is none of a freed object's business. */
static int __private_free(struct busy *b)
{
	struct drm_i915_gem_object *obj;
	struct page *page;
	int err;

	obj = igt_vm_object_create(b->i915, IGT_INTERNAL, SZ_4K);
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	page = i915_gem_object_get_page(obj, 0);
	get_page(page);

	object_make_private(obj, b->vm);
	err = use_and_close(b, obj);
	if (err)
		goto out;

	if (page_is_released(b->i915, page, 60)) {
		pr_err("released while in use\n");
		err = -EINVAL;
	}

	if (!err)
		err = make_busy(b, &b->later);
	batch_end(&b->batch);
	if (!err && !page_is_released(b->i915, page, 2000)) {
		pr_err("kept by what came later\n");
		err = -EINVAL;
	}
out:
	put_page(page);
	return err;
}

static int igt_vm_bind_private_free(void *arg)
{
	return with_busy(arg, __private_free);
}

struct closer {
	struct work_struct work;
	struct drm_i915_private *i915;
	struct i915_address_space *vm;
	struct drm_i915_gem_object *obj;
	bool done;
};

static void close_all(struct work_struct *work)
{
	struct closer *c = container_of(work, typeof(*c), work);

	i915_vm_put(c->vm);
	i915_vm_bind_flush_release();
	i915_gem_object_put(c->obj);
	i915_gem_flush_free_objects(c->i915);
	flush_work(&c->i915->mm.free_work);
	/* Pairs with closed_meanwhile(): all of it is gone by then. */
	smp_store_release(&c->done, true);
}

/* Without sleeping, which would end what the reader is protected by. */
static bool closed_meanwhile(struct closer *c)
{
	const ktime_t end = ktime_add_ms(ktime_get(), 5000);

	/* Pairs with close_all(). */
	while (!smp_load_acquire(&c->done)) {
		if (ktime_after(ktime_get(), end))
			return false;
		cpu_relax();
	}

	return true;
}

/* GEM_BUSY reads an object's reservation with nothing but RCU to keep it. */
static int igt_vm_bind_private_rcu(void *arg)
{
	struct closer c = { .i915 = arg };
	struct dma_resv *resv;
	int err = 0;

	if (num_online_cpus() < 2)
		return 0;

	c.vm = igt_vm_create(arg);
	if (IS_ERR(c.vm))
		return PTR_ERR(c.vm);

	c.obj = igt_vm_object_create(arg, IGT_INTERNAL, SZ_4K);
	if (IS_ERR(c.obj)) {
		i915_vm_put(c.vm);
		return PTR_ERR(c.obj);
	}

	object_make_private(c.obj, c.vm);
	i915_gem_object_unpin_pages(c.obj);

	INIT_WORK_ONSTACK(&c.work, close_all);
	rcu_read_lock();
	resv = c.obj->base.resv;
	queue_work(system_unbound_wq, &c.work);
	if (!closed_meanwhile(&c)) {
		pr_err("the object was not closed\n");
		err = -ETIME;
	} else if (!dma_resv_test_signaled(resv, DMA_RESV_USAGE_BOOKKEEP)) {
		err = -EINVAL;
	}
	rcu_read_unlock();

	flush_work(&c.work);
	destroy_work_on_stack(&c.work);
	return err;
}

/* As I915_GEM_CREATE_EXT_VM_PRIVATE does, with nothing allocated yet. */
static struct drm_i915_gem_object *
local_create_private(struct drm_i915_private *i915,
		     struct i915_address_space *vm)
{
	struct drm_i915_gem_object *obj;

	obj = i915_gem_object_create_lmem(i915, SZ_2M, I915_BO_ALLOC_USER);
	if (IS_ERR(obj))
		return obj;

	i915_gem_object_lock(obj, NULL);
	obj->shares_resv_from = vm;
	i915_ttm_share_resv(obj, i915_vm_resv_get(vm));

	return obj;
}

static int local_bind(struct busy *b, bool gpu_fails, bool memory_fails)
{
	struct drm_i915_gem_object *obj;
	int err;

	obj = local_create_private(b->i915, b->vm);
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	i915_ttm_migrate_set_failure_modes(gpu_fails, memory_fails);
	err = igt_vm_map(b->vm, obj, IGT_VM_ADDRESS, 0, SZ_2M);
	i915_ttm_migrate_set_failure_modes(false, false);
	if (err)
		goto out;

	i915_gem_object_lock(obj, NULL);
	if (i915_gem_object_is_lmem(obj)) {
		err = igt_vm_check_mapped(b->vm, obj, IGT_VM_ADDRESS, 0, SZ_2M);
	} else {
		pr_err("bound while TTM still waited for the address space\n");
		err = -EINVAL;
	}
	i915_gem_object_unlock(obj);

	if (!err)
		err = igt_vm_unmap(b->vm, IGT_VM_ADDRESS, SZ_2M);
out:
	i915_gem_object_put(obj);
	return err;
}

static int __local_busy(struct busy *b)
{
	unsigned int i;
	int err;

	err = make_busy(b, &b->batch);
	for (i = 0; !err && i < 4; i++)
		err = local_bind(b, i & 1, i & 2);

	return err;
}

/*
 * Local memory is cleared by the GPU. However that ends, and if nobody can be
 * told later: no batch of the address space is waited for.
 */
static int igt_vm_bind_local_busy(void *arg)
{
	struct drm_i915_private *i915 = arg;

	return HAS_LMEM(i915) ? with_busy(i915, __local_busy) : 0;
}

int i915_gem_vm_bind_busy_selftests(struct drm_i915_private *i915)
{
	static const struct i915_subtest tests[] = {
		SUBTEST(igt_vm_bind_evict),
		SUBTEST(igt_vm_bind_busy_free),
		SUBTEST(igt_vm_bind_late),
		SUBTEST(igt_vm_bind_private_free),
		SUBTEST(igt_vm_bind_private_rcu),
		SUBTEST(igt_vm_bind_local_busy),
	};

	return i915_live_subtests(tests, i915);
}
