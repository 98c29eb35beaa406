/* SPDX-License-Identifier: Apache-2.0 */
#include "control/test/match.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/measure/child.h"
#include "control/test/golden.h"
#include "control/test/pattern.h"

/* For all patterns of a case together, each of which has a limit of its own: nothing else is done meanwhile. */
#define PATTERNS_NS_MAX 2000000000ull

#define WHERE_BYTES 512

/* 1: somewhere; 0: nowhere; -errno. Nothing is found across a gap. */
static int find(const struct console_match *match, const char *bytes, size_t count)
{
	if (match->pattern)
		return pattern_find(match->pattern, bytes, count);
	return memmem(bytes, count, match->text, strlen(match->text)) != NULL;
}

static int find_in(const struct console_match *match, const struct output *output)
{
	int r;

	if (!output->dropped)
		return find(match, output->bytes, output->count);
	r = find(match, output->bytes, output->gap);
	return r ? r : find(match, output->bytes + output->gap, output->count - output->gap);
}

/* "kvick.test:12: console regex" */
static const char *where(char into[WHERE_BYTES], const struct match_config *config, unsigned line, const char *key)
{
	snprintf(into, WHERE_BYTES, "%s:%u: %s", config->manifest->path, line, key);
	return into;
}

/* What there was instead: how much, and how it ended. */
static const char *printed(char into[QUOTED_BYTES + 64], const struct output *output)
{
	const char *end = output->bytes + output->count, *last;
	char text[QUOTED_BYTES];

	if (output->count == 0)
		return "nothing was printed";
	while (end > output->bytes && (end[-1] == '\n' || end[-1] == '\r'))
		end--;
	last = memrchr(output->bytes, '\n', (size_t)(end - output->bytes));
	last = last ? last + 1 : output->bytes;
	snprintf(into, QUOTED_BYTES + 64, "in %llu bytes, of which the last line is %s",
		 (unsigned long long)(output->count + output->dropped), quoted(text, last, (size_t)(end - last)));
	return into;
}

static void cannot(const char *place, int r, struct problems *problems)
{
	if (r == -ETIME)
		problems_add(problems, "%s: looking for it took too long: take a pattern that can match in fewer ways (no (a*)*, "
			     ".*.*), or print less", place);
	else
		problems_add(problems, "%s: looking for it: %s", place, strerror(-r));
}

static void check_one(const struct match_config *config, const struct console_match *match, struct problems *problems)
{
	static const char *const keys[] = {
		[CONSOLE_LITERAL] = "console", [CONSOLE_REGEX] = "console regex", [CONSOLE_NOT] = "console not",
		[CONSOLE_NOT_REGEX] = "console not regex",
	};
	const struct output *console = &config->console;
	char place_text[WHERE_BYTES], was[QUOTED_BYTES + 64], text[QUOTED_BYTES];
	const char *place = where(place_text, config, match->line, keys[match->kind]);
	bool wanted = match->kind == CONSOLE_LITERAL || match->kind == CONSOLE_REGEX;
	int r = find_in(match, console);

	quoted(text, match->text, strlen(match->text));
	if (r < 0)
		cannot(place, r, problems);
	else if (wanted && r == 0)
		problems_add(problems, "%s: %s is not there: %s%s", place, text, printed(was, console),
			     console->dropped ? ", and the middle was dropped" : "");
	else if (!wanted && r > 0)
		problems_add(problems, "%s: %s is there, and should not be", place, text);
	else if (!wanted && console->dropped)
		problems_add(problems, "%s: %s may be in the %llu bytes in the middle that were dropped: let it print less", place,
			     text, (unsigned long long)console->dropped);
}

/* Of the reply, too; match: NULL. */
static void check_golden(const struct match_config *config, const struct console_match *match, struct problems *problems)
{
	const struct output *output = match ? &config->console : &config->reply;
	char text[WHERE_BYTES];
	const char *place = match ? where(text, config, match->line, "console golden") :
				    where(text, config, config->of->line, "reply");
	const char *path = match ? match->text : config->of->reply_path;

	if (output->dropped)
		problems_add(problems, "%s: there were %llu bytes, and no more than %zu are kept to be compared", place,
			     (unsigned long long)(output->count + output->dropped), output->count);
	else if (!config->update)
		golden_check(place, path, output->bytes, output->count, problems);
}

static void check_messages(const struct match_config *config, struct problems *problems)
{
	const struct output *messages = &config->messages;
	char text[WHERE_BYTES], wanted[QUOTED_BYTES], was[QUOTED_BYTES + 64];

	for (const char **each = config->of->stderr_matches; each && *each; each++)
		if (!memmem(messages->bytes, messages->count, *each, strlen(*each)))
			problems_add(problems, "%s: %s is not in kvick's messages: %s",
				     where(text, config, config->of->line, "stderr"), quoted(wanted, *each, strlen(*each)),
				     printed(was, messages));
}

void match_check(const struct match_config *config, struct problems *problems)
{
	uint64_t until = measure_now_ns() + PATTERNS_NS_MAX;

	for (size_t i = 0; i < config->of->match_count; i++) {
		const struct console_match *match = &config->of->matches[i];
		char text[WHERE_BYTES];

		if (match->kind == CONSOLE_GOLDEN)
			check_golden(config, match, problems);
		else if (match->pattern && measure_now_ns() > until)
			problems_add(problems, "%s: not looked for: the patterns before took too long",
				     where(text, config, match->line, "console regex"));
		else
			check_one(config, match, problems);
	}
	if (config->of->reply_path)
		check_golden(config, NULL, problems);
	check_messages(config, problems);
}

static bool update(const struct match_config *config, const char *place, const char *path, const struct output *output,
		   struct problems *problems)
{
	return golden_update(config->update, place, path, output->bytes, output->count, problems);
}

unsigned match_update(const struct match_config *config, struct problems *problems)
{
	const struct test_case *of = config->of;
	char text[WHERE_BYTES];
	unsigned written = 0;

	for (size_t i = 0; i < of->match_count; i++)
		if (of->matches[i].kind == CONSOLE_GOLDEN)
			written += update(config, where(text, config, of->matches[i].line, "console golden"),
					  of->matches[i].text, &config->console, problems);
	if (of->reply_path)
		written += update(config, where(text, config, of->line, "reply"), of->reply_path, &config->reply, problems);
	return written;
}
