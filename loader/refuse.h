/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the loader says no: one line that starts with the image's path and carries no byte of the
 * image itself except as a number.
 */
#ifndef KVICK_LOADER_REFUSE_H
#define KVICK_LOADER_REFUSE_H

#include <errno.h>

#include "vmm/error.h"

/* Sets "PATH: TEXT" and returns -errnum. Of a long path the end is shown, so that TEXT always fits. */
int image_error(const char *path, struct error *error, enum error_kind kind, int errnum, const char *format, ...)
	__attribute__((format(printf, 5, 6), cold));

/* The image's own fault: its bytes are not what they should be. */
#define image_refuse(path, error, ...) image_error(path, error, ERROR_IMAGE, ENOEXEC, __VA_ARGS__)

#endif
