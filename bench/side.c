// SPDX-License-Identifier: MIT
/*
 * One side of a comparison: a context and its address space, and how objects
 * and batches get there.
 *
 * What is counted is submitted while a batch ahead of it in the same context
 * waits at a gate, and a batch of another context takes the second port of the
 * engine: the driver has nothing to tell the GPU, the GPU goes nowhere, and no
 * interrupt, tasklet or worker comes between. The gate is a loop of jumps, as a
 * batch that waits for a semaphore yields to what is submitted after it.
 */
#include "bench.h"

#define GATE_ADDRESS	0x0000610000000000ull
#define GATE_LOOP	0x800		/* offsets in the gate's page */
#define GATE_REACHED	0x900

static const char * const names[KINDS] = {
	[EXECBUF2] = "execbuf2",
	[SHARED] = "shared",
	[PRIVATE] = "private",
};

static bool is_vm_bind(const struct side *side)
{
	return side->kind != EXECBUF2;
}

static int create_private(__u64 size, __u32 vm, __u32 *handle)
{
	const struct drm_i915_gem_create_ext_vm_private ext = {
		.base.name = I915_GEM_CREATE_EXT_VM_PRIVATE, .vm_id = vm,
	};

	return _gem_create_ext(gpu, size, &ext, handle);
}

static int create_userptr(__u64 size, __u32 *handle)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return -errno;
	return _gem_userptr(gpu, memory, size, handle);
}

__u32 object_create_empty(const struct side *side, __u64 size)
{
	__u32 handle = 0;

	if (side->userptr)
		must(create_userptr(size, &handle));
	else if (side->kind == PRIVATE)
		must(create_private(size, side->vm, &handle));
	else
		must(_gem_create(gpu, size, &handle));
	return handle;
}

/* With its pages */
__u32 object_create(const struct side *side, __u64 size)
{
	__u32 handle = object_create_empty(side, size);

	must(_gem_set_domain(gpu, handle));
	return handle;
}

int object_bind_part(const struct side *side, __u32 handle, __u64 address,
		     __u64 offset, __u64 size)
{
	struct drm_i915_gem_vm_bind args = {
		.vm_id = side->vm, .handle = handle, .start = address,
		.offset = offset, .length = size,
	};

	return drm_call(gpu, DRM_IOCTL_I915_GEM_VM_BIND, &args);
}

int object_bind(const struct side *side, __u32 handle, __u64 address,
		__u64 size)
{
	return object_bind_part(side, handle, address, 0, size);
}

/* Done when @point of @timeline is signalled */
int object_bind_async(const struct side *side, __u32 handle, __u64 address,
		      __u64 size, __u32 timeline, __u64 point)
{
	struct drm_i915_gem_vm_bind args = {
		.vm_id = side->vm, .handle = handle, .start = address,
		.length = size,
		.fence.handle = timeline,
		.fence.flags = I915_TIMELINE_FENCE_SIGNAL,
		.fence.value = point,
	};

	return drm_call(gpu, DRM_IOCTL_I915_GEM_VM_BIND, &args);
}

int object_unbind(const struct side *side, __u64 address, __u64 size)
{
	struct drm_i915_gem_vm_unbind args = {
		.vm_id = side->vm, .start = address, .length = size,
	};

	return drm_call(gpu, DRM_IOCTL_I915_GEM_VM_UNBIND, &args);
}

int object_unbind_async(const struct side *side, __u64 address, __u64 size,
			__u32 timeline, __u64 point)
{
	struct drm_i915_gem_vm_unbind args = {
		.vm_id = side->vm, .start = address, .length = size,
		.fence.handle = timeline,
		.fence.flags = I915_TIMELINE_FENCE_SIGNAL,
		.fence.value = point,
	};

	return drm_call(gpu, DRM_IOCTL_I915_GEM_VM_UNBIND, &args);
}

static void map_object(const struct side *side, struct bo *bo)
{
	bo->size = PAGE_SIZE;
	bo->handle = object_create(side, bo->size);
	must(_gem_mmap(gpu, bo->handle, bo->size, &bo->map));
}

static __u32 *emit_jump(__u32 *cs, __u64 address)
{
	*cs++ = MI_BATCH_BUFFER_START | MI_BATCH_PPGTT;
	*cs++ = canonical(address);
	*cs++ = canonical(address) >> 32;
	return cs;
}

/* Runs in circles, with its first command in gate_close()'s hands. */
static void write_gate(__u32 *map)
{
	__u32 *cs = emit_store(map, GATE_ADDRESS + GATE_REACHED, 1);

	emit_jump(cs, GATE_ADDRESS + GATE_LOOP);
	cs = &map[GATE_LOOP / sizeof(__u32)];
	*cs++ = MI_ARB_CHECK;
	emit_jump(cs, GATE_ADDRESS + GATE_LOOP);
}

void side_open_on(struct side *side, enum kind kind, __u16 class)
{
	const __u32 flags = kind == EXECBUF2 ? 0 : I915_VM_CREATE_FLAGS_USE_VM_BIND;

	*side = (struct side) { .kind = kind, .name = names[kind] };
	must(_vm_create(gpu, flags, NULL, &side->vm));
	must(context_on_vm(gpu, side->vm, class, 0, &side->ctx));
	must(context_on_vm(gpu, side->vm, class, 0, &side->second_ctx));

	map_object(side, &side->batch);
	emit_end(side->batch.map);

	map_object(side, &side->gate);
	write_gate(side->gate.map);
	must(_syncobj_create(gpu, &side->done));

	if (is_vm_bind(side)) {
		must(object_bind(side, side->batch.handle, BATCH_ADDRESS, PAGE_SIZE));
		must(object_bind(side, side->gate.handle, GATE_ADDRESS, PAGE_SIZE));
	}
}

void side_open(struct side *side, enum kind kind)
{
	side_open_on(side, kind, I915_ENGINE_CLASS_RENDER);
}

static void unmap_object(struct bo *bo)
{
	munmap(bo->map, bo->size);
	must(_gem_close(gpu, bo->handle));
}

void side_close(struct side *side)
{
	must(_context_destroy(gpu, side->ctx));
	must(_context_destroy(gpu, side->second_ctx));
	must(_vm_destroy(gpu, side->vm));
	must(_syncobj_destroy(gpu, side->done));
	unmap_object(&side->batch);
	unmap_object(&side->gate);
	retire();
	settle();
}

void submission_init(const struct side *side, struct submission *sub,
		     unsigned int max_objects)
{
	memset(sub, 0, sizeof(*sub));
	if (is_vm_bind(side)) {
		sub->request = DRM_IOCTL_I915_GEM_EXECBUFFER3;
		sub->eb3.ctx_id = side->ctx;
		sub->eb3.batch_address = BATCH_ADDRESS;
		return;
	}

	sub->request = DRM_IOCTL_I915_GEM_EXECBUFFER2;
	sub->objects = calloc(max_objects + 1, sizeof(*sub->objects));
	if (!sub->objects)
		die("out of memory");
	sub->eb2.buffers_ptr = to_user(sub->objects);
	sub->eb2.flags = I915_EXEC_NO_RELOC | I915_EXEC_HANDLE_LUT |
			 I915_EXEC_BATCH_FIRST;
	sub->eb2.rsvd1 = side->ctx;
	submission_add(sub, side->batch.handle, BATCH_ADDRESS, EXEC_OBJECT_ASYNC);
}

/* Without effect where objects need not be told. */
void submission_add(struct submission *sub, __u32 handle, __u64 address,
		    __u64 flags)
{
	if (!sub->objects)
		return;
	sub->objects[sub->eb2.buffer_count++] = (struct drm_i915_gem_exec_object2) {
		.handle = handle, .offset = canonical(address),
		.flags = EXEC_OBJECT_PINNED | EXEC_OBJECT_SUPPORTS_48B_ADDRESS |
			 flags,
	};
}

void submission_fini(struct submission *sub)
{
	free(sub->objects);
}

/* Runs one of the side's own batches, and signals done by it. */
static int run(const struct side *side, __u32 ctx, const struct bo *bo,
	       __u64 address)
{
	struct drm_i915_gem_exec_fence out = {
		.handle = side->done, .flags = I915_EXEC_FENCE_SIGNAL,
	};
	struct submission sub;
	int err;

	if (is_vm_bind(side))
		return execute(gpu, ctx, address, side->done, 0);

	submission_init(side, &sub, 0);
	sub.objects[0].handle = bo->handle;
	sub.objects[0].offset = canonical(address);
	sub.eb2.rsvd1 = ctx;
	sub.eb2.flags |= I915_EXEC_FENCE_ARRAY;
	sub.eb2.cliprects_ptr = to_user(&out);
	sub.eb2.num_cliprects = 1;
	err = submit(&sub);
	submission_fini(&sub);
	return err;
}

static __u32 *gate_word(const struct side *side, unsigned int offset)
{
	return &side->gate.map[offset / sizeof(__u32)];
}

static __u32 read_word(const __u32 *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static void write_word(__u32 *word, __u32 value)
{
	__atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

/* From here on the GPU goes nowhere, until gate_open(). */
void gate_close(struct side *side)
{
	write_word(gate_word(side, GATE_LOOP), MI_ARB_CHECK);
	write_word(gate_word(side, GATE_REACHED), 0);
	must(run(side, side->ctx, &side->gate, GATE_ADDRESS));
	for (int ms = 0; !read_word(gate_word(side, GATE_REACHED)); ms++) {
		if (ms == WAIT_SECONDS * 1000)
			die("the GPU does not come to the gate");
		usleep(1000);
	}
	must(run(side, side->second_ctx, &side->batch, BATCH_ADDRESS));
	usleep(1000);	/* until the engine has taken it */
}

/* Waits until all that was submitted has run. */
void gate_open(struct side *side)
{
	write_word(gate_word(side, GATE_LOOP), MI_BATCH_BUFFER_END);
	must(run(side, side->ctx, &side->batch, BATCH_ADDRESS));
	must(_syncobj_wait(gpu, side->done, 0, WAIT_SECONDS));
	retire();
}

/* Of one ioctl, as the first behind the gate */
__u64 gated_submit(struct side *side, struct submission *sub)
{
	__u64 count;

	gate_close(side);
	count = counted(submit(sub));
	gate_open(side);
	return count;
}

/* Of one ioctl, with everything it needs bound and resident */
__u64 submission_cost(struct side *side, struct submission *sub,
		      unsigned int samples)
{
	struct samples s = { 0 };

	must(submit(sub)); /* binds, where execbuf2 has not yet */
	while (s.n < samples) {
		gate_close(side);
		for (unsigned int i = 0; i < GATED_REQUESTS; i++)
			sample(&s, counted(submit(sub)));
		gate_open(side);
	}
	return median(&s);
}
