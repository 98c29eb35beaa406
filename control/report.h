/* SPDX-License-Identifier: Apache-2.0 */
/* What a run did and where its time went, for people (text) and programs (JSON, one object on one line). */
#ifndef KVICK_CONTROL_REPORT_H
#define KVICK_CONTROL_REPORT_H

struct machine;
struct text;

/* Both work inside the sandbox. exit_code: this process's. */
void report_text(struct text *text, struct machine *machine);
void report_json(struct text *text, struct machine *machine, int exit_code);

/* The crash of a machine whose outcome is OUTCOME_CRASHED. */
void crash_text(struct text *text, struct machine *machine);
void crash_json(struct text *text, struct machine *machine);

#endif
