// SPDX-License-Identifier: MIT
/*
 * Batches: written into objects, and submitted by EXECBUFFER3 and EXECBUFFER2.
 */
#include "calls.h"

#define MI_BATCH_BUFFER_END	(0x0au << 23)
#define MI_SEMAPHORE_WAIT	(0x1cu << 23 | 3)
#define   MI_SEMAPHORE_POLL	0x8000u
#define   MI_SEMAPHORE_EQUAL	0x4000u
#define MI_STORE_DATA_IMM	(0x20u << 23 | 2)
#define MI_COPY_MEM_MEM		(0x2eu << 23 | 3)
#define MI_BATCH_BUFFER_START	(0x31u << 23 | 1 << 8 | 1)

/* A batch that waits for the CPU until the end of the input. */
struct spin {
	struct client *client;
	struct object object;
	__u64 offset;
};

static struct spin spins[MAX_CALLS];
static unsigned int num_spins;

static __u32 *emit(__u32 *cs, __u32 command, __u64 address)
{
	*cs++ = command;
	*cs++ = address;
	*cs++ = (__s64)(address << 16) >> 16 >> 32;
	return cs;
}

static __u32 *emit_wait(__u32 *cs, __u64 address)
{
	*cs++ = MI_SEMAPHORE_WAIT | MI_SEMAPHORE_POLL | MI_SEMAPHORE_EQUAL;
	*cs++ = 1;
	*cs++ = address;
	*cs++ = (__s64)(address << 16) >> 16 >> 32;
	*cs++ = 0;
	return cs;
}

#define SPIN_WORD 0x800

static void remember_spin(struct object *obj, __u64 page)
{
	unsigned int n = __atomic_fetch_add(&num_spins, 1, __ATOMIC_RELAXED);

	if (n < ARRAY_SIZE(spins))
		spins[n] = (struct spin) { now, *obj, page + SPIN_WORD };
}

/* Object, page, kind, where in the page; two addresses. */
int do_batch(const struct call *c)
{
	struct object *obj = object_of(c->arg[0]);
	const __u64 page = (c->arg[1] & 15) * PAGE, to = address_of(c->arg[4]);
	const __u64 self = address_of(c->arg[5]);
	__u32 commands[64] = { }, *cs = commands;

	switch (c->arg[2] % 16) {
	case 0 ... 3:
		cs += c->arg[2] >> 4;
		break;
	case 4 ... 7:
		cs = emit(cs, MI_STORE_DATA_IMM, to + 0xa00);
		*cs++ = c->arg[4];
		break;
	case 8:
		cs = emit(cs, MI_COPY_MEM_MEM, to + 0xa00);
		*cs++ = self + 0xa00;
		*cs++ = (__s64)(self << 16) >> 16 >> 32;
		break;
	case 9 ... 11:
		remember_spin(obj, page);
		cs = emit_wait(cs, self + SPIN_WORD);
		break;
	case 12:
		cs = emit(cs, MI_BATCH_BUFFER_START, to + offset_in_page(c->arg[3]));
		break;
	case 13: /* has no end */
		return fill(obj, page, commands, sizeof(commands));
	default:
		break;
	}
	*cs++ = MI_BATCH_BUFFER_END;
	return fill(obj, page + offset_in_page(c->arg[3] & 7), commands,
		    ((cs - commands) * 4 + 7) & ~7);
}

int do_exec(const struct call *c)
{
	const __u64 start = address_of(c->arg[1]) + offset_in_page(c->arg[2]);
	const __u64 addresses[2] = { start, address_of(c->arg[2]) };
	struct drm_i915_gem_timeline_fence fences[3] = {
		batch_fence(c->arg[4]), batch_fence(c->arg[5]),
		batch_fence(c->arg[4] ^ c->arg[5]),
	};
	struct drm_i915_gem_execbuffer3 args = {
		.ctx_id = *context_of(c->arg[0]),
		.engine_idx = c->arg[0] & 0x80 ? c->arg[0] >> 2 & 7 : 0,
		.batch_address = now->parallel[c->arg[0] % SLOTS] ?
			to_user(addresses) : start,
		.fence_count = c->arg[3] % 4, .timeline_fences = to_user(fences),
	};

	switch (c->bad) {
	case 0: args.batch_address |= 4; break;
	case 1: args.batch_address ^= 1ull << 60; break;
	case 2: args.batch_address = NOWHERE; break;
	case 3: args.ctx_id = NOBODY; break;
	case 4: args.engine_idx = 63; break;
	case 5: args.flags = 1; break;
	case 6: args.rsvd1 = 1; break;
	case 7: args.rsvd2 = 1; break;
	case 8: args.extensions = NOWHERE; break;
	case 9: args.fence_count = -1; break;
	case 10: args.timeline_fences = NOWHERE; break;
	case 11: fences[0].flags = 0x80; break;
	case 12: fences[0].handle = NOBODY; break;
	case 13: args.fence_count = 1000; break;
	}
	return call_drm(DRM_IOCTL_I915_GEM_EXECBUFFER3, &args);
}

/* A batch of its own, and the object as what it writes to. */
int do_exec2(const struct call *c)
{
	static const __u32 end[2] = { MI_BATCH_BUFFER_END };
	struct object batch = { };
	struct drm_i915_gem_exec_object2 objects[2] = { };
	struct drm_i915_gem_execbuffer2 args = {
		.buffers_ptr = to_user(objects), .buffer_count = 2,
		.rsvd1 = *context_of(c->arg[0]), .flags = c->arg[2] % 4,
	};
	int err = create_plain(&(struct call) { .bad = 0xff }, &batch, PAGE) ?:
		  fill(&batch, 0, end, sizeof(end));

	if (err)
		return err;
	if (c->arg[2] & 0x80)
		args.rsvd1 = 0;
	objects[0].handle = object_of(c->arg[1])->handle;
	objects[0].flags = c->arg[2] & 0x40 ? EXEC_OBJECT_WRITE : 0;
	objects[1].handle = batch.handle;
	err = call_drm(DRM_IOCTL_I915_GEM_EXECBUFFER2, &args);
	call_drm(DRM_IOCTL_GEM_CLOSE, &(struct drm_gem_close) { .handle = batch.handle });
	return err;
}

/* Lets go of what waits, so that it ends without a reset. */
void batches_end(void)
{
	static const __u32 go[2] = { 1 };

	for (unsigned int i = 0; i < num_spins && i < ARRAY_SIZE(spins); i++) {
		now = spins[i].client;
		fill(&spins[i].object, spins[i].offset, go, sizeof(go));
	}
}
