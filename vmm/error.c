/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int error_set(struct error *error, enum error_kind kind, int errnum, const char *format, ...)
{
	int result = errnum ? -errnum : -EINVAL;
	va_list args;

	if (!error || error->kind != ERROR_NONE)
		return result;
	error->kind = kind;
	error->errnum = errnum;
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	/* A file's name may hold anything: it shall not forge lines or move the cursor. */
	for (char *c = error->text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	return result;
}
