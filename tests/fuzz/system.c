// SPDX-License-Identifier: MIT
/*
 * What is around the calls: syncobjs, memory of user space, eviction, resets,
 * what debugfs and procfs show, clients that come and go.
 */
#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"

static int drop_caches = -1, wedged = -1;
static char debugfs[300];

/* Syncobjs */

static int do_wait(__u32 *handle, __u64 point, __u32 flags)
{
	struct drm_syncobj_timeline_wait args = {
		.handles = to_user(handle), .points = to_user(&point),
		.count_handles = 1, .flags = flags,
	};
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	args.timeout_nsec = at.tv_sec * 1000000000ll + at.tv_nsec + 20000000;
	return call_drm(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &args);
}

int do_sync(const struct call *c)
{
	__u32 *handle = syncobj_of(c->arg[0]);
	__u64 point = point_of(c->arg[2]);
	struct drm_syncobj_create create = { .flags = c->arg[2] & 1 };
	struct drm_syncobj_array array = {
		.handles = to_user(handle), .count_handles = 1,
	};
	struct drm_syncobj_timeline_array points = {
		.handles = to_user(handle), .points = to_user(&point),
		.count_handles = 1,
	};
	struct drm_syncobj_transfer transfer = {
		.src_handle = *handle, .src_point = point,
		.dst_handle = *syncobj_of(c->arg[3]), .dst_point = point_of(c->arg[4]),
	};
	int err;

	switch (c->arg[1] % 8) {
	case 0:
		err = call_drm(DRM_IOCTL_SYNCOBJ_CREATE, &create);
		if (!err)
			*handle = create.handle;
		return err;
	case 1:
		return call_drm(DRM_IOCTL_SYNCOBJ_DESTROY,
				&(struct drm_syncobj_destroy) { .handle = *handle });
	case 2: return call_drm(DRM_IOCTL_SYNCOBJ_SIGNAL, &array);
	case 3: return call_drm(DRM_IOCTL_SYNCOBJ_RESET, &array);
	case 4: return call_drm(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, &points);
	case 5: return call_drm(DRM_IOCTL_SYNCOBJ_TRANSFER, &transfer);
	default: return do_wait(handle, point, c->arg[3] % 8);
	}
}

/* Memory of user space */

int do_memory(const struct call *c)
{
	const unsigned int first = c->arg[0] % USER_PAGES;
	__u8 *memory = USER_MEMORY + first * PAGE;
	size_t size = pages_of(c->arg[1] % 5);
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	const char byte = c->arg[2];

	if (first + size / PAGE > USER_PAGES)
		size = PAGE;
	switch (c->arg[2] % 8) {
	case 0: return madvise(memory, size, MADV_DONTNEED) ? -errno : 0;
	case 1: return munmap(memory, size) ? -errno : 0;
	case 2: return mprotect(memory, size, PROT_READ) ? -errno : 0;
	case 3: return mprotect(memory, size, PROT_READ | PROT_WRITE) ? -errno : 0;
	case 4: return mmap(memory, size, PROT_READ, flags, -1, 0) == MAP_FAILED ? -errno : 0;
	case 5: return fill_user(memory, &byte, 1);
	case 6: return madvise(memory, size, MADV_PAGEOUT) ? -errno : 0;
	default:
		return mmap(memory, size, PROT_READ | PROT_WRITE, flags, -1, 0) ==
			MAP_FAILED ? -errno : 0;
	}
}

/* The system around it */

static int write_to(int fd, const char *text)
{
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

int do_shrink(const struct call *c)
{
	static const char *const what[] = {
		"0x23", "0x23", "0x1", "0x2", "0x4", "0x10", "0x27", "0x233",
	};

	return write_to(drop_caches, what[c->arg[0] % ARRAY_SIZE(what)]);
}

int do_reset(const struct call *c)
{
	return write_to(wedged, c->arg[0] & 1 ? "1" : "0xff");
}

int do_show(const struct call *c)
{
	static const char *const names[] = {
		"gpuvas", "gpuvas", "i915_gem_objects", "gem_names",
	};
	char path[400], text[PAGE];
	int fd;

	if (c->arg[0] % 8 == 7)
		strcpy(path, "/sys/class/drm/card0/error");
	else if (c->arg[0] & 4)
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", now->fd);
	else
		snprintf(path, sizeof(path), "%s/%s", debugfs, names[c->arg[0] % 4]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (int i = 0; i < 64 && read(fd, text, sizeof(text)) > 0; i++)
		;
	close(fd);
	return 0;
}

int open_device(void)
{
	return open("/dev/dri/renderD128", O_RDWR | O_CLOEXEC);
}

int do_client(const struct call *c)
{
	int flags;

	switch (c->arg[0] % 4) {
	case 0:
		close(now->fd);
		*now = (struct client) { .fd = open_device() };
		return 0;
	case 1:
		flags = fcntl(now->fd, F_GETFL);
		return fcntl(now->fd, F_SETFL, flags ^ O_NONBLOCK);
	default:
		now = &clients[now == clients];
		return 0;
	}
}

/* What never ends, ends soon: 7.5 s is the default for some engines. */
static void shorten_timeouts(void)
{
	glob_t found;

	if (glob("/sys/class/drm/card*/engine/*/preempt_timeout_ms", 0, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		int fd = open(found.gl_pathv[i], O_WRONLY | O_CLOEXEC);

		if (fd < 0 || write_to(fd, "200"))
			perror(found.gl_pathv[i]);
		close(fd);
	}
	globfree(&found);
}

static void find_debugfs(void)
{
	const char *const dri = "/sys/kernel/debug/dri";
	DIR *dir = opendir(dri);
	struct dirent *entry;
	char path[400];

	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s/i915_gem_drop_caches", dri, entry->d_name);
		if (access(path, W_OK))
			continue;
		snprintf(debugfs, sizeof(debugfs), "%s/%s", dri, entry->d_name);
		drop_caches = open(path, O_WRONLY | O_CLOEXEC);
		snprintf(path, sizeof(path), "%s/i915_wedged", debugfs);
		wedged = open(path, O_WRONLY | O_CLOEXEC);
		break;
	}
	if (dir)
		closedir(dir);
}

/* Whether the device is there, and we may do all that to it. */
bool system_setup(void)
{
	find_debugfs();
	shorten_timeouts();
	return drop_caches >= 0 && wedged >= 0;
}
