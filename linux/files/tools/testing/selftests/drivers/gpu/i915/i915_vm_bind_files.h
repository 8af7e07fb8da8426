/* SPDX-License-Identifier: MIT */
/*
 * What the kernel says of a device in sysfs, debugfs and procfs, and what it can
 * be told there. Most of it needs root.
 */
#ifndef __I915_VM_BIND_FILES_H
#define __I915_VM_BIND_FILES_H

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* The first file that matches. */
static inline int open_file(const char *pattern, int flags)
{
	glob_t found;
	int fd = -1;

	if (!glob(pattern, 0, NULL, &found))
		fd = open(found.gl_pathv[0], flags | O_CLOEXEC);
	globfree(&found);
	return fd;
}

/* 0 or -errno */
static inline int write_file(const char *pattern, const char *text)
{
	int fd = open_file(pattern, O_WRONLY | O_TRUNC), ret;

	if (fd < 0)
		return -ENOENT;
	ret = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -errno;
	close(fd);
	return ret;
}

/* All of it, to be freed, or NULL. */
static inline char *read_file(const char *pattern)
{
	int fd = open_file(pattern, O_RDONLY);
	size_t size = 0, room = 1 << 16;
	char *text = malloc(room);
	ssize_t got;

	if (fd < 0) {
		free(text);
		return NULL;
	}
	while ((got = read(fd, text + size, room - size - 1)) > 0) {
		size += got;
		if (room - size < 4096)
			text = realloc(text, room *= 2);
	}
	text[size] = 0;
	close(fd);
	return text;
}

#define PATH_SIZE 128

/*
 * Settings that a test has changed, and what they were: for its teardown, which runs in
 * the same process, also after a failure.
 */
#define MAX_SETTINGS 16

static struct setting {
	char path[PATH_SIZE];
	char *before;
} settings[MAX_SETTINGS];
static unsigned int num_settings;

/* One line, or of several choices the one in brackets. To be freed, or NULL. */
static inline char *read_setting(const char *path)
{
	char *text = read_file(path), *choice = text ? strchr(text, '[') : NULL;

	if (choice)
		memmove(text, choice + 1, strlen(choice));
	if (text)
		text[strcspn(text, "]\n")] = 0;
	return text;
}

/* 0 or -errno; -ENOENT: there is no such setting. */
static inline int change_setting(const char *path, const char *value)
{
	struct setting *setting = settings;

	while (setting < settings + num_settings && strcmp(setting->path, path))
		setting++;
	if (setting == settings + MAX_SETTINGS)
		return -E2BIG;
	if (setting == settings + num_settings) {
		snprintf(setting->path, PATH_SIZE, "%s", path);
		setting->before = read_setting(path);
		if (!setting->before)
			return -ENOENT;
		num_settings++;
	}
	return write_file(path, value);
}

/* 0, or the first error. */
static inline int restore_settings(void)
{
	int err = 0;

	while (num_settings) {
		struct setting *setting = &settings[--num_settings];
		int ret = write_file(setting->path, setting->before);

		free(setting->before);
		err = err ?: ret;
	}
	return err;
}

/* Whether a thread of this process is off the CPU, in that system call. */
static inline bool thread_waits_in(pid_t thread, long call)
{
	char path[PATH_SIZE], *text, *end;
	bool waits;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", thread);
	text = read_file(path);
	waits = text && strtol(text, &end, 0) == call && end != text;
	free(text);
	return waits;
}

/* Paths of the device that a client has open. */
static inline const char *debugfs_path(int drm, const char *name, char *path)
{
	struct stat st;

	fstat(drm, &st);
	snprintf(path, PATH_SIZE, "/sys/kernel/debug/dri/%u/%s",
		 minor(st.st_rdev), name);
	return path;
}

static inline const char *card_path(int drm, const char *name, char *path)
{
	struct stat st;

	fstat(drm, &st);
	snprintf(path, PATH_SIZE, "/sys/dev/char/%u:%u/device/drm/card*/%s",
		 major(st.st_rdev), minor(st.st_rdev), name);
	return path;
}

/* In KiB, of "drm-total-system0" and the like; -1: not there. */
static inline long fdinfo_memory(int drm, const char *key)
{
	char path[PATH_SIZE], *text, *line, unit[4] = "";
	long value = -1;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", drm);
	text = read_file(path);
	line = text ? strstr(text, key) : NULL;
	if (line)
		sscanf(line + strlen(key), ":\t%ld %3s", &value, unit);
	free(text);
	return strcmp(unit, "MiB") ? value : value << 10;
}

#endif
