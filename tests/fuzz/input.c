// SPDX-License-Identifier: MIT
/*
 * Inputs as text, a line each: `bind:041009000000ff exec3:00100000000000ff`, where
 * the digits are the arguments and what is bad. Names, so that a new operation
 * leaves old inputs as they are.
 */
#include "fuzz.h"

static __u64 state = 1;

void random_seed(__u64 seed)
{
	state = seed * 0x9e3779b97f4a7c15ull | 1;
}

unsigned int random_below(unsigned int limit)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 20) % limit;
}

void input_print(const struct input *in, char *line)
{
	*line = 0;
	for (unsigned int i = 0; i < in->count; i++) {
		const struct call *call = &in->calls[i];

		line += sprintf(line, "%s%s:", i ? " " : "",
				ops[call->op % num_ops].name);
		for (unsigned int n = 0; n < ARRAY_SIZE(call->arg); n++)
			line += sprintf(line, "%02x", call->arg[n]);
		line += sprintf(line, "%02x", call->bad);
	}
}

static bool call_parse(const char *word, struct call *call)
{
	const char *digits = strchr(word, ':');
	__u8 *bytes = call->arg;
	int end = 0;

	if (!digits)
		return false;
	for (call->op = 0; call->op < num_ops; call->op++) {
		const char *name = ops[call->op].name;

		if (strlen(name) == (size_t)(digits - word) &&
		    !strncmp(name, word, digits - word))
			break;
	}
	return call->op < num_ops &&
	       sscanf(digits, ":%2hhx%2hhx%2hhx%2hhx%2hhx%2hhx%2hhx%n",
		      &bytes[0], &bytes[1], &bytes[2], &bytes[3], &bytes[4],
		      &bytes[5], &call->bad, &end) == 7 &&
	       !digits[end];
}

bool input_parse(const char *line, struct input *in)
{
	char copy[LINE_SIZE], *rest = copy, *word;

	if (strlen(line) >= sizeof(copy))
		return false;
	strcpy(copy, line);
	in->count = 0;
	while ((word = strsep(&rest, " \n"))) {
		if (!*word)
			continue;
		if (in->count == MAX_CALLS ||
		    !call_parse(word, &in->calls[in->count++]))
			return false;
	}
	return in->count > 0;
}

static unsigned int random_op(void)
{
	unsigned int sum = 0, n, op;

	for (op = 0; op < num_ops; op++)
		sum += ops[op].weight;
	n = random_below(sum);
	for (op = 0; n >= ops[op].weight; op++)
		n -= ops[op].weight;
	return op;
}

static __u8 random_byte(void)
{
	return random_below(2) ? random_below(256) : random_below(4);
}

/* Half of the new calls are about what another call is about. */
static struct call random_call(const struct input *in)
{
	struct call call = { .op = random_op() };

	if (in->count && random_below(2))
		memcpy(call.arg, in->calls[random_below(in->count)].arg,
		       sizeof(call.arg));
	else
		for (unsigned int i = 0; i < ARRAY_SIZE(call.arg); i++)
			call.arg[i] = random_byte();
	call.bad = random_below(8) ? 0xff : random_below(NUM_BAD);
	return call;
}

static void insert(struct input *in, unsigned int at, struct call call)
{
	if (in->count == MAX_CALLS)
		in->count--;
	if (at > in->count)
		at = in->count;
	memmove(&in->calls[at + 1], &in->calls[at],
		(in->count - at) * sizeof(call));
	in->calls[at] = call;
	in->count++;
}

static void delete(struct input *in, unsigned int at)
{
	if (in->count < 2)
		return;
	in->count--;
	memmove(&in->calls[at], &in->calls[at + 1],
		(in->count - at) * sizeof(in->calls[0]));
}

/* The first calls of one, and the last ones of the other. */
static void splice(struct input *in, const struct input *other)
{
	unsigned int from = random_below(other->count);

	in->count = random_below(in->count + 1);
	while (from < other->count && in->count < MAX_CALLS)
		in->calls[in->count++] = other->calls[from++];
}

static void change(struct call *call, const struct input *in)
{
	unsigned int n = random_below(ARRAY_SIZE(call->arg));

	switch (random_below(6)) {
	case 0: call->arg[n] = random_byte(); break;
	case 1: call->arg[n] ^= 1u << random_below(8); break;
	case 2: call->arg[n] += random_below(2) ? 1 : -1; break;
	case 3: call->arg[n] = in->calls[random_below(in->count)].arg[n]; break;
	case 4: call->bad = random_below(2) ? 0xff : random_below(NUM_BAD); break;
	default: call->op = random_op(); break;
	}
}

static void mutate_once(struct input *in, const struct input *other)
{
	unsigned int at = random_below(in->count);

	switch (random_below(10)) {
	case 0 ... 3: insert(in, random_below(in->count + 1), random_call(in)); break;
	case 4: delete(in, at); break;
	case 5: insert(in, random_below(in->count + 1), in->calls[at]); break;
	case 6: splice(in, other); break;
	default: change(&in->calls[at], in); break;
	}
}

void input_mutate(struct input *in, const struct input *other)
{
	unsigned int times = 1 + random_below(6);

	while (times--)
		mutate_once(in, other);
}
