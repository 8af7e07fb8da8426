// SPDX-License-Identifier: MIT
/*
 * The device is taken away from the driver, with everything in use, and given back.
 *
 * Needs root, and nobody else who uses the GPU.
 */
#include <libgen.h>

#include "i915_vm_bind_utils.h"

FIXTURE(device)
{
	struct gpu gpu;
	struct bo bo;
	__u64 addr;
	char name[PATH_SIZE];	/* on its bus */
	bool unbound;
};

FIXTURE_VARIANT(device)
{
	bool private;
};

FIXTURE_VARIANT_ADD(device, private) { .private = true };
FIXTURE_VARIANT_ADD(device, shared) { .private = false };

FIXTURE_SETUP(device)
{
	if (!is_root())
		SKIP(return, NEEDS_ROOT);
	test_gpu_open();
	if (variant->private)
		test_bo_create_private(4 * PAGE_SIZE, &self->bo);
	else
		test_bo_create(4 * PAGE_SIZE, &self->bo);
	self->addr = OBJECT_ADDRESS;
}

/* The name of the device on its bus. */
static int bus_name(int drm, char *name)
{
	char path[PATH_SIZE], target[PATH_SIZE] = "";
	struct stat st;

	fstat(drm, &st);
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/device",
		 major(st.st_rdev), minor(st.st_rdev));
	if (readlink(path, target, sizeof(target) - 1) < 0)
		return -errno;
	snprintf(name, PATH_SIZE, "%s", basename(target));
	return 0;
}

static int rebind_driver(const char *name)
{
	return write_file("/sys/bus/pci/drivers/i915/bind", name);
}

/* Also where the test has failed in between. */
FIXTURE_TEARDOWN(device)
{
	close(self->gpu.fd);
	if (self->unbound)
		EXPECT_EQ(0, rebind_driver(self->name));
}

/* With a batch that runs, jobs that are pending, and the file still open. */
TEST_F(device, taken_away)
{
	const struct drm_i915_gem_timeline_fence done = {
		.handle = self->gpu.timeline, .flags = I915_TIMELINE_FENCE_SIGNAL,
	};
	struct spin spin;

	ASSERT_EQ(0, bus_name(self->gpu.fd, self->name));
	test_vm_bind();
	test_mapped(self->addr, &self->bo, 0);
	test_spin_prepare(&spin);
	test_spin_submit(&spin);
	test_vm_bind(.start = self->addr + self->bo.size, .fence = done);
	test_vm_unbind(.fence = done);

	ASSERT_EQ(0, write_file("/sys/bus/pci/drivers/i915/unbind", self->name));
	self->unbound = true;
	EXPECT_EQ(-ENODEV, __vm_bind());
	EXPECT_EQ(-ENODEV, __vm_unbind());
	EXPECT_EQ(-ENODEV, __execbuffer3());
	close(self->gpu.fd);

	ASSERT_EQ(0, rebind_driver(self->name));
	self->unbound = false;
	ASSERT_EQ(0, setenv("I915_DEVICE", self->name, 1)); /* its node may be another */
	test_gpu_open();
	if (variant->private)
		test_bo_create_private(4 * PAGE_SIZE, &self->bo);
	else
		test_bo_create(4 * PAGE_SIZE, &self->bo);
	test_vm_bind();
	test_mapped(self->addr, &self->bo, 0);
}

int main(int argc, char **argv)
{
	skip_without_vm_bind();
	return test_harness_run(argc, argv);
}
