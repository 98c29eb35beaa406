/* SPDX-License-Identifier: Apache-2.0 */
/* An output of made-up results, in memory. */
#ifndef KVICK_TESTS_TEST_BENCH_OUTPUT_H
#define KVICK_TESTS_TEST_BENCH_OUTPUT_H

#include "tests/unit/test_unit.h"

#include <fcntl.h>

#include "control/bench/bench.h"
#include "tests/unit/bench_fixture.h"
#include "vmm/error.h"

static struct made_up made;
static char *text; /* what was written */

static inline char *content_of(const char *path)
{
	FILE *f = fopen(path, "r");
	char *all = NULL;
	size_t room = 0;

	if (!f)
		fail_msg("%s is not there", path);
	if (getdelim(&all, &room, -1, f) < 0) /* no byte is it: all */
		all[0] = '\0';
	fclose(f);
	return all;
}

static inline void write_with(int (*output)(const struct results *results, const char *path, struct error *error))
{
	char path[] = "/tmp/kvick-output-XXXXXX";
	struct error error = { 0 };
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	free(text);
	if (output(&made.results, path, &error) < 0)
		fail_msg("%s", error.text);
	text = content_of(path);
	unlink(path);
}

static int set_up(void **state)
{
	(void)state;
	text = NULL;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(text);
	results_free(&made.results);
	return 0;
}

#endif
