// SPDX-License-Identifier: MIT
/*
 * What others can see of an address space: tracepoints, debugfs, fdinfo, and the
 * error state of a hang. Needs to be root.
 */
#include <linux/sync_file.h>

#include "i915_vm_bind_utils.h"

/* A trace of the test's own: others keep their events and what they recorded. */
#define TRACING "/sys/kernel/debug/tracing/instances/i915_vm_bind"

FIXTURE(observe)
{
	struct gpu gpu;
	struct bo bo;
	__u64 addr;
};

FIXTURE_SETUP(observe)
{
	if (access("/sys/kernel/debug/dri", R_OK))
		SKIP(return, "no debugfs");
	test_gpu_open();
	test_bo_create(4 * PAGE_SIZE, &self->bo);
	self->addr = OBJECT_ADDRESS;
}

FIXTURE_TEARDOWN(observe)
{
	rmdir(TRACING);
	close(self->gpu.fd);
}

/* How often a line has both texts. */
static int count_lines(const char *text, const char *one, const char *two)
{
	int count = 0;

	while (text && *text) {
		size_t length = strcspn(text, "\n");
		char line[512];

		snprintf(line, sizeof(line), "%.*s", (int)length, text);
		count += strstr(line, one) && strstr(line, two);
		text += length + (text[length] == '\n');
	}
	return count;
}

#define test_lines(count, text, one, two) do {				\
	const char *__text = (text), *__one = (one), *__two = (two);	\
									\
	ASSERT_NE(NULL, __text);					\
	ASSERT_EQ(count, count_lines(__text, __one, __two))		\
		TH_LOG("%s %s in\n%s", __one, __two, __text);		\
} while (0)

static char *start_text(__u64 address, char *text)
{
	sprintf(text, "start=0x%016llx", address);
	return text;
}

TEST_F(observe, tracepoints)
{
	static const char *const events[] = {
		"i915_vm_bind", "i915_vm_unbind", "i915_vm_evict",
		"i915_vm_rebind", "i915_gem_execbuffer3",
	};
	char path[128], start[64], batch[64], *trace;

	if (mkdir(TRACING, 0700) && errno != EEXIST)
		SKIP(return, "no tracing");
	for (int i = 0; i < ARRAY_SIZE(events); i++) {
		snprintf(path, sizeof(path), TRACING "/events/i915/%s/enable", events[i]);
		ASSERT_EQ(0, write_file(path, "1"));
	}
	ASSERT_EQ(0, write_file(TRACING "/trace", ""));

	test_vm_bind();
	test_gpu_store(self->addr);
	test_drop_caches();
	test_gpu_store(self->addr);
	test_vm_unbind();
	test_err_vm_bind(EINVAL, .length = 1);

	trace = read_file(TRACING "/trace");
	start_text(self->addr, start);
	snprintf(batch, sizeof(batch), "batch_address=0x%016llx", BATCH_ADDRESS);
	test_lines(1, trace, " i915_vm_bind: ", start);
	test_lines(1, trace, " i915_vm_evict: ", start);
	test_lines(1, trace, " i915_vm_rebind: ", start);
	test_lines(1, trace, " i915_vm_unbind: ", start);
	test_lines(2, trace, " i915_gem_execbuffer3: ", batch);
	free(trace);
}

static char *read_gpuvas(int drm)
{
	char path[PATH_SIZE];

	return read_file(debugfs_path(drm, "gpuvas", path));
}

TEST_F(observe, debugfs)
{
	const __u64 other = self->addr + (1ull << 40);
	char first[64], second[64], *vas;

	sprintf(first, "| 0x%016llx | 0x%016llx |", self->addr, self->bo.size);
	sprintf(second, "| 0x%016llx | 0x%016llx |", other, PAGE_SIZE);

	test_lines(0, (vas = read_gpuvas(self->gpu.fd)), first, "");
	free(vas);
	test_vm_bind();
	test_vm_bind(.start = other, .offset = PAGE_SIZE, .length = PAGE_SIZE);
	vas = read_gpuvas(self->gpu.fd);
	test_lines(1, vas, first, " 0x0000000000000000");
	test_lines(1, vas, second, " 0x0000000000001000");
	free(vas);
	test_vm_unbind();
	vas = read_gpuvas(self->gpu.fd);
	test_lines(0, vas, first, "");
	test_lines(1, vas, second, "");
	free(vas);
}

static inline int _sync_file_fence(int file, struct sync_fence_info *fence)
{
	struct sync_file_info args = {
		.num_fences = 1, .sync_fence_info = to_user(fence),
	};
	int err = drm_call(file, SYNC_IOC_FILE_INFO, &args);

	return err ?: args.num_fences == 1 ? 0 : -ENODATA;
}

/* The fence of a bind says what it is. */
TEST_F(observe, fence_names)
{
	struct drm_i915_gem_timeline_fence out = {
		.flags = I915_TIMELINE_FENCE_SIGNAL,
	};
	struct sync_fence_info fence = { };
	int file;

	test_syncobj_create(&out.handle);
	test_vm_bind(.fence = out);
	ASSERT_EQ(0, _syncobj_to_sync_file(self->gpu.fd, out.handle, &file));
	ASSERT_EQ(0, _sync_file_fence(file, &fence));
	ASSERT_STREQ("i915", fence.driver_name);
	ASSERT_STREQ("vm_bind", fence.obj_name);
	close(file);
}

/* Page tables count, too, and come and go with the mappings. */
TEST_F(observe, fdinfo)
{
	const long size = 1 << 20;
	long before, bound;
	struct bo bo;

	before = fdinfo_memory(self->gpu.fd, "drm-total-system0");
	ASSERT_LE(0, before);
	test_bo_create(size, &bo);
	memset(bo.map, 1, size);
	ASSERT_EQ(before + size / 1024, fdinfo_memory(self->gpu.fd, "drm-total-system0"));
	test_vm_bind(.handle = bo.handle, .length = size);
	test_vm_bind(.handle = bo.handle, .start = self->addr + size, .length = PAGE_SIZE);
	bound = fdinfo_memory(self->gpu.fd, "drm-total-system0");
	ASSERT_LE(before + size / 1024, bound);

	/* The handle goes, the mappings stay, and so does the memory: once. */
	test_gem_close(bo.handle);
	ASSERT_EQ(bound, fdinfo_memory(self->gpu.fd, "drm-total-system0"));
	test_vm_unbind(.length = size);
	ASSERT_EQ(bound, fdinfo_memory(self->gpu.fd, "drm-total-system0"));
	test_vm_unbind(.start = self->addr + size, .length = PAGE_SIZE);
	ASSERT_GE(bound - size / 1024, fdinfo_memory(self->gpu.fd, "drm-total-system0"));
}

/* Two address spaces map it, and nothing else keeps it: its memory is there once. */
TEST_F(observe, fdinfo_of_two_vms)
{
	const long size = 1 << 20;
	long with_handle;
	struct bo bo;
	__u32 vm;

	ASSERT_EQ(0, _vm_create(self->gpu.fd, I915_VM_CREATE_FLAGS_USE_VM_BIND, NULL, &vm));
	test_bo_create(size, &bo);
	memset(bo.map, 1, size);
	test_vm_bind(.handle = bo.handle, .length = size);
	test_vm_bind(.vm_id = vm, .handle = bo.handle, .length = size);
	with_handle = fdinfo_memory(self->gpu.fd, "drm-total-system0");
	ASSERT_LE(size / 1024, with_handle);
	test_let_go(&bo);
	ASSERT_EQ(with_handle, fdinfo_memory(self->gpu.fd, "drm-total-system0"));
}

/* What a dma-buf keeps, and no mapping any more, is not the client's. */
TEST_F(observe, fdinfo_of_what_others_keep)
{
	const long size = 1 << 20;
	long before;
	struct bo bo;
	int dmabuf;

	before = fdinfo_memory(self->gpu.fd, "drm-total-system0");
	test_bo_create(size, &bo);
	memset(bo.map, 1, size);
	ASSERT_EQ(0, _prime_export(self->gpu.fd, bo.handle, &dmabuf));
	test_vm_bind(.handle = bo.handle, .length = size);
	test_let_go(&bo);
	ASSERT_LE(before + size / 1024, fdinfo_memory(self->gpu.fd, "drm-total-system0"));
	test_vm_unbind(.length = size);
	ASSERT_GT(before + size / 1024, fdinfo_memory(self->gpu.fd, "drm-total-system0"));
	close(dmabuf);
}

/* What another client has a handle of is that client's, and not counted twice. */
TEST_F(observe, fdinfo_of_two_clients)
{
	const long size = 1 << 20;
	const int other = open_i915();
	int dmabuf;
	struct bo bo;
	__u32 theirs;
	long before;

	ASSERT_LE(0, other);
	before = fdinfo_memory(self->gpu.fd, "drm-total-system0");
	test_bo_create(size, &bo);
	memset(bo.map, 1, size);
	ASSERT_EQ(0, _prime_export(self->gpu.fd, bo.handle, &dmabuf));
	ASSERT_EQ(0, _prime_import(other, dmabuf, &theirs));
	close(dmabuf);
	test_vm_bind(.handle = bo.handle, .length = size);
	test_let_go(&bo);
	ASSERT_GT(before + size / 1024, fdinfo_memory(self->gpu.fd, "drm-total-system0"));
	ASSERT_LE(size / 1024, fdinfo_memory(other, "drm-total-system0"));
	close(other);
	ASSERT_LE(before + size / 1024, fdinfo_memory(self->gpu.fd, "drm-total-system0"));
}

/*
 * A hang shows the mappings that were marked, at their addresses, and no other:
 * not those that were unmarked, and not those that were unbound by then.
 */
static char *user_text(__u64 address, char *text)
{
	sprintf(text, "0x%08llx %08llx", address >> 32, address & 0xffffffff);
	return text;
}

/* Has the error state of what runs now taken, and forgets it. */
static char *error_state(int drm)
{
	char error[PATH_SIZE], wedged[PATH_SIZE], *state;

	card_path(drm, "error", error);
	if (write_file(error, "1") ||
	    write_file(debugfs_path(drm, "i915_wedged", wedged), "1"))
		return NULL;
	state = read_file(error);
	write_file(error, "1");
	return state;
}

/* The contents of a mapping are one line, after the one with its address. */
static char *user_contents(const char *state, __u64 address)
{
	char key[64] = " --- user = ", *start;

	user_text(address, key + strlen(key));
	start = strstr(state, key);
	start = start ? strchr(start, '\n') : NULL;
	return start ? strndup(start + 1, strcspn(start + 1, "\n")) : strdup("");
}

/* A window of an object shows what another object shows from its start. */
TEST_F(observe, error_state_contents)
{
	const __u64 size = 4 << 20, part = self->addr + (1ull << 33);
	struct bo large, small;
	char *state, *one, *two;
	struct spin spin;

	if (!may_disrupt())
		SKIP(return, DISRUPTS);
	test_bo_create(size, &large);
	test_bo_create(2 * PAGE_SIZE, &small);
	for (__u64 i = 0; i < size / 4; i++)
		large.map[i] = value_at(4 * i);
	memcpy(small.map, (char *)large.map + size / 2 + PAGE_SIZE, small.size);
	test_vm_bind(.start = part, .handle = large.handle, .length = small.size,
		     .offset = size / 2 + PAGE_SIZE,
		     .flags = I915_GEM_VM_BIND_CAPTURE);
	test_vm_bind(.handle = small.handle, .length = small.size,
		     .flags = I915_GEM_VM_BIND_CAPTURE);
	test_spin_prepare(&spin);
	test_spin_submit(&spin);

	state = error_state(self->gpu.fd);
	ASSERT_NE(NULL, state);
	one = user_contents(state, self->addr);
	two = user_contents(state, part);
	ASSERT_LT(100, strlen(one));
	ASSERT_STREQ(one, two);
	free(one);
	free(two);
	free(state);
}

TEST_F(observe, error_state)
{
	const __u64 plain = self->addr + (1ull << 33), gone = plain + (1ull << 33);
	const __u64 part = gone + (1ull << 33);
	char text[64], *state;
	struct spin spin;

	if (!may_disrupt())
		SKIP(return, DISRUPTS);
	test_vm_bind(.flags = I915_GEM_VM_BIND_CAPTURE);
	test_vm_bind(.start = plain);
	test_vm_bind(.start = gone, .flags = I915_GEM_VM_BIND_CAPTURE);
	test_vm_bind(.start = part, .flags = I915_GEM_VM_BIND_CAPTURE,
		     .offset = PAGE_SIZE, .length = 2 * PAGE_SIZE);
	test_gpu_store(self->addr);
	test_vm_unbind(.start = gone);
	test_spin_prepare(&spin);
	test_spin_submit(&spin);

	state = error_state(self->gpu.fd);
	ASSERT_NE(NULL, state);
	test_lines(1, state, " --- user = ", user_text(self->addr, text));
	test_lines(1, state, " --- user = ", user_text(part, text));
	test_lines(0, state, " --- user = ", user_text(plain, text));
	test_lines(0, state, " --- user = ", user_text(gone, text));
	test_lines(1, state, " --- batch = ", user_text(SPIN_ADDRESS, text));
	free(state);
}

/* A reset waits for what is dumped: one address space cannot make it last. */
TEST_F(observe, error_state_is_bounded)
{
	const int count = 1100;
	const __u64 large = 1ull << 45;
	char text[64], *state;
	struct spin spin;
	struct bo bo;

	if (!may_disrupt())
		SKIP(return, DISRUPTS);
	test_bo_create((64 << 20) + PAGE_SIZE, &bo);
	test_vm_bind(.handle = bo.handle, .start = large, .length = bo.size,
		     .flags = I915_GEM_VM_BIND_CAPTURE);
	for (int i = 0; i < count; i++)
		test_vm_bind(.start = self->addr + i * PAGE_SIZE, .length = PAGE_SIZE,
			     .flags = I915_GEM_VM_BIND_CAPTURE);
	test_spin_prepare(&spin);
	test_spin_submit(&spin);

	state = error_state(self->gpu.fd);
	ASSERT_NE(NULL, state);
	test_lines(1024, state, " --- user = ", "");
	test_lines(1, state, " --- user = ", user_text(self->addr, text));
	test_lines(0, state, " --- user = ", user_text(large, text));
	test_lines(1, state, " --- batch = ", user_text(SPIN_ADDRESS, text));
	free(state);
}

int main(int argc, char **argv)
{
	skip_without_vm_bind();
	return test_harness_run(argc, argv);
}
