// SPDX-License-Identifier: MIT
/*
 * bench TOPIC...: measures, and prints a line for each figure.
 */
#include "bench.h"

int gpu;

/* Kept to the end: a write waits for the host, who takes his time. */
static char output[KIB(64)];

static const struct {
	const char *name;
	void (*run)(void);
} topics[] = {
	{ "floors", bench_floors },
	{ "submit", bench_submit },
	{ "fences", bench_fences },
	{ "bind", bench_bind },
	{ "size", bench_size },
	{ "scale", bench_scale },
	{ "evict", bench_evict },
	{ "memory", bench_memory },
};

static void run_topic(const char *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(topics); i++) {
		if (strcmp(topics[i].name, name))
			continue;
		topics[i].run();
		return;
	}
	die("no such topic: %s", name);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		die("usage: bench TOPIC...");
	setvbuf(stdout, output, _IOFBF, sizeof(output));
	gpu = open_i915();
	if (gpu < 0)
		die("no i915 device");
	system_init();
	count_init();
	for (int i = 1; i < argc; i++)
		run_topic(argv[i]);
	return 0;
}
