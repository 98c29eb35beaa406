/* SPDX-License-Identifier: Apache-2.0 */
/* What the loader's test programs share: a good image to spoil, and somewhere to load it. */
#ifndef KVICK_TESTS_TEST_LOADER_H
#define KVICK_TESTS_TEST_LOADER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "loader/image.h"
#include "tests/unit/elf_builder.h"
#include "vmm/error.h"
#include "vmm/guest_mem.h"
#include "vmm/layout.h"
#include "vmm/sys.h"

struct fixture {
	struct elf_builder b;
	struct image image;
	struct sys sys;
	struct error error;
	int fd;        /* the image's file */
	char path[64];
};

static inline int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	elf_good(&f->b);
	sys_init(&f->sys);
	f->image.fd = -1;
	f->fd = -1;
	*state = f;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;

	image_close(&f->image, &f->sys);
	if (f->fd >= 0)
		close(f->fd);
	free(f);
	return 0;
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* The lowest descriptor that is free: the same before and after what leaks none. */
static inline int free_fd(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

static inline void write_built(struct fixture *f)
{
	f->fd = elf_memfd(&f->b);
	assert_true(f->fd >= 0);
	snprintf(f->path, sizeof(f->path), "/proc/self/fd/%d", f->fd);
}

/* Writes what the builder holds to a file and opens that as an image, of a protocol that is named or NULL. */
static inline int open_built_as(struct fixture *f, const char *protocol)
{
	write_built(f);
	return image_open(&f->image, f->path, protocol ? image_protocol(protocol) : NULL, &f->sys, &f->error);
}

static inline int open_built(struct fixture *f)
{
	return open_built_as(f, NULL);
}

static inline void assert_opens_as(struct fixture *f, const char *protocol)
{
	if (open_built_as(f, protocol))
		fail_msg("%s", f->error.text);
	assert_int_equal(f->error.kind, ERROR_NONE);
	assert_true(f->image.fd >= 0);
}

static inline void assert_opens(struct fixture *f)
{
	assert_opens_as(f, NULL);
}

static inline void assert_fragment(const struct error *error, const char *fragment)
{
	if (!strstr(error->text, fragment))
		fail_msg("\"%s\" does not say \"%s\"", error->text, fragment);
}

/* One line, about this path, with this in it. */
static inline void assert_refusal(const struct fixture *f, int rc, const char *path, const char *fragment)
{
	assert_true(rc < 0);
	assert_int_equal(f->image.fd, -1);
	assert_int_equal(f->error.kind, ERROR_IMAGE);
	assert_fragment(&f->error, fragment);
	assert_memory_equal(f->error.text, path, strlen(path));
	for (const char *c = f->error.text; *c; c++)
		assert_in_range(*c, ' ', '~');
}

static inline void assert_refused_as(struct fixture *f, const char *protocol, const char *fragment)
{
	const struct protocol *as = protocol ? image_protocol(protocol) : NULL;
	int before;

	write_built(f);
	before = free_fd();
	assert_refusal(f, image_open(&f->image, f->path, as, &f->sys, &f->error), f->path, fragment);
	assert_int_equal(free_fd(), before);
}

static inline void assert_refused(struct fixture *f, const char *fragment)
{
	assert_refused_as(f, NULL, fragment);
}

#endif
