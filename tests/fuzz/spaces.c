// SPDX-License-Identifier: MIT
/*
 * Address spaces, their contexts and their mappings.
 */
#include "calls.h"

/* Address spaces and contexts */

int do_vm(const struct call *c)
{
	struct drm_i915_gem_vm_control args = {
		.flags = c->arg[1] % 4 == 3 ? 0 : I915_VM_CREATE_FLAGS_USE_VM_BIND,
	};
	int err;

	if (c->bad == 0)
		args.flags |= 0x80;
	if (c->bad == 1)
		args.extensions = NOWHERE;
	err = call_drm(DRM_IOCTL_I915_GEM_VM_CREATE, &args);
	if (!err)
		*vm_of(c->arg[0]) = args.vm_id;
	return err;
}

int do_vm_destroy(const struct call *c)
{
	struct drm_i915_gem_vm_control args = { .vm_id = *vm_of(c->arg[0]) };

	if (c->bad == 0)
		args.vm_id = NOBODY;
	return call_drm(DRM_IOCTL_I915_GEM_VM_DESTROY, &args);
}

static const struct i915_engine_class_instance all_engines[] = {
	{ I915_ENGINE_CLASS_RENDER, 0 }, { I915_ENGINE_CLASS_COPY, 0 },
	{ I915_ENGINE_CLASS_VIDEO, 0 }, { I915_ENGINE_CLASS_VIDEO, 1 },
	{ I915_ENGINE_CLASS_VIDEO_ENHANCE, 0 },
	{ I915_ENGINE_CLASS_INVALID, I915_ENGINE_CLASS_INVALID_NONE },
};

#define SETPARAM(_param, _value)					\
	{ .base.name = I915_CONTEXT_CREATE_EXT_SETPARAM,		\
	  .param = { .param = (_param), .value = (_value) } }

static int create_context(const struct call *c, unsigned int slot)
{
	I915_DEFINE_CONTEXT_ENGINES_LOAD_BALANCE(balance, 2) = {
		.base.name = I915_CONTEXT_ENGINES_EXT_LOAD_BALANCE,
		.num_siblings = 2, .engines = { all_engines[2], all_engines[3] },
	};
	I915_DEFINE_CONTEXT_ENGINES_PARALLEL_SUBMIT(parallel, 2) = {
		.base.name = I915_CONTEXT_ENGINES_EXT_PARALLEL_SUBMIT,
		.width = 2, .num_siblings = 1,
		.engines = { all_engines[2], all_engines[3] },
	};
	I915_DEFINE_CONTEXT_PARAM_ENGINES(engines, 6) = { };
	unsigned int kind = c->arg[2] % 10, count = kind == 5 ? 6 : 1;
	/* Not persistent: what still runs at the end dies with its client. */
	struct drm_i915_gem_context_create_ext_setparam ext[] = {
		SETPARAM(I915_CONTEXT_PARAM_PERSISTENCE, 0),
		SETPARAM(I915_CONTEXT_PARAM_RECOVERABLE, c->bad == 0),
		SETPARAM(I915_CONTEXT_PARAM_VM, *vm_of(c->arg[1])),
		SETPARAM(I915_CONTEXT_PARAM_ENGINES, to_user(&engines)),
		SETPARAM(I915_CONTEXT_PARAM_PRIORITY, c->arg[4] % 3 * 256 - 256),
	};
	struct drm_i915_gem_context_create_ext args = {
		.flags = I915_CONTEXT_CREATE_FLAGS_USE_EXTENSIONS,
		.extensions = to_user(ext),
	};
	int err;

	if (c->arg[3] & 1)
		args.flags |= I915_CONTEXT_CREATE_FLAGS_SINGLE_TIMELINE;
	if (c->bad == 1)
		ext[2].param.value = NOBODY;
	if (kind < 6)
		memcpy(engines.engines, kind == 5 ? all_engines : &all_engines[kind],
		       count * sizeof(engines.engines[0]));
	else
		engines.engines[0] = all_engines[5];
	if (kind == 7)
		engines.extensions = to_user(&balance);
	if (kind == 8)
		engines.extensions = to_user(&parallel);
	ext[3].param.size = offsetof(typeof(engines), engines) +
			    count * sizeof(engines.engines[0]);
	/* Without a map of engines, and in another order. */
	for (unsigned int i = 0; i + 1 < ARRAY_SIZE(ext); i++)
		ext[i].base.next_extension = to_user(&ext[i + 1]);
	if (kind == 9)
		ext[2].base.next_extension = to_user(&ext[4]);
	if (c->arg[3] & 2) {
		ext[1].base.next_extension = to_user(&ext[3]);
		ext[4].base.next_extension = to_user(&ext[2]);
		ext[2].base.next_extension = 0;
	}

	err = call_drm(DRM_IOCTL_I915_GEM_CONTEXT_CREATE_EXT, &args);
	if (!err) {
		now->contexts[slot] = args.ctx_id;
		now->parallel[slot] = kind == 8;
	}
	return err;
}

int do_context(const struct call *c)
{
	return create_context(c, c->arg[0] % SLOTS);
}

int do_context_destroy(const struct call *c)
{
	struct drm_i915_gem_context_destroy args = { .ctx_id = *context_of(c->arg[0]) };

	return call_drm(DRM_IOCTL_I915_GEM_CONTEXT_DESTROY, &args);
}

int do_setparam(const struct call *c)
{
	static const __u16 params[] = {
		I915_CONTEXT_PARAM_VM, I915_CONTEXT_PARAM_RECOVERABLE,
		I915_CONTEXT_PARAM_PRIORITY, I915_CONTEXT_PARAM_BANNABLE,
		I915_CONTEXT_PARAM_NO_ERROR_CAPTURE, I915_CONTEXT_PARAM_NO_ZEROMAP,
		I915_CONTEXT_PARAM_RINGSIZE, 0x7fff,
	};
	struct drm_i915_gem_context_param args = {
		.ctx_id = *context_of(c->arg[0]),
		.param = params[c->arg[1] % ARRAY_SIZE(params)],
		.value = c->arg[2] % 4,
	};

	if (args.param == I915_CONTEXT_PARAM_VM)
		args.value = *vm_of(c->arg[2]);
	return call_drm(DRM_IOCTL_I915_GEM_CONTEXT_SETPARAM, &args);
}

/* Another name for the same address space. */
int do_getparam(const struct call *c)
{
	static const __u16 params[] = {
		I915_CONTEXT_PARAM_VM, I915_CONTEXT_PARAM_GTT_SIZE,
		I915_CONTEXT_PARAM_RECOVERABLE, I915_CONTEXT_PARAM_ENGINES,
	};
	struct drm_i915_gem_context_param args = {
		.ctx_id = *context_of(c->arg[0]),
		.param = params[c->arg[1] % ARRAY_SIZE(params)],
	};
	int err = call_drm(DRM_IOCTL_I915_GEM_CONTEXT_GETPARAM, &args);

	if (!err && args.param == I915_CONTEXT_PARAM_VM)
		*vm_of(c->arg[2]) = args.value;
	return err;
}

/* Mappings: `bind`, `unbind` and `exec` understand the first four alike. */

int do_bind(const struct call *c)
{
	const struct object *obj = object_of(c->arg[0] >> 2);
	struct drm_i915_gem_vm_bind args = {
		.vm_id = *vm_of(c->arg[0]), .handle = obj->handle,
		.start = address_of(c->arg[1]), .length = length_of(c->arg[2], obj),
		.offset = (c->arg[3] & 15) * PAGE,
		.flags = c->arg[5] & 1 ? I915_GEM_VM_BIND_CAPTURE : 0,
		.fence = out_fence(c->arg[4]),
	};

	/* Half of the time to the end of the object. */
	if (!(c->arg[2] & 8) && args.offset && args.offset < args.length)
		args.length -= args.offset;

	switch (c->bad) {
	case 0: args.start |= 1; break;
	case 1: args.start |= 0x800; break;
	case 2: args.length = 0; break;
	case 3: args.length |= 0x10; break;
	case 4: args.length = -PAGE; break;
	case 5: args.length = 1ull << 47; break;
	case 6: args.offset |= 8; break;
	case 7: args.offset = -PAGE; break;
	case 8: args.flags |= 0x80; break;
	case 9: args.extensions = NOWHERE; break;
	case 10: args.vm_id = NOBODY; break;
	case 11: args.handle = NOBODY; break;
	case 12: args.fence.flags |= I915_TIMELINE_FENCE_WAIT; break;
	case 13: args.fence.flags |= 0x80; break;
	case 14: args.fence.handle = NOBODY; break;
	case 15: args.start ^= 1ull << 60; break;
	}
	return call_drm(DRM_IOCTL_I915_GEM_VM_BIND, &args);
}

int do_unbind(const struct call *c)
{
	const struct object *obj = object_of(c->arg[0] >> 2);
	struct drm_i915_gem_vm_unbind args = {
		.vm_id = *vm_of(c->arg[0]),
		.start = address_of(c->arg[1]), .length = length_of(c->arg[2], obj),
		.fence = out_fence(c->arg[4]),
	};
	const __u64 offset = (c->arg[3] & 15) * PAGE;

	if (!(c->arg[2] & 8) && offset && offset < args.length)
		args.length -= offset;

	switch (c->bad) {
	case 0: args.start |= 1; break;
	case 1: args.rsvd = 1; break;
	case 2: args.length = 0; break;
	case 3: args.length |= 0x10; break;
	case 4: args.length = -PAGE; break;
	case 5: args.length = 1ull << 47; break;
	case 8: args.flags |= 0x80; break;
	case 9: args.extensions = NOWHERE; break;
	case 10: args.vm_id = NOBODY; break;
	case 12: args.fence.flags |= I915_TIMELINE_FENCE_WAIT; break;
	case 14: args.fence.handle = NOBODY; break;
	case 15: args.start ^= 1ull << 60; break;
	}
	return call_drm(DRM_IOCTL_I915_GEM_VM_UNBIND, &args);
}
