/* SPDX-License-Identifier: MIT */
/*
 * Fences in arrays, the errors of fences, and fences of no GPU: those of SW_SYNC,
 * which signal when the test says so.
 */
#ifndef __I915_VM_BIND_SYNC_H
#define __I915_VM_BIND_SYNC_H

#include <linux/sync_file.h>

#include "i915_vm_bind_utils.h"

/* Timeline fences */

#define FENCE(_handle, _flags, _value) \
	((struct drm_i915_gem_timeline_fence) \
	 { .handle = (_handle), .flags = (_flags), .value = (_value) })
#define WAIT(handle, value)	FENCE(handle, I915_TIMELINE_FENCE_WAIT, value)
#define SIGNAL(handle, value)	FENCE(handle, I915_TIMELINE_FENCE_SIGNAL, value)
#define BOTH(handle, value) \
	FENCE(handle, I915_TIMELINE_FENCE_WAIT | I915_TIMELINE_FENCE_SIGNAL, value)

#define FENCES(...)							\
	.fence_count = sizeof((struct drm_i915_gem_timeline_fence[])	\
			      { __VA_ARGS__ }) /			\
		       sizeof(struct drm_i915_gem_timeline_fence),	\
	.timeline_fences = to_user((struct drm_i915_gem_timeline_fence[]) \
				   { __VA_ARGS__ })

/* Syncobjs and sync files */

static inline int _sync_file_to_syncobj(int fd, int file, __u32 handle)
{
	struct drm_syncobj_handle args = {
		.handle = handle, .fd = file,
		.flags = DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE,
	};

	return drm_call(fd, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &args);
}

/* Point @point of @to becomes what @from holds. 0: the binary payload. */
static inline int _syncobj_transfer(int fd, __u32 to, __u64 point, __u32 from)
{
	struct drm_syncobj_transfer args = {
		.src_handle = from, .dst_handle = to, .dst_point = point,
	};

	return drm_call(fd, DRM_IOCTL_SYNCOBJ_TRANSFER, &args);
}

/* One that signals when both have; -errno, or the sync file. */
static inline int sync_file_merge(int one, int two)
{
	struct sync_merge_data args = { .name = "merged", .fd2 = two };
	int err = drm_call(one, SYNC_IOC_MERGE, &args);

	return err ?: args.fence;
}

/* 0: the fence has not signalled; 1: it has; -errno: with that error. */
static inline int sync_file_status(int file)
{
	struct sync_file_info args = { 0 };

	return drm_call(file, SYNC_IOC_FILE_INFO, &args) ? -EBADF : args.status;
}

/* The same for the binary payload of a syncobj. */
static inline int syncobj_status(int fd, __u32 handle)
{
	int file, status;

	if (_syncobj_to_sync_file(fd, handle, &file))
		return -EBADF;
	status = sync_file_status(file);
	close(file);
	return status;
}

#define test_syncobj_status(expected, handle) \
	test_equal(expected, syncobj_status(self->gpu.fd, handle))

/* SW_SYNC. No header of the kernel's describes it. */

struct sw_sync_create_fence_data {
	__u32 value;
	char name[32];
	__s32 fence;
};

#define SW_SYNC_IOC_CREATE_FENCE _IOWR('W', 0, struct sw_sync_create_fence_data)
#define SW_SYNC_IOC_INC		 _IOW('W', 1, __u32)

/*
 * A timeline that has got to point 0. When it is closed, the fences that are left
 * signal with -ENOENT.
 */
static inline int sw_sync_open(void)
{
	return open_file("/sys/kernel/debug/sync/sw_sync", O_RDWR);
}

/* A sync file that signals at that point. */
static inline int sw_sync_fence(int timeline, __u32 point)
{
	struct sw_sync_create_fence_data args = { .value = point, .name = "test" };
	int err = drm_call(timeline, SW_SYNC_IOC_CREATE_FENCE, &args);

	return err ?: args.fence;
}

static inline int sw_sync_advance(int timeline, __u32 by)
{
	return drm_call(timeline, SW_SYNC_IOC_INC, &by);
}

#endif
