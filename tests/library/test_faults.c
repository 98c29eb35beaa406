/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libkvick: each system call of a template's and a machine's life fails once, of each (vmm/sys.c): the call that made it says so,
 * or goes on without; nothing is leaked, and what can be freed can be.
 */
#include "tests/library/fixture.h"

#define CALLS_MAX_EXPECTED 400

static unsigned failures;

/* A failure has a number and a text. */
static bool works(int r)
{
	if (r == 0)
		return true;
	failures++;
	assert_true(r < 0);
	assert_true(error.code == r && error.text[0]);
	error = (struct kvick_error){ 0 };
	return false;
}

static void use(struct kvick_vm *vm)
{
	char reply[64];
	size_t bytes;

	for (int i = 0; i < 3; i++) {
		if (works(kvick_vm_invoke(vm, "abc", 3, reply, sizeof(reply), &bytes, LIMIT_NS, &error))) {
			assert_int_equal(bytes, 3);
			assert_memory_equal(reply, "abc", 3);
		}
		if (!works(kvick_vm_reset(vm, &error)))
			break;
	}
}

static void live(void)
{
	struct kvick_template *image, *t;
	struct kvick_vm *vm;

	if (!works(kvick_template_of_image(&image, guest("echo"), NULL, &error)))
		return;
	if (works(kvick_vm_new(&vm, image, &error))) {
		use(vm);
		kvick_vm_free(vm);
	}
	if (works(kvick_template_snapshot(&t, image, KVICK_AT_READY, LIMIT_NS, &error))) {
		if (works(kvick_vm_new(&vm, t, &error))) {
			use(vm);
			kvick_vm_free(vm);
		}
		kvick_template_free(t);
	}
	kvick_template_free(image);
}

static void every_call_may_fail(void **state)
{
	static const int errnos[] = { ENOMEM, EMFILE, EIO };
	char fault[32];
	unsigned last = 0;

	(void)state;
	for (unsigned at = 1; at <= CALLS_MAX_EXPECTED; at++) {
		failures = 0;
		snprintf(fault, sizeof(fault), "%u:%d", at, errnos[at % COUNT_OF(errnos)]);
		assert_int_equal(setenv("KVICK_FAULT", fault, 1), 0);
		live();
		unsetenv("KVICK_FAULT");
		if (lowest_free_fd() != free_fd_before)
			fail_msg("KVICK_FAULT=%s: a descriptor is left open", fault);
		last = failures ? at : last;
	}
	/* The last calls do not fail: all of them had their turn. */
	assert_in_range(last, 20, CALLS_MAX_EXPECTED - 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_call_may_fail),
	};

	return cmocka_run_group_tests_name("library: faults", tests, NULL, NULL);
}
