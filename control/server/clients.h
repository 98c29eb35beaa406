/* SPDX-License-Identifier: Apache-2.0 */
/* Clients' connections: how many, how long one may take, and that one has left. */
#ifndef KVICK_CONTROL_SERVER_CLIENTS_H
#define KVICK_CONTROL_SERVER_CLIENTS_H

#include "control/server/http.h"

/* Answers where the daemon can give none: written straight to the socket, which is closed then. */
enum client_refusal {
	CLIENT_TOO_SLOW,
	CLIENT_TOO_LARGE,
	CLIENT_NO_MEMORY,
	CLIENT_TOO_MANY,
};

void client_refuse(struct client *client, enum client_refusal why);

/* We wait for the client: its time begins anew. */
void client_waits(struct client *client);
/* The client waits for us. */
void client_rests(struct client *client);
/* It hung up while it waited for us. */
void client_left(struct client *client);
void client_end(struct client *client);

void clients_deadline(void *http);

#endif
