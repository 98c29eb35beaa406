/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: JSON, a line an event. Lines wait in a buffer until the loop has nothing else to do, so that none costs a request a
 * system call; errors do not wait. What could come in a flood (a line for each request that failed) has a limit by the second.
 */
#ifndef KVICK_CONTROL_SERVER_LOG_H
#define KVICK_CONTROL_SERVER_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR, /* somebody has to act */
	LOG_LEVEL_WARN,  /* a function or a client did what it should not */
	LOG_LEVEL_INFO,  /* what changes seldom: start, stop, functions, workers */
	LOG_LEVEL_DEBUG, /* a line for each invocation */
	LOG_LEVELS,
};

#define LOG_BUFFER_BYTES  32768u
#define LOG_LINES_PER_S   50u /* of warnings */

struct log {
	int fd;
	enum log_level level;
	size_t used;
	uint64_t second;      /* that `lines` are of */
	unsigned lines;
	uint64_t left_out;    /* since the last line that said so */
	uint64_t lost;        /* could not be written */
	char bytes[LOG_BUFFER_BYTES];
};

/* "error", "warn", "info", "debug". False: none of them. */
bool log_level_of(const char *text, enum log_level *level);

/* `format` and what follows are those of jansson's json_pack(), an object: "{s:s, s:i}", … Strings are UTF-8. */
void log_event(struct log *log, enum log_level level, const char *event, const char *format, ...);
void log_flush(struct log *log);

#endif
