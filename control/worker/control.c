/* SPDX-License-Identifier: Apache-2.0 */
#include "control/worker/control.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* More than are taken: too many are seen, and closed. All that fit into what is rounded up. */
#define FDS_SEEN (CONTROL_FDS_MAX + 2)

union ancillary {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(FDS_SEEN * sizeof(int))];
};

_Static_assert(CMSG_SPACE(FDS_SEEN * sizeof(int)) == CMSG_LEN(FDS_SEEN * sizeof(int)), "no room for one more");

static unsigned take_fds(struct msghdr *msg, int fds[FDS_SEEN])
{
	unsigned count = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		assert(count <= FDS_SEEN);
		memcpy(fds, CMSG_DATA(c), count * sizeof(int));
	}
	return count;
}

int control_receive(int fd, struct control_message *m)
{
	struct iovec iov = { m->bytes, sizeof(m->bytes) };
	union ancillary ancillary;
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &ancillary, .msg_controllen = sizeof(ancillary),
	};
	int fds[FDS_SEEN];
	ssize_t n;

	do
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : 0;

	unsigned count = take_fds(&msg, fds);

	if ((size_t)n < sizeof(m->header) || msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC) || count > CONTROL_FDS_MAX) {
		for (unsigned i = 0; i < count; i++)
			close(fds[i]);
		return -EBADMSG;
	}
	memcpy(&m->header, m->bytes, sizeof(m->header));
	m->body = m->bytes + sizeof(m->header);
	m->body_bytes = (uint32_t)n - (uint32_t)sizeof(m->header);
	m->fd_count = count;
	memcpy(m->fds, fds, count * sizeof(int));
	return 1;
}

int control_send(int fd, enum worker_event type, uint32_t slot, const char *text)
{
	struct worker_header header = { .type = type, .slot = slot };
	struct iovec iov[] = { { &header, sizeof(header) }, { (void *)(uintptr_t)text, 0 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n;

	if (text)
		iov[1].iov_len = strnlen(text, WORKER_REASON_BYTES_MAX);
	do
		n = sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}
