/* SPDX-License-Identifier: Apache-2.0 */
#include "control/measure/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/error.h"

bool output_is_stream(const char *path)
{
	struct stat s;

	if (strcmp(path, "-") == 0)
		return true;
	return stat(path, &s) == 0 ? !S_ISREG(s.st_mode) : lstat(path, &s) == 0;
}

static int refuse(struct error *error, const char *path, int errnum)
{
	return error_set(error, ERROR_HOST, errnum, "%s: cannot be written: %s: name a file with room, in a folder that is there",
			 strcmp(path, "-") == 0 ? "stdout" : path, strerror(errnum));
}

static int open_stream(struct output_file *file, struct error *error)
{
	/* Opened anew where it has a name: O_TRUNC is for a shell. */
	int fd = strcmp(file->path, "-") == 0 ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3) :
						 open(file->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

	if (fd < 0)
		return refuse(error, file->path, errno);
	file->stream = fdopen(fd, "w");
	if (!file->stream) {
		close(fd);
		return refuse(error, file->path, ENOMEM);
	}
	return 0;
}

/* As creat() would make it, or as it is already. mkostemp() is for the owner alone. */
static mode_t mode_of(const char *place)
{
	struct stat s;
	mode_t mask;

	if (stat(place, &s) == 0)
		return s.st_mode & 0777;
	mask = umask(0);
	umask(mask);
	return 0666 & ~mask;
}

static int open_beside(struct output_file *file, struct error *error)
{
	int fd, errnum;

	if (!realpath(file->path, file->place)) {
		if (strlen(file->path) >= sizeof(file->place))
			return refuse(error, file->path, ENAMETOOLONG);
		strcpy(file->place, file->path);
	}
	if (snprintf(file->temporary, sizeof(file->temporary), "%s.XXXXXX", file->place) >= (int)sizeof(file->temporary))
		return refuse(error, file->path, ENAMETOOLONG);
	fd = mkostemp(file->temporary, O_CLOEXEC);
	if (fd < 0)
		return refuse(error, file->path, errno);
	file->stream = fchmod(fd, mode_of(file->place)) < 0 ? NULL : fdopen(fd, "w");
	if (!file->stream) {
		errnum = errno;
		close(fd);
		unlink(file->temporary);
		return refuse(error, file->path, errnum);
	}
	return 0;
}

int output_check(const char *path, struct error *error)
{
	char folder[PATH_MAX];
	struct stat there;

	if (strcmp(path, "-") == 0)
		return 0;
	if (stat(path, &there) == 0 && S_ISDIR(there.st_mode))
		return refuse(error, path, EISDIR);
	if (snprintf(folder, sizeof(folder), "%s", path) >= (int)sizeof(folder))
		return refuse(error, path, ENAMETOOLONG);
	return access(dirname(folder), X_OK) < 0 ? refuse(error, path, errno) : 0;
}

int output_open(struct output_file *file, const char *path, struct error *error)
{
	*file = (struct output_file){ .path = path };
	return output_is_stream(path) ? open_stream(file, error) : open_beside(file, error);
}

int output_close(struct output_file *file, struct error *error)
{
	int errnum = file->errnum;

	errno = 0;
	if ((fflush(file->stream) != 0 || ferror(file->stream)) && errnum == 0)
		errnum = errno ? errno : EIO;
	if (fclose(file->stream) != 0 && errnum == 0)
		errnum = errno;
	file->stream = NULL;
	if (file->place[0]) {
		if (errnum == 0 && rename(file->temporary, file->place) < 0)
			errnum = errno;
		if (errnum)
			unlink(file->temporary);
	}
	return errnum ? refuse(error, file->path, errnum) : 0;
}
