/* SPDX-License-Identifier: Apache-2.0 */
#include "control/test/select.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/measure/environment.h"
#include "vmm/error.h"

#define FEATURES_MAX 64
#define WHY_BYTES 256

/* What has been found out of this host: each feature is looked for once, and only if a case wants it. */
struct host {
	struct {
		const struct feature *feature;
		bool is_there;
		char why[WHY_BYTES];
	} known[FEATURES_MAX];
	size_t count;
};

struct selection {
	struct test_results *results;
	struct host host;
	bool case_fits[PATTERNS_MAX], tag_fits[PATTERNS_MAX]; /* --case and --tag that have selected something by themselves */
	size_t room;
};

static bool has_tag(const struct test_case *c, const char *tag)
{
	for (size_t i = 0; c->tags[i]; i++)
		if (strcmp(c->tags[i], tag) == 0)
			return true;
	return false;
}

/* Each that is asked for is tried, so that it is known which have selected something. */
static bool by_tag(struct selection *s, const struct test_case *c)
{
	const struct test_plan *plan = s->results->plan;
	bool fits = plan->tag_count == 0;

	for (size_t i = 0; i < plan->tag_count; i++)
		if (has_tag(c, plan->tags[i]))
			fits = s->tag_fits[i] = true;
	for (size_t i = 0; i < plan->not_tag_count; i++)
		fits = fits && !has_tag(c, plan->not_tags[i]);
	return fits;
}

/* By the case's name, or with its ring and number. */
static bool by_name(struct selection *s, const struct test_case *c, const char *name)
{
	const struct test_plan *plan = s->results->plan;
	bool fits = plan->case_count == 0;

	for (size_t i = 0; i < plan->case_count; i++)
		if (fnmatch(plan->cases[i], c->name, 0) == 0 || fnmatch(plan->cases[i], name, 0) == 0)
			fits = s->case_fits[i] = true;
	return fits;
}

bool test_selects(const struct test_plan *plan, const struct test_case *c)
{
	static const char *const rings[] = { ", ring 0", ", ring 3" };
	struct test_results results = { .plan = plan };
	struct selection s = { .results = &results };
	bool fits = by_name(&s, c, c->name);
	char name[256];

	for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]) && c->ring && strcmp(c->ring, "each") == 0; i++) {
		snprintf(name, sizeof(name), "%s%s", c->name, rings[i]);
		fits |= by_name(&s, c, name);
	}
	return fits && by_tag(&s, c);
}

/* Is it there? Else `why` says why not. */
static bool look_for(struct host *host, const char *name, const char **why)
{
	const struct feature *feature = feature_find(name);
	size_t i = 0;

	while (i < host->count && host->known[i].feature != feature)
		i++;
	*why = "";
	if (!feature || i == FEATURES_MAX)
		return false;
	if (i == host->count) {
		host->known[i].feature = feature;
		host->known[i].is_there = feature->is_there(host->known[i].why, WHY_BYTES);
		host->count++;
	}
	*why = host->known[i].why;
	return host->known[i].is_there;
}

/* Of malloc's: "" where the case can run. NULL: no memory. */
static char *why_skipped(struct host *host, const struct test_case *c)
{
	const char *why;
	char *text;

	if (c->skip)
		return strdup(c->skip);
	for (size_t i = 0; c->requires[i]; i++)
		if (!look_for(host, c->requires[i], &why))
			return asprintf(&text, "requires %s%s%s", c->requires[i], *why ? ": " : "", why) < 0 ? NULL : text;
	return strdup("");
}

static struct test_outcome *next_outcome(struct selection *s)
{
	struct test_results *results = s->results;

	if (results->count == s->room) {
		size_t room = s->room ? 2 * s->room : 64;
		struct test_outcome *more = reallocarray(results->outcomes, room, sizeof(*more));

		if (!more)
			return NULL;
		results->outcomes = more;
		s->room = room;
	}
	return &results->outcomes[results->count];
}

/* "hello", "hello, ring 0", "hello #2", "hello, ring 0 #2". NULL: no memory. */
static char *name_of(const struct test_plan *plan, const struct test_case *c, bool each, int ring, unsigned number)
{
	char of_ring[16] = "", of_number[16] = "", *name;

	if (each)
		snprintf(of_ring, sizeof(of_ring), ", ring %d", ring);
	if (plan->repeat > 1)
		snprintf(of_number, sizeof(of_number), " #%u", number);
	return asprintf(&name, "%s%s%s", c->name, of_ring, of_number) < 0 ? NULL : name;
}

static int add(struct selection *s, const struct test_case *c, bool each, int ring, unsigned number)
{
	char *name = name_of(s->results->plan, c, each, ring, number);
	struct test_outcome *outcome;
	char *problems;

	if (name && !by_name(s, c, name)) {
		free(name);
		return 0;
	}
	outcome = next_outcome(s);
	problems = why_skipped(&s->host, c);
	if (!name || !problems || !outcome) {
		free(name);
		free(problems);
		return -ENOMEM;
	}
	*outcome = (struct test_outcome){
		.of = c, .name = name, .ring = ring, .problems = problems,
		.result = *problems ? TEST_SKIPPED : TEST_INTERRUPTED,
	};
	return ++s->results->count > OUTCOMES_MAX ? -E2BIG : 0;
}

static int add_case(struct selection *s, const struct test_case *c)
{
	bool each = c->ring && strcmp(c->ring, "each") == 0;
	int first = each || (c->ring && strcmp(c->ring, "0") == 0) ? 0 : c->ring && strcmp(c->ring, "3") == 0 ? 3 : -1;
	int r = 0;

	for (unsigned number = 1; r == 0 && number <= s->results->plan->repeat; number++)
		r = add(s, c, each, first, number);
	for (unsigned number = 1; r == 0 && each && number <= s->results->plan->repeat; number++)
		r = add(s, c, each, 3, number);
	return r;
}

/* --- what is said where nothing is selected --- */

struct words {
	char text[ERROR_TEXT_BYTES / 3];
	size_t left_out;
};

/* Once each, as long as there is room. */
static void add_word(struct words *words, const char *word)
{
	size_t used = strlen(words->text), length = strlen(word);

	for (const char *c = words->text; (c = strstr(c, word)); c++)
		if ((c == words->text || c[-1] == ' ') && (c[length] == ',' || !c[length]))
			return;
	if (words->left_out > 0 || used + length + 3 > sizeof(words->text))
		words->left_out++;
	else
		sprintf(words->text + used, "%s%s", used ? ", " : "", word);
}

static int refuse(const struct manifest *manifest, const char *option, const char *value, const char *what, bool tags,
		  struct error *error)
{
	struct words words = { 0 };
	char more[64] = "";

	for (size_t i = 0; i < manifest->case_count; i++) {
		if (!tags)
			add_word(&words, manifest->cases[i].name);
		for (size_t k = 0; tags && manifest->cases[i].tags[k]; k++)
			add_word(&words, manifest->cases[i].tags[k]);
	}
	if (words.left_out > 0)
		snprintf(more, sizeof(more), " and more: `kvick test --list` shows all");
	return error_set(error, ERROR_USAGE, EINVAL, "%s%s%.160s: no case %s: there are %s%s", option, *option ? " " : "", value,
			 what, *words.text ? words.text : "none", more);
}

/* "--tag a --not-tag b": what was asked for. */
static int refuse_all(const struct test_results *results, struct error *error)
{
	const struct test_plan *plan = results->plan;
	char asked[ERROR_TEXT_BYTES / 2] = "";
	const struct {
		const char *option;
		const char *const *values;
	} lists[] = { { "--case", plan->cases }, { "--tag", plan->tags }, { "--not-tag", plan->not_tags } };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (size_t k = 0; lists[i].values[k]; k++) {
			size_t used = strlen(asked);

			snprintf(asked + used, sizeof(asked) - used, "%s%s %s", used ? " " : "", lists[i].option,
				 lists[i].values[k]);
		}
	return refuse(results->manifest, "", asked, "is selected by all of that", false, error);
}

/* One that selects nothing is a slip of the pen: what it was for would not be tested, and nobody would know. */
static int check(const struct selection *s, struct error *error)
{
	const struct test_plan *plan = s->results->plan;

	for (size_t i = 0; i < plan->case_count; i++)
		if (!s->case_fits[i])
			return refuse(s->results->manifest, "--case", plan->cases[i], "has such a name", false, error);
	for (size_t i = 0; i < plan->tag_count; i++)
		if (!s->tag_fits[i])
			return refuse(s->results->manifest, "--tag", plan->tags[i], "has that tag", true, error);
	return s->results->count > 0 ? 0 : refuse_all(s->results, error);
}

int test_select(struct test_results *results, struct error *error)
{
	struct selection s = { .results = results };
	int r = 0;

	for (size_t i = 0; r == 0 && i < results->manifest->case_count; i++) {
		const struct test_case *c = &results->manifest->cases[i];

		if (by_tag(&s, c))
			r = add_case(&s, c);
		else
			by_name(&s, c, c->name);
	}
	if (r == -E2BIG)
		return error_set(error, ERROR_USAGE, E2BIG, "--repeat %u: more than %d runs in all: repeat less",
				 results->plan->repeat, OUTCOMES_MAX);
	return r < 0 ? error_set(error, ERROR_HOST, -r, "no memory for so many cases") : check(&s, error);
}

void test_list(const struct test_results *results)
{
	size_t widest = 0;

	for (size_t i = 0; i < results->count; i++) {
		size_t width = strlen(results->outcomes[i].name);

		widest = width > widest && width <= 40 ? width : widest;
	}
	for (size_t i = 0; i < results->count; i++) {
		const struct test_outcome *outcome = &results->outcomes[i];
		bool skipped = outcome->result == TEST_SKIPPED, more = outcome->of->tags[0] || skipped;

		if (results->plan->quiet || !more) {
			puts(outcome->name);
			continue;
		}
		printf("%-*s ", (int)widest, outcome->name);
		for (size_t k = 0; outcome->of->tags[k]; k++)
			printf(" %s%s", k ? "" : "[", outcome->of->tags[k]);
		printf("%s%s%s\n", outcome->of->tags[0] ? "]" : "", skipped ? "  skipped: " : "", skipped ? outcome->problems : "");
	}
}
