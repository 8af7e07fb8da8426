// SPDX-License-Identifier: MIT
/*
 * What the bytes of an input mean. A run begins with two clients of the device;
 * the first has an address space, a context on it, an object of four pages with
 * an empty batch at its start, and a syncobj, each in slot 0. What fails leaves
 * its slot alone, and an empty slot is a name that the kernel does not know.
 *
 * `beside` lets the next call run in a second thread, while the input goes on.
 */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <unistd.h>

#include "calls.h"

struct client clients[2], *now = &clients[0];
int pipes[2];

static int do_beside(const struct call *c)
{
	(void)c;
	return 0;
}

static int (*const functions[])(const struct call *c) = {
	do_bind, do_unbind, do_exec, do_object, do_close, do_batch, do_vm,
	do_vm_destroy, do_context, do_context_destroy, do_setparam, do_getparam,
	do_export, do_madvise, do_caching, do_touch, do_exec2, do_sync, do_memory,
	do_shrink, do_reset, do_show, do_client, do_beside,
};

const struct op ops[] = {
	{ "bind", 30 }, { "unbind", 15 }, { "exec", 25 }, { "object", 10 },
	{ "close", 5 }, { "batch", 12 }, { "vm", 4 }, { "vm-destroy", 2 },
	{ "context", 5 }, { "context-destroy", 2 }, { "setparam", 2 },
	{ "getparam", 2 }, { "export", 3 }, { "madvise", 4 }, { "caching", 2 },
	{ "touch", 3 }, { "exec2", 3 }, { "sync", 8 }, { "memory", 6 },
	{ "shrink", 8 }, { "reset", 1 }, { "show", 2 }, { "client", 2 },
	{ "beside", 3 },
};

const unsigned int num_ops = ARRAY_SIZE(ops);

_Static_assert(ARRAY_SIZE(ops) == ARRAY_SIZE(functions), "a function for each");

enum { BESIDE = ARRAY_SIZE(ops) - 1 };

/* The second thread takes one call at a time. */
static struct {
	pthread_t thread;
	bool is_there;
	sem_t work, idle;
	struct call call;
	int *result;
} beside;

static void *beside_run(void *unused)
{
	for (;;) {
		sem_wait(&beside.work);
		if (!beside.result)
			return unused;
		*beside.result = functions[beside.call.op % num_ops](&beside.call);
		sem_post(&beside.idle);
	}
}

static void beside_start(const struct call *call, int *result)
{
	if (!beside.is_there) {
		sem_init(&beside.work, 0, 0);
		sem_init(&beside.idle, 0, 1);
		if (pthread_create(&beside.thread, NULL, beside_run, NULL))
			return;
		beside.is_there = true;
	}
	sem_wait(&beside.idle);
	beside.result = result;
	if (call)
		beside.call = *call;
	sem_post(&beside.work);
}

static void beside_end(void)
{
	if (!beside.is_there)
		return;
	beside_start(NULL, NULL);
	pthread_join(beside.thread, NULL);
}

/* Once, for all runs. */
void calls_setup(void)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;

	if (!system_setup() ||
	    mmap(USER_MEMORY, USER_PAGES * PAGE, PROT_READ | PROT_WRITE, flags, -1, 0) ==
	    MAP_FAILED) {
		fprintf(stderr, "no i915, or not root\n");
		exit(1);
	}
}

static void begin(void)
{
	static const struct call first[] = {
		{ .bad = 0xff }, { .arg = { 0, 0x25 }, .bad = 0xff },
		{ .bad = 0xff }, { .bad = 0xff }, { .bad = 0xff },
	};

	clients[0].fd = open_device();
	clients[1].fd = open_device();
	if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK) || clients[0].fd < 0 || do_vm(&first[0]) || do_object(&first[1]) ||
	    do_batch(&first[2]) || do_context(&first[3]) || do_sync(&first[4]))
		_exit(2);
}

static void end(void)
{
	beside_end();
	batches_end();
	close(clients[0].fd);
	close(clients[1].fd);
}

void calls_run(const struct input *in, int *results)
{
	begin();
	for (unsigned int i = 0; i < in->count; i++) {
		const struct call *call = &in->calls[i];

		if (call->op % num_ops == BESIDE && i + 1 < in->count) {
			i++;
			beside_start(&in->calls[i], &results[i]);
			continue;
		}
		results[i] = functions[call->op % num_ops](call);
	}
	end();
}
