/* SPDX-License-Identifier: MIT */
/*
 * Which device is tested: the one that I915_DEVICE names, as a node (/dev/dri/renderD129) or
 * as an address on the PCI bus (0000:03:00.0), or else the first render node that suits.
 * A node of another driver is never taken.
 */
#ifndef __I915_VM_BIND_DEVICE_H
#define __I915_VM_BIND_DEVICE_H

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <drm/drm.h>

#define FIRST_RENDER_NODE	128
#define RENDER_NODES		64

/* -ENODEV: the node belongs to another driver. */
static inline int open_node(const char *path)
{
	char name[8] = "";
	struct drm_version id = { .name = name, .name_len = sizeof(name) - 1 };
	const int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (!ioctl(fd, DRM_IOCTL_VERSION, &id) && !strcmp(name, "i915"))
		return fd;
	close(fd);
	return -ENODEV;
}

static inline int open_pci_device(const char *address)
{
	char pattern[128], path[64];
	glob_t found;
	int fd = -ENODEV;

	snprintf(pattern, sizeof(pattern), "/sys/bus/pci/devices/%s/drm/renderD*", address);
	if (!glob(pattern, 0, NULL, &found)) {
		snprintf(path, sizeof(path), "/dev/dri/%s",
			 strrchr(found.gl_pathv[0], '/') + 1);
		fd = open_node(path);
	}
	globfree(&found);
	return fd;
}

/*
 * The file descriptor, or -errno. Without a choice, the first that @suits, if it is given.
 * -EACCES: some nodes may not be opened, and no other suits.
 */
static inline int open_device(bool (*suits)(int fd))
{
	const char *chosen = getenv("I915_DEVICE");
	int err = -ENODEV;

	if (chosen)
		return *chosen == '/' ? open_node(chosen) : open_pci_device(chosen);

	for (int i = 0; i < RENDER_NODES; i++) {
		char path[64];
		int fd;

		snprintf(path, sizeof(path), "/dev/dri/renderD%d", FIRST_RENDER_NODE + i);
		fd = open_node(path);
		if (fd == -EACCES)
			err = fd;
		if (fd < 0)
			continue;
		if (!suits || suits(fd))
			return fd;
		close(fd);
	}
	return err;
}

#endif
