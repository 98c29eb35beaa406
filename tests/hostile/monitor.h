/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways to misbehave towards the monitor, which a guest for ring 0 has in its own address space where it runs at ring 3
 * (vmm/monitor/shared.h); at ring 0 nothing is there. Included once, by a native guest and by one of Solo5's ABI, after <stdio.h>,
 * <string.h> and a `struct way`.
 */
#ifndef HOSTILE_MONITOR_H
#define HOSTILE_MONITOR_H

#include "vmm/monitor/shared.h"

#define MONITOR(offset) (MONITOR_VIRTUAL + (offset))
#define NOT_MAPPED      0x7f0000000000ull
#define NOT_CANONICAL   (1ull << 60)
#define REQUEST_NONE    REQUESTS
#define PF_FETCH        0x15u /* present, user, fetch */
#define PF_WRITE        0x7u

static volatile struct monitor_state *monitor_state(void)
{
	return (volatile struct monitor_state *)MONITOR(MONITOR_STATE);
}

/* xorshift: the same at each run. */
static uint64_t noise_state = 88172645463325252;

static uint64_t noise(void)
{
	noise_state ^= noise_state << 13;
	noise_state ^= noise_state >> 7;
	noise_state ^= noise_state << 17;
	return noise_state;
}

/* ---- what leads into the monitor ---- */

static void ring_doorbell(uint32_t request)
{
	__asm__ volatile("outl %0, %1" : : "a"(request), "Nd"((uint16_t)MONITOR_PORT) : "memory");
}

struct pseudo_descriptor {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

static void provoke(void)
{
	struct pseudo_descriptor gdtr;
	uint64_t value;

	__asm__ volatile("cli");
	__asm__ volatile("pushfq; popq %0" : "=r"(value));
	__asm__ volatile("sgdt %0" : "=m"(gdtr));
	__asm__ volatile("mov %%cr0, %0" : "=r"(value));
	printf("it goes on\n");
}

static void ud2(void)
{
	__asm__ volatile("ud2");
}

/* ---- its memory overwritten ---- */

static void write_bytes(uint64_t at, uint64_t bytes, uint8_t byte)
{
	__asm__ volatile("rep stosb" : "+D"(at), "+c"(bytes) : "a"(byte) : "memory");
}

static void write_noise(uint64_t at, uint64_t bytes)
{
	for (uint64_t i = 0; i < bytes; i += 8)
		*(volatile uint64_t *)(at + i) = noise();
}

#define WRITE(name, offset, bytes)                                                                       \
	static void name##_zeros(void) { write_bytes(MONITOR(offset), bytes, 0), provoke(), ud2(); }     \
	static void name##_ones(void) { write_bytes(MONITOR(offset), bytes, 0xff), provoke(), ud2(); }   \
	static void name##_noise(void) { write_noise(MONITOR(offset), bytes), provoke(), ud2(); }

WRITE(tables, MONITOR_TABLES, 0x3000)
WRITE(page_table, MONITOR_TABLES + 0x2000, 0x1000)
WRITE(system, MONITOR_SYSTEM, 0x1000)
WRITE(trap_stack, MONITOR_TRAP_STACK, 0x1000)
WRITE(stack, MONITOR_STACK, 0x2000)
WRITE(state, MONITOR_STATE, 0x1000)
WRITE(text, MONITOR_TEXT, 0x1000)
WRITE(output, MONITOR_OUTPUT, 0x1000)
WRITE(sites, MONITOR_SITES, 0x1000)
WRITE(split, MONITOR_SPLIT, 0x10000)
WRITE(guest_tables, MONITOR_GUEST_TABLES, 0x1000)

#define WRITES(name) \
	{ "write-" #name "-zeros", name##_zeros }, { "write-" #name "-ones", name##_ones }, \
	{ "write-" #name "-noise", name##_noise }

/* The page table of its area leads all of it to the first pages of RAM. */
static void page_table_to_low_ram(void)
{
	for (unsigned i = 0; i < 512; i++)
		((volatile uint64_t *)MONITOR(MONITOR_TABLES + 0x2000))[i] = i * 0x1000 | 0x67;
	provoke();
}

/* Its text made writable by its own table, and written to: nothing but this guest's runs it. */
static void text_made_writable(void)
{
	volatile uint64_t *table = (volatile uint64_t *)MONITOR(MONITOR_TABLES + 0x2000);

	for (unsigned i = MONITOR_TEXT / 0x1000; i < MONITOR_TEXT_END / 0x1000; i++)
		table[i] |= 2;
	provoke();
	write_bytes(MONITOR(MONITOR_TEXT), MONITOR_TEXT_END - MONITOR_TEXT, 0x90);
	provoke();
}

/* What the CPU uses, the same way: I/O bitmap and gates of zeros and ones. */
static void system_made_writable(void)
{
	((volatile uint64_t *)MONITOR(MONITOR_TABLES + 0x2000))[MONITOR_SYSTEM / 0x1000] |= 2;
	provoke();
	write_bytes(MONITOR(MONITOR_SYSTEM), 0x200, 0);
	__asm__ volatile("outl %%eax, $0x80" : : "a"(0));
	write_noise(MONITOR(MONITOR_SYSTEM), 0x1000);
	provoke();
	ud2();
}

static void sites_made_writable(void)
{
	for (unsigned i = MONITOR_SITES / 0x1000; i < MONITOR_SITES_END / 0x1000; i++)
		((volatile uint64_t *)MONITOR(MONITOR_TABLES + 0x2000))[i] |= 2;
	provoke();
	write_noise(MONITOR(MONITOR_SITES), MONITOR_SITES_END - MONITOR_SITES);
	provoke();
}

/* Table entries that lead to what is no RAM. */
static void page_table_outside_ram(void)
{
	for (unsigned i = 0; i < 512; i++)
		((volatile uint64_t *)MONITOR(MONITOR_TABLES + 0x2000))[i] = 0x40000000 | i * 0x1000 | 0x67;
	provoke();
}

static void page_table_of_the_apic(void)
{
	volatile uint64_t *table = (volatile uint64_t *)MONITOR(MONITOR_TABLES + 0x2000);
	volatile uint32_t *apic = (volatile uint32_t *)MONITOR(0x1ff000);

	table[511] = 0xfee00067;
	apic[0xf0 / 4] = 0x1ff;
	apic[0x300 / 4] = 0x440ff; /* NMI, itself */
	apic[0x3e0 / 4] = 0xb;
	apic[0x320 / 4] = 0x20040;
	apic[0x380 / 4] = 1000;
	provoke();
	apic[0x300 / 4] = 0x44500; /* INIT */
	provoke();
}

/* ---- its state ---- */

#define FIELD(name, ...)               \
	static void name(void)         \
	{                              \
		volatile struct monitor_state *s __attribute__((unused)) = monitor_state(); \
		__VA_ARGS__;           \
		provoke();             \
		provoke();             \
		ud2();                 \
	}

FIELD(head_before_tail, s->output_head = s->output_tail - 1)
FIELD(head_far_away, s->output_head = s->output_tail + 0x80000000u)
FIELD(head_4097, s->output_head = s->output_tail + 4097)
FIELD(head_4096, s->output_head = s->output_tail + 4096)
FIELD(tail_far_away, s->output_tail = 0x7fffffff)
FIELD(output_calls_wrap, s->output_calls = 0xffffffff)
FIELD(site_count_ones, s->site_count = UINT64_MAX)
FIELD(site_count_0, s->site_count = 0)
FIELD(ram_bytes_ones, s->ram_bytes = UINT64_MAX)
FIELD(ram_bytes_0, s->ram_bytes = 0)
FIELD(output_port_other, s->output_port = 0x3f8)
FIELD(measures_ones, s->measures = 0xffff)
FIELD(counts_ones, for (unsigned i = 0; i < X86_IDS; i++) { s->counts[i] = UINT32_MAX; s->cycles[i] = UINT64_MAX; })
FIELD(stores_wild, s->store_count = UINT64_MAX; for (unsigned i = 0; i < MONITOR_STORES_MAX; i++) s->stores[i].at = noise())
FIELD(fixup_ones, s->fixup = UINT64_MAX)
FIELD(fixup_null, s->fixup = 1)
FIELD(fixup_entry, s->fixup = MONITOR(MONITOR_TEXT))
FIELD(frame_noise, write_noise(MONITOR(MONITOR_STATE + MONITOR_FRAME), MONITOR_FRAME_BYTES))
FIELD(cpu_noise, write_noise((uint64_t)(uintptr_t)&s->cpu, sizeof(s->cpu)))
FIELD(cpu_zeros, write_bytes((uint64_t)(uintptr_t)&s->cpu, sizeof(s->cpu), 0))
FIELD(argument_ones, s->argument = s->answer = UINT64_MAX)
FIELD(idt_in_monitor, s->cpu.idtr.base = MONITOR(MONITOR_STATE))
FIELD(idt_not_mapped, s->cpu.idtr.base = NOT_MAPPED)
FIELD(idt_not_canonical, s->cpu.idtr.base = NOT_CANONICAL)
FIELD(idt_wraps, s->cpu.idtr.base = UINT64_MAX - 8)
FIELD(idt_limit_ones, s->cpu.idtr.limit = UINT64_MAX)
FIELD(gdt_in_monitor, s->cpu.gdtr.base = MONITOR(MONITOR_SYSTEM))
FIELD(gdt_not_canonical, s->cpu.gdtr.base = NOT_CANONICAL)
FIELD(ldt_noise, s->cpu.ldtr.base = noise(); s->cpu.ldtr.limit = UINT32_MAX; s->cpu.ldtr.selector = 0xfff8)
FIELD(tss_in_monitor, s->cpu.tr.base = MONITOR(MONITOR_STACK); s->cpu.tr.limit = UINT32_MAX)
FIELD(tss_not_canonical, s->cpu.tr.base = NOT_CANONICAL; s->cpu.tr.limit = UINT32_MAX)
FIELD(cr0_ones, s->cpu.cr0 = UINT64_MAX; ring_doorbell(REQUEST_CONTROL))
FIELD(cr0_zero, s->cpu.cr0 = 0; ring_doorbell(REQUEST_CONTROL))
FIELD(cr4_ones, s->cpu.cr4 = UINT64_MAX; ring_doorbell(REQUEST_CONTROL))
FIELD(cr4_zero, s->cpu.cr4 = 0; ring_doorbell(REQUEST_CONTROL))
FIELD(bases_not_canonical, s->cpu.fs_base = NOT_CANONICAL; ring_doorbell(REQUEST_BASES))
FIELD(bases_in_monitor, s->cpu.fs_base = s->cpu.gs_base = MONITOR(MONITOR_STATE); ring_doorbell(REQUEST_BASES))
FIELD(xcr0_ones, s->argument = UINT64_MAX; ring_doorbell(REQUEST_MSR))
FIELD(xcr0_avx, s->argument = 7; ring_doorbell(REQUEST_MSR))
FIELD(xcr0_zero, s->argument = 0; ring_doorbell(REQUEST_MSR))

#define SEED(n)                                                                                       \
	static void seed_##n(void)                                                                    \
	{                                                                                             \
		noise_state += n * 0x9e3779b97f4a7c15ull;                                             \
		write_noise(MONITOR(MONITOR_STATE), sizeof(struct monitor_state) & -8ull);            \
		for (unsigned i = 0; i < 4; i++)                                                      \
			provoke();                                                                    \
		ud2();                                                                                \
	}
SEED(1) SEED(2) SEED(3) SEED(4) SEED(5) SEED(6) SEED(7) SEED(8) SEED(9) SEED(10) SEED(11) SEED(12)

/* ---- its doorbell ---- */

#define RING(n)                                                                                \
	static void ring_##n(void) { ring_doorbell(n), provoke(); }                            \
	static void ring_noise_##n(void)                                                       \
	{                                                                                      \
		for (unsigned i = 0; i < 40; i++) {                                            \
			write_noise(MONITOR(MONITOR_STATE), sizeof(struct monitor_state) & -8ull); \
			ring_doorbell(n);                                                      \
		}                                                                              \
	}
#define RINGS(n) { "ring-" #n, ring_##n }, { "ring-noise-" #n, ring_noise_##n }
RING(0) RING(1) RING(2) RING(3) RING(4) RING(5) RING(6) RING(7) RING(8) RING(9) RING(10) RING(11) RING(0x80000001) RING(0xffffffff)

static void ring_8_bits(void) { __asm__ volatile("outb %%al, $0xf0" : : "a"(2)); provoke(); }
static void ring_16_bits(void) { __asm__ volatile("outw %%ax, $0xf0" : : "a"(2)); provoke(); }

static void ring_read(void)
{
	uint32_t value;

	__asm__ volatile("inl $0xf0, %0" : "=a"(value));
	provoke();
}

static void ring_by_string(void)
{
	static const uint32_t requests[] = { REQUEST_OUTPUT, REQUEST_OUTPUT, REQUEST_FLUSH, REQUEST_BASES };
	const void *from = requests;
	uint64_t count = 4;

	__asm__ volatile("rep outsl" : "+S"(from), "+c"(count) : "d"((uint16_t)MONITOR_PORT) : "memory");
	provoke();
}

/* Into the bytes before it, whose bits the I/O bitmap has too. */
static void ring_beside(void)
{
	__asm__ volatile("outl %%eax, $0xef" : : "a"(2));
}

static void refusals_of_any_number(void)
{
	monitor_state()->argument = 0x100000005ull;
	ring_doorbell(REQUEST_REFUSE);
}

static void refusal_of_xcr0(void)
{
	monitor_state()->argument = REFUSE_XCR0;
	ring_doorbell(REQUEST_REFUSE);
}

static void refusal_of_an_msr(void)
{
	monitor_state()->argument = REFUSE_MSR;
	monitor_state()->frame.regs[1] = UINT64_MAX;
	ring_doorbell(REQUEST_REFUSE);
}

/* Any port, any width, in either direction: as if it had been an instruction. */
static void ask_port(uint16_t port, uint8_t bytes, uint8_t in, uint32_t value)
{
	volatile struct monitor_state *s = monitor_state();

	s->port = port;
	s->port_bytes = bytes;
	s->port_in = in;
	s->port_value = value;
	ring_doorbell(REQUEST_PORT);
}

static void port_monitors(void) { ask_port(MONITOR_PORT, 4, 0, REQUEST_OUTPUT); }
static void port_call_outside(void) { ask_port(0xe8, 4, 0, UINT32_MAX); }
static void port_fault(void) { ask_port(0xec, 4, 0, 0); }
static void port_narrow(void) { ask_port(0xe8, 0, 0, 0); }
static void port_read(void) { ask_port(0xe8, 4, 255, 0); }
static void port_puts_outside(void) { ask_port(0x502, 4, 0, UINT32_MAX); }
static void port_serial(void) { ask_port(0x3f8, 255, 0, 'x'); }

static void page_fault_lies(uint64_t error, uint64_t rip)
{
	volatile struct monitor_state *s = monitor_state();

	for (unsigned i = 0; i < 300; i++) {
		s->frame.error = error;
		s->frame.rip = rip;
		ring_doorbell(REQUEST_PAGE_FAULT);
	}
	provoke();
}

static void page_fault_fetched(void) { page_fault_lies(PF_FETCH, 0); }
static void page_fault_fetched_far_away(void) { page_fault_lies(PF_FETCH, UINT64_MAX); }
static void page_fault_written(void) { page_fault_lies(PF_WRITE, 0); }
static void page_fault_ones(void) { page_fault_lies(UINT64_MAX, (uintptr_t)page_fault_ones); }

static void doorbell_for_ever(void)
{
	for (;;)
		ring_doorbell(REQUEST_OUTPUT);
}

static void flushes_for_ever(void)
{
	for (;;)
		ring_doorbell(REQUEST_FLUSH);
}

/* ---- its text entered where no exception leads ---- */

static void jump(uint64_t to)
{
	__asm__ volatile("call *%0"
			 : : "r"(to), "D"(MONITOR(MONITOR_STATE)), "a"(2ull), "S"(0x100000ull), "c"(64ull), "d"(64ull)
			 : "memory", "rbx", "r8", "r9", "r10", "r11");
	provoke();
}

#define JUMP(n) static void jump_##n(void) { jump(MONITOR(MONITOR_TEXT) + n * 0x133); }
#define JUMPS(n) { "jump-" #n, jump_##n }
JUMP(0) JUMP(1) JUMP(2) JUMP(3) JUMP(4) JUMP(5) JUMP(6) JUMP(7) JUMP(8) JUMP(9) JUMP(10) JUMP(11) JUMP(12) JUMP(13) JUMP(14)
JUMP(15) JUMP(16) JUMP(17) JUMP(18) JUMP(19) JUMP(20) JUMP(21) JUMP(22) JUMP(23) JUMP(24) JUMP(25) JUMP(26) JUMP(27) JUMP(28)
JUMP(29) JUMP(30) JUMP(31) JUMP(32) JUMP(33) JUMP(34) JUMP(35) JUMP(36) JUMP(37) JUMP(38) JUMP(39)

static void jump_to_state(void) { jump(MONITOR(MONITOR_STATE)); }
static void jump_to_system(void) { jump(MONITOR(MONITOR_SYSTEM)); }
static void jump_to_the_end(void) { jump(MONITOR(MONITOR_TEXT_END) - 1); }
static void jump_behind(void) { jump(MONITOR(MONITOR_VIRTUAL_BYTES) - 2); }

/* ---- faults that lead to faults ---- */

static struct gate {
	uint16_t offset_0, selector;
	uint8_t ist, type;
	uint16_t offset_16;
	uint32_t offset_32, reserved;
} own_idt[32] __attribute__((aligned(16)));

static void lidt(uint64_t base, uint16_t limit)
{
	struct pseudo_descriptor idtr = { limit, base };

	__asm__ volatile("lidt %0" : : "m"(idtr));
}

static void gates_lead_to(uint64_t at)
{
	uint16_t code;

	__asm__ volatile("mov %%cs, %0" : "=r"(code));
	for (unsigned i = 0; i < 32; i++)
		own_idt[i] = (struct gate){ (uint16_t)at, code, 0, 0x8e, (uint16_t)(at >> 16), (uint32_t)(at >> 32), 0 };
	lidt((uintptr_t)own_idt, sizeof(own_idt) - 1);
}

extern const uint8_t hostile_returns[], hostile_stays[], hostile_faults[];
__asm__(".text\n"
	"hostile_returns: iretq\n"
	"hostile_stays: mov (%rsp), %rax; jmp *%rax\n"
	"hostile_faults: ud2\n");

static void handler_returns_to_ud2(void) { gates_lead_to((uintptr_t)hostile_returns), ud2(); }
static void handler_faults(void) { gates_lead_to((uintptr_t)hostile_faults), ud2(); }
static void handler_jumps_back(void) { gates_lead_to((uintptr_t)hostile_stays), ud2(); }
static void handler_not_mapped(void) { gates_lead_to(NOT_MAPPED), ud2(); }
static void handler_in_monitor(void) { gates_lead_to(MONITOR(MONITOR_TEXT)), ud2(); }
static void handler_in_monitors_state(void) { gates_lead_to(MONITOR(MONITOR_STATE)), ud2(); }
static void handler_at_the_end(void) { gates_lead_to(UINT64_MAX), ud2(); }
static void handler_not_canonical(void) { gates_lead_to(NOT_CANONICAL), ud2(); }
static void handler_is_data(void) { gates_lead_to((uintptr_t)own_idt), ud2(); }

static void no_gates(void) { lidt(0, 0), ud2(); }
static void gates_not_mapped(void) { lidt(NOT_MAPPED, 0xfff), ud2(); }
static void gates_in_monitor(void) { lidt(MONITOR(MONITOR_STATE), 0xfff), ud2(); }
static void gates_in_text(void) { lidt((uintptr_t)gates_in_text, 0xfff), ud2(); }
static void gates_at_the_end(void) { lidt(UINT64_MAX - 15, 0xfff), ud2(); }
static void gates_by_int_n(void) { lidt(NOT_MAPPED, 0xfff); __asm__ volatile("int $0x80"); }

#define WITH_STACK(name, value)                                                                                   \
	static void stack_##name(void)                                                                            \
	{                                                                                                         \
		__asm__ volatile("mov %0, %%rsp\n\tcli\n\tud2\n\tjmp ." : : "r"((uint64_t)(value)) : "memory");  \
	}                                                                                                         \
	static void stack_##name##_pushf(void)                                                                    \
	{                                                                                                         \
		__asm__ volatile("mov %0, %%rsp\n\tpushfq\n\tjmp ." : : "r"((uint64_t)(value)) : "memory");      \
	}
#define STACKS(name) { "stack-" #name, stack_##name }, { "stack-" #name "-pushf", stack_##name##_pushf }

WITH_STACK(in_monitor, MONITOR(MONITOR_STACK_END))
WITH_STACK(in_state, MONITOR(MONITOR_STATE + 0x800))
WITH_STACK(behind_monitor, MONITOR(MONITOR_VIRTUAL_BYTES) + 8)
WITH_STACK(not_mapped, NOT_MAPPED)
WITH_STACK(not_canonical, NOT_CANONICAL)
WITH_STACK(at_the_hole, 1ull << 47)
WITH_STACK(in_text, (uintptr_t)ud2)
WITH_STACK(zero, 0)
WITH_STACK(minus_1, UINT64_MAX)

static void steps_for_ever(void)
{
	gates_lead_to((uintptr_t)hostile_returns);
	__asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq; 1: cli; pushfq; popfq; jmp 1b" : : : "memory");
}

static void traps_for_ever(void)
{
	printf("before the loop\n");
	for (;;)
		__asm__ volatile("cli");
}

#define MONITOR_WAYS \
	WRITES(tables), WRITES(page_table), WRITES(system), WRITES(trap_stack), WRITES(stack), WRITES(state), WRITES(text), \
	WRITES(output), WRITES(sites), WRITES(split), WRITES(guest_tables), \
	{ "write-page_table-low-ram", page_table_to_low_ram }, { "write-text-made-writable", text_made_writable }, \
	{ "write-system-made-writable", system_made_writable }, { "write-sites-made-writable", sites_made_writable }, \
	{ "write-page_table-outside-ram", page_table_outside_ram }, \
	{ "write-page_table-of-the-apic", page_table_of_the_apic }, { "state-head-before-tail", head_before_tail }, \
	{ "state-head-far-away", head_far_away }, { "state-head-4097", head_4097 }, { "state-head-4096", head_4096 }, \
	{ "state-tail-far-away", tail_far_away }, { "state-output-calls-wrap", output_calls_wrap }, \
	{ "state-site-count-ones", site_count_ones }, { "state-site-count-0", site_count_0 }, \
	{ "state-ram-bytes-ones", ram_bytes_ones }, { "state-ram-bytes-0", ram_bytes_0 }, \
	{ "state-output-port-other", output_port_other }, { "state-measures-ones", measures_ones }, \
	{ "state-counts-ones", counts_ones }, { "state-stores-wild", stores_wild }, { "state-fixup-ones", fixup_ones }, \
	{ "state-fixup-null", fixup_null }, { "state-fixup-entry", fixup_entry }, { "state-frame-noise", frame_noise }, \
	{ "state-cpu-noise", cpu_noise }, { "state-cpu-zeros", cpu_zeros }, { "state-argument-ones", argument_ones }, \
	{ "state-idt-in-monitor", idt_in_monitor }, { "state-idt-not-mapped", idt_not_mapped }, \
	{ "state-idt-not-canonical", idt_not_canonical }, { "state-idt-wraps", idt_wraps }, \
	{ "state-idt-limit-ones", idt_limit_ones }, { "state-gdt-in-monitor", gdt_in_monitor }, \
	{ "state-gdt-not-canonical", gdt_not_canonical }, { "state-ldt-noise", ldt_noise }, \
	{ "state-tss-in-monitor", tss_in_monitor }, { "state-tss-not-canonical", tss_not_canonical }, \
	{ "state-cr0-ones", cr0_ones }, { "state-cr0-zero", cr0_zero }, { "state-cr4-ones", cr4_ones }, \
	{ "state-cr4-zero", cr4_zero }, { "state-bases-not-canonical", bases_not_canonical }, \
	{ "state-bases-in-monitor", bases_in_monitor }, { "state-xcr0-ones", xcr0_ones }, { "state-xcr0-avx", xcr0_avx }, \
	{ "state-xcr0-zero", xcr0_zero }, { "state-seed-1", seed_1 }, { "state-seed-2", seed_2 }, { "state-seed-3", seed_3 }, \
	{ "state-seed-4", seed_4 }, { "state-seed-5", seed_5 }, { "state-seed-6", seed_6 }, { "state-seed-7", seed_7 }, \
	{ "state-seed-8", seed_8 }, { "state-seed-9", seed_9 }, { "state-seed-10", seed_10 }, { "state-seed-11", seed_11 }, \
	{ "state-seed-12", seed_12 }, RINGS(0), RINGS(1), RINGS(2), RINGS(3), RINGS(4), RINGS(5), RINGS(6), RINGS(7), \
	RINGS(8), RINGS(9), RINGS(10), RINGS(11), RINGS(0x80000001), RINGS(0xffffffff), { "ring-8-bits", ring_8_bits }, \
	{ "ring-16-bits", ring_16_bits }, { "ring-read", ring_read }, { "ring-by-string", ring_by_string }, \
	{ "ring-beside", ring_beside }, { "ring-refusals-of-any-number", refusals_of_any_number }, \
	{ "ring-refusal-of-xcr0", refusal_of_xcr0 }, { "ring-refusal-of-an-msr", refusal_of_an_msr }, \
	{ "ring-port-monitors", port_monitors }, { "ring-port-call-outside", port_call_outside }, \
	{ "ring-port-fault", port_fault }, \
	{ "ring-port-narrow", port_narrow }, { "ring-port-read", port_read }, { "ring-port-puts-outside", port_puts_outside }, \
	{ "ring-port-serial", port_serial }, { "ring-page-fault-fetched", page_fault_fetched }, \
	{ "ring-page-fault-fetched-far-away", page_fault_fetched_far_away }, \
	{ "ring-page-fault-written", page_fault_written }, { "ring-page-fault-ones", page_fault_ones }, \
	{ "loop-doorbell", doorbell_for_ever }, { "loop-flushes", flushes_for_ever }, JUMPS(0), JUMPS(1), JUMPS(2), JUMPS(3), \
	JUMPS(4), JUMPS(5), JUMPS(6), JUMPS(7), JUMPS(8), JUMPS(9), JUMPS(10), JUMPS(11), JUMPS(12), JUMPS(13), JUMPS(14), \
	JUMPS(15), JUMPS(16), JUMPS(17), JUMPS(18), JUMPS(19), JUMPS(20), JUMPS(21), JUMPS(22), JUMPS(23), JUMPS(24), \
	JUMPS(25), JUMPS(26), JUMPS(27), JUMPS(28), JUMPS(29), JUMPS(30), JUMPS(31), JUMPS(32), JUMPS(33), JUMPS(34), \
	JUMPS(35), JUMPS(36), JUMPS(37), JUMPS(38), JUMPS(39), { "jump-to-state", jump_to_state }, \
	{ "jump-to-system", jump_to_system }, { "jump-to-the-end", jump_to_the_end }, { "jump-behind", jump_behind }, \
	{ "fault-handler-returns-to-ud2", handler_returns_to_ud2 }, { "fault-handler-faults", handler_faults }, \
	{ "fault-handler-jumps-back", handler_jumps_back }, { "fault-handler-not-mapped", handler_not_mapped }, \
	{ "fault-handler-in-monitor", handler_in_monitor }, { "fault-handler-in-monitors-state", handler_in_monitors_state }, \
	{ "fault-handler-at-the-end", handler_at_the_end }, { "fault-handler-not-canonical", handler_not_canonical }, \
	{ "fault-handler-is-data", handler_is_data }, { "fault-no-gates", no_gates }, \
	{ "fault-gates-not-mapped", gates_not_mapped }, { "fault-gates-in-monitor", gates_in_monitor }, \
	{ "fault-gates-in-text", gates_in_text }, { "fault-gates-at-the-end", gates_at_the_end }, \
	{ "fault-gates-by-int-n", gates_by_int_n }, STACKS(in_monitor), STACKS(in_state), STACKS(behind_monitor), \
	STACKS(not_mapped), STACKS(not_canonical), STACKS(at_the_hole), STACKS(in_text), STACKS(zero), STACKS(minus_1), \
	{ "loop-steps", steps_for_ever }, { "loop-traps", traps_for_ever }

#endif
