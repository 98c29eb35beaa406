/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal that a guest's virtio console is: raw as long as the guest runs, and as it was afterwards.
 *
 * Afterwards is after the guest's end of whatever kind, SIGINT, SIGTERM, SIGHUP, SIGQUIT, a time-out, a fault of ours. After what
 * kills without a handler (SIGKILL, and SIGSYS, by which the sandbox kills) a second process sets it back, which is there for
 * nothing else and only where there is a terminal to be made raw.
 */
#ifndef KVICK_CONTROL_TERMINAL_H
#define KVICK_CONTROL_TERMINAL_H

struct device_config;
struct error;
struct sys;

/* The key that ends a guest from a raw terminal, wherever the guest is. */
#define TERMINAL_END_KEY 0x1d /* Ctrl-] */

/*
 * Fills in what `console` has to know of standard input and output. Where input is a terminal it is made raw; where either is one,
 * its resizing is watched. After signals_install(). 0 or -errno with `error` set, and nothing is changed.
 */
int terminal_begin(struct device_config *console, struct sys *sys, struct error *error);

/* As it was. Any number of times, from signal handlers too, and where it was never begun. */
void terminal_end(void);

/* As well, and the second process is gone. Not from signal handlers. */
void terminal_close(struct sys *sys);

#endif
