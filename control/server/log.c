/* SPDX-License-Identifier: Apache-2.0 */
#include "control/server/log.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[LOG_LEVELS] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

bool log_level_of(const char *text, enum log_level *level)
{
	for (unsigned i = 0; i < LOG_LEVELS; i++) {
		if (strcmp(text, level_names[i]) == 0) {
			*level = (enum log_level)i;
			return true;
		}
	}
	return false;
}

/* Lines that a pipe takes at once where it takes anything (pipe(7), PIPE_BUF); a longer one goes by itself. */
static size_t some_lines(const char *text, size_t bytes)
{
	const char *end = memrchr(text, '\n', bytes < PIPE_BUF ? bytes : PIPE_BUF);

	if (!end)
		end = memchr(text, '\n', bytes);
	return end ? (size_t)(end - text) + 1 : bytes;
}

/* It is asked first: the descriptor may be others' too, and so is not made non-blocking. */
static bool takes_more(int fd)
{
	struct pollfd log = { .fd = fd, .events = POLLOUT };

	return poll(&log, 1, 0) > 0;
}

void log_flush(struct log *log)
{
	size_t done = 0;

	while (done < log->used) {
		ssize_t n = -1;

		if (takes_more(log->fd))
			n = write(log->fd, log->bytes + done, some_lines(log->bytes + done, log->used - done));
		else
			errno = EAGAIN;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) { /* a full disk, a pipe that nobody reads: the service goes on without */
			log->lost++;
			break;
		}
		done += (size_t)n;
	}
	log->used = 0;
}

/* Takes the object. */
static void add(struct log *log, enum log_level level, const char *event, json_t *more)
{
	struct timespec now;
	struct tm tm;
	char when[40];
	json_t *line;
	size_t bytes;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	bytes = strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(when + bytes, sizeof(when) - bytes, ".%06ldZ", now.tv_nsec / 1000);
	line = json_pack("{s:s, s:s, s:s}", "time", when, "level", level_names[level], "event", event);
	if (line && more)
		json_object_update(line, more);
	json_decref(more);

	for (unsigned attempt = 0; line && attempt < 2; attempt++) {
		size_t room = sizeof(log->bytes) - log->used;

		bytes = json_dumpb(line, log->bytes + log->used, room, JSON_COMPACT | JSON_ENSURE_ASCII);
		if (bytes && bytes < room) {
			log->used += bytes;
			log->bytes[log->used++] = '\n';
			break;
		}
		log_flush(log);
	}
	json_decref(line);
}

/* True: this line is one too many in this second. */
static bool too_many(struct log *log)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if ((uint64_t)now.tv_sec != log->second) {
		uint64_t left_out = log->left_out;

		log->second = (uint64_t)now.tv_sec;
		log->lines = 0;
		log->left_out = 0;
		if (left_out)
			add(log, LOG_LEVEL_WARN, "lines_left_out", json_pack("{s:I}", "count", (json_int_t)left_out));
	}
	if (++log->lines <= LOG_LINES_PER_S)
		return false;
	log->left_out++;
	return true;
}

void log_event(struct log *log, enum log_level level, const char *event, const char *format, ...)
{
	json_error_t error;
	va_list more;

	if (level > log->level || (level == LOG_LEVEL_WARN && too_many(log)))
		return;
	va_start(more, format);
	add(log, level, event, json_vpack_ex(&error, 0, format, more));
	va_end(more);
	if (level == LOG_LEVEL_ERROR)
		log_flush(log);
}
