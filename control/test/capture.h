/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process prints, of which the first half and the last half of a limit are kept: a guest may print for ever. What is
 * dropped is counted. Without memory it keeps less.
 */
#ifndef KVICK_CONTROL_TEST_CAPTURE_H
#define KVICK_CONTROL_TEST_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct capture {
	size_t limit;           /* even */
	char *head, *tail;      /* the tail is a ring of limit / 2 bytes */
	size_t head_bytes, head_room, tail_at, tail_bytes; /* tail_at: where the next byte goes */
	bool head_full;         /* nothing goes there any more */
	uint64_t dropped;
};

void capture_begin(struct capture *capture, size_t limit);
void capture_take(struct capture *capture, const char *bytes, size_t count);

/*
 * Reads from a pipe that does not block, `most` bytes at most. True: there may be more later; false: it has ended, or cannot be
 * read.
 */
bool capture_read(struct capture *capture, int fd, size_t most);

/* All that was kept, in one, with a NUL behind `*bytes`; to be freed. What was dropped lay after limit / 2. NULL: no memory. */
char *capture_end(struct capture *capture, size_t *bytes);

/* What nobody takes. */
void capture_free(struct capture *capture);

#endif
