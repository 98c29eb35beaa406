/* SPDX-License-Identifier: Apache-2.0 */
/* Signals of the process: the end of a run by Ctrl-C, SIGTERM or --timeout; a file that vanished under us. */
#ifndef KVICK_CONTROL_SIGNALS_H
#define KVICK_CONTROL_SIGNALS_H

#include <stdint.h>

struct stop;
struct sys;
struct error;

/*
 * Installs the handlers and arms the time-out (timeout_ns 0: none). The returned stop tells the
 * machine's thread; SIGALRM in it means the time-out. NULL with `error` set on failure.
 */
struct stop *signals_install(uint64_t timeout_ns, struct sys *sys, struct error *error);

/* The guest has been stopped, by its time-out or by itself: from now on only a signal counts. */
void signals_go_on(void);

/*
 * For a guest that has our terminal: SIGHUP and SIGQUIT too end it as SIGTERM does, so that we get to set the terminal back.
 * Not what whoever started us ignores. 0 or -errno.
 */
int signals_stop_more(struct sys *sys);

#endif
