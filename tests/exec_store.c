// SPDX-License-Identifier: MIT
/*
 * One store by each engine through execbuf2, as any kernel with i915 has it: the proof that the emulated GPU and an
 * unpatched driver work together. Each engine gets a context whose map holds only that engine, and a batch that stores a
 * value of its own at a softpinned address. Prints TAP; the argument is how many engines there must be (5).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <drm/i915_drm.h>

#define MI_STORE_DATA_IMM (0x20u << 23)
#define MI_BATCH_BUFFER_END (0x0au << 23)
#define BATCH_ADDRESS 0x100000ull
#define TARGET_ADDRESS 0x200000ull
#define SECOND_NS 1000000000ll

static int fd = -1;

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

static uint32_t create_object(void)
{
	struct drm_i915_gem_create create = { .size = 4096 };

	must(DRM_IOCTL_I915_GEM_CREATE, &create, "GEM_CREATE");
	return create.handle;
}

static struct drm_i915_query_engine_info *query_engines(void)
{
	struct drm_i915_query_item item = { .query_id = DRM_I915_QUERY_ENGINE_INFO };
	struct drm_i915_query query = { .num_items = 1, .items_ptr = (uintptr_t)&item };
	struct drm_i915_query_engine_info *info;

	must(DRM_IOCTL_I915_QUERY, &query, "QUERY engines, size");
	if (item.length <= 0)
		die("QUERY engines");
	info = calloc(1, item.length);
	if (!info)
		die("calloc");
	item.data_ptr = (uintptr_t)info;
	must(DRM_IOCTL_I915_QUERY, &query, "QUERY engines");
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
	struct drm_i915_gem_pwrite pwrite = {
		.handle = batch, .size = sizeof(commands), .data_ptr = (uintptr_t)commands,
	};
	struct drm_i915_gem_exec_object2 objects[] = {
		{ .handle = target, .offset = TARGET_ADDRESS, .flags = EXEC_OBJECT_PINNED | EXEC_OBJECT_WRITE },
		{ .handle = batch, .offset = BATCH_ADDRESS, .flags = EXEC_OBJECT_PINNED },
	};
	struct drm_i915_gem_execbuffer2 exec = {
		.buffers_ptr = (uintptr_t)objects, .buffer_count = 2, .batch_len = sizeof(commands), .rsvd1 = ctx,
	};

	must(DRM_IOCTL_I915_GEM_PWRITE, &pwrite, "PWRITE");
	must(DRM_IOCTL_I915_GEM_EXECBUFFER2, &exec, "EXECBUFFER2");
}

static int store(struct i915_engine_class_instance engine, uint32_t value)
{
	uint32_t ctx = create_context(engine), target = create_object(), batch = create_object(), seen = 0;
	struct drm_i915_gem_wait wait = { .bo_handle = target, .timeout_ns = 20 * SECOND_NS };
	struct drm_i915_gem_pread pread = {
		.handle = target, .size = sizeof(seen), .data_ptr = (uintptr_t)&seen,
	};

	submit(ctx, target, batch, value);
	if (ioctl(fd, DRM_IOCTL_I915_GEM_WAIT, &wait)) {
		printf("# GEM_WAIT: %s\n", strerror(errno));
		return 0;
	}
	must(DRM_IOCTL_I915_GEM_PREAD, &pread, "PREAD");
	if (seen != value)
		printf("# stored %#x, read %#x\n", value, seen);
	return seen == value;
}

int main(int argc, char **argv)
{
	unsigned int expected = argc > 1 ? strtoul(argv[1], NULL, 0) : 5, passed = 0, i;
	struct drm_i915_query_engine_info *info;

	setvbuf(stdout, NULL, _IOLBF, 0);
	fd = open("/dev/dri/renderD128", O_RDWR);
	if (fd < 0)
		die("/dev/dri/renderD128");
	info = query_engines();
	printf("TAP version 13\n1..%u\n", info->num_engines + 1);
	for (i = 0; i < info->num_engines; i++) {
		struct i915_engine_class_instance engine = info->engines[i].engine;
		int ok = store(engine, 0xc0ffee00 + i);

		passed += ok;
		printf("%sok %u store by engine class %u instance %u\n", ok ? "" : "not ", i + 1,
		       engine.engine_class, engine.engine_instance);
	}
	printf("%sok %u there are %u engines\n", info->num_engines == expected ? "" : "not ", i + 1, expected);
	return !(passed == info->num_engines && info->num_engines == expected);
}
