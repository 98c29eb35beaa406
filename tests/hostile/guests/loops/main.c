/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that never end by themselves, each in a way of its own. */
#include "../hostile.h"

#define CR0_WP (1ull << 16)

static void loop(void)
{
	for (;;)
		__asm__ volatile("pause");
}

static void handler_faults(struct kvick_fault_frame *frame)
{
	(void)frame;
	__asm__ volatile("ud2");
}

/* Back to the faulting instruction. */
static void handler_returns(struct kvick_fault_frame *frame)
{
	(void)frame;
}

static void handler_calls(struct kvick_fault_frame *frame)
{
	(void)frame;
	kvick_mark(1);
}

static void fault_in_handler(void)
{
	kvick_fault_handler(6, handler_faults);
	__asm__ volatile("ud2");
}

static void fault_for_ever(void)
{
	kvick_fault_handler(6, handler_returns);
	__asm__ volatile("ud2");
}

static void fault_and_call_for_ever(void)
{
	kvick_fault_handler(6, handler_calls);
	__asm__ volatile("ud2");
}

static void page_fault_for_ever(void)
{
	kvick_fault_handler(14, handler_returns);
	*(volatile int *)(1ull << 40) = 1;
}

/* Fetching the handler's first instruction is the next fault. */
static void handler_not_mapped(void)
{
	kvick_call_cpuconfig(KVICK_CPU_HANDLER, 14, 0x7f0000000000, NULL);
	*(volatile int *)(1ull << 40) = 1;
}

static void handler_is_the_stub(void)
{
	for (unsigned vector = 0; vector < 32; vector++)
		kvick_call_cpuconfig(KVICK_CPU_HANDLER, vector, 0x12e0, NULL); /* vector 0's: its OUT tells the VMM */
	__asm__ volatile("ud2");
}

static void handler_is_itself(void)
{
	kvick_call_cpuconfig(KVICK_CPU_HANDLER, 3, 0x7f0000000000, NULL);
	kvick_call_cpuconfig(KVICK_CPU_HANDLER, 14, 0x2800, NULL); /* not executable */
	__asm__ volatile("int3");
}

/*
 * Where ring 0 is emulated, KVM rewrites the instruction into the host CPU's own and starts over,
 * and KVM_RUN does not return. Ring 3 gets a fault for it, and comes back for more.
 */
static void vmcall(void)
{
	if (kvick_boot()->ring == 0) {
		uint64_t cr0;

		__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
		__asm__ volatile("mov %0, %%cr0" : : "r"(cr0 & ~CR0_WP) : "memory");
	}
	for (unsigned vector = 6; vector <= 13; vector += 7)
		kvick_fault_handler(vector, handler_returns);
	for (;;) {
		uint64_t result;

		__asm__ volatile("vmcall" : "=a"(result) : "a"(~0ull) : "memory");
	}
}

static void console(void)
{
	for (;;)
		puts("the quick brown fox jumps over the lazy dog");
}

static void console_all_ram(void)
{
	for (;;)
		call(KVICK_CALL_CONSOLE_WRITE, 0, kvick_boot()->mem_bytes, 0, 0, 0, 0);
}

static void console_used(void)
{
	for (;;) {
		kvick_boot()->console.used = UINT32_MAX;
		kvick_mark(0);
	}
}

static void bad_calls(void)
{
	for (;;)
		call(UINT32_MAX, 1, 2, 3, 4, 5, 6);
}

static void marks(void)
{
	for (;;)
		kvick_mark(7);
}

static void waits(void)
{
	for (;;)
		kvick_wait(0, 1);
}

static void entropy(void)
{
	static char buffer[KVICK_ENTROPY_BYTES_MAX];

	for (;;)
		kvick_entropy(buffer, sizeof(buffer));
}

/* Each change of a mapping in force borrows ring 0. */
static void mappings(void)
{
	uint64_t page = pages_take(1), spare = pages_take(3);

	for (uint64_t i = 0;; i++)
		kvick_call_update_pgtable(TIB, page | KVICK_PTE_PRESENT | KVICK_PTE_NX | (i & 1 ? KVICK_PTE_WRITE : 0),
					  kvick_boot()->pgd, 1, spare, 3);
}

static void top_levels(void)
{
	for (;;)
		kvick_call_lcr3(kvick_boot()->pgd);
}

static void copy(void)
{
	uint64_t from = pages_take(256), to = pages_take(256);

	for (;;)
		__asm__ volatile("rep movsb" : : "S"(from), "D"(to), "c"(256 * KVICK_PAGE_BYTES) : "memory");
}

static const struct way ways[] = {
	{ "loop", loop },
	{ "fault-in-handler", fault_in_handler },
	{ "fault-for-ever", fault_for_ever },
	{ "fault-and-call-for-ever", fault_and_call_for_ever },
	{ "page-fault-for-ever", page_fault_for_ever },
	{ "handler-not-mapped", handler_not_mapped },
	{ "handler-is-itself", handler_is_itself },
	{ "vmcall", vmcall },
	{ "console", console },
	{ "console-all-ram", console_all_ram },
	{ "console-used", console_used },
	{ "bad-calls", bad_calls },
	{ "marks", marks },
	{ "waits", waits },
	{ "entropy", entropy },
	{ "mappings", mappings },
	{ "top-levels", top_levels },
	{ "copy", copy },
	{ "ends-handler-is-the-stub", handler_is_the_stub },
};

HOSTILE_MAIN(ways)
