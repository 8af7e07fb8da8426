/* SPDX-License-Identifier: MIT */
/*
 * A submission in a thread of its own, which the test knows to wait.
 */
#ifndef __I915_VM_BIND_THREAD_H
#define __I915_VM_BIND_THREAD_H

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "i915_vm_bind_utils.h"

static pid_t executing;

/* Not made again where it returns EAGAIN. */
struct one_call {
	int fd;
	struct drm_i915_gem_execbuffer3 args;
};

static inline void *call_in_thread(void *arg)
{
	struct one_call *call = arg;

	__atomic_store_n(&executing, syscall(SYS_gettid), __ATOMIC_SEQ_CST);
	if (!ioctl(call->fd, DRM_IOCTL_I915_GEM_EXECBUFFER3, &call->args))
		return NULL;
	return (void *)(intptr_t)-errno;
}

/* Until the thread waits, and not just for a lock. */
static inline int wait_until_it_waits(void)
{
	int seen = 0;

	for (int ms = 0; seen < 5; ms++) {
		const pid_t thread = __atomic_load_n(&executing, __ATOMIC_SEQ_CST);

		if (ms == WAIT_SECONDS * 1000)
			return -ETIME;
		seen = thread_waits_in(thread, SYS_ioctl) ? seen + 1 : 0;
		usleep(1000);
	}
	return 0;
}

#endif
