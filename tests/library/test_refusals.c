/* SPDX-License-Identifier: Apache-2.0 */
/* libkvick: what is refused, and what it says then. */
#include "tests/library/fixture.h"

#include <signal.h>

static struct kvick_options *options;

static int begin(void **state)
{
	options = kvick_options_new();
	return options ? set_up(state) : -1;
}

static int end(void **state)
{
	kvick_options_free(options);
	return tear_down(state);
}

static void an_image_that_is_not_there(void **state)
{
	struct kvick_template *t = NULL;

	(void)state;
	assert_int_equal(kvick_template_of_image(&t, "no/such.elf", NULL, &error), -ENOENT);
	assert_null(t);
	assert_int_equal(error.code, -ENOENT);
	assert_says(error.text, "no/such.elf");
}

static void what_is_no_image(void **state)
{
	struct kvick_template *t;

	(void)state;
	assert_true(kvick_template_of_image(&t, "/proc/self/exe", NULL, &error) < 0);
	assert_says(error.text, "/proc/self/exe");
	assert_true(kvick_template_of_image(&t, "/", NULL, &error) < 0);
	assert_says(error.text, "is a directory");
	assert_true(kvick_template_of_image_fd(&t, 987, "which", NULL, &error) == -EBADF);
	assert_says(error.text, "which: descriptor 987");
}

static void a_kernel_that_wants_a_pc(void **state)
{
	struct kvick_template *t;
	char path[512];

	(void)state;
	snprintf(path, sizeof(path), "%.*s/abi.bzImage", (int)(strrchr(guest("x"), '/') - guest("x")), guest("x"));
	assert_int_equal(kvick_template_of_image(&t, path, NULL, &error), -ENOTSUP);
	assert_says(error.text, "`kvick run`");
}

static void without_room_for_an_error_there_is_only_its_number(void **state)
{
	struct kvick_template *t;

	(void)state;
	assert_int_equal(kvick_template_of_image(&t, "no/such.elf", NULL, NULL), -ENOENT);
	assert_int_equal(kvick_options_set_ring(options, 1, NULL), -EINVAL);
}

static void options_that_cannot_be(void **state)
{
	(void)state;
	assert_int_equal(kvick_options_set_memory(options, 4096, &error), -EINVAL);
	assert_says(error.text, "memory 4096");
	assert_int_equal(kvick_options_set_memory(options, (16u << 20) + 1, &error), -EINVAL);
	assert_int_equal(kvick_options_set_ring(options, 1, &error), -EINVAL);
	assert_says(error.text, "ring 1");
	assert_int_equal(kvick_options_set_cpu(options, "z80", &error), -EINVAL);
	assert_says(error.text, "cpu z80");
	assert_int_equal(kvick_options_add_variable(options, "=x", &error), -EINVAL);
	assert_says(error.text, "variable =x");
	assert_int_equal(kvick_options_set_signal(options, SIGSEGV, &error), -EINVAL);
	assert_int_equal(kvick_options_set_signal(options, SIGKILL, &error), -EINVAL);
	assert_int_equal(kvick_options_set_signal(options, 0, &error), -EINVAL);
	assert_int_equal(kvick_options_set_signal(options, 32, &error), -EINVAL); /* the C library's */
	assert_int_equal(kvick_options_set_signal(options, 1000, &error), -EINVAL);
	assert_says(error.text, "signal 1000");
	assert_int_equal(kvick_options_set_console_bytes(options, (size_t)2 << 30, &error), -EINVAL);
}

static void arguments_without_end(void **state)
{
	char kib[1024];

	(void)state;
	memset(kib, 'x', sizeof(kib) - 1);
	kib[sizeof(kib) - 1] = '\0';
	for (int i = 0; i < 128; i++)
		CHECK(kvick_options_add_argument(options, kib, &error));
	assert_int_equal(kvick_options_add_argument(options, "", &error), -E2BIG);
	assert_says(error.text, "131073 bytes");
}

static void an_error_has_no_control_characters(void **state)
{
	struct kvick_template *t;

	(void)state;
	assert_true(kvick_template_of_image(&t, "a\nforged line\033[2J", NULL, &error) < 0);
	assert_says(error.text, "a?forged line?[2J");
}

static void more_memory_than_the_host_has(void **state)
{
	struct kvick_template *t;
	struct kvick_vm *vm;

	(void)state;
	CHECK(kvick_options_set_memory(options, 64ull << 30, &error));
	CHECK(kvick_template_of_image(&t, guest("hello"), options, &error));
	if (kvick_vm_new(&vm, t, &error) == 0)
		kvick_vm_free(vm); /* it has */
	else
		assert_says(error.text, "65536 MiB of guest RAM");
	kvick_template_free(t);
}

static void a_snapshot_of_one_that_is_never_ready(void **state)
{
	struct kvick_template *image = image_of("hello"), *t, *again;

	(void)state;
	assert_int_equal(kvick_template_snapshot(&t, image, KVICK_AT_READY, LIMIT_NS, &error), -EPROTO);
	assert_says(error.text, "hello.elf: the guest ended before it was ready");
	assert_int_equal(kvick_template_snapshot(&t, image, (enum kvick_moment)7, LIMIT_NS, &error), -EINVAL);
	CHECK(kvick_template_snapshot(&t, image, KVICK_AT_ENTRY, LIMIT_NS, &error));
	assert_int_equal(kvick_template_snapshot(&again, t, KVICK_AT_ENTRY, LIMIT_NS, &error), -EINVAL);
	assert_says(error.text, "is a snapshot already");
	kvick_template_free(image);
	kvick_template_free(t);
}

static void nothing_is_freed_without_harm(void **state)
{
	(void)state;
	kvick_options_free(NULL);
	kvick_template_free(NULL);
	kvick_vm_free(NULL);
}

static void the_version_is_one(void **state)
{
	unsigned major, minor, patch;

	(void)state;
	assert_int_equal(sscanf(kvick_version(), "%u.%u.%u", &major, &minor, &patch), 3);
}

#define REFUSAL(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REFUSAL(an_image_that_is_not_there),
		REFUSAL(what_is_no_image),
		REFUSAL(a_kernel_that_wants_a_pc),
		REFUSAL(without_room_for_an_error_there_is_only_its_number),
		REFUSAL(options_that_cannot_be),
		REFUSAL(arguments_without_end),
		REFUSAL(an_error_has_no_control_characters),
		REFUSAL(more_memory_than_the_host_has),
		REFUSAL(a_snapshot_of_one_that_is_never_ready),
		REFUSAL(nothing_is_freed_without_harm),
		REFUSAL(the_version_is_one),
	};

	return cmocka_run_group_tests_name("library: refusals", tests, NULL, NULL);
}
