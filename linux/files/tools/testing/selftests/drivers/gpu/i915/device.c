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
};

FIXTURE_VARIANT(device)
{
	bool private;
};

FIXTURE_VARIANT_ADD(device, private) { .private = true };
FIXTURE_VARIANT_ADD(device, shared) { .private = false };

FIXTURE_SETUP(device)
{
	test_gpu_open();
	if (variant->private)
		test_bo_create_private(4 * PAGE_SIZE, &self->bo);
	else
		test_bo_create(4 * PAGE_SIZE, &self->bo);
	self->addr = OBJECT_ADDRESS;
}

FIXTURE_TEARDOWN(device)
{
	close(self->gpu.fd);
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

/* With a batch that runs, jobs that are pending, and the file still open. */
TEST_F(device, taken_away)
{
	const struct drm_i915_gem_timeline_fence done = {
		.handle = self->gpu.timeline, .flags = I915_TIMELINE_FENCE_SIGNAL,
	};
	char name[PATH_SIZE];
	struct spin spin;

	ASSERT_EQ(0, bus_name(self->gpu.fd, name));
	test_vm_bind();
	test_mapped(self->addr, &self->bo, 0);
	test_spin_prepare(&spin);
	test_spin_submit(&spin);
	test_vm_bind(.start = self->addr + self->bo.size, .fence = done);
	test_vm_unbind(.fence = done);

	ASSERT_EQ(0, write_file("/sys/bus/pci/drivers/i915/unbind", name));
	EXPECT_EQ(-ENODEV, __vm_bind());
	EXPECT_EQ(-ENODEV, __vm_unbind());
	EXPECT_EQ(-ENODEV, __execbuffer3());
	close(self->gpu.fd);

	ASSERT_EQ(0, rebind_driver(name));
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
