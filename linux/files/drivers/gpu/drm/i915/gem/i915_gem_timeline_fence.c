// SPDX-License-Identifier: MIT
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#include <linux/dma-fence-chain.h>
#include <linux/errno.h>

#include <drm/drm_syncobj.h>
#include <uapi/drm/i915_drm.h>

#include "i915_gem_timeline_fence.h"

/**
 * DOC: Timeline fences
 *
 * The fences that user space hands to VM_BIND, VM_UNBIND and EXECBUFFER3: a
 * syncobj, and a point where that is a timeline.
 *
 * The life of one: check (arguments alone), get (look-ups and all that
 * allocates), signal (can't fail, after the operation can't either), put. A
 * call that fails before it signals has used up no point.
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

static int get_wait(struct i915_timeline_fence *fence,
		    struct drm_syncobj *syncobj, u64 point)
{
	int err;

	fence->wait = drm_syncobj_fence_get(syncobj);
	if (!fence->wait)
		return -EINVAL;

	/* A point signalled and collected leaves NULL: nothing to wait for. */
	err = dma_fence_chain_find_seqno(&fence->wait, point);
	return err ? -EINVAL : 0;
}

/**
 * i915_timeline_fence_get - Look a fence up
 * @fence: Where to keep it; to be put even if this fails
 * @file: The client
 * @user: What user space gave, checked by i915_timeline_fence_check(). Without
 * a flag it stands for no fence, and the rest of it is ignored.
 *
 * Return: 0; -ENOENT for an unknown handle; -EINVAL for a wait for what has no
 * fence; -ENOMEM.
 */
int i915_timeline_fence_get(struct i915_timeline_fence *fence,
			    struct drm_file *file,
			    const struct drm_i915_gem_timeline_fence *user)
{
	struct drm_syncobj *syncobj;
	int err = 0;

	*fence = (struct i915_timeline_fence) {};
	if (!user->flags)
		return 0;

	syncobj = drm_syncobj_find(file, user->handle);
	if (!syncobj)
		return -ENOENT;

	if (user->flags & I915_TIMELINE_FENCE_WAIT) {
		err = get_wait(fence, syncobj, user->value);
		if (err)
			goto out;
	}

	if (user->flags & I915_TIMELINE_FENCE_SIGNAL) {
		if (user->value) {
			fence->chain = dma_fence_chain_alloc();
			if (!fence->chain) {
				err = -ENOMEM;
				goto out;
			}
		}

		fence->point = user->value;
		fence->syncobj = syncobj;
		return 0;
	}

out:
	drm_syncobj_put(syncobj);
	return err;
}

/**
 * i915_timeline_fence_signal - Publish the fence of the operation
 * @fence: A fence from i915_timeline_fence_get()
 * @done: What signals once the operation has completed
 *
 * Past the point of no return: allocates nothing, can't fail.
 */
void i915_timeline_fence_signal(struct i915_timeline_fence *fence,
				struct dma_fence *done)
{
	if (!fence->syncobj)
		return;

	if (fence->chain) {
		drm_syncobj_add_point(fence->syncobj, fence->chain, done,
				      fence->point);
		fence->chain = NULL; /* the timeline owns it now */
	} else {
		drm_syncobj_replace_fence(fence->syncobj, done);
	}
}

/**
 * i915_timeline_fence_put - Drop what i915_timeline_fence_get() took
 * @fence: The fence, signalled or not
 */
void i915_timeline_fence_put(struct i915_timeline_fence *fence)
{
	dma_fence_chain_free(fence->chain);
	dma_fence_put(fence->wait);
	if (fence->syncobj)
		drm_syncobj_put(fence->syncobj);
}
