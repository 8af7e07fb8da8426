/* SPDX-License-Identifier: MIT */
/*
 * What the measurements share. A figure is a count of guest instructions, or of
 * bytes, printed as one line: figure, side, n, value, unit. See docs/bench.md.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <x86intrin.h>

/* The helpers of the ioctl suite, without its harness: that has room for one file. */
#define __KSELFTEST_HARNESS_H
#include <kselftest.h>
#include <drivers/gpu/i915/i915_vm_bind_utils.h>

#define KIB(n)		((__u64)(n) << 10)
#define MIB(n)		((__u64)(n) << 20)
#define GIB(n)		((__u64)(n) << 30)

#define die(...) do {							\
	fprintf(stderr, "bench: " __VA_ARGS__);				\
	fputc('\n', stderr);						\
	exit(1);							\
} while (0)

/* What is measured must not fail, or the count is that of an error path. */
#define must(call) do {							\
	int err_ = (call);						\
									\
	if (err_)							\
		die("%s:%d: %s: %s", __FILE__, __LINE__, #call,		\
		    strerror(-err_));					\
} while (0)

/* count.c */

#define MAX_SAMPLES	1024

struct samples {
	unsigned int n;
	__u64 value[MAX_SAMPLES];
};

void count_init(void);
__u64 count_overhead(void);
void sample(struct samples *s, __u64 value);
__u64 median(struct samples *s);
void report(const char *figure, const char *side, __u64 n, __u64 value,
	    const char *unit);

/* The instructions that the CPU executes for @call, which must not fail. */
#define counted(call) ({						\
	__u64 start_ = __rdtsc();					\
	int ret_ = (call);						\
	__u64 end_ = __rdtsc();						\
									\
	if (ret_)							\
		die("%s:%d: %s: %s", __FILE__, __LINE__, #call,		\
		    strerror(-ret_));					\
	end_ - start_ - count_overhead();				\
})

/* system.c */

void system_init(void);
void tell(const char *path, const char *text);
void settle(void);
void retire(void);
int drop_pages(void);
__u64 worker_time(void);

/* frames.c */

__u64 frames_begin(bool scattered);
void frames_end(void);
__u64 frames_small(void);
__u64 frame_of(int pagemap, const char *page);

/* side.c: one side of a comparison */

enum kind {
	EXECBUF2,	/* objects are given at each submission, softpinned */
	SHARED,		/* VM_BIND, each object with a reservation of its own */
	PRIVATE,	/* VM_BIND, objects of this address space alone */
	KINDS
};

struct side {
	enum kind kind;
	const char *name;
	bool userptr;		/* its further objects are the program's memory */
	__u32 vm, ctx;
	__u32 second_ctx;	/* for the engine's second port */
	struct bo batch;	/* an empty batch at BATCH_ADDRESS */
	struct bo gate;		/* a batch that runs until gate_open() */
	__u32 done;		/* the syncobj of both */
};

/* A submission as prepared, so that nothing but the ioctl is counted. */
struct submission {
	unsigned long request;
	union {
		struct drm_i915_gem_execbuffer2 eb2;
		struct drm_i915_gem_execbuffer3 eb3;
	};
	struct drm_i915_gem_exec_object2 *objects;	/* the batch first */
};

extern int gpu;	/* the render node */

void side_open(struct side *side, enum kind kind);
void side_open_on(struct side *side, enum kind kind, __u16 class);
void side_close(struct side *side);

__u32 object_create_empty(const struct side *side, __u64 size);
__u32 object_create(const struct side *side, __u64 size);
int object_bind_part(const struct side *side, __u32 handle, __u64 address,
		     __u64 offset, __u64 size);
int object_bind(const struct side *side, __u32 handle, __u64 address,
		__u64 size);
int object_bind_async(const struct side *side, __u32 handle, __u64 address,
		      __u64 size, __u32 timeline, __u64 point);
int object_unbind(const struct side *side, __u64 address, __u64 size);
int object_unbind_async(const struct side *side, __u64 address, __u64 size,
			__u32 timeline, __u64 point);

void submission_init(const struct side *side, struct submission *sub,
		     unsigned int max_objects);
void submission_add(struct submission *sub, __u32 handle, __u64 address,
		    __u64 flags);
void submission_fini(struct submission *sub);

static inline int submit(struct submission *sub)
{
	return drm_call(gpu, sub->request, &sub->eb2);
}

void gate_close(struct side *side);
void gate_open(struct side *side);

/* How many requests fit on a context's ring behind a closed gate */
#define GATED_REQUESTS	16

__u64 gated_submit(struct side *side, struct submission *sub);
__u64 submission_cost(struct side *side, struct submission *sub,
		      unsigned int samples);

/* Topics, each a run of its own */

void bench_floors(void);
void bench_submit(void);
void bench_fences(void);
void bench_bind(void);
void bench_size(void);
void bench_scale(void);
void bench_evict(void);
void bench_memory(void);

#endif
