/* SPDX-License-Identifier: MIT */
/*
 * What the tests of VM_BIND share: the device, a vm_bind VM with a context on
 * it, objects, batches, and a batch that waits until the CPU lets it go.
 *
 * A mapping is proven by what the GPU wrote through it: each address gets a
 * value of its own, and the CPU looks for it in the object.
 */
#ifndef __I915_VM_BIND_UTILS_H
#define __I915_VM_BIND_UTILS_H

#include "i915_vm_bind_device.h"
#include "i915_vm_bind_files.h"
#include "i915_vm_bind_ioctl.h"

#define OBJECT_ADDRESS	0x0000000100000000ull
#define BATCH_ADDRESS	0x0000600000000000ull
#define SPIN_ADDRESS	0x0000610000000000ull
#define ADDRESSES	0x0001000000000000ull	/* that have a canonical form */

/* Commands as in the Programmer's Reference Manual; all addresses are PPGTT's. */
#define MI_NOOP			0u
#define MI_ARB_CHECK		(0x05u << 23)
#define MI_BATCH_BUFFER_END	(0x0au << 23)
#define MI_SEMAPHORE_WAIT	(0x1cu << 23 | 3)
#define   MI_SEMAPHORE_POLL	0x8000u
#define   MI_SEMAPHORE_EQUAL	0x4000u
#define MI_STORE_DATA_IMM	(0x20u << 23 | 2)
#define MI_COPY_MEM_MEM		(0x2eu << 23 | 3)
#define MI_BATCH_BUFFER_START	(0x31u << 23 | 1)
#define   MI_BATCH_PPGTT	0x100u

struct bo {
	__u32 handle;
	__u64 size;
	__u32 *map;
};

struct gpu {
	int fd;
	__u32 vm;
	__u64 end;		/* of the VM's addresses */
	__u32 ctx;
	struct bo batch;	/* bound at BATCH_ADDRESS */
	__u32 timeline;		/* gpu_run() signals its next point */
	__u64 point;
};

/* Addresses */

static inline __u64 canonical(__u64 address)
{
	return (__u64)((__s64)(address << 16) >> 16);
}

static inline __u32 value_at(__u64 address)
{
	return ((address & (ADDRESSES - 1)) * 0x9e3779b97f4a7c15ull >> 32) | 1;
}

/* Device and context */

static inline bool has_vm_bind(int fd)
{
	int version = 0;

	return !_getparam(fd, I915_PARAM_VM_BIND_VERSION, &version) && version > 0;
}

static inline int open_i915(void)
{
	return open_device(has_vm_bind);
}

#define SETPARAM(_param, _value, ...) \
	{ .base.name = I915_CONTEXT_CREATE_EXT_SETPARAM,		\
	  .param = { .param = (_param), .value = (_value), ##__VA_ARGS__ } }

/* The array ends with an empty element. */
static inline const void *
link_all(struct drm_i915_gem_context_create_ext_setparam *ext)
{
	const void *first = ext;

	for (; ext[1].param.param; ext++)
		ext[0].base.next_extension = to_user(&ext[1]);
	return first;
}

/*
 * A context on @vm with a map of @size bytes of engines. Not persistent, so that
 * a batch that a failed test left running dies with its file.
 */
static inline int context_with_map(int fd, __u32 vm, __u32 flags, const void *map,
				   __u32 size, __u32 *ctx)
{
	struct drm_i915_gem_context_create_ext_setparam ext[] = {
		SETPARAM(I915_CONTEXT_PARAM_VM, vm),
		SETPARAM(I915_CONTEXT_PARAM_RECOVERABLE, 0),
		SETPARAM(I915_CONTEXT_PARAM_PERSISTENCE, 0),
		SETPARAM(I915_CONTEXT_PARAM_ENGINES, to_user(map), .size = size),
		{ }
	};

	return _context_create(fd, flags, link_all(ext), ctx);
}

/* The same with one engine. */
static inline int context_on_vm(int fd, __u32 vm, __u16 class, __u16 instance,
				__u32 *ctx)
{
	I915_DEFINE_CONTEXT_PARAM_ENGINES(engines, 1) = {
		.engines = { { class, instance } },
	};

	return context_with_map(fd, vm, 0, &engines, sizeof(engines), ctx);
}

#define test_context_on_vm(vm, class, instance, ctx) \
	test_equal(0, context_on_vm(self->gpu.fd, vm, class, instance, ctx))

/* Objects */

static inline int bo_create(int fd, __u64 size, struct bo *bo)
{
	int err = _gem_create(fd, size, &bo->handle);

	bo->size = size;
	return err ?: _gem_mmap(fd, bo->handle, size, &bo->map);
}

#define test_bo_create(size, bo) test_equal(0, bo_create(self->gpu.fd, size, bo))

/* Neither the CPU nor a handle keeps @bo any more. */
static inline int bo_let_go(int fd, struct bo *bo)
{
	__u32 *map = bo->map;

	bo->map = NULL;
	return munmap(map, bo->size) ? -errno : _gem_close(fd, bo->handle);
}

#define test_let_go(bo) test_equal(0, bo_let_go(self->gpu.fd, bo))

/* Private to @vm: see I915_GEM_CREATE_EXT_VM_PRIVATE. */
static inline int bo_create_private(int fd, __u32 vm, __u64 size, struct bo *bo)
{
	const struct drm_i915_gem_create_ext_vm_private ext = {
		.base.name = I915_GEM_CREATE_EXT_VM_PRIVATE, .vm_id = vm,
	};
	int err = _gem_create_ext(fd, size, &ext, &bo->handle);

	bo->size = size;
	return err ?: _gem_mmap(fd, bo->handle, size, &bo->map);
}

#define test_bo_create_private(size, bo) \
	test_equal(0, bo_create_private(self->gpu.fd, self->gpu.vm, size, bo))

/* How much local memory there is, or 0. */
static inline __u64 local_memory(int fd)
{
	struct drm_i915_query_item item = { .query_id = DRM_I915_QUERY_MEMORY_REGIONS };
	struct drm_i915_query query = { .num_items = 1, .items_ptr = to_user(&item) };
	struct drm_i915_query_memory_regions *regions;
	__u64 size = 0;

	if (drm_call(fd, DRM_IOCTL_I915_QUERY, &query) || item.length <= 0)
		return 0;
	regions = calloc(1, item.length);
	item.data_ptr = to_user(regions);
	if (!drm_call(fd, DRM_IOCTL_I915_QUERY, &query))
		for (__u32 i = 0; i < regions->num_regions; i++)
			if (regions->regions[i].region.memory_class ==
			    I915_MEMORY_CLASS_DEVICE)
				size = regions->regions[i].probed_size;
	free(regions);
	return size;
}

/* In the first @num_places of: local memory, and the system's where that is full. */
static inline int bo_create_placed(struct gpu *gpu, bool private,
				   unsigned int num_places, __u64 size,
				   struct bo *bo)
{
	const struct drm_i915_gem_memory_class_instance places[] = {
		{ I915_MEMORY_CLASS_DEVICE, 0 }, { I915_MEMORY_CLASS_SYSTEM, 0 },
	};
	const struct drm_i915_gem_create_ext_vm_private vm = {
		.base.name = I915_GEM_CREATE_EXT_VM_PRIVATE, .vm_id = gpu->vm,
	};
	const struct drm_i915_gem_create_ext_memory_regions regions = {
		.base.name = I915_GEM_CREATE_EXT_MEMORY_REGIONS,
		.base.next_extension = private ? to_user(&vm) : 0,
		.num_regions = num_places,
		.regions = to_user(places),
	};
	int err = _gem_create_ext(gpu->fd, size, &regions, &bo->handle);

	bo->size = size;
	return err ?: _gem_mmap(gpu->fd, bo->handle, size, &bo->map);
}

/*
 * Takes all memory that nobody is using away from its objects. Does not wait for
 * freed objects: some may be in use as long as a batch runs.
 */
static inline int drop_caches(int drm)
{
	char path[PATH_SIZE];

	/* of unbound and of bound objects */
	return write_file(debugfs_path(drm, "i915_gem_drop_caches", path), "0x23");
}

#define test_drop_caches() test_equal(0, drop_caches(self->gpu.fd))

/* Until whatever was freed so far is at least on its way. */
static inline int wait_for_rcu(int drm)
{
	char path[PATH_SIZE];

	return write_file(debugfs_path(drm, "i915_gem_drop_caches", path), "0x200");
}

static inline int bo_bind(int fd, __u32 vm, const struct bo *bo, __u64 start)
{
	struct drm_i915_gem_vm_bind args = {
		.vm_id = vm, .handle = bo->handle, .start = start,
		.length = bo->size,
	};

	return _vm_bind(fd, &args);
}

/* Commands. Each returns where the next one goes. */

static inline __u32 *emit_store(__u32 *cs, __u64 address, __u32 value)
{
	*cs++ = MI_STORE_DATA_IMM;
	*cs++ = canonical(address);
	*cs++ = canonical(address) >> 32;
	*cs++ = value;
	return cs;
}

static inline __u32 *emit_copy(__u32 *cs, __u64 to, __u64 from)
{
	*cs++ = MI_COPY_MEM_MEM;
	*cs++ = canonical(to);
	*cs++ = canonical(to) >> 32;
	*cs++ = canonical(from);
	*cs++ = canonical(from) >> 32;
	return cs;
}

static inline __u32 *emit_wait_until(__u32 *cs, __u64 address, __u32 value)
{
	*cs++ = MI_SEMAPHORE_WAIT | MI_SEMAPHORE_POLL | MI_SEMAPHORE_EQUAL;
	*cs++ = value;
	*cs++ = canonical(address);
	*cs++ = canonical(address) >> 32;
	*cs++ = 0; /* no wait token */
	return cs;
}

/* The command parser wants whole quadwords. */
static inline void emit_end(__u32 *cs)
{
	*cs++ = MI_BATCH_BUFFER_END;
	*cs = MI_NOOP;
}

/* Jumps to itself, at @address, with no point where it could be preempted. */
static inline void emit_hang(__u32 *cs, __u64 address)
{
	*cs++ = MI_BATCH_BUFFER_START | MI_BATCH_PPGTT;
	*cs++ = canonical(address);
	*cs++ = canonical(address) >> 32;
}

/* Execution */

static inline int execute(int fd, __u32 ctx, __u64 address, __u32 syncobj,
			  __u64 value)
{
	struct drm_i915_gem_timeline_fence out = {
		.handle = syncobj, .flags = I915_TIMELINE_FENCE_SIGNAL,
		.value = value,
	};
	struct drm_i915_gem_execbuffer3 args = {
		.ctx_id = ctx, .batch_address = address,
		.fence_count = 1, .timeline_fences = to_user(&out),
	};

	return _execbuffer3(fd, &args);
}

/* Runs the batch at @address on engine 0 of @ctx, and waits for its end. */
static inline int gpu_run(struct gpu *gpu, __u32 ctx, __u64 address)
{
	int err = execute(gpu->fd, ctx, address, gpu->timeline, gpu->point + 1);

	if (err)
		return err;
	gpu->point++;
	return _syncobj_wait(gpu->fd, gpu->timeline, gpu->point, WAIT_SECONDS);
}

#define test_gpu_run(address) \
	test_equal(0, gpu_run(&self->gpu, self->gpu.ctx, address))

static inline int gpu_store(struct gpu *gpu, __u64 address, __u32 value)
{
	emit_end(emit_store(gpu->batch.map, address, value));
	return gpu_run(gpu, gpu->ctx, BATCH_ADDRESS);
}

/* The GPU writes the value of @address to it. */
#define test_gpu_store(address) do {					\
	const __u64 __to = (address);					\
									\
	ASSERT_EQ(0, gpu_store(&self->gpu, __to, value_at(__to)));	\
} while (0)

#define test_cpu_read(bo, offset, value) \
	test_equal((__u32)(value), (bo)->map[(offset) / 4])

/* The GPU writes at @address, and it arrives at @offset of the object. */
#define test_mapped(address, bo, offset) do {				\
	const __u64 __address = (address);				\
	__u32 *__word = &(bo)->map[(offset) / 4];			\
									\
	*__word = 0;							\
	test_gpu_store(__address);					\
	ASSERT_EQ(value_at(__address), *__word);			\
} while (0)

static inline int gpu_copy(struct gpu *gpu, __u64 to, __u64 from)
{
	emit_end(emit_copy(gpu->batch.map, to, from));
	return gpu_run(gpu, gpu->ctx, BATCH_ADDRESS);
}

#define test_gpu_copy(to, from) test_equal(0, gpu_copy(&self->gpu, to, from))

/* What the GPU finds there, for an object that the CPU does not see. */
#define test_gpu_reads(expected, address) do {				\
	const __u32 __expected = (expected);				\
									\
	self->gpu.batch.map[0x800 / 4] = ~__expected;			\
	test_gpu_copy(BATCH_ADDRESS + 0x800, address);			\
	test_cpu_read(&self->gpu.batch, 0x800, __expected);		\
} while (0)

/* Where no test maps anything. */
#define SCRATCH_ADDRESS	0x0000620000000000ull

/* What is at every address that nothing is mapped at. */
static inline int gpu_read_scratch(struct gpu *gpu, __u32 *word)
{
	const int err = gpu_copy(gpu, BATCH_ADDRESS + 0x800, SCRATCH_ADDRESS);

	*word = gpu->batch.map[0x800 / 4];
	return err;
}

/* @address is mapped, but no memory is there. */
#define test_gpu_reads_scratch(address) do {				\
	__u32 __word;							\
									\
	ASSERT_EQ(0, gpu_read_scratch(&self->gpu, &__word));		\
	test_gpu_reads(__word, address);				\
} while (0)

/*
 * A batch that says that it runs, then waits for the CPU, then runs on with
 * whatever the test has added. Its page holds the commands and both words.
 */
#define SPIN_GO		0x800
#define SPIN_RUNS	0x900

struct spin {
	struct bo bo;
	__u64 address;
	__u32 *cs;	/* where the test may add commands */
	__u32 done;	/* the syncobj of its end, */
	__u64 point;	/* and the point in it, 0: the binary payload */
};

static inline void spin_emit_wait(struct spin *spin)
{
	spin->cs = emit_store(spin->cs, spin->address + SPIN_RUNS, 1);
	spin->cs = emit_wait_until(spin->cs, spin->address + SPIN_GO, 1);
}

static inline int spin_prepare(struct gpu *gpu, struct spin *spin, __u64 address)
{
	int err = bo_create(gpu->fd, PAGE_SIZE, &spin->bo) ?:
		  bo_bind(gpu->fd, gpu->vm, &spin->bo, address) ?:
		  _syncobj_create(gpu->fd, &spin->done);

	if (err)
		return err;
	spin->address = address;
	spin->point = 0;
	spin->cs = spin->bo.map;
	spin_emit_wait(spin);
	return 0;
}

static inline bool spin_runs(const struct spin *spin)
{
	return __atomic_load_n(&spin->bo.map[SPIN_RUNS / 4], __ATOMIC_SEQ_CST);
}

static inline int spin_submit(struct gpu *gpu, struct spin *spin, __u32 ctx)
{
	int err;

	emit_end(spin->cs);
	err = execute(gpu->fd, ctx, spin->address, spin->done, spin->point);
	for (int ms = 0; !err && !spin_runs(spin); ms++) {
		if (ms == WAIT_SECONDS * 1000)
			return -ETIME;
		usleep(1000);
	}
	return err;
}

/* -ETIME: it has not ended. */
static inline int spin_poll(struct gpu *gpu, const struct spin *spin)
{
	return _syncobj_wait(gpu->fd, spin->done, spin->point, 0);
}

static inline int spin_end(struct gpu *gpu, struct spin *spin)
{
	__atomic_store_n(&spin->bo.map[SPIN_GO / 4], 1, __ATOMIC_SEQ_CST);
	return _syncobj_wait(gpu->fd, spin->done, spin->point, WAIT_SECONDS);
}

#define test_spin_prepare(spin) \
	test_equal(0, spin_prepare(&self->gpu, spin, SPIN_ADDRESS))
#define test_spin_submit(spin) \
	test_equal(0, spin_submit(&self->gpu, spin, self->gpu.ctx))
#define test_spin_runs(spin) test_equal(-ETIME, spin_poll(&self->gpu, spin))
#define test_spin_end(spin) test_equal(0, spin_end(&self->gpu, spin))

/* -ENOENT: the device has no such engine. */
static inline int gpu_open(struct gpu *gpu, __u16 class, __u16 instance)
{
	int err;

	gpu->fd = open_i915();
	if (gpu->fd < 0)
		return gpu->fd;
	err = _vm_create(gpu->fd, I915_VM_CREATE_FLAGS_USE_VM_BIND, NULL, &gpu->vm);
	if (err)
		return err;
	err = context_on_vm(gpu->fd, gpu->vm, class, instance, &gpu->ctx);
	if (err)
		return err;
	err = _context_getparam(gpu->fd, gpu->ctx, I915_CONTEXT_PARAM_GTT_SIZE,
				&gpu->end);
	if (err)
		return err;
	err = bo_create(gpu->fd, PAGE_SIZE, &gpu->batch);
	if (err)
		return err;
	err = bo_bind(gpu->fd, gpu->vm, &gpu->batch, BATCH_ADDRESS);
	if (err)
		return err;
	return _syncobj_create(gpu->fd, &gpu->timeline);
}

#define test_gpu_open() \
	test_equal(0, gpu_open(&self->gpu, I915_ENGINE_CLASS_RENDER, 0))

/* Called by main(): without VM_BIND the whole program is skipped. */
static inline void skip_without_vm_bind(void)
{
	const int fd = open_i915();
	const bool suits = fd >= 0 && has_vm_bind(fd);

	if (fd >= 0)
		close(fd);
	if (suits)
		return;
	ksft_print_header();
	ksft_exit_skip(fd == -EACCES ? "the device may not be opened\n" :
		       "no i915 device with VM_BIND\n");
}

/*
 * Whether a test may hang, wedge or reset the GPU, which takes batches from everybody who
 * uses it. Whoever runs the tests has to say so.
 */
static inline bool may_disrupt(void)
{
	const char *allowed = getenv("I915_DISRUPTIVE");

	return allowed && !strcmp(allowed, "1");
}

#define DISRUPTS	"resets the GPU: only with I915_DISRUPTIVE=1"

/* Page frames, debugfs, and most settings. */
static inline bool is_root(void)
{
	return !geteuid();
}

#define NEEDS_ROOT	"needs root"

#endif
