/* SPDX-License-Identifier: MIT */
/*
 * What a client costs others: CPU time of the kernel's threads, time that another call
 * takes meanwhile, memory.
 */
#ifndef __I915_VM_BIND_COST_H
#define __I915_VM_BIND_COST_H

#include <dirent.h>
#include <pthread.h>

#include "i915_vm_bind_utils.h"

/*
 * CPU time of the kernel's threads (kworkers, ksoftirqd, RCU's), which is charged to no
 * client. A thread that ends takes its time with it, and none is created with any.
 */
/* Of one thread; 0 where it is none of the kernel's, or has gone. */
static inline double kernel_thread_seconds(const char *pid)
{
	unsigned long user, system;
	char path[PATH_SIZE], *text, *name_end;
	double seconds = 0;
	int parent;

	snprintf(path, sizeof(path), "/proc/%.16s/stat", pid);
	text = read_file(path);
	name_end = text ? strrchr(text, ')') : NULL;
	if (name_end &&
	    sscanf(name_end, ") %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
		   &parent, &user, &system) == 3 && parent == 2)
		seconds = (double)(user + system) / sysconf(_SC_CLK_TCK);
	free(text);
	return seconds;
}

static inline double kernel_threads_seconds(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	double sum = 0;

	while (proc && (entry = readdir(proc)))
		if (*entry->d_name >= '1' && *entry->d_name <= '9')
			sum += kernel_thread_seconds(entry->d_name);
	if (proc)
		closedir(proc);
	return sum;
}

/* What worker_seconds_end() needs. */
static inline double worker_seconds_begin(void)
{
	return kernel_threads_seconds();
}

/* How much they have used since @begin, to a hundredth of a second each. */
static inline double worker_seconds_end(double begin)
{
	return kernel_threads_seconds() - begin;
}

/* A call that is measured, or what another thread does beside it: 0 or -errno. */
struct timed_call {
	int (*run)(void *arg);
	void *arg;
	int err;
	bool running;
};

static inline void *timed_call_in_thread(void *arg)
{
	struct timed_call *call = arg;

	__atomic_store_n(&call->running, true, __ATOMIC_SEQ_CST);
	call->err = call->run(call->arg);
	__atomic_store_n(&call->running, false, __ATOMIC_SEQ_CST);
	return NULL;
}

/*
 * Makes @call over and over while @other runs in another thread, once; in *seconds is how
 * long @call took at most. At least one call begins while @other runs, unless that takes no
 * time at all. Returns 0, or the first error of either.
 */
static inline int longest_call(struct timed_call *call, struct timed_call *other,
			       double *seconds)
{
	pthread_t thread;

	*seconds = 0;
	call->err = 0;
	other->running = true;
	if (pthread_create(&thread, NULL, timed_call_in_thread, other))
		return -EAGAIN;
	do {
		const double begin = seconds_now();
		double took;

		call->err = call->run(call->arg);
		took = seconds_now() - begin;
		if (took > *seconds)
			*seconds = took;
	} while (!call->err && __atomic_load_n(&other->running, __ATOMIC_SEQ_CST));
	pthread_join(thread, NULL);
	return call->err ?: other->err;
}

/* A line of /proc/meminfo in KiB, "SUnreclaim" or "MemAvailable"; -1: not there. */
static inline long meminfo_kib(const char *key)
{
	char *text = read_file("/proc/meminfo"), *line, name[64];
	long value = -1;

	snprintf(name, sizeof(name), "\n%s:", key);
	line = text ? strstr(text, name) : NULL;
	if (line)
		value = atol(line + strlen(name));
	free(text);
	return value;
}

#endif
