/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of `kvick test`, and which cases it selects. */
#include "tests/unit/test_unit.h"

#include "control/commands.h"
#include "control/measure/environment.h"
#include "control/test/select.h"
#include "vmm/error.h"

static unsigned looked;

static bool is_there(char *why, size_t bytes)
{
	(void)why, (void)bytes;
	looked++;
	return true;
}

static bool is_missing(char *why, size_t bytes)
{
	snprintf(why, bytes, "no such module");
	looked++;
	return false;
}

static bool is_gone(char *why, size_t bytes)
{
	(void)why, (void)bytes;
	looked++;
	return false;
}

const struct feature features[] = {
	{ "kvm", "", is_there }, { "tap", "", is_missing }, { "root", "", is_gone }, { 0 },
};

const struct feature *feature_find(const char *name)
{
	for (const struct feature *f = features; f->name; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

static const char text[] =
	"[defaults]\nimage = a.elf\ntags = all\n"
	"[case hello]\ntags = smoke\nring = each\n"
	"[case disk]\ntags = smoke io\nrequires = kvm\n"
	"[case net]\ntags = io\nrequires = kvm tap\n"
	"[case root]\nrequires = root\nring = 3\n"
	"[case old]\nskip = it is broken\nring = 0\n";

static struct manifest manifest;
static struct test_plan plan;
static struct test_results results;
static struct error error;

static const struct command command = { .name = "test", .synopsis = "test …", .options = test_option_rows };

static int parse_options(char *words)
{
	char *argv[80] = { (char *)(uintptr_t)"test" };
	int argc = 1;
	bool help;

	for (char *rest, *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		argv[argc++] = word;
	error = (struct error){ 0 };
	return test_plan_parse(&plan, &command, argc, argv, &help, &error);
}

static void free_results(void)
{
	for (size_t i = 0; i < results.count; i++) {
		free(results.outcomes[i].name);
		free(results.outcomes[i].problems);
	}
	free(results.outcomes);
}

static char words[1024]; /* the plan points into it */

static int select_by(const char *options)
{
	manifest_free(&manifest);
	free_results();
	results = (struct test_results){ .plan = &plan, .manifest = &manifest };
	snprintf(words, sizeof(words), "%s", options);
	looked = 0;
	if (parse_options(words) < 0 || manifest_parse(&manifest, "/t", text, strlen(text), NULL, &error) < 0)
		fail_msg("%s: %s", options, error.text);
	return test_select(&results, &error);
}

/* The names of what is selected, with "; " behind each. */
static const char *selected(const char *options)
{
	static char names[1024];

	if (select_by(options) < 0)
		fail_msg("%s: %s", options, error.text);
	*names = '\0';
	for (size_t i = 0; i < results.count; i++)
		strcat(strcat(names, results.outcomes[i].name), "; ");
	return names;
}

static void nothing_is_selected(const char *options, const char *says)
{
	assert_int_equal(select_by(options), -EINVAL);
	assert_int_equal(error.kind, ERROR_USAGE);
	assert_says(error.text, says);
}

static void options_refused(const char *options, const char *says)
{
	char copy[256];

	snprintf(copy, sizeof(copy), "%s", options);
	if (parse_options(copy) == 0)
		fail_msg("%s was taken", options);
	assert_int_equal(error.kind, ERROR_USAGE);
	assert_says(error.text, says);
}

static int teardown(void **state)
{
	(void)state;
	manifest_free(&manifest);
	free_results();
	return 0;
}

static void all_cases_run_in_the_manifests_order_each_at_its_rings(void **state)
{
	(void)state;
	assert_string_equal(selected(""), "hello, ring 0; hello, ring 3; disk; net; root; old; ");
	assert_int_equal(results.outcomes[0].ring, 0);
	assert_int_equal(results.outcomes[1].ring, 3);
	assert_int_equal(results.outcomes[2].ring, -1);
	assert_int_equal(results.outcomes[4].ring, 3);
	assert_int_equal(results.outcomes[5].ring, 0);
	assert_ptr_equal(results.outcomes[1].of, &manifest.cases[0]);
	assert_int_equal(results.outcomes[0].result, TEST_INTERRUPTED);
	assert_string_equal(results.outcomes[0].problems, "");
}

static void what_is_skipped_has_a_reason(void **state)
{
	(void)state;
	selected("");
	assert_int_equal(results.outcomes[3].result, TEST_SKIPPED);
	assert_string_equal(results.outcomes[3].problems, "requires tap: no such module");
	assert_string_equal(results.outcomes[4].problems, "requires root");
	assert_int_equal(results.outcomes[5].result, TEST_SKIPPED);
	assert_string_equal(results.outcomes[5].problems, "it is broken");
}

static void a_feature_is_looked_for_once_and_only_for_what_is_selected(void **state)
{
	(void)state;
	selected("--repeat 9");
	assert_int_equal(looked, 3);
	selected("--case hello --case old");
	assert_int_equal(looked, 0);
}

static void repetitions_are_numbered(void **state)
{
	(void)state;
	assert_string_equal(selected("--repeat 2 --case hello --case disk"),
			    "hello, ring 0 #1; hello, ring 0 #2; hello, ring 3 #1; hello, ring 3 #2; disk #1; disk #2; ");
}

static void cases_are_selected_by_globs_of_their_names(void **state)
{
	char glob[] = "--case", name[] = "hello, ring 3", *argv[] = { (char *)(uintptr_t)"test", glob, name };
	bool help;

	(void)state;
	assert_string_equal(selected("--case h*"), "hello, ring 0; hello, ring 3; ");
	assert_string_equal(selected("--case [dn]??* --case root"), "disk; net; root; ");
	assert_int_equal(select_by(""), 0);
	free_results();
	results = (struct test_results){ .plan = &plan, .manifest = &manifest };
	assert_int_equal(test_plan_parse(&plan, &command, 3, argv, &help, &error), 0);
	assert_int_equal(test_select(&results, &error), 0);
	assert_int_equal(results.count, 1);
	assert_string_equal(results.outcomes[0].name, name);
}

static void cases_are_selected_by_tags(void **state)
{
	(void)state;
	assert_string_equal(selected("--tag smoke"), "hello, ring 0; hello, ring 3; disk; ");
	assert_string_equal(selected("--tag smoke --tag io"), "hello, ring 0; hello, ring 3; disk; net; ");
	assert_string_equal(selected("--tag all --not-tag smoke --not-tag nothing"), "net; root; old; ");
	assert_string_equal(selected("--tag io --case d*"), "disk; ");
}

static void who_selects_nothing_is_told_what_there_is(void **state)
{
	(void)state;
	nothing_is_selected("--tag netz", "--tag netz: no case has that tag: there are all, smoke, io");
	nothing_is_selected("--case hallo", "--case hallo: no case has such a name: there are hello, disk, net, root, old");
	nothing_is_selected("--tag smoke --case net",
			    "--case net --tag smoke: no case is selected by all of that: there are hello");
	nothing_is_selected("--not-tag all", "--not-tag all: no case is selected by all of that");
}

/* One that is misspelt among others would go untested, and nobody would know. */
static void each_that_is_asked_for_selects_something(void **state)
{
	(void)state;
	nothing_is_selected("--tag smoke --tag netz", "--tag netz: no case has that tag");
	nothing_is_selected("--case hello --case hallo", "--case hallo: no case has such a name");
}

static void runs_have_an_end(void **state)
{
	(void)state;
	assert_int_equal(select_by("--repeat 100000 --case disk"), 0);
	assert_int_equal(results.count, 100000);
	assert_int_equal(select_by("--repeat 100000"), 0);
	assert_int_equal(results.count, 600000);
	free_results();
	results = (struct test_results){ .plan = &plan, .manifest = &manifest };
	plan.repeat = 200000;
	assert_int_equal(test_select(&results, &error), -E2BIG);
	assert_says(error.text, "--repeat 200000: more than 1000000 runs in all");
}

static void options_have_defaults(void **state)
{
	char none[] = "", one[] = "x.test";

	(void)state;
	assert_int_equal(parse_options(none), 0);
	assert_string_equal(plan.manifest, "kvick.test");
	assert_int_equal(plan.retries, -1);
	assert_int_equal(plan.repeat, 1);
	assert_int_equal(plan.jobs, 0);
	assert_int_equal(plan.format, FORMAT_AUTO);
	assert_int_equal(parse_options(one), 0);
	assert_string_equal(plan.manifest, "x.test");
}

static void options_are_taken(void **state)
{
	char all[] = "m --jobs 3 --retries 0 --repeat 7 --fail-fast --keep --update-golden --list --keys --quiet --format tap "
		     "--junit j.xml --json=- --kvick ./k --not-tag a --not-tag b";

	(void)state;
	assert_int_equal(parse_options(all), 0);
	assert_int_equal(plan.jobs, 3);
	assert_int_equal(plan.retries, 0);
	assert_int_equal(plan.repeat, 7);
	assert_true(plan.fail_fast && plan.keep_scratch && plan.update_golden && plan.list && plan.keys && plan.quiet);
	assert_int_equal(plan.format, FORMAT_TAP);
	assert_string_equal(plan.junit, "j.xml");
	assert_string_equal(plan.json, "-");
	assert_string_equal(plan.kvick, "./k");
	assert_int_equal(plan.not_tag_count, 2);
	assert_null(plan.not_tags[2]);
}

static void options_that_are_none_are_told_what_to_write(void **state)
{
	(void)state;
	options_refused("--jobs 0", "--jobs 0: write a number from 1 to 1024");
	options_refused("--jobs all", "--jobs all: write a number");
	options_refused("--retries -1", "--retries -1: write a number from 0 to 100");
	options_refused("--repeat 0", "--repeat 0: write a number from 1");
	options_refused("--repeat 99999999999999999999", "write a number from 1");
	options_refused("--repeat 5x", "write a number from 1");
	options_refused("--format xml", "--format xml: write human or tap");
	options_refused("--tag=", "--tag: its value is empty");
	options_refused("--junit=", "--junit: its value is empty");
	options_refused("--junit a --json a", "--junit and --json: both to a");
	options_refused("a b", "b: one operand too many");
	options_refused("a -- b", "b: one operand too many");
	options_refused("--parallel 3", "--parallel: no such option");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_cases_run_in_the_manifests_order_each_at_its_rings),
		cmocka_unit_test(what_is_skipped_has_a_reason),
		cmocka_unit_test(a_feature_is_looked_for_once_and_only_for_what_is_selected),
		cmocka_unit_test(repetitions_are_numbered),
		cmocka_unit_test(cases_are_selected_by_globs_of_their_names),
		cmocka_unit_test(cases_are_selected_by_tags),
		cmocka_unit_test(who_selects_nothing_is_told_what_there_is),
		cmocka_unit_test(each_that_is_asked_for_selects_something),
		cmocka_unit_test(runs_have_an_end),
		cmocka_unit_test(options_have_defaults),
		cmocka_unit_test(options_are_taken),
		cmocka_unit_test(options_that_are_none_are_told_what_to_write),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
