/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/snapshot_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmm/error.h"
#include "vmm/guest_mem.h"
#include "vmm/sys.h"

#ifndef RENAME_EXCHANGE /* <linux/fs.h>, which does not go with the C library's headers */
#define RENAME_EXCHANGE (1u << 1)
#endif

#define NEW ".new-"
#define OLD ".old-"
#define WRITE_FLAGS (O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW)

static const char *const names[] = { SNAPSHOT_MANIFEST, SNAPSHOT_STATE, SNAPSHOT_MEMORY, SNAPSHOT_SET };

#define NAMES (sizeof(names) / sizeof(names[0]))

static int fail(const struct snapshot_save *save, const char *name, int r, struct error *error)
{
	const char *next = r == -ENOSPC || r == -EDQUOT || r == -EFBIG ? "make room, or name a directory where there is some" :
			   r == -EACCES || r == -EPERM || r == -EROFS	? "name a directory that can be written" :
									  "what was there is as it was";

	return error_set(error, ERROR_HOST, -r, "%s%s%s: %s: %s", save->path, *name ? "/" : "", name, strerror(-r), next);
}

/* ---- what is there already ---- */

static bool is_ours(const char *name)
{
	for (unsigned i = 0; i < NAMES; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* The first that is no snapshot's into `name`, or "". 0 or -errno. */
static int foreign_entry(int fd, char name[SNAPSHOT_NAME_BYTES], struct sys *sys)
{
	char entries[4096] __attribute__((aligned(8)));
	ssize_t n;

	name[0] = '\0';
	while ((n = sys_getdents(sys, fd, entries, sizeof(entries))) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct dirent *entry = (const void *)(entries + at);

			if (!is_ours(entry->d_name)) {
				snprintf(name, SNAPSHOT_NAME_BYTES, "%s", entry->d_name);
				return 0;
			}
			at += entry->d_reclen;
		}
	return (int)n;
}

/* Whatever is in somebody's directory besides a snapshot would be lost. */
static int check_target(const struct snapshot_save *save, struct sys *sys, struct error *error)
{
	int fd = sys_openat(sys, save->folder_fd, save->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	char name[SNAPSHOT_NAME_BYTES];
	int r;

	if (fd == -ENOENT)
		return 0;
	if (fd == -ENOTDIR || fd == -ELOOP)
		return error_set(error, ERROR_USAGE, EEXIST, "%s: it is there and is no directory: name another", save->path);
	if (fd < 0)
		return fail(save, "", fd, error);
	r = foreign_entry(fd, name, sys);
	sys_close(sys, fd);
	if (r < 0)
		return fail(save, "", r, error);
	if (name[0])
		return error_set(error, ERROR_USAGE, EEXIST, "%s: %s is in it, which is no snapshot's: name another directory",
				 save->path, name);
	return 0;
}

/* ---- making a new one ---- */

/* There is room, by open_folder(). */
static void passing_name(const struct snapshot_save *save, char name[SNAPSHOT_NAME_BYTES], const char *what, uint32_t random)
{
	size_t bytes = strlen(save->name);

	memcpy(name, save->name, bytes);
	snprintf(name + bytes, SNAPSHOT_NAME_BYTES - bytes, "%s%08x", what, random);
}

/* Opens the folder; its name and a passing one are decided. */
static int open_folder(struct snapshot_save *save, struct sys *sys, struct error *error)
{
	char folder[4096];
	size_t bytes = strlen(save->path), start;
	uint32_t random = 0;

	while (bytes > 1 && save->path[bytes - 1] == '/')
		bytes--;
	for (start = bytes; start > 0 && save->path[start - 1] != '/';)
		start--;
	snprintf(save->name, sizeof(save->name), "%.*s", (int)(bytes - start), save->path + start);
	if (start >= sizeof(folder) || bytes - start >= sizeof(save->name) - sizeof(NEW "01234567") || is_ours(save->name) ||
	    !save->name[0])
		return error_set(error, ERROR_USAGE, EINVAL, "-o %s: not a name for a directory that is to be made: write DIR or "
				 "PATH/DIR", save->path);
	snprintf(folder, sizeof(folder), "%.*s", start ? (int)start : 1, start ? save->path : ".");
	sys_getrandom(sys, &random, sizeof(random)); /* else all zero, which is as good unless there are two */
	passing_name(save, save->passing, NEW, random);
	save->random = random;
	save->folder_fd = sys_open(sys, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	return save->folder_fd < 0 ? fail(save, "", save->folder_fd, error) : 0;
}

/* A directory of a snapshot's files, or of some of them. */
static void remove_dir(int folder_fd, const char *name, struct sys *sys)
{
	int fd = sys_openat(sys, folder_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);

	for (unsigned i = 0; i < NAMES && fd >= 0; i++)
		sys_unlinkat(sys, fd, names[i], 0);
	if (fd >= 0)
		sys_close(sys, fd);
	sys_unlinkat(sys, folder_fd, name, AT_REMOVEDIR);
}

void snapshot_save_abandon(struct snapshot_save *save, struct sys *sys)
{
	if (save->memory_fd >= 0)
		sys_close(sys, save->memory_fd);
	if (save->fd >= 0) {
		sys_close(sys, save->fd);
		remove_dir(save->folder_fd, save->passing, sys);
	}
	if (save->folder_fd >= 0)
		sys_close(sys, save->folder_fd);
	save->memory_fd = save->fd = save->folder_fd = -1;
}

int snapshot_save_make(struct snapshot_save *save, struct sys *sys, struct error *error)
{
	int r = sys_mkdirat(sys, save->folder_fd, save->passing, 0777);

	if (r == 0) {
		r = save->fd = sys_openat(sys, save->folder_fd, save->passing, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
		if (r < 0)
			sys_unlinkat(sys, save->folder_fd, save->passing, AT_REMOVEDIR);
	}
	if (r >= 0)
		r = save->memory_fd = sys_openat(sys, save->fd, SNAPSHOT_MEMORY, O_RDWR | WRITE_FLAGS, 0666);
	if (r >= 0)
		return 0;
	snapshot_save_abandon(save, sys);
	return fail(save, "", r, error);
}

int snapshot_save_begin(struct snapshot_save *save, const char *path, struct sys *sys, struct error *error)
{
	int r;

	save->path = path;
	save->memory_fd = save->fd = save->folder_fd = -1;
	r = open_folder(save, sys, error);
	if (r == 0)
		r = check_target(save, sys, error);
	if (r < 0)
		snapshot_save_abandon(save, sys);
	return r;
}

/* ---- what is in it ---- */

static int write_file(const struct snapshot_save *save, const char *name, const void *from, size_t bytes, struct sys *sys,
		      struct error *error)
{
	int fd = sys_openat(sys, save->fd, name, O_WRONLY | WRITE_FLAGS, 0666);
	size_t done = 0;
	ssize_t n = 1;
	int r;

	if (fd < 0)
		return fail(save, name, fd, error);
	while (done < bytes && n > 0) {
		n = sys_write(sys, fd, (const uint8_t *)from + done, bytes - done);
		done += n > 0 ? (size_t)n : 0;
	}
	r = n < 0 ? (int)n : done < bytes ? -ENOSPC : sys_fsync(sys, fd);
	sys_close(sys, fd);
	return r < 0 ? fail(save, name, r, error) : 0;
}

#define CHUNK_PAGES 16u

static bool is_zero(const uint64_t *page)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < GUEST_PAGE_BYTES / sizeof(*page); i++)
		bits |= page[i];
	return bits == 0;
}

int snapshot_memory_checksum(int fd, uint64_t bytes, uint64_t *sum, struct sys *sys)
{
	uint64_t pages[CHUNK_PAGES][GUEST_PAGE_BYTES / sizeof(uint64_t)];
	uint64_t at = 0;

	*sum = 0;
	while (at < bytes) {
		int64_t data = sys_seek(sys, fd, (int64_t)at, SEEK_DATA);
		uint64_t room = sizeof(pages);

		if (data == -ENXIO)
			return 0;
		if (data < 0)
			return (int)data;
		at = (uint64_t)data & ~(GUEST_PAGE_BYTES - 1);
		room = at < bytes && bytes - at < room ? bytes - at : room;
		for (uint64_t done = 0; done < room && at < bytes;) {
			ssize_t n = sys_pread(sys, fd, (uint8_t *)pages + done, room - done, at + done);

			if (n <= 0)
				return n < 0 ? (int)n : -EIO;
			done += (uint64_t)n;
		}
		for (unsigned i = 0; i < CHUNK_PAGES && at < bytes; i++, at += GUEST_PAGE_BYTES)
			if (!is_zero(pages[i]))
				*sum = snapshot_checksum(pages[i], GUEST_PAGE_BYTES, *sum + at);
	}
	return 0;
}

static int finish_memory(const struct snapshot_save *save, struct snapshot_manifest *m, struct sys *sys, struct error *error)
{
	int r;

	m->files.memory.bytes = m->memory_bytes + m->behind_bytes;
	r = sys_ftruncate(sys, save->memory_fd, m->files.memory.bytes); /* a hole at the end was not written */
	if (r == 0)
		r = snapshot_memory_checksum(save->memory_fd, m->files.memory.bytes, &m->files.memory.checksum, sys);
	if (r == 0)
		r = sys_fsync(sys, save->memory_fd);
	return r < 0 ? fail(save, SNAPSHOT_MEMORY, r, error) : 0;
}

static int write_manifest(const struct snapshot_save *save, struct snapshot_manifest *m, struct sys *sys, struct error *error)
{
	char text[SNAPSHOT_MANIFEST_BYTES_MAX];
	size_t bytes = snapshot_manifest_write(m, text, sizeof(text));

	return bytes ? write_file(save, SNAPSHOT_MANIFEST, text, bytes, sys, error) :
		       error_set(error, ERROR_USAGE, E2BIG, "%s: its manifest is larger than %u bytes: use shorter paths for "
				 "devices", save->path, SNAPSHOT_MANIFEST_BYTES_MAX);
}

/* ---- into its place ---- */

/* Of a file system that cannot exchange two: the old one is gone for a moment, and comes back where the new one does not. */
static int replace(const struct snapshot_save *save, char old[SNAPSHOT_NAME_BYTES], struct sys *sys)
{
	int r;

	passing_name(save, old, OLD, save->random);
	r = sys_renameat(sys, save->folder_fd, save->name, old, 0);
	if (r < 0)
		return r;
	r = sys_renameat(sys, save->folder_fd, save->passing, save->name, 0);
	if (r < 0)
		sys_renameat(sys, save->folder_fd, old, save->name, 0);
	return r;
}

/* Into `old` the name of what is to be removed; "": nothing was there. */
static int put_in_place(const struct snapshot_save *save, char old[SNAPSHOT_NAME_BYTES], struct sys *sys)
{
	int r = sys_renameat(sys, save->folder_fd, save->passing, save->name, RENAME_EXCHANGE);

	strcpy(old, save->passing);
	if (r == -EINVAL || r == -ENOSYS)
		r = replace(save, old, sys);
	if (r != -ENOENT)
		return r;
	old[0] = '\0';
	return sys_renameat(sys, save->folder_fd, save->passing, save->name, 0);
}

int snapshot_save_end(struct snapshot_save *save, struct snapshot_manifest *m, const uint8_t *state, size_t state_bytes,
		      struct sys *sys, struct error *error)
{
	char old[SNAPSHOT_NAME_BYTES] = "";
	int r = finish_memory(save, m, sys, error);

	m->files.state = (struct snapshot_file){ state_bytes, snapshot_checksum(state, state_bytes, 0) };
	if (r == 0)
		r = write_file(save, SNAPSHOT_STATE, state, state_bytes, sys, error);
	if (r == 0)
		r = write_manifest(save, m, sys, error);
	if (r == 0 && ((r = sys_fsync(sys, save->fd)) < 0 || (r = put_in_place(save, old, sys)) < 0))
		fail(save, "", r, error);
	if (r < 0) {
		snapshot_save_abandon(save, sys);
		return r;
	}
	sys_fsync(sys, save->folder_fd); /* it is in place; whether the name outlives a power failure changes nothing */
	if (old[0])
		remove_dir(save->folder_fd, old, sys);
	sys_close(sys, save->memory_fd);
	sys_close(sys, save->fd);
	sys_close(sys, save->folder_fd);
	return 0;
}
