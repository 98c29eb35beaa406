/* SPDX-License-Identifier: Apache-2.0 */
/* libkvick: machines of a snapshot's directory, which `kvick snapshot` has made ($KVICK); and of directories that are none. */
#include "tests/library/fixture.h"

#include <fcntl.h>
#include <sys/wait.h>

static char folder[] = "/tmp/kvick-library.XXXXXX";
static char path[64];

static int spawn(const char *program, const char *const argv[])
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		execvp(program, (char *const *)argv);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return status;
}

static int make_snapshot(void **state)
{
	const char *kvick = getenv("KVICK") ? getenv("KVICK") : "build/kvick";
	const char *argv[] = { kvick, "snapshot", guest("counter"), "-o", path, NULL };

	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/snapshot", folder);
	return spawn(kvick, argv);
}

static int remove_snapshot(void **state)
{
	const char *argv[] = { "rm", "-rf", folder, NULL };

	(void)state;
	return spawn("rm", argv);
}

static void its_machines_serve_requests(void **state)
{
	struct kvick_template *t;

	(void)state;
	CHECK(kvick_template_of_snapshot(&t, path, NULL, &error));
	struct kvick_vm *a = vm_of(t), *b = vm_of(t);

	for (int i = 0; i < 5; i++) {
		assert_replies(a, "", "1\n");
		assert_replies(b, "", "1\n");
		CHECK(kvick_vm_reset(a, &error));
		CHECK(kvick_vm_reset(b, &error));
	}
	kvick_template_free(t);
	kvick_vm_free(a);
	kvick_vm_free(b);
}

static void no_snapshot_is_taken_of_it(void **state)
{
	struct kvick_template *t, *again;

	(void)state;
	CHECK(kvick_template_of_snapshot(&t, path, NULL, &error));
	assert_int_equal(kvick_template_snapshot(&again, t, KVICK_AT_READY, LIMIT_NS, &error), -EINVAL);
	kvick_template_free(t);
}

static void a_directory_that_is_not_there(void **state)
{
	struct kvick_template *t;

	(void)state;
	assert_int_equal(kvick_template_of_snapshot(&t, "/no/such", NULL, &error), -ENOENT);
	assert_says(error.text, "/no/such");
}

static void a_directory_that_is_no_snapshot(void **state)
{
	struct kvick_template *t;

	(void)state;
	assert_int_equal(kvick_template_of_snapshot(&t, folder, NULL, &error), -ENOENT);
	assert_says(error.text, "manifest.json");
}

/* Each byte in turn, a few of them: refused, by a line that says what, or by the machine that is made of it. */
static void whatever_is_changed_in_its_state_is_refused(void **state)
{
	struct kvick_template *t;
	char name[96];
	uint8_t byte;
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "%s/state", path);
	fd = open(name, O_RDWR);
	for (off_t at = 0; pread(fd, &byte, 1, at) == 1; at += 37) {
		uint8_t other = byte ^ 0x5a;

		assert_int_equal(pwrite(fd, &other, 1, at), 1);
		assert_int_equal(kvick_template_of_snapshot(&t, path, NULL, &error), -EBADMSG);
		assert_says(error.text, "/state");
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
	close(fd);
	CHECK(kvick_template_of_snapshot(&t, path, NULL, &error));
	kvick_template_free(t);
}

static void one_whose_memory_is_cut_short(void **state)
{
	struct kvick_template *t;
	char name[96];

	(void)state;
	snprintf(name, sizeof(name), "%s/memory", path);
	assert_int_equal(truncate(name, 4096), 0);
	assert_int_equal(kvick_template_of_snapshot(&t, path, NULL, &error), -EBADMSG);
	assert_says(error.text, "/memory: 4096 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(its_machines_serve_requests),
		TEST(no_snapshot_is_taken_of_it),
		TEST(a_directory_that_is_not_there),
		TEST(a_directory_that_is_no_snapshot),
		TEST(whatever_is_changed_in_its_state_is_refused),
		TEST(one_whose_memory_is_cut_short), /* last: it stays so */
	};

	return cmocka_run_group_tests_name("library: snapshot", tests, make_snapshot, remove_snapshot);
}
