/* SPDX-License-Identifier: MIT */
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#ifndef __I915_GEM_TIMELINE_FENCE_H__
#define __I915_GEM_TIMELINE_FENCE_H__

#include <linux/types.h>

#include <uapi/drm/i915_drm.h>

struct dma_fence;
struct dma_fence_chain;
struct drm_file;
struct drm_syncobj;

/**
 * struct i915_timeline_fence - One drm_i915_gem_timeline_fence of a call
 *
 * Zeroed, it stands for no fence, and every function below accepts it.
 */
struct i915_timeline_fence {
	/** @user: What user space gave. Set by the caller, all else zeroed. */
	struct drm_i915_gem_timeline_fence user;

	/**
	 * @syncobj: The syncobj; once prepared, NULL where there is nothing to
	 * signal.
	 */
	struct drm_syncobj *syncobj;

	/** @wait: The fence to wait for, or NULL. */
	struct dma_fence *wait;

	/**
	 * @chain: Allocated while failing is still possible; NULL where
	 * @syncobj is signalled as a binary one.
	 */
	struct dma_fence_chain *chain;
};

/* Whether there is anything to signal, once it is prepared. */
static inline bool
i915_timeline_fence_is_signal(const struct i915_timeline_fence *fence)
{
	return fence->syncobj;
}

int i915_timeline_fence_check(const struct drm_i915_gem_timeline_fence *user,
			      u32 allowed);
int i915_timeline_fence_get(struct i915_timeline_fence *fence,
			    struct drm_file *file);
int i915_timeline_fence_prepare(struct i915_timeline_fence *fence);
void i915_timeline_fence_signal(struct i915_timeline_fence *fence,
				struct dma_fence *done);
void i915_timeline_fence_put(struct i915_timeline_fence *fence);

#endif /* __I915_GEM_TIMELINE_FENCE_H__ */
