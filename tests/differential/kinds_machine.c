/* SPDX-License-Identifier: Apache-2.0 */
/* What ring 3 may not do: the machine's registers. */
#include "kinds.h"

void emit_lldt(void)
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

void emit_lgdt(void)
{
	static const char *const loads[] = { "lgdt\tgdt_short", "lgdt\tgdt_other", "lidt\tidt_short", "lidt\tidt_other" };

	emit("%s", PICK(loads));
}

void emit_control(void)
{
	static const unsigned cr0[] = { 1, 5, 18 }, cr4[] = { 2, 3, 6, 7, 8, 30 };
	uint64_t n = draw(NAMES);

	switch (draw(8)) {
	case 0:
		emit("mov\t%%cr0, %%%s", name(QUAD, n));
		break;
	case 1:
		emit("mov\t%%cr4, %%%s", name(QUAD, n));
		break;
	case 2:
		emit("mov\t%%cr3, %%%s", name(QUAD, n));
		emit("mov\t%%%s, %%cr3", name(QUAD, n));
		emit("mov\t$0, %%%s", name(LONG, n));
		break;
	case 3:
		emit("mov\t%%cr0, %%%s", name(QUAD, n));
		emit("btc\t$%u, %%%s", PICK(cr0), name(QUAD, n));
		emit("mov\t%%%s, %%cr0", name(QUAD, n));
		emit("cmp\t%%al, %%al"); /* BTC leaves some flags undefined */
		break;
	case 4:
		emit("mov\t%%cr4, %%%s", name(QUAD, n));
		emit("btc\t$%u, %%%s", PICK(cr4), name(QUAD, n));
		emit("mov\t%%%s, %%cr4", name(QUAD, n));
		emit("cmp\t%%al, %%al");
		break;
	case 5:
		emit("movabs\t$0x%llx, %%%s", (unsigned long long)value(), name(QUAD, n));
		emit("mov\t%%%s, %%cr2", name(QUAD, n));
		emit("mov\t%%cr2, %%%s", any(QUAD));
		break;
	case 6:
		emit("mov\t%%cr2, %%%s", name(QUAD, n));
		break;
	default:
		emit("mov\t$%u, %%%s", (unsigned)draw(16), name(LONG, n));
		emit("mov\t%%%s, %%cr8", name(QUAD, n));
		emit("mov\t%%cr8, %%%s", any(QUAD));
		break;
	}
}

void emit_debug_register(void)
{
	static const uint64_t dr6[] = { 0xffff0ff0, 0xffff4fff, 0xffff4ff1, UINT64_C(1) << 32 };
	static const uint64_t dr7[] = { 0x400, 0, 0x700, 0x300, UINT64_C(1) << 32 };
	static const unsigned readable[] = { 0, 1, 2, 3, 6, 7 };
	uint64_t n = draw(NAMES);

	switch (draw(4)) {
	case 0:
		emit("movabs\t$0x%llx, %%%s", (unsigned long long)value(), name(QUAD, n));
		emit("mov\t%%%s, %%dr%u", name(QUAD, n), (unsigned)draw(4));
		break;
	case 1:
		emit("movabs\t$0x%llx, %%%s", (unsigned long long)PICK(dr6), name(QUAD, n));
		emit("mov\t%%%s, %%dr6", name(QUAD, n));
		break;
	case 2:
		emit("movabs\t$0x%llx, %%%s", (unsigned long long)PICK(dr7), name(QUAD, n));
		emit("mov\t%%%s, %%dr7", name(QUAD, n));
		break;
	default:
		emit("mov\t%%dr%u, %%%s", PICK(readable), name(QUAD, n));
		break;
	}
}

void emit_clts(void)
{
	uint64_t n = draw(NAMES);

	if (one_in(2)) {
		emit("clts");
	} else {
		emit("mov\t$%u, %%%s", (unsigned)draw(4), name(LONG, n));
		emit("lmsw\t%%%s", name(WORD, n));
	}
}

void emit_invlpg(void)
{
	if (one_in(3))
		emit("wbinvd");
	else
		emit("invlpg\t%s", memory(1));
}

#define SCE 1

void emit_msr(void)
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

/* Without CR0.TS and EM, with which a guest is refused where ring 0 is emulated. */
void emit_float(void)
{
	static const char *const mnemonics[] = { "fnop", "fwait", "fldz", "movaps\t%xmm0, %xmm1", "addps\t%xmm2, %xmm3" };

	emit("%s", PICK(mnemonics));
}

void emit_swapgs(void)
{
	emit("swapgs");
}
