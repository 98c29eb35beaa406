/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve SOCKET FOLDER: a server that says what a test wants, right or wrong, on a Unix socket; with "tcp" as SOCKET on a port of
 * 127.0.0.1, which it prints.
 *
 * Of the n-th connection FOLDER/request.n becomes what came; FOLDER/reply.n, or FOLDER/reply where there is none, is sent as it is.
 * With FOLDER/hold the connection stays open after that until the client closes it; then there is a file FOLDER/left.n. With
 * FOLDER/deaf nothing is read.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define REQUEST_BYTES_MAX (16u << 20)

static const char *folder;

static const char *in_folder(const char *name, int n)
{
	static char path[4096];

	if (n)
		snprintf(path, sizeof(path), "%s/%s.%d", folder, name, n);
	else
		snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int listen_at(const char *where)
{
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	struct sockaddr_in tcp = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int is_tcp = strcmp(where, "tcp") == 0, fd = socket(is_tcp ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t bytes = sizeof(tcp);

	snprintf(local.sun_path, sizeof(local.sun_path), "%s", where);
	if (is_tcp ? bind(fd, (struct sockaddr *)&tcp, sizeof(tcp)) : bind(fd, (struct sockaddr *)&local, sizeof(local))) {
		perror(where);
		exit(1);
	}
	listen(fd, 16);
	getsockname(fd, (struct sockaddr *)&tcp, &bytes);
	printf("%d\n", is_tcp ? ntohs(tcp.sin_port) : 0); /* and it listens */
	fflush(stdout);
	return fd;
}

/* How long a request is, as far as it is here; 0: not yet known. */
static size_t request_bytes(char *request)
{
	const char *end = strstr(request, "\r\n\r\n"), *length = strcasestr(request, "\r\nContent-Length:");

	if (!end)
		return 0;
	return (size_t)(end + 4 - request) + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
}

static void take(int connection, int n)
{
	static char request[REQUEST_BYTES_MAX];
	size_t have = 0, all = 0;
	ssize_t got = 1;
	int asked = 0, file = open(in_folder("request", n), O_WRONLY | O_CREAT | O_TRUNC, 0666);

	while (got > 0 && (!all || have < all) && have < sizeof(request) - 1) {
		got = read(connection, request + have, sizeof(request) - 1 - have);
		have += got > 0 ? (size_t)got : 0;
		request[have] = '\0';
		all = all ? all : request_bytes(request);
		if (all && !asked && strcasestr(request, "\r\nExpect: 100-continue\r\n")) {
			asked = 1;
			dprintf(connection, "HTTP/1.1 100 Continue\r\n\r\n");
		}
	}
	if (write(file, request, have) != (ssize_t)have)
		perror("request");
	close(file);
}

static void answer(int connection, int n)
{
	int file = open(in_folder("reply", n), O_RDONLY);
	static char bytes[1 << 16];
	ssize_t got;

	if (file < 0)
		file = open(in_folder("reply", 0), O_RDONLY);
	while ((got = read(file, bytes, sizeof(bytes))) > 0)
		if (send(connection, bytes, (size_t)got, MSG_NOSIGNAL) < 0)
			break;
	close(file);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	folder = argv[2];

	int fd = listen_at(argv[1]), connection;

	for (int n = 1; (connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC)) >= 0; n++) {
		char byte;

		if (access(in_folder("deaf", 0), F_OK) != 0)
			take(connection, n);
		answer(connection, n);
		if (access(in_folder("hold", 0), F_OK) == 0) {
			while (read(connection, &byte, 1) > 0)
				;
			close(open(in_folder("left", n), O_WRONLY | O_CREAT, 0666));
		}
		close(connection);
	}
	return 1;
}
