/* SPDX-License-Identifier: Apache-2.0 */
/* What a run did and where its time went, for people (text) and programs (JSON, one object on one line). */
#ifndef KVICK_CONTROL_REPORT_H
#define KVICK_CONTROL_REPORT_H

#include <stdint.h>

struct machine;
struct sys;
struct text;

/*
 * What the kernel counts for a process outlives exec: page faults include those of whoever became us. So they are
 * noted at the start, and peak memory comes from /proc/self/status, which knows this program alone.
 */
struct report_basis {
	uint64_t minor_faults, major_faults;
	int status_fd; /* -1: not there */
};

void report_begin(struct report_basis *basis, struct sys *sys);

/* Both work inside the sandbox, as does the third. exit_code: this process's. */
void report_text(struct text *text, struct machine *machine, const struct report_basis *basis);
void report_json(struct text *text, struct machine *machine, const struct report_basis *basis, int exit_code);

/* One write(), of a struct stamps (stamps.h): 0 or -errno. */
int report_stamps(struct machine *machine, int fd, int exit_code);

/* The crash of a machine whose outcome is OUTCOME_CRASHED. */
void crash_text(struct text *text, struct machine *machine);
void crash_json(struct text *text, struct machine *machine);

#endif
