// SPDX-License-Identifier: MIT
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#include <linux/dma-fence.h>
#include <linux/dma-fence-chain.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/uaccess.h>

#include <drm/drm_syncobj.h>
#include <uapi/drm/i915_drm.h>

#include "gt/intel_context.h"
#include "gt/intel_gpu_commands.h"
#include "gt/intel_gt.h"
#include "gt/intel_gtt.h"

#include "i915_drv.h"
#include "i915_gem_context.h"
#include "i915_gem_execbuffer.h"
#include "i915_gem_ioctls.h"
#include "i915_gem_timeline_fence.h"
#include "i915_gem_vm_bind.h"
#include "i915_gem_ww.h"
#include "i915_request.h"
#include "i915_trace.h"

/**
 * DOC: EXECBUFFER3
 *
 * Runs a batch at an address of an address space in VM_BIND mode. As there are
 * no objects to look up, relocate or reserve, what is left is this:
 *
 * 1. Check the arguments, those in arrays included; look up the context and the
 *    fences; check that they fit, and get hold of the engine.
 * 2. Pin the memory of user space that is mapped, then lock: the engine's
 *    context, the address space, and each object that does not share the
 *    reservation of the address space. On -EDEADLK drop it all and start over.
 *    What was evicted is bound again under these locks. If memory of user space
 *    was invalidated meanwhile, back to the start of this step.
 * 3. Find the mapping of the batch.
 * 4. Create the request, let it wait for pending binds and for the fences, and
 *    emit the batch.
 * 5. Put the request's fence into the reservations, and add the request: the
 *    point of no return.
 * 6. Drop the locks, and signal the fences of user space.
 *
 * If step 4 fails, the request was created already and can only be skipped. It
 * is in no reservation then, and no fence of user space is signalled by it.
 *
 * For an engine of parallel submission there is a batch and a request for each
 * context of it, and each takes all of these steps: it waits on its own, and is
 * in the reservations on its own. Only the fences of user space are signalled
 * by one fence, which is signalled when all of them have ended. What fails up to
 * step 4 for one request skips them all.
 */

struct i915_execbuffer3 {
	const struct drm_i915_gem_execbuffer3 *args;
	struct drm_file *file;

	struct i915_gem_context *gem_context;
	struct intel_context *context;
	struct i915_eb_wakeref wakeref;
	struct i915_vm_bind *vb;

	/* One for each context of a parallel engine, else one. */
	unsigned int num_batches;
	unsigned int num_requests; /* that have been created */
	struct {
		u64 address; /* of @args, without the sign extension */
		struct i915_request *rq;
	} batches[MAX_ENGINE_INSTANCE + 1];

	struct i915_timeline_fence *fences;
	unsigned int num_fences; /* valid entries of @fences */

	struct dma_fence *out_fence;

	/* Holds all locks until the request was added. */
	struct i915_gem_ww_ctx ww;
	bool pinned;
	bool throttled; /* once is enough, and better without locks */
	bool ring_full; /* and the client won't wait */
};

static int eb3_check_args(const struct drm_i915_gem_execbuffer3 *args)
{
	if (args->flags || args->rsvd1 || args->rsvd2 || args->extensions)
		return -EINVAL;

	if (args->fence_count > I915_TIMELINE_FENCES_MAX)
		return -EINVAL;

	return 0;
}

static int eb3_get_context(struct i915_execbuffer3 *eb)
{
	struct i915_gem_context *ctx;

	ctx = i915_gem_context_lookup(eb->file->driver_priv, eb->args->ctx_id);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);

	eb->gem_context = ctx;
	return 0;
}

static int eb3_check_context(struct i915_execbuffer3 *eb)
{
	struct i915_gem_context *ctx = eb->gem_context;

	if (!i915_gem_context_is_vm_bind(ctx) ||
	    i915_gem_context_uses_protected_content(ctx))
		return -EOPNOTSUPP;

	if (!i915_gem_context_user_engines(ctx))
		return -EINVAL;

	eb->vb = ctx->vm->vm_bind;
	return 0;
}

static int eb3_get_batch_address(struct i915_execbuffer3 *eb, u64 user)
{
	u64 addr = gen8_noncanonical_addr(user);

	if (!IS_ALIGNED(addr, sizeof(u64)))
		return -EINVAL;

	if (user != addr && user != gen8_canonical_addr(addr))
		return -EINVAL;

	eb->batches[eb->num_batches++].address = addr;
	return 0;
}

/* A parallel engine takes the address of an array, and only it. */
static int eb3_get_batch_addresses(struct i915_execbuffer3 *eb,
				   const struct intel_context *ce)
{
	unsigned int count = ce->parallel.number_children + 1;
	u64 user[ARRAY_SIZE(eb->batches)];
	unsigned int i;
	int err;

	if (!ce->parallel.number_children)
		return eb3_get_batch_address(eb, eb->args->batch_address);

	if (GEM_WARN_ON(count > ARRAY_SIZE(user)))
		return -EINVAL;

	if (copy_from_user(user, u64_to_user_ptr(eb->args->batch_address),
			   count * sizeof(*user)))
		return -EFAULT;

	for (i = 0; i < count; i++) {
		err = eb3_get_batch_address(eb, user[i]);
		if (err)
			return err;
	}

	return 0;
}

static int eb3_get_engine(struct i915_execbuffer3 *eb)
{
	struct intel_context *ce;
	int err;

	ce = i915_gem_context_get_engine(eb->gem_context, eb->args->engine_idx);
	if (IS_ERR(ce))
		return PTR_ERR(ce);

	err = eb3_get_batch_addresses(eb, ce);
	if (err) {
		intel_context_put(ce);
		return err;
	}

	err = i915_eb_get_engine(ce, &eb->wakeref);
	if (err)
		return err;

	eb->context = ce;
	return 0;
}

static int eb3_read_fence(struct drm_i915_gem_timeline_fence *fence,
			  const struct drm_i915_gem_timeline_fence __user *user)
{
	if (copy_from_user(fence, user, sizeof(*fence)))
		return -EFAULT;

	return i915_timeline_fence_check(fence, I915_TIMELINE_FENCE_WAIT |
						I915_TIMELINE_FENCE_SIGNAL);
}

/* All of them are checked before the first name is looked up. */
static int eb3_read_fences(struct i915_execbuffer3 *eb)
{
	const struct drm_i915_gem_timeline_fence __user *user =
		u64_to_user_ptr(eb->args->timeline_fences);
	const unsigned int count = eb->args->fence_count;
	int err;

	if (!count)
		return 0;

	eb->fences = kvcalloc(count, sizeof(*eb->fences), GFP_KERNEL_ACCOUNT);
	if (!eb->fences)
		return -ENOMEM;

	for (; eb->num_fences < count; eb->num_fences++) {
		err = eb3_read_fence(&eb->fences[eb->num_fences].user, user++);
		if (err)
			return err;
	}

	return 0;
}

static int eb3_get_fences(struct i915_execbuffer3 *eb)
{
	unsigned int i;
	int err;

	for (i = 0; i < eb->num_fences; i++) {
		err = i915_timeline_fence_get(&eb->fences[i], eb->file);
		if (err)
			return err;
	}

	return 0;
}

/* By timeline, and of each the last point first. */
static int cmp_waits(const void *a, const void *b)
{
	const struct dma_fence *x = (*(struct i915_timeline_fence **)a)->wait;
	const struct dma_fence *y = (*(struct i915_timeline_fence **)b)->wait;

	if (x->context != y->context)
		return x->context < y->context ? -1 : 1;
	if (x->seqno != y->seqno)
		return x->seqno > y->seqno ? -1 : 1;
	return 0;
}

/*
 * A wait for a point of a timeline is one for all points before it, and takes a
 * walk of them. Of each timeline keep the last one.
 */
static int eb3_squash_waits(struct i915_execbuffer3 *eb)
{
	struct i915_timeline_fence **waits;
	unsigned int i, count = 0;
	u64 context = 0;

	if (eb->num_fences < 2)
		return 0;

	waits = kvmalloc_array(eb->num_fences, sizeof(*waits), GFP_KERNEL);
	if (!waits)
		return -ENOMEM;

	for (i = 0; i < eb->num_fences; i++)
		if (eb->fences[i].wait && to_dma_fence_chain(eb->fences[i].wait))
			waits[count++] = &eb->fences[i];

	sort(waits, count, sizeof(*waits), cmp_waits, NULL);
	for (i = 0; i < count; i++) {
		if (i && waits[i]->wait->context == context) {
			dma_fence_put(waits[i]->wait);
			waits[i]->wait = NULL;
			continue;
		}
		context = waits[i]->wait->context;
	}

	kvfree(waits);
	return 0;
}

/* A timeline may be long: user space can make it of any number of points. */
static int eb3_prepare_fences(struct i915_execbuffer3 *eb)
{
	unsigned int i;
	int err;

	for (i = 0; i < eb->num_fences; i++) {
		err = i915_timeline_fence_prepare(&eb->fences[i]);
		if (err)
			return err;

		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}

	return eb3_squash_waits(eb);
}

static void eb3_put_fences(struct i915_execbuffer3 *eb)
{
	while (eb->num_fences)
		i915_timeline_fence_put(&eb->fences[--eb->num_fences]);
	kvfree(eb->fences);
}

static void eb3_unpin(struct i915_execbuffer3 *eb)
{
	if (eb->pinned)
		i915_eb_unpin_engine(eb->context);
	eb->pinned = false;
}

static int eb3_try_lock(struct i915_execbuffer3 *eb)
{
	int err;

	err = i915_eb_pin_engine(eb->context, &eb->ww, !eb->throttled,
				 eb->file->filp->f_flags & O_NONBLOCK);
	eb->ring_full = err == -EWOULDBLOCK;
	if (err)
		return err;

	eb->pinned = true;
	eb->throttled = true;
	return i915_vm_bind_validate(eb->vb, &eb->ww, eb->num_batches);
}

static int eb3_lock_all(struct i915_execbuffer3 *eb)
{
	int err;

	i915_gem_ww_ctx_init(&eb->ww, true);

	do {
		err = eb3_try_lock(eb);
		if (err != -EDEADLK)
			break;

		eb3_unpin(eb);
		err = i915_gem_ww_ctx_backoff(&eb->ww);
	} while (!err);

	if (!err)
		ww_acquire_done(&eb->ww.ctx);

	return err;
}

static void eb3_unlock(struct i915_execbuffer3 *eb)
{
	eb3_unpin(eb);
	i915_gem_ww_ctx_fini(&eb->ww);
}

static int eb3_lock_once(struct i915_execbuffer3 *eb)
{
	int err;

	err = i915_vm_bind_pin_userptr(eb->vb);
	if (err)
		return err;

	err = eb3_lock_all(eb);
	if (err)
		eb3_unlock(eb);

	return err;
}

/* On success all is locked, resident, and has a slot for the fence. */
static int eb3_lock(struct i915_execbuffer3 *eb)
{
	struct i915_vm_bind_retry retry = {};
	int err;

	do {
		err = eb3_lock_once(eb);
		if (!err || eb->ring_full)
			break;
	} while (i915_vm_bind_should_retry(eb->vb, &retry, 0, &err));

	return err;
}

static bool eb3_find_batch(struct i915_vm_bind *vb, u64 addr)
{
	const struct drm_gpuva *va = vb->last_batch;

	assert_object_held(vb->root);

	if (va && addr - va->va.addr < va->va.range)
		return true;

	vb->last_batch = drm_gpuva_find_first(&vb->gpuvm, addr, sizeof(u64));
	return vb->last_batch;
}

static int eb3_find_batches(struct i915_execbuffer3 *eb)
{
	unsigned int i;

	for (i = 0; i < eb->num_batches; i++) {
		if (!eb3_find_batch(eb->vb, eb->batches[i].address))
			return -EINVAL;
	}

	return 0;
}

static int eb3_await(struct i915_execbuffer3 *eb, struct i915_request *rq)
{
	struct dma_fence *fence;
	unsigned int i;
	int err;

	/*
	 * A batch of another client that failed is no reason not to run, and
	 * one that takes its time no reason to run before it.
	 */
	__set_bit(I915_FENCE_FLAG_OWN_ERROR, &rq->fence.flags);

	err = i915_vm_bind_await(eb->vb, rq);
	if (err)
		return err;

	/* All engines of a single-timeline context follow one another. */
	if (eb->gem_context->syncobj) {
		fence = drm_syncobj_fence_get(eb->gem_context->syncobj);
		err = i915_request_await_dma_fence(rq, fence);
		dma_fence_put(fence);
		if (err < 0)
			return err;
	}

	for (i = 0; i < eb->num_fences; i++) {
		if (!eb->fences[i].wait)
			continue;

		err = i915_request_await_dma_fence(rq, eb->fences[i].wait);
		if (err < 0)
			return err;

		cond_resched();
	}

	return 0;
}

static int eb3_emit(struct i915_request *rq, u64 batch_address)
{
	const struct intel_engine_cs *engine = rq->context->engine;
	int err;

	if (intel_context_nopreempt(rq->context))
		__set_bit(I915_FENCE_FLAG_NOPREEMPT, &rq->fence.flags);

	/* Tells a batch that runs from one that waits for other engines. */
	if (engine->emit_init_breadcrumb) {
		err = engine->emit_init_breadcrumb(rq);
		if (err)
			return err;
	}

	return engine->emit_bb_start(rq, batch_address, 0, 0);
}

/* Without locks, as each point that is added walks its timeline. */
static void eb3_signal(struct i915_execbuffer3 *eb)
{
	unsigned int i;

	for (i = 0; i < eb->num_fences; i++) {
		i915_timeline_fence_signal(&eb->fences[i], eb->out_fence);
		cond_resched();
	}
}

/* Creates the next request, which holds its timeline until it is added. */
static int eb3_create_request(struct i915_execbuffer3 *eb)
{
	const unsigned int n = eb->num_requests;
	struct i915_request *rq;
	int err;

	rq = i915_request_create(i915_eb_find_context(eb->context, n));
	if (IS_ERR(rq))
		return PTR_ERR(rq);

	eb->batches[n].rq = i915_request_get(rq);
	eb->num_requests++;

	rq->batch_address = eb->batches[n].address;

	err = eb3_await(eb, rq);
	trace_i915_request_queue(rq, 0);
	trace_i915_gem_execbuffer3(rq, eb->batches[n].address);

	return err ?: eb3_emit(rq, eb->batches[n].address);
}

/* What user space waits for: the request, or all of them. */
static struct dma_fence *eb3_get_out_fence(struct i915_execbuffer3 *eb)
{
	struct i915_request *rqs[ARRAY_SIZE(eb->batches)];
	unsigned int i;

	if (!intel_context_is_parallel(eb->context))
		return dma_fence_get(&eb->batches[0].rq->fence);

	for (i = 0; i < eb->num_batches; i++)
		rqs[i] = eb->batches[i].rq;

	return i915_eb_composite_fence_create(eb->context, rqs);
}

/* In the order that releases the timelines as they were taken. */
static int eb3_add_requests(struct i915_execbuffer3 *eb, int err)
{
	unsigned int i;

	for (i = eb->num_requests; i--;) {
		struct i915_request *rq = eb->batches[i].rq;

		if (err)
			i915_request_set_error_once(rq, err); /* to be skipped */
		else
			i915_vm_bind_add_fence(eb->vb, &rq->fence);

		err = i915_eb_request_add(eb->gem_context, eb->context, rq,
					  err, !i);
	}

	return err;
}

static void eb3_put_requests(struct i915_execbuffer3 *eb)
{
	while (eb->num_requests)
		i915_request_put(eb->batches[--eb->num_requests].rq);
}

static int eb3_submit(struct i915_execbuffer3 *eb)
{
	int err;

	err = eb3_find_batches(eb);
	if (err)
		return err;

	/* What the CPU wrote past its caches is to be seen by the batches. */
	intel_gt_chipset_flush(eb->context->engine->gt);

	while (!err && eb->num_requests < eb->num_batches)
		err = eb3_create_request(eb);

	if (!err) {
		eb->out_fence = eb3_get_out_fence(eb);
		if (!eb->out_fence)
			err = -ENOMEM;
	}

	err = eb3_add_requests(eb, err);
	if (!err && eb->gem_context->syncobj)
		drm_syncobj_replace_fence(eb->gem_context->syncobj,
					  eb->out_fence);

	eb3_put_requests(eb);
	return err;
}

/**
 * i915_gem_execbuffer3_ioctl - DRM_IOCTL_I915_GEM_EXECBUFFER3
 * @dev: The device
 * @data: A &struct drm_i915_gem_execbuffer3
 * @file: The client
 *
 * Return: 0; or one of the errors listed for &struct drm_i915_gem_execbuffer3;
 * or -EINTR or -ERESTARTSYS where a signal came before the request was added.
 */
int i915_gem_execbuffer3_ioctl(struct drm_device *dev, void *data,
			       struct drm_file *file)
{
	struct i915_execbuffer3 eb = { .args = data, .file = file };
	int err;

	err = eb3_check_args(eb.args);
	if (err)
		return err;

	err = eb3_read_fences(&eb);
	if (err)
		goto out_fences;

	err = eb3_get_context(&eb);
	if (err)
		goto out_fences;

	err = eb3_get_fences(&eb);
	if (err)
		goto out_context;

	err = eb3_check_context(&eb);
	if (err)
		goto out_context;

	err = eb3_prepare_fences(&eb);
	if (err)
		goto out_context;

	err = eb3_get_engine(&eb);
	if (err)
		goto out_context;

	err = eb3_lock(&eb);
	if (err)
		goto out_engine;

	err = eb3_submit(&eb);
	eb3_unlock(&eb);
	if (!err)
		eb3_signal(&eb);
	dma_fence_put(eb.out_fence);

out_engine:
	i915_eb_put_engine(eb.context, &eb.wakeref);
out_context:
	i915_gem_context_put(eb.gem_context);
out_fences:
	eb3_put_fences(&eb);
	return err;
}
