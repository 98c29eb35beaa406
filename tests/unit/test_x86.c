/* SPDX-License-Identifier: Apache-2.0 */
/* Lengths and sensitive instructions, a few by name; all of 64-bit mode is held against Zydis by fuzz_x86. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vmm/x86/decode.h"
#include "vmm/x86/sensitive.h"

static enum x86_id id_of(const uint8_t *code, size_t bytes, struct x86_instruction *instruction)
{
	const struct x86_sensitive *row;

	assert_int_equal(x86_decode(code, bytes, instruction), 1);
	assert_int_equal(instruction->bytes, bytes);
	row = x86_sensitive(instruction);
	return row ? row->id : X86_INNOCUOUS;
}

#define ASSERT_ID(id, ...)                                                          \
	do {                                                                        \
		static const uint8_t code[] = { __VA_ARGS__ };                      \
		struct x86_instruction i;                                           \
                                                                                    \
		assert_int_equal(id_of(code, sizeof(code), &i), id);                \
	} while (0)

static void privileged_instructions_are_known(void **state)
{
	(void)state;
	ASSERT_ID(X86_HLT, 0xf4);
	ASSERT_ID(X86_LGDT, 0x0f, 0x01, 0x15, 0x00, 0x00, 0x00, 0x00);
	ASSERT_ID(X86_MOV_TO_CR, 0x0f, 0x22, 0xd8);
	ASSERT_ID(X86_WRMSR, 0x0f, 0x30);
	ASSERT_ID(X86_SWAPGS, 0x0f, 0x01, 0xf8);
}

static void critical_instructions_are_known(void **state)
{
	(void)state;
	ASSERT_ID(X86_POPF, 0x9d);
	ASSERT_ID(X86_SGDT, 0x0f, 0x01, 0x00);
	ASSERT_ID(X86_SMSW, 0x0f, 0x01, 0xe0);
	ASSERT_ID(X86_MOV_FROM_SEGMENT, 0x8c, 0xd8);
	ASSERT_ID(X86_FAR_RETURN, 0x48, 0xcb);
}

/* What a row matches, it is found by: none of the opcodes is sorted out before. */
static void every_row_is_found(void **state)
{
	unsigned count;
	const struct x86_sensitive *rows = x86_sensitive_rows(&count);

	(void)state;
	for (const struct x86_sensitive *row = rows; row < rows + count; row++) {
		unsigned regs = row->forms & 0xffu, reg = regs ? (unsigned)__builtin_ctz(regs) : 0;
		struct x86_instruction i = {
			.map = row->map, .opcode = row->opcode, .prefixes = row->prefixes, .has_modrm = true,
			.modrm = row->modrm ? row->modrm : (uint8_t)(reg << 3 | (row->forms & X86_MEMORY ? 0 : 0xc0)),
		};

		for (unsigned opcode = 0; opcode < 256; opcode++) {
			i.opcode = (uint8_t)opcode;
			if ((opcode & row->opcode_mask) == row->opcode)
				assert_ptr_equal(x86_sensitive(&i), row);
		}
	}
}

static void one_modrm_apart_there_is_another_instruction(void **state)
{
	(void)state;
	ASSERT_ID(X86_LGDT, 0x0f, 0x01, 0x10);
	ASSERT_ID(X86_INNOCUOUS, 0x0f, 0x01, 0xd5); /* xend */
	ASSERT_ID(X86_XSETBV, 0x0f, 0x01, 0xd1);
	ASSERT_ID(X86_FAR_JUMP, 0xff, 0x2b);
	ASSERT_ID(X86_INNOCUOUS, 0xff, 0xe3); /* jmp *%rbx */
	ASSERT_ID(X86_WR_FSGSBASE, 0xf3, 0x48, 0x0f, 0xae, 0xd0);
	ASSERT_ID(X86_INNOCUOUS, 0x0f, 0xae, 0x10); /* ldmxcsr */
}

static void data_in_an_instruction_is_no_instruction(void **state)
{
	(void)state;
	ASSERT_ID(X86_INNOCUOUS, 0xb8, 0x9d, 0xf4, 0xfa, 0x9c);                               /* mov $…, %eax */
	ASSERT_ID(X86_INNOCUOUS, 0x48, 0xb8, 0x9d, 0xf4, 0xfa, 0x9c, 0x0f, 0x01, 0xf8, 0x00); /* mov $…, %rax */
	ASSERT_ID(X86_INNOCUOUS, 0xc5, 0xfc, 0x10, 0x9d, 0xf4, 0xfa, 0x9c, 0x00);             /* vmovups */
}

static void operands_are_told(void **state)
{
	static const uint8_t out[] = { 0xe7, 0xf4 }, add[] = { 0x81, 0x84, 0x24, 0x80, 0xff, 0xff, 0xff, 1, 2, 3, 4 };
	struct x86_instruction i;

	(void)state;
	assert_int_equal(id_of(out, sizeof(out), &i), X86_OUT_IMMEDIATE);
	assert_int_equal((uint8_t)i.immediate, 0xf4);
	assert_int_equal(id_of(add, sizeof(add), &i), X86_INNOCUOUS);
	assert_int_equal(i.sib, 0x24);
	assert_int_equal(i.displacement, -0x80);
	assert_int_equal(i.immediate, 0x04030201);
}

static void code_that_is_cut_short_is_told(void **state)
{
	static const uint8_t add[] = { 0x66, 0x48, 0x81, 0x84, 0x24, 0x80, 0xff, 0xff, 0xff, 1, 2, 3, 4 };
	struct x86_instruction i;

	(void)state;
	for (size_t bytes = 0; bytes < sizeof(add); bytes++)
		assert_int_equal(x86_decode(add, bytes, &i), 0);
	assert_int_equal(x86_decode(add, sizeof(add), &i), 1);
}

static void what_is_too_long_or_undefined_is_told(void **state)
{
	static const uint8_t prefixes[16] = { [0 ... 14] = 0x66, 0x90 }, push_es[] = { 0x06 };
	struct x86_instruction i;

	(void)state;
	assert_int_equal(x86_decode(prefixes, sizeof(prefixes), &i), -1);
	assert_int_equal(x86_decode(push_es, sizeof(push_es), &i), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(privileged_instructions_are_known),
		cmocka_unit_test(critical_instructions_are_known),
		cmocka_unit_test(every_row_is_found),
		cmocka_unit_test(one_modrm_apart_there_is_another_instruction),
		cmocka_unit_test(data_in_an_instruction_is_no_instruction),
		cmocka_unit_test(operands_are_told),
		cmocka_unit_test(code_that_is_cut_short_is_told),
		cmocka_unit_test(what_is_too_long_or_undefined_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
