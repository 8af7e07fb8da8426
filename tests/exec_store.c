// SPDX-License-Identifier: MIT
/*
 * One store by each engine to each kind of memory through execbuf2, as any kernel with i915 has it: the proof that the
 * emulated GPU and an unpatched driver work together. Each engine gets a context whose map holds only that engine, and a
 * batch that stores a value of its own at a softpinned address; batch and target are in the same memory region. The device is
 * I915_DEVICE's, or the first one of i915. Prints
 * TAP; the arguments are how many engines (5) and regions (1) there must be.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <drm/i915_drm.h>
#include "../linux/files/tools/testing/selftests/drivers/gpu/i915/i915_vm_bind_device.h"

#define MI_STORE_DATA_IMM (0x20u << 23)
#define MI_BATCH_BUFFER_END (0x0au << 23)
#define BATCH_ADDRESS 0x100000ull
#define TARGET_ADDRESS 0x200000ull
#define SECOND_NS 1000000000ll
#define OBJECT_BYTES 65536	/* what any region can give */

static int fd = -1;
static uint64_t mmap_flags = I915_MMAP_OFFSET_WB;

static void die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static void must(unsigned long request, void *arg, const char *what)
{
	int ret;

	do
		ret = ioctl(fd, request, arg);
	while (ret && (errno == EINTR || errno == EAGAIN));
	if (ret)
		die(what);
}

static uint32_t create_object(struct drm_i915_gem_memory_class_instance region)
{
	struct drm_i915_gem_create_ext_memory_regions regions = {
		.base.name = I915_GEM_CREATE_EXT_MEMORY_REGIONS,
		.num_regions = 1,
		.regions = (uintptr_t)&region,
	};
	struct drm_i915_gem_create_ext create = { .size = OBJECT_BYTES, .extensions = (uintptr_t)&regions };

	must(DRM_IOCTL_I915_GEM_CREATE_EXT, &create, "GEM_CREATE_EXT");
	return create.handle;
}

static volatile uint32_t *map_object(uint32_t handle)
{
	struct drm_i915_gem_mmap_offset offset = { .handle = handle, .flags = mmap_flags };
	void *map;

	must(DRM_IOCTL_I915_GEM_MMAP_OFFSET, &offset, "MMAP_OFFSET");
	map = mmap(NULL, OBJECT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset.offset);
	if (map == MAP_FAILED)
		die("mmap");
	return map;
}

static void *query_info(uint64_t id, const char *what)
{
	struct drm_i915_query_item item = { .query_id = id };
	struct drm_i915_query query = { .num_items = 1, .items_ptr = (uintptr_t)&item };
	void *info;

	must(DRM_IOCTL_I915_QUERY, &query, what);
	if (item.length <= 0)
		die(what);
	info = calloc(1, item.length);
	if (!info)
		die("calloc");
	item.data_ptr = (uintptr_t)info;
	must(DRM_IOCTL_I915_QUERY, &query, what);
	return info;
}

static uint32_t create_context(struct i915_engine_class_instance engine)
{
	I915_DEFINE_CONTEXT_PARAM_ENGINES(map, 1) = { .engines = { engine } };
	struct drm_i915_gem_context_create_ext_setparam setparam = {
		.base.name = I915_CONTEXT_CREATE_EXT_SETPARAM,
		.param = { .param = I915_CONTEXT_PARAM_ENGINES, .size = sizeof(map), .value = (uintptr_t)&map },
	};
	struct drm_i915_gem_context_create_ext create = {
		.flags = I915_CONTEXT_CREATE_FLAGS_USE_EXTENSIONS,
		.extensions = (uintptr_t)&setparam,
	};

	must(DRM_IOCTL_I915_GEM_CONTEXT_CREATE_EXT, &create, "CONTEXT_CREATE_EXT");
	return create.ctx_id;
}

static void submit(uint32_t ctx, uint32_t target, uint32_t batch, uint32_t value)
{
	const uint32_t commands[] = {
		MI_STORE_DATA_IMM | 2, (uint32_t)TARGET_ADDRESS, (uint32_t)(TARGET_ADDRESS >> 32), value,
		MI_BATCH_BUFFER_END, 0,
	};
	struct drm_i915_gem_exec_object2 objects[] = {
		{ .handle = target, .offset = TARGET_ADDRESS, .flags = EXEC_OBJECT_PINNED | EXEC_OBJECT_WRITE },
		{ .handle = batch, .offset = BATCH_ADDRESS, .flags = EXEC_OBJECT_PINNED },
	};
	struct drm_i915_gem_execbuffer2 exec = {
		.buffers_ptr = (uintptr_t)objects, .buffer_count = 2, .batch_len = sizeof(commands), .rsvd1 = ctx,
	};
	volatile uint32_t *map = map_object(batch);
	unsigned int i;

	for (i = 0; i < sizeof(commands) / 4; i++)
		map[i] = commands[i];
	must(DRM_IOCTL_I915_GEM_EXECBUFFER2, &exec, "EXECBUFFER2");
}

static int store(struct i915_engine_class_instance engine, struct drm_i915_gem_memory_class_instance region,
		 uint32_t value)
{
	uint32_t ctx = create_context(engine), target = create_object(region), batch = create_object(region), seen;
	struct drm_i915_gem_wait wait = { .bo_handle = target, .timeout_ns = 20 * SECOND_NS };
	volatile uint32_t *map = map_object(target);

	submit(ctx, target, batch, value);
	if (ioctl(fd, DRM_IOCTL_I915_GEM_WAIT, &wait)) {
		printf("# GEM_WAIT: %s\n", strerror(errno));
		return 0;
	}
	seen = map[0];
	if (seen != value)
		printf("# stored %#x, read %#x\n", value, seen);
	return seen == value;
}

static int check(unsigned int *points, int ok, const char *format, ...)
{
	va_list args;

	printf("%sok %u ", ok ? "" : "not ", ++*points);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	return ok;
}

int main(int argc, char **argv)
{
	unsigned int engines_wanted = argc > 1 ? strtoul(argv[1], NULL, 0) : 5;
	unsigned int regions_wanted = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	struct drm_i915_query_memory_regions *regions;
	struct drm_i915_query_engine_info *engines;
	unsigned int points = 0, r, e;
	int ok = 1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	fd = open_device(NULL);
	if (fd < 0)
		die("no i915 device");
	engines = query_info(DRM_I915_QUERY_ENGINE_INFO, "QUERY engines");
	regions = query_info(DRM_I915_QUERY_MEMORY_REGIONS, "QUERY regions");
	/* With local memory the kernel chooses how an object is mapped. */
	for (r = 0; r < regions->num_regions; r++)
		if (regions->regions[r].region.memory_class == I915_MEMORY_CLASS_DEVICE)
			mmap_flags = I915_MMAP_OFFSET_FIXED;

	printf("TAP version 13\n1..%u\n", engines->num_engines * regions->num_regions + 2);
	for (r = 0; r < regions->num_regions; r++) {
		for (e = 0; e < engines->num_engines; e++) {
			struct drm_i915_gem_memory_class_instance region = regions->regions[r].region;
			struct i915_engine_class_instance engine = engines->engines[e].engine;

			ok &= check(&points, store(engine, region, 0xc0ffee00 + 16 * r + e),
				    "store by engine class %u instance %u to %s memory", engine.engine_class,
				    engine.engine_instance,
				    region.memory_class == I915_MEMORY_CLASS_DEVICE ? "local" : "system");
		}
	}
	ok &= check(&points, engines->num_engines == engines_wanted, "there are %u engines", engines_wanted);
	ok &= check(&points, regions->num_regions == regions_wanted, "there are %u memory regions", regions_wanted);
	return !ok;
}
