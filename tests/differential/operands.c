/* SPDX-License-Identifier: Apache-2.0 */
#include "operands.h"

#include <stdarg.h>
#include <string.h>

void emit(const char *format, ...)
{
	va_list values;

	va_start(values, format);
	putchar('\t');
	vprintf(format, values);
	putchar('\n');
	va_end(values);
}

static const char *const names_64[] = { "rax", "rcx", "rdx", "rbx", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
					"r14", "r15" };
static const char *const names_32[] = { "eax", "ecx", "edx", "ebx", "ebp", "esi", "edi", "r8d", "r9d", "r10d", "r11d", "r12d",
					"r13d", "r14d", "r15d" };
static const char *const names_16[] = { "ax", "cx", "dx", "bx", "bp", "si", "di", "r8w", "r9w", "r10w", "r11w", "r12w", "r13w",
					"r14w", "r15w" };
static const char *const names_8[] = { "al", "cl", "dl", "bl", "bpl", "sil", "dil", "r8b", "r9b", "r10b", "r11b", "r12b", "r13b",
				       "r14b", "r15b" };
const char suffix[] = "bwlq";
const char *const segments[] = { "ds", "es", "ss", "fs", "gs", "cs" };

const char *name(enum size size, uint64_t n)
{
	return size == QUAD ? names_64[n] : size == LONG ? names_32[n] : size == WORD ? names_16[n] : names_8[n];
}

const char *any(enum size size)
{
	return name(size, draw(NAMES));
}

uint64_t value(void)
{
	static const uint64_t odd[] = { 0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
					INT64_MAX, (uint64_t)INT64_MIN, UINT64_MAX };

	return one_in(2) ? PICK(odd) : draw(UINT64_C(1) << draw(49));
}

const char *memory(unsigned bytes)
{
	static char text[96];
	unsigned offset = (unsigned)draw(SCRATCH_BYTES - 64 - bytes);
	uint64_t base = draw(NAMES), index = draw(NAMES);
	int small = (int)draw(200) - 100;
	unsigned scale = 1u << draw(4);

	while (index == base)
		index = draw(NAMES);
	if (one_in(4))
		offset &= ~7u;
	switch (draw(9)) {
	case 0: /* absolute */
		snprintf(text, sizeof(text), "scratch+%u", offset);
		break;
	case 1: /* by RIP */
		snprintf(text, sizeof(text), "scratch+%u(%%rip)", offset);
		break;
	case 2: /* an 8-bit displacement; or none */
		emit("lea\tscratch+%u-(%d), %%%s", offset, small, names_64[base]);
		snprintf(text, sizeof(text), "%d(%%%s)", small, names_64[base]);
		break;
	case 3:
		emit("lea\tscratch+%u, %%%s", offset, names_64[base]);
		snprintf(text, sizeof(text), "0(%%%s)", names_64[base]); /* the assembler leaves out the 0 */
		break;
	case 4: /* base and index */
		emit("mov\t$%d, %%%s", small, names_64[index]);
		emit("lea\tscratch+%u-(%d), %%%s", offset, small * (int)scale, names_64[base]);
		snprintf(text, sizeof(text), "0(%%%s,%%%s,%u)", names_64[base], names_64[index], scale);
		break;
	case 5: /* index alone, a 32-bit displacement */
		emit("mov\t$%d, %%%s", small, names_64[index]);
		snprintf(text, sizeof(text), "scratch+%u-(%d)(,%%%s,%u)", offset, small * (int)scale, names_64[index], scale);
		break;
	case 6: /* 32-bit addresses: 67 */
		emit("lea\tscratch+%u-(%d), %%%s", offset, small, names_32[base]);
		snprintf(text, sizeof(text), "%d(%%%s)", small, names_32[base]);
		break;
	case 7: /* by FS or GS, with whatever base */
		snprintf(text, sizeof(text), "%%%s:%u", one_in(2) ? "fs" : "gs", (unsigned)draw(128));
		break;
	default: /* the stack */
		snprintf(text, sizeof(text), "%d(%%rsp)", (int)draw(256) - 128);
		break;
	}
	return text;
}

const char *further(const char *operand, unsigned bytes)
{
	static char text[112];
	const char *colon = strchr(operand, ':'); /* of a segment */
	int prefix = colon ? (int)(colon + 1 - operand) : 0;

	snprintf(text, sizeof(text), "%.*s%u+%s", prefix, operand, bytes, operand + prefix);
	return text;
}

const char *either(enum size size)
{
	static char text[16];

	if (one_in(2))
		return memory(1u << size);
	snprintf(text, sizeof(text), "%%%s", any(size));
	return text;
}

enum size size_of_any(void)
{
	return (enum size)draw(4);
}

enum size size_from_word(void)
{
	return (enum size)(WORD + draw(3));
}

static const uint16_t good_data[] = { DATA, DATA_DOWN, DATA_ACCESSED, DATA_BASE, LDT_DATA, LDT_BASE };
static const uint16_t selectors[] = {
	0, CODE, DATA, DATA_READ_ONLY, DATA_ABSENT, DATA_DOWN, CODE_CONFORMING, CODE_NO_READ, TSS, TSS + 8, LDT, LDT + 8, CALL_GATE,
	CALL_GATE + 8, DATA_3, CODE_3, CODE_ABSENT, CODE_32, DATA_BASE, TSS_2, LDT_ABSENT, GATE_ODD, TSS_BUSY, LDT_2, GATE_ABSENT,
	DATA_ACCESSED, GDT_SLOTS * 8, 0xfff8, LDT_DATA, LDT_CODE, LDT_READ_ONLY, LDT_NOT_THERE, LDT_BASE, LDT_SLOTS * 8 + 4,
};

unsigned selector(void)
{
	unsigned drawn = PICK(selectors);

	/* A null one with an RPL is #GP in SS by Intel's manual alone. */
	return drawn && one_in(4) ? drawn | (unsigned)draw(4) : drawn;
}

unsigned selector_not_null(void)
{
	unsigned drawn;

	do
		drawn = selector();
	while (drawn < 4);
	return drawn;
}

unsigned data_selector(void)
{
	return PICK(good_data);
}

unsigned code_selector(void)
{
	static const uint16_t good[] = { CODE, CODE_CONFORMING, CODE_NO_READ, LDT_CODE };
	static const uint16_t bad[] = { 0, DATA, CODE_ABSENT, CODE_3, LDT, LDT_NOT_THERE, GDT_SLOTS * 8, GATE_ODD, TSS + 8 };

	return one_in(4) ? PICK(bad) : PICK(good);
}

_Static_assert(COUNT(names_64) == NAMES, "all but RSP");
