/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of instructions. What is drawn means the same on every CPU, by AMD's manual and by Intel's: README.md has what is left
 * out for that. Registers are any but RSP, whose stack the next instructions need.
 */
#include <stdio.h>

#include "differential.h"
#include "generate.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PICK(array)  ((array)[draw(COUNT(array))])

#define emit(...) (printf("\t"), printf(__VA_ARGS__), printf("\n"))

/* --- operands --- */

static const char *const names_64[] = { "rax", "rcx", "rdx", "rbx", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
					"r14", "r15" };
static const char *const names_32[] = { "eax", "ecx", "edx", "ebx", "ebp", "esi", "edi", "r8d", "r9d", "r10d", "r11d", "r12d",
					"r13d", "r14d", "r15d" };
static const char *const names_16[] = { "ax", "cx", "dx", "bx", "bp", "si", "di", "r8w", "r9w", "r10w", "r11w", "r12w", "r13w",
					"r14w", "r15w" };
static const char *const names_8[] = { "al", "cl", "dl", "bl", "bpl", "sil", "dil", "r8b", "r9b", "r10b", "r11b", "r12b", "r13b",
				       "r14b", "r15b" };
#define NAMES COUNT(names_64)

enum size { BYTE, WORD, LONG, QUAD };
static const char suffix[] = "bwlq";

static const char *name(enum size size, uint64_t n)
{
	return size == QUAD ? names_64[n] : size == LONG ? names_32[n] : size == WORD ? names_16[n] : names_8[n];
}

static const char *any(enum size size)
{
	return name(size, draw(NAMES));
}

static uint64_t value(void)
{
	static const uint64_t odd[] = { 0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
					INT64_MAX, (uint64_t)INT64_MIN, UINT64_MAX };

	return one_in(2) ? PICK(odd) : draw(UINT64_C(1) << draw(49));
}

/* Somewhere in the scratch memory, with the registers made for it. `bytes` fit from there. */
static const char *memory(unsigned bytes)
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
		snprintf(text, sizeof(text), "(%%%s)", names_64[base]);
		break;
	case 4: /* base and index */
		emit("mov\t$%d, %%%s", small, names_64[index]);
		emit("lea\tscratch+%u-(%d), %%%s", offset, small * (int)scale, names_64[base]);
		snprintf(text, sizeof(text), "(%%%s,%%%s,%u)", names_64[base], names_64[index], scale);
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

/* A register or memory. */
static const char *either(enum size size)
{
	static char text[16];

	if (one_in(2))
		return memory(1u << size);
	snprintf(text, sizeof(text), "%%%s", any(size));
	return text;
}

static enum size size_of_any(void)
{
	return (enum size)draw(4);
}

static enum size size_from_word(void)
{
	return (enum size)(WORD + draw(3));
}

static const uint16_t good_data[] = { DATA, DATA_DOWN, DATA_ACCESSED, DATA_BASE, LDT_DATA, LDT_BASE };
static const uint16_t selectors[] = {
	0, CODE, DATA, DATA_READ_ONLY, DATA_ABSENT, DATA_DOWN, CODE_CONFORMING, CODE_NO_READ, TSS, TSS + 8, LDT, LDT + 8, CALL_GATE,
	CALL_GATE + 8, DATA_3, CODE_3, CODE_ABSENT, CODE_32, DATA_BASE, TSS_2, LDT_ABSENT, GATE_ODD, TSS_BUSY, LDT_2, GATE_ABSENT,
	DATA_ACCESSED, GDT_SLOTS * 8, 0xfff8, LDT_DATA, LDT_CODE, LDT_READ_ONLY, LDT_NOT_THERE, LDT_BASE, LDT_SLOTS * 8 + 4,
};

static unsigned selector(void)
{
	unsigned drawn = PICK(selectors);

	/* A null one with an RPL is #GP in SS by Intel's manual alone. */
	return drawn && one_in(4) ? drawn | (unsigned)draw(4) : drawn;
}

/* For FS and GS: a null selector leaves AMD's base alone and clears Intel's. */
static unsigned selector_not_null(void)
{
	unsigned drawn;

	do
		drawn = selector();
	while (drawn < 4);
	return drawn;
}

static unsigned code_selector(void)
{
	static const uint16_t good[] = { CODE, CODE_CONFORMING, CODE_NO_READ, LDT_CODE };
	static const uint16_t bad[] = { 0, DATA, CODE_ABSENT, LDT, LDT_NOT_THERE, GDT_SLOTS * 8, GATE_ODD, TSS + 8 };

	return one_in(4) ? PICK(bad) : PICK(good);
}

/* --- ordinary ones, whose flags are all defined --- */

static void emit_arithmetic(void)
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

static void emit_stack(void)
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

static void emit_pushf(void)
{
	emit(one_in(4) ? "pushfw" : "pushfq");
}

/* All but TF, which has a kind of its own, and VIF and VIP. RF and VM are not taken over. */
static uint64_t flags(void)
{
	static const uint64_t odd[] = { 0x200, 0x1000, 0x3000, 0x4000, 0x40000, 0x200000, 0x400, 0x800, 0x10000, 0x20000, 0x8028 };
	uint64_t drawn = draw(0x1000) & 0xed7;

	if (one_in(2))
		drawn |= PICK(odd);
	if (one_in(8))
		drawn |= PICK(odd);
	return drawn;
}

static void emit_popf(void)
{
	if (one_in(4)) {
		emit("pushw\t$0x%llx", (unsigned long long)(flags() & 0x7fff));
		emit("popfw");
	} else {
		emit("pushq\t$0x%llx", (unsigned long long)flags());
		emit("popfq");
	}
}

static void emit_cli(void)
{
	emit(one_in(2) ? "cli" : "sti");
}

/* --- what tells of the machine --- */

static void emit_sgdt(void)
{
	emit("%s\t%s", one_in(2) ? "sgdt" : "sidt", memory(10));
}

static void emit_sldt(void)
{
	static const char *const mnemonics[] = { "sldt", "str", "smsw" };
	const char *mnemonic = PICK(mnemonics);

	if (one_in(3))
		emit("%s\t%s", mnemonic, memory(2));
	else
		emit("%s\t%%%s", mnemonic, any(size_from_word()));
}

static void emit_lar(void)
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
	emit("mov\t$0x%x, %%%s", selector(), names_32[from]);
	emit("%s\t%%%s, %%%s", mnemonic, name(size, from), any(size));
}

static void emit_verr(void)
{
	const char *mnemonic = one_in(2) ? "verr" : "verw";
	uint64_t from = draw(NAMES);

	if (one_in(3)) {
		const char *operand = memory(2);

		emit("movw\t$0x%x, %s", selector(), operand);
		emit("%s\t%s", mnemonic, operand);
		return;
	}
	emit("mov\t$0x%x, %%%s", selector(), names_32[from]);
	emit("%s\t%%%s", mnemonic, names_16[from]);
}

/* --- segment registers --- */

static const char *const segments[] = { "ds", "es", "ss", "fs", "gs", "cs" };

static void emit_mov_from_segment(void)
{
	if (one_in(3))
		emit("mov\t%%%s, %s", PICK(segments), memory(2));
	else
		emit("mov\t%%%s, %%%s", PICK(segments), any(size_from_word()));
}

static void emit_mov_to_segment(void)
{
	unsigned n = (unsigned)draw(5);
	unsigned drawn = one_in(2) ? PICK(good_data) : n >= 3 ? selector_not_null() : selector();
	uint64_t from = draw(NAMES);

	if (one_in(4)) {
		const char *operand = memory(2);

		emit("movw\t$0x%x, %s", drawn, operand);
		emit("movw\t%s, %%%s", operand, segments[n]);
		return;
	}
	emit("mov\t$0x%x, %%%s", drawn, names_32[from]);
	emit("mov\t%%%s, %%%s", names_32[from], segments[n]);
}

static void emit_push_segment(void)
{
	const char *segment = one_in(2) ? "fs" : "gs";
	const char *size = one_in(4) ? "w" : "q";

	if (one_in(2)) {
		emit("push%s\t%%%s", size, segment);
		return;
	}
	emit("push%s\t$0x%x", size, one_in(2) ? PICK(good_data) : selector_not_null());
	emit("pop%s\t%%%s", size, segment);
}

static void emit_lss(void)
{
	static const char *const mnemonics[] = { "lss", "lfs", "lgs" };
	const char *mnemonic = PICK(mnemonics), *operand = memory(6);
	enum size size = one_in(3) ? WORD : LONG;
	unsigned drawn = one_in(2) ? PICK(good_data) : selector_not_null();

	if (size == WORD)
		emit("movl\t$0x%x, %s", drawn << 16 | 0x1234, operand);
	else
		emit("movabs\t$0x%x5678abcd, %%rax", drawn), operand = "scratch+8", emit("mov\t%%rax, %s", operand);
	emit("%s\t%s, %%%s", mnemonic, operand, any(size));
}

/* --- far transfers --- */

/* QEMU heeds base and size of SS where a far transfer's operands have 32 bits. */
static void flat_stack(void)
{
	emit("mov\t$0x%x, %%ecx", DATA);
	emit("mov\t%%ecx, %%ss");
}

static void emit_lret(void)
{
	static const char *const mnemonics[] = { "lretq", "lretl" };
	unsigned wide = (unsigned)draw(2);

	if (wide)
		flat_stack();
	emit("pushq\t$0x%x", code_selector());
	emit("pushq\t$1f");
	if (wide) { /* 32-bit: two longs, one upon the other */
		emit("mov\t8(%%rsp), %%eax");
		emit("mov\t%%eax, 4(%%rsp)");
	}
	if (one_in(3))
		emit("%s\t$%u", mnemonics[wide], (unsigned)draw(4) * 8);
	else
		emit("%s", mnemonics[wide]);
	puts("1:");
}

static void emit_far_jump(void)
{
	unsigned where = (unsigned)draw(100) * 8;
	unsigned drawn = one_in(4) ? PICK(((uint16_t[]){ CALL_GATE, GATE_ABSENT, CALL_GATE + 8 })) : code_selector();

	/* A jump through a gate would come back by a return that has nothing to return to. */
	int call = drawn == CALL_GATE || one_in(2);

	flat_stack();
	emit("movl\t$1f, scratch+%u", where);
	emit("movw\t$0x%x, scratch+%u", drawn, where + 4);
	emit("%s\t*scratch+%u", call ? "lcall" : "ljmp", where);
	puts("1:");
}

static void emit_iret(void)
{
	static const uint16_t bad_stacks[] = { DATA_READ_ONLY, CODE, DATA_3, GDT_SLOTS * 8, TSS };

	emit("mov\t%%rsp, %%%s", names_64[0]);
	emit("pushq\t$0x%x", one_in(4) ? PICK(bad_stacks) : one_in(4) ? 0 : PICK(good_data));
	emit("push\t%%rax");
	emit("pushq\t$0x%llx", (unsigned long long)flags());
	emit("pushq\t$0x%x", code_selector());
	emit("pushq\t$1f");
	emit("iretq");
	puts("1:");
}

/* --- the machine's registers --- */

static void emit_lldt(void)
{
	static const uint16_t good[] = { LDT, LDT_2, TSS_2 };
	int task = one_in(2); /* LTR of a null selector is #GP, but not in QEMU */
	const char *mnemonic = task ? "ltr" : "lldt";
	unsigned drawn = one_in(2) ? PICK(good) : task ? selector_not_null() : selector();

	if (one_in(3)) {
		const char *operand = memory(2);

		emit("movw\t$0x%x, %s", drawn, operand);
		emit("%s\t%s", mnemonic, operand);
		return;
	}
	emit("mov\t$0x%x, %%ecx", drawn);
	emit("%s\t%%cx", mnemonic);
}

static void emit_lgdt(void)
{
	static const char *const loads[] = { "lgdt\tgdt_short", "lgdt\tgdt_other", "lidt\tidt_short", "lidt\tidt_other" };

	emit("%s", PICK(loads));
}

static void emit_control(void)
{
	static const unsigned cr0[] = { 1, 2, 3, 5, 18 }, cr4[] = { 2, 3, 6, 7, 8, 30, 33 };
	uint64_t n = draw(NAMES);

	switch (draw(8)) {
	case 0:
		emit("mov\t%%cr0, %%%s", names_64[n]);
		break;
	case 1:
		emit("mov\t%%cr4, %%%s", names_64[n]);
		break;
	case 2:
		emit("mov\t%%cr3, %%%s", names_64[n]);
		emit("mov\t%%%s, %%cr3", names_64[n]);
		emit("mov\t$0, %%%s", names_32[n]);
		break;
	case 3:
		emit("mov\t%%cr0, %%%s", names_64[n]);
		emit("btc\t$%u, %%%s", one_in(8) ? 40 : PICK(cr0), names_64[n]);
		emit("mov\t%%%s, %%cr0", names_64[n]);
		emit("cmp\t%%al, %%al"); /* BTC leaves some flags undefined */
		break;
	case 4:
		emit("mov\t%%cr4, %%%s", names_64[n]);
		emit("btc\t$%u, %%%s", PICK(cr4), names_64[n]);
		emit("mov\t%%%s, %%cr4", names_64[n]);
		emit("cmp\t%%al, %%al");
		break;
	case 5:
		emit("movabs\t$0x%llx, %%%s", (unsigned long long)value(), names_64[n]);
		emit("mov\t%%%s, %%cr2", names_64[n]);
		emit("mov\t%%cr2, %%%s", any(QUAD));
		break;
	case 6:
		emit("mov\t%%cr2, %%%s", names_64[n]);
		break;
	default:
		emit("mov\t$%u, %%%s", (unsigned)draw(16), names_32[n]);
		emit("mov\t%%%s, %%cr8", names_64[n]);
		emit("mov\t%%cr8, %%%s", any(QUAD));
		break;
	}
}

static void emit_debug_register(void)
{
	static const uint64_t dr6[] = { 0xffff0ff0, 0xffff4fff, 0xffff4ff1, UINT64_C(1) << 32 };
	static const uint64_t dr7[] = { 0x400, 0, 0x700, 0x300, UINT64_C(1) << 32 };
	static const unsigned readable[] = { 0, 1, 2, 3, 6, 7 };
	uint64_t n = draw(NAMES);

	switch (draw(4)) {
	case 0:
		emit("movabs\t$0x%llx, %%%s", (unsigned long long)value(), names_64[n]);
		emit("mov\t%%%s, %%dr%u", names_64[n], (unsigned)draw(4));
		break;
	case 1:
		emit("movabs\t$0x%llx, %%%s", (unsigned long long)PICK(dr6), names_64[n]);
		emit("mov\t%%%s, %%dr6", names_64[n]);
		break;
	case 2:
		emit("movabs\t$0x%llx, %%%s", (unsigned long long)PICK(dr7), names_64[n]);
		emit("mov\t%%%s, %%dr7", names_64[n]);
		break;
	default:
		emit("mov\t%%dr%u, %%%s", PICK(readable), names_64[n]);
		break;
	}
}

static void emit_clts(void)
{
	uint64_t n = draw(NAMES);

	if (one_in(2)) {
		emit("clts");
	} else {
		emit("mov\t$%u, %%%s", (unsigned)draw(16), names_32[n]);
		emit("lmsw\t%%%s", names_16[n]);
	}
}

static void emit_invlpg(void)
{
	if (one_in(3))
		emit("wbinvd");
	else
		emit("invlpg\t%s", memory(1));
}

#define SCE 1

static void emit_msr(void)
{
	static const uint32_t plain[] = { 0x174, 0xc0000081, 0xc0000100, 0xc0000101, 0xc0000102 };
	static const uint32_t unknown[] = { 0x12345678, 0xc0001fff, 0x40000fff, 0xffffffff };
	uint32_t msr = PICK(plain);
	unsigned to = (unsigned)draw(SCRATCH_BYTES - 256);

	switch (draw(8)) {
	case 0:
	case 1:
		emit("mov\t$0x%x, %%ecx", one_in(4) ? PICK(unknown) : msr);
		emit("rdmsr");
		break;
	case 2:
		emit("mov\t$0x%x, %%ecx", PICK(unknown));
		emit("wrmsr");
		break;
	case 3: /* EFER: SCE; and a reserved bit */
		emit("mov\t$0xc0000080, %%ecx");
		emit("rdmsr");
		emit("xor\t$%u, %%eax", one_in(4) ? 0x10000000 : SCE);
		emit("cmp\t%%al, %%al"); /* XOR leaves AF undefined */
		emit("wrmsr");
		break;
	case 4: /* LSTAR */
		emit("mov\t$0xc0000082, %%ecx");
		emit("mov\t$syscall_%u, %%eax", 1 + (unsigned)draw(2));
		emit("mov\t$0, %%edx");
		emit("wrmsr");
		break;
	case 5: /* SFMASK */
		emit("mov\t$0xc0000084, %%ecx");
		emit("mov\t$0x%x, %%eax", (unsigned)draw(0x1000) | 0x100);
		emit("mov\t$0, %%edx");
		emit("wrmsr");
		break;
	case 6: /* a base in the scratch memory */
		emit("mov\t$0x%x, %%ecx", 0xc0000100 + (unsigned)draw(3));
		emit("mov\t$scratch+%u, %%eax", to);
		emit("mov\t$0, %%edx");
		emit("wrmsr");
		break;
	default: /* any other that is canonical */
		emit("mov\t$0x%x, %%ecx", one_in(4) ? 0xc0000083 : 0xc0000100 + (unsigned)draw(3));
		emit("mov\t$0x%x, %%eax", (unsigned)draw(UINT64_C(1) << 32));
		emit("mov\t$0x%x, %%edx", one_in(2) ? 0xffff8000 + (unsigned)draw(0x7000) : (unsigned)draw(0x8000));
		emit("wrmsr");
		break;
	}
}

static void emit_cli_alone(void)
{
	emit("cli");
}

/* Some instructions in single steps; not STI and loads of SS, which may hold back the trap. */
static void emit_step(void)
{
	static void (*const stepped[])(void) = {
		emit_arithmetic, emit_arithmetic, emit_pushf, emit_cli_alone, emit_sgdt, emit_sldt, emit_lar, emit_verr, emit_mov_from_segment,
		emit_debug_register, emit_clts, emit_control, emit_stack,
	};

	emit("pushfq");
	emit("addl\t$0x100, (%%rsp)");
	emit("popfq");
	for (uint64_t left = 1 + draw(3); left > 0; left--)
		PICK(stepped)();
	emit("pushfq");
	emit("subl\t$0x100, (%%rsp)");
	emit("popfq");
}

/* CR0.TS and CR0.EM: #NM, #UD. */
static void emit_float(void)
{
	static const char *const mnemonics[] = { "fnop", "fwait", "fldz", "movaps\t%xmm0, %xmm1", "addps\t%xmm2, %xmm3" };

	emit("%s", PICK(mnemonics));
}

static void emit_swapgs(void)
{
	emit("swapgs");
}

/* --- what traps --- */

static void emit_syscall(void)
{
	if (one_in(2)) {
		emit("mov\t$0xc0000080, %%ecx");
		emit("rdmsr");
		emit("bts\t$0, %%eax");
		emit("wrmsr");
		emit("cmp\t%%al, %%al");
	}
	emit("syscall");
}

static void emit_int(void)
{
	unsigned vector = one_in(3) ? (unsigned)draw(32) : (unsigned)draw(VECTORS);

	emit("int\t$0x%x", vector);
}

static void emit_trap(void)
{
	emit(one_in(2) ? "int3" : ".byte\t0xf1");
}

static void emit_undefined(void)
{
	static const char *const undefined[] = {
		"ud2", "ud2", "xsetbv", "xgetbv", "rdfsbase\t%rax", "wrgsbase\t%rcx", "rdgsbase\t%edx", "wrfsbase\t%ebx",
		".byte\t0x0f, 0x20, 0xc8", /* mov %cr1, %rax */
		".byte\t0x0f, 0x22, 0xe9", /* mov %rcx, %cr5 */
		".byte\t0x06",             /* push %es, of 32-bit mode */
		".byte\t0xd6",             /* none at all */
		".byte\t0x8e, 0xc8",       /* mov %eax, %cs */
		".byte\t0x8c, 0xf0",       /* mov from a sixth segment register */
		".byte\t0x0f, 0xb2, 0xc0", /* lss from a register */
		".byte\t0xff, 0xd8",       /* far call by a register */
	};

	emit("%s", PICK(undefined));
}

static void emit_divide(void)
{
	emit("mov\t$0, %%ecx");
	emit("div%c\t%%%s", suffix[LONG], "ecx");
}

static const char *bad_memory(void)
{
	static const char *const addresses[] = { "0x10", "0x40000000", "0xffff800000000000", "0x7ffffffff000", "0x40000ffc", "0x800000000000",
						 "0x7fffffffffffffff" };
	static char text[32];
	uint64_t n = draw(NAMES);

	emit("movabs\t$%s, %%%s", PICK(addresses), names_64[n]);
	snprintf(text, sizeof(text), "(%%%s)", names_64[n]);
	return text;
}

static void emit_fault(void)
{
	static const char *const accesses[] = {
		"mov\t%s, %%rax", "mov\t%%rax, %s", "pushq\t%s", "popq\t%s", "sgdt\t%s", "sidt\t%s", "lgdt\t%s",
		"lidt\t%s", "sldt\t%s", "str\t%s", "smsw\t%s", "lmsw\t%s", "lldt\t%s", "ltr\t%s", "lar\t%s, %%eax", "lsl\t%s, %%eax",
		"verr\t%s", "verw\t%s", "mov\t%%ds, %s", "movw\t%s, %%ds", "lss\t%s, %%eax", "lgs\t%s, %%eax", "ljmp\t*%s",
		"lcall\t*%s", "jmp\t*%s", "call\t*%s",
	};
	static const char *const edges[] = { "mov\t%rax, LAST_PAGE_END-4", "movw\t%ax, LAST_PAGE_END-1", "mov\t%ds, LAST_PAGE_END-1",
					     "sldt\tLAST_PAGE_END-1", "popq\tLAST_PAGE_END-4", "mov\tFIRST_PAGE-4, %rax",
					     "movw\tFIRST_PAGE-1, %es", "pushq\tFIRST_PAGE-4" };
	static const char *const stores[] = { "mov\t%%rax, %s", "sgdt\t%s", "sidt\t%s", "sldt\t%s", "smsw\t%s", "mov\t%%ds, %s" };

	if (one_in(4)) { /* read-only */
		printf("\t");
		printf(PICK(stores), "sequences");
	} else if (one_in(4)) { /* half of it elsewhere */
		emit("%s", PICK(edges));
		return;
	} else {
		const char *operand = bad_memory();

		printf("\t");
		printf(PICK(accesses), operand);
	}
	puts("");
}

/* The stack is gone: what pushes or pops next faults. */
static void emit_bad_stack(void)
{
	static const char *const accesses[] = { "push\t%%rax", "pop\t%%rax", "pushfq", "popfq", "push\t%%fs", "pop\t%%gs", "iretq",
						"lretq", "int\t$0x40", "int\t$0x42", "call\t1f\n1:", "int3", "ud2" };
	static const char *const addresses[] = { "0x10", "0x40000000", "0x7fffffffe000" };

	emit("movabs\t$%s, %%rsp", PICK(addresses));
	printf("\t");
	printf(PICK(accesses));
	puts("");
}

static void emit_bad_jump(void)
{
	static const char *const addresses[] = { "0x10", "0x40000000", "scratch", "0xffff900000000000" };

	emit("movabs\t$%s, %%rax", PICK(addresses));
	emit(one_in(2) ? "jmp\t*%%rax" : "call\t*%%rax");
}

const struct kind kinds[] = {
	{ "arithmetic", 10, emit_arithmetic },
	{ "stack", 6, emit_stack },
	{ "pushf", 4, emit_pushf },
	{ "popf", 5, emit_popf },
	{ "cli", 3, emit_cli },
	{ "sgdt", 3, emit_sgdt },
	{ "sldt", 5, emit_sldt },
	{ "lar", 5, emit_lar },
	{ "verr", 3, emit_verr },
	{ "mov-from-segment", 4, emit_mov_from_segment },
	{ "mov-to-segment", 6, emit_mov_to_segment },
	{ "push-segment", 3, emit_push_segment },
	{ "lss", 3, emit_lss },
	{ "lret", 3, emit_lret },
	{ "far-jump", 3, emit_far_jump },
	{ "iret", 4, emit_iret },
	{ "lldt", 3, emit_lldt },
	{ "lgdt", 2, emit_lgdt },
	{ "control", 5, emit_control },
	{ "debug-register", 3, emit_debug_register },
	{ "clts", 2, emit_clts },
	{ "invlpg", 2, emit_invlpg },
	{ "msr", 5, emit_msr },
	{ "step", 3, emit_step },
	{ "float", 2, emit_float },
	{ "swapgs", 2, emit_swapgs },
	{ "syscall", 2, emit_syscall },
	{ "int", 4, emit_int },
	{ "trap", 2, emit_trap },
	{ "undefined", 1, emit_undefined },
	{ "divide", 1, emit_divide },
	{ "fault", 2, emit_fault },
	{ "bad-stack", 1, emit_bad_stack },
	{ "bad-jump", 1, emit_bad_jump },
	{ 0 },
};
