/* SPDX-License-Identifier: MIT */
/*
 * A dma-buf of another driver, for whoever imports it.
 */
#ifndef __I915_VM_BIND_UDMABUF_H
#define __I915_VM_BIND_UDMABUF_H

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/udmabuf.h>

/* Its descriptor, or -errno; -ENOENT: there is no such driver, or not for this user. */
static inline int udmabuf_create(__u64 size, __u32 **map)
{
	struct udmabuf_create args = { .size = size, .flags = UDMABUF_FLAGS_CLOEXEC };
	int dev, fd;

	args.memfd = memfd_create("pages", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	if (args.memfd < 0 || ftruncate(args.memfd, size) ||
	    fcntl(args.memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		return -errno;
	*map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, args.memfd, 0);
	if (*map == MAP_FAILED)
		return -errno;
	dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		return errno == EACCES ? -ENOENT : -errno;
	fd = ioctl(dev, UDMABUF_CREATE, &args);
	if (fd < 0)
		fd = -errno;
	close(dev);
	close(args.memfd);
	return fd;
}

#endif
