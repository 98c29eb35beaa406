/* SPDX-License-Identifier: Apache-2.0 */
#include "control/test/capture.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES (64u << 10) /* what a pipe holds */
#define ROOM_BYTES 1024        /* at first: most guests print less */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

void capture_begin(struct capture *capture, size_t limit)
{
	assert(limit >= 2 && limit % 2 == 0);
	capture_free(capture);
	*capture = (struct capture){ .limit = limit };
}

/* One more than is asked for: for the NUL. */
static bool make_room(struct capture *capture, size_t bytes)
{
	size_t room = capture->head_room ? capture->head_room : ROOM_BYTES;
	char *head;

	while (room < bytes + 1)
		room *= 2;
	if (room == capture->head_room)
		return true;
	head = realloc(capture->head, room);
	if (!head)
		return false;
	capture->head = head;
	capture->head_room = room;
	return true;
}

static size_t take_head(struct capture *capture, const char *bytes, size_t count)
{
	size_t taken = least(count, capture->limit / 2 - capture->head_bytes);

	if (capture->head_full || taken == 0 || !make_room(capture, capture->head_bytes + taken)) {
		capture->head_full = true;
		return 0;
	}
	memcpy(capture->head + capture->head_bytes, bytes, taken);
	capture->head_bytes += taken;
	return taken;
}

static void take_tail(struct capture *capture, const char *bytes, size_t count)
{
	size_t room = capture->limit / 2, kept = least(count, room), first;

	if (!capture->tail)
		capture->tail = malloc(room);
	if (!capture->tail) {
		capture->dropped += count;
		return;
	}
	capture->dropped += count - kept;
	bytes += count - kept;
	first = least(kept, room - capture->tail_at);
	memcpy(capture->tail + capture->tail_at, bytes, first);
	memcpy(capture->tail, bytes + first, kept - first);
	capture->tail_at = (capture->tail_at + kept) % room;
	if (capture->tail_bytes + kept > room)
		capture->dropped += capture->tail_bytes + kept - room;
	capture->tail_bytes = least(capture->tail_bytes + kept, room);
}

void capture_take(struct capture *capture, const char *bytes, size_t count)
{
	size_t taken = count ? take_head(capture, bytes, count) : 0;

	if (taken < count)
		take_tail(capture, bytes + taken, count - taken);
}

bool capture_read(struct capture *capture, int fd, size_t most)
{
	char bytes[READ_BYTES];

	while (most > 0) {
		ssize_t n = read(fd, bytes, least(sizeof(bytes), most));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 && errno == EAGAIN;
		capture_take(capture, bytes, (size_t)n);
		most -= (size_t)n;
		/* A pipe gives all that it has: a second call would only be told that there is no more. */
		if ((size_t)n < sizeof(bytes))
			return true;
	}
	return true;
}

char *capture_end(struct capture *capture, size_t *bytes)
{
	size_t room = capture->limit / 2, start = (capture->tail_at + room - capture->tail_bytes) % room;
	size_t first = least(capture->tail_bytes, room - start), head = capture->head_bytes;
	char *all = NULL;

	if (make_room(capture, head + capture->tail_bytes)) {
		all = capture->head;
		if (capture->tail_bytes) {
			memcpy(all + head, capture->tail + start, first);
			memcpy(all + head + first, capture->tail, capture->tail_bytes - first);
		}
		*bytes = head + capture->tail_bytes;
		all[*bytes] = '\0';
		capture->head = NULL;
	}
	free(capture->head);
	free(capture->tail);
	*capture = (struct capture){ .limit = capture->limit, .dropped = capture->dropped };
	return all;
}

void capture_free(struct capture *capture)
{
	free(capture->head);
	free(capture->tail);
	*capture = (struct capture){ 0 };
}
