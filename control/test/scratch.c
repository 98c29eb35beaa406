/* SPDX-License-Identifier: Apache-2.0 */
#include "control/test/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define DISK_PATH_BYTES (SCRATCH_PATH_BYTES + 32)
#define COPY_BYTES (1u << 20) /* by one read() where the kernel does not copy by itself */
#define NFTW_FDS 16
#define PASSES 3              /* over what cannot be removed at first */

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

static bool make_copy(const struct disk_fixture *disk, const char *path, int to, struct problems *problems)
{
	int from = open(disk->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	bool done = from >= 0 && copy(from, to) == 0;

	if (from < 0)
		problems_add(problems, "disk: %s: %s: it was there when the manifest was read", disk->path, strerror(errno));
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

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status, (void)walk;
	if (kind == FTW_DP || kind == FTW_D)
		rmdir(path);
	else if (kind != FTW_DNR)
		unlink(path);
	return 0;
}

/* What a case has closed to itself, before it is gone over again. */
static int open_up(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status, (void)walk;
	if (kind == FTW_D || kind == FTW_DNR)
		chmod(path, 0700);
	return 0;
}

bool scratch_remove(const char *path)
{
	struct stat status;

	for (int i = 0; i < PASSES; i++) {
		nftw(path, remove_one, NFTW_FDS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
		if (lstat(path, &status) < 0)
			return true;
		nftw(path, open_up, NFTW_FDS, FTW_PHYS | FTW_MOUNT);
	}
	return false;
}

bool scratches_end(struct scratches *all)
{
	bool gone = !all->path[0] || (all->kept ? true : scratch_remove(all->path));

	if (gone)
		*all = (struct scratches){ 0 };
	return gone;
}
