/* SPDX-License-Identifier: MIT */
/*
 * The ioctls: the raw call, which returns 0 or -errno, and where tests need them
 * test_*, which must succeed, and test_err_*, which must fail with the errno given
 * first.
 *
 * The forms of the new ioctls take designated initialisers that override those
 * of a valid call: test_err_vm_bind(EINVAL, .length = 0).
 */
#ifndef __I915_VM_BIND_IOCTL_H
#define __I915_VM_BIND_IOCTL_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#include <drm/drm.h>
#include <drm/i915_drm.h>

#include "../../../kselftest_harness.h"
#include "i915_vm_bind_abi.h"

#define PAGE_SIZE	4096ull
#define WAIT_SECONDS	20

/* Unlike ASSERT_EQ() a single statement, so that it can be a loop's body. */
#define test_equal(expected, seen) ({ ASSERT_EQ(expected, seen); })

static inline __u64 to_user(const void *p)
{
	return (uintptr_t)p;
}

/* How often one of the three new calls was interrupted by a signal. */
static unsigned int calls_interrupted;

static inline void count_interrupted(unsigned long request)
{
	switch (_IOC_NR(request) - DRM_COMMAND_BASE) {
	case DRM_I915_GEM_VM_BIND:
	case DRM_I915_GEM_VM_UNBIND:
	case DRM_I915_GEM_EXECBUFFER3:
		__atomic_add_fetch(&calls_interrupted, 1, __ATOMIC_SEQ_CST);
	}
}

static inline double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/*
 * Made again where a signal came, and where the driver asks for it: -EAGAIN is what a
 * driver answers that asks for WAIT_SECONDS and does not come to an end.
 */
static inline int drm_call(int fd, unsigned long request, void *arg)
{
	double begin = 0;

	while (ioctl(fd, request, arg)) {
		if (errno == EINTR) {
			count_interrupted(request);
			continue;
		}
		if (errno != EAGAIN)
			return -errno;
		if (!begin)
			begin = seconds_now();
		if (seconds_now() - begin > WAIT_SECONDS) {
			ksft_print_msg("ioctl %#lx: EAGAIN for %d seconds\n", request,
				       WAIT_SECONDS);
			return -EAGAIN;
		}
	}
	return 0;
}

/*
 * The three calls give nothing back: arguments that can't be written are no
 * reason to fail once all is done. Both as the header encodes the request and as
 * the RFC did, in which the driver had to write. -ENOMEM: no page for the test.
 */
static inline int call_read_only(int fd, unsigned int nr, const void *args,
				 size_t size, bool rfc)
{
	unsigned long request = _IOC(_IOC_WRITE | (rfc ? _IOC_READ : 0),
				     DRM_IOCTL_BASE, DRM_COMMAND_BASE + nr, size);
	void *page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int err;

	if (page == MAP_FAILED)
		return -ENOMEM;
	memcpy(page, args, size);
	err = mprotect(page, PAGE_SIZE, PROT_READ) ? -ENOMEM :
	      drm_call(fd, request, page);
	munmap(page, PAGE_SIZE);
	return err;
}

#define test_read_only(nr, args, rfc)					\
	test_equal(0, call_read_only(self->gpu.fd, nr, &(args), sizeof(args), rfc))

/* Parameters */

static inline int _getparam(int fd, int param, int *value)
{
	struct drm_i915_getparam args = { .param = param, .value = value };

	return drm_call(fd, DRM_IOCTL_I915_GETPARAM, &args);
}

#define test_getparam(param, value) \
	test_equal(0, _getparam(self->gpu.fd, param, value))

/* Address spaces */

static inline int _vm_create(int fd, __u32 flags, const void *ext, __u32 *vm)
{
	struct drm_i915_gem_vm_control args = {
		.flags = flags, .extensions = to_user(ext),
	};
	int err = drm_call(fd, DRM_IOCTL_I915_GEM_VM_CREATE, &args);

	if (!err && vm)
		*vm = args.vm_id;
	return err;
}

#define test_vm_create(flags, vm) \
	test_equal(0, _vm_create(self->gpu.fd, flags, NULL, vm))
#define test_err_vm_create(err, flags, ext) \
	test_equal(-(err), _vm_create(self->gpu.fd, flags, ext, NULL))

static inline int _vm_destroy(int fd, __u32 vm)
{
	struct drm_i915_gem_vm_control args = { .vm_id = vm };

	return drm_call(fd, DRM_IOCTL_I915_GEM_VM_DESTROY, &args);
}

#define test_vm_destroy(vm) test_equal(0, _vm_destroy(self->gpu.fd, vm))
#define test_err_vm_destroy(err, vm) \
	test_equal(-(err), _vm_destroy(self->gpu.fd, vm))

/* Objects */

static inline int _gem_create(int fd, __u64 size, __u32 *handle)
{
	struct drm_i915_gem_create args = { .size = size };
	int err = drm_call(fd, DRM_IOCTL_I915_GEM_CREATE, &args);

	*handle = args.handle;
	return err;
}

/* -errno, and *handle 0, where @ext is refused. */
static inline int _gem_create_ext(int fd, __u64 size, const void *ext, __u32 *handle)
{
	struct drm_i915_gem_create_ext args = {
		.size = size, .extensions = to_user(ext),
	};
	int err = drm_call(fd, DRM_IOCTL_I915_GEM_CREATE_EXT, &args);

	*handle = err ? 0 : args.handle;
	return err;
}

static inline int _gem_userptr(int fd, void *ptr, __u64 size, __u32 *handle)
{
	struct drm_i915_gem_userptr args = {
		.user_ptr = to_user(ptr), .user_size = size,
	};
	int err = drm_call(fd, DRM_IOCTL_I915_GEM_USERPTR, &args);

	*handle = args.handle;
	return err;
}

static inline int _prime_export(int fd, __u32 handle, int *dmabuf)
{
	struct drm_prime_handle args = {
		.handle = handle, .flags = DRM_CLOEXEC | DRM_RDWR,
	};
	int err = drm_call(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &args);

	*dmabuf = err ? -1 : args.fd;
	return err;
}

static inline int _prime_import(int fd, int dmabuf, __u32 *handle)
{
	struct drm_prime_handle args = { .fd = dmabuf };
	int err = drm_call(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &args);

	*handle = args.handle;
	return err;
}

static inline int _gem_close(int fd, __u32 handle)
{
	struct drm_gem_close args = { .handle = handle };

	return drm_call(fd, DRM_IOCTL_GEM_CLOSE, &args);
}

#define test_gem_close(handle) test_equal(0, _gem_close(self->gpu.fd, handle))

/* A discrete GPU chooses the caching itself. */
static inline int _gem_mmap_as(int fd, __u32 handle, __u64 flags, __u64 size,
			       __u32 **map)
{
	struct drm_i915_gem_mmap_offset args = { .handle = handle, .flags = flags };
	int err = drm_call(fd, DRM_IOCTL_I915_GEM_MMAP_OFFSET, &args);

	if (err)
		return err;
	*map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, args.offset);
	return *map == MAP_FAILED ? -errno : 0;
}

/* The shared memory below the object, not the object. */
static inline int _gem_mmap_pages(int fd, __u32 handle, __u64 size, __u32 **map)
{
	struct drm_i915_gem_mmap args = { .handle = handle, .size = size };
	int err = drm_call(fd, DRM_IOCTL_I915_GEM_MMAP, &args);

	*map = (__u32 *)(uintptr_t)args.addr_ptr;
	return err;
}

static inline int _gem_mmap(int fd, __u32 handle, __u64 size, __u32 **map)
{
	int err = _gem_mmap_as(fd, handle, I915_MMAP_OFFSET_WB, size, map);

	return err == -ENODEV ?
	       _gem_mmap_as(fd, handle, I915_MMAP_OFFSET_FIXED, size, map) : err;
}

static inline int _gem_madvise(int fd, __u32 handle, __u32 madv, __u32 *retained)
{
	struct drm_i915_gem_madvise args = { .handle = handle, .madv = madv };
	int err = drm_call(fd, DRM_IOCTL_I915_GEM_MADVISE, &args);

	*retained = args.retained;
	return err;
}

#define test_gem_madvise(handle, madv, retained) \
	test_equal(0, _gem_madvise(self->gpu.fd, handle, madv, retained))

/* Once: -EINTR where a signal came. */
static inline int _gem_set_caching(int fd, __u32 handle, __u32 caching)
{
	struct drm_i915_gem_caching args = { .handle = handle, .caching = caching };

	return ioctl(fd, DRM_IOCTL_I915_GEM_SET_CACHING, &args) ? -errno : 0;
}

#define test_gem_set_caching(handle, caching) \
	test_equal(0, _gem_set_caching(self->gpu.fd, handle, caching))

static inline int _gem_get_caching(int fd, __u32 handle, __u32 *caching)
{
	struct drm_i915_gem_caching args = { .handle = handle };
	int err = drm_call(fd, DRM_IOCTL_I915_GEM_GET_CACHING, &args);

	*caching = args.caching;
	return err;
}

static inline int _gem_busy(int fd, __u32 handle, __u32 *busy)
{
	struct drm_i915_gem_busy args = { .handle = handle };
	int err = drm_call(fd, DRM_IOCTL_I915_GEM_BUSY, &args);

	*busy = args.busy;
	return err;
}

#define test_gem_busy(handle, busy) \
	test_equal(0, _gem_busy(self->gpu.fd, handle, busy))

/* Does not wait: -ETIME where it would have to. */
static inline int _gem_wait(int fd, __u32 handle)
{
	struct drm_i915_gem_wait args = { .bo_handle = handle };

	return drm_call(fd, DRM_IOCTL_I915_GEM_WAIT, &args);
}

#define test_gem_wait(handle) test_equal(0, _gem_wait(self->gpu.fd, handle))

static inline int _gem_pread(int fd, __u32 handle, __u64 offset, __u32 *value)
{
	struct drm_i915_gem_pread args = {
		.handle = handle, .offset = offset, .size = sizeof(*value),
		.data_ptr = to_user(value),
	};

	return drm_call(fd, DRM_IOCTL_I915_GEM_PREAD, &args);
}

static inline int _gem_pwrite(int fd, __u32 handle, __u64 offset, __u32 value)
{
	struct drm_i915_gem_pwrite args = {
		.handle = handle, .offset = offset, .size = sizeof(value),
		.data_ptr = to_user(&value),
	};

	return drm_call(fd, DRM_IOCTL_I915_GEM_PWRITE, &args);
}

/* A discrete GPU has no domains: there is nothing to do, and nobody to do it. */
static inline int _gem_set_domain(int fd, __u32 handle)
{
	struct drm_i915_gem_set_domain args = {
		.handle = handle, .read_domains = I915_GEM_DOMAIN_CPU,
		.write_domain = I915_GEM_DOMAIN_CPU,
	};
	int err = drm_call(fd, DRM_IOCTL_I915_GEM_SET_DOMAIN, &args);

	return err == -ENODEV ? 0 : err;
}

#define test_gem_set_domain(handle) \
	test_equal(0, _gem_set_domain(self->gpu.fd, handle))

/* Contexts */

static inline int _context_create(int fd, __u32 flags, const void *ext,
				  __u32 *ctx)
{
	struct drm_i915_gem_context_create_ext args = {
		.flags = I915_CONTEXT_CREATE_FLAGS_USE_EXTENSIONS | flags,
		.extensions = to_user(ext),
	};
	int err = drm_call(fd, DRM_IOCTL_I915_GEM_CONTEXT_CREATE_EXT, &args);

	if (!err && ctx)
		*ctx = args.ctx_id;
	return err;
}

#define test_context_create(ext, ctx) \
	test_equal(0, _context_create(self->gpu.fd, 0, ext, ctx))
#define test_err_context_create(err, ext) \
	test_equal(-(err), _context_create(self->gpu.fd, 0, ext, NULL))

static inline int _context_destroy(int fd, __u32 ctx)
{
	struct drm_i915_gem_context_destroy args = { .ctx_id = ctx };

	return drm_call(fd, DRM_IOCTL_I915_GEM_CONTEXT_DESTROY, &args);
}

#define test_context_destroy(ctx) \
	test_equal(0, _context_destroy(self->gpu.fd, ctx))

static inline int _context_setparam(int fd, __u32 ctx, __u64 param, __u64 value)
{
	struct drm_i915_gem_context_param args = {
		.ctx_id = ctx, .param = param, .value = value,
	};

	return drm_call(fd, DRM_IOCTL_I915_GEM_CONTEXT_SETPARAM, &args);
}

#define test_context_setparam(ctx, param, value) \
	test_equal(0, _context_setparam(self->gpu.fd, ctx, param, value))
#define test_err_context_setparam(err, ctx, param, value) \
	test_equal(-(err), _context_setparam(self->gpu.fd, ctx, param, value))

static inline int _context_getparam(int fd, __u32 ctx, __u64 param, __u64 *value)
{
	struct drm_i915_gem_context_param args = { .ctx_id = ctx, .param = param };
	int err = drm_call(fd, DRM_IOCTL_I915_GEM_CONTEXT_GETPARAM, &args);

	*value = args.value;
	return err;
}

#define test_context_getparam(ctx, param, value) \
	test_equal(0, _context_getparam(self->gpu.fd, ctx, param, value))

/* Mappings. The default is the fixture's object, whole, at its address. */

static inline int _vm_bind(int fd, const struct drm_i915_gem_vm_bind *args)
{
	struct drm_i915_gem_vm_bind copy = *args;

	return drm_call(fd, DRM_IOCTL_I915_GEM_VM_BIND, &copy);
}

#define __vm_bind(...) \
	_vm_bind(self->gpu.fd, &(struct drm_i915_gem_vm_bind) {		\
			 .vm_id = self->gpu.vm, .handle = self->bo.handle,\
			 .start = self->addr, .length = self->bo.size,	\
			 ##__VA_ARGS__ })
#define test_vm_bind(...) test_equal(0, __vm_bind(__VA_ARGS__))
#define test_err_vm_bind(err, ...) test_equal(-(err), __vm_bind(__VA_ARGS__))

static inline int _vm_unbind(int fd, const struct drm_i915_gem_vm_unbind *args)
{
	struct drm_i915_gem_vm_unbind copy = *args;

	return drm_call(fd, DRM_IOCTL_I915_GEM_VM_UNBIND, &copy);
}

#define __vm_unbind(...) \
	_vm_unbind(self->gpu.fd, &(struct drm_i915_gem_vm_unbind) {	\
			   .vm_id = self->gpu.vm, .start = self->addr,	\
			   .length = self->bo.size, ##__VA_ARGS__ })
#define test_vm_unbind(...) test_equal(0, __vm_unbind(__VA_ARGS__))
#define test_err_vm_unbind(err, ...) test_equal(-(err), __vm_unbind(__VA_ARGS__))

/* Submission. The default is the fixture's batch on engine 0 of its context. */

static inline int _execbuffer3(int fd, const struct drm_i915_gem_execbuffer3 *args)
{
	struct drm_i915_gem_execbuffer3 copy = *args;

	return drm_call(fd, DRM_IOCTL_I915_GEM_EXECBUFFER3, &copy);
}

#define __execbuffer3(...) \
	_execbuffer3(self->gpu.fd, &(struct drm_i915_gem_execbuffer3) {	\
			     .ctx_id = self->gpu.ctx,			\
			     .batch_address = BATCH_ADDRESS, ##__VA_ARGS__ })
#define test_execbuffer3(...) test_equal(0, __execbuffer3(__VA_ARGS__))
#define test_err_execbuffer3(err, ...) \
	test_equal(-(err), __execbuffer3(__VA_ARGS__))

static inline int _execbuffer2(int fd, __u32 ctx, __u32 handle)
{
	struct drm_i915_gem_exec_object2 object = { .handle = handle };
	struct drm_i915_gem_execbuffer2 args = {
		.buffers_ptr = to_user(&object), .buffer_count = 1, .rsvd1 = ctx,
	};

	return drm_call(fd, DRM_IOCTL_I915_GEM_EXECBUFFER2, &args);
}

#define test_execbuffer2(ctx, handle) \
	test_equal(0, _execbuffer2(self->gpu.fd, ctx, handle))
#define test_err_execbuffer2(err, ctx, handle) \
	test_equal(-(err), _execbuffer2(self->gpu.fd, ctx, handle))

/* Synchronisation objects. Value 0 means the binary payload. */

static inline int _syncobj_create(int fd, __u32 *handle)
{
	struct drm_syncobj_create args = { 0 };
	int err = drm_call(fd, DRM_IOCTL_SYNCOBJ_CREATE, &args);

	*handle = args.handle;
	return err;
}

#define test_syncobj_create(handle) \
	test_equal(0, _syncobj_create(self->gpu.fd, handle))

static inline int _syncobj_destroy(int fd, __u32 handle)
{
	struct drm_syncobj_destroy args = { .handle = handle };

	return drm_call(fd, DRM_IOCTL_SYNCOBJ_DESTROY, &args);
}

#define test_syncobj_destroy(handle) \
	test_equal(0, _syncobj_destroy(self->gpu.fd, handle))

static inline int _syncobj_wait(int fd, __u32 handle, __u64 value, int seconds)
{
	struct drm_syncobj_timeline_wait args = {
		.handles = to_user(&handle), .points = to_user(&value),
		.count_handles = 1,
	};
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (seconds)
		args.timeout_nsec = (now.tv_sec + seconds) * 1000000000ll + now.tv_nsec;
	return drm_call(fd, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &args);
}

#define test_syncobj_wait(handle, value) \
	test_equal(0, _syncobj_wait(self->gpu.fd, handle, value, WAIT_SECONDS))
/* ETIME: a fence is there and has not signalled. EINVAL: there is no fence. */
#define test_err_syncobj_wait(err, handle, value) \
	test_equal(-(err), _syncobj_wait(self->gpu.fd, handle, value, 0))

static inline int _syncobj_to_sync_file(int fd, __u32 handle, int *file)
{
	struct drm_syncobj_handle args = {
		.handle = handle,
		.flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE, .fd = -1,
	};
	int err = drm_call(fd, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &args);

	*file = args.fd;
	return err;
}

static inline int _syncobj_query(int fd, __u32 handle, __u64 *value)
{
	struct drm_syncobj_timeline_array args = {
		.handles = to_user(&handle), .points = to_user(value),
		.count_handles = 1,
	};

	return drm_call(fd, DRM_IOCTL_SYNCOBJ_QUERY, &args);
}

/* The last point that has signalled. */
#define test_syncobj_point(handle, expected) do {			\
	__u64 __point = ~0ull;						\
									\
	ASSERT_EQ(0, _syncobj_query(self->gpu.fd, handle, &__point));	\
	ASSERT_EQ((__u64)(expected), __point);				\
} while (0)

#endif
