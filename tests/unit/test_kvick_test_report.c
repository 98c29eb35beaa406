/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of test cases: in TAP, to people, in JUnit's XML, in JSON; of guests that print what they shall not. */
#include "tests/unit/test_unit.h"

#include <fcntl.h>
#include <jansson.h>
#include <pty.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#include "control/test/outcome.h"
#include "control/measure/utf8.h"
#include "control/test/printed.h"
#include "control/test/report.h"
#include "vmm/error.h"
#include "vmm/machine.h"

#define HOSTILE "\x1b[2J\x1b]0;title\a\r\x9b" "31m\xff\xc3\x28\xe2\x80\xae]]><b>&\"'\0\x7f\n" \
	"# kvick test: 99 passed, 0 failed, 0 skipped\nok 1 - forged\n::error::forged\n##[error]forged ##vso[x]\nlast"

static char folder[] = "/tmp/kvick-report-XXXXXX";
static char file[sizeof(folder) + 16];

struct world {
	struct test_plan plan;
	struct manifest manifest;
	struct test_case cases[4];
	struct test_outcome outcomes[4];
	struct test_results results;
};

static char *copy(const char *text)
{
	return (char *)(uintptr_t)text; /* nobody writes to it */
}

/* One that has passed, one that has failed with a hostile guest, one that is skipped, one that is flaky. */
static struct world *world(void)
{
	static struct world w;
	static const char *const names[] = { "hello, ring 3", "bad # \\ guest", "needs more", "now and then" };

	memset(&w, 0, sizeof(w));
	w.manifest = (struct manifest){ .path = "some/kvick.test", .cases = w.cases, .case_count = 4 };
	for (unsigned i = 0; i < 4; i++) {
		w.cases[i] = (struct test_case){ .name = copy(names[i]), .line = 10 * (i + 1), .image = "/images/x.elf" };
		w.outcomes[i] = (struct test_outcome){
			.of = &w.cases[i], .name = copy(names[i]), .ring = -1, .tries = 1, .problems = copy(""),
			.messages = copy(""), .console = copy("hello\n"), .console_bytes = 6,
			.wall_ns = 1500000 * (i + 1), .cpu_ns = 1000000,
		};
	}
	w.outcomes[1].result = TEST_FAILED;
	w.outcomes[1].problems = copy("exit code 1 instead of 0\nthe console lacks \"x\"");
	w.outcomes[1].console = copy(HOSTILE);
	w.outcomes[1].console_bytes = sizeof(HOSTILE) - 1;
	w.outcomes[1].messages = copy("kvick: x.elf: guest crashed: #UD invalid opcode\n");
	w.outcomes[1].messages_bytes = strlen(w.outcomes[1].messages);
	w.outcomes[1].status = 1 << 8;
	w.outcomes[2].result = TEST_SKIPPED;
	w.outcomes[2].problems = copy("needs avx, which this host lacks");
	w.outcomes[2].tries = 0;
	w.outcomes[3].tries = 2;
	w.outcomes[3].problems = copy("try 1: exit code 7\n  indeed");
	w.results = (struct test_results){
		.plan = &w.plan, .manifest = &w.manifest, .outcomes = w.outcomes, .count = 4, .passed = 2, .failed = 1,
		.skipped = 1, .flaky = 1, .took_ns = 2500000000, .started_at = 1700000000,
	};
	return &w;
}

/* --- what is written where --- */

static int saved[3];

static void redirect(int fd, int to)
{
	fflush(fd == STDOUT_FILENO ? stdout : stderr);
	saved[fd] = dup(fd);
	dup2(to, fd);
}

static void restore(int fd)
{
	fflush(fd == STDOUT_FILENO ? stdout : stderr);
	dup2(saved[fd], fd);
	close(saved[fd]);
}

static char text[1 << 20];
static size_t text_bytes;

static void take(const char *path)
{
	FILE *in = fopen(path, "re");

	assert_non_null(in);
	text_bytes = fread(text, 1, sizeof(text) - 1, in);
	text[text_bytes] = '\0';
	fclose(in);
}

static void tell_all(const struct reporter *reporter, const struct world *w)
{
	reporter->begin(&w->results);
	for (size_t i = 0; i < w->results.count; i++)
		reporter->told(&w->results, &w->results.outcomes[i], i + 1);
	reporter->end(&w->results);
}

/* All that a reporter writes to stdout (or stderr) into `text`. */
static void tell(const struct reporter *reporter, const struct world *w, int fd)
{
	int to = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int other = STDOUT_FILENO + STDERR_FILENO - fd;

	redirect(fd, to);
	redirect(other, nowhere);
	tell_all(reporter, w);
	restore(other);
	restore(fd);
	close(nowhere);
	close(to);
	take(file);
}

/* The same on a terminal. */
static void tell_terminal(const struct reporter *reporter, const struct world *w)
{
	int master, slave;

	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	fcntl(master, F_SETFL, O_NONBLOCK);
	redirect(STDOUT_FILENO, slave);
	if (reporter->progress)
		reporter->progress(&w->results, 1, 2);
	tell_all(reporter, w);
	restore(STDOUT_FILENO);
	text_bytes = 0;
	for (ssize_t n; (n = read(master, text + text_bytes, sizeof(text) - 1 - text_bytes)) > 0;)
		text_bytes += (size_t)n;
	text[text_bytes] = '\0';
	close(slave);
	close(master);
}

static unsigned lines_that_begin(const char *with)
{
	unsigned count = 0;

	for (const char *line = text; line; line = strchr(line, '\n'), line += line != NULL)
		count += strncmp(line, with, strlen(with)) == 0;
	return count;
}

/* No byte that a terminal obeys but newlines; valid UTF-8. */
static void assert_tame(void)
{
	uint32_t code;
	unsigned length;

	for (size_t i = 0; i < text_bytes; i += length) {
		length = utf8_decode(text + i, text_bytes - i, &code);
		assert_int_not_equal(length, 0);
		assert_true(code == '\n' || code == '\t' || code >= 0x20);
		assert_false((code >= 0x7f && code < 0xa0) || code == 0x202e);
	}
}

static int set_up(void **state)
{
	(void)state;
	unsetenv("GITHUB_ACTIONS");
	unsetenv("GITHUB_WORKSPACE");
	unsetenv("CI_PROJECT_DIR");
	unsetenv("NO_COLOR");
	setenv("TERM", "xterm", 1);
	snprintf(file, sizeof(file), "%s/out", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(file);
	return 0;
}

/* --- TAP --- */

static void test_tap_has_plan_results_and_sum(void **state)
{
	(void)state;
	tell(&reporter_tap, world(), STDOUT_FILENO);
	assert_int_equal(strncmp(text, "TAP version 13\n1..4\nok 1 - hello, ring 3\nnot ok 2 - bad \\# \\\\ guest\n", 60), 0);
	assert_says(text, "\nok 3 - needs more # SKIP needs avx, which this host lacks\n");
	assert_says(text, "\nok 4 - now and then\n#   flaky: passed at try 2\n#   - try 1: exit code 7\n#     indeed\n");
	assert_string_equal(strstr(text, "\n# took"), "\n# took 2.50 s\n# kvick test: 2 passed, 1 failed, 1 skipped, 1 flaky\n");
}

static void test_tap_tells_all_of_a_failure(void **state)
{
	(void)state;
	tell(&reporter_tap, world(), STDOUT_FILENO);
	assert_says(text, "\n#   - exit code 1 instead of 0\n#   - the console lacks \"x\"\n#   console:\n");
	assert_says(text, "\n#   | last\n#   kvick:\n#   | kvick: x.elf: guest crashed: #UD invalid opcode\n");
	assert_says(text, "\n#   again: kvick test --case 'bad # \\ guest' some/kvick.test\n");
}

static void test_a_guest_forges_no_line_of_tap(void **state)
{
	(void)state;
	tell(&reporter_tap, world(), STDOUT_FILENO);
	assert_tame();
	assert_int_equal(lines_that_begin("ok "), 3);
	assert_int_equal(lines_that_begin("not ok "), 1);
	assert_int_equal(lines_that_begin("# kvick test: "), 1);
	assert_int_equal(lines_that_begin("::"), 0);
	assert_null(strstr(text, "##["));
	assert_null(strstr(text, "##vso["));
}

static void test_tap_bails_out_at_a_signal(void **state)
{
	struct world *w = world();

	(void)state;
	w->outcomes[3].result = TEST_INTERRUPTED;
	w->outcomes[3].problems = copy("");
	w->outcomes[3].tries = 0;
	w->results.signal = SIGINT;
	w->results.passed = w->results.interrupted = 1;
	w->results.flaky = 0;
	tell(&reporter_tap, w, STDOUT_FILENO);
	assert_says(text, "\nok 4 - now and then # SKIP not run\n");
	assert_says(text, "\nBail out! Ended by signal 2");
	assert_says(text, "\n# kvick test: 1 passed, 1 failed, 1 skipped, 1 not run\n");
}

static void test_results_on_stdout_send_the_rest_to_stderr(void **state)
{
	struct world *w = world();

	(void)state;
	w->plan.json = "-";
	tell(&reporter_tap, w, STDERR_FILENO);
	assert_says(text, "1..4\n");
}

/* --- people --- */

static void test_people_are_told_a_line_a_case_and_failures_at_the_end(void **state)
{
	const char *again;

	(void)state;
	tell(&reporter_human, world(), STDOUT_FILENO);
	assert_tame();
	assert_int_equal(strncmp(text, "ok       1.50 ms  hello, ring 3\n", 31), 0);
	assert_says(text, "\nFAIL     3.00 ms  bad # \\ guest: exit code 1 instead of 0\n");
	assert_says(text, "\nskip              needs more: needs avx, which this host lacks\n");
	assert_says(text, "\nflaky    6.00 ms  now and then: passed at try 2: try 1: exit code 7\n");
	again = strstr(text, "\n\nFAIL     3.00 ms  bad # \\ guest\n      - exit code 1 instead of 0\n");
	assert_non_null(again);
	assert_says(again, "\n      | last\n");
	assert_says(again, "\n\nFAIL  2 passed, 1 failed, 1 skipped, 1 flaky in 2.50 s\n");
}

static void test_quiet_tells_what_is_amiss(void **state)
{
	struct world *w = world();

	(void)state;
	w->plan.quiet = true;
	tell(&reporter_human, w, STDOUT_FILENO);
	assert_int_equal(strncmp(text, "FAIL ", 5), 0);
	assert_null(strstr(text, "hello, ring 3"));
	assert_null(strstr(text, "skip "));
	assert_says(text, "\nflaky ");
}

static void test_of_many_cases_the_slowest_are_named(void **state)
{
	struct test_outcome outcomes[20];
	struct world *w = world();

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(outcomes); i++) {
		outcomes[i] = w->outcomes[0];
		outcomes[i].wall_ns = i * 1000000;
	}
	w->results.outcomes = outcomes;
	w->results.count = COUNT_OF(outcomes);
	tell(&reporter_human, w, STDOUT_FILENO);
	assert_says(text, "slowest:\n        19.00 ms  hello, ring 3\n        18.00 ms ");
	assert_says(strstr(text, "slowest:"), " 15.00 ms ");
	assert_null(strstr(strstr(text, "slowest:"), " 14.00 ms "));
}

static void test_a_terminal_has_colours_and_progress(void **state)
{
	(void)state;
	tell_terminal(&reporter_human, world());
	assert_says(text, "\x1b[31m");
	assert_says(text, "\r\x1b[K1 of 4 done, 2 running, 1 failed, ");
	assert_says(text, "\r\x1b[K\x1b[32mok    \x1b[0m");
	assert_null(strstr(text, "\x1b[2J"));
	assert_null(strstr(text, "\x1b]0;"));
}

static void test_no_progress_in_the_first_second(void **state)
{
	struct world *w = world();

	(void)state;
	w->results.started_at = (uint64_t)time(NULL);
	tell_terminal(&reporter_human, w);
	assert_null(strstr(text, "running"));
}

static void test_no_color_is_heeded(void **state)
{
	(void)state;
	setenv("NO_COLOR", "1", 1);
	tell_terminal(&reporter_human, world());
	assert_null(strstr(text, "\x1b[3"));
	assert_says(text, "FAIL     3.00 ms  bad");
}

static void test_a_dumb_terminal_is_a_file(void **state)
{
	(void)state;
	setenv("TERM", "dumb", 1);
	tell_terminal(&reporter_human, world());
	assert_null(strchr(text, '\x1b'));
}

/* --- GitHub --- */

static void test_github_is_told_of_failures_at_their_lines(void **state)
{
	struct world *w = world();

	(void)state;
	setenv("GITHUB_ACTIONS", "true", 1);
	w->outcomes[1].name = copy("a:b,c%d");
	tell(&reporter_tap, w, STDERR_FILENO);
	assert_string_equal(text, "::error file=some/kvick.test,line=20,title=a%3Ab%2Cc%25d::exit code 1 instead of 0%0A"
			    "the console lacks \"x\"\n"
			    "::warning file=some/kvick.test,line=40,title=now and then::passed at try 2%0A"
			    "try 1: exit code 7%0A  indeed\n");
	setenv("GITHUB_ACTIONS", "false", 1);
	tell(&reporter_tap, w, STDERR_FILENO);
	assert_string_equal(text, "");
}

static void test_a_manifests_path_is_the_repositorys(void **state)
{
	char there[sizeof(folder) + 32], path[PATH_MAX];
	struct world *w = world();

	(void)state;
	snprintf(there, sizeof(there), "%s/out", folder);
	close(open(there, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	w->manifest.path = there;
	report_manifest_path(path, &w->results);
	assert_string_equal(path, there);
	setenv("CI_PROJECT_DIR", folder, 1);
	report_manifest_path(path, &w->results);
	assert_string_equal(path, "out");
	setenv("CI_PROJECT_DIR", "/usr", 1);
	report_manifest_path(path, &w->results);
	assert_string_equal(path, there);
}

/* --- JUnit --- */

static void write_junit(const struct world *w)
{
	struct error error = { 0 };

	assert_int_equal(junit_write(&w->results, file, &error), 0);
	take(file);
}

static void test_junit_has_what_readers_look_for(void **state)
{
	(void)state;
	write_junit(world());
	assert_says(text, "<testsuites name=\"kvick test\" tests=\"4\" failures=\"1\" errors=\"0\" skipped=\"1\" "
		    "time=\"2.500000\">");
	assert_says(text, "<testsuite name=\"some/kvick.test\" tests=\"4\" ");
	assert_says(text, " timestamp=\"2023-11-14T22:13:20\">");
	assert_says(text, "<testcase classname=\"some/kvick.test\" name=\"hello, ring 3\" file=\"some/kvick.test\" line=\"10\" "
		    "time=\"0.001500\">\n"
		    "      <system-out>hello\n</system-out>");
	assert_says(text, "<failure message=\"exit code 1 instead of 0\" type=\"failed\">- exit code 1 instead of 0\n");
	assert_says(text, "<skipped message=\"needs avx, which this host lacks\"/>");
	assert_says(text, "<flakyFailure type=\"flaky\" message=\"try 1: exit code 7\"/>");
	assert_says(text, "<system-err>kvick: x.elf: guest crashed");
}

static void test_junit_is_xml_whatever_a_guest_prints(void **state)
{
	const char *out;

	(void)state;
	write_junit(world());
	assert_tame();
	out = strstr(strstr(text, "name=\"bad # \\ guest\""), "<system-out>");
	assert_says(out, "<system-out>\\x1b[2J\\x1b]0;title\\x07&#13;\\x9b31m\\xff\\xc3(");
	assert_says(out, "]]&#62;&#60;b&#62;&#38;&#34;'\\x00\\x7f\n# kvick test: 99");
}

static void test_junit_takes_every_byte_and_character(void **state)
{
	struct world *w = world();
	static char bytes[256 + 13];

	(void)state;
	for (unsigned i = 0; i < 256; i++)
		bytes[i] = (char)i;
	memcpy(bytes + 256, "\xef\xbf\xbe\xef\xbf\xbf\xc2\x85\xf0\x9f\x98\x80", 12); /* U+FFFE, U+FFFF, U+0085, U+1F600 */
	w->outcomes[1].console = bytes;
	w->outcomes[1].console_bytes = sizeof(bytes) - 1;
	w->outcomes[1].problems = bytes + 1;
	write_junit(w);
	assert_tame();
	assert_says(text, "\\u{fffe}\\u{ffff}\\u{85}\xf0\x9f\x98\x80</system-out>");
	assert_says(text, "<failure message=\"\\x01\\x02\\x03\\x04\\x05\\x06\\x07\\x08&#9;\" type");
}

static void test_junit_leaves_the_middle_of_much_output_out(void **state)
{
	static char much[200000];
	struct world *w = world();

	(void)state;
	memset(much, 'm', sizeof(much));
	memcpy(much, "begin", 5);
	memcpy(much + sizeof(much) - 3, "end", 3);
	w->outcomes[0].console = much;
	w->outcomes[0].console_bytes = sizeof(much);
	w->outcomes[0].console_dropped = 1000;
	write_junit(w);
	assert_true(text_bytes < 80000);
	assert_says(text, "<system-out>begin");
	assert_says(text, "\n… 135464 bytes left out …\n");
	assert_says(text, "end</system-out>");
}

/* --- JSON --- */

static json_t *write_json(const struct world *w)
{
	struct error error = { 0 };
	json_error_t at;
	json_t *all;

	assert_int_equal(test_json_write(&w->results, file, &error), 0);
	all = json_load_file(file, JSON_ALLOW_NUL, &at);
	assert_non_null(all);
	return all;
}

static void test_json_has_each_case(void **state)
{
	json_t *all = write_json(world()), *cases = json_object_get(all, "cases"), *bad = json_array_get(cases, 1);

	(void)state;
	assert_int_equal(json_array_size(cases), 4);
	assert_int_equal(json_integer_value(json_object_get(all, "failed")), 1);
	assert_string_equal(json_string_value(json_object_get(bad, "name")), "bad # \\ guest");
	assert_string_equal(json_string_value(json_object_get(bad, "result")), "failed");
	assert_int_equal(json_integer_value(json_object_get(bad, "exit_code")), 1);
	assert_int_equal(json_array_size(json_object_get(bad, "problems")), 2);
	assert_true(json_is_null(json_object_get(bad, "stamps")));
	assert_null(json_object_get(json_array_get(cases, 2), "wall_ns"));
	json_decref(all);
}

static void test_json_keeps_a_guests_bytes_as_far_as_they_are_text(void **state)
{
	json_t *all = write_json(world()), *console;

	(void)state;
	console = json_object_get(json_array_get(json_object_get(all, "cases"), 1), "console");
	assert_int_equal(json_string_value(console)[0], '\x1b');
	assert_memory_equal(json_string_value(console) + 14, "\r\xef\xbf\xbd" "31m\xef\xbf\xbd\xef\xbf\xbd(", 14);
	json_decref(all);
}

static void test_json_has_all_stamps_by_name(void **state)
{
	struct world *w = world();
	json_t *all, *one, *stamps;

	(void)state;
	w->outcomes[0].has_stamps = true;
	w->outcomes[0].stamps = (struct stamps){
		.magic = STAMPS_MAGIC, .main = 1000, .plan = 3000, .entry = 5000, .exit = 9000, .tsc_khz = 2000000, .exits = 7,
		.hypercalls = 6, .system_calls = 30, .console_bytes = 6, .guest_bytes = 16 << 20, .outcome = OUTCOME_EXITED,
		.status = 42, .ring = 3,
	};
	all = write_json(w);
	one = json_array_get(json_object_get(all, "cases"), 0);
	stamps = json_object_get(one, "stamps");
	assert_string_equal(json_string_value(json_object_get(one, "outcome")), "exited");
	assert_int_equal(json_integer_value(json_object_get(one, "guest_status")), 42);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(stamps, "tsc"), "plan")), 3000);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(stamps, "ns"), "exit")), 4000);
	assert_null(json_object_get(json_object_get(stamps, "tsc"), "first"));
	assert_int_equal(json_integer_value(json_object_get(stamps, "exits")), 7);
	assert_int_equal(json_integer_value(json_object_get(stamps, "guest_bytes")), 16 << 20);
	json_decref(all);

	/* Never so: but it is read from a pipe. */
	w->outcomes[0].stamps.outcome = 4000000000;
	all = write_json(w);
	assert_true(json_is_null(json_object_get(json_array_get(json_object_get(all, "cases"), 0), "outcome")));
	json_decref(all);
}

/* --- files --- */

static void test_a_file_is_replaced_when_the_new_one_is_whole(void **state)
{
	struct world *w = world();
	struct stat old, new;

	(void)state;
	umask(022);
	write_junit(w);
	assert_int_equal(stat(file, &old), 0);
	assert_int_equal(old.st_mode & 0777, 0644);
	write_junit(w);
	assert_int_equal(stat(file, &new), 0);
	assert_int_not_equal(old.st_ino, new.st_ino);
	assert_int_equal(rmdir(folder), -1);
	unlink(file);
	assert_int_equal(rmdir(folder), 0); /* nothing else was left */
	assert_int_equal(mkdir(folder, 0700), 0);
}

static void test_what_is_no_file_is_written_into(void **state)
{
	struct error error = { 0 };
	char target[sizeof(folder) + 16];
	struct world *w = world();
	struct stat there;

	(void)state;
	snprintf(target, sizeof(target), "%s/target", folder);
	assert_int_equal(symlink(target, file), 0);
	assert_int_equal(junit_write(&w->results, file, &error), 0);
	assert_int_equal(lstat(file, &there), 0);
	assert_true(S_ISLNK(there.st_mode));
	take(target);
	assert_says(text, "</testsuites>");
	unlink(target);
	assert_int_equal(junit_write(&w->results, "/dev/null", &error), 0);
	assert_int_equal(lstat("/dev/null", &there), 0);
	assert_true(S_ISCHR(there.st_mode));
}

static void test_a_file_that_cannot_be_written_is_named(void **state)
{
	static const struct { const char *path, *why; } rows[] = {
		{ "/dev/full", "/dev/full: cannot be written: No space left on device" },
		{ "/tmp", "/tmp: cannot be written: Is a directory" },
		{ "/nowhere/x.xml", "/nowhere/x.xml: cannot be written: No such file or directory: name" },
		{ "/proc/x.xml", "/proc/x.xml: cannot be written: No such file or directory" },
	};

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(rows); i++) {
		struct error error = { 0 };

		assert_true(junit_write(&world()->results, rows[i].path, &error) < 0);
		assert_int_equal(error.kind, ERROR_HOST);
		assert_says(error.text, rows[i].why);
		error = (struct error){ 0 };
		assert_true(test_json_write(&world()->results, rows[i].path, &error) < 0);
		assert_says(error.text, rows[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_tap_has_plan_results_and_sum),
		TEST(test_tap_tells_all_of_a_failure),
		TEST(test_a_guest_forges_no_line_of_tap),
		TEST(test_tap_bails_out_at_a_signal),
		TEST(test_results_on_stdout_send_the_rest_to_stderr),
		TEST(test_people_are_told_a_line_a_case_and_failures_at_the_end),
		TEST(test_quiet_tells_what_is_amiss),
		TEST(test_of_many_cases_the_slowest_are_named),
		TEST(test_a_terminal_has_colours_and_progress),
		TEST(test_no_progress_in_the_first_second),
		TEST(test_no_color_is_heeded),
		TEST(test_a_dumb_terminal_is_a_file),
		TEST(test_github_is_told_of_failures_at_their_lines),
		TEST(test_a_manifests_path_is_the_repositorys),
		TEST(test_junit_has_what_readers_look_for),
		TEST(test_junit_is_xml_whatever_a_guest_prints),
		TEST(test_junit_takes_every_byte_and_character),
		TEST(test_junit_leaves_the_middle_of_much_output_out),
		TEST(test_json_has_each_case),
		TEST(test_json_keeps_a_guests_bytes_as_far_as_they_are_text),
		TEST(test_json_has_all_stamps_by_name),
		TEST(test_a_file_is_replaced_when_the_new_one_is_whole),
		TEST(test_what_is_no_file_is_written_into),
		TEST(test_a_file_that_cannot_be_written_is_named),
	};
	int failed;

	if (!mkdtemp(folder))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	return failed;
}
