/* SPDX-License-Identifier: Apache-2.0 */
/* Ordinary instructions, and those that ring 3 carries out too, differently. */
#include "kinds.h"

/* --- ordinary ones, whose flags are all defined --- */

void emit_arithmetic(void)
{
	static const char *const two[] = { "add", "sub", "adc", "sbb", "cmp", "mov" };
	static const char *const one[] = { "inc", "dec", "neg", "not" };
	static const char *const none[] = { "stc", "clc", "cmc", "cld", "std", "nop" };
	enum size size = size_of_any();
	const char *operand;

	switch (draw(9)) {
	case 0:
		operand = either(size);
		emit("%s%c\t%%%s, %s", PICK(two), suffix[size], any(size), operand);
		break;
	case 1:
		operand = memory(1u << size);
		emit("%s%c\t%s, %%%s", PICK(two), suffix[size], operand, any(size));
		break;
	case 2:
		operand = either(size);
		emit("%s%c\t$%d, %s", PICK(two), suffix[size], (int)draw(256) - 128, operand);
		break;
	case 3:
		operand = either(size);
		emit("%s%c\t%s", PICK(one), suffix[size], operand);
		break;
	case 4:
		emit("%s", PICK(none));
		break;
	case 5:
		emit("movabs\t$0x%llx, %%%s", (unsigned long long)value(), any(QUAD));
		break;
	case 6:
		emit("xchg\t%%%s, %%%s", any(LONG), any(LONG));
		break;
	case 7:
		emit("bswap\t%%%s", any(one_in(2) ? QUAD : LONG));
		break;
	default:
		emit("set%s\t%%%s", one_in(2) ? "c" : one_in(2) ? "z" : "le", any(BYTE));
		break;
	}
}

void emit_stack(void)
{
	switch (draw(6)) {
	case 0:
		emit("push\t%%%s", any(QUAD));
		break;
	case 1:
		emit("pop\t%%%s", any(QUAD));
		break;
	case 2:
		emit("pushq\t$%d", (int)draw(UINT64_C(1) << 31));
		break;
	case 3:
		emit("pushq\t%s", memory(8));
		break;
	case 4:
		emit("popq\t%s", memory(8));
		break;
	default:
		emit("call\t1f");
		puts("1:");
		break;
	}
}

/* --- flags --- */

void emit_pushf(void)
{
	emit(one_in(4) ? "pushfw" : "pushfq");
}

uint64_t flags(void)
{
	static const uint64_t odd[] = { 0x200, 0x1000, 0x3000, 0x4000, 0x40000, 0x200000, 0x400, 0x800, 0x10000, 0x20000, 0x8028 };
	uint64_t drawn = draw(0x1000) & 0xed7;

	if (one_in(2))
		drawn |= PICK(odd);
	if (one_in(8))
		drawn |= PICK(odd);
	return drawn;
}

void emit_popf(void)
{
	if (one_in(4)) {
		emit("pushw\t$0x%llx", (unsigned long long)(flags() & 0x7fff));
		emit("popfw");
	} else {
		emit("pushq\t$0x%llx", (unsigned long long)flags());
		emit("popfq");
	}
}

void emit_cli(void)
{
	emit(one_in(2) ? "cli" : "sti");
}

/* --- what tells of the machine --- */

void emit_sgdt(void)
{
	emit("%s\t%s", one_in(2) ? "sgdt" : "sidt", memory(10));
}

void emit_sldt(void)
{
	static const char *const mnemonics[] = { "sldt", "str", "smsw" };
	const char *mnemonic = PICK(mnemonics);

	if (one_in(3))
		emit("%s\t%s", mnemonic, memory(2));
	else
		emit("%s\t%%%s", mnemonic, any(size_from_word()));
}

void emit_lar(void)
{
	const char *mnemonic = one_in(2) ? "lar" : "lsl";
	enum size size = size_from_word();
	uint64_t from = draw(NAMES);

	if (one_in(3)) {
		const char *operand = memory(2);

		emit("movw\t$0x%x, %s", selector(), operand);
		/* As the assembler has it: the source is a word. */
		emit("%s%c\t%s, %%%s", mnemonic, suffix[size], operand, any(size));
		return;
	}
	emit("mov\t$0x%x, %%%s", selector(), name(LONG, from));
	emit("%s\t%%%s, %%%s", mnemonic, name(size, from), any(size));
}

void emit_verr(void)
{
	const char *mnemonic = one_in(2) ? "verr" : "verw";
	uint64_t from = draw(NAMES);

	if (one_in(3)) {
		const char *operand = memory(2);

		emit("movw\t$0x%x, %s", selector(), operand);
		emit("%s\t%s", mnemonic, operand);
		return;
	}
	emit("mov\t$0x%x, %%%s", selector(), name(LONG, from));
	emit("%s\t%%%s", mnemonic, name(WORD, from));
}

/* --- segment registers --- */

void emit_mov_from_segment(void)
{
	if (one_in(3))
		emit("mov\t%%%s, %s", PICK(segments), memory(2));
	else
		emit("mov\t%%%s, %%%s", PICK(segments), any(size_from_word()));
}

void emit_mov_to_segment(void)
{
	unsigned n = (unsigned)draw(5);
	unsigned drawn = one_in(2) ? data_selector() : n >= 3 ? selector_not_null() : selector();
	uint64_t from = draw(NAMES);

	if (one_in(4)) {
		const char *operand = memory(2);

		emit("movw\t$0x%x, %s", drawn, operand);
		emit("movw\t%s, %%%s", operand, segments[n]);
		return;
	}
	emit("mov\t$0x%x, %%%s", drawn, name(LONG, from));
	emit("mov\t%%%s, %%%s", name(LONG, from), segments[n]);
}

void emit_push_segment(void)
{
	const char *segment = one_in(2) ? "fs" : "gs";
	const char *size = one_in(4) ? "w" : "q";

	if (one_in(2)) {
		emit("push%s\t%%%s", size, segment);
		return;
	}
	emit("push%s\t$0x%x", size, one_in(2) ? data_selector() : selector_not_null());
	emit("pop%s\t%%%s", size, segment);
}

void emit_lss(void)
{
	static const char *const mnemonics[] = { "lss", "lfs", "lgs" };
	const char *mnemonic = PICK(mnemonics), *operand = memory(6);
	enum size size = one_in(3) ? WORD : LONG;
	unsigned drawn = one_in(2) ? data_selector() : selector_not_null();

	if (size == WORD) {
		emit("movl\t$0x%x, %s", drawn << 16 | 0x1234, operand);
	} else {
		emit("movl\t$0x%x, %s", (unsigned)draw(UINT64_C(1) << 32), operand);
		emit("movw\t$0x%x, %s", drawn, further(operand, 4));
	}
	emit("%s\t%s, %%%s", mnemonic, operand, any(size));
}
