/* SPDX-License-Identifier: Apache-2.0 */
/* What fuzz targets of images promise alike. */
#ifndef KVICK_TESTS_FUZZ_IMAGE_H
#define KVICK_TESTS_FUZZ_IMAGE_H

#include <string.h>

#include "loader/image.h"
#include "tests/fuzz/fuzz.h"
#include "vmm/error.h"
#include "vmm/sys.h"

/* An error of an image says which, and is printable and whole. */
static inline void check_refusal(const struct error *error, const char *path)
{
	PROMISE(error->kind == ERROR_IMAGE);
	PROMISE(!strncmp(error->text, path, strlen(path)));
	PROMISE(strlen(error->text) < ERROR_TEXT_BYTES - 1); /* not cut */
	for (const char *c = error->text; *c; c++)
		PROMISE(*c >= ' ' && *c <= '~');
}

/* Whatever the symbols are: a name can be printed, and costs few calls. */
static inline void look_up(const struct image *image, uint64_t address, struct sys *sys)
{
	char name[64];
	uint64_t offset, before = sys->calls;

	if (image_symbol(image, address, name, sizeof(name), &offset, sys)) {
		PROMISE(strlen(name) >= 1);
		for (const char *c = name; *c; c++)
			PROMISE(*c > ' ' && *c <= '~');
		PROMISE(offset <= address);
	}
	PROMISE(sys->calls - before <= 1024);
}

#endif
