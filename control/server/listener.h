/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that clients connect to: ours, or those that systemd passes. Only Unix sockets and loopback addresses. */
#ifndef KVICK_CONTROL_SERVER_LISTENER_H
#define KVICK_CONTROL_SERVER_LISTENER_H

#include <stdbool.h>

#include "control/server/timers.h"

struct error;
struct server;

#define LISTENERS_MAX 8

struct listeners {
	struct server *server;
	int fds[LISTENERS_MAX];
	unsigned count;
	const char *unix_path;  /* ours to remove */
	struct timer pause;     /* no descriptors are left: until some may be */
	bool paused;
};

int listeners_begin(struct listeners *listeners, struct server *server, struct error *error); /* 0 or -errno */
/* No more clients. */
void listeners_end(struct listeners *listeners);
/* A descriptor may have become free. */
void listeners_resume(struct listeners *listeners);

#endif
