/* SPDX-License-Identifier: MIT */
/*
 * Canaries: memory that nobody but the CPU writes to, where the GPU might write by
 * mistake. Pages that were freed last are used first, by the same CPU and for the
 * same kind of memory: what is freed while a batch may use it becomes a canary.
 */
#ifndef __I915_VM_BIND_CANARY_H
#define __I915_VM_BIND_CANARY_H

#include <sched.h>

#include "i915_vm_bind_utils.h"

#define CANARY		0x5a5a5a5au
#define CANARY_SIZE	0x100000ull	/* from 2 MiB on they are huge pages */
#define CANARY_ROUNDS	4		/* what a worker frees comes a bit later */
#define CANARY_MAX	512

/* In i915's objects, in the process, and in a file: each has lists of its own. */
enum canary_kind { CANARY_OBJECT, CANARY_PROCESS, CANARY_FILE, CANARY_KINDS };

struct canary {
	__u32 *map;
	__u32 handle;	/* 0: no object */
};

struct canaries {
	struct canary canary[CANARY_MAX];
	int count;
};

static inline int canary_create(int fd, enum canary_kind kind, struct canary *canary)
{
	const int file = kind == CANARY_FILE ? memfd_create("canary", MFD_CLOEXEC) : -1;
	struct bo bo = { };
	int err = 0;

	if (kind == CANARY_OBJECT) {
		err = bo_create(fd, CANARY_SIZE, &bo);
	} else if (file >= 0 && ftruncate(file, CANARY_SIZE)) {
		err = -errno;
	} else {
		bo.map = mmap(NULL, CANARY_SIZE, PROT_READ | PROT_WRITE,
			      file >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS,
			      file, 0);
		if (bo.map == MAP_FAILED)
			err = -errno;
	}
	if (file >= 0)
		close(file);
	if (err)
		return err;
	canary->map = bo.map;
	canary->handle = bo.handle;
	memset(bo.map, CANARY & 0xff, CANARY_SIZE);
	return 0;
}

static inline int canaries_create_on(int fd, int cpu, struct canaries *canaries)
{
	cpu_set_t set;
	int err = 0;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		return -errno;
	for (int kind = 0; kind < CANARY_KINDS && !err; kind++) {
		if (canaries->count == CANARY_MAX)
			return 0;
		err = canary_create(fd, kind, &canaries->canary[canaries->count++]);
	}
	return err;
}

/* On each CPU, several times, once RCU has let go of what was closed. */
static inline int canaries_create(int fd, struct canaries *canaries)
{
	cpu_set_t before;
	int err = 0;

	canaries->count = 0;
	if (sched_getaffinity(0, sizeof(before), &before))
		return -errno;
	wait_for_rcu(fd);
	for (int round = 0; round < CANARY_ROUNDS; round++) {
		usleep(20000);
		for (int cpu = 0; cpu < CPU_SETSIZE && !err; cpu++)
			if (CPU_ISSET(cpu, &before))
				err = canaries_create_on(fd, cpu, canaries);
	}
	return sched_setaffinity(0, sizeof(before), &before) ? -errno : err;
}

/* Whether nobody has written to them. They are not needed any more then. */
static inline bool canaries_live(int fd, struct canaries *canaries)
{
	bool live = true;

	for (int i = 0; i < canaries->count; i++) {
		const struct canary *canary = &canaries->canary[i];

		for (__u64 word = 0; word < CANARY_SIZE / 4; word++)
			live &= canary->map[word] == CANARY;
		munmap(canary->map, CANARY_SIZE);
		if (canary->handle)
			_gem_close(fd, canary->handle);
	}
	return live;
}

#define test_canaries_create(canaries) \
	test_equal(0, canaries_create(self->gpu.fd, canaries))
#define test_canaries_live(canaries) \
	ASSERT_TRUE(canaries_live(self->gpu.fd, canaries))

/* The page frames in which something lies, by which they are known to the kernel. */
struct frames {
	__u64 number[64];
	int count;
};

#define KPF_SWAPBACKED	14	/* in /proc/kpageflags: memory of somebody */

static inline int read_u64(const char *path, __u64 index, __u64 *value)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	const ssize_t got = pread(fd, value, sizeof(*value), index * sizeof(*value));

	close(fd);
	return got == sizeof(*value) ? 0 : -EIO;
}

static inline int frames_of(void *map, __u64 size, struct frames *frames)
{
	int err = 0;

	frames->count = 0;
	if (size > ARRAY_SIZE(frames->number) * PAGE_SIZE)
		return -E2BIG;
	for (__u64 at = 0; at < size && !err; at += PAGE_SIZE) {
		__u64 *number = &frames->number[frames->count++];

		__atomic_load_n((char *)map + at, __ATOMIC_RELAXED);
		err = read_u64("/proc/self/pagemap", ((uintptr_t)map + at) / PAGE_SIZE,
			       number);
		*number &= (1ull << 55) - 1;
		if (!err && !*number)
			return -EPERM;
	}
	return err;
}

/* The driver's own mapping tells nothing. A discrete GPU has no other: no frames. */
static inline int frames_of_bo(int fd, const struct bo *bo, struct frames *frames)
{
	__u32 *pages;
	int err = _gem_mmap_pages(fd, bo->handle, bo->size, &pages);

	frames->count = 0;
	if (err)
		return err == -EOPNOTSUPP ? 0 : err;
	err = frames_of(pages, bo->size, frames);
	munmap(pages, bo->size);
	return err;
}

/* How many of them are somebody's, or -errno. */
static inline int frames_held(const struct frames *frames)
{
	int count = 0;

	for (int i = 0; i < frames->count; i++) {
		__u64 flags;
		int err = read_u64("/proc/kpageflags", frames->number[i], &flags);

		if (err)
			return err;
		count += flags >> KPF_SWAPBACKED & 1;
	}
	return count;
}

#define test_all_held(_frames) do {					\
	const struct frames *__held = (_frames);			\
									\
	ASSERT_EQ(__held->count, frames_held(__held));			\
} while (0)

/*
 * Nothing but a batch that runs keeps the pages: they are not free, and if they were
 * canaries would be there by now.
 */
#define test_held(_frames, canaries) do {				\
	const struct frames *__frames = (_frames);			\
									\
	wait_for_rcu(self->gpu.fd);					\
	usleep(50000);							\
	test_all_held(__frames);					\
	test_canaries_create(canaries);					\
	test_all_held(__frames);					\
} while (0)

/*
 * And then they go, also from the lists of what was used last. A few may be somebody
 * else's by then.
 */
#define test_released(_frames) do {					\
	const struct frames *__frames = (_frames);			\
									\
	for (int __ms = 0; frames_held(__frames) > __frames->count / 4; __ms += 10) { \
		ASSERT_GT(WAIT_SECONDS * 1000, __ms);			\
		ASSERT_EQ(0, write_file("/proc/sys/vm/drop_caches", "1")); \
		usleep(10000);						\
	}								\
} while (0)

/* All that is left of @bo is its mapping at @address, which keeps it. */
#define test_kept_by_mapping(_bo, address) do {				\
	const __u64 __kept = (address);					\
	struct canaries __canaries;					\
	struct bo *__bo = (_bo);					\
									\
	__bo->map[0] = 0x600d;						\
	test_let_go(__bo);						\
	test_canaries_create(&__canaries);				\
	test_gpu_reads(0x600d, __kept);					\
	test_gpu_store(__kept);						\
	test_gpu_reads(value_at(__kept), __kept);			\
	test_canaries_live(&__canaries);				\
} while (0)

/* To the first word of each page. */
static inline void spin_emit_stores(struct spin *spin, __u64 start, __u64 size,
				    __u32 value)
{
	for (__u64 page = 0; page < size; page += PAGE_SIZE)
		spin->cs = emit_store(spin->cs, start + page, value);
}

#endif
