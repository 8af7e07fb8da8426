// SPDX-License-Identifier: MIT
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "gt/intel_gtt.h"

#include "i915_drv.h"
#include "i915_gem_clflush.h"
#include "i915_gem_lmem.h"
#include "i915_gem_object.h"
#include "i915_gem_vm_bind.h"
#include "i915_request.h"
#include "i915_vma_resource.h"

/**
 * DOC: VM_BIND page table job
 *
 * The only code of VM_BIND that writes page tables. A job is one change: a
 * mapping to be written, or to be turned to scratch. It is cut in two, so that
 * a call which fails has changed nothing:
 *
 * 1. i915_vm_bind_job_create_map() gathers the pages and all page tables that
 *    the range may need; i915_vm_bind_job_create_clear() has less to do. They
 *    may wait, allocate and fail; nothing is visible yet.
 * 2. i915_vm_bind_job_attach() ties the job to its mapping: the point of no
 *    return. The entries are then written either at once, by
 *    i915_vm_bind_job_run(), or by a worker, after i915_vm_bind_job_queue().
 *    From here on nothing allocates or fails.
 *
 * i915_vm_mapping_clear() takes a mapping out without any job. It neither
 * allocates nor fails, so that the shrinker, and VM_UNBIND where there is no
 * memory for a job, can rely on it.
 *
 * The queued jobs of an address space form one timeline: each waits for the one
 * before, whatever the addresses, and for the moves of the pages that it maps.
 * It does not wait for batches, which user space orders. Requests wait for the
 * last job on the GPU, see i915_vm_bind_await(). A job's fence is in the
 * reservations of the address space and of the object, with
 * DMA_RESV_USAGE_BOOKKEEP, so that nobody drops the pages, or takes the mapping
 * out, before it has run.
 *
 * A queued job always runs, whatever became of those before it, and its fence
 * tells of errors of its own only: -EIO where the pages could not be cleared,
 * which leaves scratch in their place.
 *
 * Pages are pinned until they were written to the page tables only. What keeps
 * them afterwards is described in i915_gem_vm_bind_residency.c.
 *
 * Locking: creating, attaching and queueing need the reservations of the
 * address space (its page tables are allocated under it) and of the object,
 * held throughout. A worker holds none: the page tables guard themselves, and
 * nobody else writes the range while the job is pending.
 * i915_vm_mapping_clear() needs the object's reservation alone, as the shrinker
 * has no other.
 */

static void assert_job_held(const struct i915_vm_bind_job *job)
{
	assert_object_held(job->vb->root);
	if (job->obj)
		assert_object_held(job->obj);
}

static const char *job_get_driver_name(struct dma_fence *fence)
{
	return "i915";
}

static const char *job_get_timeline_name(struct dma_fence *fence)
{
	return "vm_bind";
}

static void job_fence_release(struct dma_fence *fence)
{
	struct i915_vm_bind_job *job = container_of(fence, typeof(*job), fence);

	i915_sw_fence_fini(&job->chain);

	BUILD_BUG_ON(offsetof(typeof(*job), fence));
	dma_fence_free(fence);
}

static const struct dma_fence_ops job_fence_ops = {
	.get_driver_name = job_get_driver_name,
	.get_timeline_name = job_get_timeline_name,
	.release = job_fence_release,
	.use_64bit_seqno = true,
};

/**
 * i915_vm_bind_is_job_fence - Whether a fence is that of a job of a device
 * @fence: The fence
 * @i915: The device
 */
bool i915_vm_bind_is_job_fence(const struct dma_fence *fence,
			       const struct drm_i915_private *i915)
{
	return fence->ops == &job_fence_ops &&
		container_of(fence, struct i915_vm_bind_job, fence)->i915 == i915;
}

static struct i915_vm_bind_job *job_alloc(struct i915_vm_bind *vb,
					  struct drm_i915_gem_object *obj)
{
	struct i915_vm_bind_job *job;

	job = kzalloc(sizeof(*job), GFP_KERNEL_ACCOUNT);
	if (!job)
		return ERR_PTR(-ENOMEM);

	job->i915 = vb->vm->i915;
	job->vb = vb;
	job->obj = obj ? i915_gem_object_get(obj) : NULL;
	assert_job_held(job);
	return job;
}

/* All but the fence. May drop the last reference of the object. */
static void job_fini(struct i915_vm_bind_job *job)
{
	i915_vm_bind_put_tables(job->vb, &job->stash);
	dma_fence_put(job->moving);
	if (job->obj)
		i915_gem_object_put(job->obj);
}

/*
 * What the kernel left in the CPU's caches, as zeroes of new pages, has to be
 * seen by a GPU that does not snoop. Later it is up to user space.
 */
static void move_to_gpu(struct drm_i915_gem_object *obj)
{
	if (obj->cache_dirty & ~obj->cache_coherent)
		i915_gem_clflush_object(obj, I915_CLFLUSH_SYNC);

	obj->write_domain = I915_GEM_DOMAIN_RENDER;
	obj->read_domains = I915_GEM_GPU_DOMAINS;
}

static int job_get_pages(struct i915_vm_bind_job *job, u64 offset)
{
	struct drm_i915_gem_object *obj = job->obj;
	int err;

	err = i915_gem_object_pin_pages(obj);
	if (err)
		return err;

	/* A move or clear may be in flight: only then are the pages ours. */
	err = i915_gem_object_get_moving_fence(obj, &job->moving);
	if (err) {
		i915_gem_object_unpin_pages(obj);
		return err;
	}

	move_to_gpu(obj);
	job->sg = i915_gem_object_find_sg_dma(obj, offset, &job->sg_skip);
	return 0;
}

static int job_reserve_fences(struct i915_vm_bind_job *job)
{
	int err;

	if (job->obj && i915_vm_bind_is_external(job->vb, &job->obj->base)) {
		err = dma_resv_reserve_fences(job->obj->base.resv, 1);
		if (err)
			return err;
	}

	return dma_resv_reserve_fences(job->vb->gpuvm.r_obj->resv, 1);
}

static int job_prepare_map(struct i915_vm_bind_job *job,
			   const struct drm_gpuva *va)
{
	const struct i915_vma_bindinfo bi = {
		.page_sizes = job->obj->mm.page_sizes,
		.sg = job->sg,
		.sg_skip = job->sg_skip,
	};
	int err;

	err = i915_vm_bind_get_tables(job->vb, &job->stash, &bi, va->va.addr,
				      va->va.range);
	if (err)
		return err;

	job->res = i915_vma_resource_alloc();
	if (IS_ERR(job->res))
		return PTR_ERR(fetch_and_zero(&job->res));

	/* Last, as new page tables may take slots of their own. */
	return job_reserve_fences(job);
}

/**
 * i915_vm_bind_job_create_map - Create a job that writes a mapping
 * @vb: Where to bind
 * @mapping: What to bind, and at which addresses
 *
 * The caller holds the reservations of @vb and of the object in one ww context,
 * and has checked the range.
 *
 * Return: The job, or an error pointer with nothing left to undo: -ENOMEM;
 * -EFAULT where the object was madvised away; -EAGAIN where the pages of a userptr
 * object have to be pinned first; -EINTR or -ERESTARTSYS where a signal came;
 * -EDEADLK where the ww context has to back off.
 */
struct i915_vm_bind_job *
i915_vm_bind_job_create_map(struct i915_vm_bind *vb,
			    const struct i915_vm_mapping *mapping)
{
	struct drm_i915_gem_object *obj = to_intel_bo(mapping->va.gem.obj);
	struct i915_vm_bind_job *job;
	int err;

	job = job_alloc(vb, obj);
	if (IS_ERR(job))
		return job;

	err = job_get_pages(job, mapping->va.gem.offset);
	if (err)
		goto err_job;

	err = job_prepare_map(job, &mapping->va);
	if (err)
		goto err_pages;

	return job;

err_pages:
	i915_vma_resource_free(job->res);
	i915_gem_object_unpin_pages(obj);
err_job:
	job_fini(job);
	kfree(job);
	return ERR_PTR(err);
}

/**
 * i915_vm_bind_job_create_clear - Create a job that turns a mapping to scratch
 * @vb: The address space
 * @obj: What the mapping shows, or NULL where there is none
 *
 * The caller holds the reservations of @vb and of @obj in one ww context.
 *
 * Return: The job, or an error pointer: -ENOMEM.
 */
struct i915_vm_bind_job *
i915_vm_bind_job_create_clear(struct i915_vm_bind *vb,
			      struct drm_i915_gem_object *obj)
{
	struct i915_vm_bind_job *job;
	int err;

	job = job_alloc(vb, obj);
	if (IS_ERR(job))
		return job;

	job->clear = true;

	err = job_reserve_fences(job);
	if (err) {
		job_fini(job);
		kfree(job);
		return ERR_PTR(err);
	}

	return job;
}

/**
 * i915_vm_bind_job_cancel - Drop a job that was not attached
 * @job: The job
 */
void i915_vm_bind_job_cancel(struct i915_vm_bind_job *job)
{
	assert_job_held(job);

	if (!job->clear) {
		i915_vma_resource_free(job->res);
		i915_gem_object_unpin_pages(job->obj);
	}

	job_fini(job);
	kfree(job);
}

static struct dma_fence *get_last(const struct i915_vm_bind *vb)
{
	return rcu_dereference_protected(vb->last,
					 dma_resv_held(vb->gpuvm.r_obj->resv));
}

/**
 * i915_vm_bind_is_idle - Whether all queued jobs of an address space have run
 * @vb: The address space, its reservation held
 */
bool i915_vm_bind_is_idle(const struct i915_vm_bind *vb)
{
	struct dma_fence *last = get_last(vb);

	return !last || dma_fence_is_signaled(last);
}

/**
 * i915_vm_bind_job_is_ready - Whether a job can be run rather than queued
 * @job: A job that was not attached
 *
 * Return: True if all that it has to wait for is done.
 */
bool i915_vm_bind_job_is_ready(struct i915_vm_bind_job *job)
{
	assert_job_held(job);

	if (!i915_vm_bind_is_idle(job->vb))
		return false;

	return !job->moving || dma_fence_is_signaled(job->moving);
}

/**
 * i915_vm_bind_job_check - Check that a job can be run rather than queued
 * @job: A job that was not attached
 *
 * Return: 0; -EINPROGRESS where i915_vm_bind_wait() has to be called first,
 * without the locks; -EIO where the pages could not be cleared.
 */
int i915_vm_bind_job_check(struct i915_vm_bind_job *job)
{
	if (!i915_vm_bind_job_is_ready(job))
		return -EINPROGRESS;

	if (!job->clear && i915_gem_object_has_unknown_state(job->obj))
		return -EIO;

	return 0;
}

static void job_init_resource(struct i915_vm_bind_job *job,
			      const struct drm_gpuva *va)
{
	struct i915_address_space *vm = job->vb->vm;
	struct drm_i915_gem_object *obj = job->obj;

	i915_vma_resource_init(job->res, vm, obj->mm.pages,
			       &obj->mm.page_sizes, obj->mm.rsgt,
			       i915_gem_object_is_readonly(obj),
			       i915_gem_object_is_lmem(obj),
			       obj->mm.region, &vm->vma_ops, NULL,
			       va->va.addr, va->va.range, va->va.range, 0);
	job->res->bi.sg = job->sg;
	job->res->bi.sg_skip = job->sg_skip;
	job->res->bi.leaves = true;
}

static bool vm_bo_is_bound(const struct drm_gpuvm_bo *vm_bo)
{
	struct drm_gpuva *va = list_first_entry(&vm_bo->list.gpuva,
						typeof(*va), gem.entry);

	return to_vm_mapping(va)->res;
}

/*
 * In the lists of an object, bound mappings come before evicted ones, and so do
 * the address spaces that have any. Eviction then finds what is left to do
 * without a search, however many mappings there are, and can do it in parts.
 */
static void mapping_sort(struct i915_vm_mapping *mapping)
{
	struct drm_gpuvm_bo *vm_bo = mapping->va.vm_bo;

	if (mapping->res) {
		list_move(&mapping->va.gem.entry, &vm_bo->list.gpuva);
		list_move(&vm_bo->list.entry.gem, &vm_bo->obj->gpuva.list);
		return;
	}

	list_move_tail(&mapping->va.gem.entry, &vm_bo->list.gpuva);
	if (!vm_bo_is_bound(vm_bo))
		list_move_tail(&vm_bo->list.entry.gem,
			       &vm_bo->obj->gpuva.list);
}

/* An error capture looks at any time, and takes what it finds for bound. */
static struct i915_vma_resource *
mapping_set_res(struct i915_vm_mapping *mapping, struct i915_vma_resource *res)
{
	struct i915_vm_bind *vb = to_vm_bind(mapping->va.vm);

	assert_object_held(to_intel_bo(mapping->va.gem.obj));

	if (mapping->va.flags & I915_VM_MAPPING_CAPTURE) {
		spin_lock(&vb->capture_lock);
		swap(mapping->res, res);
		spin_unlock(&vb->capture_lock);
	} else {
		swap(mapping->res, res);
	}
	mapping_sort(mapping);

	return res;
}

/**
 * i915_vm_bind_job_attach - Tie a job to its mapping
 * @job: The job, to be run or queued before the reservations are unlocked
 * @mapping: A mapping of the range that @job was created for
 *
 * The point of no return. A mapping to be written counts as bound from here on,
 * and one to be cleared as unbound, so that it can be freed.
 */
void i915_vm_bind_job_attach(struct i915_vm_bind_job *job,
			     struct i915_vm_mapping *mapping)
{
	assert_job_held(job);
	GEM_BUG_ON(mapping->va.gem.obj != &job->obj->base);

	if (job->clear) {
		job->res = mapping_set_res(mapping, NULL);
		return;
	}

	GEM_BUG_ON(mapping->res);
	job_init_resource(job, &mapping->va);
	mapping_set_res(mapping, job->res);

	/* The GPU may write from here on, and nothing will say when. */
	job->obj->mm.dirty = true;
	i915_gem_object_set_vm_bound(job->obj);
}

static void resource_unbind(struct i915_vma_resource *res,
			    struct drm_i915_gem_object *obj)
{
	struct dma_fence *fence = i915_vma_resource_unbind(res, obj->mm.tlb);

	/* Nothing to wait for, unless an error capture reads the pages. */
	dma_fence_wait(fence, false);
	dma_fence_put(fence);
}

static int job_write(struct i915_vm_bind_job *job)
{
	struct i915_address_space *vm = job->vb->vm;
	struct drm_i915_gem_object *obj = job->obj;
	int err = 0;

	/* What others left in the pages must not be seen: scratch will do. */
	if (unlikely(i915_gem_object_has_unknown_state(obj))) {
		job->res->bind_failed = true;
		/* After what it tells of: see i915_vm_bind_validate(). */
		smp_store_release(&job->vb->failed, true);
		err = -EIO;
	} else {
		vm->vma_ops.bind_vma(vm, &job->stash, job->res, obj->pat_index,
				     0);
	}

	/* Whoever sees the fence signalled may want the pages. */
	i915_gem_object_unpin_pages(obj);
	return err;
}

static int job_execute(struct i915_vm_bind_job *job)
{
	if (!job->clear)
		return job_write(job);

	if (job->res)
		resource_unbind(job->res, job->obj);

	return 0;
}

/**
 * i915_vm_bind_job_run - Run a job at once
 * @job: An attached job that has nothing to wait for. Freed by this call.
 *
 * The device is awake.
 */
void i915_vm_bind_job_run(struct i915_vm_bind_job *job)
{
	assert_job_held(job);
	GEM_BUG_ON(!i915_vm_bind_job_is_ready(job));

	job_execute(job);
	job_fini(job);
	kfree(job);
}

static void job_work(struct work_struct *work)
{
	struct i915_vm_bind_job *job = container_of(work, typeof(*job), work);
	struct i915_address_space *vm = job->vb->vm;
	struct drm_i915_private *i915 = vm->i915;
	intel_wakeref_t wakeref = job->wakeref;
	bool cookie;
	int err;

	cookie = dma_fence_begin_signalling();
	err = job_execute(job);
	if (err)
		dma_fence_set_error(&job->fence, err);
	dma_fence_signal(&job->fence);
	dma_fence_end_signalling(cookie);

	job_fini(job);
	dma_fence_put(&job->fence);

	if (wakeref)
		intel_runtime_pm_put(&i915->runtime_pm, wakeref);

	/* The last, as this may release the address space, and it the device. */
	if (atomic_dec_and_test(&i915->mm.num_vm_bind_jobs))
		wake_up_var(&i915->mm.num_vm_bind_jobs);
	i915_vm_put(vm);
}

static int job_notify(struct i915_sw_fence *chain,
		      enum i915_sw_fence_notify state)
{
	struct i915_vm_bind_job *job = container_of(chain, typeof(*job), chain);

	switch (state) {
	case FENCE_COMPLETE:
		queue_work(job->vb->vm->i915->mm.vm_bind_wq, &job->work);
		break;
	case FENCE_FREE:
		dma_fence_put(&job->fence);
		break;
	}

	return NOTIFY_DONE;
}

static void job_init_fence(struct i915_vm_bind_job *job)
{
	struct i915_vm_bind *vb = job->vb;

	spin_lock_init(&job->lock);
	dma_fence_init(&job->fence, &job_fence_ops, &job->lock,
		       vb->fence_context, ++vb->seqno);
	INIT_WORK(&job->work, job_work);

	/* Each of these drops one: the worker, and the chain. */
	dma_fence_get(&job->fence);
	i915_sw_fence_init(&job->chain, job_notify);
	dma_fence_get(&job->fence);
}

static void job_publish(struct i915_vm_bind_job *job)
{
	struct i915_vm_bind *vb = job->vb;
	struct dma_fence *last;

	if (job->obj && i915_vm_bind_is_external(vb, &job->obj->base))
		dma_resv_add_fence(job->obj->base.resv, &job->fence,
				   DMA_RESV_USAGE_BOOKKEEP);
	dma_resv_add_fence(vb->gpuvm.r_obj->resv, &job->fence,
			   DMA_RESV_USAGE_BOOKKEEP);

	last = rcu_replace_pointer(vb->last, dma_fence_get(&job->fence),
				   dma_resv_held(vb->gpuvm.r_obj->resv));
	if (last)
		__i915_sw_fence_await_dma_fence(&job->chain, last,
						&job->after_last);
	dma_fence_put(last);
}

/**
 * i915_vm_bind_job_queue - Have a worker run a job when its turn has come
 * @job: An attached job, or one without an object. Given away by this call.
 *
 * The device is awake. It is kept awake where page tables need that.
 *
 * Return: A reference of the fence that signals when the job has run.
 */
struct dma_fence *i915_vm_bind_job_queue(struct i915_vm_bind_job *job)
{
	struct i915_address_space *vm = i915_vm_get(job->vb->vm);
	struct dma_fence *fence = &job->fence;

	assert_job_held(job);

	if (HAS_LMEM(vm->i915))
		job->wakeref =
			intel_runtime_pm_get_noresume(&vm->i915->runtime_pm);

	atomic_inc(&vm->i915->mm.num_vm_bind_jobs);
	job_init_fence(job);
	job_publish(job);
	if (job->moving)
		__i915_sw_fence_await_dma_fence(&job->chain, job->moving,
						&job->after_move);
	i915_sw_fence_commit(&job->chain);

	return fence;
}

/**
 * i915_vm_bind_wait - Wait for what a synchronous call has to wait for
 * @vb: The address space
 * @obj: The object that is to be bound, or NULL
 *
 * The caller holds no lock, so that nobody else waits: it then looks again, as
 * others may have queued more jobs.
 *
 * Return: 0 or -ERESTARTSYS.
 */
int i915_vm_bind_wait(struct i915_vm_bind *vb, struct drm_i915_gem_object *obj)
{
	struct dma_fence *last;
	long ret = 0;

	rcu_read_lock();
	last = dma_fence_get_rcu_safe(&vb->last);
	rcu_read_unlock();

	if (last)
		ret = dma_fence_wait(last, true);
	dma_fence_put(last);

	if (!ret && obj)
		ret = dma_resv_wait_timeout(obj->base.resv,
					    DMA_RESV_USAGE_KERNEL, true,
					    MAX_SCHEDULE_TIMEOUT);

	return min(ret, 0L);
}

/**
 * i915_vm_bind_await - Let a request wait for all queued jobs
 * @vb: The address space of the request, its reservation held
 * @rq: The request
 *
 * Not by i915_request_await_dma_fence(), which takes a fence that is no request's
 * for one of another driver.
 *
 * Return: 0 or -ENOMEM.
 */
int i915_vm_bind_await(struct i915_vm_bind *vb, struct i915_request *rq)
{
	int err;

	assert_object_held(vb->root);

	if (i915_vm_bind_is_idle(vb))
		return 0;

	err = i915_sw_fence_await_dma_fence(&rq->submit, get_last(vb), 0,
					    I915_FENCE_GFP);
	return min(err, 0);
}

/**
 * i915_vm_mapping_clear - Let the page tables of a mapping point to scratch
 * @mapping: The mapping, with no job pending
 *
 * Does not wait for the GPU: a batch that runs may still hold a translation.
 * The TLB is invalidated before the object's pages are released.
 */
void i915_vm_mapping_clear(struct i915_vm_mapping *mapping)
{
	struct drm_i915_gem_object *obj = to_intel_bo(mapping->va.gem.obj);

	assert_object_held(obj);

	if (mapping->res)
		resource_unbind(mapping_set_res(mapping, NULL), obj);
}

/**
 * i915_vm_bind_flush_jobs - Wait until all jobs of a device have run
 * @i915: The device
 *
 * For when page tables are about to become unreachable. The GPU has to be idle,
 * or its fences may hold jobs back, and nobody may queue new ones.
 */
void i915_vm_bind_flush_jobs(struct drm_i915_private *i915)
{
	atomic_t *count = &i915->mm.num_vm_bind_jobs;

	wait_var_event(count, !atomic_read(count));
	flush_workqueue(i915->mm.vm_bind_wq); /* and given back what they held */
}

/**
 * i915_vm_bind_device_init - Prepare a device for address spaces of VM_BIND
 * @i915: The device
 *
 * Return: 0 or -ENOMEM.
 */
int i915_vm_bind_device_init(struct drm_i915_private *i915)
{
	/* Has a rescuer: memory may be waiting for a job. */
	i915->mm.vm_bind_wq = alloc_workqueue("i915-vm_bind",
					      WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return i915->mm.vm_bind_wq ? 0 : -ENOMEM;
}

/**
 * i915_vm_bind_device_fini - Undo i915_vm_bind_device_init()
 * @i915: The device, with no job left
 */
void i915_vm_bind_device_fini(struct drm_i915_private *i915)
{
	GEM_BUG_ON(atomic_read(&i915->mm.num_vm_bind_jobs));
	destroy_workqueue(i915->mm.vm_bind_wq);
}
