// SPDX-License-Identifier: MIT
/*
 * The guest, brought to rest: nothing runs but what is measured.
 */
#include <dirent.h>
#include <glob.h>
#include <sched.h>

#include "bench.h"

#define DRI	"/sys/kernel/debug/dri/"

#define DROP_BOUND	"0x2"
#define DROP_RETIRE	"0x4"
#define DROP_REST	"0x54"	/* RETIRE, FREED, IDLE */

static char knob[64];	/* i915_gem_drop_caches */

void tell(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	if (!file || fputs(text, file) < 0 || fclose(file))
		die("cannot write %s to %s: %s", text, path, strerror(errno));
}

static void write_all(const char *pattern, const char *text)
{
	glob_t found;

	if (glob(pattern, 0, NULL, &found))
		die("there is no %s", pattern);
	for (size_t i = 0; i < found.gl_pathc; i++)
		tell(found.gl_pathv[i], text);
	globfree(&found);
}

static void find_knob(void)
{
	glob_t found;

	if (glob(DRI "*/i915_gem_drop_caches", 0, NULL, &found))
		die("there is no " DRI "*/i915_gem_drop_caches");
	snprintf(knob, sizeof(knob), "%s", found.gl_pathv[0]);
	globfree(&found);
}

/* No timer of the driver may look at a batch that waits on purpose. */
void system_init(void)
{
	const struct sched_param priority = { .sched_priority = 50 };

	tell("/proc/sys/kernel/sched_rt_runtime_us", "-1");
	write_all("/sys/class/drm/card*/engine/*/heartbeat_interval_ms", "0");
	write_all("/sys/class/drm/card*/engine/*/preempt_timeout_ms", "0");
	write_all("/sys/class/drm/card*/engine/*/timeslice_duration_ms", "0");
	find_knob();
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		die("mlockall: %s", strerror(errno));
	if (sched_setscheduler(0, SCHED_FIFO, &priority))
		die("SCHED_FIFO: %s", strerror(errno));
}

/*
 * Let the kernel's workers have what they were left, and the GPU fall asleep: it
 * has forgotten then what its TLBs held, and page tables may be used again.
 */
void settle(void)
{
	tell(knob, DROP_REST);
	usleep(50 * 1000);
}

/* Requests that have completed are taken for such. */
void retire(void)
{
	tell(knob, DROP_RETIRE);
}

/* By the shrinker, as under memory pressure; nothing is written out. */
int drop_pages(void)
{
	tell(knob, DROP_BOUND);
	return 0;
}

static bool is_worker(const char *pid)
{
	char path[300], name[8] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (!fgets(name, sizeof(name), file))
		name[0] = 0;
	fclose(file);
	return !strcmp(name, "kworker");
}

/*
 * The time of the kernel's workers in ns, which the scheduler takes from the
 * time stamp counter.
 */
__u64 worker_time(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	__u64 sum = 0;

	if (!proc)
		die("/proc: %s", strerror(errno));
	while ((entry = readdir(proc))) {
		struct timespec time;
		clockid_t clock;

		if (!is_worker(entry->d_name))
			continue;
		if (clock_getcpuclockid(atoi(entry->d_name), &clock) ||
		    clock_gettime(clock, &time))
			continue;
		sum += time.tv_sec * 1000000000ull + time.tv_nsec;
	}
	closedir(proc);
	return sum;
}
