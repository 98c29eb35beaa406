/* SPDX-License-Identifier: Apache-2.0 */
#include "control/test/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define DISK_PATH_BYTES (SCRATCH_PATH_BYTES + 32)
#define COPY_BYTES (1u << 20) /* by one read() where the kernel does not copy by itself */
#define PASSES_MAX (1u << 20) /* over a scratch folder that is to go: as many as it is deep */

static bool names_scratch(const char *const *words)
{
	for (; words && *words; words++)
		if (strstr(*words, SCRATCH_WORD))
			return true;
	return false;
}

bool scratch_wanted(const struct test_case *of)
{
	for (size_t i = 0; i < of->disk_count; i++)
		if (of->disks[i].kind != FIXTURE_AS_IS)
			return true;
	return of->before || of->beside || of->after || of->memory_max || names_scratch(of->nets) || names_scratch(of->vsocks) ||
	       names_scratch(of->env) || names_scratch((const char *const *)of->arguments) ||
	       names_scratch((const char *const *)of->options);
}

void scratch_disk(char *into, size_t bytes, const char *scratch, size_t number)
{
	snprintf(into, bytes, "%s/disk%zu", scratch, number);
}

/* So many bytes, from where both stand. Errors are errno's, here and below. */
static int copy_by_hand(int from, int to, off_t left)
{
	char *bytes = malloc(COPY_BYTES);
	int r = bytes ? 0 : -1;

	while (r == 0 && left > 0) {
		ssize_t n = read(from, bytes, left < (off_t)COPY_BYTES ? (size_t)left : COPY_BYTES), w;

		for (ssize_t done = 0; done < n && r == 0; done += w) {
			w = write(to, bytes + done, (size_t)(n - done));
			r = w < 0 ? -1 : 0;
		}
		if (n <= 0) {
			r = (int)n;
			break;
		}
		left -= n;
	}
	free(bytes);
	return r;
}

static int copy_range(int from, int to, off_t at, off_t left)
{
	if (lseek(from, at, SEEK_SET) < 0 || lseek(to, at, SEEK_SET) < 0)
		return -1;
	while (left > 0) {
		ssize_t n = copy_file_range(from, NULL, to, NULL, (size_t)left, 0);

		if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP))
			return copy_by_hand(from, to, left);
		if (n <= 0)
			return (int)n;
		left -= n;
	}
	return 0;
}

/* Shared with the original where the file system can; else what is data, for an image is mostly holes. */
static int copy(int from, int to)
{
	off_t at = 0, hole, end = lseek(from, 0, SEEK_END);

	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	if (end < 0 || ftruncate(to, end) < 0)
		return -1;
	while ((at = lseek(from, at, SEEK_DATA)) >= 0) {
		hole = lseek(from, at, SEEK_HOLE);
		if (hole < 0 || copy_range(from, to, at, hole - at) < 0)
			return -1;
		at = hole;
	}
	return errno == ENXIO ? 0 : -1; /* no more data */
}

/* What was a file when the manifest was read may be a FIFO now, which nobody writes to. */
static bool make_copy(const struct disk_fixture *disk, const char *path, int to, struct problems *problems)
{
	int from = open(disk->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat status;
	bool is_file = from >= 0 && fstat(from, &status) == 0 && S_ISREG(status.st_mode);
	bool done = is_file && copy(from, to) == 0;

	if (from < 0)
		problems_add(problems, "disk: %s: %s: it was there when the manifest was read", disk->path, strerror(errno));
	else if (!is_file)
		problems_add(problems, "disk: %s: no file any more: it was one when the manifest was read", disk->path);
	else if (!done)
		problems_add(problems, "disk: a copy of %s as %s: %s: make room, or set TMPDIR", disk->path, path,
			     strerror(errno));
	if (from >= 0)
		close(from);
	return done;
}

static bool make_disk(const struct disk_fixture *disk, const char *path, struct problems *problems)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool done;

	if (fd < 0) {
		problems_add(problems, "disk: %s: %s: make room, or set TMPDIR", path, strerror(errno));
		return false;
	}
	if (disk->kind == FIXTURE_COPY) {
		done = make_copy(disk, path, fd, problems);
	} else {
		done = ftruncate(fd, (off_t)disk->bytes) == 0;
		if (!done)
			problems_add(problems, "disk: %s of %llu bytes: %s: make it smaller, or set TMPDIR", path,
				     (unsigned long long)disk->bytes, strerror(errno));
	}
	if (close(fd) != 0 && done) {
		problems_add(problems, "disk: %s: %s: make room, or set TMPDIR", path, strerror(errno));
		done = false;
	}
	return done;
}

/* TMPDIR may be relative; guests' options and commands in other folders get this path. */
static bool make_parent(struct scratches *all, struct problems *problems)
{
	const char *tmp = getenv("TMPDIR");
	char *absolute = realpath(tmp && *tmp ? tmp : "/tmp", NULL);
	int length = absolute ? snprintf(all->path, sizeof(all->path), "%s/kvick-test-XXXXXX", absolute) : -1;
	bool made = length > 0 && (size_t)length < sizeof(all->path) - 16 && mkdtemp(all->path);

	if (!made) {
		problems_add(problems, "scratch folder in %s: %s: set TMPDIR to another folder", tmp && *tmp ? tmp : "/tmp",
			     length > 0 && (size_t)length >= sizeof(all->path) - 16 ? "its path is too long" : strerror(errno));
		all->path[0] = '\0';
	}
	free(absolute);
	return made;
}

bool scratch_make(struct scratches *all, const struct test_case *of, char path[SCRATCH_PATH_BYTES], struct problems *problems)
{
	if (!all->path[0] && !make_parent(all, problems))
		return false;
	snprintf(path, SCRATCH_PATH_BYTES, "%.*s/%u", SCRATCH_PATH_BYTES - 16, all->path, ++all->made);
	if (mkdir(path, 0700) < 0) {
		problems_add(problems, "scratch folder %s: %s: make room, or set TMPDIR", path, strerror(errno));
		path[0] = '\0';
		return false;
	}
	for (size_t i = 0; i < of->disk_count; i++) {
		char disk[DISK_PATH_BYTES];

		scratch_disk(disk, sizeof(disk), path, i);
		if (of->disks[i].kind != FIXTURE_AS_IS && !make_disk(&of->disks[i], disk, problems))
			return false;
	}
	return true;
}

/* Calls `take` with each name in a folder. */
static void each_name(int folder, void (*take)(int folder, const char *name, void *context), void *context)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *names = fd >= 0 ? fdopendir(fd) : NULL;

	for (struct dirent *entry; names && (entry = readdir(names));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			take(folder, entry->d_name, context);
	if (names)
		closedir(names);
	else if (fd >= 0)
		close(fd);
}

struct removal {
	int top;
	dev_t device;
	unsigned moved;
	bool progress;
};

/* Is it a folder that no other file system begins at? It is opened up: a case may have closed it to itself. */
static bool is_folder_of_ours(const struct removal *removal, int folder, const char *name)
{
	struct stat status;

	return fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode) &&
	       status.st_dev == removal->device && fchmodat(folder, name, 0700, 0) == 0;
}

/* A folder's folders move to the top: so none is too deep for a path or for our stack. */
static void remove_inner(int folder, const char *name, void *context)
{
	struct removal *removal = context;
	char place[32];

	if (unlinkat(folder, name, 0) == 0 || !is_folder_of_ours(removal, folder, name))
		return;
	snprintf(place, sizeof(place), ".moved-%u", ++removal->moved);
	renameat2(folder, name, removal->top, place, RENAME_NOREPLACE);
}

static void remove_outer(int top, const char *name, void *context)
{
	struct removal *removal = context;
	int folder;

	if (unlinkat(top, name, 0) == 0) {
		removal->progress = true;
		return;
	}
	if (!is_folder_of_ours(removal, top, name))
		return;
	folder = openat(top, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0)
		return;
	each_name(folder, remove_inner, removal);
	close(folder);
	removal->progress |= unlinkat(top, name, AT_REMOVEDIR) == 0;
}

bool scratch_remove(const char *path)
{
	struct removal removal = { .progress = true };
	struct stat status;

	chmod(path, 0700);
	removal.top = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (removal.top >= 0 && fstat(removal.top, &status) == 0)
		removal.device = status.st_dev;
	for (unsigned i = 0; removal.top >= 0 && removal.progress && i < PASSES_MAX; i++) {
		removal.progress = false;
		each_name(removal.top, remove_outer, &removal);
	}
	if (removal.top >= 0)
		close(removal.top);
	return rmdir(path) == 0 || errno == ENOENT;
}

bool scratches_end(struct scratches *all)
{
	bool gone = !all->path[0] || (all->kept ? true : scratch_remove(all->path));

	if (gone)
		*all = (struct scratches){ 0 };
	return gone;
}
