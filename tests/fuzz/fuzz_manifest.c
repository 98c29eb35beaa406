/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests of `kvick test`: what is taken is whole and within its bounds, and can be selected from; what is refused is told in
 * lines of file and line, without control characters.
 */
#include <stdbool.h>
#include <string.h>

#include "control/measure/environment.h"
#include "control/test/pattern.h"
#include "control/test/select.h"
#include "tests/fuzz/fuzz.h"
#include "vmm/error.h"

#define PATH "/folder/t.test"

static bool is_missing(char *why, size_t bytes)
{
	return snprintf(why, bytes, "it is not") < 0;
}

const struct feature features[] = { { "kvm", "", is_missing }, { 0 } };

const struct feature *feature_find(const char *name)
{
	return strcmp(name, "kvm") == 0 ? features : NULL;
}

static bool is_plain(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

static void refused(const struct manifest *manifest, const struct error *error)
{
	PROMISE(error->kind == ERROR_USAGE && manifest->problem_count > 0);
	PROMISE(strncmp(error->text, manifest->problems[0], sizeof(error->text) - 1) == 0);
	for (size_t i = 0; i < manifest->problem_count && i < MANIFEST_PROBLEMS_MAX; i++)
		PROMISE(strncmp(manifest->problems[i], PATH ":", strlen(PATH) + 1) == 0 && is_plain(manifest->problems[i]));
}

static void list(const char *const *list)
{
	size_t n = 0;

	while (list[n])
		n++;
	PROMISE(n <= CASE_LIST_MAX);
}

static void taken(const struct test_case *c)
{
	PROMISE(c->name[0] && strlen(c->name) <= 100 && !strpbrk(c->name, "#,") && c->line > 0);
	PROMISE(c->image[0] == '/' && c->arguments && c->options);
	PROMISE(c->timeout_ns > 0 && c->exit_code >= 0 && c->exit_code <= 255 && c->retries <= 100);
	PROMISE(c->match_count <= CASE_LIST_MAX && c->disk_count <= CASE_LIST_MAX);
	list(c->env);
	list(c->nets);
	list(c->vsocks);
	list(c->stderr_matches);
	list(c->tags);
	list(c->requires);
	for (size_t i = 0; i < c->match_count; i++) {
		bool regex = c->matches[i].kind == CONSOLE_REGEX || c->matches[i].kind == CONSOLE_NOT_REGEX;

		PROMISE(c->matches[i].text[0] && regex == !!c->matches[i].pattern);
		if (regex)
			pattern_find(c->matches[i].pattern, "ab\r\n\xff", 5);
	}
	for (size_t i = 0; i < c->disk_count; i++)
		PROMISE(c->disks[i].kind == FIXTURE_EMPTY ? c->disks[i].bytes > 0 : c->disks[i].path[0] == '/');
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct test_outcome *)a)->name, ((const struct test_outcome *)b)->name);
}

static void selected(const struct manifest *manifest)
{
	struct test_plan plan = { .repeat = 2, .retries = -1 };
	struct test_results results = { .plan = &plan, .manifest = manifest };
	struct error error = { 0 };

	PROMISE(test_select(&results, &error) == 0 && results.count >= 2 * manifest->case_count);
	qsort(results.outcomes, results.count, sizeof(results.outcomes[0]), compare);
	for (size_t i = 0; i < results.count; i++) {
		PROMISE(i == 0 || compare(&results.outcomes[i - 1], &results.outcomes[i]) != 0);
		PROMISE((results.outcomes[i].result == TEST_SKIPPED) == !!results.outcomes[i].problems[0]);
	}
	for (size_t i = 0; i < results.count; i++) {
		free(results.outcomes[i].name);
		free(results.outcomes[i].problems);
	}
	free(results.outcomes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct manifest manifest;
	struct error error = { 0 };

	if (manifest_parse(&manifest, PATH, (const char *)data, bytes, NULL, &error) < 0) {
		refused(&manifest, &error);
	} else {
		for (size_t i = 0; i < manifest.case_count; i++)
			taken(&manifest.cases[i]);
		selected(&manifest);
	}
	manifest_free(&manifest);
	return 0;
}
