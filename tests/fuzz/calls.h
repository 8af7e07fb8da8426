/* SPDX-License-Identifier: MIT */
/*
 * What the calls of an input share: the clients, the names that they have, and how
 * a byte becomes a value.
 */
#ifndef FUZZ_CALLS_H
#define FUZZ_CALLS_H

#include <drm/drm.h>
#include <drm/i915_drm.h>

#include "fuzz.h"

#define SLOTS		4
#define OBJECTS		8
#define USER_MEMORY	((__u8 *)0x20000000)
#define USER_PAGES	64
#define NOBODY		0xdead		/* a name that nothing has */
#define NOWHERE		0x10ull		/* a pointer that cannot be read */

struct object {
	__u32 handle;
	__u64 size;
	__u8 *user;	/* its memory, where that is a userptr */
};

struct client {
	int fd;
	__u32 vms[SLOTS], contexts[SLOTS], syncobjs[SLOTS];
	bool parallel[SLOTS];
	struct object objects[OBJECTS];
};

/* calls.c */
extern struct client clients[2], *now;
extern int pipes[2];	/* through which the kernel copies what may not be there */

/* values.c */
int call_drm(unsigned long request, void *arg);	/* 0 or -errno */
__u64 to_user(const void *p);
__u32 *vm_of(__u8 b);
__u32 *context_of(__u8 b);
__u32 *syncobj_of(__u8 b);
struct object *object_of(__u8 b);
__u64 address_of(__u8 b);
__u64 offset_in_page(__u8 b);
__u64 pages_of(__u8 b);
__u64 length_of(__u8 b, const struct object *obj);
__u64 point_of(__u8 b);
struct drm_i915_gem_timeline_fence out_fence(__u8 b);
struct drm_i915_gem_timeline_fence batch_fence(__u8 b);
int fill_user(void *to, const void *from, size_t size);
int fill_mapped(const struct object *obj, __u32 caching, __u64 offset,
		const void *from, size_t size);
int fill(const struct object *obj, __u64 offset, const void *from, size_t size);

/* spaces.c */
int do_vm(const struct call *c);
int do_vm_destroy(const struct call *c);
int do_context(const struct call *c);
int do_context_destroy(const struct call *c);
int do_setparam(const struct call *c);
int do_getparam(const struct call *c);
int do_bind(const struct call *c);
int do_unbind(const struct call *c);

/* objects.c */
int do_object(const struct call *c);
int do_close(const struct call *c);
int do_export(const struct call *c);
int do_madvise(const struct call *c);
int do_caching(const struct call *c);
int do_touch(const struct call *c);
int create_plain(const struct call *c, struct object *obj, __u64 size);

/* batches.c */
int do_batch(const struct call *c);
int do_exec(const struct call *c);
int do_exec2(const struct call *c);
void batches_end(void);

/* system.c */
int do_sync(const struct call *c);
int do_memory(const struct call *c);
int do_shrink(const struct call *c);
int do_reset(const struct call *c);
int do_show(const struct call *c);
int do_client(const struct call *c);
int open_device(void);
bool system_setup(void);

#endif
