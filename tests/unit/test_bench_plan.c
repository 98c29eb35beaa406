/* SPDX-License-Identifier: Apache-2.0 */
/* kvick bench's command line. kvick and its helpers are said to be in /kvick; of peers there is one, "peer". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/bench/bench.h"
#include "control/bench/run_words.h"
#include "control/measure/program.h"
#include "vmm/error.h"

static const char *kvick_is_in = "/kvick";

int __wrap_program_of_kvick(const char *name, char path[PROGRAM_PATH_BYTES], struct error *error)
{
	if (!kvick_is_in)
		return error_set(error, ERROR_HOST, 2, "%s: not built", name);
	snprintf(path, PROGRAM_PATH_BYTES, "%s/%s", kvick_is_in, name);
	return 0;
}

int peer_find(const struct peer *peer, char path[PROGRAM_PATH_BYTES], struct error *to)
{
	return program_find(peer->program, path, to);
}

int peer_make(struct subject *subject, const struct peer *peer, const char *file, char **arguments, uint64_t mem_bytes,
	      const char *scratch, struct error *to)
{
	return peer->make(subject, file, arguments, mem_bytes, scratch, to);
}

static int make_peer(struct subject *s, const char *image, char **arguments, uint64_t mem_bytes, const char *scratch,
		     struct error *error)
{
	char mem[32];
	struct words words = { 0 };

	if (strcmp(image, "/dev/null") == 0)
		return error_set(error, ERROR_IMAGE, 0, "/dev/null: nothing that a peer boots");
	snprintf(mem, sizeof(mem), "%llu", (unsigned long long)mem_bytes);
	words_add(&words, "peer");
	words_add(&words, mem);
	words_add(&words, access(scratch, W_OK) == 0 ? "scratch" : "no scratch");
	words_add(&words, image);
	words_add_all(&words, arguments);
	s->argv = words_take(&words);
	return 0;
}

const struct peer peers[] = {
	{ .name = "peer", .program = "sh", .success = 83, .make = make_peer },
	{ .name = "absent", .program = "no-such-program-anywhere", .make = make_peer },
	{ 0 },
};

static const struct command command = { .name = "bench", .synopsis = "bench [OPTIONS] IMAGE", .options = plan_option_rows };

static struct plan plan;
static struct error error;
static bool help;

/* A file, a directory, and room for command lines, which outlive the parser. */
static char folder[64], image[96], other[96], request[96];

#define WORDS_MAX 48

static int parse(const char *first, ...)
{
	static char text[WORDS_MAX][256];
	static char *argv[WORDS_MAX + 1];
	va_list more;
	int argc = 1;

	plan_free(&plan);
	error = (struct error){ 0 };
	argv[0] = strcpy(text[0], "bench");
	va_start(more, first);
	for (const char *word = first; word; word = va_arg(more, const char *))
		argv[argc] = strcpy(text[argc], word), argc++;
	va_end(more);
	argv[argc] = NULL;
	return plan_parse(&plan, &command, argc, argv, &help, &error);
}

static void assert_refused(const char *part)
{
	if (!strstr(error.text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, error.text);
	assert_int_equal(error.kind, ERROR_USAGE);
}

static void assert_taken(int result)
{
	if (result != 0)
		fail_msg("refused: %s", error.text);
}

#define REFUSED(part, ...) (assert_int_not_equal(parse(__VA_ARGS__, NULL), 0), assert_refused(part))
#define TAKEN(...)         assert_taken(parse(__VA_ARGS__, NULL))

static void assert_words(char **words, const char *joined)
{
	char text[1024] = "";

	for (; *words; words++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", text[0] ? " " : "", *words);
	assert_string_equal(text, joined);
}

/* --- one option --- */

static void test_an_image_alone_is_cold_against_the_floor_in_200_rounds(void **state)
{
	(void)state;
	TAKEN(image);
	assert_int_equal(plan.subject_count, 2);
	assert_int_equal(plan.subjects[0].kind, SUBJECT_COLD);
	assert_string_equal(plan.subjects[0].path, "/kvick/kvick");
	assert_int_equal(plan.subjects[1].kind, SUBJECT_FLOOR);
	assert_words(plan.subjects[1].argv, "kvick-floor --irqchip split --ring 3");
	assert_int_equal(plan.runs, 200);
	assert_int_equal(plan.warm_up, 5);
	assert_int_equal(plan.arrivals, ARRIVALS_ONE_BY_ONE);
	assert_int_equal(plan.at_once, 1);
	assert_string_equal(plan.text, "-");
	assert_null(plan.scratch);
}

static void test_a_command_line_is_whole(void **state)
{
	char line[512];

	(void)state;
	TAKEN("--options", "--mem 64M --no-sandbox --env 'A=b c'", "--request", request, image, "--", "one", "--two");
	snprintf(line, sizeof(line), "kvick run --report stamps=3 --mem 64M --no-sandbox --env A=b c --request %s %s -- one "
		 "--two", request, image);
	assert_words(plan.subjects[0].argv, line);
}

static void test_values_that_are_none_are_refused_by_name(void **state)
{
	(void)state;
	REFUSED("--runs 0: write a number from 1 to 1000000", "--runs", "0", image);
	REFUSED("--runs 12x: write a number", "--runs", "12x", image);
	REFUSED("--runs -1: write a number", "--runs", "-1", image);
	REFUSED("--runs 99999999999999999999999: write a number", "--runs", "99999999999999999999999", image);
	REFUSED("--warm-up x: write a number from 0", "--warm-up", "x", image);
	REFUSED("--time 0: no time at all", "--time", "0", image);
	REFUSED("--timeout soon: not a duration: write 500ms", "--timeout", "soon", image);
	REFUSED("--at-once 0: write a number from 1 to 1024", "--at-once", "0", image);
	REFUSED("--rate 0: write launches a second", "--rate", "0", image);
	REFUSED("--rate 5/m: write launches a second", "--rate", "5/m", image);
	REFUSED("--rate nan: write launches a second", "--rate", "nan", image);
	REFUSED("--rate 0x10: write launches a second", "--rate", "0x10", image);
	REFUSED("--seed -1: write a number from 0 to 9007199254740991", "--seed", "-1", image);
	REFUSED("--alpha 0: write a probability", "--alpha", "0", image);
	REFUSED("--alpha 1: write a probability", "--alpha", "1", image);
	REFUSED("--exit 256: write a number from 0 to 255", "--exit", "256", image);
	REFUSED("--pin 0,: write numbers of CPUs", "--pin", "0,", image);
	REFUSED("--pin 3-1: write numbers of CPUs", "--pin", "3-1", image);
	REFUSED("may not run on CPU 1023", "--pin", "1023", image);
	REFUSED("may not run on CPU 99999", "--pin", "99999", image);
	REFUSED("--json '': name a file", "--json=", image);
	REFUSED("--name : write 1 to 64 bytes", "--name", "", image);
	REFUSED("control characters", "--name", "a\033[2Jb", image);
	REFUSED("--threshold five: write percents", "--threshold", "five", "--compare", "a", "b");
	REFUSED("no such option", "--rnus", "5", image);
}

static void test_rates_and_thresholds_have_units(void **state)
{
	(void)state;
	TAKEN("--rate", "0.5/s", image);
	assert_true(plan.rate == 0.5);
	TAKEN("--compare", "a.json", "b.json", "--threshold", "2.5%");
	assert_true(plan.threshold == 0.025);
}

static void test_modes_are_a_subject_each(void **state)
{
	(void)state;
	TAKEN("--mode", "pooled,cold", "--no-floor", image);
	assert_int_equal(plan.subject_count, 2);
	assert_int_equal(plan.subjects[0].kind, SUBJECT_POOLED);
	assert_string_equal(plan.subjects[0].name, "pooled");
	assert_null(plan.subjects[0].argv);
	assert_true(plan.subjects[0].makes_snapshot);
	assert_int_equal(plan.subjects[1].kind, SUBJECT_COLD);
	REFUSED("--mode warm: \"warm\" is none: write cold, restored or pooled", "--mode", "warm", image);
	REFUSED("\"\" is none", "--mode", "cold,", image);
	REFUSED("\"cold\" stands there twice", "--mode", "cold,pooled,cold", image);
}

/* --- options together --- */

static void test_arrivals_follow_from_what_is_given(void **state)
{
	(void)state;
	TAKEN("--at-once", "8", image);
	assert_int_equal(plan.arrivals, ARRIVALS_BURST);
	TAKEN("--rate", "100", "--poisson", image);
	assert_int_equal(plan.arrivals, ARRIVALS_OPEN_LOOP);
	assert_int_equal(plan.at_once, 64);
	TAKEN("--at-once", "3", "--rate", "100", image);
	assert_int_equal(plan.arrivals, ARRIVALS_OPEN_LOOP);
	assert_int_equal(plan.at_once, 3);
	REFUSED("--poisson: launches come at random times only with --rate", "--poisson", image);
	REFUSED("--drop-caches with --rate", "--drop-caches", "--rate", "5", image);
}

static void test_a_time_alone_has_no_number_of_rounds(void **state)
{
	(void)state;
	TAKEN("--time", "2s", image);
	assert_int_equal(plan.runs, 0);
	assert_int_equal(plan.time_ns, 2000000000);
	TAKEN("--time", "2s", "--runs", "7", image);
	assert_int_equal(plan.runs, 7);
}

static void test_one_output_at_most_is_stdout(void **state)
{
	(void)state;
	TAKEN("--json", "-", "--csv=a.csv", image);
	assert_string_equal(plan.json, "-");
	assert_string_equal(plan.csv, "a.csv");
	assert_null(plan.text);
	TAKEN("--json=a.json", image);
	assert_string_equal(plan.text, "-");
	REFUSED("--json and --csv, both to stdout", "--json", "-", "--csv", "-", image);
	REFUSED("--json and --csv, both to a", "--json=a", "--csv=a", image);
}

static void test_compare_takes_two_files_and_nothing_that_runs(void **state)
{
	(void)state;
	TAKEN("--compare", "old.json", "new.json");
	assert_string_equal(plan.compare_old, "old.json");
	assert_string_equal(plan.compare_new, "new.json");
	assert_int_equal(plan.subject_count, 0);
	REFUSED("--compare old.json: with what?", "--compare", "old.json");
	REFUSED("--runs with --compare", "--compare", "old.json", "new.json", "--runs", "5");
	REFUSED("--html with --compare", "--compare", "old.json", "new.json", "--html=a");
	REFUSED("-- with --compare", "--compare", "old.json", "new.json", "--", "a");
	REFUSED("--threshold without --compare", "--threshold", "5", image);
}

static void test_options_of_kvick_run_are_options_alone(void **state)
{
	(void)state;
	REFUSED("--options: other.elf: no option of kvick run", "--options", "--mem 5M other.elf", image);
	REFUSED("--options: --: no option", "--options", "--", image);
	REFUSED("--options: --mem: its value is missing", "--options", "--mem", image);
	REFUSED("--options: --no-sandbox takes no value", "--options", "--no-sandbox=1", image);
	REFUSED("--options: --report: kvick bench has its own", "--options", "--report json", image);
	REFUSED("--options: --request: give it to kvick bench itself", "--options", "--request x", image);
	REFUSED("--options: --timeout: the launches' is kvick bench's own", "--options", "--timeout 5s", image);
	REFUSED("--options: at \"'unfinished\"", "--options", "--env 'unfinished", image);
	REFUSED("--options --no-sandbox: given twice", "--options", "--mem 5M", "--options", "--no-sandbox", image);
	REFUSED("--vs-options: --bogus: no option", "--vs-options", "--bogus", image);
	TAKEN("--options", "--net:service=tap0 --block:a=b --hugepages=transparent --rng", image);
}

static void test_options_that_a_mode_cannot_have_are_refused_with_it(void **state)
{
	(void)state;
	REFUSED("--options: --disk: not with --mode pooled", "--mode", "cold,pooled", "--options", "--disk a.img", image);
	REFUSED("--options: --initrd: not with --mode restored", "--mode", "restored", "--options", "--initrd a", image);
	REFUSED("--options: --verify: it is of no use for --mode cold", "--options", "--verify", image);
	REFUSED("--vs-kvick old/kvick with --mode pooled", "--mode", "cold,pooled", "--vs-kvick", "old/kvick", image);
	REFUSED("a directory, so a snapshot, and --mode cold boots images", folder);
	REFUSED("which has its arguments", "--mode", "restored", folder, "--", "a");
	REFUSED("--options: --mem: not with --mode restored", "--mode", "restored", "--options", "--mem 5M", folder);
}

static void test_what_is_restored_is_given_what_no_snapshot_has(void **state)
{
	char line[512];

	(void)state;
	TAKEN("--mode", "restored", "--options", "--mem 5M --rng --disk a.img --no-sandbox", image, "--", "a");
	assert_non_null(plan.scratch);
	snprintf(line, sizeof(line), "kvick restore --report stamps=3 --rng --disk a.img --no-sandbox %s/0", plan.scratch);
	assert_words(plan.subjects[0].argv, line);
	TAKEN("--mode", "restored,pooled", folder);
	assert_false(plan.subjects[0].makes_snapshot);
	snprintf(line, sizeof(line), "kvick restore --report stamps=3 %s", folder);
	assert_words(plan.subjects[0].argv, line);
}

static void test_the_folder_is_removed_with_all_that_is_in_it(void **state)
{
	char path[256], inside[512];

	(void)state;
	TAKEN("--mode", "restored", image);
	snprintf(path, sizeof(path), "%s", plan.scratch);
	snprintf(inside, sizeof(inside), "%s/0", path);
	assert_int_equal(mkdir(inside, 0700), 0);
	plan_free(&plan);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_files_that_are_not_there_are_refused(void **state)
{
	(void)state;
	assert_int_not_equal(parse("no/such.elf", NULL), 0);
	assert_int_equal(error.kind, ERROR_IMAGE);
	assert_non_null(strstr(error.text, "no/such.elf: No such file"));
	assert_int_not_equal(parse("--vs-image", "no/other.elf", image, NULL), 0);
	assert_non_null(strstr(error.text, "--vs-image no/other.elf: No such file"));
	REFUSED("--request no/ask: No such file", "--request", "no/ask", image);
	REFUSED("must be a file", "--request", "/dev/zero", image);
	REFUSED("stdin can be read once", "--request", "-", image);
	REFUSED("IMAGE is missing", "--runs", "5");
	REFUSED("IMAGE is missing, it comes before \"--\"", "--", "a");
}

static void test_without_kvick_there_is_nothing_to_measure(void **state)
{
	(void)state;
	kvick_is_in = NULL;
	assert_int_not_equal(parse(image, NULL), 0);
	kvick_is_in = "/kvick";
	assert_int_equal(error.kind, ERROR_HOST);
}

/* --- others --- */

static void test_a_command_is_found_along_path(void **state)
{
	(void)state;
	TAKEN("--vs", "sh -c 'exit 3'", "--vs-exit", "3", image);
	assert_int_equal(plan.subjects[1].kind, SUBJECT_COMMAND);
	assert_words(plan.subjects[1].argv, "sh -c exit 3");
	assert_non_null(strstr(plan.subjects[1].path, "/sh"));
	assert_int_equal(plan.subjects[1].success, 3);
	assert_string_equal(plan.subjects[1].name, "sh");
	assert_null(plan.subjects[1].missing);
	REFUSED("--vs: at \"a|b\"", "--vs", "a|b", image);
	REFUSED("--vs: it is empty", "--vs", " ", image);
	REFUSED("--vs-exit 3: of what?", "--vs-exit", "3", image);
}

static void test_who_is_missing_is_noted_and_the_others_stay(void **state)
{
	(void)state;
	TAKEN("--vs", "no-such-program-anywhere -x", "--vs", "absent", "--vs", "peer /dev/null", "--vs-kvick", "/no/kvick", image);
	assert_int_equal(plan.subject_count, 6);
	assert_non_null(strstr(plan.subjects[1].missing, "no-such-program-anywhere: not found along PATH"));
	assert_non_null(strstr(plan.subjects[2].missing, "no-such-program-anywhere: not found along PATH"));
	assert_string_equal(plan.subjects[3].missing, "/dev/null: nothing that a peer boots");
	assert_non_null(strstr(plan.subjects[4].missing, "/no/kvick: no such program"));
	assert_null(plan.subjects[0].missing);
	assert_null(plan.subjects[5].missing);
}

static void test_a_preset_boots_the_image_or_its_own(void **state)
{
	char line[256];

	(void)state;
	TAKEN("--options", "--mem 64M", "--vs", "peer", "--vs", "peer /own.img a b", "--vs", "peer", "--vs-exit", "4", image,
	      "--", "c");
	snprintf(line, sizeof(line), "peer 67108864 scratch %s c", image);
	assert_words(plan.subjects[1].argv, line);
	assert_words(plan.subjects[2].argv, "peer 67108864 scratch /own.img a b");
	assert_string_equal(plan.subjects[1].peer, "peer");
	assert_int_equal(plan.subjects[1].success, 83);
	assert_int_equal(plan.subjects[3].success, 4);
}

static void test_a_presets_name_before_an_option_is_a_command(void **state)
{
	(void)state;
	TAKEN("--vs", "peer --mem=5 a", image);
	assert_null(plan.subjects[1].peer);
	assert_words(plan.subjects[1].argv, "peer --mem=5 a");
}

#define FOUR(option, value) option, value, option, value, option, value, option, value

static void test_no_more_than_can_be_compared(void **state)
{
	(void)state;
	REFUSED("--vs true: one too many: 16", FOUR("--vs", "true"), FOUR("--vs", "true"), FOUR("--vs", "true"),
		FOUR("--vs", "true"), image);
	REFUSED("more than 16 to compare", "--mode", "cold,restored,pooled", FOUR("--vs-options", ""), "--vs-options", "", image);
}

/* --- names --- */

static void assert_names(const char *joined)
{
	char text[1024] = "";

	for (size_t i = 0; i < plan.subject_count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? "|" : "", plan.subjects[i].name);
	assert_string_equal(text, joined);
}

static void test_names_are_made_of_what_differs(void **state)
{
	(void)state;
	TAKEN("--vs-options", "--no-sandbox", image);
	assert_names("cold|--no-sandbox|floor");
	TAKEN("--mode", "cold,restored", "--vs-options", "--no-sandbox", image);
	assert_names("cold|restored|cold --no-sandbox|restored --no-sandbox|floor");
	TAKEN("--vs-image", other, image);
	assert_names("image.elf|other.elf|floor");
	TAKEN("--vs-kvick", "old/kvick", image);
	assert_names("cold|old/kvick|floor");
	TAKEN("--vs", "/bin/true x", "--vs", "/usr/bin/true", "--vs", "peer", "--vs", "peer", "--no-floor", image);
	assert_names("cold|true|true 2|peer|peer 2");
	TAKEN("--vs-options", "", "--vs-options", "--mem 5M --env AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=b", "--no-floor", image);
	assert_names("cold|cold 2|--mem 5M --env AAAAAAAAAAAAAAAAAAAAAA…");
}

static void test_names_may_be_given(void **state)
{
	(void)state;
	TAKEN("--name", "ours", "--vs", "true", "--name", "theirs", "--no-floor", image);
	assert_names("ours|theirs");
	TAKEN("--mode", "cold,pooled", "--name", "ours", "--no-floor", image);
	assert_names("ours cold|ours pooled");
	REFUSED("--name same: another one is called that", "--name", "same", "--vs", "true", "--name", "same", image);
	REFUSED("--name floor: another one", "--name", "floor", image);
	REFUSED("--name b: it has a name, a", "--name", "a", "--name", "b", image);
}

static void test_help_fills_in_nothing(void **state)
{
	(void)state;
	TAKEN("--help");
	assert_true(help);
	assert_int_equal(plan.subject_count, 0);
}

static int make_files(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test_bench_plan.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(image, sizeof(image), "%s/image.elf", folder);
	snprintf(other, sizeof(other), "%s/other.elf", folder);
	snprintf(request, sizeof(request), "%s/ask", folder);
	for (char *const *path = (char *const[]){ image, other, request, NULL }; *path; path++)
		fclose(fopen(*path, "w"));
	return 0;
}

static int remove_files(void **state)
{
	(void)state;
	plan_free(&plan);
	unlink(image);
	unlink(other);
	unlink(request);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_image_alone_is_cold_against_the_floor_in_200_rounds),
		cmocka_unit_test(test_a_command_line_is_whole),
		cmocka_unit_test(test_values_that_are_none_are_refused_by_name),
		cmocka_unit_test(test_rates_and_thresholds_have_units),
		cmocka_unit_test(test_modes_are_a_subject_each),
		cmocka_unit_test(test_arrivals_follow_from_what_is_given),
		cmocka_unit_test(test_a_time_alone_has_no_number_of_rounds),
		cmocka_unit_test(test_one_output_at_most_is_stdout),
		cmocka_unit_test(test_compare_takes_two_files_and_nothing_that_runs),
		cmocka_unit_test(test_options_of_kvick_run_are_options_alone),
		cmocka_unit_test(test_options_that_a_mode_cannot_have_are_refused_with_it),
		cmocka_unit_test(test_what_is_restored_is_given_what_no_snapshot_has),
		cmocka_unit_test(test_the_folder_is_removed_with_all_that_is_in_it),
		cmocka_unit_test(test_files_that_are_not_there_are_refused),
		cmocka_unit_test(test_without_kvick_there_is_nothing_to_measure),
		cmocka_unit_test(test_a_command_is_found_along_path),
		cmocka_unit_test(test_who_is_missing_is_noted_and_the_others_stay),
		cmocka_unit_test(test_a_preset_boots_the_image_or_its_own),
		cmocka_unit_test(test_a_presets_name_before_an_option_is_a_command),
		cmocka_unit_test(test_no_more_than_can_be_compared),
		cmocka_unit_test(test_names_are_made_of_what_differs),
		cmocka_unit_test(test_names_may_be_given),
		cmocka_unit_test(test_help_fills_in_nothing),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
