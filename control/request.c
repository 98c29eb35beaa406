/* SPDX-License-Identifier: Apache-2.0 */
#include "control/request.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <kvick/hypercall.h>

#include "control/exit_codes.h"
#include "control/text.h"
#include "vmm/console.h"
#include "vmm/invocation.h"
#include "vmm/machine.h"

/* One mapping. Of the two rooms nothing is there that is not used; the request's has one byte more, to see that it is too long. */
struct room {
	struct invocation invocation;
	uint8_t request[KVICK_REQUEST_BYTES_MAX + 1];
	uint8_t reply[KVICK_REPLY_BYTES_MAX];
};

static int read_all(struct invocation *i, uint8_t *to, int fd, const char *path, struct sys *sys, struct error *error)
{
	ssize_t n;

	do {
		n = sys_read(sys, fd, to + i->request_bytes, KVICK_REQUEST_BYTES_MAX + 1 - i->request_bytes);
		if (n > 0)
			i->request_bytes += (uint64_t)n;
	} while (n == -EINTR || (n > 0 && i->request_bytes <= KVICK_REQUEST_BYTES_MAX));
	if (n < 0)
		return error_set(error, ERROR_USAGE, (int)-n, "--request %s: %s: name a file, or - for stdin", path,
				 strerror((int)-n));
	if (i->request_bytes > KVICK_REQUEST_BYTES_MAX)
		return error_set(error, ERROR_USAGE, EFBIG, "--request %s: more than the %llu MiB that a request may have: send "
				 "less", path, KVICK_REQUEST_BYTES_MAX >> 20);
	return 0;
}

int request_read(struct machine_config *config, const char *path, struct sys *sys, struct error *error)
{
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : sys_open(sys, path, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);
	void *at;

	if (fd < 0)
		return error_set(error, ERROR_USAGE, -fd, "--request %s: %s: name a file, or - for stdin", path, strerror(-fd));
	int r = sys_mmap(sys, NULL, sizeof(struct room), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			 0, &at);

	if (r < 0)
		return error_set(error, ERROR_HOST, -r, "--request: room for request and reply: %s: free memory", strerror(-r));
	struct room *room = at;

	/* Else the first byte of each may cost 2 MiB of zeroes. */
	sys_madvise(sys, room, sizeof(*room), MADV_NOHUGEPAGE);
	r = read_all(&room->invocation, room->request, fd, path, sys, error);
	if (!is_stdin)
		sys_close(sys, fd);
	if (r < 0)
		return r;
	room->invocation.request = room->request;
	room->invocation.reply = room->reply;
	room->invocation.reply_max = sizeof(room->reply);
	config->invocation = &room->invocation;
	config->console_fd = STDERR_FILENO;
	return 0;
}

int request_finish(struct text *text, struct machine *m, int code)
{
	const struct invocation *i = m->config->invocation;
	struct console reply = { .fd = STDOUT_FILENO };

	if (m->outcome == OUTCOME_EXITED && !i->replied) {
		text_printf(text, "kvick: ");
		text_name(text, m->config->image_path);
		text_printf(text, ": the guest ended without a reply\n");
		return code ? code : EXIT_CRASHED;
	}
	if (!i->replied || m->outcome == OUTCOME_BROKE_OFF)
		return code;
	console_put(&reply, i->reply, i->reply_bytes, m->config->stop, &m->sys);
	if (reply.bytes == i->reply_bytes)
		return code;
	text_printf(text, "kvick: reply: %s: it is incomplete: make room or fix where stdout goes\n",
		    reply.errnum ? strerror(reply.errnum) : "nobody takes it");
	return code ? code : EXIT_HOST;
}
