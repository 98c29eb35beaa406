/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept across restarts: the functions, as their owners registered them, in one JSON file. It is written anew beside the old
 * one and takes its place when it is on the disk; read, it is trusted no more than a request.
 */
#ifndef KVICK_CONTROL_SERVER_STATE_H
#define KVICK_CONTROL_SERVER_STATE_H

struct error;
struct server;

#define STATE_FILE "functions.json"

/* Opens the directory, which is ours alone from then on, and registers what is in it. 0 or -errno. */
int state_load(struct server *server, struct error *error);
/* 0 or -errno, and the log says why. */
int state_save(struct server *server);

#endif
