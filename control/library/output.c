/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest prints: kept, given to the program, or written to a descriptor of its. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "control/library/library.h"

/* A piece: what a pipe that is ready takes at once (PIPE_BUF), so that writing it does not block. */
#define PIECE_BYTES 4096

/* A descriptor that takes nothing is tried again after this. */
#define RETRY_NS 1000000

static void keep(struct output *output, const char *from, size_t bytes)
{
	size_t room = output->kept_max - output->kept_bytes, fits = bytes < room ? bytes : room;

	memcpy(output->kept + output->kept_bytes, from, fits);
	output->kept_bytes += fits;
	output->dropped += bytes - fits;
}

/* Nobody reads it any more. That is no reason to end a program: the signal is taken before anybody gets it (watch_begin()). */
static void take_sigpipe(struct sys *sys)
{
	const struct timespec now = { 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sys_sigtimedwait(sys, &set, &now);
}

/* Never in a write() that blocks, out of which no handler would get us. */
static void write_out(struct output *output, const char *from, size_t bytes)
{
	struct stop *stop = &output->watch->stop;
	struct sys *sys = output->watch->sys;
	size_t done = 0;

	while (done < bytes && !output->fd_errnum) {
		struct pollfd ready = { .fd = output->fd, .events = POLLOUT };
		ssize_t n = sys_poll(sys, &ready, 1, 0);

		if (n > 0)
			n = sys_write(sys, output->fd, from + done, bytes - done);
		if (n == -EPIPE)
			take_sigpipe(sys);
		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && n != -EAGAIN && n != -EINTR)
			output->fd_errnum = (int)-n;
		else if (stop->signal)
			break;
		else
			stop->sleep(stop, RETRY_NS);
	}
	output->dropped += bytes - done;
}

void output_take(void *context, const uint8_t *from, uint64_t bytes)
{
	struct output *output = context;
	char piece[PIECE_BYTES];

	output->bytes += bytes;
	while (bytes > 0) {
		size_t n = bytes < sizeof(piece) ? (size_t)bytes : sizeof(piece);

		/* A copy: the guest may go on changing its own. */
		memcpy(piece, from, n);
		if (output->give)
			output->give(output->context, piece, n);
		else if (output->fd >= 0)
			write_out(output, piece, n);
		else
			keep(output, piece, n);
		from += n;
		bytes -= n;
	}
}
