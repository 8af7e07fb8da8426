// SPDX-License-Identifier: MIT
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>

#include "i915_drv.h"
#include "i915_gem_object.h"
#include "i915_gem_vm_bind_internal.h"
#include "i915_request.h"
#include "i915_sw_fence.h"
#include "intel_wakeref.h"

/**
 * DOC: VM_BIND jobs
 *
 * A job runs a &struct i915_vm_bind_update later: after a call with an out-fence,
 * or where pages were not there yet when a submission bound them again.
 *
 * The jobs of an address space form one timeline: each waits for the one before,
 * whatever the addresses, and for the moves of the pages that it maps. It does
 * not wait for batches, which user space orders. Requests wait for the last job
 * on the GPU, see i915_vm_bind_await(). A job's fence is in the reservations of
 * the address space and of the object, with DMA_RESV_USAGE_BOOKKEEP, so that
 * nobody drops the pages, or clears the range, before it has run.
 *
 * A job always runs, whatever became of those before it, and its fence tells of
 * errors of its own only: -EIO where the pages could not be cleared.
 *
 * Locking: to arm a job needs the reservations of the address space and of the
 * object. A worker holds none.
 */

struct i915_vm_bind_job {
	/* Signals when the update has run. First, as it frees the job. */
	struct dma_fence fence;
	spinlock_t lock; /* of the fence */

	/* Completes when the job may run. */
	struct i915_sw_fence chain;
	struct i915_sw_dma_fence_cb after_last;
	struct i915_sw_dma_fence_cb after_move;
	struct work_struct work;

	/* For i915_vm_bind_is_job_fence(). */
	struct drm_i915_private *i915;

	/* Holds a reference to vb->vm until the job has run. */
	struct i915_vm_bind *vb;

	/* Holds a reference to its object until the job has run. */
	struct i915_vm_bind_update update;

	/* The fence of the move or clear to wait for, or NULL. A reference. */
	struct dma_fence *moving;

	/* Keeps the device awake where page tables are in local memory, else 0. */
	intel_wakeref_t wakeref;
};

static const char *vm_bind_job_get_driver_name(struct dma_fence *fence)
{
	return "i915";
}

static const char *vm_bind_job_get_timeline_name(struct dma_fence *fence)
{
	return "vm_bind";
}

static void vm_bind_job_fence_release(struct dma_fence *fence)
{
	struct i915_vm_bind_job *job = container_of(fence, typeof(*job), fence);

	i915_sw_fence_fini(&job->chain);

	BUILD_BUG_ON(offsetof(typeof(*job), fence));
	dma_fence_free(fence);
}

static const struct dma_fence_ops vm_bind_job_fence_ops = {
	.get_driver_name = vm_bind_job_get_driver_name,
	.get_timeline_name = vm_bind_job_get_timeline_name,
	.release = vm_bind_job_fence_release,
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
	return fence->ops == &vm_bind_job_fence_ops &&
		container_of(fence, struct i915_vm_bind_job, fence)->i915 == i915;
}

/**
 * i915_vm_bind_job_alloc - Allocate a job
 *
 * Return: The job, to be freed with kfree() unless it is armed; or NULL.
 */
struct i915_vm_bind_job *i915_vm_bind_job_alloc(void)
{
	return kzalloc(sizeof(struct i915_vm_bind_job), GFP_KERNEL_ACCOUNT);
}

static struct dma_fence *vm_bind_get_last(const struct i915_vm_bind *vb)
{
	return rcu_dereference_protected(vb->last,
					 drm_gpuvm_resv_held(&vb->gpuvm));
}

/**
 * i915_vm_bind_is_idle - Whether all queued jobs of an address space have run
 * @vb: The address space, its reservation held
 */
bool i915_vm_bind_is_idle(const struct i915_vm_bind *vb)
{
	struct dma_fence *last = vm_bind_get_last(vb);

	return !last || dma_fence_is_signaled(last);
}

static void vm_bind_job_work(struct work_struct *work)
{
	struct i915_vm_bind_job *job = container_of(work, typeof(*job), work);
	struct drm_i915_gem_object *obj = job->update.obj;
	struct i915_address_space *vm = job->vb->vm;
	struct drm_i915_private *i915 = vm->i915;
	intel_wakeref_t wakeref = job->wakeref;
	bool cookie;
	int err;

	cookie = dma_fence_begin_signalling();
	err = i915_vm_bind_update_run(job->vb, &job->update);
	i915_vm_mapping_complete(job->vb, &job->update, err);
	if (err)
		dma_fence_set_error(&job->fence, err);
	dma_fence_signal(&job->fence);
	dma_fence_end_signalling(cookie);

	i915_vm_bind_update_fini(job->vb, &job->update);
	dma_fence_put(job->moving);
	if (obj)
		i915_gem_object_put(obj);
	dma_fence_put(&job->fence);

	if (wakeref)
		intel_runtime_pm_put(&i915->runtime_pm, wakeref);

	/* The last, as this may release the address space, and it the device. */
	if (atomic_dec_and_test(&i915->mm.num_vm_bind_jobs))
		wake_up_var(&i915->mm.num_vm_bind_jobs);
	i915_vm_put(vm);
}

static int vm_bind_job_notify(struct i915_sw_fence *chain,
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

static void vm_bind_job_init_fence(struct i915_vm_bind_job *job)
{
	struct i915_vm_bind *vb = job->vb;

	spin_lock_init(&job->lock);
	dma_fence_init(&job->fence, &vm_bind_job_fence_ops, &job->lock,
		       vb->fence_context, job->update.seqno);
	INIT_WORK(&job->work, vm_bind_job_work);

	/* Each of these drops one: the worker, and the chain. */
	dma_fence_get(&job->fence);
	i915_sw_fence_init(&job->chain, vm_bind_job_notify);
	dma_fence_get(&job->fence);
}

static void vm_bind_job_publish(struct i915_vm_bind_job *job)
{
	struct drm_i915_gem_object *obj = job->update.obj;
	struct i915_vm_bind *vb = job->vb;
	struct dma_fence *last;

	if (obj && drm_gpuvm_is_extobj(&vb->gpuvm, &obj->base))
		dma_resv_add_fence(obj->base.resv, &job->fence,
				   DMA_RESV_USAGE_BOOKKEEP);
	dma_resv_add_fence(drm_gpuvm_resv(&vb->gpuvm), &job->fence,
			   DMA_RESV_USAGE_BOOKKEEP);

	last = rcu_replace_pointer(vb->last, dma_fence_get(&job->fence),
				   drm_gpuvm_resv_held(&vb->gpuvm));
	if (last)
		__i915_sw_fence_await_dma_fence(&job->chain, last,
						&job->after_last);
	dma_fence_put(last);
}

/* What the job takes over, and keeps until it has run. */
static void vm_bind_job_init(struct i915_vm_bind_job *job,
			     struct i915_vm_bind *vb,
			     struct i915_vm_bind_update *update,
			     struct dma_fence *moving)
{
	struct drm_i915_private *i915 = vb->vm->i915;

	job->i915 = i915;
	job->vb = vb;
	i915_vm_get(vb->vm);
	if (HAS_LMEM(i915))
		job->wakeref = intel_runtime_pm_get_noresume(&i915->runtime_pm);

	job->moving = dma_fence_get(moving);
	job->update = *update;
	memset(update, 0, sizeof(*update));
	if (job->update.obj)
		i915_gem_object_get(job->update.obj);

	atomic_inc(&i915->mm.num_vm_bind_jobs);
	GEM_BUG_ON(job->update.seqno != vb->seqno + 1);
	vb->seqno++;
}

/**
 * i915_vm_bind_job_arm - Have a worker run an update when its turn has come
 * @job: The job. Given away by this call.
 * @vb: The address space, its reservation held, with a slot for a fence
 * @update: What is to be run, with the next seqno of @vb. Given away by this call:
 * empty afterwards. Its object is locked; an external one has a slot for a fence.
 * @moving: What the update has to wait for, or NULL
 *
 * The device is awake. It is kept awake where page tables need that.
 *
 * Return: A reference of the fence that signals when the update has run.
 */
struct dma_fence *i915_vm_bind_job_arm(struct i915_vm_bind_job *job,
				       struct i915_vm_bind *vb,
				       struct i915_vm_bind_update *update,
				       struct dma_fence *moving)
{
	struct dma_fence *fence = &job->fence;

	assert_object_held(vb->root);
	if (update->obj)
		assert_object_held(update->obj);

	vm_bind_job_init(job, vb, update, moving);
	vm_bind_job_init_fence(job);
	vm_bind_job_publish(job);
	if (moving)
		__i915_sw_fence_await_dma_fence(&job->chain, moving,
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

	err = i915_sw_fence_await_dma_fence(&rq->submit, vm_bind_get_last(vb), 0,
					    I915_FENCE_GFP);
	return min(err, 0);
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
