// SPDX-License-Identifier: MIT
/*
 * Two errors at once: which of them a call names. Those that the arguments alone
 * show come first, whatever their places, then unknown names, then the mode of
 * the address space, then all that depends on objects and fences.
 */
#include <stddef.h>

#include "i915_vm_bind_sync.h"
#include "i915_vm_bind_utils.h"

enum class { ARGUMENT, NAME, MODE, STATE };

/* Sets a member of the arguments; or, where @size is 0, puts a fence into the array. */
struct error {
	const char *what;
	int err;
	enum class class;
	size_t offset, size;
	__u64 value;
	struct drm_i915_gem_timeline_fence fence;
};

#define SETS(bits, type, member, ...) \
	.offset = offsetof(struct type, member), .size = (bits) / 8, \
	.value = (__VA_ARGS__)

/* Whether both can be had: not in the same member. */
static bool are_apart(const struct error *a, const struct error *b)
{
	return !a->size || !b->size || a->offset != b->offset;
}

static void put(void *args, const struct error *error)
{
	if (error->size)
		memcpy((char *)args + error->offset, &error->value, error->size);
}

/*
 * Each pair in both orders, and each alone; @try calls with the arguments given,
 * whose fences, where there are several, are those of the errors in their order.
 */
static int check_pairs(int fd, const void *valid, size_t size,
		       const struct error *errors, unsigned int count,
		       int (*try)(int fd, void *args, const struct error *a,
				  const struct error *b))
{
	char args[256];
	int wrong = 0;

	for (unsigned int i = 0; i < count; i++) {
		for (unsigned int j = 0; j < count; j++) {
			const struct error *a = &errors[i], *b = &errors[j];
			int expected = -(b->class < a->class ? b : a)->err, seen;

			/* Of the same class, either. */
			if (i != j && (a->class == b->class || !are_apart(a, b)))
				continue;
			memcpy(args, valid, size);
			put(args, a);
			put(args, b);
			seen = try(fd, args, a, b);
			if (seen == expected)
				continue;
			ksft_print_msg("%s, %s: %d, not %d\n", a->what, b->what,
				       seen, expected);
			wrong++;
		}
	}
	return wrong;
}

FIXTURE(errors)
{
	struct gpu gpu;
	struct bo bo;
	__u64 addr;
	__u32 classic_vm, classic;	/* a context on it */
	__u32 empty;			/* a syncobj */
};

FIXTURE_SETUP(errors)
{
	test_gpu_open();
	test_bo_create(4 * PAGE_SIZE, &self->bo);
	self->addr = OBJECT_ADDRESS;
	test_vm_create(0, &self->classic_vm);
	test_context_on_vm(self->classic_vm, I915_ENGINE_CLASS_RENDER, 0, &self->classic);
	test_syncobj_create(&self->empty);
	emit_end(self->gpu.batch.map);
}

FIXTURE_TEARDOWN(errors)
{
	close(self->gpu.fd);
}

#define UNKNOWN_NAME	12345
#define NOWHERE		((1ull << 47) - PAGE_SIZE)

static int try_execbuffer3(int fd, void *data, const struct error *a,
			   const struct error *b)
{
	/* One in the first place, one in the last, and nothing between them */
	struct drm_i915_gem_timeline_fence fences[5] = { a->fence };
	struct drm_i915_gem_execbuffer3 *args = data;

	fences[4] = b->fence;
	if (!args->fence_count)
		args->fence_count = 5;
	if (!args->timeline_fences)
		args->timeline_fences = to_user(fences);
	return _execbuffer3(fd, args);
}

#define SETS3(bits, ...) SETS(bits, drm_i915_gem_execbuffer3, __VA_ARGS__)

TEST_F(errors, execbuffer3)
{
	const struct error errors[] = {
		{ "flags", EINVAL, ARGUMENT, SETS3(64, flags, 1ull << 63) },
		{ "rsvd1", EINVAL, ARGUMENT, SETS3(32, rsvd1, 1) },
		{ "rsvd2", EINVAL, ARGUMENT, SETS3(64, rsvd2, 1) },
		{ "an extension", EINVAL, ARGUMENT, SETS3(64, extensions, NOWHERE) },
		{ "a fence too many", EINVAL, ARGUMENT,
		  SETS3(32, fence_count, I915_TIMELINE_FENCES_MAX + 1) },
		{ "an absurd count", EINVAL, ARGUMENT, SETS3(32, fence_count, -1u) },
		{ "unreadable fences", EFAULT, ARGUMENT, SETS3(64, timeline_fences, NOWHERE) },
		{ "unknown fence flag", EINVAL, ARGUMENT, .fence = FENCE(0, 1u << 31, 0) },
		{ "waits and signals", EINVAL, ARGUMENT, .fence = BOTH(0, 1) },
		{ "unknown context", ENOENT, NAME, SETS3(32, ctx_id, UNKNOWN_NAME) },
		{ "unknown syncobj", ENOENT, NAME, .fence = SIGNAL(UNKNOWN_NAME, 0) },
		{ "unknown syncobj, waited for", ENOENT, NAME, .fence = WAIT(UNKNOWN_NAME, 1) },
		{ "classic context", EOPNOTSUPP, MODE, SETS3(32, ctx_id, self->classic) },
		{ "no fence", EINVAL, STATE, .fence = WAIT(self->empty, 0) },
		{ "no such point", EINVAL, STATE, .fence = WAIT(self->empty, 1) },
		{ "no such engine", EINVAL, STATE, SETS3(32, engine_idx, 1) },
		{ "batch not aligned", EINVAL, STATE, SETS3(64, batch_address, BATCH_ADDRESS + 4) },
		{ "batch not mapped", EINVAL, STATE, SETS3(64, batch_address, 0) },
	};
	const struct drm_i915_gem_execbuffer3 valid = {
		.ctx_id = self->gpu.ctx, .batch_address = BATCH_ADDRESS,
	};
	struct error none = { };

	test_execbuffer3();
	ASSERT_EQ(0, try_execbuffer3(self->gpu.fd, &(struct drm_i915_gem_execbuffer3) {
			.ctx_id = self->gpu.ctx, .batch_address = BATCH_ADDRESS,
		}, &none, &none));
	ASSERT_EQ(0, check_pairs(self->gpu.fd, &valid, sizeof(valid), errors,
				 ARRAY_SIZE(errors), try_execbuffer3));
}

/* The one fence of the other calls has what is wrong with either. */
static struct drm_i915_gem_timeline_fence both(const struct error *a,
					       const struct error *b)
{
	return FENCE(a->fence.handle | b->fence.handle,
		     a->fence.flags | b->fence.flags,
		     a->fence.value | b->fence.value);
}

static int try_vm_bind(int fd, void *data, const struct error *a,
		       const struct error *b)
{
	struct drm_i915_gem_vm_bind *args = data;

	args->fence = both(a, b);
	return _vm_bind(fd, args);
}

static int try_vm_unbind(int fd, void *data, const struct error *a,
			 const struct error *b)
{
	struct drm_i915_gem_vm_unbind *args = data;

	args->fence = both(a, b);
	return _vm_unbind(fd, args);
}

#define BINDS(bits, ...) SETS(bits, drm_i915_gem_vm_bind, __VA_ARGS__)

TEST_F(errors, vm_bind)
{
	const struct error errors[] = {
		{ "flags", EINVAL, ARGUMENT, BINDS(64, flags, 1ull << 63) },
		{ "an extension", EINVAL, ARGUMENT, BINDS(64, extensions, NOWHERE) },
		{ "no length", EINVAL, ARGUMENT, BINDS(64, length, 0) },
		{ "length not aligned", EINVAL, ARGUMENT, BINDS(64, length, PAGE_SIZE + 1) },
		{ "length of all", EINVAL, ARGUMENT, BINDS(64, length, -PAGE_SIZE) },
		{ "length past the last address", EINVAL, ARGUMENT,
		  BINDS(64, length, ADDRESSES - self->addr + PAGE_SIZE) },
		{ "start not aligned", EINVAL, ARGUMENT, BINDS(64, start, self->addr + 8) },
		{ "start not canonical", EINVAL, ARGUMENT,
		  BINDS(64, start, self->addr | 1ull << 48) },
		{ "start at the last page", EINVAL, ARGUMENT,
		  BINDS(64, start, ADDRESSES - PAGE_SIZE) },
		{ "start at the last page, canonical", EINVAL, ARGUMENT,
		  BINDS(64, start, -PAGE_SIZE) },
		{ "offset not aligned", EINVAL, ARGUMENT, BINDS(64, offset, 8) },
		{ "offset overflows", EINVAL, ARGUMENT, BINDS(64, offset, -PAGE_SIZE) },
		{ "offset overflows to 0", EINVAL, ARGUMENT, BINDS(64, offset, -self->bo.size) },
		{ "waits", EINVAL, ARGUMENT, .fence = WAIT(self->empty, 0) },
		{ "unknown fence flag", EINVAL, ARGUMENT, .fence = FENCE(0, 1u << 31, 0) },
		{ "unknown vm", ENOENT, NAME, BINDS(32, vm_id, UNKNOWN_NAME) },
		{ "vm 0", ENOENT, NAME, BINDS(32, vm_id, 0) },
		{ "unknown object", ENOENT, NAME, BINDS(32, handle, UNKNOWN_NAME) },
		{ "unknown syncobj", ENOENT, NAME, .fence = SIGNAL(UNKNOWN_NAME, 1) },
		{ "classic vm", EOPNOTSUPP, MODE, BINDS(32, vm_id, self->classic_vm) },
		{ "offset past the object", EINVAL, STATE, BINDS(64, offset, self->bo.size) },
		{ "length past the object", EINVAL, STATE,
		  BINDS(64, length, self->bo.size + PAGE_SIZE) },
	};
	const struct drm_i915_gem_vm_bind valid = {
		.vm_id = self->gpu.vm, .handle = self->bo.handle,
		.start = self->addr, .length = self->bo.size,
	};

	test_vm_bind();
	test_vm_unbind();
	ASSERT_EQ(0, check_pairs(self->gpu.fd, &valid, sizeof(valid), errors,
				 ARRAY_SIZE(errors), try_vm_bind));
}

#define UNBINDS(bits, ...) SETS(bits, drm_i915_gem_vm_unbind, __VA_ARGS__)

TEST_F(errors, vm_unbind)
{
	const struct error errors[] = {
		{ "rsvd", EINVAL, ARGUMENT, UNBINDS(32, rsvd, 1) },
		{ "flags", EINVAL, ARGUMENT, UNBINDS(64, flags, 1) },
		{ "an extension", EINVAL, ARGUMENT, UNBINDS(64, extensions, NOWHERE) },
		{ "no length", EINVAL, ARGUMENT, UNBINDS(64, length, 0) },
		{ "length not aligned", EINVAL, ARGUMENT, UNBINDS(64, length, PAGE_SIZE + 1) },
		{ "length of all", EINVAL, ARGUMENT, UNBINDS(64, length, -PAGE_SIZE) },
		{ "length past the last address", EINVAL, ARGUMENT,
		  UNBINDS(64, length, ADDRESSES - self->addr + PAGE_SIZE) },
		{ "start not aligned", EINVAL, ARGUMENT, UNBINDS(64, start, self->addr + 8) },
		{ "start not canonical", EINVAL, ARGUMENT,
		  UNBINDS(64, start, self->addr | 1ull << 48) },
		{ "start at the last page", EINVAL, ARGUMENT,
		  UNBINDS(64, start, ADDRESSES - PAGE_SIZE) },
		{ "start at the last page, canonical", EINVAL, ARGUMENT,
		  UNBINDS(64, start, -PAGE_SIZE) },
		{ "waits", EINVAL, ARGUMENT, .fence = WAIT(self->empty, 0) },
		{ "unknown fence flag", EINVAL, ARGUMENT, .fence = FENCE(0, 1u << 31, 0) },
		{ "unknown vm", ENOENT, NAME, UNBINDS(32, vm_id, UNKNOWN_NAME) },
		{ "vm 0", ENOENT, NAME, UNBINDS(32, vm_id, 0) },
		{ "unknown syncobj", ENOENT, NAME, .fence = SIGNAL(UNKNOWN_NAME, 1) },
		{ "classic vm", EOPNOTSUPP, MODE, UNBINDS(32, vm_id, self->classic_vm) },
	};
	const struct drm_i915_gem_vm_unbind valid = {
		.vm_id = self->gpu.vm, .start = self->addr, .length = self->bo.size,
	};

	test_vm_bind();
	ASSERT_EQ(0, check_pairs(self->gpu.fd, &valid, sizeof(valid), errors,
				 ARRAY_SIZE(errors), try_vm_unbind));
	test_vm_unbind();
}

int main(int argc, char **argv)
{
	skip_without_vm_bind();
	return test_harness_run(argc, argv);
}
