/* SPDX-License-Identifier: Apache-2.0 */
#include "control/bench/run_words.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "control/bench/memory.h"
#include "vmm/error.h"

enum value { NO_VALUE, VALUE, MAYBE_VALUE /* after "=" alone */ };

/*
 * tests/bench holds it against `kvick run --help`. A snapshot has memory, ring, CPU and environment, a restored machine takes
 * what is outside of it; libkvick's machines have no devices.
 */
static const struct row {
	const char *name;
	enum value value;
	unsigned takers;
	const char *instead; /* where nobody takes it from here */
} rows[] = {
	{ "mem", VALUE, FOR_RUN | FOR_SNAPSHOT | FOR_POOL, NULL },
	{ "ring", VALUE, FOR_RUN | FOR_SNAPSHOT | FOR_POOL, NULL },
	{ "cpu", VALUE, FOR_RUN | FOR_SNAPSHOT | FOR_POOL, NULL },
	{ "env", VALUE, FOR_RUN | FOR_SNAPSHOT | FOR_POOL, NULL },
	{ "protocol", VALUE, FOR_RUN | FOR_SNAPSHOT, NULL },
	{ "doorbell", VALUE, FOR_RUN | FOR_SNAPSHOT, NULL },
	{ "no-sandbox", NO_VALUE, FOR_RUN | FOR_SNAPSHOT | FOR_RESTORE | FOR_POOL, NULL },
	{ "timeout", VALUE, 0, "the launches' is kvick bench's own --timeout" },
	{ "report", VALUE, 0, "kvick bench has its own" },
	{ "request", VALUE, 0, "give it to kvick bench itself, for all modes" },
	{ "disk", VALUE, FOR_RUN | FOR_SNAPSHOT | FOR_RESTORE, NULL },
	{ "net", VALUE, FOR_RUN | FOR_SNAPSHOT | FOR_RESTORE, NULL },
	{ "rng", MAYBE_VALUE, FOR_RUN | FOR_SNAPSHOT | FOR_RESTORE, NULL },
	{ "vsock", VALUE, FOR_RUN | FOR_SNAPSHOT | FOR_RESTORE, NULL },
	{ "console", MAYBE_VALUE, FOR_RUN | FOR_SNAPSHOT | FOR_RESTORE, NULL },
	{ "io", VALUE, FOR_RUN | FOR_SNAPSHOT | FOR_RESTORE, NULL },
	{ "same-devices", NO_VALUE, FOR_RESTORE, NULL },
	{ "verify", NO_VALUE, FOR_RESTORE, NULL },
	{ "after", VALUE, FOR_SNAPSHOT, NULL },
	{ "initrd", VALUE, FOR_RUN, NULL },
	{ "machine", VALUE, FOR_RUN, NULL },
	{ "module", VALUE, FOR_RUN, NULL },
	{ "block:", MAYBE_VALUE, FOR_RUN, NULL },
	{ "block-sector-size:", MAYBE_VALUE, FOR_RUN, NULL },
	{ "net:", MAYBE_VALUE, FOR_RUN, NULL },
	{ "net-mac:", MAYBE_VALUE, FOR_RUN, NULL },
	{ "virtio", VALUE, FOR_RUN, NULL },
	{ "hugepages", MAYBE_VALUE, FOR_RUN, NULL },
};

/* "--net:NAME=…" is the row "net:", "--net=…" the row "net". */
static const struct row *find(const char *word)
{
	size_t length;

	if (strncmp(word, "--", 2) != 0)
		return NULL;
	word += 2;
	length = strcspn(word, ":=");
	length += word[length] == ':';
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strncmp(rows[i].name, word, length) == 0 && rows[i].name[length] == '\0')
			return &rows[i];
	return NULL;
}

static size_t words_of(const struct row *row, char *const *words)
{
	return row->value == VALUE && !strchr(words[0], '=') ? 2 : 1;
}

static int refuse(const struct row *row, const char *what, const char *mode, struct error *error)
{
	if (row->instead)
		return error_set(error, ERROR_USAGE, EINVAL, "%s: --%s: %s", what, row->name, row->instead);
	if (row->takers & FOR_RUN)
		return error_set(error, ERROR_USAGE, EINVAL, "%s: --%s: not with --mode %s, whose machines cannot have it: leave "
				 "one of the two out", what, row->name, mode);
	return error_set(error, ERROR_USAGE, EINVAL, "%s: --%s: it is of no use for --mode %s: leave it out", what, row->name,
			 mode);
}

int run_words_check(char *const *words, unsigned takers, const char *what, const char *mode, struct error *error)
{
	while (*words) {
		const struct row *row = find(*words);
		size_t n;

		if (!row)
			return error_set(error, ERROR_USAGE, EINVAL, "%s: %s: no option of kvick run: write options alone, the "
					 "image and its arguments stand at the end", what, *words);
		n = words_of(row, words);
		if (n == 2 && !words[1])
			return error_set(error, ERROR_USAGE, EINVAL, "%s: %s: its value is missing", what, *words);
		if (row->value == NO_VALUE && strchr(*words, '='))
			return error_set(error, ERROR_USAGE, EINVAL, "%s: --%s takes no value", what, row->name);
		if (!(row->takers & takers))
			return refuse(row, what, mode, error);
		words += n;
	}
	return 0;
}

size_t run_word(char *const *words, struct run_word *word)
{
	const struct row *row = find(words[0]);
	const char *equals = strchr(words[0], '=');
	size_t n = words_of(row, words);

	*word = (struct run_word){ .name = row->name, .value = n == 2 ? words[1] : equals ? equals + 1 : NULL };
	return n;
}

/* --- words in general --- */

void words_add(struct words *words, const char *word)
{
	if (words->count == words->room) {
		words->room = words->room ? 2 * words->room : 16;
		words->list = memory_more(words->list, words->room, sizeof(*words->list));
	}
	words->list[words->count++] = word;
}

void words_add_all(struct words *words, char *const *list)
{
	for (; list && *list; list++)
		words_add(words, *list);
}

void words_add_options(struct words *words, char *const *options, unsigned taker)
{
	while (options && *options) {
		const struct row *row = find(*options);
		size_t n = words_of(row, options);

		for (size_t i = 0; i < n && row->takers & taker; i++)
			words_add(words, options[i]);
		options += n;
	}
}

char **words_take(struct words *words)
{
	size_t bytes = (words->count + 1) * sizeof(char *);
	char **taken, *to;

	for (size_t i = 0; i < words->count; i++)
		bytes += strlen(words->list[i]) + 1;
	taken = memory_of(1, bytes);
	to = (char *)(taken + words->count + 1);
	for (size_t i = 0; i < words->count; i++) {
		taken[i] = to;
		to = stpcpy(to, words->list[i]) + 1;
	}
	free(words->list);
	*words = (struct words){ 0 };
	return taken;
}
