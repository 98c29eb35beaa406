/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine's devices did, for the report, and what went wrong underneath them, for everybody. */
#ifndef KVICK_CONTROL_REPORT_DEVICES_H
#define KVICK_CONTROL_REPORT_DEVICES_H

struct engine_counts;
struct machine;
struct text;

/* A line for each device that met an error on the host's side, or that its driver broke; nothing where all went well. */
void devices_say(struct text *text, const struct machine *machine);

/* Nothing where there are no devices. */
void devices_text(struct text *text, const struct machine *machine);
/* The members "engine" and "devices" of an object that is open. */
void devices_json(struct text *text, const struct machine *machine);

/* What an engine was and did; a member "engine". */
void engine_text(struct text *text, const char *kind, const struct engine_counts *counts);
void engine_json(struct text *text, const char *kind, const struct engine_counts *counts);

#endif
