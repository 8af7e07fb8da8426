// SPDX-License-Identifier: MIT
/*
 * Which physical memory the kernel hands out next: how many runs an object's
 * pages are must not depend on what the guest did before.
 *
 * All free memory in huge pages is taken, and given back in the order that the
 * object shall get it: the kernel takes first what was freed last.
 */
#include "bench.h"

#define HUGE_SIZE	MIB(2)
#define FRAMES		(HUGE_SIZE / PAGE_SIZE)
#define LEFT		32	/* huge pages that are not taken */
#define ANON_HUGE	"/sys/kernel/mm/transparent_hugepage/enabled"

struct chunk {
	char *map;
	__u64 frame;
};

static struct chunk *chunks;
static size_t num_chunks;

/*
 * The free pages, in huge pages or in smaller blocks. /proc/buddyinfo has the
 * numbers of free blocks of 1, 2, 4 ... pages of each zone.
 */
static size_t count_free(bool huge)
{
	FILE *file = fopen("/proc/buddyinfo", "r");
	unsigned long blocks;
	size_t pages = 0;

	if (!file)
		die("/proc/buddyinfo: %s", strerror(errno));
	while (fscanf(file, "Node %*d, zone %*s") != EOF)
		for (size_t size = 1; fscanf(file, "%lu", &blocks) == 1; size *= 2)
			if ((size >= FRAMES) == huge)
				pages += blocks * size;
	fclose(file);
	return pages;
}

/* 0 where it is not a huge page */
static __u64 huge_frame(int pagemap, const char *map)
{
	const __u64 first = frame_of(pagemap, map);
	const __u64 last = frame_of(pagemap, map + HUGE_SIZE - PAGE_SIZE);

	return first % FRAMES == 0 && last == first + FRAMES - 1 ? first : 0;
}

static int by_frame(const void *a, const void *b)
{
	const struct chunk *x = a, *y = b;

	return x->frame < y->frame ? -1 : x->frame > y->frame;
}

static void release(struct chunk *chunk)
{
	if (chunk->map)
		munmap(chunk->map, HUGE_SIZE);
	chunk->map = NULL;
}

/* Of @size and a huge page more, what is aligned stays. */
static char *trim(char *map, size_t size)
{
	const size_t before = -(uintptr_t)map % HUGE_SIZE;

	if (before)
		munmap(map, before);
	munmap(map + before + size, HUGE_SIZE - before);
	return map + before;
}

static void take(void)
{
	const size_t count = count_free(true) / FRAMES - LEFT;
	int pagemap = open("/proc/self/pagemap", O_RDONLY);
	char *map;

	tell(ANON_HUGE, "always");
	map = mmap(NULL, (count + 1) * HUGE_SIZE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	tell(ANON_HUGE, "never");
	chunks = calloc(count, sizeof(*chunks));
	if (map == MAP_FAILED || !chunks || pagemap < 0)
		die("out of memory");
	map = trim(map, count * HUGE_SIZE);
	for (size_t i = 0; i < count; i++) {
		chunks[i].map = map + i * HUGE_SIZE;
		chunks[i].frame = huge_frame(pagemap, chunks[i].map);
	}
	close(pagemap);
	qsort(chunks, count, sizeof(*chunks), by_frame);
	num_chunks = count;
}

/* Bytes in free blocks smaller than a huge page, which are handed out first */
__u64 frames_small(void)
{
	return count_free(false) * PAGE_SIZE;
}

/*
 * The huge pages that the kernel hands out next follow one another, or, if
 * @scattered, no two of them do, in which case half of the memory stays taken until
 * frames_end(). It may hand out before what was not taken: returns how many bytes
 * that is at most, where each huge page may have got a neighbour.
 */
__u64 frames_begin(bool scattered)
{
	__u64 small;

	take();
	small = frames_small();
	for (size_t i = num_chunks; i-- > 0;)
		if (!scattered || chunks[i].frame / FRAMES % 2)
			release(&chunks[i]);
	return small + 2 * LEFT * HUGE_SIZE;
}

void frames_end(void)
{
	for (size_t i = 0; i < num_chunks; i++)
		release(&chunks[i]);
	free(chunks);
	num_chunks = 0;
}

/* The physical page at @page, which is brought in */
__u64 frame_of(int pagemap, const char *page)
{
	__u64 entry;

	(void)*(const volatile char *)page;
	if (pread(pagemap, &entry, sizeof(entry),
		  (uintptr_t)page / PAGE_SIZE * sizeof(entry)) != sizeof(entry))
		die("pagemap: %s", strerror(errno));
	entry &= (1ull << 55) - 1;
	if (!entry)
		die("pagemap knows no frames");
	return entry;
}
