/* SPDX-License-Identifier: Apache-2.0 */
/* --request FILE: what a function is asked, and its reply. */
#ifndef KVICK_CONTROL_REQUEST_H
#define KVICK_CONTROL_REQUEST_H

struct error;
struct machine;
struct machine_config;
struct sys;
struct text;

/*
 * Reads the request from a file ("-": stdin), to its end, and makes room for the reply: config->invocation is set, and the guest's
 * console goes to stderr, for stdout is the reply's. Before anything catches signals: it may take its time. 0, or -errno with
 * `error` set.
 */
int request_read(struct machine_config *config, const char *path, struct sys *sys, struct error *error);

/*
 * After the run, where there was a request: writes the reply to stdout, and says in `text` what is wrong. Returns the exit code:
 * `code`, unless that hides it.
 */
int request_finish(struct text *text, struct machine *m, int code);

#endif
