/* SPDX-License-Identifier: Apache-2.0 */
/* HdrHistogram's percentile format, as its own classes print it and its plotters read it. */
#include "tests/unit/test_bench_output.h"

#include <math.h>
#include <sys/stat.h>

static char folder[] = "/tmp/kvick-hgrm-XXXXXX";

static int set_up_folder(void **state)
{
	strcpy(strrchr(folder, '-') + 1, "XXXXXX");
	assert_non_null(mkdtemp(folder));
	return set_up(state);
}

static int tear_down_folder(void **state)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -r %s", folder);
	return tear_down(state) || system(command);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up_folder, tear_down_folder)

/* The wholes of the first subject, in milliseconds. */
static void wholes(const double *ms, size_t count)
{
	made_up(&made, 1, count);
	for (size_t i = 0; i < count; i++)
		made.results.subjects[0].samples[i].reaped_ns = (uint64_t)(ms[i] * 1e6);
	results_compute(&made.results);
	write_with(output_hgrm);
}

/* By hand after AbstractHistogram.java and PercentileIterator.java: five ticks to the half, then five to the next quarter, … */
static void ten_values_are_printed_as_hdrhistogram_does(void **state)
{
	static const double ms[] = { 10, 1, 2, 3, 4, 5, 6, 7, 8, 9 };

	(void)state;
	wholes(ms, COUNT_OF(ms));
	assert_string_equal(text,
			    "       Value     Percentile TotalCount 1/(1-Percentile)\n"
			    "\n"
			    "    1.000000 0.000000000000          1           1.00\n"
			    "    1.000000 0.100000000000          1           1.11\n"
			    "    2.000000 0.200000000000          2           1.25\n"
			    "    3.000000 0.300000000000          3           1.43\n"
			    "    4.000000 0.400000000000          4           1.67\n"
			    "    5.000000 0.500000000000          5           2.00\n"
			    "    6.000000 0.550000000000          6           2.22\n"
			    "    6.000000 0.600000000000          6           2.50\n"
			    "    7.000000 0.650000000000          7           2.86\n"
			    "    7.000000 0.700000000000          7           3.33\n"
			    "    8.000000 0.750000000000          8           4.00\n"
			    "    8.000000 0.775000000000          8           4.44\n"
			    "    8.000000 0.800000000000          8           5.00\n"
			    "    9.000000 0.825000000000          9           5.71\n"
			    "    9.000000 0.850000000000          9           6.67\n"
			    "    9.000000 0.875000000000          9           8.00\n"
			    "    9.000000 0.887500000000          9           8.89\n"
			    "    9.000000 0.900000000000          9          10.00\n"
			    "   10.000000 0.912500000000         10          11.43\n"
			    "   10.000000 1.000000000000         10\n"
			    "#[Mean    =     5.500000, StdDeviation   =     3.027650]\n"
			    "#[Max     =    10.000000, Total count    =           10]\n"
			    "#[Buckets =           14, SubBuckets     =         2048]\n");
}

static void equal_values_are_counted_together(void **state)
{
	static const double ms[] = { 2, 2, 2, 2 };

	(void)state;
	wholes(ms, COUNT_OF(ms));
	assert_says(text, "    2.000000 0.000000000000          4           1.00\n    2.000000 1.000000000000          4\n#[");
}

static void one_value_and_none_are_histograms_too(void **state)
{
	static const double ms[] = { 2 };

	(void)state;
	wholes(ms, 1);
	assert_says(text, "    2.000000 1.000000000000          1\n#[Mean    =     2.000000, StdDeviation   =     0.000000]\n");
	results_free(&made.results);
	wholes(ms, 0);
	assert_says(text, "1/(1-Percentile)\n\n#[Mean    =     0.000000, StdDeviation   =     0.000000]\n"
		    "#[Max     =     0.000000, Total count    =            0]\n");
}

/* plotFiles.html takes lines with four words that do not begin with '#'; words 0 and 3 are the point. */
static void the_plotter_sees_a_curve_that_rises(void **state)
{
	double value, percentile, count, last_value = 0, last_percentile = -1, x;
	unsigned points = 0;

	(void)state;
	made_up(&made, 1, 5000);
	write_with(output_hgrm);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		if (line[0] == '#' || sscanf(line, "%lf %lf %lf %lf", &value, &percentile, &count, &x) != 4)
			continue;
		assert_true(value >= last_value && percentile > last_percentile);
		assert_true(fabs(x - 1 / (1 - percentile)) <= 0.005 + x * 1e-6);
		assert_true(count >= percentile * 5000 - 1e-6);
		last_value = value;
		last_percentile = percentile;
		points++;
	}
	assert_in_range(points, 50, 80);
}

static void failed_launches_are_not_in_it(void **state)
{
	(void)state;
	made_up(&made, 1, 20);
	made.results.subjects[0].samples[3].result = SAMPLE_FAILED;
	results_compute(&made.results);
	write_with(output_hgrm);
	assert_says(text, "Total count    =           19]");
}

static void expect_file(const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	free(content_of(path));
	unlink(path);
}

static void several_subjects_have_files_of_their_own_with_safe_names(void **state)
{
	struct error error = { 0 };
	char path[300];

	(void)state;
	made_up(&made, 5, 3);
	made.plan.subjects[1].name = "../a b";
	made.plan.subjects[2].name = ".._a/b";
	made.plan.subjects[3].name = "\xc3\xa4\n";
	made.plan.subjects[4].name = "0123456789012345678901234567890123456789012345678901234567890123456789";
	snprintf(path, sizeof(path), "%s/x.y.hgrm", folder);
	assert_int_equal(output_hgrm(&made.results, path, &error), 0);
	expect_file("x.y-hello.hgrm");
	expect_file("x.y-.._a_b.hgrm");
	expect_file("x.y-.._a_b-3.hgrm");
	expect_file("x.y-___.hgrm");
	expect_file("x.y-012345678901234567890123456789012345678901234567890123456789012.hgrm");
	assert_int_equal(rmdir(folder), 0); /* nothing else */
	assert_int_equal(mkdir(folder, 0700), 0);
}

static void a_file_without_extension_has_the_name_at_its_end(void **state)
{
	struct error error = { 0 };
	char path[300];

	(void)state;
	made_up(&made, 2, 3);
	snprintf(path, sizeof(path), "%s/.x", folder);
	assert_int_equal(output_hgrm(&made.results, path, &error), 0);
	expect_file(".x-hello");
	expect_file(".x-floor");
}

static void one_that_cannot_be_written_does_not_keep_the_others_from_it(void **state)
{
	struct error error = { 0 };
	char path[300];

	(void)state;
	made_up(&made, 3, 3);
	snprintf(path, sizeof(path), "%s/x-floor", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(symlink("nowhere/x", strcat(path, "/y")), 0);
	snprintf(path, sizeof(path), "%s/x", folder);
	assert_int_equal(output_hgrm(&made.results, path, &error), -EISDIR);
	assert_says(error.text, "/x-floor: ");
	expect_file("x-hello");
	expect_file("x-hello_restored");
}

static void a_full_device_is_said(void **state)
{
	struct error error = { 0 };

	(void)state;
	made_up(&made, 3, 3);
	assert_int_equal(output_hgrm(&made.results, "/dev/full", &error), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ten_values_are_printed_as_hdrhistogram_does),
		TEST(equal_values_are_counted_together),
		TEST(one_value_and_none_are_histograms_too),
		TEST(the_plotter_sees_a_curve_that_rises),
		TEST(failed_launches_are_not_in_it),
		IN_FOLDER(several_subjects_have_files_of_their_own_with_safe_names),
		IN_FOLDER(a_file_without_extension_has_the_name_at_its_end),
		IN_FOLDER(one_that_cannot_be_written_does_not_keep_the_others_from_it),
		TEST(a_full_device_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
