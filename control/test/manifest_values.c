/* SPDX-License-Identifier: Apache-2.0 */
/* Values that are one thing: text, a word of a few, a number. */
#include <stdlib.h>
#include <string.h>

#include "control/test/takes.h"
#include "control/units.h"

#define EXITS_MAX 1000000000000ull
#define TIMEOUT_NS_MAX (24ull * 3600 * 1000000000)
#define FLOORS_MAX 1e6

/* --- text --- */

void take_text(struct reader *reader, struct test_case *c, const struct manifest_key *key, char *value)
{
	(void)reader;
	*(const char **)key_at(c, key) = value;
}

static const char *const protocols[] = { "native", "solo5", "linux", "pvh", "multiboot", NULL };
static const char *const rings[] = { "auto", "0", "3", "each", NULL };
static const char *const models[] = { "auto", "none", "host", "baseline", "baseline-v2", "baseline-v3", NULL };
static const char *const ends[] = { "exits", "crashes", "times out", "resets", "is refused", NULL };
static const char *const answers[] = { "no", "yes", NULL };
static const char *const *const choices[] = {
	[OF_PROTOCOLS] = protocols, [OF_RINGS] = rings, [OF_MODELS] = models, [OF_ENDS] = ends, [OF_ANSWERS] = answers,
};

/* The number of a word in one of these lists; negative: it is none. */
static int choose(struct reader *reader, const char *const *words, const char *value)
{
	char list[128] = "";

	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], value) == 0)
			return i;
	for (int i = 0; words[i]; i++) {
		strcat(list, words[i]);
		strcat(list, !words[i + 1] ? "" : words[i + 2] ? ", " : " or ");
	}
	reader_refuse(reader, "%s: write %s", reader_shown(reader, value), list);
	return -1;
}

void take_choice(struct reader *reader, struct test_case *c, const struct manifest_key *key, char *value)
{
	int i = choose(reader, choices[key->detail], value);

	if (i >= 0)
		*(const char **)key_at(c, key) = choices[key->detail][i];
}

void take_end(struct reader *reader, struct test_case *c, const struct manifest_key *key, char *value)
{
	int i = choose(reader, ends, value);

	if (i >= 0)
		*(enum case_end *)key_at(c, key) = (enum case_end)i;
}

void take_yes(struct reader *reader, struct test_case *c, const struct manifest_key *key, char *value)
{
	int i = choose(reader, answers, value);

	if (i >= 0)
		*(bool *)key_at(c, key) = i;
}

/* --- numbers --- */

/* Decimal digits only, up to `most`. */
static bool number(const char *value, uint64_t most, uint64_t *n)
{
	*n = 0;
	for (; *value >= '0' && *value <= '9' && *n <= most; value++)
		*n = *n * 10 + (uint64_t)(*value - '0');
	return !*value && *n <= most;
}

void take_unsigned(struct reader *reader, struct test_case *c, const struct manifest_key *key, char *value)
{
	uint64_t n;

	if (number(value, key->detail, &n))
		*(unsigned *)key_at(c, key) = (unsigned)n;
	else
		reader_refuse(reader, "%s: write a number from 0 to %u", reader_shown(reader, value), key->detail);
}

void take_exits(struct reader *reader, struct test_case *c, const struct manifest_key *key, char *value)
{
	uint64_t n;

	if (number(value, EXITS_MAX, &n) && n > 0)
		*(uint64_t *)key_at(c, key) = n;
	else
		reader_refuse(reader, "%s: write a number from 1 to %llu", reader_shown(reader, value), EXITS_MAX);
}

void take_size(struct reader *reader, struct test_case *c, const struct manifest_key *key, char *value)
{
	uint64_t bytes;

	if (units_size(value, &bytes) && bytes > 0)
		*(uint64_t *)key_at(c, key) = bytes;
	else
		reader_refuse(reader, "%s: not a size: write 16M, 2G or a number of bytes", reader_shown(reader, value));
}

/* kvick takes it as text. */
void take_memory(struct reader *reader, struct test_case *c, const struct manifest_key *key, char *value)
{
	uint64_t bytes;

	if (units_size(value, &bytes))
		*(const char **)key_at(c, key) = value;
	else
		reader_refuse(reader, "%s: not a size: write 16M, 2G or a number of bytes", reader_shown(reader, value));
}

void take_duration(struct reader *reader, struct test_case *c, const struct manifest_key *key, char *value)
{
	uint64_t ns;

	if (units_duration(value, &ns) && ns > 0 && ns <= TIMEOUT_NS_MAX)
		*(uint64_t *)key_at(c, key) = ns;
	else
		reader_refuse(reader, "%s: no such duration: write 500ms, 5s or 2m, up to 24h", reader_shown(reader, value));
}

/* "1.5x floor" */
void take_floors(struct reader *reader, struct test_case *c, const struct manifest_key *key, char *value)
{
	size_t digits = strspn(value, "0123456789."), blanks = strspn(value + digits, " \t");
	const char *rest = value + digits + blanks;
	char *end;
	double n = strtod(value, &end);

	if (digits > 0 && (size_t)(end - value) == digits && n > 0 && n <= FLOORS_MAX && *rest == 'x' &&
	    strcmp(rest + 1 + strspn(rest + 1, " \t"), "floor") == 0)
		*(double *)key_at(c, key) = n;
	else
		reader_refuse(reader, "%s: write 1.5x floor: so many times what the floor takes in the same run",
			      reader_shown(reader, value));
}
