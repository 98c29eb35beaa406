/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest has printed against what it should have: what is told where they differ, and where they do not. */
#include "tests/unit/test_unit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "control/test/match.h"
#include "control/test/pattern.h"

static struct manifest manifest = { .path = "kvick.test" };
static struct console_match matches[2];
static const char *messages[2];
static struct test_case of = { .name = "case", .line = 3, .matches = matches };
static struct match_config config;
static struct problems problems;
static struct pattern *patterns;
static char golden[64];

static int set_up(void **state)
{
	(void)state;
	of = (struct test_case){ .name = "case", .line = 3, .matches = matches };
	config = (struct match_config){ .manifest = &manifest, .of = &of, .messages = { .bytes = "" }, .reply = { .bytes = "" } };
	strcpy(golden, "/tmp/kvick-golden-XXXXXX");
	close(mkstemp(golden));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(problems_end(&problems));
	patterns_free(patterns);
	patterns = NULL;
	unlink(golden);
	return 0;
}

static void expect(enum console_kind kind, const char *text)
{
	bool regex = kind == CONSOLE_REGEX || kind == CONSOLE_NOT_REGEX;
	char why[PATTERN_WHY_BYTES];

	matches[of.match_count] = (struct console_match){
		.kind = kind, .text = text, .line = 7, .pattern = regex ? pattern_compile(&patterns, text, why) : NULL,
	};
	assert_true(!regex || matches[of.match_count].pattern);
	of.match_count++;
}

static void printed(const char *text)
{
	config.console = (struct output){ .bytes = text, .count = strlen(text), .gap = strlen(text) };
}

static void golden_is(const char *text)
{
	int fd = open(golden, O_WRONLY | O_TRUNC);

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void holds(void)
{
	match_check(&config, &problems);
	if (problems.count)
		fail_msg("%s", problems.text);
}

static void does_not_hold(const char *said)
{
	match_check(&config, &problems);
	assert_int_equal(problems.count, 1);
	assert_says(problems.text, said);
}

static void literal_that_is_there_holds(void **state)
{
	(void)state;
	expect(CONSOLE_LITERAL, "a.c");
	printed("x\na.c\n");
	holds();
}

static void literal_is_no_pattern(void **state)
{
	(void)state;
	expect(CONSOLE_LITERAL, "a.c");
	printed("abc\nthe \x1b[2J end\n\n");
	does_not_hold("kvick.test:7: console: \"a.c\" is not there: in 18 bytes, of which the last line is \"the \\x1b[2J end\"");
}

static void nothing_printed_is_said_so(void **state)
{
	(void)state;
	expect(CONSOLE_REGEX, "^a$");
	printed("");
	does_not_hold("kvick.test:7: console regex: \"^a$\" is not there: nothing was printed");
}

static void regular_expression_matches_a_line(void **state)
{
	(void)state;
	expect(CONSOLE_REGEX, "^at ring [03]$");
	printed("hello\r\nat ring 3\r\n");
	holds();
}

static void what_should_not_be_there_is_told(void **state)
{
	(void)state;
	expect(CONSOLE_NOT, "error");
	printed("an error\n");
	does_not_hold("console not: \"error\" is there");
}

static void pattern_that_should_not_match_is_told(void **state)
{
	(void)state;
	expect(CONSOLE_NOT_REGEX, "e+r");
	printed("an error\n");
	does_not_hold("console not regex: \"e+r\" is there");
}

static void nothing_is_found_across_what_was_dropped(void **state)
{
	(void)state;
	expect(CONSOLE_LITERAL, "onetwo");
	printed("onetwo");
	config.console.gap = 3;
	config.console.dropped = 1000;
	does_not_hold("in 1006 bytes, of which the last line is \"onetwo\", and the middle was dropped");
}

static void what_is_behind_the_gap_is_found(void **state)
{
	(void)state;
	expect(CONSOLE_LITERAL, "two");
	printed("onetwo");
	config.console.gap = 3;
	config.console.dropped = 1000;
	holds();
}

static void absence_is_not_known_where_something_was_dropped(void **state)
{
	(void)state;
	expect(CONSOLE_NOT, "error");
	printed("onetwo");
	config.console.gap = 3;
	config.console.dropped = 1000;
	does_not_hold("may be in the 1000 bytes in the middle that were dropped");
}

static void pattern_without_end_is_given_up(void **state)
{
	static char text[1 << 16];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	expect(CONSOLE_REGEX, "(a|aa)*(a|aa)*[bc]$");
	printed(text);
	does_not_hold("took too long");
}

static void message_that_is_missing_is_told(void **state)
{
	(void)state;
	messages[0] = "null pointer";
	of.stderr_matches = messages;
	config.messages = (struct output){ .bytes = "kvick: crashed\n", .count = 15 };
	does_not_hold("kvick.test:3: stderr: \"null pointer\" is not in kvick's messages: in 15 bytes, of which the last line is "
		      "\"kvick: crashed\"");
}

static void golden_file_that_is_the_same_holds(void **state)
{
	(void)state;
	golden_is("one\ntwo\n");
	expect(CONSOLE_GOLDEN, golden);
	printed("one\ntwo\n");
	holds();
}

static void golden_file_differs_from_a_line_on(void **state)
{
	(void)state;
	golden_is("one\ntwo\nthree\n");
	expect(CONSOLE_GOLDEN, golden);
	printed("one\ntoo\nthree\n");
	does_not_hold("console golden: it differs from line 2 of ");
	assert_says(problems.text, "\n  should be: \"two\\n\"\n  there was: \"too\\n\"");
}

static void golden_file_that_goes_on_is_told(void **state)
{
	(void)state;
	golden_is("one\ntwo\n");
	expect(CONSOLE_GOLDEN, golden);
	printed("one\n");
	does_not_hold("\n  should be: \"two\\n\"\n  there was: nothing more");
}

static void missing_newline_is_seen(void **state)
{
	(void)state;
	golden_is("one");
	expect(CONSOLE_GOLDEN, golden);
	printed("one\n");
	does_not_hold("\n  should be: \"one\"\n  there was: \"one\\n\"");
}

static void golden_file_that_is_missing_is_told(void **state)
{
	(void)state;
	unlink(golden);
	expect(CONSOLE_GOLDEN, golden);
	printed("one\n");
	does_not_hold("--update-golden");
}

static void golden_file_cannot_be_compared_where_something_was_dropped(void **state)
{
	(void)state;
	golden_is("onetwo");
	expect(CONSOLE_GOLDEN, golden);
	printed("onetwo");
	config.console.dropped = 1;
	does_not_hold("there were 7 bytes, and no more than 6 are kept");
}

static void reply_is_compared_byte_for_byte(void **state)
{
	(void)state;
	golden_is("one\n");
	of.reply_path = golden;
	printed("");
	config.reply = (struct output){ .bytes = "onx\n", .count = 4 };
	does_not_hold("kvick.test:3: reply: it differs from line 1");
}

static void assert_contents(const char *text)
{
	char bytes[64];
	int fd = open(golden, O_RDONLY);
	ssize_t n = read(fd, bytes, sizeof(bytes));

	close(fd);
	assert_int_equal(n, (ssize_t)strlen(text));
	assert_memory_equal(bytes, text, strlen(text));
}

static void golden_file_is_updated_and_keeps_its_permissions(void **state)
{
	struct golden_files files = { 0 };
	struct stat status;

	(void)state;
	golden_is("one\n");
	chmod(golden, 0640);
	expect(CONSOLE_GOLDEN, golden);
	printed("two\n");
	config.update = &files;
	holds();
	assert_int_equal(match_update(&config, &problems), 1);
	assert_int_equal(match_update(&config, &problems), 0);
	assert_contents("two\n");
	assert_int_equal(stat(golden, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0640);
	golden_files_free(&files);
}

static void golden_file_of_two_cases_is_updated_to_one_thing(void **state)
{
	struct golden_files files = { 0 };

	(void)state;
	golden_is("one\n");
	expect(CONSOLE_GOLDEN, golden);
	config.update = &files;
	printed("one\n"); /* as it is: that is one thing, too */
	assert_int_equal(match_update(&config, &problems), 0);
	assert_int_equal(problems.count, 0);
	printed("two\n");
	assert_int_equal(match_update(&config, &problems), 0);
	assert_says(problems.text, "another case of this run has something else for");
	assert_contents("one\n");
	golden_files_free(&files);
}

static void golden_file_that_cannot_be_written_is_told(void **state)
{
	struct golden_files files = { 0 };

	(void)state;
	expect(CONSOLE_GOLDEN, "/proc/no/such/file");
	printed("two\n");
	config.update = &files;
	assert_int_equal(match_update(&config, &problems), 0);
	assert_int_equal(problems.count, 1);
	assert_says(problems.text, "/proc/no/such/file: cannot be written");
}

static void long_text_is_cut_in_a_sentence(void **state)
{
	char text[QUOTED_BYTES], bytes[4 * QUOTED_BYTES];

	(void)state;
	for (int each = 1; each < 256; each++)
		for (size_t count = QUOTED_BYTES / 4 - 8; count < sizeof(bytes); count += count < 2 * QUOTED_BYTES ? 1 : 100) {
			memset(bytes, each, count);
			quoted(text, bytes, count);
			assert_true(strlen(text) < QUOTED_BYTES);
			assert_int_equal(text[0], '"');
		}
	assert_string_equal(quoted(text, "a\n\"\\\t\x01\xc3\xbc", 8), "\"a\\n\\\"\\\\\\t\\x01\xc3\xbc\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(literal_that_is_there_holds),
		TEST(literal_is_no_pattern),
		TEST(nothing_printed_is_said_so),
		TEST(regular_expression_matches_a_line),
		TEST(what_should_not_be_there_is_told),
		TEST(pattern_that_should_not_match_is_told),
		TEST(nothing_is_found_across_what_was_dropped),
		TEST(what_is_behind_the_gap_is_found),
		TEST(absence_is_not_known_where_something_was_dropped),
		TEST(pattern_without_end_is_given_up),
		TEST(message_that_is_missing_is_told),
		TEST(golden_file_that_is_the_same_holds),
		TEST(golden_file_differs_from_a_line_on),
		TEST(golden_file_that_goes_on_is_told),
		TEST(missing_newline_is_seen),
		TEST(golden_file_that_is_missing_is_told),
		TEST(golden_file_cannot_be_compared_where_something_was_dropped),
		TEST(reply_is_compared_byte_for_byte),
		TEST(golden_file_is_updated_and_keeps_its_permissions),
		TEST(golden_file_of_two_cases_is_updated_to_one_thing),
		TEST(golden_file_that_cannot_be_written_is_told),
		TEST(long_text_is_cut_in_a_sentence),
	};

	return cmocka_run_group_tests_name("match", tests, NULL, NULL);
}
