// SPDX-License-Identifier: MIT
/*
 * fuzz run SECONDS CORPUS RESULTS [SEED]
 * fuzz replay|show CORPUS
 *
 * run: changes inputs of the corpus, and keeps what reaches an edge, or a result
 * of a call, that none did before; twice, and as short as it can be made. Writes
 * what is kept to RESULTS/corpus, what was counted to RESULTS/counts, and which
 * places it came by to RESULTS/functions. Each input is in RESULTS/recent-N before
 * it runs, so that those that ended the guest are known.
 *
 * replay: runs each input of the corpus once. show: and says what each call returned.
 *
 * Either ends with 3 where the kernel complained, or a process cannot be ended.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define MAX_INPUTS	4096
#define MAX_FEATURES	(1u << 18)
#define FEATURE_BITS	24
#define NUM_RECENT	16
#define KEEP_MS		1500	/* what takes longer is not worth a place */
#define LATE_MS		15000
#define STUCK_MS	120000
#define NOT_RUN		1	/* the result of a call */

enum outcome { ENDED, LATE, BROKEN };

static struct input corpus[MAX_INPUTS];
static unsigned int num_inputs;
static __u8 seen[(1u << FEATURE_BITS) / 8];
static unsigned int num_seen;
static __u32 found[MAX_FEATURES];	/* by the last run */
static unsigned int num_found;
static int *results;			/* shared with the runs */
static const char *results_dir;
static unsigned long executions, late, broken;
static unsigned int last_ms;
static unsigned long started;

static unsigned long now_ms(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec * 1000ul + at.tv_nsec / 1000000;
}

static bool is_in(const __u8 *set, __u32 feature)
{
	return set[feature / 8] & 1u << feature % 8;
}

static void see(__u32 feature)
{
	num_seen += !is_in(seen, feature);
	seen[feature / 8] |= 1u << feature % 8;
}

static void see_all(void)
{
	for (unsigned int i = 0; i < num_found; i++)
		see(found[i]);
}

/* For when the guest does not live to tell. */
static void record(const struct input *in)
{
	char path[256], line[LINE_SIZE];
	int fd;

	if (!results_dir)
		return;
	input_print(in, line);
	strcat(line, "\n");
	snprintf(path, sizeof(path), "%s/recent-%02lu", results_dir,
		 executions % NUM_RECENT);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_SYNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, line, strlen(line)) != (ssize_t)strlen(line)) {
		perror(path);
		exit(1);
	}
	close(fd);
}

static void show(const struct input *in)
{
	for (unsigned int i = 0; i < in->count; i++) {
		printf("%s%s ", i ? ", " : "", ops[in->calls[i].op % num_ops].name);
		if (results[i] == NOT_RUN)
			printf("-");
		else
			printf("%d", results[i]);
	}
	printf(" (%u ms)\n", last_ms);
}

static void complain(const struct input *in, const char *what)
{
	char line[LINE_SIZE];

	input_print(in, line);
	printf("%s: %s\n", what, line);
	show(in);
	fflush(stdout);
}

static bool wait_for(int pidfd, int ms)
{
	struct pollfd poll_for = { .fd = pidfd, .events = POLLIN };

	return poll(&poll_for, 1, ms) == 1;
}

static void write_results(void);

/* Something is wrong with the kernel: nothing more is learned from this guest. */
static void give_up(const struct input *in, const char *why)
{
	complain(in, why);
	if (results_dir)
		write_results();
	exit(3);
}

static enum outcome wait_for_end(const struct input *in, pid_t pid)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0), status;
	enum outcome outcome = ENDED;

	if (!wait_for(pidfd, LATE_MS)) {
		outcome = LATE;
		kill(pid, SIGKILL);
		if (!wait_for(pidfd, STUCK_MS))
			give_up(in, "cannot be ended");
	}
	close(pidfd);
	waitpid(pid, &status, 0);
	if (outcome == ENDED && (!WIFEXITED(status) || WEXITSTATUS(status)))
		outcome = BROKEN;
	return outcome;
}

/* What it reached is in @found. */
static enum outcome run(const struct input *in)
{
	unsigned long start = now_ms();
	enum outcome outcome;
	pid_t pid;

	record(in);
	executions++;
	for (unsigned int i = 0; i < MAX_CALLS; i++)
		results[i] = NOT_RUN;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		kcov_start();
		calls_run(in, results);
		kcov_stop();
		_exit(0);
	}
	if (pid < 0) {
		perror("fork");
		exit(1);
	}
	outcome = wait_for_end(in, pid);
	last_ms = now_ms() - start;
	late += outcome == LATE;
	broken += outcome == BROKEN;
	if (outcome != ENDED)
		complain(in, outcome == LATE ? "late" : "broken");
	num_found = features_get(in, results, found, MAX_FEATURES);
	if (kernel_complained())
		give_up(in, "the kernel complained");
	return outcome;
}

static bool corpus_read(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[LINE_SIZE];
	bool good = file;

	while (good && fgets(line, sizeof(line), file)) {
		if (*line == '#' || *line == '\n')
			continue;
		good = num_inputs < MAX_INPUTS &&
		       input_parse(line, &corpus[num_inputs++]);
		if (!good)
			fprintf(stderr, "%s: no input: %s", path, line);
	}
	if (!file)
		perror(path);
	else
		fclose(file);
	return good;
}

static FILE *result_open(const char *name)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s.new", results_dir, name);
	file = fopen(path, "w");
	if (!file) {
		perror(path);
		exit(1);
	}
	return file;
}

static void result_close(FILE *file, const char *name)
{
	char from[256], to[256];

	snprintf(from, sizeof(from), "%s/%s.new", results_dir, name);
	snprintf(to, sizeof(to), "%s/%s", results_dir, name);
	if (fclose(file) || rename(from, to)) {
		perror(to);
		exit(1);
	}
}

static void write_results(void)
{
	char line[LINE_SIZE];
	FILE *file = result_open("corpus");

	for (unsigned int i = 0; i < num_inputs; i++) {
		input_print(&corpus[i], line);
		fprintf(file, "%s\n", line);
	}
	result_close(file, "corpus");

	file = result_open("counts");
	fprintf(file, "seconds\t%lu\nexecutions\t%lu\nlate\t%lu\nbroken\t%lu\n"
		"inputs\t%u\nfeatures\t%u\nplaces\t%u\n", (now_ms() - started) / 1000, executions,
		late, broken, num_inputs, num_seen, kcov_places());
	result_close(file, "counts");

	file = result_open("functions");
	kcov_write_functions(file);
	result_close(file, "functions");
}

/* Leaves those of @wanted that the last run has, and says how many. */
static unsigned int keep_found(__u32 *wanted, unsigned int count)
{
	static __u8 has[sizeof(seen)];
	unsigned int n = 0;

	for (unsigned int i = 0; i < num_found; i++)
		has[found[i] / 8] |= 1u << found[i] % 8;
	for (unsigned int i = 0; i < count; i++)
		if (is_in(has, wanted[i]))
			wanted[n++] = wanted[i];
	for (unsigned int i = 0; i < num_found; i++)
		has[found[i] / 8] = 0;
	return n;
}

/* New features that a second run reaches as well: what is left came by chance. */
static unsigned int stable_features(const struct input *in, __u32 *stable)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < num_found; i++)
		if (!is_in(seen, found[i]))
			stable[count++] = found[i];
	see_all();
	if (!count || run(in) != ENDED)
		return 0;
	return keep_found(stable, count);
}

/* Leaves calls out, halves first, as long as the features stay. */
static void minimise(struct input *in, const __u32 *stable, unsigned int count)
{
	static __u32 wanted[MAX_FEATURES];

	for (unsigned int chunk = in->count / 2; chunk; chunk /= 2) {
		for (unsigned int at = 0; at + chunk <= in->count;) {
			struct input shorter = *in;

			memmove(&shorter.calls[at], &shorter.calls[at + chunk],
				(in->count - at - chunk) * sizeof(struct call));
			shorter.count -= chunk;
			memcpy(wanted, stable, count * sizeof(*stable));
			if (shorter.count && run(&shorter) == ENDED &&
			    keep_found(wanted, count) == count)
				*in = shorter;
			else
				at += chunk;
		}
	}
}

static void try_input(struct input *in)
{
	static __u32 stable[MAX_FEATURES];
	static struct input kept;
	unsigned int count;
	bool fast;

	if (run(in) != ENDED)
		return;
	fast = last_ms <= KEEP_MS;
	count = stable_features(in, stable);
	see_all();
	if (!count || !fast || num_inputs == MAX_INPUTS)
		return;
	kept = *in;
	minimise(&kept, stable, count);
	corpus[num_inputs++] = kept;
}

static int by_size(const void *a, const void *b)
{
	return (int)((const struct input *)a)->count - (int)((const struct input *)b)->count;
}

/* The short ones first, so that the long ones have to be worth it. */
static void trim_corpus(void)
{
	unsigned int kept = 0;

	qsort(corpus, num_inputs, sizeof(corpus[0]), by_size);
	for (unsigned int i = 0; i < num_inputs; i++) {
		unsigned int before = num_seen;

		if (run(&corpus[i]) != ENDED)
			continue;
		see_all();
		if (num_seen > before)
			corpus[kept++] = corpus[i];
	}
	num_inputs = kept;
}

/* Half of the time one of the newest. */
static unsigned int choose(void)
{
	unsigned int newest = num_inputs < 32 ? num_inputs : 32;

	return random_below(2) ? random_below(num_inputs) :
	       num_inputs - 1 - random_below(newest);
}

static int fuzz(unsigned long seconds)
{
	unsigned long written = now_ms();

	trim_corpus();
	while (now_ms() - started < seconds * 1000) {
		struct input in = corpus[choose()];

		input_mutate(&in, &corpus[choose()]);
		try_input(&in);
		if (now_ms() - written > 30000) {
			written = now_ms();
			write_results();
			printf("%lu s: %lu executions, %u inputs, %u features, %u places, %lu late\n",
			       (written - started) / 1000, executions, num_inputs,
			       num_seen, kcov_places(), late);
		}
	}
	write_results();
	return 0;
}

static int replay(bool verbose)
{
	unsigned int replayed = 0;

	for (unsigned int i = 0; i < num_inputs; i++) {
		enum outcome outcome = run(&corpus[i]);

		if (verbose && outcome == ENDED)
			show(&corpus[i]);
		replayed += outcome == ENDED;
	}
	printf("%u of %u replayed\n", replayed, num_inputs);
	return replayed == num_inputs ? 0 : 1;
}

int main(int argc, char **argv)
{
	bool is_run = argc >= 5 && !strcmp(argv[1], "run");
	bool is_show = argc == 3 && !strcmp(argv[1], "show");

	if (!is_run && !is_show && (argc != 3 || strcmp(argv[1], "replay"))) {
		fprintf(stderr, "fuzz run SECONDS CORPUS RESULTS [SEED], or fuzz replay|show CORPUS\n");
		return 2;
	}
	setrlimit(RLIMIT_CORE, &(struct rlimit) { 0, 0 });
	random_seed(argc > 5 ? strtoull(argv[5], NULL, 0) : (__u64)time(NULL));
	results = mmap(NULL, MAX_CALLS * sizeof(*results), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (results == MAP_FAILED || !corpus_read(argv[is_run ? 3 : 2]) || !num_inputs)
		return 1;
	calls_setup();
	kernel_complained(); /* from here on */
	started = now_ms();
	if (!is_run)
		return replay(is_show);
	results_dir = argv[4];
	kcov_open();
	return fuzz(strtoul(argv[2], NULL, 0));
}
