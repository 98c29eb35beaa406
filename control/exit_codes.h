/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kvick's own exit codes. A guest's exit code is passed on as it is, so a guest that wants to be told
 * apart from kvick keeps off these; --report json tells them apart in any case.
 */
#ifndef KVICK_CONTROL_EXIT_CODES_H
#define KVICK_CONTROL_EXIT_CODES_H

enum exit_code {
	EXIT_USAGE = 120,   /* the command line */
	EXIT_CRASHED = 121, /* the guest crashed, or did what a function may not */
	EXIT_IMAGE = 122,   /* the image was refused */
	EXIT_HOST = 123,    /* the host cannot */
	EXIT_TIMEOUT = 124, /* --timeout is over; the same as timeout(1) */
	EXIT_RESET = 125,   /* the guest reset itself: a PC's does so when it is to start anew, or when it panics */
	EXIT_SIGNAL = 128,  /* + number of the signal that ended the run: 130 Ctrl-C, 143 SIGTERM */
};

#endif
