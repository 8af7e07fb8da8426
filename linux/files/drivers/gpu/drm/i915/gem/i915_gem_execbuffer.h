/* SPDX-License-Identifier: MIT */
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#ifndef __I915_GEM_EXECBUFFER_H__
#define __I915_GEM_EXECBUFFER_H__

#include <linux/types.h>

#include "intel_wakeref.h"

struct dma_fence;
struct i915_gem_context;
struct i915_gem_ww_ctx;
struct i915_request;
struct intel_context;

/*
 * What EXECBUFFER2 and EXECBUFFER3 share: all that concerns the engine and the
 * requests, and nothing that concerns objects or addresses.
 */

/**
 * struct i915_eb_wakeref - What keeps the engine of a submission awake
 * @gt: Of the GT that the engine belongs to
 * @gt0: Of the primary GT, where that is another one
 */
struct i915_eb_wakeref {
	intel_wakeref_t gt;
	intel_wakeref_t gt0;
};

int i915_eb_get_engine(struct intel_context *ce,
		       struct i915_eb_wakeref *wakeref);
void i915_eb_put_engine(struct intel_context *ce,
			const struct i915_eb_wakeref *wakeref);

int i915_eb_pin_engine(struct intel_context *ce, struct i915_gem_ww_ctx *ww,
		       bool throttle, bool nonblock);
void i915_eb_unpin_engine(struct intel_context *ce);

struct intel_context *i915_eb_find_context(struct intel_context *ce,
					   unsigned int context_number);
struct dma_fence *i915_eb_composite_fence_create(struct intel_context *ce,
						 struct i915_request **requests);
int i915_eb_request_add(struct i915_gem_context *ctx, struct intel_context *ce,
			struct i915_request *rq, int err, bool last_parallel);

#endif /* __I915_GEM_EXECBUFFER_H__ */
