/* SPDX-License-Identifier: Apache-2.0 */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "control/test/pattern.h"

#include <errno.h>
#include <pcre2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SEARCH_NS_MAX  1000000000ull /* of processor time */
#define SEARCH_KIB_MAX (64u << 10)
#define STEPS_A_LOOK   256 /* at the clock; a step may go over all of the text */
#define OPTIONS (PCRE2_MULTILINE | PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT)

struct pattern {
	pcre2_code *code;
	struct pattern *next;
};

/* "… at character 7": PCRE2 counts bytes from 0, and stands behind what it did not like. */
static void tell(char why[PATTERN_WHY_BYTES], int number, size_t offset)
{
	PCRE2_UCHAR text[PATTERN_WHY_BYTES - 32];

	if (pcre2_get_error_message(number, text, sizeof(text)) < 0)
		snprintf((char *)text, sizeof(text), "PCRE2's error %d", number);
	snprintf(why, PATTERN_WHY_BYTES, "%s, at offset %zu", (const char *)text, offset);
}

const struct pattern *pattern_compile(struct pattern **list, const char *text, char why[PATTERN_WHY_BYTES])
{
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	struct pattern *pattern = calloc(1, sizeof(*pattern));
	int number = PCRE2_ERROR_NOMEMORY;
	size_t offset = 0;

	if (context && pattern) {
		pcre2_set_newline(context, PCRE2_NEWLINE_ANYCRLF);
		pattern->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, OPTIONS, &number, &offset, context);
	}
	pcre2_compile_context_free(context);
	if (!pattern || !pattern->code) {
		*why = '\0';
		if (number != PCRE2_ERROR_NOMEMORY && number != PCRE2_ERROR_HEAP_FAILED)
			tell(why, number, offset);
		free(pattern);
		return NULL;
	}
	pattern->next = *list;
	*list = pattern;
	return pattern;
}

size_t pattern_bytes(const struct pattern *pattern)
{
	size_t bytes = 0;

	pcre2_pattern_info(pattern->code, PCRE2_INFO_SIZE, &bytes);
	return bytes;
}

struct watch {
	uint64_t until_ns;
	unsigned steps;
};

static uint64_t thread_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Before each part of a pattern, at each place: PCRE2's own limit on steps begins anew at each place. */
static int look(pcre2_callout_block *block, void *data)
{
	struct watch *watch = data;

	(void)block;
	return watch->steps++ % STEPS_A_LOOK == STEPS_A_LOOK - 1 && thread_ns() > watch->until_ns ? PCRE2_ERROR_CALLOUT : 0;
}

int pattern_find(const struct pattern *pattern, const char *text, size_t bytes)
{
	struct watch watch = { .until_ns = thread_ns() + SEARCH_NS_MAX };
	pcre2_match_data *found = pcre2_match_data_create(1, NULL);
	pcre2_match_context *context = pcre2_match_context_create(NULL);
	int r = PCRE2_ERROR_NOMEMORY;

	if (found && context) {
		pcre2_set_callout(context, look, &watch);
		pcre2_set_heap_limit(context, SEARCH_KIB_MAX);
		r = pcre2_match(pattern->code, (PCRE2_SPTR)text, bytes, 0, 0, found, context);
	}
	pcre2_match_data_free(found);
	pcre2_match_context_free(context);
	return r >= 0 ? 1 : r == PCRE2_ERROR_NOMATCH ? 0 : r == PCRE2_ERROR_NOMEMORY ? -ENOMEM : -ETIME;
}

void patterns_free(struct pattern *list)
{
	while (list) {
		struct pattern *next = list->next;

		pcre2_code_free(list->code);
		free(list);
		list = next;
	}
}
