/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/snapshot_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/error.h"
#include "vmm/state.h"
#include "vmm/sys.h"

#define READ_FLAGS (O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)

/* The mapping: the state, and behind it room for what is read on the way. Little of either is touched. */
#define ROOM_AT    STATE_BYTES_MAX
#define ROOM_BYTES (SNAPSHOT_MANIFEST_BYTES_MAX + 1) /* too much is seen */
#define MAP_BYTES  (ROOM_AT + ROOM_BYTES)

static int host_error(const struct snapshot_dir *dir, const char *name, int r, struct error *error)
{
	const char *next = r == -ENOENT ? "it is no snapshot, or a part of it is missing" :
			   r == -ELOOP	? "it is a symbolic link, and none is followed" :
			   r == -EACCES ? "who restores it must be able to read it" :
					  "see that the disk is well";

	return error_set(error, r == -ENOENT || r == -ELOOP ? ERROR_IMAGE : ERROR_HOST, -r, "%s/%s: %s: %s", dir->path, name,
			 strerror(-r), next);
}

/* 0: nobody knows what it should be. */
static int wrong_size(const struct snapshot_dir *dir, const char *name, uint64_t bytes, uint64_t wanted, struct error *error)
{
	return error_set(error, ERROR_IMAGE, EBADMSG, "%s/%s: %llu bytes, and %s %llu: it is cut short or another's; take the "
			 "snapshot again", dir->path, name, (unsigned long long)bytes, wanted == SNAPSHOT_MANIFEST_BYTES_MAX ?
			 "a manifest has at most" : "the manifest says", (unsigned long long)wanted);
}

static const char *const names[SNAPSHOT_FILES] = {
	[SNAPSHOT_FILE_MANIFEST] = SNAPSHOT_MANIFEST,
	[SNAPSHOT_FILE_STATE] = SNAPSHOT_STATE,
	[SNAPSHOT_FILE_MEMORY] = SNAPSHOT_MEMORY,
	[SNAPSHOT_FILE_SET] = SNAPSHOT_SET,
};

/* Files of the directory, and nothing but files. */
static int open_file(struct snapshot_dir *dir, unsigned file, struct sys *sys, struct error *error)
{
	const char *name = names[file];
	struct stat st;
	int fd = sys_openat(sys, dir->fd, name, READ_FLAGS, 0), r;

	if (fd < 0)
		return host_error(dir, name, fd, error);
	dir->files[file] = fd;
	r = sys_fstat(sys, fd, &st);
	if (r < 0)
		return host_error(dir, name, r, error);
	if (!S_ISREG(st.st_mode))
		return error_set(error, ERROR_IMAGE, EBADMSG, "%s/%s: not a regular file: take the snapshot again", dir->path,
				 name);
	dir->file_bytes[file] = (uint64_t)st.st_size;
	return 0;
}

static void close_file(struct snapshot_dir *dir, unsigned file, struct sys *sys)
{
	if (dir->files[file] >= 0)
		sys_close(sys, dir->files[file]);
	dir->files[file] = -1;
}

/* Exactly so many bytes, which is the file. It is closed. */
static int read_whole(struct snapshot_dir *dir, unsigned file, void *into, uint64_t bytes, struct sys *sys, struct error *error)
{
	const char *name = names[file];
	uint64_t done = 0;
	ssize_t n = 1;

	while (done < bytes && n > 0) {
		n = sys_read(sys, dir->files[file], (uint8_t *)into + done, bytes - done);
		done += n > 0 ? (uint64_t)n : 0;
	}
	close_file(dir, file, sys);
	if (n < 0)
		return host_error(dir, name, (int)n, error);
	return done < bytes ? wrong_size(dir, name, done, bytes, error) : 0;
}

static int read_manifest(struct snapshot_dir *dir, char *room, struct sys *sys, struct error *error)
{
	uint64_t bytes = dir->file_bytes[SNAPSHOT_FILE_MANIFEST];
	char file[ERROR_TEXT_BYTES / 2];
	int r;

	if (bytes > SNAPSHOT_MANIFEST_BYTES_MAX)
		return wrong_size(dir, SNAPSHOT_MANIFEST, bytes, SNAPSHOT_MANIFEST_BYTES_MAX, error);
	r = read_whole(dir, SNAPSHOT_FILE_MANIFEST, room, bytes, sys, error);
	snprintf(file, sizeof(file), "%s/%s", dir->path, SNAPSHOT_MANIFEST);
	return r < 0 ? r : snapshot_manifest_read(&dir->manifest, room, bytes, file, error);
}

static int read_state(struct snapshot_dir *dir, struct sys *sys, struct error *error)
{
	const struct snapshot_file *file = &dir->manifest.files.state;
	uint64_t bytes = dir->file_bytes[SNAPSHOT_FILE_STATE];
	int r;

	if (bytes != file->bytes)
		return wrong_size(dir, SNAPSHOT_STATE, bytes, file->bytes, error);
	r = read_whole(dir, SNAPSHOT_FILE_STATE, dir->mapping, bytes, sys, error);
	if (r == 0 && snapshot_checksum(dir->mapping, bytes, 0) != file->checksum)
		r = error_set(error, ERROR_IMAGE, EBADMSG, "%s/%s: not of the checksum that the manifest says: it is damaged; "
			      "take the snapshot again", dir->path, SNAPSHOT_STATE);
	dir->snapshot.state = dir->mapping;
	dir->snapshot.state_bytes = bytes;
	return r;
}

static int take_memory(struct snapshot_dir *dir, struct error *error)
{
	uint64_t bytes = dir->file_bytes[SNAPSHOT_FILE_MEMORY], wanted = dir->manifest.files.memory.bytes;

	dir->snapshot.memory_fd = dir->files[SNAPSHOT_FILE_MEMORY];
	dir->files[SNAPSHOT_FILE_MEMORY] = -1;
	dir->snapshot.memory_bytes = bytes;
	return bytes == wanted ? 0 : wrong_size(dir, SNAPSHOT_MEMORY, bytes, wanted, error);
}

/* ---- the working set ---- */

struct set_file {
	char magic[16];
	uint64_t checksum;  /* of all that follows */
	uint64_t of;        /* the state's checksum: it is of this snapshot */
	uint32_t count, write_count;
	struct memory_run runs[2 * SNAPSHOT_SET_MAX]; /* those that are read, then those that are written */
};

#define SET_MAGIC "kvick set  0001\n"

_Static_assert(sizeof(SET_MAGIC) - 1 == sizeof(((struct set_file *)0)->magic), "the magic fills its field");
_Static_assert(sizeof(struct set_file) <= ROOM_BYTES, "it is read there");

static size_t set_bytes(const struct set_file *file)
{
	return offsetof(struct set_file, runs) + (file->count + file->write_count) * sizeof(file->runs[0]);
}

static uint64_t set_checksum(const struct set_file *file)
{
	return snapshot_checksum(&file->of, set_bytes(file) - offsetof(struct set_file, of), 0);
}

/* Ascending, apart, whole pages, in memory? */
static bool runs_are_good(const struct memory_run *runs, unsigned count, uint64_t memory_bytes)
{
	uint64_t end = 0;

	for (unsigned i = 0; i < count; i++) {
		if (runs[i].at < end || runs[i].bytes == 0 || (runs[i].at | runs[i].bytes) % GUEST_PAGE_BYTES ||
		    runs[i].at > memory_bytes || runs[i].bytes > memory_bytes - runs[i].at)
			return false;
		end = runs[i].at + runs[i].bytes;
	}
	return true;
}

/* A torn one, or one of another snapshot, is as good as none. */
static void read_set(struct snapshot_dir *dir, struct set_file *file, struct sys *sys)
{
	uint64_t bytes = dir->snapshot.memory_bytes;
	ssize_t n;

	if (dir->files[SNAPSHOT_FILE_SET] < 0)
		return;
	n = sys_read(sys, dir->files[SNAPSHOT_FILE_SET], file, sizeof(*file) + 1);
	close_file(dir, SNAPSHOT_FILE_SET, sys);
	if (n < (ssize_t)offsetof(struct set_file, runs) || memcmp(file->magic, SET_MAGIC, sizeof(file->magic)) != 0 ||
	    file->count > SNAPSHOT_SET_MAX || file->write_count > SNAPSHOT_SET_MAX || (size_t)n != set_bytes(file) ||
	    file->of != dir->manifest.files.state.checksum || file->checksum != set_checksum(file) ||
	    !runs_are_good(file->runs, file->count, bytes) ||
	    !runs_are_good(file->runs + file->count, file->write_count, bytes))
		return;
	dir->set.count = file->count;
	dir->set.write_count = file->write_count;
	memcpy(dir->set.reads, file->runs, file->count * sizeof(file->runs[0]));
	memcpy(dir->set.writes, file->runs + file->count, file->write_count * sizeof(file->runs[0]));
	dir->snapshot.working_set = &dir->set;
}

/*
 * Nobody else is recording it: whoever does has it locked. One that is there is no good, and goes; it is not written to, for a
 * link to anything might be there under its name.
 */
static bool may_record(const struct snapshot_dir *dir, struct sys *sys)
{
	int fd = sys_openat(sys, dir->fd, SNAPSHOT_SET, READ_FLAGS, 0);
	bool may = fd == -ENOENT || (fd >= 0 && sys_flock(sys, fd, LOCK_EX | LOCK_NB) == 0 &&
				     sys_unlinkat(sys, dir->fd, SNAPSHOT_SET, 0) == 0);

	if (fd >= 0)
		sys_close(sys, fd);
	return may;
}

void snapshot_dir_record(struct snapshot_dir *dir, struct sys *sys)
{
	if (dir->snapshot.working_set || !may_record(dir, sys))
		return;
	dir->pagemap_fd = sys_open(sys, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC, 0);
	if (dir->pagemap_fd < 0)
		return;
	dir->set_fd = sys_openat(sys, dir->fd, SNAPSHOT_SET, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (dir->set_fd >= 0)
		sys_flock(sys, dir->set_fd, LOCK_EX | LOCK_NB);
}

/* One write(): what is torn is seen by its length. */
void snapshot_dir_recorded(struct snapshot_dir *dir, const struct machine *machine, struct sys *sys)
{
	struct set_file *file = (void *)((uint8_t *)dir->mapping + ROOM_AT);

	if (dir->set_fd < 0 || snapshot_working_set(machine, dir->pagemap_fd, &dir->set, sys) < 0)
		return;
	memcpy(file->magic, SET_MAGIC, sizeof(file->magic));
	file->of = dir->manifest.files.state.checksum;
	file->count = dir->set.count;
	file->write_count = dir->set.write_count;
	memcpy(file->runs, dir->set.reads, file->count * sizeof(file->runs[0]));
	memcpy(file->runs + file->count, dir->set.writes, file->write_count * sizeof(file->runs[0]));
	file->checksum = set_checksum(file);
	sys_write(sys, dir->set_fd, file, set_bytes(file));
}

/* ---- all of it ---- */

static int open_dir(struct snapshot_dir *dir, struct sys *sys, struct error *error)
{
	if (dir->fd < 0)
		dir->fd = sys_open(sys, dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (dir->fd == -ENOTDIR)
		return error_set(error, ERROR_IMAGE, ENOTDIR, "%s: a snapshot is a directory, and this is none: name one that "
				 "`kvick snapshot` has written", dir->path);
	if (dir->fd < 0)
		return error_set(error, ERROR_IMAGE, -dir->fd, "%s: %s: check the path, or take a snapshot first", dir->path,
				 strerror(-dir->fd));
	return 0;
}

static int map(struct snapshot_dir *dir, struct sys *sys, struct error *error)
{
	int r = sys_mmap(sys, NULL, MAP_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &dir->mapping);

	return r < 0 ? error_set(error, ERROR_HOST, -r, "%s: mmap: %s: free memory", dir->path, strerror(-r)) : 0;
}

/* One that is no file is as good as none. */
static void open_set(struct snapshot_dir *dir, struct sys *sys)
{
	struct error ignored = { .kind = ERROR_NONE };

	if (open_file(dir, SNAPSHOT_FILE_SET, sys, &ignored) < 0)
		close_file(dir, SNAPSHOT_FILE_SET, sys);
}

int snapshot_dir_open_files(struct snapshot_dir *dir, int fd, const char *path, struct sys *sys, struct error *error)
{
	int r;

	dir->path = path;
	dir->fd = fd;
	dir->mapping = NULL;
	dir->set_fd = dir->pagemap_fd = -1;
	dir->snapshot = (struct snapshot){ .name = path, .memory_fd = -1 };
	memset(dir->files, 0xff, sizeof(dir->files));
	r = open_dir(dir, sys, error);
	for (unsigned i = 0; i < SNAPSHOT_FILE_SET && r == 0; i++)
		r = open_file(dir, i, sys, error);
	if (r == 0)
		open_set(dir, sys);
	else
		snapshot_dir_close(dir, sys);
	return r;
}

int snapshot_dir_open(struct snapshot_dir *dir, int fd, const char *path, struct sys *sys, struct error *error)
{
	int r = snapshot_dir_open_files(dir, fd, path, sys, error);

	return r < 0 ? r : snapshot_dir_read(dir, sys, error);
}

int snapshot_dir_read(struct snapshot_dir *dir, struct sys *sys, struct error *error)
{
	int r = map(dir, sys, error);

	if (r == 0)
		r = read_manifest(dir, (char *)dir->mapping + ROOM_AT, sys, error);
	if (r == 0)
		r = read_state(dir, sys, error);
	if (r == 0)
		r = take_memory(dir, error);
	if (r < 0) {
		snapshot_dir_close(dir, sys);
		return r;
	}
	read_set(dir, (void *)((uint8_t *)dir->mapping + ROOM_AT), sys);
	return 0;
}

void snapshot_dir_close(struct snapshot_dir *dir, struct sys *sys)
{
	int fds[] = { dir->fd, dir->snapshot.memory_fd, dir->set_fd, dir->pagemap_fd };

	for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			sys_close(sys, fds[i]);
	for (unsigned i = 0; i < SNAPSHOT_FILES; i++)
		close_file(dir, i, sys);
	if (dir->mapping)
		sys_munmap(sys, dir->mapping, MAP_BYTES);
}

int snapshot_dir_verify(const struct snapshot_dir *dir, struct sys *sys, struct error *error)
{
	uint64_t sum = 0;
	int r = snapshot_memory_checksum(dir->snapshot.memory_fd, dir->snapshot.memory_bytes, &sum, sys);

	if (r < 0)
		return host_error(dir, SNAPSHOT_MEMORY, r, error);
	if (sum == dir->manifest.files.memory.checksum)
		return 0;
	return error_set(error, ERROR_IMAGE, EBADMSG, "%s/%s: not of the checksum that the manifest says: it is damaged; take the "
			 "snapshot again", dir->path, SNAPSHOT_MEMORY);
}
