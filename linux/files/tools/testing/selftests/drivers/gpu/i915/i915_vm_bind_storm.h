/* SPDX-License-Identifier: MIT */
/*
 * A storm of signals, at any time, and now and then late enough for whatever
 * is interrupted.
 */
#ifndef __I915_VM_BIND_STORM_H
#define __I915_VM_BIND_STORM_H

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static unsigned int signals_seen;
static unsigned int longest;	/* microseconds between two signals, 0: none */

static inline void next_signal(int signal)
{
	const struct itimerval soon = {
		.it_value.tv_usec = longest ? 1 + rand() % longest : 0,
	};

	signals_seen += signal == SIGALRM;
	setitimer(ITIMER_REAL, &soon, NULL);
}

/* @begin: when something began that takes as long as what is to be interrupted */
static inline int storm_begin(const struct timespec *begin)
{
	const struct sigaction action = { .sa_handler = next_signal };
	struct timespec end;
	long usec;

	clock_gettime(CLOCK_MONOTONIC, &end);
	usec = 100 + (end.tv_sec - begin->tv_sec) * 1000000 +
	       (end.tv_nsec - begin->tv_nsec) / 1000;
	longest = usec < 1000000 ? usec : 999999;
	if (sigaction(SIGALRM, &action, NULL))
		return -errno;
	next_signal(0);
	return 0;
}

static inline void storm_end(void)
{
	longest = 0;
}

#endif
