/* SPDX-License-Identifier: Apache-2.0 */
#include "control/bench/output.h"

#define AT(member) #member, .offset = offsetof(struct sample, member)

/* docs/bench.schema.json says what each of them means. */
const struct output_column output_columns[] = {
	{ .key = AT(round), .narrow = true },
	{ .key = AT(result), .narrow = true },
	{ .key = AT(begun_ns) },
	{ .key = AT(late_ns) },
	{ .key = AT(vmm_main_ns), .known = KNOWN_UNLESS_ZERO },
	{ .key = AT(entry_ns), .known = KNOWN_UNLESS_ZERO },
	{ .key = AT(first_ns), .known = KNOWN_UNLESS_ZERO },
	{ .key = AT(guest_main_ns), .known = KNOWN_UNLESS_ZERO },
	{ .key = AT(exit_ns), .known = KNOWN_UNLESS_ZERO },
	{ .key = AT(reaped_ns), .known = KNOWN_UNLESS_ZERO },
	{ .key = AT(user_ns) },
	{ .key = AT(system_ns) },
	{ .key = AT(exits), .known = KNOWN_WHERE_COUNTED, .counted = COUNTED_EXITS },
	{ .key = AT(hypercalls), .known = KNOWN_WHERE_COUNTED, .counted = COUNTED_HYPERCALLS },
	{ .key = AT(system_calls), .known = KNOWN_UNLESS_ZERO },
	{ .key = AT(minor_faults) },
	{ .key = AT(major_faults) },
	{ .key = AT(peak_bytes), .known = KNOWN_UNLESS_ZERO },
};

const size_t output_column_count = sizeof(output_columns) / sizeof(output_columns[0]);

const char *const output_result_names[] = {
	[SAMPLE_GOOD] = "good", [SAMPLE_FAILED] = "failed", [SAMPLE_TIMED_OUT] = "timed_out",
};

const char *const output_kind_names[] = {
	[SUBJECT_COLD] = "cold", [SUBJECT_RESTORED] = "restored", [SUBJECT_POOLED] = "pooled", [SUBJECT_COMMAND] = "command",
	[SUBJECT_FLOOR] = "floor",
};

const char *const output_arrivals_names[] = {
	[ARRIVALS_ONE_BY_ONE] = "one_by_one", [ARRIVALS_BURST] = "burst", [ARRIVALS_OPEN_LOOP] = "open_loop",
};

const char *const output_verdict_names[] = {
	[VERDICT_NONE] = "none", [VERDICT_SAME] = "same", [VERDICT_LESS] = "less", [VERDICT_MORE] = "more",
};

bool output_column_get(const struct output_column *column, const struct sample *sample, uint64_t *value)
{
	const char *at = (const char *)sample + column->offset;

	*value = column->narrow ? *(const uint32_t *)at : *(const uint64_t *)at;
	return column->known == KNOWN_WHERE_COUNTED ? sample->counted & column->counted : *value || column->known == KNOWN_ALWAYS;
}

void output_u64(FILE *stream, uint64_t value)
{
	char digits[20], *first = digits + sizeof(digits);

	do
		*--first = (char)('0' + value % 10);
	while ((value /= 10) != 0);
	fwrite_unlocked(first, 1, (size_t)(digits + sizeof(digits) - first), stream);
}
