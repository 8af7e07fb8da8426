// SPDX-License-Identifier: MIT
/*
 * Suspends the machine, or resets the GPU, over and over, while each engine executes batches through execbuf2, and looks
 * that nothing is lost: each batch's fence ends without an error, and what the batch stored is there. Only the batch that
 * a reset is meant for, one that never ends, has an error.
 *
 *   soak sleep|suspend|engine|full ROUNDS
 *
 *   sleep    S3: the machine is off but for its memory, and woken by its clock; the GPU starts anew
 *   suspend  all devices are suspended and resumed (pm_test, of a kernel with CONFIG_PM_DEBUG)
 *   engine   an engine that hangs is reset alone, each in turn
 *   full     the whole GPU is reset because of it
 *
 * The device is I915_DEVICE's, or the first one of i915. Settings are put back at the end. Prints TAP, a point a round, and the
 * counts as a comment at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <drm/i915_drm.h>
#include <linux/sync_file.h>
#include "../linux/files/tools/testing/selftests/drivers/gpu/i915/i915_vm_bind_device.h"
#include "../linux/files/tools/testing/selftests/drivers/gpu/i915/i915_vm_bind_files.h"

#define MI_BATCH_BUFFER_END (0x0au << 23)
#define MI_STORE_DATA_IMM (0x20u << 23 | 2)
#define MI_BATCH_BUFFER_START (0x31u << 23 | 1u << 8 | 1)
#define SLOTS 4			/* batches of an engine at a time */
#define STORES 1000		/* of a batch: half a millisecond, or more */
#define TARGET_BYTES 4096
#define BATCH_BYTES 16384
#define WAIT_MS 30000

struct slot {
	uint32_t target, batch;		/* objects */
	uint32_t *map, *commands;
	uint64_t address;		/* of the target; the batch follows */
	uint32_t seed;
	int fence;
};

struct engine {
	struct i915_engine_class_instance id;
	uint32_t ctx;
	unsigned int index;
	struct slot slots[SLOTS];
	pthread_t thread;
	atomic_ulong batches;		/* that ended as they should */
};

static int fd = -1;
static atomic_bool stop;
static atomic_ulong lost, wrong;
static unsigned int points;

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

static void must_write(const char *path, const char *text)
{
	if (write_file(path, text))
		die(path);
}

/* Until the program ends, however it does. */
static void must_change(const char *path, const char *value)
{
	if (change_setting(path, value))
		die(path);
}

static void put_settings_back(void)
{
	restore_settings();
}

static void *create_object(uint32_t bytes, uint32_t *handle)
{
	struct drm_i915_gem_create create = { .size = bytes };
	struct drm_i915_gem_mmap_offset offset = { .flags = I915_MMAP_OFFSET_WB };
	void *map;

	must(DRM_IOCTL_I915_GEM_CREATE, &create, "GEM_CREATE");
	*handle = offset.handle = create.handle;
	must(DRM_IOCTL_I915_GEM_MMAP_OFFSET, &offset, "MMAP_OFFSET");
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset.offset);
	if (map == MAP_FAILED)
		die("mmap");
	return map;
}

/* Of one engine. Hangs of others' batches must not ban it, nor its own, as it hangs by intent. */
static uint32_t create_context(struct i915_engine_class_instance engine)
{
	I915_DEFINE_CONTEXT_PARAM_ENGINES(map, 1) = { .engines = { engine } };
	struct drm_i915_gem_context_create_ext_setparam bannable = {
		.base.name = I915_CONTEXT_CREATE_EXT_SETPARAM,
		.param = { .param = I915_CONTEXT_PARAM_BANNABLE },
	};
	struct drm_i915_gem_context_create_ext_setparam engines = {
		.base = { .name = I915_CONTEXT_CREATE_EXT_SETPARAM, .next_extension = (uintptr_t)&bannable },
		.param = { .param = I915_CONTEXT_PARAM_ENGINES, .size = sizeof(map), .value = (uintptr_t)&map },
	};
	struct drm_i915_gem_context_create_ext create = {
		.flags = I915_CONTEXT_CREATE_FLAGS_USE_EXTENSIONS, .extensions = (uintptr_t)&engines,
	};

	must(DRM_IOCTL_I915_GEM_CONTEXT_CREATE_EXT, &create, "CONTEXT_CREATE_EXT");
	return create.ctx_id;
}

/* Executes the batch of a slot; its fence tells of the end. */
static void submit(uint32_t ctx, struct slot *slot, uint32_t bytes)
{
	struct drm_i915_gem_exec_object2 objects[] = {
		{ .handle = slot->target, .offset = slot->address, .flags = EXEC_OBJECT_PINNED | EXEC_OBJECT_WRITE },
		{ .handle = slot->batch, .offset = slot->address + TARGET_BYTES, .flags = EXEC_OBJECT_PINNED },
	};
	struct drm_i915_gem_execbuffer2 exec = {
		.buffers_ptr = (uintptr_t)objects, .buffer_count = 2, .batch_len = bytes, .rsvd1 = ctx,
		.flags = I915_EXEC_FENCE_OUT,
	};

	must(DRM_IOCTL_I915_GEM_EXECBUFFER2_WR, &exec, "EXECBUFFER2_WR");
	slot->fence = exec.rsvd2 >> 32;
}

/* Waits for the end of a slot's batch: 1, or a negative error; 0 if it does not come. */
static int wait_slot(struct slot *slot)
{
	struct pollfd pfd = { .fd = slot->fence, .events = POLLIN };
	struct sync_file_info info = { 0 };
	int ret;

	do
		ret = poll(&pfd, 1, WAIT_MS);
	while (ret < 0 && errno == EINTR);
	if (ret == 1 && ioctl(slot->fence, SYNC_IOC_FILE_INFO, &info))
		die("SYNC_IOC_FILE_INFO");
	close(slot->fence);
	slot->fence = -1;
	return info.status;
}

static uint32_t value(const struct slot *slot, uint32_t i)
{
	return (slot->seed * 0x9e3779b1u) ^ (i * 0x85ebca6bu) ^ (uint32_t)slot->address;
}

static void start_slot(struct engine *engine, struct slot *slot)
{
	uint32_t i, *cs = slot->commands;

	slot->seed++;
	for (i = 0; i < STORES; i++) {
		uint64_t address = slot->address + 4 * i;

		*cs++ = MI_STORE_DATA_IMM;
		*cs++ = address;
		*cs++ = address >> 32;
		*cs++ = value(slot, i);
	}
	*cs++ = MI_BATCH_BUFFER_END;
	*cs++ = 0;
	submit(engine->ctx, slot, (cs - slot->commands) * 4);
}

static void finish_slot(struct engine *engine, struct slot *slot)
{
	int status = wait_slot(slot);
	uint32_t i, bad = 0;

	if (status != 1) {
		lost++;
		printf("# engine %u: a batch ended with %d\n", engine->index, status);
		return;
	}
	for (i = 0; i < STORES; i++)
		bad += slot->map[i] != value(slot, i);
	wrong += bad;
	if (bad)
		printf("# engine %u: %u of %u stores are not there\n", engine->index, bad, STORES);
	else
		engine->batches++;
}

static void *work(void *arg)
{
	struct engine *engine = arg;
	unsigned int i;

	for (i = 0; i < SLOTS; i++)
		start_slot(engine, &engine->slots[i]);
	for (i = 0; !stop; i = (i + 1) % SLOTS) {
		finish_slot(engine, &engine->slots[i]);
		start_slot(engine, &engine->slots[i]);
	}
	for (i = 0; i < SLOTS; i++)
		finish_slot(engine, &engine->slots[i]);
	return NULL;
}

static void make_slot(struct slot *slot, uint64_t address)
{
	slot->address = address;
	slot->map = create_object(TARGET_BYTES, &slot->target);
	slot->commands = create_object(BATCH_BYTES, &slot->batch);
}

static struct engine *start_engines(unsigned int *count)
{
	struct drm_i915_query_item item = { .query_id = DRM_I915_QUERY_ENGINE_INFO };
	struct drm_i915_query query = { .num_items = 1, .items_ptr = (uintptr_t)&item };
	struct drm_i915_query_engine_info *info;
	struct engine *engines;
	unsigned int e, i;

	must(DRM_IOCTL_I915_QUERY, &query, "QUERY");
	info = calloc(1, item.length);
	item.data_ptr = (uintptr_t)info;
	must(DRM_IOCTL_I915_QUERY, &query, "QUERY");
	engines = calloc(info->num_engines, sizeof(*engines));
	for (e = 0; e < info->num_engines; e++) {
		engines[e].index = e;
		engines[e].id = info->engines[e].engine;
		engines[e].ctx = create_context(engines[e].id);
		for (i = 0; i < SLOTS; i++)
			make_slot(&engines[e].slots[i], 0x1000000ull * (e + 1) + 0x100000 * i);
		if (pthread_create(&engines[e].thread, NULL, work, &engines[e]))
			die("pthread_create");
	}
	*count = info->num_engines;
	return engines;
}

/* Each engine ends more batches than it can have had before: it works again. */
static bool engines_work(struct engine *engines, unsigned int count)
{
	unsigned long before[count];
	unsigned int e, ms;

	for (e = 0; e < count; e++)
		before[e] = engines[e].batches;
	for (e = 0, ms = 0; e < count && ms < WAIT_MS; ) {
		if (engines[e].batches > before[e] + SLOTS)
			e++;
		else
			usleep(1000), ms++;
	}
	return e == count;
}

/* With the machine off but for its memory, all that the GPU has forgotten is written again; the clock wakes it. */
static bool suspend(const char *state)
{
	int file = open("/sys/power/state", O_WRONLY);
	bool ok;

	if (!strcmp(state, "mem")) {
		must_write("/sys/class/rtc/rtc0/wakealarm", "0");
		must_write("/sys/class/rtc/rtc0/wakealarm", "+2");
	}
	ok = file >= 0 && write(file, state, strlen(state)) == (ssize_t)strlen(state);
	if (!ok)
		printf("# /sys/power/state: %s\n", strerror(errno));
	close(file);
	return ok;
}

/* The mask that debugfs takes is of the driver's own engine ids; the second video engine is VCS2. */
static uint32_t engine_mask(struct i915_engine_class_instance id)
{
	static const unsigned int first[] = {
		[I915_ENGINE_CLASS_RENDER] = 0, [I915_ENGINE_CLASS_COPY] = 1,
		[I915_ENGINE_CLASS_VIDEO] = 10, [I915_ENGINE_CLASS_VIDEO_ENHANCE] = 18,
	};

	return 1u << (first[id.engine_class] + 2 * id.engine_instance);
}

/* Hangs the engine and resets it, or all. The batch that hangs says that it runs, and must end with an error. */
static bool reset(struct engine *engine, struct slot *slot)
{
	const uint64_t loop = slot->address + TARGET_BYTES + 16;
	const uint32_t commands[] = {
		MI_STORE_DATA_IMM, slot->address, slot->address >> 32, ++slot->seed,
		MI_BATCH_BUFFER_START, loop, loop >> 32, 0,
	};
	uint32_t ctx = create_context(engine->id);
	struct drm_i915_gem_context_destroy destroy = { .ctx_id = ctx };
	char mask[16], path[PATH_SIZE];
	unsigned int ms;
	int status;

	memcpy(slot->commands, commands, sizeof(commands));
	submit(ctx, slot, sizeof(commands));
	for (ms = 0; *(volatile uint32_t *)slot->map != slot->seed && ms < WAIT_MS; ms++)
		usleep(1000);
	if (ms == WAIT_MS)
		printf("# the batch that hangs did not start\n");
	snprintf(mask, sizeof(mask), "%#x", engine_mask(engine->id));
	must_write(debugfs_path(fd, "gt0/reset", path), mask);
	status = wait_slot(slot);
	if (status != -EIO)
		printf("# the batch that hangs ended with %d\n", status);
	must(DRM_IOCTL_I915_GEM_CONTEXT_DESTROY, &destroy, "CONTEXT_DESTROY");
	return ms < WAIT_MS && status == -EIO;
}

static bool round_of(const char *what, struct engine *engine, struct slot *hanging)
{
	if (!strcmp(what, "sleep"))
		return suspend("mem");
	if (!strcmp(what, "suspend"))
		return suspend("freeze");
	return reset(engine, hanging);
}

/* Only our resets shall find the engine that hangs. */
static void write_engines(const char *knob)
{
	static const char *const names[] = { "rcs0", "bcs0", "vcs0", "vcs1", "vecs0" };
	char file[64], path[PATH_SIZE];
	unsigned int i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(file, sizeof(file), "engine/%s/%s", names[i], knob);
		must_change(card_path(fd, file, path), "0");
	}
}

static void prepare(const char *what)
{
	char path[PATH_SIZE];

	atexit(put_settings_back);
	if (!strcmp(what, "suspend")) {
		must_change("/sys/module/suspend/parameters/pm_test_delay", "0");
		must_change("/sys/power/pm_test", "devices");
	} else if (!strcmp(what, "sleep")) {
		must_change("/sys/power/mem_sleep", "deep");
	} else {
		/* 1: only the whole GPU; 2: an engine alone, where that helps */
		must_change(debugfs_path(fd, "i915_params/reset", path), strcmp(what, "full") ? "2" : "1");
		write_engines("preempt_timeout_ms");
		write_engines("heartbeat_interval_ms");
	}
}

int main(int argc, char **argv)
{
	unsigned int rounds = argc > 2 ? strtoul(argv[2], NULL, 0) : 0, count, i, failed = 0;
	const char *what = argc > 1 ? argv[1] : "";
	unsigned long batches = 0;
	struct engine *engines;
	struct slot hanging;

	if (!rounds || (strcmp(what, "sleep") && strcmp(what, "suspend") && strcmp(what, "engine") && strcmp(what, "full"))) {
		fprintf(stderr, "usage: soak sleep|suspend|engine|full ROUNDS\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	fd = open_device(NULL);
	if (fd < 0)
		die("no i915 device");
	prepare(what);
	memset(&hanging, 0, sizeof(hanging));
	make_slot(&hanging, 0x10000000ull);
	engines = start_engines(&count);
	printf("TAP version 13\n1..%u\n", rounds);
	for (i = 0; i < rounds; i++) {
		unsigned long bad = lost + wrong;
		bool ok = engines_work(engines, count) && round_of(what, &engines[i % count], &hanging) &&
			  engines_work(engines, count) && bad == lost + wrong;

		printf("%sok %u %s\n", ok ? "" : "not ", ++points, what);
		failed += !ok;
	}
	stop = true;
	for (i = 0; i < count; i++) {
		pthread_join(engines[i].thread, NULL);
		batches += engines[i].batches;
	}
	printf("# %s: %u rounds, %u failed, %lu batches, %lu lost, %lu wrong\n", what, rounds, failed, batches, lost, wrong);
	return failed || lost || wrong;
}
