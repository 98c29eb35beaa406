/* SPDX-License-Identifier: Apache-2.0 */
/* Where outputs go: into place when they are whole, or not at all. */
#include "tests/unit/test_unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "control/bench/output.h"
#include "vmm/error.h"

static char folder[] = "/tmp/kvick-output-XXXXXX", path[256];
static struct output_file file;
static struct error error;

static int set_up(void **state)
{
	(void)state;
	strcpy(strrchr(folder, '-') + 1, "XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/file", folder);
	error = (struct error){ 0 };
	return 0;
}

static unsigned entries(void)
{
	DIR *d = opendir(folder);
	unsigned count = 0;

	for (const struct dirent *entry; (entry = readdir(d));)
		count += entry->d_name[0] != '.';
	closedir(d);
	return count;
}

static int tear_down(void **state)
{
	char command[300];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static const char *content(const char *of)
{
	static char text[64];
	int fd = open(of, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[n < 0 ? 0 : n] = '\0';
	return n < 0 ? NULL : text;
}

static void put(const char *text)
{
	assert_int_equal(output_open(&file, path, &error), 0);
	fputs(text, file.stream);
	assert_int_equal(output_close(&file, &error), 0);
}

static void old_content_stays_until_the_new_is_whole(void **state)
{
	(void)state;
	put("old");
	assert_int_equal(output_open(&file, path, &error), 0);
	fputs("new", file.stream);
	fflush(file.stream);
	assert_string_equal(content(path), "old");
	assert_int_equal(output_close(&file, &error), 0);
	assert_string_equal(content(path), "new");
	assert_int_equal(entries(), 1);
}

/* The host's disk is full after 4096 bytes. */
static void what_does_not_fit_leaves_the_old_file_and_nothing_else(void **state)
{
	struct rlimit limit, small;

	(void)state;
	put("old");
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	small = (struct rlimit){ 4096, limit.rlim_max };
	assert_int_equal(output_open(&file, path, &error), 0);
	setrlimit(RLIMIT_FSIZE, &small);
	for (unsigned i = 0; i < 100000; i++)
		fputs("0123456789", file.stream);
	assert_int_equal(output_close(&file, &error), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &limit);
	assert_int_equal(error.kind, ERROR_HOST);
	assert_says(error.text, path);
	assert_string_equal(content(path), "old");
	assert_int_equal(entries(), 1);
}

static void a_full_device_is_said_and_stays_a_device(void **state)
{
	struct stat s;

	(void)state;
	assert_int_equal(output_open(&file, "/dev/full", &error), 0);
	fputs("some", file.stream);
	assert_int_equal(output_close(&file, &error), -ENOSPC);
	assert_says(error.text, "/dev/full: cannot be written: No space left on device: name");
	assert_int_equal(stat("/dev/full", &s), 0);
	assert_true(S_ISCHR(s.st_mode));
}

static void where_no_file_can_be_is_said(void **state)
{
	static const struct {
		const char *below;
		int errnum;
	} ways[] = { { "missing/file", ENOENT }, { "file/file", ENOTDIR }, { ".", EISDIR } };

	(void)state;
	put("a file");
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		char where[300];

		snprintf(where, sizeof(where), "%s/%s", folder, ways[i].below);
		error = (struct error){ 0 };
		assert_int_equal(output_open(&file, where, &error), -ways[i].errnum);
		assert_says(error.text, where);
	}
	assert_int_equal(entries(), 1);
}

static void a_name_that_is_too_long_is_said(void **state)
{
	char *where = malloc(5000);

	(void)state;
	memset(where, 'a', 4999);
	where[4999] = '\0';
	assert_int_equal(output_open(&file, where, &error), -ENAMETOOLONG);
	free(where);
}

static void a_new_file_has_the_mode_that_creat_gives(void **state)
{
	mode_t mask = umask(027);
	struct stat s;

	(void)state;
	put("new");
	umask(mask);
	assert_int_equal(stat(path, &s), 0);
	assert_int_equal(s.st_mode & 0777, 0640);
}

static void a_file_keeps_its_mode(void **state)
{
	struct stat s;

	(void)state;
	put("old");
	chmod(path, 0604);
	put("new");
	assert_int_equal(stat(path, &s), 0);
	assert_int_equal(s.st_mode & 0777, 0604);
}

static void a_link_stays_and_what_it_leads_to_is_written(void **state)
{
	char target[300];
	struct stat s;

	(void)state;
	snprintf(target, sizeof(target), "%s/target", folder);
	put("old");
	assert_int_equal(rename(path, target), 0);
	assert_int_equal(symlink("target", path), 0);
	put("new");
	assert_int_equal(lstat(path, &s), 0);
	assert_true(S_ISLNK(s.st_mode));
	assert_string_equal(content(target), "new");
}

static void a_dash_is_stdout(void **state)
{
	int old = dup(STDOUT_FILENO), fd = open(path, O_CREAT | O_RDWR, 0600);

	(void)state;
	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	assert_int_equal(output_open(&file, "-", &error), 0);
	fputs("out", file.stream);
	assert_int_equal(output_close(&file, &error), 0);
	fflush(stdout);
	dup2(old, STDOUT_FILENO);
	close(old);
	close(fd);
	assert_string_equal(content(path), "out");
}

static void a_closed_stdout_is_said(void **state)
{
	int old = dup(STDOUT_FILENO), r;

	(void)state;
	fflush(stdout);
	close(STDOUT_FILENO);
	r = output_open(&file, "-", &error);
	dup2(old, STDOUT_FILENO);
	close(old);
	assert_int_equal(r, -EBADF);
	assert_says(error.text, "stdout: cannot be written: Bad file descriptor: name");
}

static void no_descriptor_is_left(void **state)
{
	int lowest = lowest_free_fd();

	(void)state;
	put("a");
	assert_true(output_open(&file, folder, &error) < 0);
	assert_int_equal(lowest_free_fd(), lowest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(old_content_stays_until_the_new_is_whole),
		TEST(what_does_not_fit_leaves_the_old_file_and_nothing_else),
		TEST(a_full_device_is_said_and_stays_a_device),
		TEST(where_no_file_can_be_is_said),
		TEST(a_name_that_is_too_long_is_said),
		TEST(a_new_file_has_the_mode_that_creat_gives),
		TEST(a_file_keeps_its_mode),
		TEST(a_link_stays_and_what_it_leads_to_is_written),
		TEST(a_dash_is_stdout),
		TEST(a_closed_stdout_is_said),
		TEST(no_descriptor_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
