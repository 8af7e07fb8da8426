// SPDX-License-Identifier: MIT
/*
 * Objects of all kinds: made, shared, touched without the GPU, closed.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/udmabuf.h>

#include "calls.h"

static int create_private(const struct call *c, struct object *obj, __u64 size)
{
	struct drm_i915_gem_create_ext_memory_regions regions = {
		.base.name = I915_GEM_CREATE_EXT_MEMORY_REGIONS,
		.num_regions = 1,
		.regions = to_user(&(struct drm_i915_gem_memory_class_instance) {
				   c->arg[3] & 2 ? I915_MEMORY_CLASS_DEVICE :
				   I915_MEMORY_CLASS_SYSTEM, 0 }),
	};
	struct drm_i915_gem_create_ext_vm_private ext = {
		.base.name = I915_GEM_CREATE_EXT_VM_PRIVATE,
		.vm_id = c->bad == 0 ? NOBODY : *vm_of(c->arg[2]),
		.rsvd = c->bad == 1,
	};
	struct drm_i915_gem_create_ext args = {
		.size = c->bad == 2 ? 0 : size, .extensions = to_user(&ext),
	};
	int err;

	if (c->arg[3] & 1)
		ext.base.next_extension = to_user(&regions);
	err = call_drm(DRM_IOCTL_I915_GEM_CREATE_EXT, &args);
	if (!err)
		*obj = (struct object) { args.handle, size, NULL };
	return err;
}

int create_plain(const struct call *c, struct object *obj, __u64 size)
{
	struct drm_i915_gem_create args = { .size = c->bad == 0 ? 0 : size };
	int err = call_drm(DRM_IOCTL_I915_GEM_CREATE, &args);

	if (!err)
		*obj = (struct object) { args.handle, size, NULL };
	return err;
}

static int create_userptr(const struct call *c, struct object *obj, __u64 size)
{
	__u8 *memory = USER_MEMORY + c->arg[3] % USER_PAGES * PAGE;
	struct drm_i915_gem_userptr args = {
		.user_ptr = to_user(memory) | (c->bad == 0), .user_size = size,
	};
	int err;

	if (c->arg[4] % 8 == 1)
		args.flags = I915_USERPTR_PROBE;
	if (c->arg[4] % 8 == 2 || c->bad == 1)
		args.flags = I915_USERPTR_READ_ONLY;
	err = call_drm(DRM_IOCTL_I915_GEM_USERPTR, &args);
	if (!err)
		*obj = (struct object) { args.handle, size, memory };
	return err;
}

static int import(struct object *obj, int dmabuf, __u64 size)
{
	struct drm_prime_handle args = { .fd = dmabuf };
	int err = call_drm(DRM_IOCTL_PRIME_FD_TO_HANDLE, &args);

	if (!err)
		*obj = (struct object) { args.handle, size, NULL };
	return err;
}

static int create_udmabuf(struct object *obj, __u64 size)
{
	struct udmabuf_create args = { .size = size, .flags = UDMABUF_FLAGS_CLOEXEC };
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), dmabuf, err;

	if (device < 0)
		return -errno;
	args.memfd = memfd_create("fuzz", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	if (ftruncate(args.memfd, size) ||
	    fcntl(args.memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		return -errno;
	dmabuf = ioctl(device, UDMABUF_CREATE, &args);
	err = dmabuf < 0 ? -errno : import(obj, dmabuf, size);
	close(device);
	close(args.memfd);
	if (dmabuf >= 0)
		close(dmabuf);
	return err;
}

int do_object(const struct call *c)
{
	struct object *obj = object_of(c->arg[0]);
	__u64 size = pages_of(c->arg[1] >> 4);

	switch (c->arg[1] % 8) {
	case 0 ... 2: return create_private(c, obj, size);
	case 3: return create_userptr(c, obj, size);
	case 4: return create_udmabuf(obj, size);
	default: return create_plain(c, obj, size);
	}
}

int do_close(const struct call *c)
{
	struct drm_gem_close args = { .handle = object_of(c->arg[0])->handle };

	return call_drm(DRM_IOCTL_GEM_CLOSE, &args);
}

/* To the other client, or to the same one. */
int do_export(const struct call *c)
{
	struct object *from = object_of(c->arg[0]);
	struct drm_prime_handle args = {
		.handle = from->handle, .flags = DRM_CLOEXEC | DRM_RDWR,
	};
	struct client *before = now;
	int err = call_drm(DRM_IOCTL_PRIME_HANDLE_TO_FD, &args);

	if (err)
		return err;
	if (c->arg[2] & 1)
		now = &clients[now == clients];
	err = import(object_of(c->arg[1]), args.fd, from->size);
	now = before;
	close(args.fd);
	return err;
}

int do_madvise(const struct call *c)
{
	struct drm_i915_gem_madvise args = {
		.handle = object_of(c->arg[0])->handle, .madv = c->arg[1] & 1,
	};

	return call_drm(DRM_IOCTL_I915_GEM_MADVISE, &args);
}

int do_caching(const struct call *c)
{
	struct drm_i915_gem_caching args = {
		.handle = object_of(c->arg[0])->handle, .caching = c->arg[1] % 3,
	};

	return call_drm(DRM_IOCTL_I915_GEM_SET_CACHING, &args);
}

/* All that uses an object's pages without the GPU. */
int do_touch(const struct call *c)
{
	struct object *obj = object_of(c->arg[0]);
	__u64 value = 0;

	switch (c->arg[1] % 7) {
	case 0:
		return call_drm(DRM_IOCTL_I915_GEM_SET_DOMAIN,
				&(struct drm_i915_gem_set_domain) {
					.handle = obj->handle,
					.read_domains = I915_GEM_DOMAIN_CPU,
					.write_domain = c->arg[2] & 1 ?
						I915_GEM_DOMAIN_CPU : 0 });
	case 1:
		return call_drm(DRM_IOCTL_I915_GEM_BUSY,
				&(struct drm_i915_gem_busy) { .handle = obj->handle });
	case 2:
		return call_drm(DRM_IOCTL_I915_GEM_WAIT,
				&(struct drm_i915_gem_wait) { .bo_handle = obj->handle,
					.timeout_ns = c->arg[2] * 10000 });
	case 3:
		return call_drm(DRM_IOCTL_I915_GEM_PREAD,
				&(struct drm_i915_gem_pread) { .handle = obj->handle,
					.offset = c->arg[2] % 4 * PAGE,
					.size = sizeof(value),
					.data_ptr = to_user(&value) });
	case 4:
		return fill(obj, c->arg[2] % 4 * PAGE + 0x900, &value, sizeof(value));
	default:
		return obj->size < PAGE ? -EINVAL :
			fill_mapped(obj, c->arg[2] % 5, PAGE - sizeof(value),
				    &value, sizeof(value));
	}
}
