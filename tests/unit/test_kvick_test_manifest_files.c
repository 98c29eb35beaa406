/* SPDX-License-Identifier: Apache-2.0 */
/* A manifest of `kvick test` as a file, and the files that it names: what is none, or missing, is told with line and key. */
#include "tests/unit/test_unit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "control/measure/environment.h"
#include "control/test/manifest.h"
#include "vmm/error.h"

const struct feature features[] = { { 0 } };

const struct feature *feature_find(const char *name)
{
	(void)name;
	return NULL;
}

static struct manifest manifest;
static struct error error;
static char folder[] = "/tmp/kvick-manifest-XXXXXX", was[4096];

static void write_bytes(const char *name, const char *bytes, size_t count)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0 && write(fd, bytes, count) == (ssize_t)count && close(fd) == 0);
}

static void write_text(const char *name, const char *text)
{
	write_bytes(name, text, strlen(text));
}

static bool is_wanted(const struct test_plan *plan, const struct test_case *c)
{
	(void)plan;
	return strcmp(c->name, "unwanted") != 0;
}

static int read_manifest(const char *path)
{
	manifest_free(&manifest);
	error = (struct error){ 0 };
	return manifest_read(&manifest, path, &(struct files_wanted){ is_wanted, NULL }, &error);
}

static void refused(const char *text, const char *says)
{
	write_text("m", text);
	assert_int_equal(read_manifest("m"), -EINVAL);
	assert_int_equal(error.kind, ERROR_USAGE);
	assert_says(error.text, says);
}

static void taken(const char *text)
{
	write_text("m", text);
	if (read_manifest("m") < 0)
		fail_msg("%s: %s", text, error.text);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(folder) || !getcwd(was, sizeof(was)) || chdir(folder) < 0)
		return -1;
	write_text("image", "");
	return mkdir("sub", 0755) | mkfifo("fifo", 0644);
}

static int tear_down(void **state)
{
	char command[64];

	(void)state;
	manifest_free(&manifest);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return chdir(was) | system(command);
}

static void paths_are_from_the_manifests_folder(void **state)
{
	char path[128];

	(void)state;
	write_text("sub/m", "[case a]\nimage = ../image\nskip = x\n[case b]\nimage = ../image\n");
	assert_int_equal(read_manifest("sub/m"), 0);
	snprintf(path, sizeof(path), "%s/sub/../image", folder);
	assert_string_equal(manifest.cases[1].image, path);
	snprintf(path, sizeof(path), "%s/sub/m", folder);
	assert_int_equal(read_manifest(path), 0);
	assert_string_equal(manifest.cases[1].image + strlen(folder), "/sub/../image");
}

static void what_is_no_file_is_no_manifest(void **state)
{
	(void)state;
	assert_int_equal(read_manifest("none"), -ENOENT);
	assert_says(error.text, "none: No such file or directory: write the manifest's path");
	assert_int_equal(read_manifest("sub"), -EINVAL);
	assert_says(error.text, "sub: not a file");
	assert_int_equal(read_manifest("fifo"), -EINVAL);
	assert_says(error.text, "fifo: not a file");
	assert_int_equal(read_manifest("/dev/null"), -EINVAL);
	assert_int_equal(read_manifest(""), -ENOENT);
}

static void a_manifest_has_up_to_4_mib(void **state)
{
	char *text = malloc(MANIFEST_BYTES_MAX + 1);

	(void)state;
	memset(text, '\n', MANIFEST_BYTES_MAX + 1);
	memcpy(text, "[case a]\nimage=image", 20);
	write_bytes("m", text, MANIFEST_BYTES_MAX);
	assert_int_equal(read_manifest("m"), 0);
	write_bytes("m", text, MANIFEST_BYTES_MAX + 1);
	assert_int_equal(read_manifest("m"), -EFBIG);
	assert_says(error.text, "m: more than 4 MiB");
	free(text);
}

static void files_that_are_missing_are_told_with_their_keys(void **state)
{
	(void)state;
	refused("[case a]\nimage = none.elf\n", "m:2: image: ");
	assert_says(error.text, "/none.elf: No such file or directory: make it");
	refused("[case a]\nimage = sub\n", "/sub: a folder, not a file");
	refused("[case a]\nimage = fifo\n", "/fifo: something special, not a file");
	refused("[case a]\nimage = image\nstdin = none\n", "m:3: stdin: ");
	refused("[case a]\nimage = image\nrequest = none\n", "m:3: request: ");
	refused("[case a]\nimage = image\ndisk = copy none\n", "m:3: disk: ");
	refused("[case a]\nimage = image\ndisk = none,ro\n", "m:3: disk: ");
	refused("[case a]\nimage = image\nsolo5 disk = d=copy none\n", "m:3: solo5 disk: ");
	refused("[defaults]\nimage = none\n[case a]\n", "m:2: image: ");
}

static void of_a_long_path_the_end_is_shown(void **state)
{
	char text[4096] = "[case a]\nimage = ";

	(void)state;
	for (int i = 0; i < 60; i++)
		strcat(text, "folder_\xc3\xa4/");
	strcat(text, "last.elf\n");
	refused(text, "m:2: image: \xe2\x80\xa6");
	assert_says(error.text, "/folder_\xc3\xa4/last.elf: No such file or directory: make it, or write its path");
}

static void golden_files_may_come_into_folders_that_are_there(void **state)
{
	(void)state;
	taken("[case a]\nimage = image\nrequest = image\nreply = sub/reply\nconsole golden = none.txt\n");
	refused("[case a]\nimage = image\nconsole golden = none/none.txt\n", "m:3: console golden: ");
	assert_says(error.text, "none.txt: its folder: No such file or directory");
	refused("[case a]\nimage = image\nconsole golden = sub\n", "m:3: console golden: ");
	refused("[case a]\nimage = image\nconsole golden = image/x\n", "Not a directory");
}

static void files_of_a_case_that_is_skipped_may_be_missing(void **state)
{
	(void)state;
	taken("[case a]\nimage = none.elf\ndisk = copy none\nskip = it does not build\n");
}

static void files_of_a_case_that_is_not_wanted_may_be_missing(void **state)
{
	(void)state;
	taken("[case unwanted]\nimage = none.elf\ndisk = copy none\n");
	refused("[case unwanted]\nimage = none.elf\n[case a]\nimage = none.elf\n", "m:4: image: ");
}

static void names_of_files_do_not_move_the_cursor(void **state)
{
	(void)state;
	write_text("\x1b[2Jm", "[case a]\n");
	assert_int_equal(read_manifest("\x1b[2Jm"), -EINVAL);
	assert_null(strchr(error.text, '\x1b'));
	assert_null(strchr(manifest.problems[0], '\x1b'));
	unlink("\x1b[2Jm");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_from_the_manifests_folder),
		cmocka_unit_test(what_is_no_file_is_no_manifest),
		cmocka_unit_test(a_manifest_has_up_to_4_mib),
		cmocka_unit_test(files_that_are_missing_are_told_with_their_keys),
		cmocka_unit_test(of_a_long_path_the_end_is_shown),
		cmocka_unit_test(golden_files_may_come_into_folders_that_are_there),
		cmocka_unit_test(files_of_a_case_that_is_skipped_may_be_missing),
		cmocka_unit_test(files_of_a_case_that_is_not_wanted_may_be_missing),
		cmocka_unit_test(names_of_files_do_not_move_the_cursor),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
