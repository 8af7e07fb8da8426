/* SPDX-License-Identifier: MIT */
/*
 * What threads do to one another: bind and unbind the same range, take memory away
 * that a batch of another uses, close what another works with.
 *
 * Who comes first is not known, so that calls may be refused, but not all. What the
 * GPU writes is the value of its address: nothing else may be found in an object.
 */
#ifndef __I915_VM_BIND_CONTENTION_H
#define __I915_VM_BIND_CONTENTION_H

#include <pthread.h>

#include "i915_vm_bind_utils.h"
#include "i915_vm_bind_worker.h"

#define ONE_RANGE	WINDOW
#define ONE_MEMORY	(WINDOW + SIZE)

/* What all of them share. */
static struct {
	struct bo memory;	/* of the process */

	pthread_mutex_t lock;	/* of what follows, but for what the calls do */
	int gone;		/* a file that is no device's */
	struct gpu client;	/* the number of its fd is never free */
	struct bo bo;		/* of it */
} contention = { .lock = PTHREAD_MUTEX_INITIALIZER };

static inline int contention_prepare(const struct gpu *gpu)
{
	struct bo *memory = &contention.memory;

	contention.gone = open("/dev/null", O_RDWR | O_CLOEXEC);
	contention.client.fd = dup(contention.gone);
	if (contention.client.fd < 0)
		return -errno;
	memory->size = SIZE;
	memory->map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory->map == MAP_FAILED)
		return -errno;
	return _gem_userptr(gpu->fd, memory->map, SIZE, &memory->handle);
}

static inline int unless(int tolerated, int err)
{
	return err == -tolerated ? 0 : err;
}

static inline int bind_range(const struct worker *w, const struct bo *bo, __u64 start)
{
	return unless(ENOSPC, bo_bind(w->gpu.fd, w->gpu.vm, bo, start));
}

/* How many words of an object for that range hold something, or -EBADMSG. */
static inline int look_at(const struct bo *bo, __u64 start)
{
	int found = 0;

	for (__u64 at = 0; at < SIZE; at += 4) {
		const __u32 seen = __atomic_load_n(&bo->map[at / 4], __ATOMIC_RELAXED);

		if (seen && seen != value_at(start + at))
			return -EBADMSG;
		found += !!seen;
	}
	return found;
}

/* Stores somewhere in the range, where @bo may be. */
static inline int store_in_range(struct worker *w, const struct bo *bo, __u64 start)
{
	const __u64 address = start + some_offset(w);
	int err, found;

	emit_end(emit_store(w->gpu.batch.map, address, value_at(address)));
	err = gpu_run(&w->gpu, w->gpu.ctx, batch_of(w));
	found = look_at(bo, start);
	w->hits += found > 0;
	return err ?: (found < 0 ? found : 0);
}

static inline int turn_one_range(struct worker *w)
{
	const struct drm_i915_gem_vm_unbind args = {
		.vm_id = w->gpu.vm, .start = ONE_RANGE, .length = SIZE,
	};

	return bind_range(w, &w->bo, ONE_RANGE) ?:
	       store_in_range(w, &w->bo, ONE_RANGE) ?:
	       _vm_unbind(w->gpu.fd, &args) ?: store_in_range(w, &w->bo, ONE_RANGE);
}

static inline int turn_one_memory(struct worker *w)
{
	struct bo *memory = &contention.memory;
	int err = w->turns ? 0 : bind_range(w, memory, ONE_MEMORY);

	if (!err && w->turns % 4 == 3 &&
	    mmap(memory->map, SIZE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		err = -errno;
	return err ?: store_in_range(w, memory, ONE_MEMORY);
}

/* A file with an object at OBJECT_ADDRESS, in place of the one before. */
static inline int replace_client(void)
{
	const int number = contention.client.fd;
	struct gpu client = { };
	struct bo bo;
	int err = gpu_open(&client, I915_ENGINE_CLASS_RENDER, 0) ?:
		  bo_create(client.fd, SIZE, &bo) ?:
		  bo_bind(client.fd, client.vm, &bo, OBJECT_ADDRESS);

	if (err)
		return err;
	emit_end(emit_store(client.batch.map, OBJECT_ADDRESS, value_at(OBJECT_ADDRESS)));
	pthread_mutex_lock(&contention.lock);
	if (contention.bo.map) {
		if (look_at(&contention.bo, OBJECT_ADDRESS) < 0)
			err = -EBADMSG;
		munmap(contention.bo.map, SIZE);
		munmap(contention.client.batch.map, PAGE_SIZE);
	}
	if (dup2(client.fd, number) < 0)
		err = -errno;
	close(client.fd);
	client.fd = number;
	contention.client = client;
	contention.bo = bo;
	pthread_mutex_unlock(&contention.lock);
	return err;
}

/* Where something has been closed meanwhile, or is there already. */
static inline int unless_gone(int err)
{
	switch (err) {
	case -ENOENT:	/* a name */
	case -EINVAL:	/* the batch, or the handle */
	case -EIO:	/* the context, as its batch was killed */
	case -ENOTTY:	/* the file */
	case -ENOSPC:
		return 0;
	}
	return err;
}

static inline int disturb_client(unsigned int what)
{
	struct gpu client;
	struct bo bo;

	pthread_mutex_lock(&contention.lock);
	client = contention.client;
	bo = contention.bo;
	pthread_mutex_unlock(&contention.lock);

	switch (what % 7) {
	case 0:
	case 1:
	case 2:
		return execute(client.fd, client.ctx, BATCH_ADDRESS, client.timeline, 0);
	case 3:
		return bo_bind(client.fd, client.vm, &bo, OBJECT_ADDRESS + SIZE);
	case 4:
		return _gem_close(client.fd, bo.handle);
	case 5:
		return _vm_destroy(client.fd, client.vm);
	default:
		return _context_destroy(client.fd, client.ctx);
	}
}

/* Each starts somewhere else, and now and then all is there again. */
static inline int turn_one_client(struct worker *w)
{
	const unsigned int what = w->turns * 5 + w->addr / WINDOW;
	int err;

	if (!w->turns && bo_bind(w->gpu.fd, w->gpu.vm, &w->bo, w->addr))
		return -EBUSY;
	if (w->turns % 11 == 0)
		return replace_client();
	if (w->turns % 11 == 10 && dup2(contention.gone, contention.client.fd) < 0)
		return -errno;
	err = disturb_client(what);
	w->hits += !err;
	return unless_gone(err) ?: check(w, &w->bo, some_offset(w));
}

#endif
