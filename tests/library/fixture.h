/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of libkvick, by its header alone: templates of guests, and what is open. */
#ifndef KVICK_TESTS_LIBRARY_FIXTURE_H
#define KVICK_TESTS_LIBRARY_FIXTURE_H

#include "tests/unit/test_unit.h"

#include <kvick.h>
#include <time.h>

#define SECOND_NS 1000000000ull
/* Of what is not to take long, however slow the machine is. */
#define LIMIT_NS  (60 * SECOND_NS)

#define CHECK(call)                                                                            \
	do {                                                                                   \
		int result_ = (call);                                                          \
		if (result_ < 0)                                                               \
			fail_msg("%s: %d: %s", #call, result_, error.text);                    \
	} while (0)

static struct kvick_error error;

/* A guest of this build: $GUESTS is their folder. */
static inline const char *guest(const char *name)
{
	static char path[512];
	const char *folder = getenv("GUESTS");

	snprintf(path, sizeof(path), "%s/%s.elf", folder ? folder : "build/guests", name);
	return path;
}

static inline struct kvick_template *image_of(const char *name)
{
	struct kvick_template *t;

	CHECK(kvick_template_of_image(&t, guest(name), NULL, &error));
	return t;
}

/* Ready for requests. */
static inline struct kvick_template *function_of(const char *name)
{
	struct kvick_template *image = image_of(name), *t;

	CHECK(kvick_template_snapshot(&t, image, KVICK_AT_READY, LIMIT_NS, &error));
	kvick_template_free(image);
	return t;
}

static inline struct kvick_vm *vm_of(struct kvick_template *t)
{
	struct kvick_vm *vm;

	CHECK(kvick_vm_new(&vm, t, &error));
	return vm;
}

/* A machine whose template nobody else has. */
static inline struct kvick_vm *vm_alone(struct kvick_template *t)
{
	struct kvick_vm *vm = vm_of(t);

	kvick_template_free(t);
	return vm;
}

/* What a guest has printed, as a string, until the next call. */
static inline const char *printed(const struct kvick_vm *vm)
{
	static char text[4096];
	size_t bytes;
	const char *console = kvick_vm_console(vm, &bytes, NULL);

	snprintf(text, sizeof(text), "%.*s", (int)bytes, console);
	return text;
}

static inline void assert_replies(struct kvick_vm *vm, const char *request, const char *expected)
{
	char reply[4096];
	size_t bytes;

	CHECK(kvick_vm_invoke(vm, request, strlen(request), reply, sizeof(reply), &bytes, LIMIT_NS, &error));
	if (bytes != strlen(expected) || memcmp(reply, expected, bytes) != 0)
		fail_msg("\"%.*s\", not \"%s\"", (int)bytes, reply, expected);
}

/* The lowest descriptor that is free, before a test. */
static int free_fd_before;

static inline int set_up(void **state)
{
	(void)state;
	error = (struct kvick_error){ 0 };
	free_fd_before = lowest_free_fd();
	return 0;
}

/* Whatever was opened is closed again. */
static inline int tear_down(void **state)
{
	(void)state;
	return lowest_free_fd() == free_fd_before ? 0 : -1;
}

#endif
