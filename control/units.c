/* SPDX-License-Identifier: Apache-2.0 */
#include "control/units.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <strings.h>

struct unit {
	const char *name;
	uint64_t each;
};

static const struct unit size_units[] = {
	{ "", 1 },
	{ "B", 1 },
	{ "K", 1ull << 10 }, { "KiB", 1ull << 10 },
	{ "M", 1ull << 20 }, { "MiB", 1ull << 20 },
	{ "G", 1ull << 30 }, { "GiB", 1ull << 30 },
	{ "T", 1ull << 40 }, { "TiB", 1ull << 40 },
};

static const struct unit duration_units[] = {
	{ "", 1000000000 },
	{ "us", 1000 },
	{ "ms", 1000000 },
	{ "s", 1000000000 },
	{ "m", 60ull * 1000000000 },
	{ "h", 3600ull * 1000000000 },
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool find(const struct unit *units, size_t count, const char *name, uint64_t *each)
{
	for (size_t i = 0; i < count; i++) {
		if (strcasecmp(units[i].name, name) == 0) {
			*each = units[i].each;
			return true;
		}
	}
	return false;
}

bool units_size(const char *text, uint64_t *bytes)
{
	char *end;
	uint64_t each;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);

	return errno == 0 && find(size_units, COUNT(size_units), end, &each) && !__builtin_mul_overflow(n, each, bytes);
}

bool units_duration(const char *text, uint64_t *ns)
{
	char *end;
	uint64_t each, whole, fraction = 0, fraction_of = 1;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);

	if (errno)
		return false;
	if (*end == '.') {
		for (end++; isdigit((unsigned char)*end); end++) {
			if (fraction_of < 1000000000) { /* more digits than nine are noise */
				fraction = fraction * 10 + (uint64_t)(*end - '0');
				fraction_of *= 10;
			}
		}
	}
	if (!find(duration_units, COUNT(duration_units), end, &each) || __builtin_mul_overflow(n, each, &whole))
		return false;
	return !__builtin_add_overflow(whole, (uint64_t)((unsigned __int128)fraction * each / fraction_of), ns);
}
