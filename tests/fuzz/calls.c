// SPDX-License-Identifier: MIT
/*
 * What the bytes of an input mean. A run begins with two clients of the device;
 * the first has an address space, a context on it, an object of four pages with
 * an empty batch at its start, and a syncobj, each in slot 0. What fails leaves
 * its slot alone, and an empty slot is a name that the kernel does not know.
 *
 * `beside` lets the next call run in a second thread, while the input goes on.
 */
#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <drm/drm.h>
#include <drm/i915_drm.h>
#include <linux/udmabuf.h>

#include "fuzz.h"

#define SLOTS		4
#define OBJECTS		8
#define USER_MEMORY	((__u8 *)0x20000000)
#define USER_PAGES	64
#define NOBODY		0xdead		/* a name that nothing has */
#define NOWHERE		0x10ull		/* a pointer that cannot be read */

#define MI_NOOP			0u
#define MI_BATCH_BUFFER_END	(0x0au << 23)
#define MI_SEMAPHORE_WAIT	(0x1cu << 23 | 3)
#define   MI_SEMAPHORE_POLL	0x8000u
#define   MI_SEMAPHORE_EQUAL	0x4000u
#define MI_STORE_DATA_IMM	(0x20u << 23 | 2)
#define MI_COPY_MEM_MEM		(0x2eu << 23 | 3)
#define MI_BATCH_BUFFER_START	(0x31u << 23 | 1 << 8 | 1)

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

/* A batch that waits for the CPU until the end of the input. */
struct spin {
	struct client *client;
	struct object object;
	__u64 offset;
};

static struct client clients[2], *now = &clients[0];
static struct spin spins[MAX_CALLS];
static unsigned int num_spins;
static int drop_caches = -1, wedged = -1, pipes[2];
static char debugfs[300];

static int call_drm(unsigned long request, void *arg)
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

static __u64 to_user(const void *p)
{
	return (uintptr_t)p;
}

/* What the bytes stand for */

static __u32 *vm_of(__u8 b) { return &now->vms[b % SLOTS]; }
static __u32 *context_of(__u8 b) { return &now->contexts[b % SLOTS]; }
static __u32 *syncobj_of(__u8 b) { return &now->syncobjs[b % SLOTS]; }
static struct object *object_of(__u8 b) { return &now->objects[b % OBJECTS]; }

/* Where something ends or changes; most collide. */
static __u64 address_of(__u8 b)
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

static __u64 offset_in_page(__u8 b)
{
	static const __u16 offsets[8] = { 0, 0, 0, 8, 0x40, 0x7f8, 0xff8, 0x800 };

	return offsets[b % 8];
}

static __u64 pages_of(__u8 b)
{
	static const __u16 pages[8] = { 1, 2, 4, 8, 16, 17, 512, 513 };

	return pages[b % 8] * PAGE;
}

/* Half of the time as long as the object. */
static __u64 length_of(__u8 b, const struct object *obj)
{
	return b & 8 || !obj->size ? pages_of(b) : obj->size;
}

static __u64 point_of(__u8 b)
{
	return b % 8 == 7 ? 1ull << 40 : b % 8;
}

/* Of a bind or unbind: none, or what is signalled. */
static struct drm_i915_gem_timeline_fence out_fence(__u8 b)
{
	if (b < 0x80)
		return (struct drm_i915_gem_timeline_fence) { 0 };
	return (struct drm_i915_gem_timeline_fence) {
		.handle = *syncobj_of(b), .value = point_of(b >> 2),
		.flags = I915_TIMELINE_FENCE_SIGNAL,
	};
}

/* Of a batch: none, wait, signal, or both. */
static struct drm_i915_gem_timeline_fence batch_fence(__u8 b)
{
	return (struct drm_i915_gem_timeline_fence) {
		.handle = *syncobj_of(b), .value = point_of(b >> 2),
		.flags = b >> 5 & 3,
	};
}

/* Memory that may not be there is read and written by the kernel only. */
static int fill_user(void *to, const void *from, size_t size)
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

static int fill_mapped(const struct object *obj, __u32 caching, __u64 offset,
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

static int fill(const struct object *obj, __u64 offset, const void *from, size_t size)
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

/* Address spaces and contexts */

static int do_vm(const struct call *c)
{
	struct drm_i915_gem_vm_control args = {
		.flags = c->arg[1] % 4 == 3 ? 0 : I915_VM_CREATE_FLAGS_USE_VM_BIND,
	};
	int err;

	if (c->bad == 0)
		args.flags |= 0x80;
	if (c->bad == 1)
		args.extensions = NOWHERE;
	err = call_drm(DRM_IOCTL_I915_GEM_VM_CREATE, &args);
	if (!err)
		*vm_of(c->arg[0]) = args.vm_id;
	return err;
}

static int do_vm_destroy(const struct call *c)
{
	struct drm_i915_gem_vm_control args = { .vm_id = *vm_of(c->arg[0]) };

	if (c->bad == 0)
		args.vm_id = NOBODY;
	return call_drm(DRM_IOCTL_I915_GEM_VM_DESTROY, &args);
}

static const struct i915_engine_class_instance all_engines[] = {
	{ I915_ENGINE_CLASS_RENDER, 0 }, { I915_ENGINE_CLASS_COPY, 0 },
	{ I915_ENGINE_CLASS_VIDEO, 0 }, { I915_ENGINE_CLASS_VIDEO, 1 },
	{ I915_ENGINE_CLASS_VIDEO_ENHANCE, 0 },
	{ I915_ENGINE_CLASS_INVALID, I915_ENGINE_CLASS_INVALID_NONE },
};

#define SETPARAM(_param, _value)					\
	{ .base.name = I915_CONTEXT_CREATE_EXT_SETPARAM,		\
	  .param = { .param = (_param), .value = (_value) } }

static int create_context(const struct call *c, unsigned int slot)
{
	I915_DEFINE_CONTEXT_ENGINES_LOAD_BALANCE(balance, 2) = {
		.base.name = I915_CONTEXT_ENGINES_EXT_LOAD_BALANCE,
		.num_siblings = 2, .engines = { all_engines[2], all_engines[3] },
	};
	I915_DEFINE_CONTEXT_ENGINES_PARALLEL_SUBMIT(parallel, 2) = {
		.base.name = I915_CONTEXT_ENGINES_EXT_PARALLEL_SUBMIT,
		.width = 2, .num_siblings = 1,
		.engines = { all_engines[2], all_engines[3] },
	};
	I915_DEFINE_CONTEXT_PARAM_ENGINES(engines, 6) = { };
	unsigned int kind = c->arg[2] % 10, count = kind == 5 ? 6 : 1;
	/* Not persistent: what still runs at the end dies with its client. */
	struct drm_i915_gem_context_create_ext_setparam ext[] = {
		SETPARAM(I915_CONTEXT_PARAM_PERSISTENCE, 0),
		SETPARAM(I915_CONTEXT_PARAM_RECOVERABLE, c->bad == 0),
		SETPARAM(I915_CONTEXT_PARAM_VM, *vm_of(c->arg[1])),
		SETPARAM(I915_CONTEXT_PARAM_ENGINES, to_user(&engines)),
		SETPARAM(I915_CONTEXT_PARAM_PRIORITY, c->arg[4] % 3 * 256 - 256),
	};
	struct drm_i915_gem_context_create_ext args = {
		.flags = I915_CONTEXT_CREATE_FLAGS_USE_EXTENSIONS,
		.extensions = to_user(ext),
	};
	int err;

	if (c->arg[3] & 1)
		args.flags |= I915_CONTEXT_CREATE_FLAGS_SINGLE_TIMELINE;
	if (c->bad == 1)
		ext[2].param.value = NOBODY;
	if (kind < 6)
		memcpy(engines.engines, kind == 5 ? all_engines : &all_engines[kind],
		       count * sizeof(engines.engines[0]));
	else
		engines.engines[0] = all_engines[5];
	if (kind == 7)
		engines.extensions = to_user(&balance);
	if (kind == 8)
		engines.extensions = to_user(&parallel);
	ext[3].param.size = offsetof(typeof(engines), engines) +
			    count * sizeof(engines.engines[0]);
	/* Without a map of engines, and in another order. */
	for (unsigned int i = 0; i + 1 < ARRAY_SIZE(ext); i++)
		ext[i].base.next_extension = to_user(&ext[i + 1]);
	if (kind == 9)
		ext[2].base.next_extension = to_user(&ext[4]);
	if (c->arg[3] & 2) {
		ext[1].base.next_extension = to_user(&ext[3]);
		ext[4].base.next_extension = to_user(&ext[2]);
		ext[2].base.next_extension = 0;
	}

	err = call_drm(DRM_IOCTL_I915_GEM_CONTEXT_CREATE_EXT, &args);
	if (!err) {
		now->contexts[slot] = args.ctx_id;
		now->parallel[slot] = kind == 8;
	}
	return err;
}

static int do_context(const struct call *c)
{
	return create_context(c, c->arg[0] % SLOTS);
}

static int do_context_destroy(const struct call *c)
{
	struct drm_i915_gem_context_destroy args = { .ctx_id = *context_of(c->arg[0]) };

	return call_drm(DRM_IOCTL_I915_GEM_CONTEXT_DESTROY, &args);
}

static int do_setparam(const struct call *c)
{
	static const __u16 params[] = {
		I915_CONTEXT_PARAM_VM, I915_CONTEXT_PARAM_RECOVERABLE,
		I915_CONTEXT_PARAM_PRIORITY, I915_CONTEXT_PARAM_BANNABLE,
		I915_CONTEXT_PARAM_NO_ERROR_CAPTURE, I915_CONTEXT_PARAM_NO_ZEROMAP,
		I915_CONTEXT_PARAM_RINGSIZE, 0x7fff,
	};
	struct drm_i915_gem_context_param args = {
		.ctx_id = *context_of(c->arg[0]),
		.param = params[c->arg[1] % ARRAY_SIZE(params)],
		.value = c->arg[2] % 4,
	};

	if (args.param == I915_CONTEXT_PARAM_VM)
		args.value = *vm_of(c->arg[2]);
	return call_drm(DRM_IOCTL_I915_GEM_CONTEXT_SETPARAM, &args);
}

/* Another name for the same address space. */
static int do_getparam(const struct call *c)
{
	static const __u16 params[] = {
		I915_CONTEXT_PARAM_VM, I915_CONTEXT_PARAM_GTT_SIZE,
		I915_CONTEXT_PARAM_RECOVERABLE, I915_CONTEXT_PARAM_ENGINES,
	};
	struct drm_i915_gem_context_param args = {
		.ctx_id = *context_of(c->arg[0]),
		.param = params[c->arg[1] % ARRAY_SIZE(params)],
	};
	int err = call_drm(DRM_IOCTL_I915_GEM_CONTEXT_GETPARAM, &args);

	if (!err && args.param == I915_CONTEXT_PARAM_VM)
		*vm_of(c->arg[2]) = args.value;
	return err;
}

/* Objects */

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

static int create_plain(const struct call *c, struct object *obj, __u64 size)
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

static int do_object(const struct call *c)
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

static int do_close(const struct call *c)
{
	struct drm_gem_close args = { .handle = object_of(c->arg[0])->handle };

	return call_drm(DRM_IOCTL_GEM_CLOSE, &args);
}

/* To the other client, or to the same one. */
static int do_export(const struct call *c)
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

static int do_madvise(const struct call *c)
{
	struct drm_i915_gem_madvise args = {
		.handle = object_of(c->arg[0])->handle, .madv = c->arg[1] & 1,
	};

	return call_drm(DRM_IOCTL_I915_GEM_MADVISE, &args);
}

static int do_caching(const struct call *c)
{
	struct drm_i915_gem_caching args = {
		.handle = object_of(c->arg[0])->handle, .caching = c->arg[1] % 3,
	};

	return call_drm(DRM_IOCTL_I915_GEM_SET_CACHING, &args);
}

/* All that uses an object's pages without the GPU. */
static int do_touch(const struct call *c)
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

/* Mappings: `bind`, `unbind` and `exec` understand the first four alike. */

static int do_bind(const struct call *c)
{
	const struct object *obj = object_of(c->arg[0] >> 2);
	struct drm_i915_gem_vm_bind args = {
		.vm_id = *vm_of(c->arg[0]), .handle = obj->handle,
		.start = address_of(c->arg[1]), .length = length_of(c->arg[2], obj),
		.offset = (c->arg[3] & 15) * PAGE,
		.flags = c->arg[5] & 1 ? I915_GEM_VM_BIND_CAPTURE : 0,
		.fence = out_fence(c->arg[4]),
	};

	/* Half of the time to the end of the object. */
	if (!(c->arg[2] & 8) && args.offset && args.offset < args.length)
		args.length -= args.offset;

	switch (c->bad) {
	case 0: args.start |= 1; break;
	case 1: args.start |= 0x800; break;
	case 2: args.length = 0; break;
	case 3: args.length |= 0x10; break;
	case 4: args.length = -PAGE; break;
	case 5: args.length = 1ull << 47; break;
	case 6: args.offset |= 8; break;
	case 7: args.offset = -PAGE; break;
	case 8: args.flags |= 0x80; break;
	case 9: args.extensions = NOWHERE; break;
	case 10: args.vm_id = NOBODY; break;
	case 11: args.handle = NOBODY; break;
	case 12: args.fence.flags |= I915_TIMELINE_FENCE_WAIT; break;
	case 13: args.fence.flags |= 0x80; break;
	case 14: args.fence.handle = NOBODY; break;
	case 15: args.start ^= 1ull << 60; break;
	}
	return call_drm(DRM_IOCTL_I915_GEM_VM_BIND, &args);
}

static int do_unbind(const struct call *c)
{
	const struct object *obj = object_of(c->arg[0] >> 2);
	struct drm_i915_gem_vm_unbind args = {
		.vm_id = *vm_of(c->arg[0]),
		.start = address_of(c->arg[1]), .length = length_of(c->arg[2], obj),
		.fence = out_fence(c->arg[4]),
	};
	const __u64 offset = (c->arg[3] & 15) * PAGE;

	if (!(c->arg[2] & 8) && offset && offset < args.length)
		args.length -= offset;

	switch (c->bad) {
	case 0: args.start |= 1; break;
	case 1: args.rsvd = 1; break;
	case 2: args.length = 0; break;
	case 3: args.length |= 0x10; break;
	case 4: args.length = -PAGE; break;
	case 5: args.length = 1ull << 47; break;
	case 8: args.flags |= 0x80; break;
	case 9: args.extensions = NOWHERE; break;
	case 10: args.vm_id = NOBODY; break;
	case 12: args.fence.flags |= I915_TIMELINE_FENCE_WAIT; break;
	case 14: args.fence.handle = NOBODY; break;
	case 15: args.start ^= 1ull << 60; break;
	}
	return call_drm(DRM_IOCTL_I915_GEM_VM_UNBIND, &args);
}

/* Batches */

static __u32 *emit(__u32 *cs, __u32 command, __u64 address)
{
	*cs++ = command;
	*cs++ = address;
	*cs++ = (__s64)(address << 16) >> 16 >> 32;
	return cs;
}

static __u32 *emit_wait(__u32 *cs, __u64 address)
{
	*cs++ = MI_SEMAPHORE_WAIT | MI_SEMAPHORE_POLL | MI_SEMAPHORE_EQUAL;
	*cs++ = 1;
	*cs++ = address;
	*cs++ = (__s64)(address << 16) >> 16 >> 32;
	*cs++ = 0;
	return cs;
}

#define SPIN_WORD 0x800

static void remember_spin(struct object *obj, __u64 page)
{
	unsigned int n = __atomic_fetch_add(&num_spins, 1, __ATOMIC_RELAXED);

	if (n < ARRAY_SIZE(spins))
		spins[n] = (struct spin) { now, *obj, page + SPIN_WORD };
}

/* Object, page, kind, where in the page; two addresses. */
static int do_batch(const struct call *c)
{
	struct object *obj = object_of(c->arg[0]);
	const __u64 page = (c->arg[1] & 15) * PAGE, to = address_of(c->arg[4]);
	const __u64 self = address_of(c->arg[5]);
	__u32 commands[64] = { }, *cs = commands;

	switch (c->arg[2] % 16) {
	case 0 ... 3:
		cs += c->arg[2] >> 4;
		break;
	case 4 ... 7:
		cs = emit(cs, MI_STORE_DATA_IMM, to + 0xa00);
		*cs++ = c->arg[4];
		break;
	case 8:
		cs = emit(cs, MI_COPY_MEM_MEM, to + 0xa00);
		*cs++ = self + 0xa00;
		*cs++ = (__s64)(self << 16) >> 16 >> 32;
		break;
	case 9 ... 11:
		remember_spin(obj, page);
		cs = emit_wait(cs, self + SPIN_WORD);
		break;
	case 12:
		cs = emit(cs, MI_BATCH_BUFFER_START, to + offset_in_page(c->arg[3]));
		break;
	case 13: /* has no end */
		return fill(obj, page, commands, sizeof(commands));
	default:
		break;
	}
	*cs++ = MI_BATCH_BUFFER_END;
	return fill(obj, page + offset_in_page(c->arg[3] & 7), commands,
		    ((cs - commands) * 4 + 7) & ~7);
}

static int do_exec(const struct call *c)
{
	const __u64 start = address_of(c->arg[1]) + offset_in_page(c->arg[2]);
	const __u64 addresses[2] = { start, address_of(c->arg[2]) };
	struct drm_i915_gem_timeline_fence fences[3] = {
		batch_fence(c->arg[4]), batch_fence(c->arg[5]),
		batch_fence(c->arg[4] ^ c->arg[5]),
	};
	struct drm_i915_gem_execbuffer3 args = {
		.ctx_id = *context_of(c->arg[0]),
		.engine_idx = c->arg[0] & 0x80 ? c->arg[0] >> 2 & 7 : 0,
		.batch_address = now->parallel[c->arg[0] % SLOTS] ?
			to_user(addresses) : start,
		.fence_count = c->arg[3] % 4, .timeline_fences = to_user(fences),
	};

	switch (c->bad) {
	case 0: args.batch_address |= 4; break;
	case 1: args.batch_address ^= 1ull << 60; break;
	case 2: args.batch_address = NOWHERE; break;
	case 3: args.ctx_id = NOBODY; break;
	case 4: args.engine_idx = 63; break;
	case 5: args.flags = 1; break;
	case 6: args.rsvd1 = 1; break;
	case 7: args.rsvd2 = 1; break;
	case 8: args.extensions = NOWHERE; break;
	case 9: args.fence_count = -1; break;
	case 10: args.timeline_fences = NOWHERE; break;
	case 11: fences[0].flags = 0x80; break;
	case 12: fences[0].handle = NOBODY; break;
	case 13: args.fence_count = 1000; break;
	}
	return call_drm(DRM_IOCTL_I915_GEM_EXECBUFFER3, &args);
}

/* A batch of its own, and the object as what it writes to. */
static int do_exec2(const struct call *c)
{
	static const __u32 end[2] = { MI_BATCH_BUFFER_END };
	struct object batch = { };
	struct drm_i915_gem_exec_object2 objects[2] = { };
	struct drm_i915_gem_execbuffer2 args = {
		.buffers_ptr = to_user(objects), .buffer_count = 2,
		.rsvd1 = *context_of(c->arg[0]), .flags = c->arg[2] % 4,
	};
	int err = create_plain(&(struct call) { .bad = 0xff }, &batch, PAGE) ?:
		  fill(&batch, 0, end, sizeof(end));

	if (err)
		return err;
	if (c->arg[2] & 0x80)
		args.rsvd1 = 0;
	objects[0].handle = object_of(c->arg[1])->handle;
	objects[0].flags = c->arg[2] & 0x40 ? EXEC_OBJECT_WRITE : 0;
	objects[1].handle = batch.handle;
	err = call_drm(DRM_IOCTL_I915_GEM_EXECBUFFER2, &args);
	call_drm(DRM_IOCTL_GEM_CLOSE, &(struct drm_gem_close) { .handle = batch.handle });
	return err;
}

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

static int do_sync(const struct call *c)
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

static int do_memory(const struct call *c)
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

static int do_shrink(const struct call *c)
{
	static const char *const what[] = {
		"0x23", "0x23", "0x1", "0x2", "0x4", "0x10", "0x27", "0x233",
	};

	return write_to(drop_caches, what[c->arg[0] % ARRAY_SIZE(what)]);
}

static int do_reset(const struct call *c)
{
	return write_to(wedged, c->arg[0] & 1 ? "1" : "0xff");
}

static int do_show(const struct call *c)
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

static int open_device(void)
{
	return open("/dev/dri/renderD128", O_RDWR | O_CLOEXEC);
}

static int do_client(const struct call *c)
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

static int do_beside(const struct call *c)
{
	(void)c;
	return 0;
}

/* The table */

static int (*const functions[])(const struct call *c) = {
	do_bind, do_unbind, do_exec, do_object, do_close, do_batch, do_vm,
	do_vm_destroy, do_context, do_context_destroy, do_setparam, do_getparam,
	do_export, do_madvise, do_caching, do_touch, do_exec2, do_sync, do_memory,
	do_shrink, do_reset, do_show, do_client, do_beside,
};

const struct op ops[] = {
	{ "bind", 30 }, { "unbind", 15 }, { "exec", 25 }, { "object", 10 },
	{ "close", 5 }, { "batch", 12 }, { "vm", 4 }, { "vm-destroy", 2 },
	{ "context", 5 }, { "context-destroy", 2 }, { "setparam", 2 },
	{ "getparam", 2 }, { "export", 3 }, { "madvise", 4 }, { "caching", 2 },
	{ "touch", 3 }, { "exec2", 3 }, { "sync", 8 }, { "memory", 6 },
	{ "shrink", 8 }, { "reset", 1 }, { "show", 2 }, { "client", 2 },
	{ "beside", 3 },
};

const unsigned int num_ops = ARRAY_SIZE(ops);

_Static_assert(ARRAY_SIZE(ops) == ARRAY_SIZE(functions), "a function for each");

enum { BESIDE = ARRAY_SIZE(ops) - 1 };

/* The second thread takes one call at a time. */
static struct {
	pthread_t thread;
	bool is_there;
	sem_t work, idle;
	struct call call;
	int *result;
} beside;

static void *beside_run(void *unused)
{
	for (;;) {
		sem_wait(&beside.work);
		if (!beside.result)
			return unused;
		*beside.result = functions[beside.call.op % num_ops](&beside.call);
		sem_post(&beside.idle);
	}
}

static void beside_start(const struct call *call, int *result)
{
	if (!beside.is_there) {
		sem_init(&beside.work, 0, 0);
		sem_init(&beside.idle, 0, 1);
		if (pthread_create(&beside.thread, NULL, beside_run, NULL))
			return;
		beside.is_there = true;
	}
	sem_wait(&beside.idle);
	beside.result = result;
	if (call)
		beside.call = *call;
	sem_post(&beside.work);
}

static void beside_end(void)
{
	if (!beside.is_there)
		return;
	beside_start(NULL, NULL);
	pthread_join(beside.thread, NULL);
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

/* Once, for all runs. */
void calls_setup(void)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;

	find_debugfs();
	shorten_timeouts();
	if (drop_caches < 0 || wedged < 0 ||
	    mmap(USER_MEMORY, USER_PAGES * PAGE, PROT_READ | PROT_WRITE, flags, -1, 0) ==
	    MAP_FAILED) {
		fprintf(stderr, "no i915, or not root\n");
		exit(1);
	}
}

static void begin(void)
{
	static const struct call first[] = {
		{ .bad = 0xff }, { .arg = { 0, 0x25 }, .bad = 0xff },
		{ .bad = 0xff }, { .bad = 0xff }, { .bad = 0xff },
	};

	clients[0].fd = open_device();
	clients[1].fd = open_device();
	if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK) || clients[0].fd < 0 || do_vm(&first[0]) || do_object(&first[1]) ||
	    do_batch(&first[2]) || do_context(&first[3]) || do_sync(&first[4]))
		_exit(2);
}

/* Let go of what waits, so that it ends without a reset. */
static void end(void)
{
	static const __u32 go[2] = { 1 };

	beside_end();
	for (unsigned int i = 0; i < num_spins && i < ARRAY_SIZE(spins); i++) {
		now = spins[i].client;
		fill(&spins[i].object, spins[i].offset, go, sizeof(go));
	}
	close(clients[0].fd);
	close(clients[1].fd);
}

void calls_run(const struct input *in, int *results)
{
	begin();
	for (unsigned int i = 0; i < in->count; i++) {
		const struct call *call = &in->calls[i];

		if (call->op % num_ops == BESIDE && i + 1 < in->count) {
			i++;
			beside_start(&in->calls[i], &results[i]);
			continue;
		}
		results[i] = functions[call->op % num_ops](call);
	}
	end();
}
