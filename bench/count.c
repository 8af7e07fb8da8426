// SPDX-License-Identifier: MIT
/*
 * Counting: with -icount shift=0 the time stamp counter advances by one for
 * each instruction of the guest, and by nothing else while the CPU is busy.
 */
#include "bench.h"

static __u64 overhead;

__u64 count_overhead(void)
{
	return overhead;
}

static int nothing(void)
{
	return 0;
}

static int loop(unsigned int n)
{
	asm volatile("1: dec %0\n\tjnz 1b" : "+r" (n));
	return 0;
}

/* Two instructions a round, and a few around it */
static void check_counter(void)
{
	const unsigned int rounds = 100000;
	struct samples s = { 0 };
	__u64 count;

	for (unsigned int i = 0; i < 9; i++)
		sample(&s, counted(loop(rounds)));
	count = median(&s);
	if (count < 2 * rounds || count > 2 * rounds + 16)
		die("%u instructions were counted as %llu: not under -icount",
		    2 * rounds, count);
}

void count_init(void)
{
	struct samples s = { 0 };

	for (unsigned int i = 0; i < 99; i++)
		sample(&s, counted(nothing()));
	overhead = median(&s);
	check_counter();
}

void sample(struct samples *s, __u64 value)
{
	if (s->n < MAX_SAMPLES)
		s->value[s->n++] = value;
}

static int compare(const void *a, const void *b)
{
	const __u64 x = *(const __u64 *)a, y = *(const __u64 *)b;

	return x < y ? -1 : x > y;
}

__u64 median(struct samples *s)
{
	if (!s->n)
		die("no samples");
	qsort(s->value, s->n, sizeof(s->value[0]), compare);
	return s->value[s->n / 2];
}

void report(const char *figure, const char *side, __u64 n, __u64 value,
	    const char *unit)
{
	printf("%s\t%s\t%llu\t%llu\t%s\n", figure, side, n, value, unit);
}
