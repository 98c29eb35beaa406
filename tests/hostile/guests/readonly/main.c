/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text and constants large enough to be mapped from the image's file, and every way to write to them that gets past the
 * guest's own page tables.
 */
#include <stdbool.h>

#include "../hostile.h"

#define KIB 1024

/* In pages: text behind its first ones, so that what is stored to is nobody's code. */
#define TEXT_PAGES 16

__asm__(".pushsection .text.filler, \"ax\", @progbits\n\t"
	".balign 4096\n\t"
	".globl filler\n"
	"filler: .fill 16 * 4096, 1, 0xc3\n\t" /* ret */
	".popsection");
extern const uint8_t filler[TEXT_PAGES * KVICK_PAGE_BYTES];

/* Whatever is not zero: zeroes would need no file. */
static const uint8_t constants[64 * KIB] __attribute__((aligned(4096))) = { [0 ... 64 * KIB - 1] = 0x5a };

#define RW         (KVICK_PTE_PRESENT | KVICK_PTE_WRITE | KVICK_PTE_NX)
#define RX         KVICK_PTE_PRESENT
#define ALIAS      TIB
#define BYTES      KVICK_PAGE_BYTES
#define TEXT       ((uintptr_t)filler + 4 * BYTES)
#define CONSTANTS  ((uintptr_t)constants + 4 * BYTES)
#define CR0_WP     (1ull << 16)

/* Two pages of physical memory, writable in the guest's tables. */
static uint64_t alias(uint64_t first, uint64_t second)
{
	uint64_t spare = pages_take(3);

	expect("alias", kvick_call_update_pgtable(ALIAS, first | RW, kvick_boot()->pgd, 1, spare, 3), 3);
	expect("alias", kvick_call_update_pgtable(ALIAS + BYTES, second | RW, kvick_boot()->pgd, 1, 0, 0), 0);
	return ALIAS;
}

static void store(uint64_t address)
{
	LAUNDER(address);
	*(volatile uint64_t *)address = 0x9090909090909090;
}

/* --- stores --- */

static void store_to_text(void) { store(alias(TEXT, TEXT + BYTES) + 16); }
static void store_to_constants(void) { store(alias(CONSTANTS, CONSTANTS + BYTES) + 24); }

/* The first half may land, the second may not. */
static void store_that_straddles(void)
{
	store(alias(pages_take(1), TEXT) + BYTES - 4);
}

static void store_by_string(void)
{
	uint64_t to = alias(pages_take(1), TEXT), bytes = 2 * BYTES;

	__asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(0) : "memory");
}

static void store_locked(void)
{
	uint64_t at = alias(TEXT, TEXT);

	__asm__ volatile("lock addq $1, (%0)" : : "r"(at) : "memory");
}

static void store_exchanged(void)
{
	uint64_t at = alias(TEXT, TEXT), value = 1;

	__asm__ volatile("xchg %1, (%0)" : "+r"(at), "+r"(value) : : "memory");
}

static void store_by_push(void)
{
	__asm__ volatile("mov %0, %%rsp\n\tpush $0" : : "r"(alias(TEXT, TEXT) + BYTES));
}

static void store_by_call(void)
{
	__asm__ volatile("mov %0, %%rsp\n\tcall filler" : : "r"(alias(TEXT, TEXT) + BYTES));
}

/* At ring 0 no table is needed: the lock comes off. */
static void store_with_wp_off(void)
{
	uint64_t cr0;

	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0 & ~CR0_WP) : "memory");
	store(TEXT);
}

static void store_by_sse(void)
{
	__asm__ volatile("movss %%xmm0, (%0)" : : "r"(alias(TEXT, TEXT)) : "memory");
}

/* Mapped, and no RAM behind it. */
static uint64_t outside(void)
{
	uint64_t pgd = pages_take(1), spare = pages_take(3), taken = pages_take(1);
	volatile uint64_t *leaf = (volatile uint64_t *)(spare + 2 * BYTES);

	expect("own top level", kvick_call_update_pgtable(ALIAS, taken | RW, pgd, 1, spare, 3), 3);
	leaf[0] = (8ull << 30) | KVICK_PTE_PRESENT | KVICK_PTE_WRITE | KVICK_PTE_USER | 1 << 5 | 1 << 6;
	expect("lcr3", kvick_call_lcr3(pgd), 0);
	return ALIAS;
}

/* Nothing that KVM's emulator knows: it must not come back to the guest as an invalid opcode. */
static void outside_store_by_sse(void)
{
	__asm__ volatile("movss %%xmm0, (%0)" : : "r"(outside()) : "memory");
}

static void outside_load_by_sse(void)
{
	__asm__ volatile("movss (%0), %%xmm0" : : "r"(outside()) : "memory");
}

/* A page for the stack of exceptions that is none: the fault cannot be delivered. */
static void stack_of_exceptions(void)
{
	struct __attribute__((packed)) { uint16_t limit; uint64_t base; } gdtr;
	uint64_t cr0, tss;

	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0 & ~CR0_WP) : "memory");
	__asm__ volatile("sgdt %0" : "=m"(gdtr));
	memcpy(&tss, (const void *)(gdtr.base + 0x40), sizeof(tss));
	tss = (tss >> 16 & 0xffffff) | (tss >> 56 << 24);
	*(volatile uint32_t *)(tss + 0x24) = (uint32_t)(TEXT + BYTES); /* IST1 */
	*(volatile uint32_t *)(tss + 0x28) = 0;
	__asm__ volatile("ud2");
}

/* --- what the VMM would store for us --- */

static void answers(void)
{
	const uint64_t pages[] = { TEXT, CONSTANTS, (uintptr_t)filler, CONSTANTS - 4 };
	uint64_t before[sizeof(pages) / sizeof(pages[0])];

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		memcpy(&before[i], (const void *)pages[i], 8);
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		expect("entropy", call(KVICK_CALL_ENTROPY, pages[i], 8, 0, 0, 0, 0), -KVICK_EFAULT);
		expect("args", call(KVICK_CALL_ARGS, 0, pages[i], 8, 0, 0, 0), -KVICK_EFAULT);
		expect("args, none", call(KVICK_CALL_ARGS, 1, pages[i], 0, 0, 0, 0), 0);
		if (memcmp(&before[i], (const void *)pages[i], 8) != 0)
			expect("what it holds", (int64_t)i, -1);
	}
	/* From writable memory into what is not, and all of RAM. */
	expect("entropy over the edge", call(KVICK_CALL_ENTROPY, 0xff001, 4096, 0, 0, 0, 0), -KVICK_EFAULT);
	expect("args over all", call(KVICK_CALL_ARGS, 0, 0, kvick_boot()->mem_bytes, 0, 0, 0), -KVICK_EFAULT);
	expect("text to the console", call(KVICK_CALL_CONSOLE_WRITE, CONSTANTS, 8, 0, 0, 0, 0), 8);
}

static void ring_port(const volatile void *block)
{
	__asm__ volatile("outl %0, %1" : : "a"((uint32_t)((uintptr_t)block / 64)), "N"(KVICK_PORT_CALL) : "memory");
}

static const struct kvick_call clock_block __attribute__((aligned(64))) = { .nr = KVICK_CALL_CLOCK };
static const struct kvick_call exit_block __attribute__((aligned(64))) = { .nr = KVICK_CALL_EXIT };

static void block_that_is_answered(void) { ring_port(&clock_block); }
static void block_that_is_not(void) { ring_port(&exit_block); }

/* --- page tables --- */

static void tables_to_be_changed(void)
{
	uint64_t page = pages_take(1), spare = pages_take(4), pgd = pages_take(1);

	expect("pgd", kvick_call_update_pgtable(ALIAS, page | RW, TEXT, 1, spare, 4), -KVICK_EFAULT);
	expect("unmap in it", kvick_call_update_pgtable(ALIAS, 0, TEXT, 1, 0, 0), -KVICK_EFAULT);
	expect("spare", kvick_call_update_pgtable(ALIAS, page | RW, kvick_boot()->pgd, 1, TEXT, 4), -KVICK_EFAULT);
	expect("a spare over the edge", kvick_call_update_pgtable(ALIAS, page | RW, kvick_boot()->pgd, 1, 0xff000, 3),
	       -KVICK_EFAULT);
	expect("own top level", kvick_call_update_pgtable(ALIAS, page | RW, pgd, 1, spare, 4), 3);
	*(volatile uint64_t *)(pgd + 8) = CONSTANTS | RX | KVICK_PTE_WRITE | KVICK_PTE_USER;
	expect("table", kvick_call_update_pgtable(512ull << 30, page | RW, pgd, 1, spare, 4), -KVICK_EFAULT);
	expect("top level", kvick_call_lcr3(TEXT), -KVICK_EINVAL);
}

/* A last-level table among the constants. Its entries have neither accessed nor dirty set: nobody can. */
static const uint64_t table[512] __attribute__((aligned(4096))) = {
	[0] = 0x2000 | KVICK_PTE_PRESENT | KVICK_PTE_WRITE | KVICK_PTE_USER,
	[1] = 0x2000 | KVICK_PTE_PRESENT | KVICK_PTE_WRITE | KVICK_PTE_USER | 1 << 5 | 1 << 6,
};

static void table_that_is_constant(unsigned entry, bool writes)
{
	uint64_t pgd = pages_take(1), page = pages_take(1), spare = pages_take(3);
	volatile uint64_t *directory = (volatile uint64_t *)(spare + BYTES);
	uint64_t at = ALIAS + entry * BYTES + 0x28; /* boot_info.mem_bytes */

	expect("own top level", kvick_call_update_pgtable(ALIAS, page | RW, pgd, 1, spare, 3), 3);
	directory[0] = (uintptr_t)table | KVICK_PTE_PRESENT | KVICK_PTE_WRITE | KVICK_PTE_USER | 1 << 5;
	expect("lcr3", kvick_call_lcr3(pgd), 0);
	LAUNDER(at);
	if (writes)
		*(volatile uint64_t *)at = 0;
	expect("through it", (int64_t)*(volatile uint64_t *)at, writes ? 0 : (int64_t)kvick_boot()->mem_bytes);
}

static void table_read(void) { table_that_is_constant(0, false); }
static void table_written(void) { table_that_is_constant(0, true); }
static void table_read_accessed(void) { table_that_is_constant(1, false); }
static void table_written_dirty(void) { table_that_is_constant(1, true); }

/* --- what works as ever --- */

static void reads_and_runs(void)
{
	unsigned sum = 0;

	for (size_t i = 0; i < sizeof(constants); i += 64)
		sum += ((const volatile uint8_t *)constants)[i];
	expect("sum", sum, 0x5a * 1024);
	for (unsigned i = 0; i < TEXT_PAGES; i++)
		((void (*)(void))((uintptr_t)filler + i * BYTES))();
	for (unsigned i = 0; i < 20; i++)
		expect("mark", kvick_mark(i % KVICK_MARKS_MAX), 0);
}

/* --- VMCALL --- */

static void vmcall_of_the_other_vendor(void)
{
	uint64_t nr = KVICK_VMCALL_NR;

	/*
	 * With a port for a doorbell either may be the other's. The CPU's own may come back having done nothing: a hypervisor below
	 * took it.
	 */
	if (kvick_boot()->doorbell != KVICK_DOORBELL_VMCALL)
		__asm__ volatile("vmcall" : "+a"(nr) : "b"(0ull), "c"(1ull), "d"(0x2000ull) : "memory");
	if (kvick_boot()->doorbell != KVICK_DOORBELL_VMMCALL)
		__asm__ volatile("vmmcall" : "+a"(nr) : "b"(0ull), "c"(1ull), "d"(0x2000ull) : "memory");
}

/* The same where the guest's own tables would let KVM write over it. */
static void vmcall_in_writable_text(void)
{
	__asm__ volatile(".pushsection .text.filler\n"
			 "vmcalls: vmcall\n\tvmmcall\n\tret\n\t"
			 ".popsection");
	extern const uint8_t vmcalls[];
	uint64_t page = (uintptr_t)vmcalls & -BYTES, pgd = pages_take(1), spare = pages_take(3), taken = pages_take(1);
	volatile uint64_t *leaf = (volatile uint64_t *)(spare + 2 * BYTES);
	uint64_t nr = KVICK_VMCALL_NR, at = ALIAS + (uintptr_t)vmcalls % BYTES;

	expect("own top level", kvick_call_update_pgtable(ALIAS, taken | RW, pgd, 1, spare, 3), 3);
	leaf[0] = page | KVICK_PTE_PRESENT | KVICK_PTE_WRITE | KVICK_PTE_USER | 1 << 5 | 1 << 6;
	if (kvick_boot()->ring == 3)
		leaf[0] &= ~(uint64_t)KVICK_PTE_WRITE;
	expect("lcr3", kvick_call_lcr3(pgd), 0);
	__asm__ volatile("call *%1" : "+a"(nr) : "r"(at), "b"(0ull), "c"(1ull), "d"(0x2000ull) : "memory");
}

static const struct way ways[] = {
	{ "reads-and-runs", reads_and_runs },
	{ "store-to-text", store_to_text },
	{ "store-to-constants", store_to_constants },
	{ "store-that-straddles", store_that_straddles },
	{ "store-by-string", store_by_string },
	{ "store-locked", store_locked },
	{ "store-exchanged", store_exchanged },
	{ "store-by-push", store_by_push },
	{ "store-by-call", store_by_call },
	{ "store-with-wp-off", store_with_wp_off },
	{ "stack-of-exceptions", stack_of_exceptions },
	{ "store-by-sse", store_by_sse },
	{ "outside-store-by-sse", outside_store_by_sse },
	{ "outside-load-by-sse", outside_load_by_sse },
	{ "answers", answers },
	{ "block-that-is-answered", block_that_is_answered },
	{ "block-that-is-not", block_that_is_not },
	{ "tables-to-be-changed", tables_to_be_changed },
	{ "table-read", table_read },
	{ "table-written", table_written },
	{ "table-read-accessed", table_read_accessed },
	{ "table-written-dirty", table_written_dirty },
	{ "vmcall-of-the-other-vendor", vmcall_of_the_other_vendor },
	{ "vmcall-in-writable-text", vmcall_in_writable_text },
};

HOSTILE_MAIN(ways)
