/* SPDX-License-Identifier: Apache-2.0 */
#include "control/test/golden.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/measure/output_file.h"
#include "vmm/error.h"

struct contents {
	char *bytes;
	size_t count;
};

/* 0 or -errno. */
static int read_all(const char *path, struct contents *contents)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), r = 0;
	struct stat status;
	ssize_t n = 0;

	*contents = (struct contents){ 0 };
	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) < 0)
		r = -errno;
	else if (!S_ISREG(status.st_mode))
		r = -EINVAL;
	else if (status.st_size > (off_t)GOLDEN_BYTES_MAX)
		r = -EFBIG;
	else if (!(contents->bytes = malloc((size_t)status.st_size + 1)))
		r = -ENOMEM;
	while (r == 0 && contents->count < (size_t)status.st_size) {
		n = read(fd, contents->bytes + contents->count, (size_t)status.st_size - contents->count);
		if (n <= 0)
			break;
		contents->count += (size_t)n;
	}
	if (r == 0 && n < 0)
		r = -errno;
	close(fd);
	return r;
}

static size_t line_length(const char *at, const char *end)
{
	const char *newline = memchr(at, '\n', (size_t)(end - at));

	return newline ? (size_t)(newline + 1 - at) : (size_t)(end - at);
}

/* One line of the two that differ, its newline included. */
static const char *line_text(char into[QUOTED_BYTES], const char *at, const char *end)
{
	return at == end ? "nothing more" : quoted(into, at, line_length(at, end));
}

bool golden_check(const char *where, const char *path, const char *bytes, size_t count, struct problems *problems)
{
	struct contents golden;
	int r = read_all(path, &golden);
	const char *have = bytes, *have_end = bytes + count, *want = golden.bytes, *want_end = want + golden.count;
	char should[QUOTED_BYTES], was[QUOTED_BYTES];
	unsigned line = 1;
	bool same;

	if (r < 0) {
		problems_add(problems, "%s: %s: %s: `kvick test --update-golden` writes it", where, path, strerror(-r));
		free(golden.bytes);
		return false;
	}
	same = golden.count == count && memcmp(want, have, count) == 0;
	while (!same && have < have_end && want < want_end) {
		size_t h = line_length(have, have_end), w = line_length(want, want_end);

		if (h != w || memcmp(have, want, h) != 0)
			break;
		have += h;
		want += w;
		line++;
	}
	if (!same) {
		problems_add(problems, "%s: it differs from line %u of %s on (`kvick test --update-golden` takes what there was)",
			     where, line, path);
		problems_more(problems, "  should be: %s", line_text(should, want, want_end));
		problems_more(problems, "  there was: %s", line_text(was, have, have_end));
	}
	free(golden.bytes);
	return same;
}

static bool is_same(const char *path, const char *bytes, size_t count)
{
	struct contents golden;
	bool same = read_all(path, &golden) == 0 && golden.count == count && memcmp(golden.bytes, bytes, count) == 0;

	free(golden.bytes);
	return same;
}

/* By one rename(). */
static bool replace(const char *where, const char *path, const char *bytes, size_t count, struct problems *problems)
{
	struct error error = { 0 };
	struct output_file file;
	int r = output_open(&file, path, &error);

	if (r == 0) {
		fwrite(bytes, 1, count, file.stream);
		r = output_close(&file, &error);
	}
	if (r < 0)
		problems_add(problems, "%s: %s", where, error.text);
	return r == 0;
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(a, b);
}

bool golden_update(struct golden_files *files, const char *where, const char *path, const char *bytes, size_t count,
		   struct problems *problems)
{
	bool known = tfind(path, &files->paths, compare_paths), same = is_same(path, bytes, count);

	if (known && !same) {
		problems_add(problems, "%s: another case of this run has something else for %s: give each its own", where,
			     path);
		return false;
	}
	if (!same && !replace(where, path, bytes, count, problems))
		return false;
	if (!known && !tsearch(path, &files->paths, compare_paths))
		problems_add(problems, "%s: no memory", where);
	return !same;
}

static void no_destructor(void *path)
{
	(void)path;
}

void golden_files_free(struct golden_files *files)
{
	tdestroy(files->paths, no_destructor);
	files->paths = NULL;
}
