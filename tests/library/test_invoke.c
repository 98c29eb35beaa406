/* SPDX-License-Identifier: Apache-2.0 */
/* libkvick: machines of images and of snapshots are made, run, asked, reset. */
#include "tests/library/fixture.h"

#include <fcntl.h>

static void a_guest_runs_to_its_end(void **state)
{
	struct kvick_vm *vm = vm_alone(image_of("exitcode"));

	(void)state;
	CHECK(kvick_vm_run(vm, LIMIT_NS, &error));
	assert_int_equal(kvick_vm_outcome(vm), KVICK_EXITED);
	assert_string_equal(kvick_vm_reason(vm), "");
	kvick_vm_free(vm);
}

static void arguments_and_variables_reach_the_guest(void **state)
{
	struct kvick_options *options = kvick_options_new();
	struct kvick_template *t;

	(void)state;
	CHECK(kvick_options_add_argument(options, "7", &error));
	CHECK(kvick_options_add_variable(options, "A=b", &error));
	CHECK(kvick_template_of_image(&t, guest("exitcode"), options, &error));
	struct kvick_vm *vm = vm_alone(t);

	CHECK(kvick_vm_run(vm, LIMIT_NS, &error));
	assert_int_equal(kvick_vm_status(vm), 7);
	kvick_vm_free(vm);
	CHECK(kvick_template_of_image(&t, guest("args"), options, &error));
	kvick_options_free(options); /* it was copied */
	vm = vm_alone(t);
	CHECK(kvick_vm_run(vm, LIMIT_NS, &error));
	assert_says(printed(vm), "A=b");
	kvick_vm_free(vm);
}

static void what_a_guest_prints_is_kept(void **state)
{
	struct kvick_vm *vm = vm_alone(image_of("hello"));

	(void)state;
	CHECK(kvick_vm_run(vm, LIMIT_NS, &error));
	assert_says(printed(vm), "Hello from kvick");
	kvick_vm_free(vm);
}

static void what_is_beyond_the_room_for_it_is_counted(void **state)
{
	struct kvick_options *options = kvick_options_new();
	struct kvick_template *t;
	uint64_t cut;
	size_t bytes;

	(void)state;
	CHECK(kvick_options_set_console_bytes(options, 5, &error));
	CHECK(kvick_template_of_image(&t, guest("hello"), options, &error));
	kvick_options_free(options);
	struct kvick_vm *vm = vm_alone(t);

	CHECK(kvick_vm_run(vm, LIMIT_NS, &error));
	assert_string_equal(printed(vm), "Hello");
	kvick_vm_console(vm, &bytes, &cut);
	assert_int_equal(bytes, 5);
	assert_true(cut > 5);
	kvick_vm_free(vm);
}

struct heard {
	char text[4096];
	size_t bytes;
};

static void hear(void *context, const char *bytes, size_t count)
{
	struct heard *heard = context;

	assert_true(count <= sizeof(heard->text) - heard->bytes);
	memcpy(heard->text + heard->bytes, bytes, count);
	heard->bytes += count;
}

static void or_goes_to_a_function(void **state)
{
	struct kvick_vm *vm = vm_alone(image_of("hello"));
	struct heard heard = { .bytes = 0 };

	(void)state;
	kvick_vm_set_output(vm, hear, &heard);
	CHECK(kvick_vm_run(vm, LIMIT_NS, &error));
	assert_memory_equal(heard.text, "Hello from kvick", 16);
	assert_string_equal(printed(vm), "");
	kvick_vm_free(vm);
}

static void or_to_a_descriptor(void **state)
{
	struct kvick_vm *vm = vm_alone(image_of("hello"));
	char text[16];
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	kvick_vm_set_console_fd(vm, fds[1]);
	CHECK(kvick_vm_run(vm, LIMIT_NS, &error));
	assert_int_equal(read(fds[0], text, sizeof(text)), 16);
	assert_memory_equal(text, "Hello from kvick", 16);
	kvick_vm_free(vm);
	close(fds[0]);
	close(fds[1]);
}

static void an_image_may_be_a_descriptor(void **state)
{
	int fd = open(guest("hello"), O_RDONLY);
	struct kvick_template *t;
	struct kvick_vm *vm;

	(void)state;
	CHECK(kvick_template_of_image_fd(&t, fd, "by descriptor", NULL, &error));
	close(fd); /* it has one of its own */
	vm = vm_alone(t);
	CHECK(kvick_vm_run(vm, LIMIT_NS, &error));
	kvick_vm_free(vm);
}

static void a_function_replies(void **state)
{
	struct kvick_vm *vm = vm_alone(function_of("echo"));

	(void)state;
	assert_replies(vm, "what is asked", "what is asked");
	assert_int_equal(kvick_vm_outcome(vm), KVICK_EXITED);
	kvick_vm_free(vm);
}

static void also_without_a_snapshot(void **state)
{
	struct kvick_vm *vm = vm_alone(image_of("echo"));

	(void)state;
	assert_replies(vm, "cold", "cold");
	CHECK(kvick_vm_reset(vm, &error));
	assert_replies(vm, "again", "again");
	kvick_vm_free(vm);
}

static void a_snapshot_may_be_of_the_entry(void **state)
{
	struct kvick_template *image = image_of("hello"), *t;
	struct kvick_vm *vm;

	(void)state;
	CHECK(kvick_template_snapshot(&t, image, KVICK_AT_ENTRY, 0, &error));
	kvick_template_free(image);
	vm = vm_alone(t);
	for (int i = 0; i < 3; i++) {
		CHECK(kvick_vm_run(vm, LIMIT_NS, &error));
		assert_says(printed(vm), "Hello from kvick");
		CHECK(kvick_vm_reset(vm, &error));
		assert_string_equal(printed(vm), "");
	}
	kvick_vm_free(vm);
}

static void a_request_may_have_6_mib(void **state)
{
	struct kvick_options *options = kvick_options_new();
	const size_t most = 6u << 20;
	uint8_t *request = malloc(most), *reply = malloc(most);
	struct kvick_template *image, *t;
	struct kvick_vm *vm;
	size_t bytes;

	(void)state;
	for (size_t i = 0; i < most; i++)
		request[i] = (uint8_t)(i * 7 + i / 251);
	CHECK(kvick_options_set_memory(options, 64u << 20, &error));
	CHECK(kvick_template_of_image(&image, guest("echo"), options, &error));
	CHECK(kvick_template_snapshot(&t, image, KVICK_AT_READY, LIMIT_NS, &error));
	vm = vm_alone(t);
	CHECK(kvick_vm_invoke(vm, request, most, reply, most, &bytes, LIMIT_NS, &error));
	assert_int_equal(bytes, most);
	assert_memory_equal(request, reply, most);
	CHECK(kvick_vm_reset(vm, &error));
	assert_int_equal(kvick_vm_invoke(vm, request, most + 1, reply, most, &bytes, LIMIT_NS, &error), -EMSGSIZE);
	assert_says(error.text, "request: 6291457 bytes");
	assert_replies(vm, "it has not run", "it has not run");
	kvick_vm_free(vm);
	kvick_template_free(image);
	kvick_options_free(options);
	free(request);
	free(reply);
}

static void nothing_of_an_invocation_is_left_for_the_next(void **state)
{
	struct kvick_vm *vm = vm_alone(function_of("counter"));
	char first[64] = "", next[64] = "";
	size_t bytes, again;

	(void)state;
	CHECK(kvick_vm_invoke(vm, "", 0, first, sizeof(first), &bytes, LIMIT_NS, &error));
	for (int i = 0; i < 10; i++) {
		CHECK(kvick_vm_reset(vm, &error));
		CHECK(kvick_vm_invoke(vm, "", 0, next, sizeof(next), &again, LIMIT_NS, &error));
		assert_int_equal(bytes, again);
		assert_memory_equal(first, next, bytes);
	}
	kvick_vm_free(vm);
}

static void machines_outlive_their_template(void **state)
{
	struct kvick_template *t = function_of("echo");
	struct kvick_vm *a = vm_of(t), *b = vm_of(t);

	(void)state;
	kvick_template_free(t);
	kvick_vm_free(a);
	assert_replies(b, "still here", "still here");
	kvick_vm_free(b);
}

static void a_function_that_is_only_run_has_its_reply_dropped(void **state)
{
	struct kvick_vm *vm = vm_alone(function_of("counter"));
	size_t bytes;

	(void)state;
	CHECK(kvick_vm_run(vm, LIMIT_NS, &error));
	assert_int_equal(kvick_vm_outcome(vm), KVICK_EXITED);
	kvick_vm_console(vm, &bytes, NULL);
	assert_int_equal(bytes, 0);
	kvick_vm_free(vm);
}

static void figures_are_of_the_last_run(void **state)
{
	struct kvick_vm *vm = vm_alone(function_of("echo"));
	struct kvick_stats stats;

	(void)state;
	kvick_vm_stats(vm, &stats, sizeof(stats));
	assert_true(stats.made_ns > 0);
	assert_int_equal(stats.run_ns, 0);
	assert_replies(vm, "x", "x");
	kvick_vm_stats(vm, &stats, sizeof(stats));
	assert_int_equal(stats.exits, 1); /* its reply is its end */
	assert_true(stats.taken_ns <= stats.replied_ns && stats.replied_ns <= stats.run_ns);
	assert_true(stats.handler_ns > 0 && stats.handler_ns <= stats.replied_ns);
	assert_int_equal(stats.first_ns, 0); /* that was before the snapshot */
	assert_int_equal(stats.main_ns, 0);
	assert_true(stats.own_pages > 0 && stats.own_pages <= stats.mapped_pages);
	assert_true(stats.mapped_pages * 4096 < stats.memory_bytes);
	CHECK(kvick_vm_reset(vm, &error));
	kvick_vm_stats(vm, &stats, sizeof(stats));
	assert_int_equal(stats.run_ns, 0);
	assert_int_equal(stats.resets, 1);
	kvick_vm_free(vm);
}

static void a_guests_own_stamps_are_of_the_last_run(void **state)
{
	struct kvick_template *image = image_of("hello"), *t;
	struct kvick_stats stats;
	struct kvick_vm *vm;

	(void)state;
	CHECK(kvick_template_snapshot(&t, image, KVICK_AT_ENTRY, LIMIT_NS, &error));
	kvick_template_free(image);
	vm = vm_alone(t);
	for (int i = 0; i < 2; i++) {
		CHECK(kvick_vm_run(vm, LIMIT_NS, &error));
		kvick_vm_stats(vm, &stats, sizeof(stats));
		assert_true(stats.first_ns > 0 && stats.first_ns < stats.main_ns && stats.main_ns < stats.run_ns);
		assert_int_equal(stats.handler_ns, 0);
		CHECK(kvick_vm_reset(vm, &error));
		kvick_vm_stats(vm, &stats, sizeof(stats));
		assert_int_equal(stats.first_ns, 0);
	}
	kvick_vm_free(vm);
}

static void figures_fit_an_older_or_newer_header(void **state)
{
	struct kvick_vm *vm = vm_alone(image_of("hello"));
	struct {
		struct kvick_stats stats;
		uint64_t more;
	} newer = { .more = 5 };
	uint64_t older[2] = { 5, 5 };

	(void)state;
	kvick_vm_stats(vm, (struct kvick_stats *)older, sizeof(older[0]));
	assert_true(older[0] != 5);
	assert_int_equal(older[1], 5);
	kvick_vm_stats(vm, &newer.stats, sizeof(newer));
	assert_int_equal(newer.more, 0);
	kvick_vm_free(vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_guest_runs_to_its_end),
		TEST(arguments_and_variables_reach_the_guest),
		TEST(what_a_guest_prints_is_kept),
		TEST(what_is_beyond_the_room_for_it_is_counted),
		TEST(or_goes_to_a_function),
		TEST(or_to_a_descriptor),
		TEST(an_image_may_be_a_descriptor),
		TEST(a_function_replies),
		TEST(also_without_a_snapshot),
		TEST(a_snapshot_may_be_of_the_entry),
		TEST(a_request_may_have_6_mib),
		TEST(nothing_of_an_invocation_is_left_for_the_next),
		TEST(machines_outlive_their_template),
		TEST(a_function_that_is_only_run_has_its_reply_dropped),
		TEST(figures_are_of_the_last_run),
		TEST(a_guests_own_stamps_are_of_the_last_run),
		TEST(figures_fit_an_older_or_newer_header),
	};

	return cmocka_run_group_tests_name("library: invoke", tests, NULL, NULL);
}
