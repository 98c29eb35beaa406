/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why something did not work, in one line for the person who has to act on it.
 *
 * A line names what was wrong (file, field, value) and the next step. Whoever finds the fault
 * fills it in; everyone above hands it upward; control/ prints it and turns the kind into an exit code.
 */
#ifndef KVICK_VMM_ERROR_H
#define KVICK_VMM_ERROR_H

enum error_kind {
	ERROR_NONE,
	ERROR_USAGE, /* the command line asks for what cannot be */
	ERROR_IMAGE, /* the image is refused */
	ERROR_HOST,  /* the host cannot */
};

/* What few launches run is laid out away from what all do: control/kvick.ld. */
#define COLD __attribute__((cold))
/* What launches with devices run lies together, where its file does not say so. */
#define FOR_DEVICES __attribute__((section(".devices_text")))

#define ERROR_TEXT_BYTES 512

struct error {
	enum error_kind kind;
	int errnum; /* positive errno, or 0 */
	char text[ERROR_TEXT_BYTES];
};

/*
 * Fills in `error` (the first one set stays: it is nearest to the cause) and returns -errnum, or
 * -EINVAL where errnum is 0, so that a caller can `return error_set(…)`. Long text is cut.
 */
int error_set(struct error *error, enum error_kind kind, int errnum, const char *format, ...)
	__attribute__((format(printf, 4, 5), cold));

#endif
