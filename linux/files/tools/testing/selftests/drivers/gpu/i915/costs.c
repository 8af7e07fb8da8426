// SPDX-License-Identifier: MIT
/*
 * What a client costs others. Time is measured where the kernel should use none, or where
 * it may use so much less than it would that a slow machine makes no difference.
 */
#include "i915_vm_bind_cost.h"
#include "i915_vm_bind_utils.h"

FIXTURE(closed)
{
	struct gpu gpu;
	__u64 addr;
	struct spin spin;
};

FIXTURE_VARIANT(closed)
{
	bool private;
};

FIXTURE_VARIANT_ADD(closed, private) { .private = true };
FIXTURE_VARIANT_ADD(closed, shared) { .private = false };

FIXTURE_SETUP(closed)
{
	test_gpu_open();
	self->addr = OBJECT_ADDRESS;
	test_spin_prepare(&self->spin);
}

FIXTURE_TEARDOWN(closed)
{
	close(self->gpu.fd);
}

static int create_object(const struct gpu *gpu, bool private, struct bo *bo)
{
	const struct drm_i915_gem_create_ext_vm_private ext = {
		.base.name = I915_GEM_CREATE_EXT_VM_PRIVATE, .vm_id = gpu->vm,
	};

	bo->size = PAGE_SIZE;
	return private ? _gem_create_ext(gpu->fd, PAGE_SIZE, &ext, &bo->handle) :
			 _gem_create(gpu->fd, PAGE_SIZE, &bo->handle);
}

/* Objects of one page, one after the other from @start, which only their mappings keep. */
static int bind_objects(const struct gpu *gpu, bool private, int count, __u64 start)
{
	struct bo bo;
	int err = 0;

	for (int i = 0; !err && i < count; i++)
		err = create_object(gpu, private, &bo) ?:
		      bo_bind(gpu->fd, gpu->vm, &bo, start + i * PAGE_SIZE) ?:
		      _gem_close(gpu->fd, bo.handle);
	return err;
}

static int unbind_objects(const struct gpu *gpu, int count, __u64 start)
{
	struct drm_i915_gem_vm_unbind args = { .vm_id = gpu->vm, .length = PAGE_SIZE };
	int err = 0;

	for (int i = 0; !err && i < count; i++) {
		args.start = start + i * PAGE_SIZE;
		err = _vm_unbind(gpu->fd, &args);
	}
	return err;
}

#define OBJECTS	20000

/*
 * A batch that was submitted before keeps what is closed. Until it ends there is nothing to
 * do for anybody; then there is, which shows that whoever does it is seen.
 */
TEST_F_TIMEOUT(closed, costs_no_cpu, 300)
{
	const long slab = meminfo_kib("SUnreclaim");
	double begin, waiting, freeing;
	long kept;

	ASSERT_EQ(0, bind_objects(&self->gpu, variant->private, OBJECTS, self->addr));
	test_spin_submit(&self->spin);
	ASSERT_EQ(0, unbind_objects(&self->gpu, OBJECTS, self->addr));
	sleep(2); /* what is done once for each of them */
	begin = worker_seconds_begin();
	sleep(2);
	waiting = worker_seconds_end(begin);
	kept = meminfo_kib("SUnreclaim") - slab;
	test_spin_runs(&self->spin);
	begin = worker_seconds_begin();
	test_spin_end(&self->spin);
	sleep(2);
	freeing = worker_seconds_end(begin);
	TH_LOG("%ld KiB of slabs are kept; kernel threads used %.2f s of 2 s, then %.2f s",
	       kept, waiting, freeing);
	ASSERT_LT(OBJECTS / 2, kept);
	ASSERT_LT(0, freeing);
	ASSERT_GT(0.2, waiting);
}

#define SOME	2000

static int come_and_go(void *arg)
{
	const struct gpu *gpu = arg;

	return bind_objects(gpu, true, SOME, OBJECT_ADDRESS) ?:
	       unbind_objects(gpu, SOME, OBJECT_ADDRESS) ?:
	       bind_objects(gpu, false, SOME, OBJECT_ADDRESS) ?:
	       unbind_objects(gpu, SOME, OBJECT_ADDRESS);
}

static int bind_one(void *arg)
{
	const struct gpu *gpu = arg;

	return bind_objects(gpu, true, 1, SPIN_ADDRESS) ?:
	       unbind_objects(gpu, 1, SPIN_ADDRESS);
}

FIXTURE(others)
{
	struct gpu gpu, second;
};

FIXTURE_SETUP(others)
{
	test_gpu_open();
	ASSERT_EQ(0, gpu_open(&self->second, I915_ENGINE_CLASS_COPY, 0));
}

FIXTURE_TEARDOWN(others)
{
	close(self->gpu.fd);
	close(self->second.fd);
}

/* While one client maps and unmaps thousands of objects, another's calls do not wait for it. */
TEST_F_TIMEOUT(others, bind_meanwhile, 120)
{
	struct timed_call call = { bind_one, &self->second };
	struct timed_call other = { come_and_go, &self->gpu };
	double longest;

	ASSERT_EQ(0, longest_call(&call, &other, &longest));
	TH_LOG("an object comes and goes in %.3f s at most", longest);
	ASSERT_GT(1, longest);
}

int main(int argc, char **argv)
{
	skip_without_vm_bind();
	return test_harness_run(argc, argv);
}
