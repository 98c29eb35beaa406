/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passt, started for the operator: passt(1), with --fd, which Debian 12 has.
 *
 * It goes into the background when it is ready, and its first process ends: that is waited for, and says whether all went well.
 * From then on nobody's child, it ends when our end of the socket pair is closed, by us or by the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "virtio/config.h"
#include "virtio/net_port.h"
#include "vmm/error.h"
#include "vmm/sys.h"

#define SAID_BYTES 1024u

struct forwards {
	char text[NET_FORWARDS_MAX * sizeof("65535:65535,")];
};

/* As passt's -t and -u want them: "8080:80,22:22"; "none". */
static void write_forwards(struct forwards *to, const struct device_config *config, bool udp)
{
	size_t at = 0;

	for (unsigned i = 0; i < config->forward_count; i++) {
		const struct net_forward *f = &config->forwards[i];

		if (f->udp == udp)
			at += (size_t)snprintf(to->text + at, sizeof(to->text) - at, "%s%u:%u", at ? "," : "", f->host, f->guest);
	}
	if (at == 0)
		strcpy(to->text, "none");
}

/* The last line of what it said, and nothing that would upset a terminal. */
static const char *last_line(char *said)
{
	size_t bytes = strlen(said);
	char *line;

	while (bytes > 0 && said[bytes - 1] == '\n')
		said[--bytes] = '\0';
	line = strrchr(said, '\n');
	line = line ? line + 1 : said;
	for (char *c = line; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return line;
}

static int refuse(const struct net_port *port, int status, char *said, struct error *error)
{
	const char *line = last_line(said);
	char what[64 + SAID_BYTES];

	if (*line)
		snprintf(what, sizeof(what), "%s", line);
	else if (WIFSIGNALED(status))
		snprintf(what, sizeof(what), "ended by signal %d, without a word", WTERMSIG(status));
	else
		snprintf(what, sizeof(what), "exit code %d, without a word", WEXITSTATUS(status));
	return error_set(error, ERROR_HOST, EIO, "%s: passt: %.300s: mend that, or start passt yourself and write user=PATH",
			 port->name, what);
}

static int run(const struct net_port *port, const struct device_config *config, const int fds[4], int *status, struct sys *sys,
	       struct error *error)
{
	struct forwards tcp, udp;
	char *const argv[] = { "passt", "--quiet", "--fd", "3", "--tcp-ports", tcp.text, "--udp-ports", udp.text, NULL };
	const struct sigaction ordinary = { .sa_handler = SIG_DFL };
	int pid, r;

	write_forwards(&tcp, config, false);
	write_forwards(&udp, config, true);
	/* Who ignores it, as our parent may have done for us, has no children to wait for. */
	r = sys_sigaction(sys, SIGCHLD, &ordinary, NULL);
	if (r < 0)
		return net_port_refuse(port, -r, "sigaction", "the host cannot wait for passt", error);
	pid = sys_spawn(sys, argv[0], argv, fds);
	if (pid == -ENOENT)
		return net_port_refuse(port, ENOENT, "passt",
				       "install it (`apt-get install passt`), or use a tap: --net tap=NAME", error);
	if (pid < 0)
		return net_port_refuse(port, -pid, "passt", "it cannot be run: look at it and at the limits on processes", error);
	do
		r = sys_wait(sys, pid, status);
	while (r == -EINTR);
	return r < 0 ? net_port_refuse(port, -r, "passt", "nobody knows what became of it: try again", error) : 0;
}

/* With the other end of each pair. */
static int start(struct net_port *port, const struct device_config *config, int passts_end, int *said, struct sys *sys,
		 struct error *error)
{
	int nowhere = sys_open(sys, "/dev/null", O_RDWR | O_CLOEXEC, 0), status, r;
	const int fds[] = { nowhere, nowhere, said[1], passts_end };
	char text[SAID_BYTES];
	ssize_t n;

	if (nowhere < 0)
		return net_port_refuse(port, -nowhere, "/dev/null", "it must be there for passt", error);
	r = run(port, config, fds, &status, sys, error);
	sys_close(sys, nowhere);
	if (r < 0 || status == 0)
		return r;
	n = sys_recv(sys, said[0], text, sizeof(text) - 1, MSG_DONTWAIT);
	text[n < 0 ? 0 : n] = '\0';
	return refuse(port, status, text, error);
}

int net_passt_start(struct net_port *port, const struct device_config *config, struct sys *sys, struct error *error)
{
	int ends[2], said[2], r;

	r = sys_socketpair(sys, SOCK_STREAM | SOCK_CLOEXEC, ends);
	if (r < 0)
		return net_port_refuse(port, -r, "socketpair", "the host has no Unix sockets to give", error);
	port->fd = ends[0];
	port->stream = port->connected = true;
	r = sys_fcntl(sys, ends[0], F_SETFL, (void *)(uintptr_t)O_NONBLOCK); /* passt's end has to block: it reads frames whole */
	if (r == 0)
		r = sys_socketpair(sys, SOCK_STREAM | SOCK_CLOEXEC, said);
	if (r < 0) {
		net_port_refuse(port, -r, "socketpair", "the host has no Unix sockets to give", error);
	} else {
		r = start(port, config, ends[1], said, sys, error);
		sys_close(sys, said[0]);
		sys_close(sys, said[1]);
	}
	sys_close(sys, ends[1]);
	return r;
}
