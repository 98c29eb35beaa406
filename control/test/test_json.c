/* SPDX-License-Identifier: Apache-2.0 */
/* All that is known of each case, for programs: docs/TEST.md has the members. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "control/measure/utf8.h"
#include "control/test/printed.h"
#include "control/test/report.h"
#include "control/version.h"
#include "vmm/error.h"
#include "vmm/machine.h"

/* Of a record: by name, as they stand there. */
struct figure {
	const char *name;
	size_t offset;
};
#define FIGURE(name) { #name, offsetof(struct stamps, name) }

static const struct figure steps[] = {
	FIGURE(main), FIGURE(plan), FIGURE(kvm), FIGURE(vm), FIGURE(memory), FIGURE(image), FIGURE(devices), FIGURE(vcpu),
	FIGURE(sandbox), FIGURE(entry), FIGURE(first), FIGURE(guest_main), FIGURE(handler), FIGURE(taken), FIGURE(replied),
	FIGURE(exit), { NULL, 0 },
};

static const struct figure figures[] = {
	FIGURE(tsc_khz), FIGURE(exits), FIGURE(hypercalls), FIGURE(system_calls), FIGURE(console_bytes), FIGURE(guest_bytes),
	{ NULL, 0 },
};

static uint64_t value_of(const struct stamps *stamps, const struct figure *figure)
{
	uint64_t value;

	memcpy(&value, (const char *)stamps + figure->offset, sizeof(value));
	return value;
}

/* Bytes that are no UTF-8 become U+FFFD; NULL where there are none. */
static json_t *text_json(const char *at, size_t bytes)
{
	char *clean = NULL;
	size_t length = 0;
	json_t *text;
	FILE *out;

	if (!at)
		return json_null();
	out = open_memstream(&clean, &length);
	if (!out)
		return NULL;
	for (size_t i = 0; i < bytes;) {
		uint32_t code;
		unsigned n = utf8_decode(at + i, bytes - i, &code);

		fwrite(n ? at + i : "\xef\xbf\xbd", 1, n ? n : 3, out);
		i += n ? n : 1;
	}
	fclose(out);
	text = json_stringn(clean, length);
	free(clean);
	return text;
}

static json_t *string_json(const char *text)
{
	return text_json(text, text ? strlen(text) : 0);
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *lines_json(const char *text)
{
	json_t *lines = json_array();

	while (text && *text) {
		size_t length = strcspn(text, "\n");

		json_array_append_new(lines, text_json(text, length));
		text += length + (text[length] == '\n');
	}
	return lines;
}

static json_t *stamps_json(const struct stamps *stamps)
{
	json_t *all = json_object(), *tsc = json_object(), *ns = json_object();

	for (const struct figure *step = steps; step->name; step++) {
		uint64_t at = value_of(stamps, step);

		if (!at)
			continue; /* it did not come so far */
		json_object_set_new(tsc, step->name, number(at));
		if (stamps->tsc_khz && at >= stamps->main)
			json_object_set_new(ns, step->name,
					    number((uint64_t)((double)(at - stamps->main) * 1e6 / (double)stamps->tsc_khz)));
	}
	json_object_set_new(all, "tsc", tsc);
	json_object_set_new(all, "ns", ns);
	for (const struct figure *figure = figures; figure->name; figure++)
		json_object_set_new(all, figure->name, number(value_of(stamps, figure)));
	return all;
}

static const char *outcome_name(uint32_t outcome)
{
	static const char *const names[] = {
		[OUTCOME_NONE] = "not_started", [OUTCOME_EXITED] = "exited", [OUTCOME_CRASHED] = "crashed",
		[OUTCOME_RESET] = "reset", [OUTCOME_STOPPED] = "stopped", [OUTCOME_READY] = "ready",
		[OUTCOME_BROKE_OFF] = "broke_off", [OUTCOME_FAILED] = "host_failed",
	};

	return outcome < sizeof(names) / sizeof(names[0]) ? names[outcome] : NULL;
}

/* How kvick ended, and what it says of its guest. */
static void end_json(json_t *object, const struct test_outcome *outcome)
{
	const struct stamps *stamps = &outcome->stamps;

	json_object_set_new(object, "exit_code", WIFEXITED(outcome->status) ? json_integer(WEXITSTATUS(outcome->status)) :
			    json_null());
	json_object_set_new(object, "signal", WIFSIGNALED(outcome->status) ? json_integer(WTERMSIG(outcome->status)) : json_null());
	json_object_set_new(object, "wall_ns", number(outcome->wall_ns));
	json_object_set_new(object, "cpu_ns", number(outcome->cpu_ns));
	json_object_set_new(object, "peak_bytes", outcome->peak_bytes ? number(outcome->peak_bytes) : json_null());
	json_object_set_new(object, "boot_floor", outcome->boot_floor > 0 ? json_real(outcome->boot_floor) : json_null());
	if (!outcome->has_stamps) {
		json_object_set_new(object, "outcome", json_null());
		json_object_set_new(object, "stamps", json_null());
		return;
	}
	json_object_set_new(object, "outcome", string_json(outcome_name(stamps->outcome)));
	json_object_set_new(object, "guest_status", stamps->outcome == OUTCOME_EXITED ? number(stamps->status) : json_null());
	json_object_set_new(object, "ring", number(stamps->ring));
	json_object_set_new(object, "stamps", stamps_json(stamps));
}

static json_t *outcome_json(const struct test_outcome *outcome)
{
	static const char *const results[] = {
		[TEST_PASSED] = "passed", [TEST_FAILED] = "failed", [TEST_SKIPPED] = "skipped", [TEST_INTERRUPTED] = "interrupted",
	};
	json_t *object = json_object();

	json_object_set_new(object, "name", string_json(outcome->name));
	json_object_set_new(object, "case", string_json(outcome->of->name));
	json_object_set_new(object, "line", number(outcome->of->line));
	json_object_set_new(object, "image", string_json(outcome->of->image));
	json_object_set_new(object, "result", json_string(results[outcome->result]));
	json_object_set_new(object, "tries", number(outcome->tries));
	json_object_set_new(object, "problems", lines_json(outcome->problems));
	if (outcome->tries)
		end_json(object, outcome);
	json_object_set_new(object, "console", text_json(outcome->console, outcome->console_bytes));
	json_object_set_new(object, "console_dropped", number(outcome->console_dropped));
	json_object_set_new(object, "messages", text_json(outcome->messages, outcome->messages_bytes));
	json_object_set_new(object, "scratch", string_json(outcome->scratch));
	return object;
}

static json_t *results_json(const struct test_results *results)
{
	json_t *object = json_object(), *cases = json_array();

	json_object_set_new(object, "kvick", json_string(KVICK_VERSION));
	json_object_set_new(object, "manifest", string_json(results->manifest->path));
	json_object_set_new(object, "started_at", number(results->started_at));
	json_object_set_new(object, "took_ns", number(results->took_ns));
	json_object_set_new(object, "floor_ns", results->floor_ns ? number(results->floor_ns) : json_null());
	json_object_set_new(object, "signal", results->signal ? json_integer(results->signal) : json_null());
	json_object_set_new(object, "passed", number(results->passed));
	json_object_set_new(object, "failed", number(results->failed));
	json_object_set_new(object, "skipped", number(results->skipped));
	json_object_set_new(object, "interrupted", number(results->interrupted));
	json_object_set_new(object, "flaky", number(results->flaky));
	for (size_t i = 0; i < results->count; i++)
		json_array_append_new(cases, outcome_json(&results->outcomes[i]));
	json_object_set_new(object, "cases", cases);
	return object;
}

static int write_json(FILE *out, const struct test_results *results)
{
	json_t *object = results_json(results);
	int r = json_dumpf(object, out, JSON_INDENT(1));

	json_decref(object);
	fputc('\n', out);
	return r;
}

int test_json_write(const struct test_results *results, const char *path, struct error *error)
{
	return report_file(path, write_json, results, error);
}
