/* SPDX-License-Identifier: Apache-2.0 */
/* What kvick-bench and kvick-test start: children, and commands in a string. */
#include "tests/unit/test_unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "control/measure/child.h"
#include "control/measure/program.h"
#include "vmm/error.h"

static struct error error;
static char *path_before;

static int set_up(void **state)
{
	(void)state;
	error = (struct error){ 0 };
	path_before = strdup(getenv("PATH"));
	return 0;
}

/* Nothing that a test has opened stays. */
static int tear_down(void **state)
{
	(void)state;
	setenv("PATH", path_before, 1);
	free(path_before);
	return close_range(3, ~0u, 0);
}

/* Moved to where what is handed to a child must be. */
static int high(int fd)
{
	int to = fcntl(fd, F_DUPFD_CLOEXEC, 10);

	close(fd);
	return to;
}

/* A child that has a shell do this; what it prints is read from *out. */
static struct child_config shell(const char *script, int *out)
{
	static char *argv[4];
	int null = high(open("/dev/null", O_RDWR | O_CLOEXEC)), ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	*out = high(ends[0]);
	argv[0] = "sh", argv[1] = "-c", argv[2] = (char *)script;
	return (struct child_config){
		.path = "/bin/sh", .argv = argv, .in = null, .out = high(ends[1]), .err = null, .stamps = -1,
	};
}

static void a_child_is_timed_and_counted(void **state)
{
	struct child_end end;
	struct child child;
	char text[64] = "";
	int out;
	struct child_config config = shell("echo $0 said; exit 7", &out);

	(void)state;
	error = (struct error){ 0 };
	assert_int_equal(child_start(&child, &config, &error), 0);
	assert_int_equal(child_reap(&child, 0, &end), 0);
	assert_int_equal(WEXITSTATUS(end.status), 7);
	assert_true(end.reaped_ns > child.spawned_ns && end.reaped_tsc > child.spawned_tsc);
	assert_true(end.minor_faults > 0);
	close(config.out);
	assert_true(read(out, text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "sh said\n");
}

static void stamps_are_written_to_descriptor_3(void **state)
{
	struct child_end end;
	struct child child;
	char text[8] = "";
	int out;
	struct child_config config = shell("echo here >&3", &out);

	(void)state;
	config.stamps = config.out;
	assert_int_equal(child_start(&child, &config, &error), 0);
	assert_int_equal(child_reap(&child, 0, &end), 0);
	assert_true(read(out, text, sizeof(text) - 1) == 5);
	assert_string_equal(text, "here\n");
}

static void a_time_out_leaves_it_running_until_it_is_killed(void **state)
{
	struct child_end end;
	struct child child;
	int out;
	struct child_config config = shell("sleep 1000 & sleep 1000", &out);

	(void)state;
	assert_int_equal(child_start(&child, &config, &error), 0);
	assert_int_equal(child_reap(&child, measure_now_ns() + 50000000, &end), -ETIMEDOUT);
	child_kill(&child, &end);
	assert_true(WIFSIGNALED(end.status) && WTERMSIG(end.status) == SIGKILL);
	/* What it has started is gone too: nobody has the pipe open. */
	close(config.out);
	assert_int_equal(read(out, &end, 1), 0);
}

static void no_signal_is_blocked_in_it(void **state)
{
	sigset_t set, before;
	struct child_end end;
	struct child child;
	char text[64] = "";
	int out;
	struct child_config config = shell("grep SigBlk /proc/self/status", &out);

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &before);
	assert_int_equal(child_start(&child, &config, &error), 0);
	assert_int_equal(child_reap(&child, 0, &end), 0);
	sigprocmask(SIG_SETMASK, &before, &set);
	assert_true(sigismember(&set, SIGTERM));
	assert_true(read(out, text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "SigBlk:\t0000000000000000\n");
}

static void what_cannot_be_executed_is_named(void **state)
{
	struct child child;
	int out;
	struct child_config config = shell("", &out);

	(void)state;
	error = (struct error){ 0 };
	config.path = "/etc/passwd";
	assert_int_equal(child_start(&child, &config, &error), -EACCES);
	assert_non_null(strstr(error.text, "/etc/passwd: it could not be executed"));
}

static void assert_words(const char *text, const char *joined)
{
	char **words, got[256] = "";
	size_t count;

	error = (struct error){ 0 };
	if (words_split(&words, &count, text, "--vs", &error) < 0)
		fail_msg("%s: %s", text, error.text);
	for (size_t i = 0; i < count; i++) {
		strcat(got, words[i]);
		strcat(got, "|");
	}
	assert_null(words[count]);
	words_free(words);
	assert_string_equal(got, joined);
}

static void words_are_as_in_a_shell(void **state)
{
	(void)state;
	assert_words("", "");
	assert_words("  a  b\tc ", "a|b|c|");
	assert_words("a 'b c' \"d e\" f\\ g", "a|b c|d e|f g|");
	assert_words("'' \"\" x''y", "||xy|");
	assert_words("\"a\\\"b\\c\" 'd\\'", "a\"b\\c|d\\|");
	assert_words("'$x' a#b --o={1} x~y", "$x|a#b|--o={1}|x~y|");
}

static void what_a_shell_would_expand_is_refused(void **state)
{
	static const char *const texts[] = { "a $b", "a | b", "a;b", "a>b", "*.elf", "\"$x\"", "`a`", "a 'b", "a \"b",
					   "a\\", "# a", "~/x" };
	char **words;
	size_t count;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		error = (struct error){ 0 };
		assert_int_equal(words_split(&words, &count, texts[i], "--vs", &error), -EINVAL);
		assert_true(strncmp(error.text, "--vs: at ", 9) == 0);
	}
}

static void a_program_is_found_along_path(void **state)
{
	char path[PROGRAM_PATH_BYTES];

	(void)state;
	error = (struct error){ 0 };
	setenv("PATH", "/nowhere::/etc:/bin:/usr/bin", 1);
	assert_int_equal(program_find("sh", path, &error), 0);
	assert_string_equal(path, "/bin/sh");
	assert_int_equal(program_find("passwd-of-nobody", path, &error), -ENOENT);
	assert_non_null(strstr(error.text, "passwd-of-nobody: not found along PATH"));
	error = (struct error){ 0 };
	assert_int_equal(program_find("/etc/passwd", path, &error), -ENOENT);
	error = (struct error){ 0 };
	assert_int_equal(program_find("", path, &error), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_child_is_timed_and_counted),
		TEST(stamps_are_written_to_descriptor_3),
		TEST(a_time_out_leaves_it_running_until_it_is_killed),
		TEST(no_signal_is_blocked_in_it),
		TEST(what_cannot_be_executed_is_named),
		TEST(words_are_as_in_a_shell),
		TEST(what_a_shell_would_expand_is_refused),
		TEST(a_program_is_found_along_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
