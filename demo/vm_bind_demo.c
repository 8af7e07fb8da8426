// SPDX-License-Identifier: MIT
/*
 * vm_bind_demo: a GPU address space that user space manages itself.
 *
 * Plain ioctls, no library. Prints what it does, then compares what the GPU
 * wrote with what the CPU reads. Read main() first, at the end.
 *
 * Build: gcc -O2 -Wall -static -isystem <installed kernel headers> vm_bind_demo.c
 * Exit code: 0 all as expected, 1 a difference, 2 the demo cannot run.
 */
#include <errno.h>
#include <fcntl.h>
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

#define PAGE		4096ull
#define MAPPINGS	3

/* The two GPU commands of the demo, as the Programmer's Reference has them. */
#define MI_STORE_DATA_IMM	(0x20u << 23 | 2) /* address low, high, value */
#define MI_BATCH_BUFFER_END	(0x0au << 23)

struct object {
	const char *name;
	__u32 handle;
	__u64 size;
	__u32 *cpu;
};

struct mapping {
	const struct object *object;
	__u64 address, offset, length;
	const char *note;
};

static int gpu;			/* the render node */
static bool all_as_expected = true;

/* A signal may interrupt an ioctl, and then it is simply run again. */
static int gpu_ioctl(unsigned long request, void *arg)
{
	int ret;

	do {
		ret = ioctl(gpu, request, arg);
	} while (ret && (errno == EINTR || errno == EAGAIN));
	return ret;
}

static void must(const char *what, unsigned long request, void *arg)
{
	if (gpu_ioctl(request, arg)) {
		perror(what);
		exit(2);
	}
}

static const char *yes_or_no(bool yes)
{
	all_as_expected &= yes;
	return yes ? "yes" : "NO";
}

static void open_gpu(void)
{
	int version = 0;
	struct drm_i915_getparam ask = {
		.param = I915_PARAM_VM_BIND_VERSION, .value = &version,
	};

	for (int node = 128; node < 192; node++) {
		char path[32], driver[16] = "";
		struct drm_version id = {
			.name = driver, .name_len = sizeof(driver) - 1,
		};

		snprintf(path, sizeof(path), "/dev/dri/renderD%d", node);
		gpu = open(path, O_RDWR | O_CLOEXEC);
		if (gpu < 0)
			continue;
		if (!gpu_ioctl(DRM_IOCTL_VERSION, &id) && !strcmp(driver, "i915") &&
		    !gpu_ioctl(DRM_IOCTL_I915_GETPARAM, &ask) && version > 0) {
			printf("device    %s, i915 with VM_BIND version %d\n",
			       path, version);
			return;
		}
		close(gpu);
	}
	fprintf(stderr, "no device in /dev/dri whose i915 has VM_BIND\n");
	exit(2);
}

static __u32 create_vm(void)
{
	struct drm_i915_gem_vm_control vm = {
		.flags = I915_VM_CREATE_FLAGS_USE_VM_BIND,
	};

	must("VM_CREATE", DRM_IOCTL_I915_GEM_VM_CREATE, &vm);
	printf("vm        %u: empty, user space places every mapping\n", vm.vm_id);
	return vm.vm_id;
}

/* A context for a vm_bind VM names its engines and gives up recovery. */
static __u32 create_context(__u32 vm)
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

	must("CONTEXT_CREATE", DRM_IOCTL_I915_GEM_CONTEXT_CREATE_EXT, &context);
	printf("context   %u: on that vm, not recoverable, engine 0 is rcs0\n",
	       context.ctx_id);
	return context.ctx_id;
}

static struct object create_object(const char *name, __u64 size)
{
	struct object object = { .name = name, .size = size };
	struct drm_i915_gem_create create = { .size = size };
	struct drm_i915_gem_mmap_offset map = { .flags = I915_MMAP_OFFSET_WB };

	must("GEM_CREATE", DRM_IOCTL_I915_GEM_CREATE, &create);
	object.handle = map.handle = create.handle;
	must("GEM_MMAP_OFFSET", DRM_IOCTL_I915_GEM_MMAP_OFFSET, &map);
	object.cpu = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, gpu,
			  map.offset);
	if (object.cpu == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	printf("object    %s: 0x%05llx bytes, all zero\n", name, size);
	return object;
}

static void bind(__u32 vm, const struct mapping *m)
{
	struct drm_i915_gem_vm_bind bind = {
		.vm_id = vm, .handle = m->object->handle, .start = m->address,
		.offset = m->offset, .length = m->length,
	};

	must("VM_BIND", DRM_IOCTL_I915_GEM_VM_BIND, &bind);
	printf("bind      0x%016llx  %s from 0x%05llx, 0x%05llx bytes: %s\n",
	       m->address, m->object->name, m->offset, m->length, m->note);
}

static void unbind(__u32 vm, const struct mapping *m)
{
	struct drm_i915_gem_vm_unbind unbind = {
		.vm_id = vm, .start = m->address, .length = m->length,
	};

	must("VM_UNBIND", DRM_IOCTL_I915_GEM_VM_UNBIND, &unbind);
}

/* Every address gets a value of its own, so that no two stores look alike. */
static __u32 value_for(__u64 address)
{
	return (address * 0x9e3779b97f4a7c15ull >> 32) | 1;
}

/* The words written: two a mapping, and none twice in one object. */
static __u64 word_in(const struct mapping *maps, int i)
{
	__u64 from_edge = 16ull * (i / 2);

	return i % 2 ? maps[i / 2].length - from_edge - 4 : from_edge;
}

static void write_batch(__u32 *batch, const struct mapping *maps)
{
	for (int i = 0; i < 2 * MAPPINGS; i++) {
		__u64 address = maps[i / 2].address + word_in(maps, i);

		*batch++ = MI_STORE_DATA_IMM;
		*batch++ = address;
		*batch++ = address >> 32;
		*batch++ = value_for(address);
	}
	*batch++ = MI_BATCH_BUFFER_END;
	printf("batch     %d stores by the GPU, each to an address\n", 2 * MAPPINGS);
}

/* No list of objects, no relocations: a context, an address, and fences. */
static int execute(__u32 context, __u64 address, __u32 timeline, __u64 point)
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

static void wait_for_point(__u32 timeline, __u64 point)
{
	struct timespec now;
	struct drm_syncobj_timeline_wait wait = {
		.handles = (uintptr_t)&timeline, .points = (uintptr_t)&point,
		.count_handles = 1,
	};

	clock_gettime(CLOCK_MONOTONIC, &now);
	wait.timeout_nsec = (now.tv_sec + 20) * 1000000000ll + now.tv_nsec;
	must("TIMELINE_WAIT", DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &wait);
	printf("wait      point %llu has come\n", point);
}

/* Clears what it has shown: what is left then was not asked for. */
static void show_table(const struct mapping *maps)
{
	printf("\naddress             object  offset   GPU wrote   CPU read    same\n");
	for (int i = 0; i < 2 * MAPPINGS; i++) {
		const struct mapping *m = &maps[i / 2];
		__u64 address = m->address + word_in(maps, i);
		__u64 offset = m->offset + word_in(maps, i);
		__u32 *cpu = &m->object->cpu[offset / 4];

		printf("0x%016llx  %-6s  0x%05llx  0x%08x  0x%08x  %s\n",
		       address, m->object->name, offset, value_for(address), *cpu,
		       yes_or_no(*cpu == value_for(address)));
		*cpu = 0;
	}
}

static void show_rest(const struct object *object)
{
	bool zero = true;

	for (__u64 i = 0; i < object->size / 4; i++)
		zero &= object->cpu[i] == 0;
	printf("every other word of %s is still zero: %s\n", object->name,
	       yes_or_no(zero));
}

int main(void)
{
	struct drm_syncobj_create timeline = { 0 };

	setvbuf(stdout, NULL, _IOLBF, 0);
	open_gpu();
	const __u32 vm = create_vm();
	const __u32 context = create_context(vm);

	must("SYNCOBJ_CREATE", DRM_IOCTL_SYNCOBJ_CREATE, &timeline);

	const struct object a = create_object("A", 4 * PAGE);
	const struct object b = create_object("B", 32 * PAGE);
	const struct object commands = create_object("C", PAGE);
	const struct mapping maps[MAPPINGS] = {
		{ &a, 0x0000000100000000, 0, a.size, "all of it" },
		{ &a, 0x0000123456780000, 0, a.size, "all of it, a second time" },
		{ &b, 0x00007fffe0000000, 8 * PAGE, 3 * PAGE, "a part of it" },
	};
	const struct mapping batch = {
		&commands, 0x0000000000a00000, 0, PAGE, "the batch",
	};

	for (int i = 0; i < MAPPINGS; i++)
		bind(vm, &maps[i]);
	bind(vm, &batch);

	write_batch(commands.cpu, maps);
	if (execute(context, batch.address, timeline.handle, 1)) {
		perror("EXECBUFFER3");
		return 2;
	}
	printf("execute   at 0x%016llx, signals point 1\n", batch.address);
	wait_for_point(timeline.handle, 1);
	show_table(maps);
	show_rest(&a);
	show_rest(&b);

	unbind(vm, &batch);
	printf("\nunbind    0x%016llx\n", batch.address);
	bool refused = execute(context, batch.address, timeline.handle, 2) &&
		       errno == EINVAL;

	printf("execute   there once more: refused with EINVAL: %s\n",
	       yes_or_no(refused));
	for (int i = 0; i < MAPPINGS; i++)
		unbind(vm, &maps[i]);
	printf("\n%s\n", all_as_expected ? "all as expected" : "NOT as expected");
	return all_as_expected ? 0 : 1;
}
