// SPDX-License-Identifier: MIT
/*
 * What the kernel reached while it served one process, by KCOV: the places in the
 * order in which it came by them. Two in a row are an edge. And what it said in
 * its log.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/kcov.h>

#include "fuzz.h"

#define TRACE_SIZE	(1u << 18)
#define PLACES		(1u << 16)

static int kcov = -1;
static unsigned long *trace;	/* how many, and then each */
static unsigned long places[PLACES];
static unsigned int num_places;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

void kcov_open(void)
{
	kcov = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	if (kcov < 0)
		return;
	if (ioctl(kcov, KCOV_INIT_TRACE, TRACE_SIZE))
		die("KCOV_INIT_TRACE");
	trace = mmap(NULL, TRACE_SIZE * sizeof(*trace), PROT_READ | PROT_WRITE,
		     MAP_SHARED, kcov, 0);
	if (trace == MAP_FAILED)
		die("mmap of KCOV");
}

void kcov_start(void)
{
	if (!trace)
		return;
	__atomic_store_n(&trace[0], 0, __ATOMIC_RELAXED);
	if (ioctl(kcov, KCOV_ENABLE, KCOV_TRACE_PC))
		die("KCOV_ENABLE");
}

void kcov_stop(void)
{
	if (trace && ioctl(kcov, KCOV_DISABLE, 0))
		die("KCOV_DISABLE");
}

static void add_place(unsigned long pc)
{
	unsigned int at = (pc * 0x9e3779b97f4a7c15ull >> 40) % PLACES;

	while (places[at] && places[at] != pc)
		at = (at + 1) % PLACES;
	if (!places[at] && num_places < PLACES / 2) {
		places[at] = pc;
		num_places++;
	}
}

unsigned int kcov_places(void)
{
	return num_places;
}

static __u32 feature(__u64 a, __u64 b)
{
	__u64 hash = a * 0x9e3779b97f4a7c15ull ^ (b + 0x7f4a7c15) * 0xd1b54a32d192ed03ull;

	return (hash ^ hash >> 29) * 0xbf58476d1ce4e5b9ull >> 40;
}

/* 24 bits each. Some are there more than once. */
unsigned int features_get(const struct input *in, const int *results,
			  __u32 *features, unsigned int room)
{
	unsigned long count = trace ? trace[0] : 0, last = 0;
	unsigned int n = 0;

	for (unsigned int i = 0; i < in->count && n < room; i++)
		features[n++] = feature(in->calls[i].op % num_ops, results[i]);
	for (unsigned long i = 1; i <= count && n < room; i++) {
		add_place(trace[i]);
		features[n++] = feature(last, trace[i]);
		last = trace[i];
	}
	return n;
}

struct symbol {
	unsigned long address;
	char name[64];
	unsigned int places;
};

static int by_address(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

/* How many places of each function of i915 were reached. */
void kcov_write_functions(FILE *out)
{
	FILE *file = fopen("/proc/kallsyms", "r");
	struct symbol *symbols = NULL, *s;
	unsigned int count = 0;
	char line[512], type;

	while (file && fgets(line, sizeof(line), file)) {
		if (!strstr(line, "[i915]"))
			continue;
		if (count % 1024 == 0)
			symbols = realloc(symbols, (count + 1024) * sizeof(*symbols));
		s = &symbols[count];
		s->places = 0;
		if (sscanf(line, "%lx %c %63s", &s->address, &type, s->name) == 3 &&
		    strchr("tT", type))
			count++;
	}
	if (file)
		fclose(file);
	qsort(symbols, count, sizeof(*symbols), by_address);
	for (unsigned int i = 0; i < PLACES; i++) {
		unsigned int low = 0, high = count, middle;

		while (low < high) { /* to the first one behind */
			middle = (low + high) / 2;
			if (symbols[middle].address <= places[i])
				low = middle + 1;
			else
				high = middle;
		}
		if (low)
			symbols[low - 1].places++;
	}
	for (s = symbols; s < symbols + count; s++)
		if (s->places)
			fprintf(out, "%s\t%u\n", s->name, s->places);
	free(symbols);
}

/* As scripts/lib/verdict has them; that one has the last word. */
static const char *const complaints[] = {
	"WARNING: ", "BUG: ", "kernel BUG at", "Oops", "KASAN", "UBSAN", "ODEBUG:",
	"refcount_t:", "INFO: possible", "inconsistent lock", "suspicious RCU",
	"bad unlock balance", "held lock freed", "DEBUG_LOCKS_WARN_ON",
	"scheduling while atomic", "sleeping function", "blocked for more than",
	"soft lockup", "GEM_BUG_ON", "corruption", "Bad page state", "Call Trace",
	"invalid wait context",
};

bool kernel_complained(void)
{
	static int log = -1;
	char line[8192];
	bool complained = false;
	ssize_t size;

	if (log < 0) {
		log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (log < 0)
			die("/dev/kmsg");
		lseek(log, 0, SEEK_END);
	}
	/* EPIPE: the kernel was faster, and it goes on with what is left. */
	while ((size = read(log, line, sizeof(line) - 1)) > 0 || errno == EPIPE) {
		line[size > 0 ? size : 0] = 0;
		for (unsigned int i = 0; i < ARRAY_SIZE(complaints); i++)
			complained |= !!strstr(line, complaints[i]);
	}
	return complained;
}
