/* SPDX-License-Identifier: MIT */
/*
 * A fuzzer of VM_BIND, VM_UNBIND, EXECBUFFER3 and what is around them.
 *
 * An input is a string of bytes: eight for each call, the operation and its
 * arguments. Each string means something, as each byte is taken modulo what there
 * is, so that any change of one makes another valid input:
 *
 *   calls.c	the operations, and how an input is run; each is carried out in
 *		spaces.c, objects.c, batches.c or system.c
 *   values.c	what the bytes mean
 *   kernel.c	what the kernel reached (KCOV), and whether it complained
 *   input.c	inputs as text, and how one is made of others
 *   main.c	the loop that keeps what reaches something new, and the replay
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/types.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define PAGE		4096ull

struct call {
	__u8 op;
	__u8 arg[6];
	__u8 bad;	/* below NUM_BAD: one field gets a value that is refused */
};

#define NUM_BAD		32
#define MAX_CALLS	40

struct input {
	unsigned int count;
	struct call calls[MAX_CALLS];
};

/* calls.c */
struct op {
	const char *name;
	unsigned int weight;	/* how often a new call is this one */
};

extern const struct op ops[];
extern const unsigned int num_ops;

void calls_setup(void);
/* In a process of its own. @results: 0 or -errno of each call. */
void calls_run(const struct input *in, int *results);

/* input.c */
#define LINE_SIZE (MAX_CALLS * 40)

unsigned int random_below(unsigned int limit);
void random_seed(__u64 seed);
void input_print(const struct input *in, char *line);
bool input_parse(const char *line, struct input *in);
void input_mutate(struct input *in, const struct input *other);

/* kernel.c */
void kcov_open(void);		/* without KCOV only results of calls can be new */
void kcov_start(void);		/* by the process that is looked at */
void kcov_stop(void);
/* Features of the last run: edges, and results of calls. */
unsigned int features_get(const struct input *in, const int *results,
			  __u32 *features, unsigned int room);
unsigned int kcov_places(void);
void kcov_write_functions(FILE *file);
bool kernel_complained(void);	/* since it was asked last */

#endif
