// SPDX-License-Identifier: MIT
/*
 * What the bytes of a call stand for: the names of things, addresses, sizes,
 * fences; and how memory is written that may not be there.
 */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "calls.h"

int call_drm(unsigned long request, void *arg)
{
	/* A few times: what is invalidated all the time stays so. */
	for (int i = 0; i < 4; i++) {
		if (!ioctl(now->fd, request, arg))
			return 0;
		if (errno != EINTR && errno != EAGAIN)
			break;
	}
	return -errno;
}

__u64 to_user(const void *p)
{
	return (uintptr_t)p;
}

/* What the bytes stand for */

__u32 *vm_of(__u8 b) { return &now->vms[b % SLOTS]; }
__u32 *context_of(__u8 b) { return &now->contexts[b % SLOTS]; }
__u32 *syncobj_of(__u8 b) { return &now->syncobjs[b % SLOTS]; }
struct object *object_of(__u8 b) { return &now->objects[b % OBJECTS]; }

/* Where something ends or changes; most collide. */
__u64 address_of(__u8 b)
{
	static const __u64 bases[16] = {
		0x100000000,		0x100000000,	0x100000000,	0x100000000,
		0x0,			0x200000,	0x200000 - 8 * PAGE,
		0x40000000 - 8 * PAGE,	0x40000000,	0x8000000000 - 8 * PAGE,
		0x600000000000,		0x800000000000 - 8 * PAGE,
		0xffff800000000000,	0xffffffffffff0000, 0x1000000000000 - 16 * PAGE,
		0x100200000 - 8 * PAGE,
	};

	return bases[b >> 4] + (b & 15) * PAGE;
}

__u64 offset_in_page(__u8 b)
{
	static const __u16 offsets[8] = { 0, 0, 0, 8, 0x40, 0x7f8, 0xff8, 0x800 };

	return offsets[b % 8];
}

__u64 pages_of(__u8 b)
{
	static const __u16 pages[8] = { 1, 2, 4, 8, 16, 17, 512, 513 };

	return pages[b % 8] * PAGE;
}

/* Half of the time as long as the object. */
__u64 length_of(__u8 b, const struct object *obj)
{
	return b & 8 || !obj->size ? pages_of(b) : obj->size;
}

__u64 point_of(__u8 b)
{
	return b % 8 == 7 ? 1ull << 40 : b % 8;
}

/* Of a bind or unbind: none, or what is signalled. */
struct drm_i915_gem_timeline_fence out_fence(__u8 b)
{
	if (b < 0x80)
		return (struct drm_i915_gem_timeline_fence) { 0 };
	return (struct drm_i915_gem_timeline_fence) {
		.handle = *syncobj_of(b), .value = point_of(b >> 2),
		.flags = I915_TIMELINE_FENCE_SIGNAL,
	};
}

/* Of a batch: none, wait, signal, or both. */
struct drm_i915_gem_timeline_fence batch_fence(__u8 b)
{
	return (struct drm_i915_gem_timeline_fence) {
		.handle = *syncobj_of(b), .value = point_of(b >> 2),
		.flags = b >> 5 & 3,
	};
}

/* Memory that may not be there is read and written by the kernel only. */
int fill_user(void *to, const void *from, size_t size)
{
	if (write(pipes[1], from, size) != (ssize_t)size)
		return -errno;
	if (read(pipes[0], to, size) != (ssize_t)size) {
		int err = -errno;
		char rest[PAGE];

		while (size && read(pipes[0], rest, size < PAGE ? size : PAGE) > 0)
			size -= size < PAGE ? size : PAGE;
		return err;
	}
	return 0;
}

int fill_mapped(const struct object *obj, __u32 caching, __u64 offset,
		       const void *from, size_t size)
{
	struct drm_i915_gem_mmap_offset args = {
		.handle = obj->handle, .flags = caching,
	};
	int err = call_drm(DRM_IOCTL_I915_GEM_MMAP_OFFSET, &args);
	__u8 *map;

	if (err)
		return err;
	map = mmap(NULL, obj->size, PROT_READ | PROT_WRITE, MAP_SHARED, now->fd,
		   args.offset);
	if (map == MAP_FAILED)
		return -errno;
	err = fill_user(map + offset, from, size);
	munmap(map, obj->size);
	return err;
}

int fill(const struct object *obj, __u64 offset, const void *from, size_t size)
{
	struct drm_i915_gem_pwrite args = {
		.handle = obj->handle, .offset = offset, .size = size,
		.data_ptr = to_user(from),
	};
	int err;

	if (offset + size > obj->size)
		return -EINVAL;
	if (obj->user)
		return fill_user(obj->user + offset, from, size);
	err = call_drm(DRM_IOCTL_I915_GEM_PWRITE, &args);
	/* As a discrete GPU has it */
	return err != -EOPNOTSUPP && err != -ENODEV ? err :
	       fill_mapped(obj, I915_MMAP_OFFSET_FIXED, offset, from, size);
}
