/* SPDX-License-Identifier: Apache-2.0 */
/* Far transfers, and what leads to a handler. */
#include "kinds.h"

/* --- far transfers --- */

/* QEMU heeds base and size of SS where a far transfer's operands have 32 bits. */
static void flat_stack(void)
{
	emit("mov\t$0x%x, %%ecx", DATA);
	emit("mov\t%%ecx, %%ss");
}

void emit_lret(void)
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

void emit_far_jump(void)
{
	static const uint16_t gates[] = { CALL_GATE, CALL_GATE, GATE_ABSENT, CALL_GATE + 8 };
	unsigned drawn = one_in(4) ? PICK(gates) : code_selector();
	/* A jump through a gate would come back by a return that has nothing to return to. */
	int call = drawn == CALL_GATE || one_in(2);
	const char *operand;

	flat_stack();
	operand = memory(6);
	emit("movl\t$1f, %s", operand);
	emit("movw\t$0x%x, %s", drawn, further(operand, 4));
	emit("%s\t*%s", call ? "lcall" : "ljmp", operand);
	puts("1:");
}

static void iret(uint64_t to, unsigned code, unsigned stack)
{
	emit("mov\t%%rsp, %%rax");
	emit("pushq\t$0x%x", stack);
	emit("push\t%%rax");
	emit("pushq\t$0x%llx", (unsigned long long)to);
	emit("pushq\t$0x%x", code);
	emit("pushq\t$1f");
	emit("iretq");
	puts("1:");
}

/* With 32-bit operands: what was pushed in quads is made longs. */
static void iret_long(uint64_t to, unsigned code, unsigned stack)
{
	const uint64_t frame[] = { code, to, 0, stack };

	flat_stack();
	emit("sub\t$40, %%rsp");
	emit("movl\t$1f, (%%rsp)");
	for (unsigned i = 0; i < COUNT(frame); i++)
		emit("movl\t$0x%llx, %u(%%rsp)", (unsigned long long)frame[i], 4 + i * 4);
	emit("mov\t%%esp, 12(%%rsp)");
	emit("iretl");
	puts("1:");
}

void emit_iret(void)
{
	static const uint16_t bad_stacks[] = { DATA_READ_ONLY, CODE, DATA_3, GDT_SLOTS * 8, TSS };
	unsigned stack = one_in(4) ? PICK(bad_stacks) : one_in(4) ? 0 : data_selector();

	(one_in(4) ? iret_long : iret)(flags() & ~0x20000ull, code_selector(), stack); /* not VM: QEMU heeds it */
}

/* TF from a frame; of the others none that changes how exceptions are taken. */
void emit_iret_to_step(void)
{
	iret(0x102 | (draw(0x1000) & 0xcd5), CODE, DATA);
}

/* --- what traps --- */

void emit_syscall(void)
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

void emit_int(void)
{
	unsigned vector = one_in(3) ? (unsigned)draw(32) : (unsigned)draw(VECTORS);

	emit("int\t$0x%x", vector);
}

void emit_trap(void)
{
	emit("int3");
}

void emit_undefined(void)
{
	static const char *const undefined[] = {
		"ud2", "ud2", "xsetbv", "xgetbv", "rdfsbase\t%rax", "wrgsbase\t%rcx", "rdgsbase\t%edx", "wrfsbase\t%ebx",
		".byte\t0x0f, 0x20, 0xc8", /* mov %cr1, %rax */
		".byte\t0x0f, 0x22, 0xe9", /* mov %rcx, %cr5 */
		".byte\t0x8e, 0xc8",       /* mov %eax, %cs */
		".byte\t0x8c, 0xf0",       /* mov from a sixth segment register */
	};

	emit("%s", PICK(undefined));
}

void emit_divide(void)
{
	emit("mov\t$0, %%ecx");
	emit("divl\t%%ecx");
}

static const char *bad_memory(void)
{
	static const char *const addresses[] = { "0x10", "0x40000000", "0xffff800000000000", "0x7ffffffff000", "0x40000ffc",
						 "0x800000000000", "0x7fffffffffffffff" };
	static char text[32];
	uint64_t n;

	do
		n = draw(NAMES);
	while (n == RBP); /* which is by SS: QEMU has #GP where #SS is due */
	emit("movabs\t$%s, %%%s", PICK(addresses), name(QUAD, n));
	snprintf(text, sizeof(text), "(%%%s)", name(QUAD, n));
	return text;
}

void emit_fault(void)
{
	static const char *const accesses[] = {
		"mov\t%s, %%rax", "mov\t%%rax, %s", "pushq\t%s", "popq\t%s", "sgdt\t%s", "sidt\t%s", "lgdt\t%s",
		"lidt\t%s", "sldt\t%s", "str\t%s", "smsw\t%s", "lmsw\t%s", "lldt\t%s", "ltr\t%s", "lar\t%s, %%eax",
		"lsl\t%s, %%eax", "verr\t%s", "verw\t%s", "mov\t%%ds, %s", "movw\t%s, %%ds", "lss\t%s, %%eax",
		"lgs\t%s, %%eax", "ljmp\t*%s", "lcall\t*%s", "jmp\t*%s", "call\t*%s",
	};
	static const char *const edges[] = { "mov\t%rax, LAST_PAGE_END-4", "movw\t%ax, LAST_PAGE_END-1",
					     "mov\t%ds, LAST_PAGE_END-1", "sldt\tLAST_PAGE_END-1", "popq\tLAST_PAGE_END-4",
					     "mov\tFIRST_PAGE-4, %rax", "movw\tFIRST_PAGE-1, %es", "pushq\tFIRST_PAGE-4" };
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
void emit_bad_stack(void)
{
	static const char *const accesses[] = { "push\t%rax", "pop\t%rax", "pushfq", "popfq", "push\t%fs", "pop\t%gs", "iretq",
						"lretq", "int\t$0x40", "int\t$0x42", "call\t1f\n1:", "int3", "ud2" };
	/* Below 4 GiB: QEMU cuts what is above where a far call has operands of 32 bits. */
	static const char *const addresses[] = { "0x10", "0x40000000", "0x50000ff8" };

	emit("movabs\t$%s, %%rsp", PICK(addresses));
	emit("%s", PICK(accesses));
}

void emit_bad_jump(void)
{
	static const char *const addresses[] = { "0x10", "0x40000000", "scratch", "0xffff900000000000" };

	emit("movabs\t$%s, %%rax", PICK(addresses));
	emit(one_in(2) ? "jmp\t*%%rax" : "call\t*%%rax");
}
