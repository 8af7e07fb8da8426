/* SPDX-License-Identifier: MIT */
/*
 * Contexts whose engine 0 is made of both video engines. -EINVAL or -ENODEV: the
 * device has no two.
 */
#ifndef __I915_VM_BIND_ENGINES_H
#define __I915_VM_BIND_ENGINES_H

#include "i915_vm_bind_utils.h"

#define WIDTH	2

/* A context on @vm whose engine 0 is what @ext makes of it. */
static inline int context_of_engines(int fd, __u32 vm, const void *ext, __u32 *ctx)
{
	I915_DEFINE_CONTEXT_PARAM_ENGINES(engines, 1) = {
		.extensions = to_user(ext),
		.engines = {
			{ I915_ENGINE_CLASS_INVALID, I915_ENGINE_CLASS_INVALID_NONE },
		},
	};

	return context_with_map(fd, vm, 0, &engines, sizeof(engines), ctx);
}

static inline int context_virtual(int fd, __u32 vm, __u32 *ctx)
{
	I915_DEFINE_CONTEXT_ENGINES_LOAD_BALANCE(balance, WIDTH) = {
		.base.name = I915_CONTEXT_ENGINES_EXT_LOAD_BALANCE,
		.num_siblings = WIDTH,
		.engines = {
			{ I915_ENGINE_CLASS_VIDEO, 0 },
			{ I915_ENGINE_CLASS_VIDEO, 1 },
		},
	};

	return context_of_engines(fd, vm, &balance, ctx);
}

static inline int context_parallel(int fd, __u32 vm, __u32 *ctx)
{
	I915_DEFINE_CONTEXT_ENGINES_PARALLEL_SUBMIT(parallel, WIDTH) = {
		.base.name = I915_CONTEXT_ENGINES_EXT_PARALLEL_SUBMIT,
		.width = WIDTH,
		.num_siblings = 1,
		.engines = {
			{ I915_ENGINE_CLASS_VIDEO, 0 },
			{ I915_ENGINE_CLASS_VIDEO, 1 },
		},
	};

	return context_of_engines(fd, vm, &parallel, ctx);
}

#endif
