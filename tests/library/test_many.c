/* SPDX-License-Identifier: Apache-2.0 */
/* libkvick: many machines in a process, and threads. */
#include "tests/library/fixture.h"

#include <pthread.h>

#define MANY  100
#define TURNS 50

static void a_hundred_machines_are_there_at_once(void **state)
{
	struct kvick_template *t = function_of("echo");
	struct kvick_vm *vms[MANY];
	char text[16];

	(void)state;
	for (int i = 0; i < MANY; i++)
		vms[i] = vm_of(t);
	for (int turn = 0; turn < 2; turn++)
		for (int i = 0; i < MANY; i++) {
			snprintf(text, sizeof(text), "%d", i);
			assert_replies(vms[i], text, text);
			CHECK(kvick_vm_reset(vms[i], &error));
		}
	for (int i = 0; i < MANY; i++)
		kvick_vm_free(vms[i]);
	kvick_template_free(t);
}

/* Clones of one snapshot, and each again after a reset. */
static void no_two_have_the_same_random_numbers(void **state)
{
	struct kvick_template *t = function_of("random");
	char replies[MANY][64];
	size_t bytes;

	(void)state;
	memset(replies, 0, sizeof(replies));
	for (int i = 0; i < MANY; i += 2) {
		struct kvick_vm *vm = vm_of(t);

		CHECK(kvick_vm_invoke(vm, "", 0, replies[i], sizeof(replies[i]), &bytes, LIMIT_NS, &error));
		assert_true(bytes >= 8);
		CHECK(kvick_vm_reset(vm, &error));
		CHECK(kvick_vm_invoke(vm, "", 0, replies[i + 1], sizeof(replies[i]), &bytes, LIMIT_NS, &error));
		kvick_vm_free(vm);
	}
	for (int i = 0; i < MANY; i++)
		for (int j = 0; j < i; j++)
			assert_memory_not_equal(replies[i], replies[j], sizeof(replies[i]));
	kvick_template_free(t);
}

struct worker {
	struct kvick_template *t;
	int id, failed;
};

/* cmocka's assertions belong to the main thread. */
static void *work(void *context)
{
	struct worker *w = context;
	struct kvick_vm *vm;
	char text[32], reply[32];
	size_t bytes;

	if (kvick_vm_new(&vm, w->t, NULL) < 0) {
		w->failed = 1;
		return NULL;
	}
	for (int i = 0; i < TURNS; i++) {
		int length = snprintf(text, sizeof(text), "%d of %d", i, w->id);

		w->failed |= kvick_vm_invoke(vm, text, (size_t)length, reply, sizeof(reply), &bytes, LIMIT_NS, NULL) < 0 ||
			     bytes != (size_t)length || memcmp(text, reply, bytes) != 0 || kvick_vm_reset(vm, NULL) < 0;
	}
	kvick_vm_free(vm);
	return NULL;
}

static void threads_have_machines_of_a_template_they_share(void **state)
{
	struct kvick_template *t = function_of("echo");
	struct worker workers[4];
	pthread_t threads[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		workers[i] = (struct worker){ .t = t, .id = i };
		assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	kvick_template_free(function_of("counter"));
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_false(workers[i].failed);
	}
	kvick_template_free(t);
}

static void *run_there(void *vm)
{
	char reply[64];
	size_t bytes;

	return kvick_vm_invoke(vm, "loop", 4, reply, sizeof(reply), &bytes, SECOND_NS / 50, NULL) == -ETIMEDOUT ? vm : NULL;
}

/* Its time-outs go with it. */
static void a_machine_may_go_from_thread_to_thread(void **state)
{
	struct kvick_vm *vm = vm_alone(function_of("crasher"));

	(void)state;
	for (int i = 0; i < 4; i++) {
		pthread_t thread;
		void *result;

		assert_int_equal(pthread_create(&thread, NULL, run_there, vm), 0);
		assert_int_equal(pthread_join(thread, &result), 0);
		assert_ptr_equal(result, vm);
		CHECK(kvick_vm_reset(vm, &error));
		assert_ptr_equal(run_there(vm), vm);
		CHECK(kvick_vm_reset(vm, &error));
	}
	kvick_vm_free(vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_hundred_machines_are_there_at_once),
		TEST(no_two_have_the_same_random_numbers),
		TEST(threads_have_machines_of_a_template_they_share),
		TEST(a_machine_may_go_from_thread_to_thread),
	};

	return cmocka_run_group_tests_name("library: many", tests, NULL, NULL);
}
