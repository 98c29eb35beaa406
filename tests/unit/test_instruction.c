/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions that KVM's emulator lacks, by name. What an assembler makes of them is what is asked about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vmm/instruction.h"

#define ASSERT_NAME(name, ...)                                                          \
	do {                                                                            \
		static const uint8_t code[] = { __VA_ARGS__ };                          \
		const char *found = instruction_name(code, sizeof(code));               \
                                                                                        \
		assert_non_null(found);                                                 \
		assert_string_equal(found, name);                                       \
	} while (0)

static void sse_is_named_by_its_prefix(void **state)
{
	(void)state;
	ASSERT_NAME("addps", 0x0f, 0x58, 0xc1);
	ASSERT_NAME("addpd", 0x66, 0x0f, 0x58, 0xc1);
	ASSERT_NAME("addss", 0xf3, 0x0f, 0x58, 0xc1);
	ASSERT_NAME("addsd", 0xf2, 0x0f, 0x58, 0xc1);
	ASSERT_NAME("pxor", 0x66, 0x0f, 0xef, 0xc0);
	ASSERT_NAME("an MMX or SSE2 instruction", 0x66, 0x0f, 0xfe, 0xc1);
}

static void a_rex_prefix_and_a_second_one_do_not_matter(void **state)
{
	(void)state;
	ASSERT_NAME("cvtsi2sd", 0xf2, 0x48, 0x0f, 0x2a, 0xc0);
	ASSERT_NAME("cvtsi2sd", 0x66, 0xf2, 0x4c, 0x0f, 0x2a, 0xc0);
	ASSERT_NAME("cvtsi2sd", 0xf2, 0x66, 0x4c, 0x0f, 0x2a, 0xc0);
}

static void groups_are_told_apart_by_what_follows(void **state)
{
	(void)state;
	ASSERT_NAME("ldmxcsr", 0x0f, 0xae, 0x10);
	ASSERT_NAME("ldmxcsr", 0x0f, 0xae, 0x54, 0x24, 0x08);
	ASSERT_NAME("ldmxcsr", 0x67, 0x0f, 0xae, 0x13); /* as Unikraft's start code has it */
	ASSERT_NAME("ldmxcsr", 0x65, 0x0f, 0xae, 0x14, 0x25);
	ASSERT_NAME("xsave", 0x2e, 0x48, 0x0f, 0xae, 0x20);
	ASSERT_NAME("clwb", 0x66, 0x0f, 0xae, 0x30);
	ASSERT_NAME("rdfsbase", 0xf3, 0x48, 0x0f, 0xae, 0xc0);
	ASSERT_NAME("cmpxchg16b", 0xf0, 0x48, 0x0f, 0xc7, 0x0e);
}

static void system_instructions_are_named(void **state)
{
	(void)state;
	ASSERT_NAME("xgetbv", 0x0f, 0x01, 0xd0);
	ASSERT_NAME("clac", 0x0f, 0x01, 0xca);
	ASSERT_NAME("invpcid", 0x66, 0x0f, 0x38, 0x82, 0x08);
	ASSERT_NAME("int n", 0xcd, 0x80);
	ASSERT_NAME("fwait", 0x9b);
}

static void other_maps_are_named_as_a_whole(void **state)
{
	(void)state;
	ASSERT_NAME("an AVX instruction", 0xc5, 0xf8, 0x77);
	ASSERT_NAME("an AVX-512 instruction", 0x62, 0xf1, 0x7c, 0x48, 0x10, 0x07);
	ASSERT_NAME("an x87 instruction", 0xd9, 0xe8);
	ASSERT_NAME("an SSSE3 or SSE4 instruction", 0x66, 0x0f, 0x38, 0x00, 0xc1);
}

static void what_kvm_emulates_has_no_name(void **state)
{
	static const uint8_t mov[] = { 0x48, 0x89, 0xc3 }, cpuid[] = { 0x0f, 0xa2, 0x90 }, movups[] = { 0x0f, 0x11, 0x00 },
			     movdqu[] = { 0xf3, 0x0f, 0x6f, 0x00 }, fxsave[] = { 0x0f, 0xae, 0x00 };

	(void)state;
	assert_null(instruction_name(mov, sizeof(mov)));
	assert_null(instruction_name(cpuid, sizeof(cpuid)));
	assert_null(instruction_name(movups, sizeof(movups)));
	assert_null(instruction_name(movdqu, sizeof(movdqu)));
	assert_null(instruction_name(fxsave, sizeof(fxsave)));
}

static void code_that_is_cut_short_has_no_name(void **state)
{
	static const uint8_t code[] = { 0x66, 0xf2, 0x48, 0x0f, 0x58, 0xc1 };

	(void)state;
	for (size_t bytes = 0; bytes < sizeof(code); bytes++)
		assert_null(instruction_name(code, bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sse_is_named_by_its_prefix),
		cmocka_unit_test(a_rex_prefix_and_a_second_one_do_not_matter),
		cmocka_unit_test(groups_are_told_apart_by_what_follows),
		cmocka_unit_test(system_instructions_are_named),
		cmocka_unit_test(other_maps_are_named_as_a_whole),
		cmocka_unit_test(what_kvm_emulates_has_no_name),
		cmocka_unit_test(code_that_is_cut_short_has_no_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
