/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream of 64 KiB messages, one direction, as fast as it goes: what a guest's vsock is measured with and against.
 *
 *	stream pair SECONDS                    two processes, a pair of Unix sockets; the sender on processor 0, the receiver on 1
 *	stream send PATH PORT SECONDS          this process sends to a guest's port, through kvick's --vsock PATH
 *	stream receive PATH PORT SECONDS       and receives
 *
 * Where PATH is an IPv4 address, by TCP.
 *
 * Prints MiB/s. The clock runs from the first message until the receiver has had the last: where a guest receives, until it
 * has closed.
 */
#include <arpa/inet.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_BYTES 65536u
#define TRIES 1000u /* a hundredth of a second apart, while the guest comes up */

static char message[MESSAGE_BYTES];

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint64_t send_for(int fd, double seconds)
{
	double until = now() + seconds;
	uint64_t bytes = 0;

	while (now() < until) {
		ssize_t n = write(fd, message, sizeof(message));

		if (n < 0)
			fail("write");
		bytes += (uint64_t)n;
	}
	shutdown(fd, SHUT_WR);
	return bytes;
}

static uint64_t receive_for(int fd, double seconds)
{
	double until = now() + seconds;
	uint64_t bytes = 0;
	ssize_t n = 1;

	while (n > 0 && now() < until) {
		n = read(fd, message, sizeof(message));
		if (n < 0)
			fail("read");
		bytes += (uint64_t)n;
	}
	return bytes;
}

static int connect_by_tcp(struct in_addr address, const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)), .sin_addr = address };

	for (unsigned i = 0; i < TRIES; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
			return fd;
		close(fd);
		usleep(10000);
	}
	fail("connect");
	return -1;
}

static int connect_to(const char *path, const char *port)
{
	struct in_addr address;

	if (inet_pton(AF_INET, path, &address) == 1)
		return connect_by_tcp(address, port);

	struct sockaddr_un to = { .sun_family = AF_UNIX };
	char line[32], c = 0;

	strncpy(to.sun_path, path, sizeof(to.sun_path) - 1);
	snprintf(line, sizeof(line), "CONNECT %s\n", port);
	for (unsigned i = 0; i < TRIES; i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		/* The answer is a line: "OK 1073741824". */
		if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
		    write(fd, line, strlen(line)) == (ssize_t)strlen(line) && read(fd, &c, 1) == 1 && c == 'O') {
			while (c != '\n' && read(fd, &c, 1) == 1)
				;
			return fd;
		}
		close(fd);
		usleep(10000);
	}
	fputs("stream: nobody listens there\n", stderr);
	exit(1);
}

/* Sender and receiver each have a processor, or the scheduler decides what is measured. */
static void pin(unsigned cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one); /* where there is only one, so be it */
}

static int pair(void)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		fail("socketpair");
	pid_t child = fork();

	if (child < 0)
		fail("fork");
	if (child == 0) {
		close(fds[0]);
		pin(0);
		signal(SIGPIPE, SIG_IGN);
		while (write(fds[1], message, sizeof(message)) > 0)
			;
		_exit(0);
	}
	close(fds[1]);
	pin(1);
	return fds[0];
}

int main(int argc, char **argv)
{
	double seconds = argc > 2 ? strtod(argv[argc - 1], NULL) : 0, begin;
	uint64_t bytes;
	int fd;

	if (argc == 3 && !strcmp(argv[1], "pair"))
		fd = pair();
	else if (argc == 5 && (!strcmp(argv[1], "send") || !strcmp(argv[1], "receive")))
		fd = (connect_to(argv[2], argv[3]));
	else
		seconds = 0;
	if (seconds <= 0) {
		fputs("usage: stream pair SECONDS | stream send|receive PATH PORT SECONDS\n", stderr);
		return 2;
	}
	memset(message, 0x5a, sizeof(message));
	begin = now();
	if (!strcmp(argv[1], "send")) {
		bytes = send_for(fd, seconds);
		if (read(fd, message, 1) != 0)
			fail("the guest does not close");
	} else {
		bytes = receive_for(fd, seconds);
	}
	printf("%.1f\n", (double)bytes / 1048576 / (now() - begin));
	return 0;
}
