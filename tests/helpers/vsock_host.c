/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs at the host's end of a socket device:
 *
 *	vsock_host PATH listen PORT       takes one connection of the guest's and echoes it to its end
 *	vsock_host PATH connect PORT N    N connections to the guest at once; each sends 100,000 bytes, half-closes, wants them back
 *	vsock_host PATH many PORT N       likewise N, all open before the first of them says anything: 1000 bytes each
 *	vsock_host PATH refused PORT      the guest does not listen there: the connection ends without a word
 *	vsock_host PATH nonsense          first lines that are none: each connection is closed
 */
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_S    200 /* a machine that is emulated takes its time */
#define DATA_BYTES 100000u
#define FEW_BYTES  1000u

static const char *path;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static struct sockaddr_un address(const char *port)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	snprintf(at.sun_path, sizeof(at.sun_path), "%s%s%s", path, port ? "_" : "", port ? port : "");
	return at;
}

static void say(int fd, const void *bytes, size_t count)
{
	if (send(fd, bytes, count, MSG_NOSIGNAL) != (ssize_t)count)
		fail("send");
}

/* To kvick, once it is there. */
static int connect_to_kvick(void)
{
	const struct sockaddr_un to = address(NULL);

	for (;;) { /* alarm() ends it */
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
			return fd;
		close(fd);
		usleep(50000);
	}
}

/* Up to its end, or that of the connection. */
static size_t read_line(int fd, char *line, size_t most)
{
	size_t bytes = 0;

	while (bytes + 1 < most && recv(fd, line + bytes, 1, 0) == 1)
		if (line[bytes++] == '\n')
			break;
	line[bytes] = '\0';
	return bytes;
}

static int listen_and_echo(const char *port)
{
	const struct sockaddr_un at = address(port), soon = address("soon");
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), fd;
	char part[5000];
	ssize_t n;

	/* Whoever finds it finds it listening. */
	if (bind(listener, (const struct sockaddr *)&soon, sizeof(soon)) || listen(listener, 1) ||
	    rename(soon.sun_path, at.sun_path))
		fail("listen");
	fd = accept(listener, NULL, NULL);
	while ((n = recv(fd, part, sizeof(part), 0)) > 0)
		say(fd, part, (size_t)n);
	return 0;
}

static uint8_t content(unsigned seed, size_t i)
{
	return (uint8_t)(i * seed + i / 251);
}

/* Sends and receives as there is room, for the guest sends back at once. */
static bool exchange(int fd, unsigned seed)
{
	static uint8_t data[DATA_BYTES], got[DATA_BYTES + 1];
	size_t sent = 0, received = 0;

	for (size_t i = 0; i < DATA_BYTES; i++)
		data[i] = content(seed, i);
	for (;;) {
		struct pollfd at = { .fd = fd, .events = (short)(POLLIN | (sent < DATA_BYTES ? POLLOUT : 0)) };
		ssize_t n;

		if (poll(&at, 1, -1) < 0)
			fail("poll");
		if (at.revents & POLLOUT && sent < DATA_BYTES) {
			n = send(fd, data + sent, DATA_BYTES - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
			sent += n > 0 ? (size_t)n : 0;
			if (sent == DATA_BYTES)
				shutdown(fd, SHUT_WR);
		}
		if (at.revents & ~POLLOUT) {
			n = recv(fd, got + received, sizeof(got) - received, 0);
			if (n <= 0)
				break;
			received += (size_t)n;
		}
	}
	return received == DATA_BYTES && memcmp(got, data, DATA_BYTES) == 0;
}

static bool echoed(const char *port, unsigned seed)
{
	char line[64];
	int fd = connect_to_kvick();

	say(fd, "CONN", 4);
	usleep(10000); /* the first line in two parts */
	say(fd, line, (size_t)snprintf(line, sizeof(line), "ECT %s\n", port));
	return read_line(fd, line, sizeof(line)) > 3 && memcmp(line, "OK ", 3) == 0 && exchange(fd, seed);
}

static int connect_many(const char *port, unsigned count)
{
	unsigned good = 0;
	int status;

	for (unsigned i = 0; i < count; i++)
		if (fork() == 0)
			_exit(echoed(port, i + 1) ? 0 : 1);
	while (wait(&status) > 0)
		good += status == 0;
	printf("host: %u of %u came back\n", good, count);
	return 0;
}

/* One process has them all; what each says is so little that nobody has to wait for it to be read. */
static int hold_many(const char *port, unsigned count)
{
	struct rlimit limit;
	int *fds = calloc(count, sizeof(*fds));
	uint8_t data[FEW_BYTES], got[FEW_BYTES];
	unsigned open = 0, good = 0;
	char line[64];

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	for (unsigned i = 0; i < count; i++) {
		fds[i] = connect_to_kvick();
		say(fds[i], line, (size_t)snprintf(line, sizeof(line), "CONNECT %s\n", port));
	}
	for (unsigned i = 0; i < count; i++)
		open += read_line(fds[i], line, sizeof(line)) > 3 && memcmp(line, "OK ", 3) == 0;
	for (unsigned i = 0; i < open; i++) {
		for (size_t at = 0; at < sizeof(data); at++)
			data[at] = content(i + 1, at);
		say(fds[i], data, sizeof(data));
		shutdown(fds[i], SHUT_WR);
	}
	for (unsigned i = 0; i < open; i++) {
		for (size_t at = 0; at < sizeof(data); at++)
			data[at] = content(i + 1, at);
		good += recv(fds[i], got, sizeof(got), MSG_WAITALL) == sizeof(got) && memcmp(got, data, sizeof(got)) == 0 &&
			recv(fds[i], got, 1, 0) == 0;
	}
	printf("host: %u open at a time, %u came back\n", open, good);
	return 0;
}

static int be_refused(const char *port)
{
	char line[64];
	int fd = connect_to_kvick();

	say(fd, line, (size_t)snprintf(line, sizeof(line), "CONNECT %s\n", port));
	puts(read_line(fd, line, sizeof(line)) == 0 ? "host: refused" : "host: accepted");
	return 0;
}

static int talk_nonsense(void)
{
	static const char *const lines[] = {
		"CONNECT\n", "CONNECT 4294967296\n", "CONNECT -1\n", "CONNECT and much more than anybody would take", "\n",
		"CONNECT 12x\n",
	};
	unsigned closed = 0;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		int fd = connect_to_kvick();
		char byte;

		say(fd, lines[i], strlen(lines[i]));
		closed += recv(fd, &byte, 1, 0) <= 0;
		close(fd);
	}
	printf("host: %u closed\n", closed);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[2] : "";

	path = argv[1];
	alarm(LIMIT_S);
	if (argc > 3 && strcmp(what, "listen") == 0)
		return listen_and_echo(argv[3]);
	if (argc > 4 && strcmp(what, "connect") == 0)
		return connect_many(argv[3], (unsigned)atoi(argv[4]));
	if (argc > 4 && strcmp(what, "many") == 0)
		return hold_many(argv[3], (unsigned)atoi(argv[4]));
	if (argc > 3 && strcmp(what, "refused") == 0)
		return be_refused(argv[3]);
	if (strcmp(what, "nonsense") == 0)
		return talk_nonsense();
	fprintf(stderr, "usage: vsock_host PATH listen|connect|many|refused|nonsense …\n");
	return 2;
}
