/* SPDX-License-Identifier: MIT */
/*
 * A thread of the stress test, with addresses, a context, a batch and an object of
 * its own.
 */
#ifndef __I915_VM_BIND_WORKER_H
#define __I915_VM_BIND_WORKER_H

#include <errno.h>
#include <pthread.h>

#include "i915_vm_bind_utils.h"

#define WINDOW	(64ull << 30)	/* of addresses, a thread; the first is for all */
#define SIZE	(16 * PAGE_SIZE)

struct worker {
	const char *name;
	/* One turn of whatever it does: 0, or -errno; -EBADMSG for wrong data. */
	int (*turn)(struct worker *w);
	unsigned int least;	/* turns that show what it is for */
	__u16 class;		/* of its engine */

	struct gpu gpu;		/* batch and timeline are the thread's own */
	__u64 addr;
	struct bo bo;
	unsigned int turns;
	unsigned int hits;	/* where a turn may be in vain: those that were not */
	int err;
	pthread_t thread;
};

/* What the thread's batch is at. */
static inline __u64 batch_of(const struct worker *w)
{
	return w->addr + WINDOW - PAGE_SIZE;
}

static inline __u64 some_offset(const struct worker *w)
{
	return w->turns * 52 % SIZE & ~3ull;
}

static inline int check(struct worker *w, struct bo *bo, __u64 offset)
{
	const __u64 address = w->addr + offset;
	const __u32 value = value_at(address + w->turns);
	int err;

	bo->map[offset / 4] = 0;
	emit_end(emit_store(w->gpu.batch.map, address, value));
	err = gpu_run(&w->gpu, w->gpu.ctx, batch_of(w));
	if (err)
		return err;
	return bo->map[offset / 4] == value ? 0 : -EBADMSG;
}

/* The same where only the GPU can look; the CPU has left ~value there. */
static inline int check_unseen(struct worker *w, __u64 offset, __u32 value)
{
	const __u64 address = w->addr + offset, result = batch_of(w) + 0x800;
	const __u32 *seen = &w->gpu.batch.map[0x800 / 4];
	__u32 *cs = emit_copy(w->gpu.batch.map, result, address);
	int err;

	cs = emit_store(cs, address, value);
	emit_end(emit_copy(cs, result + 4, address));
	err = gpu_run(&w->gpu, w->gpu.ctx, batch_of(w));
	if (err)
		return err;
	return seen[0] == ~value && seen[1] == value ? 0 : -EBADMSG;
}

#endif
