// SPDX-License-Identifier: MIT
/*
 * Mesa's Vulkan driver on the emulated GPU, as far as no shader and no draw is needed: timestamps, copied to a buffer by
 * the GPU, events in both directions, and a timeline semaphore. Nothing here is of this project but the expectations: the
 * batches are Mesa's. Prints TAP; fails if the only device is a CPU.
 *
 * Left out: vkCmdFillBuffer, vkCmdUpdateBuffer and vkCmdCopyBuffer, which Mesa does by drawing on this GPU.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vulkan/vulkan.h>

#define INTEL 0x8086
#define QUERIES 4
#define SECOND_NS 1000000000ull

static VkDevice device;
static VkPhysicalDevice physical;
static VkQueue queue;
static VkCommandPool pool;
static unsigned int points;

static void must(VkResult result, const char *what)
{
	if (result == VK_SUCCESS)
		return;
	printf("Bail out! %s: VkResult %d\n", what, result);
	exit(1);
}

static bool check(bool ok, const char *format, ...)
{
	va_list args;

	printf("%sok %u ", ok ? "" : "not ", ++points);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	return ok;
}

/* The first device of Intel's; there is a software device beside it. */
static void open_device(VkPhysicalDeviceProperties *properties)
{
	const float priority = 1;
	VkApplicationInfo application = {
		.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO, .apiVersion = VK_API_VERSION_1_2,
	};
	VkInstanceCreateInfo instance_info = {
		.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, .pApplicationInfo = &application,
	};
	VkDeviceQueueCreateInfo queue_info = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO, .queueCount = 1, .pQueuePriorities = &priority,
	};
	VkPhysicalDeviceVulkan12Features features = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES, .timelineSemaphore = VK_TRUE,
	};
	const char *extension = VK_EXT_CALIBRATED_TIMESTAMPS_EXTENSION_NAME;
	VkDeviceCreateInfo device_info = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO, .pNext = &features, .queueCreateInfoCount = 1,
		.pQueueCreateInfos = &queue_info, .enabledExtensionCount = 1, .ppEnabledExtensionNames = &extension,
	};
	VkCommandPoolCreateInfo pool_info = { .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO };
	VkPhysicalDevice devices[8];
	uint32_t count = 8, i;
	VkInstance instance;

	must(vkCreateInstance(&instance_info, NULL, &instance), "vkCreateInstance");
	must(vkEnumeratePhysicalDevices(instance, &count, devices), "vkEnumeratePhysicalDevices");
	for (i = 0; i < count; i++) {
		vkGetPhysicalDeviceProperties(devices[i], properties);
		if (properties->vendorID == INTEL)
			break;
	}
	if (i == count) {
		printf("Bail out! no device of Intel's among %u\n", count);
		exit(1);
	}
	physical = devices[i];
	must(vkCreateDevice(physical, &device_info, NULL, &device), "vkCreateDevice");
	vkGetDeviceQueue(device, 0, 0, &queue);
	must(vkCreateCommandPool(device, &pool_info, NULL, &pool), "vkCreateCommandPool");
}

static VkCommandBuffer begin(void)
{
	VkCommandBufferAllocateInfo info = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO, .commandPool = pool,
		.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY, .commandBufferCount = 1,
	};
	VkCommandBufferBeginInfo begin_info = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO };
	VkCommandBuffer commands;

	must(vkAllocateCommandBuffers(device, &info, &commands), "vkAllocateCommandBuffers");
	must(vkBeginCommandBuffer(commands, &begin_info), "vkBeginCommandBuffer");
	return commands;
}

/* Ends the commands and submits them; the fence tells of their end. */
static VkFence submit(VkCommandBuffer commands, const void *next, VkSemaphore signal)
{
	VkFenceCreateInfo fence_info = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };
	VkSubmitInfo info = {
		.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .pNext = next, .commandBufferCount = 1, .pCommandBuffers = &commands,
		.signalSemaphoreCount = signal != VK_NULL_HANDLE, .pSignalSemaphores = &signal,
	};
	VkFence fence;

	must(vkEndCommandBuffer(commands), "vkEndCommandBuffer");
	must(vkCreateFence(device, &fence_info, NULL, &fence), "vkCreateFence");
	must(vkQueueSubmit(queue, 1, &info, fence), "vkQueueSubmit");
	return fence;
}

static bool ends(VkFence fence)
{
	return vkWaitForFences(device, 1, &fence, VK_TRUE, 20 * SECOND_NS) == VK_SUCCESS;
}

static VkQueryPool query_pool(void)
{
	VkQueryPoolCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO, .queryType = VK_QUERY_TYPE_TIMESTAMP, .queryCount = QUERIES,
	};
	VkQueryPool queries;

	must(vkCreateQueryPool(device, &info, NULL, &queries), "vkCreateQueryPool");
	return queries;
}

/* A buffer in memory that the CPU sees, filled with a pattern that no timestamp is */
static VkBuffer mapped_buffer(VkDeviceSize bytes, uint64_t **map)
{
	VkBufferCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, .size = bytes, .usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT,
	};
	VkMemoryAllocateInfo allocate = { .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO };
	const VkMemoryPropertyFlags wanted = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
	VkPhysicalDeviceMemoryProperties memory;
	VkMemoryRequirements needs;
	VkDeviceMemory pages;
	VkBuffer buffer;
	uint32_t i;

	must(vkCreateBuffer(device, &info, NULL, &buffer), "vkCreateBuffer");
	vkGetBufferMemoryRequirements(device, buffer, &needs);
	vkGetPhysicalDeviceMemoryProperties(physical, &memory);
	for (i = 0; i < memory.memoryTypeCount; i++)
		if (needs.memoryTypeBits & 1u << i && (memory.memoryTypes[i].propertyFlags & wanted) == wanted)
			break;
	allocate.allocationSize = needs.size;
	allocate.memoryTypeIndex = i;
	must(vkAllocateMemory(device, &allocate, NULL, &pages), "vkAllocateMemory");
	must(vkBindBufferMemory(device, buffer, pages, 0), "vkBindBufferMemory");
	must(vkMapMemory(device, pages, 0, VK_WHOLE_SIZE, 0, (void **)map), "vkMapMemory");
	memset(*map, 0xa5, bytes);
	return buffer;
}

/* The GPU's clock, read by the CPU through the kernel */
static uint64_t gpu_clock(void)
{
	PFN_vkGetCalibratedTimestampsEXT get = (PFN_vkGetCalibratedTimestampsEXT)
		vkGetDeviceProcAddr(device, "vkGetCalibratedTimestampsEXT");
	VkCalibratedTimestampInfoEXT info = {
		.sType = VK_STRUCTURE_TYPE_CALIBRATED_TIMESTAMP_INFO_EXT, .timeDomain = VK_TIME_DOMAIN_DEVICE_EXT,
	};
	uint64_t clock, deviation;

	if (!get) {
		printf("Bail out! no vkGetCalibratedTimestampsEXT\n");
		exit(1);
	}
	must(get(device, 1, &info, &clock, &deviation), "vkGetCalibratedTimestampsEXT");
	return clock;
}

static void write_timestamps(VkCommandBuffer commands, VkQueryPool queries)
{
	uint32_t i;

	vkCmdResetQueryPool(commands, queries, 0, QUERIES);
	for (i = 0; i < QUERIES; i++)
		vkCmdWriteTimestamp(commands, i % 2 ? VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT : VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT,
				    queries, i);
}

/* Twice, so that the second time finds the results of the first, which it has to make unavailable. */
static bool timestamps(void)
{
	VkQueryPool queries = query_pool();
	uint64_t before, after, *copy, found[QUERIES][2];
	VkBuffer buffer = mapped_buffer(QUERIES * sizeof(found[0]), &copy);
	bool ok = true;
	uint32_t round, i;

	for (round = 0; round < 2; round++) {
		const char *name = round ? "again: " : "";
		VkCommandBuffer commands = begin();
		bool ascend = true, same;

		write_timestamps(commands, queries);
		vkCmdCopyQueryPoolResults(commands, queries, 0, QUERIES, buffer, 0, sizeof(found[0]),
					  VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT |
					  VK_QUERY_RESULT_WITH_AVAILABILITY_BIT);
		before = gpu_clock();
		ok &= check(ends(submit(commands, NULL, VK_NULL_HANDLE)), "%sthe fence signals", name);
		after = gpu_clock();
		memset(found, 0, sizeof(found));
		ok &= check(vkGetQueryPoolResults(device, queries, 0, QUERIES, sizeof(found), found, sizeof(found[0]),
						  VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WITH_AVAILABILITY_BIT) ==
			    VK_SUCCESS, "%sall timestamps are there", name);
		for (i = 0; i < QUERIES; i++)
			ascend &= found[i][1] && found[i][0] && (!i || found[i][0] >= found[i - 1][0]);
		ok &= check(ascend && found[QUERIES - 1][0] > found[0][0], "%sthey are not zero, and ascend", name);
		ok &= check(before <= found[0][0] && found[QUERIES - 1][0] <= after,
			    "%sthey lie between readings of the clock before and after", name);
		same = !memcmp(copy, found, sizeof(found));
		ok &= check(same, "%sthe GPU's copy of them is the same", name);
		if (!ok)
			printf("# clock %#lx, found %#lx %#lx %#lx %#lx, clock %#lx\n", before, found[0][0], found[1][0],
			       found[2][0], found[3][0], after);
	}
	return ok;
}

/* The GPU waits for an event of the CPU's, in a semaphore wait, and sets one that the CPU sees. */
static bool events(void)
{
	VkEventCreateInfo info = { .sType = VK_STRUCTURE_TYPE_EVENT_CREATE_INFO };
	VkCommandBuffer commands = begin();
	VkEvent go, gone;
	VkFence fence;
	bool ok = true;

	must(vkCreateEvent(device, &info, NULL, &go), "vkCreateEvent");
	must(vkCreateEvent(device, &info, NULL, &gone), "vkCreateEvent");
	vkCmdWaitEvents(commands, 1, &go, VK_PIPELINE_STAGE_HOST_BIT, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, NULL, 0, NULL,
			0, NULL);
	vkCmdSetEvent(commands, gone, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT);
	fence = submit(commands, NULL, VK_NULL_HANDLE);
	usleep(100000);
	ok &= check(vkGetFenceStatus(device, fence) == VK_NOT_READY && vkGetEventStatus(device, gone) == VK_EVENT_RESET,
		    "the GPU waits for the CPU's event");
	must(vkSetEvent(device, go), "vkSetEvent");
	ok &= check(ends(fence), "it goes on when the event is set");
	ok &= check(vkGetEventStatus(device, gone) == VK_EVENT_SET, "its own event is set");
	return ok;
}

/* A submission waits for the CPU to advance a timeline, and advances it itself. */
static bool timeline(void)
{
	VkSemaphoreTypeCreateInfo type = {
		.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO, .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
	};
	VkSemaphoreCreateInfo info = { .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO, .pNext = &type };
	const uint64_t point = 7;
	VkTimelineSemaphoreSubmitInfo signals = {
		.sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO, .signalSemaphoreValueCount = 1,
		.pSignalSemaphoreValues = &point,
	};
	VkQueryPool queries = query_pool();
	VkCommandBuffer commands = begin();
	VkSemaphore semaphore;
	VkSemaphoreWaitInfo wait = {
		.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO, .semaphoreCount = 1, .pSemaphores = &semaphore,
		.pValues = &point,
	};
	uint64_t value = 0;
	bool ok = true;

	must(vkCreateSemaphore(device, &info, NULL, &semaphore), "vkCreateSemaphore");
	write_timestamps(commands, queries);
	submit(commands, &signals, semaphore);
	ok &= check(vkWaitSemaphores(device, &wait, 20 * SECOND_NS) == VK_SUCCESS, "a point of a timeline is reached");
	must(vkGetSemaphoreCounterValue(device, semaphore, &value), "vkGetSemaphoreCounterValue");
	ok &= check(value == point, "the timeline stands at %lu, expected %lu", value, point);
	return ok;
}

int main(void)
{
	VkPhysicalDeviceProperties properties;
	bool ok = true;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n1..17\n");
	open_device(&properties);
	ok &= check(properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU, "device: %s", properties.deviceName);
	ok &= check(properties.limits.timestampPeriod > 52 && properties.limits.timestampPeriod < 52.2f,
		    "a tick is 52.08 ns: 19.2 MHz");
	ok &= timestamps();
	ok &= events();
	ok &= timeline();
	return !ok;
}
