/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor's segment registers: what descriptors each takes, and what it says of others. AMD64 APM 2, 4.5 and 4.7. */
#include "tests/unit/monitor_fixture.h"

/* mov %eax, %es and so on */
#define MOV_TO(segment) 0x8e, 0xc0 | (segment) << 3

static void ax_is(uint16_t selector)
{
	guest->frame->regs[RAX] = 0xffffffffffff0000 | selector;
}

static void null_goes_into_data_segments_with_any_rpl(void **state)
{
	static const uint8_t segments[] = { SEG_ES, SEG_DS, SEG_FS, SEG_GS };

	(void)state;
	for (unsigned i = 0; i < 4 * COUNT_OF(segments); i++) {
		ax_is(i & 3);
		DOES(MOV_TO(segments[i / 4]));
		assert_int_equal(guest->cpu->selectors[segments[i / 4]], i & 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(null_goes_into_data_segments_with_any_rpl),
	};

	return cmocka_run_group_tests_name("monitor_segments", tests, NULL, NULL);
}
