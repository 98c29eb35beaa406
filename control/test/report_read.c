/* SPDX-License-Identifier: Apache-2.0 */
#include "control/test/report_read.h"

#include <jansson.h>
#include <string.h>

#include "vmm/machine.h"

static uint64_t number(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

static uint64_t number_in(const json_t *object, const char *member, const char *name)
{
	return number(json_object_get(object, member), name);
}

/* As control/report.c names them. */
static enum outcome_kind outcome(const json_t *report)
{
	static const struct {
		const char *name;
		enum outcome_kind kind;
	} names[] = {
		{ "exited", OUTCOME_EXITED },   { "crashed", OUTCOME_CRASHED }, { "reset", OUTCOME_RESET },
		{ "stopped", OUTCOME_STOPPED }, { "timed_out", OUTCOME_STOPPED }, { "broke_off", OUTCOME_BROKE_OFF },
		{ "host_failed", OUTCOME_FAILED },
	};
	const char *name = json_string_value(json_object_get(report, "outcome"));

	for (size_t i = 0; name && i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i].name) == 0)
			return names[i].kind;
	return OUTCOME_NONE;
}

bool report_read(const char *path, struct stamps *stamps, uint64_t *peak_bytes)
{
	json_t *report = json_load_file(path, 0, NULL);

	if (!report)
		return false;
	*stamps = (struct stamps){
		.magic = STAMPS_MAGIC,
		.outcome = outcome(report),
		.exit_code = (uint32_t)number(report, "exit_code"),
		.status = (uint32_t)number(report, "guest_status"),
		.ring = (uint32_t)number(report, "ring"),
		.exits = number_in(report, "exits", "total"),
		.system_calls = number(report, "system_calls"),
		.console_bytes = number(report, "console_bytes"),
		.guest_bytes = number_in(report, "memory", "guest_bytes"),
	};
	*peak_bytes = number_in(report, "memory", "peak_resident_bytes");
	json_decref(report);
	return true;
}
