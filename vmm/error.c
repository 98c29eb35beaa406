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
	return result;
}
