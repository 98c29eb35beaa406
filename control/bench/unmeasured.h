/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A launch that does not count: as one that does, but for who listens to it. What it leaves behind is ended with it. Its users
 * are snapshots.c, reports.c and failures.c.
 */
#ifndef KVICK_CONTROL_BENCH_UNMEASURED_H
#define KVICK_CONTROL_BENCH_UNMEASURED_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct run;
struct subject;

struct unmeasured {
	const struct subject *subject; /* whose program it is */
	char *const *argv;      /* the caller's */
	int report_fd;          /* the caller's, at least 4: becomes descriptor 3; -1: there is none */
};

/*
 * To its end, or that of --timeout. The exit status; 128 + N by a signal; -ETIMEDOUT; -EINTR: we are interrupted; -errno with
 * `error`, which may be NULL. *said: in any case what it wrote to stderr, the first MiB of it, to be freed; `said` NULL: nobody
 * wants it.
 */
int unmeasured_run(struct run *run, const struct unmeasured *launch, char **said, struct error *error);

/*
 * The first line that says something; of kvick's that which kvick says, where it does: the guest may have said something before.
 * What it may do to a terminal is taken out.
 */
void unmeasured_first_line(char *line, size_t bytes, const char *said, bool of_kvick);

#endif
