/* SPDX-License-Identifier: Apache-2.0 */
/* kvickd's command line: a table, which also makes --help. */
#ifndef KVICK_CONTROL_SERVER_OPTIONS_H
#define KVICK_CONTROL_SERVER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "control/server/log.h"

struct error;

#define OPTIONS_LISTEN_MAX 4

struct server_options {
	const char *socket;    /* NULL: none (--socket "") */
	const char *listen[OPTIONS_LISTEN_MAX];
	unsigned listen_count;
	const char *images;
	const char *state;     /* NULL: none is kept */
	const char *log;       /* "-": stderr */
	enum log_level log_level;
	const char *worker;    /* NULL: beside kvickd, or in ../libexec/kvick */
	const char *kvm;
	uint64_t first_id, last_id; /* that workers become, one each; 0: none */
	uint64_t connections_max, functions_max, queue_max, bytes_max;
	uint64_t client_timeout_ns, drain_timeout_ns;
	uint64_t keep_count, keep_bytes, keep_ns; /* of invocations that are over */
	uint64_t idle_ns;      /* after this a slot that is not needed is given up */
	uint64_t cancel_ns;    /* a slot that does not come back after this costs its worker its life */
	uint64_t warm_ns;      /* the same of one that is being made, or made ready again */
	bool help, version;
};

/* 0, or -errno with an ERROR_USAGE. */
int server_options_parse(int argc, char **argv, struct server_options *options, struct error *error);
void server_options_help(void);

#endif
