/* SPDX-License-Identifier: Apache-2.0 */
/* made_up WHAT SUBJECTS RUNS FILE: an output of results that were made up; `hostile` names, where WHAT has that after a comma. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/bench/bench.h"
#include "tests/unit/bench_fixture.h"
#include "vmm/error.h"

static const struct {
	const char *name;
	int (*write)(const struct results *results, const char *path, struct error *error);
} outputs[] = {
	{ "text", output_text }, { "json", output_json }, { "csv", output_csv }, { "hgrm", output_hgrm }, { "html", output_html },
};

static char *hostile[] = {
	(char *)"</title></svg><script>document.title='bad'</script>", (char *)"\"' onload='x' <img src=http://192.0.2.1/x.png>",
	(char *)"]]>&amp;&#0;\xff\xfe\x1b[31mred", NULL,
};

static void make_hostile(struct made_up *made)
{
	for (size_t i = 0; i < made->results.subject_count; i++) {
		made->plan.subjects[i].name = hostile[i % 3];
		made->plan.subjects[i].argv = hostile;
		snprintf(made->results.subjects[i].failure, sizeof(made->results.subjects[i].failure), "%s", hostile[0]);
	}
	made->results.signal = 2;
	snprintf(made->results.environment.rows[0].value, ENVIRONMENT_TEXT_BYTES, "%s", hostile[0]);
	snprintf(made->results.environment.warnings[0].text, ENVIRONMENT_TEXT_BYTES, "%s", hostile[1]);
}

int main(int argc, char **argv)
{
	static struct made_up made;
	struct error error = { 0 };
	int r = 2;

	if (argc != 5)
		return 2;
	made_up(&made, strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
	if (strstr(argv[1], ",hostile"))
		make_hostile(&made);
	for (size_t i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++)
		if (strncmp(outputs[i].name, argv[1], strlen(outputs[i].name)) == 0)
			r = outputs[i].write(&made.results, argv[4], &error) < 0;
	if (error.kind)
		fprintf(stderr, "%s\n", error.text);
	results_free(&made.results);
	return r;
}
