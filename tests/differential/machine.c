/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"

#include <string.h>

#define PAGE __attribute__((aligned(4096)))

#define MSR_SYSENTER_CS    0x174u
#define MSR_EFER           0xc0000080u
#define MSR_STAR           0xc0000081u
#define MSR_LSTAR          0xc0000082u
#define MSR_CSTAR          0xc0000083u
#define MSR_SFMASK         0xc0000084u
#define MSR_FS_BASE        0xc0000100u
#define MSR_GS_BASE        0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u

#define DR6_INIT UINT64_C(0xffff0ff0)
#define DR7_INIT UINT64_C(0x400)

struct table {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct gate {
	uint16_t offset_0, selector;
	uint8_t ist, type;
	uint16_t offset_16;
	uint32_t offset_32, zero;
};

struct tss {
	uint32_t reserved0;
	uint64_t rsp[3], reserved1, ist[7];
	uint64_t reserved2;
	uint16_t reserved3, io_map;
} __attribute__((packed));

extern const uint8_t stubs[], gate_entry[], syscall_1[], syscall_2[];
void load_code(uint64_t selector);

uint64_t before[REGISTERS], after[REGISTERS];
uint64_t records[(RECORDS + 1) * RECORD_WORDS], *record_next = records;
uint8_t scratch[SCRATCH_BYTES] PAGE, sequence_stack[STACK_BYTES] PAGE;
/* The sequences load these too. */
extern uint64_t gdt[GDT_SLOTS], gdt_2[GDT_SLOTS];
extern struct gate idt[VECTORS], idt_2[VECTORS];
extern const struct table gdt_short, idt_short, gdt_other, idt_other;

uint64_t gdt[GDT_SLOTS] PAGE, gdt_2[GDT_SLOTS] PAGE;
static uint64_t gdt_at_first[GDT_SLOTS], ldt_at_first[LDT_SLOTS];
static uint64_t ldt[LDT_SLOTS] PAGE, ldt_2[LDT_SLOTS];
struct gate idt[VECTORS] PAGE, idt_2[VECTORS] PAGE;
static struct tss tss, tss_2;
static uint8_t ist[4][IST_BYTES] PAGE;

static const struct table gdt_full = { sizeof(gdt) - 1, (uintptr_t)gdt }, idt_full = { sizeof(idt) - 1, (uintptr_t)idt };
/* Others for the sequences: with a limit that leaves out some, and copies elsewhere. */
const struct table gdt_short = { DATA_3 - 1, (uintptr_t)gdt }, idt_short = { 0x30 * 16 - 1, (uintptr_t)idt };
const struct table gdt_other = { sizeof(gdt) - 1, (uintptr_t)gdt_2 }, idt_other = { sizeof(idt) - 1, (uintptr_t)idt_2 };

static uint64_t cr0_at_first, cr4_at_first, efer_at_first;

static uint64_t read_msr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static void write_msr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

/* A descriptor; bits 19 to 16 of the limit stay 0: LAR gives them on some CPUs and not on others. AMD64 APM 2, 4.7 and 4.8. */
static uint64_t descriptor(uint32_t base, uint16_t limit, uint8_t access, uint8_t flags)
{
	return limit | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)access << 40 | (uint64_t)flags << 52 |
	       (uint64_t)(base >> 24) << 56;
}

static uint64_t call_gate(uint8_t access)
{
	uint64_t to = (uintptr_t)gate_entry;

	return (to & 0xffff) | (uint64_t)CODE << 16 | (uint64_t)access << 40 | (to >> 16 & 0xffff) << 48;
}

#define LONG  0x2 /* flags: L */
#define BIG   0x4 /* D or B */
#define PAGES 0x8 /* G */

/* What CS and SS take has been accessed: QEMU does not set that bit at all far transfers. Others are as good as new. */
static void make_descriptors(void)
{
	uint64_t *g = gdt_at_first, *l = ldt_at_first;

	g[CODE / 8] = descriptor(0, 0xffff, 0x9b, LONG | PAGES);
	g[DATA / 8] = descriptor(0, 0xffff, 0x93, BIG | PAGES);
	g[DATA_READ_ONLY / 8] = descriptor(0, 0x1234, 0x90, BIG);
	g[DATA_ABSENT / 8] = descriptor(0, 0xffff, 0x12, BIG | PAGES);
	g[DATA_DOWN / 8] = descriptor(0, 0x0fff, 0x97, BIG);
	g[CODE_CONFORMING / 8] = descriptor(0, 0xffff, 0x9f, LONG | PAGES);
	g[CODE_NO_READ / 8] = descriptor(0, 0xffff, 0x99, LONG | PAGES);
	g[TSS / 8] = descriptor((uintptr_t)&tss, sizeof(tss) - 1, 0x89, 0);
	g[LDT / 8] = descriptor((uintptr_t)ldt, sizeof(ldt) - 1, 0x82, 0);
	g[CALL_GATE / 8] = call_gate(0x8c);
	g[DATA_3 / 8] = descriptor(0, 0xffff, 0xf2, BIG | PAGES);
	g[CODE_3 / 8] = descriptor(0, 0xffff, 0xfb, LONG | PAGES);
	g[CODE_ABSENT / 8] = descriptor(0, 0xffff, 0x1b, LONG | PAGES);
	g[CODE_32 / 8] = descriptor(0, 0xffff, 0x9b, BIG | PAGES);
	g[DATA_BASE / 8] = descriptor((uintptr_t)scratch + 0x200, 0xff, 0x93, 0);
	g[TSS_2 / 8] = descriptor((uintptr_t)&tss_2, sizeof(tss_2) - 1, 0x89, 0);
	g[LDT_ABSENT / 8] = descriptor((uintptr_t)ldt, sizeof(ldt) - 1, 0x02, 0);
	g[GATE_ODD / 8] = call_gate(0x8e);
	g[TSS_BUSY / 8] = descriptor((uintptr_t)&tss_2, sizeof(tss_2) - 1, 0x8b, 0);
	g[LDT_2 / 8] = descriptor((uintptr_t)ldt_2, sizeof(ldt_2) - 1, 0x82, 0);
	g[GATE_ABSENT / 8] = call_gate(0x0c);
	g[DATA_ACCESSED / 8] = descriptor(0, 0xfff0, 0x93, BIG);

	l[LDT_DATA / 8] = descriptor(0, 0xffff, 0x93, BIG | PAGES);
	l[LDT_CODE / 8] = descriptor(0, 0xffff, 0x9b, LONG | PAGES);
	l[LDT_READ_ONLY / 8] = descriptor(0, 0x77, 0x90, BIG);
	l[LDT_NOT_THERE / 8] = descriptor(0, 0xffff, 0x12, BIG);
	l[LDT_BASE / 8] = descriptor((uintptr_t)scratch + 0x300, 0x55, 0x93, 0);
}

/* The gates from 32 on, by their last hexadecimal digit. */
static const struct {
	uint16_t selector;
	uint8_t ist, type;
} gate_kinds[16] = {
	{ CODE, 0, 0x8e },             /* 0: interrupt gate */
	{ CODE, 0, 0x8f },             /* 1: trap gate */
	{ CODE, 1, 0x8e },             /* 2: with a stack of its own */
	{ CODE, 2, 0x8f },             /* 3 */
	{ CODE, 0, 0x0e },             /* 4: not present: #NP */
	{ GDT_SLOTS * 8, 0, 0x8e },    /* 5: beyond the GDT: #GP */
	{ 0, 0, 0x8e },                /* 6: null: #GP */
	{ DATA, 0, 0x8e },             /* 7: not code: #GP */
	{ CODE_ABSENT, 0, 0x8e },      /* 8: #NP */
	{ CODE_CONFORMING, 0, 0x8e },  /* 9 */
	{ CODE, 0, 0xee },             /* a: for ring 3 too */
	{ CODE, 0, 0x8c },             /* b: a call gate: #GP */
	{ CODE_32, 0, 0x8e },          /* c: not 64-bit code: #GP */
	{ LDT_CODE, 0, 0x8e },         /* d: of the LDT */
	{ CODE_NO_READ, 1, 0x8f },     /* e */
	{ CODE, 0, 0x80 },             /* f: no type at all: #GP */
};

static void make_gates(void)
{
	for (unsigned vector = 0; vector < VECTORS; vector++) {
		uint64_t to = (uintptr_t)stubs + vector * STUB_BYTES;
		struct gate *gate = &idt[vector];

		gate->offset_0 = (uint16_t)to;
		gate->offset_16 = (uint16_t)(to >> 16);
		gate->selector = CODE;
		gate->type = vector == 0 || vector == 3 ? 0x8f : 0x8e;
		/* A sequence may have spoiled its stack: #DF, #SS and #PF have one of their own. */
		gate->ist = vector == 8 || vector == 12 ? 1 : vector == 14 || vector == 6 ? 2 : 0;
		if (vector >= 32) {
			gate->selector = gate_kinds[vector % 16].selector;
			gate->ist = gate_kinds[vector % 16].ist;
			gate->type = gate_kinds[vector % 16].type;
		}
		/* The other IDT leads to the same places, by other stacks and kinds of gates. */
		idt_2[vector] = *gate;
		if (vector != 8 && vector != 12 && vector != 14)
			idt_2[vector].ist = (uint8_t)((gate->ist + 1) % 3);
		if (vector != 0x20)
			idt_2[vector].type ^= vector >= 32 && vector < 48;
	}
}

void machine_init(void)
{
	make_descriptors();
	make_gates();
	for (unsigned i = 0; i < 2; i++) {
		tss.ist[i] = (uintptr_t)ist[i + 1];
		tss_2.ist[i] = (uintptr_t)ist[i + 3];
	}
	tss.io_map = tss_2.io_map = sizeof(tss);
	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0_at_first));
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4_at_first));
	efer_at_first = read_msr(MSR_EFER);
}

static void reset_descriptors(void)
{
	memcpy(gdt, gdt_at_first, sizeof(gdt));
	memcpy(gdt_2, gdt_at_first, sizeof(gdt_2));
	memcpy(ldt, ldt_at_first, sizeof(ldt));
	memcpy(ldt_2, ldt_at_first, sizeof(ldt_2));
	__asm__ volatile("lgdt %0" : : "m"(gdt_full) : "memory");
	__asm__ volatile("lidt %0" : : "m"(idt_full) : "memory");
	load_code(CODE);
	__asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs; mov %0, %%ss" : : "r"(DATA) : "memory");
	__asm__ volatile("lldt %w0" : : "r"(LDT) : "memory");
	__asm__ volatile("ltr %w0" : : "r"(TSS) : "memory");
}

static void reset_debug(void)
{
	__asm__ volatile("mov %0, %%dr7" : : "r"(DR7_INIT));
	__asm__ volatile("mov %0, %%dr6" : : "r"(DR6_INIT));
	__asm__ volatile("mov %0, %%dr0; mov %0, %%dr1; mov %0, %%dr2; mov %0, %%dr3" : : "r"(UINT64_C(0)));
}

void machine_reset(void)
{
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0_at_first));
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4_at_first));
	__asm__ volatile("mov %0, %%cr2; mov %0, %%cr8" : : "r"(UINT64_C(0)));
	reset_descriptors();
	reset_debug();
	write_msr(MSR_EFER, efer_at_first);
	write_msr(MSR_STAR, (uint64_t)CODE << 32);
	write_msr(MSR_LSTAR, (uintptr_t)syscall_1);
	write_msr(MSR_CSTAR, 0);
	write_msr(MSR_SFMASK, 0x300); /* TF, IF */
	write_msr(MSR_FS_BASE, (uintptr_t)scratch + 0x100);
	write_msr(MSR_GS_BASE, (uintptr_t)scratch + 0x180);
	write_msr(MSR_KERNEL_GS_BASE, (uintptr_t)scratch + 0x280);
	for (uint32_t i = 0; i < 3; i++)
		write_msr(MSR_SYSENTER_CS + i, 0);
}

void machine_read(struct state *s)
{
	struct table table;
	uint16_t selector;

	__asm__ volatile("sgdt %0" : "=m"(table));
	s->gdtr_base = table.base;
	s->gdtr_limit = table.limit;
	__asm__ volatile("sidt %0" : "=m"(table));
	s->idtr_base = table.base;
	s->idtr_limit = table.limit;
	__asm__ volatile("sldt %0" : "=m"(selector));
	s->ldtr = selector;
	__asm__ volatile("str %0" : "=m"(selector));
	s->tr = selector;
	__asm__ volatile("smsw %0" : "=r"(s->smsw));
	__asm__ volatile("mov %%cr0, %0" : "=r"(s->cr0));
	__asm__ volatile("mov %%cr2, %0" : "=r"(s->cr2));
	__asm__ volatile("mov %%cr4, %0" : "=r"(s->cr4));
	__asm__ volatile("mov %%cr8, %0" : "=r"(s->cr8));
	s->efer = read_msr(MSR_EFER);
	s->fs_base = read_msr(MSR_FS_BASE);
	s->gs_base = read_msr(MSR_GS_BASE);
	s->kernel_gs_base = read_msr(MSR_KERNEL_GS_BASE);
	s->star = read_msr(MSR_STAR);
	s->lstar = read_msr(MSR_LSTAR);
	s->cstar = read_msr(MSR_CSTAR);
	s->sfmask = read_msr(MSR_SFMASK);
	for (uint32_t i = 0; i < 3; i++)
		s->sysenter[i] = read_msr(MSR_SYSENTER_CS + i);
	__asm__ volatile("mov %%dr0, %0" : "=r"(s->dr[0]));
	__asm__ volatile("mov %%dr1, %0" : "=r"(s->dr[1]));
	__asm__ volatile("mov %%dr2, %0" : "=r"(s->dr[2]));
	__asm__ volatile("mov %%dr3, %0" : "=r"(s->dr[3]));
	__asm__ volatile("mov %%dr6, %0" : "=r"(s->dr[6]));
	__asm__ volatile("mov %%dr7, %0" : "=r"(s->dr[7]));
	memcpy(s->gdt, gdt, sizeof(s->gdt));
	memcpy(s->gdt_2, gdt_2, sizeof(s->gdt_2));
	memcpy(s->ldt, ldt, sizeof(s->ldt));
	memcpy(s->ldt_2, ldt_2, sizeof(s->ldt_2));
	memcpy(s->scratch, scratch, sizeof(s->scratch));
	memcpy(s->stack, sequence_stack, sizeof(s->stack));
}
