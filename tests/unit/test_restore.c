/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot whose state makes no sense: the machine is refused by what is wrong, and nothing is left of it. */
#include "tests/unit/test_unit.h"

#include "vmm/machine.h"
#include "vmm/snapshot.h"

static int prepare(const uint8_t *state, size_t bytes, struct machine *m)
{
	const struct snapshot snapshot = { .name = "snapshot", .state = state, .state_bytes = bytes, .memory_fd = -1 };
	struct stop stop = { 0 };
	const struct machine_config config = { .image_path = "snapshot", .console_fd = -1, .stop = &stop, .snapshot = &snapshot };
	int r;

	memset(m, 0, sizeof(*m));
	sys_init(&m->sys);
	r = machine_prepare(m, &config);
	machine_close(m);
	return r;
}

static void a_state_that_is_cut_short_is_refused(void **state)
{
	static const uint8_t bytes[64] = { 1 };
	static struct machine m;

	(void)state;
	for (size_t n = 0; n < sizeof(bytes); n++) {
		assert_int_equal(prepare(bytes, n, &m), -EBADMSG);
		assert_says(m.error.text, "snapshot: state");
		assert_null(m.restored);
	}
}

static void one_of_other_bytes_too(void **state)
{
	static struct machine m;
	uint8_t bytes[4096];

	(void)state;
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(prepare(bytes, sizeof(bytes), &m), -EBADMSG);
	assert_says(m.error.text, "snapshot: state");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_state_that_is_cut_short_is_refused),
		cmocka_unit_test(one_of_other_bytes_too),
	};

	return cmocka_run_group_tests_name("restore", tests, NULL, NULL);
}
