// SPDX-License-Identifier: MIT
/*
 * vm_bind_demo: a GPU address space that user space manages itself.
 *
 * Reads from top to bottom: main() is the story, at the end. Plain ioctls, no
 * library. Prints what it does and compares what the GPU wrote with what the
 * CPU reads.
 *
 * Build: gcc -O2 -Wall -static -I <installed kernel headers> vm_bind_demo.c
 * Exit code: 0 all as expected, 1 a difference, 2 the demo cannot run.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <drm/drm.h>
#include <drm/i915_drm.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define PAGE		4096ull

/* The two GPU commands of the demo, as the Programmer's Reference has them. */
#define MI_STORE_DATA_IMM	(0x20u << 23 | 2) /* address low, high, value */
#define MI_BATCH_BUFFER_END	(0x0au << 23)

struct object {
	const char *name;
	uint32_t handle;
	uint64_t size;
	uint32_t *cpu;
};

struct mapping {
	const struct object *object;
	uint64_t address;
	uint64_t offset;
	uint64_t length;
	const char *note;
};

static int gpu;			/* the render node */
static bool all_as_expected = true;

static void __attribute__((noreturn, format(printf, 1, 2)))
give_up(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

/* A signal may interrupt an ioctl, and then it is simply run again. */
static int gpu_ioctl(unsigned long request, void *arg)
{
	int ret;

	do {
		ret = ioctl(gpu, request, arg);
	} while (ret && (errno == EINTR || errno == EAGAIN));
	return ret;
}

#define must(request, arg) do {						\
	if (gpu_ioctl(request, arg))					\
		give_up("%s: %s", #request, strerror(errno));		\
} while (0)

static const char *yes_or_no(bool yes)
{
	all_as_expected &= yes;
	return yes ? "yes" : "NO";
}

static void open_gpu(void)
{
	char driver[16], path[32];
	int node, version = 0;
	struct drm_i915_getparam ask = {
		.param = I915_PARAM_VM_BIND_VERSION, .value = &version,
	};

	for (node = 128; node < 192; node++) {
		struct drm_version id = {
			.name = driver, .name_len = sizeof(driver) - 1,
		};

		snprintf(path, sizeof(path), "/dev/dri/renderD%d", node);
		gpu = open(path, O_RDWR | O_CLOEXEC);
		if (gpu < 0)
			continue;
		memset(driver, 0, sizeof(driver));
		if (!gpu_ioctl(DRM_IOCTL_VERSION, &id) && !strcmp(driver, "i915"))
			break;
		close(gpu);
	}
	if (node == 192)
		give_up("no render node of i915 in /dev/dri");
	if (gpu_ioctl(DRM_IOCTL_I915_GETPARAM, &ask) || version < 1)
		give_up("%s: this i915 has no VM_BIND", path);
	printf("device    %s, i915 with VM_BIND version %d\n", path, version);
}

static uint32_t create_vm(void)
{
	struct drm_i915_gem_vm_control vm = {
		.flags = I915_VM_CREATE_FLAGS_USE_VM_BIND,
	};

	must(DRM_IOCTL_I915_GEM_VM_CREATE, &vm);
	printf("vm        %u: empty, user space places every mapping\n", vm.vm_id);
	return vm.vm_id;
}

/* A context for a vm_bind VM names its engines and gives up recovery. */
static uint32_t create_context(uint32_t vm)
{
	I915_DEFINE_CONTEXT_PARAM_ENGINES(engines, 1) = {
		.engines = { { I915_ENGINE_CLASS_RENDER, 0 } },
	};
	struct drm_i915_gem_context_create_ext_setparam with_engines = {
		.base.name = I915_CONTEXT_CREATE_EXT_SETPARAM,
		.param = { .param = I915_CONTEXT_PARAM_ENGINES,
			   .size = sizeof(engines), .value = (uintptr_t)&engines },
	};
	struct drm_i915_gem_context_create_ext_setparam not_recoverable = {
		.base.name = I915_CONTEXT_CREATE_EXT_SETPARAM,
		.base.next_extension = (uintptr_t)&with_engines,
		.param = { .param = I915_CONTEXT_PARAM_RECOVERABLE, .value = 0 },
	};
	struct drm_i915_gem_context_create_ext_setparam with_vm = {
		.base.name = I915_CONTEXT_CREATE_EXT_SETPARAM,
		.base.next_extension = (uintptr_t)&not_recoverable,
		.param = { .param = I915_CONTEXT_PARAM_VM, .value = vm },
	};
	struct drm_i915_gem_context_create_ext context = {
		.flags = I915_CONTEXT_CREATE_FLAGS_USE_EXTENSIONS,
		.extensions = (uintptr_t)&with_vm,
	};

	must(DRM_IOCTL_I915_GEM_CONTEXT_CREATE_EXT, &context);
	printf("context   %u: on that vm, not recoverable, engine 0 is rcs0\n",
	       context.ctx_id);
	return context.ctx_id;
}

static struct object create_object(const char *name, uint64_t size)
{
	struct object object = { .name = name, .size = size };
	struct drm_i915_gem_create create = { .size = size };
	struct drm_i915_gem_mmap_offset map = { .flags = I915_MMAP_OFFSET_WB };

	must(DRM_IOCTL_I915_GEM_CREATE, &create);
	object.handle = map.handle = create.handle;
	must(DRM_IOCTL_I915_GEM_MMAP_OFFSET, &map);
	object.cpu = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, gpu,
			  map.offset);
	if (object.cpu == MAP_FAILED)
		give_up("mmap of object %s: %s", name, strerror(errno));
	printf("object    %s: 0x%llx bytes, all zero\n", name,
	       (unsigned long long)size);
	return object;
}

static void bind(uint32_t vm, const struct mapping *m)
{
	struct drm_i915_gem_vm_bind bind = {
		.vm_id = vm, .handle = m->object->handle, .start = m->address,
		.offset = m->offset, .length = m->length,
	};

	must(DRM_IOCTL_I915_GEM_VM_BIND, &bind);
	printf("bind      0x%016llx  %s, 0x%05llx to 0x%05llx: %s\n",
	       (unsigned long long)m->address, m->object->name,
	       (unsigned long long)m->offset,
	       (unsigned long long)(m->offset + m->length - 1), m->note);
}

static void unbind(uint32_t vm, const struct mapping *m)
{
	struct drm_i915_gem_vm_unbind unbind = {
		.vm_id = vm, .start = m->address, .length = m->length,
	};

	must(DRM_IOCTL_I915_GEM_VM_UNBIND, &unbind);
}

/* Every address gets a value of its own, so that no two stores look alike. */
static uint32_t value_for(uint64_t address)
{
	return (uint32_t)((address * 0x9e3779b97f4a7c15ull) >> 32) | 1;
}

/* One word near either end of each mapping, no two of them in the same place. */
static uint64_t word_in(const struct mapping *m, int index, int end)
{
	uint64_t from_end = 16ull * (index + 1);

	return end ? m->length - from_end : from_end - 16;
}

static void write_batch(uint32_t *batch, const struct mapping *maps, int count)
{
	for (int i = 0; i < 2 * count; i++) {
		const struct mapping *m = &maps[i / 2];
		uint64_t address = m->address + word_in(m, i / 2, i % 2);

		*batch++ = MI_STORE_DATA_IMM;
		*batch++ = (uint32_t)address;
		*batch++ = (uint32_t)(address >> 32);
		*batch++ = value_for(address);
	}
	*batch++ = MI_BATCH_BUFFER_END;
	*batch++ = 0;
	printf("batch     %d stores, each to an address, none to a handle\n",
	       2 * count);
}

static uint32_t create_timeline(void)
{
	struct drm_syncobj_create create = { 0 };

	must(DRM_IOCTL_SYNCOBJ_CREATE, &create);
	return create.handle;
}

/* No list of objects, no relocations: a context, an address, and fences. */
static int submit(uint32_t context, uint64_t address, uint32_t timeline,
		  uint64_t point)
{
	struct drm_i915_gem_timeline_fence done = {
		.handle = timeline, .flags = I915_TIMELINE_FENCE_SIGNAL,
		.value = point,
	};
	struct drm_i915_gem_execbuffer3 exec = {
		.ctx_id = context, .engine_idx = 0, .batch_address = address,
		.fence_count = 1, .timeline_fences = (uintptr_t)&done,
	};

	return gpu_ioctl(DRM_IOCTL_I915_GEM_EXECBUFFER3, &exec);
}

static void wait_for_point(uint32_t timeline, uint64_t point)
{
	struct timespec now;
	struct drm_syncobj_timeline_wait wait = {
		.handles = (uintptr_t)&timeline, .points = (uintptr_t)&point,
		.count_handles = 1,
	};

	clock_gettime(CLOCK_MONOTONIC, &now);
	wait.timeout_nsec = (now.tv_sec + 20) * 1000000000ll + now.tv_nsec;
	must(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &wait);
}

static uint64_t last_point(uint32_t timeline)
{
	uint64_t point = 0;
	struct drm_syncobj_timeline_array query = {
		.handles = (uintptr_t)&timeline, .points = (uintptr_t)&point,
		.count_handles = 1,
	};

	must(DRM_IOCTL_SYNCOBJ_QUERY, &query);
	return point;
}

/* Clears each word it has shown: whatever is left was not asked for. */
static void show_table(const struct mapping *maps, int count)
{
	printf("\naddress             object  offset   GPU wrote   CPU read    same\n");
	for (int i = 0; i < 2 * count; i++) {
		const struct mapping *m = &maps[i / 2];
		uint64_t word = word_in(m, i / 2, i % 2);
		uint64_t address = m->address + word;
		uint32_t *cpu = &m->object->cpu[(m->offset + word) / 4];

		printf("0x%016llx  %-6s  0x%05llx  0x%08x  0x%08x  %s\n",
		       (unsigned long long)address, m->object->name,
		       (unsigned long long)(m->offset + word),
		       value_for(address), *cpu,
		       yes_or_no(*cpu == value_for(address)));
		*cpu = 0;
	}
}

static void show_rest(const struct object *object)
{
	uint64_t touched = 0;

	for (uint64_t i = 0; i < object->size / 4; i++)
		touched += object->cpu[i] != 0;
	printf("every other word of %s is still zero: %s\n", object->name,
	       yes_or_no(touched == 0));
}

int main(void)
{
	uint32_t vm, context, timeline;

	setvbuf(stdout, NULL, _IOLBF, 0);
	open_gpu();
	vm = create_vm();
	context = create_context(vm);
	timeline = create_timeline();

	const struct object a = create_object("A", 4 * PAGE);
	const struct object b = create_object("B", 32 * PAGE);
	const struct object code = create_object("batch", PAGE);
	const struct mapping batch = {
		&code, 0x0000000000a00000, 0, PAGE, "the commands",
	};
	const struct mapping maps[] = {
		{ &a, 0x0000000100000000, 0, a.size, "the whole object" },
		{ &a, 0x0000123456780000, 0, a.size, "the same, a second time" },
		{ &b, 0x00007fffe0000000, 8 * PAGE, 3 * PAGE, "a part of it" },
	};

	bind(vm, &batch);
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		bind(vm, &maps[i]);

	write_batch(code.cpu, maps, ARRAY_SIZE(maps));
	if (submit(context, batch.address, timeline, 1))
		give_up("EXECBUFFER3: %s", strerror(errno));
	printf("execute   the batch at 0x%016llx, done at point 1 of timeline %u\n",
	       (unsigned long long)batch.address, timeline);
	wait_for_point(timeline, 1);
	printf("wait      point 1 has come\n");

	show_table(maps, ARRAY_SIZE(maps));
	show_rest(&a);
	show_rest(&b);

	unbind(vm, &batch);
	printf("\nunbind    0x%016llx, and execute there again\n",
	       (unsigned long long)batch.address);
	bool refused = submit(context, batch.address, timeline, 2) && errno == EINVAL;

	printf("refused, as nothing is mapped there: %s\n", yes_or_no(refused));
	printf("the timeline is still at point 1: %s\n",
	       yes_or_no(last_point(timeline) == 1));

	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		unbind(vm, &maps[i]);
	printf("\n%s\n", all_as_expected ? "all as expected" : "NOT as expected");
	return all_as_expected ? 0 : 1;
}
