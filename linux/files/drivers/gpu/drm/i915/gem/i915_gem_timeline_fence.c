// SPDX-License-Identifier: MIT
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#include <linux/dma-fence-chain.h>
#include <linux/errno.h>
#include <linux/slab.h>

#include <drm/drm_syncobj.h>

#include "i915_gem.h"
#include "i915_gem_timeline_fence.h"

/**
 * DOC: Timeline fences
 *
 * The fences that user space hands to VM_BIND, VM_UNBIND and EXECBUFFER3: a
 * syncobj, and a point where that is a timeline.
 *
 * The life of one: check (arguments alone), get (names alone), prepare (what the
 * syncobj holds, and all that allocates), signal (can't fail, after the operation
 * can't either), put. A call checks all of its fences before it gets the first,
 * and gets all of them before it prepares the first. A call that fails before it
 * signals has used up no point.
 */

/**
 * i915_timeline_fence_check - Check a fence without looking anything up
 * @user: What user space gave
 * @allowed: The flags that make sense for the operation
 *
 * A timeline point can't be waited for and signalled by one entry; a binary
 * syncobj can: its old fence is waited for and then replaced.
 *
 * Return: 0, or -EINVAL.
 */
int i915_timeline_fence_check(const struct drm_i915_gem_timeline_fence *user,
			      u32 allowed)
{
	const u32 both = I915_TIMELINE_FENCE_WAIT | I915_TIMELINE_FENCE_SIGNAL;

	if (user->flags & ~allowed)
		return -EINVAL;

	if ((user->flags & both) == both && user->value)
		return -EINVAL;

	return 0;
}

/**
 * i915_timeline_fence_get - Look the syncobj of a fence up
 * @fence: The fence, with what user space gave, checked by
 * i915_timeline_fence_check(); to be put even if this fails. Without a flag it
 * stands for no fence, and the rest of it is ignored.
 * @file: The client
 *
 * Return: 0; -ENOENT for an unknown handle.
 */
int i915_timeline_fence_get(struct i915_timeline_fence *fence,
			    struct drm_file *file)
{
	if (!fence->user.flags)
		return 0;

	fence->syncobj = drm_syncobj_find(file, fence->user.handle);
	return fence->syncobj ? 0 : -ENOENT;
}

static void put_syncobj(struct i915_timeline_fence *fence)
{
	if (fence->syncobj)
		drm_syncobj_put(fence->syncobj);
	fence->syncobj = NULL;
}

static int prepare_wait(struct i915_timeline_fence *fence)
{
	int err;

	fence->wait = drm_syncobj_fence_get(fence->syncobj);
	if (!fence->wait)
		return -EINVAL;

	/* A point signalled and collected leaves NULL: nothing to wait for. */
	err = dma_fence_chain_find_seqno(&fence->wait, fence->user.value);
	if (err)
		return -EINVAL;

	/* Nor is there where locks need not be held to find that out. */
	if (fence->wait && dma_fence_is_signaled(fence->wait)) {
		dma_fence_put(fence->wait);
		fence->wait = NULL;
	}

	return 0;
}

/**
 * i915_timeline_fence_prepare - Get hold of all that a fence needs
 * @fence: The fence, from i915_timeline_fence_get(); to be put even if this fails
 *
 * Return: 0; -EINVAL for a wait for what has no fence; -ENOMEM.
 */
int i915_timeline_fence_prepare(struct i915_timeline_fence *fence)
{
	int err;

	if (fence->user.flags & I915_TIMELINE_FENCE_WAIT) {
		err = prepare_wait(fence);
		if (err)
			return err;
	}

	if (!(fence->user.flags & I915_TIMELINE_FENCE_SIGNAL)) {
		put_syncobj(fence);
		return 0;
	}

	if (fence->user.value) {
		/* What dma_fence_chain_alloc() allocates, accounted. */
		fence->chain = kmalloc(sizeof(*fence->chain), GFP_KERNEL_ACCOUNT);
		if (!fence->chain)
			return -ENOMEM;
	}

	return 0;
}

/**
 * i915_timeline_fence_signal - Publish the fence of the operation
 * @fence: A fence from i915_timeline_fence_prepare()
 * @done: What signals once the operation has completed
 *
 * Past the point of no return: allocates nothing, can't fail.
 */
void i915_timeline_fence_signal(struct i915_timeline_fence *fence,
				struct dma_fence *done)
{
	if (!i915_timeline_fence_is_signal(fence))
		return;

	GEM_BUG_ON(!fence->chain != !fence->user.value);
	if (fence->chain) {
		drm_syncobj_add_point(fence->syncobj, fence->chain, done,
				      fence->user.value);
		fence->chain = NULL; /* the timeline owns it now */
	} else {
		drm_syncobj_replace_fence(fence->syncobj, done);
	}
}

/**
 * i915_timeline_fence_put - Drop all that a fence has got hold of
 * @fence: The fence, at any step of its life
 */
void i915_timeline_fence_put(struct i915_timeline_fence *fence)
{
	if (!fence->user.flags)
		return;

	dma_fence_chain_free(fence->chain);
	dma_fence_put(fence->wait);
	put_syncobj(fence);
}
