/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same for a guest of Solo5's ABI, which may execute its data too: pages that it makes and changes, and calls that are to write
 * there. It has a disk of 1 MiB, handle 1.
 */
#include "guest.h"

#include "../../monitor.h"

#define DISK       1u
#define PAGE_BYTES 4096u
#define PAGES      128u
#define LARGE      (2ull << 20)
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

GUEST_MANIFEST(2, { .name = "disk", .type = SOLO5_BLOCK });

static uint8_t arena[PAGES * PAGE_BYTES] __attribute__((aligned(4096)));

static uint64_t execute(const void *at)
{
	uint64_t rax;

	__asm__ volatile("call *%1" : "=a"(rax) : "r"(at) : "memory", "rcx", "rdx");
	return rax;
}

/* mov $value, %eax; ret */
static void code_of_value(uint8_t *at, uint32_t value)
{
	at[0] = 0xb8;
	memcpy(at + 1, &value, 4);
	at[5] = 0xc3;
}

/* pushfq; pop %rax; ret */
static void code_of_flags(uint8_t *at)
{
	memcpy(at, "\x9c\x58\xc3", 3);
}

/* ---- pages of its own making ---- */

static void modified_many_times(void)
{
	for (uint32_t i = 0; i < 300; i++) {
		code_of_value(arena, i);
		expect("value", execute(arena), i);
		__asm__ volatile("sti");
		code_of_flags(arena);
		expect("flags", execute(arena) & 0x200, 0x200);
		__asm__ volatile("cli");
	}
}

static void modified_by_a_store_that_straddles(void)
{
	for (unsigned i = 0; i < 50; i++) {
		code_of_value(arena + PAGE_BYTES - 6, i);
		code_of_value(arena + PAGE_BYTES, i + 1);
		expect("first", execute(arena + PAGE_BYTES - 6), i);
		expect("second", execute(arena + PAGE_BYTES), i + 1);
		/* The last byte of the one, ret, and the first seven of the other. */
		*(volatile uint64_t *)(arena + PAGE_BYTES - 1) = 0xc3000000ffb8c3 | i << 16;
		expect("second, modified", execute(arena + PAGE_BYTES) & 0xffffff00, 0);
	}
}

/* An instruction that begins in one page and ends in the next, which is then changed: SGDT, and a no-op. */
static void straddling_instruction_changes(void)
{
	struct pseudo_descriptor *out = (struct pseudo_descriptor *)(arena + 8 * PAGE_BYTES);
	uint8_t *at = arena + PAGE_BYTES - 1;
	uint64_t base = 0;

	for (unsigned i = 0; i < 20; i++) {
		at[0] = 0x0f;
		memcpy(at + 1, i % 2 ? "\x1f\x02" : "\x01\x02", 2); /* nopl (%rdx); sgdt (%rdx) */
		at[3] = 0xc3;
		out->base = 1;
		__asm__ volatile("call *%0" : : "r"(at), "d"(out) : "memory", "rax");
		if (i == 0)
			base = out->base;
		expect("descriptor table", out->base, i % 2 ? 1 : base);
	}
}

/* The same, but that the rest of the second page is entered in between. */
static void straddling_instruction_changes_behind(void)
{
	struct pseudo_descriptor *out = (struct pseudo_descriptor *)(arena + 8 * PAGE_BYTES);
	uint8_t *at = arena + PAGE_BYTES - 1;

	memcpy(at, "\x0f\x1f\x02\xc3", 4);
	code_of_value(at + 100, 7);
	__asm__ volatile("call *%0" : : "r"(at), "d"(out) : "memory", "rax");
	memcpy(at + 1, "\x01\x02", 2);
	expect("behind", execute(at + 100), 7);
	__asm__ volatile("call *%0" : : "r"(at), "d"(out) : "memory", "rax");
	expect("descriptor table is not the monitor's", out->base >= MONITOR_VIRTUAL, 0);
}

/* The same, but that of the second page nothing was executed before the change. */
static void straddling_instruction_changes_unseen(void)
{
	struct pseudo_descriptor *out = (struct pseudo_descriptor *)(arena + 8 * PAGE_BYTES);
	uint8_t *at = arena + PAGE_BYTES - 1;

	code_of_value(arena, 7);
	memcpy(at, "\x0f\x1f\x02\xc3", 4);
	expect("value", execute(arena), 7);
	memcpy(at + 1, "\x01\x02", 2);
	__asm__ volatile("call *%0" : : "r"(at), "d"(out) : "memory", "rax");
	expect("descriptor table is not the monitor's", out->base >= MONITOR_VIRTUAL, 0);
}

/*
 * CPUID in the second page, which is executed first: an INT3 stands there when the first page is scanned, and what is read behind
 * it would be MOV to an address of 8 bytes, then a jump into the middle of the first page's MOV.
 */
static void runs_into_a_patch_of_the_next_page(void)
{
	uint8_t *second = arena + PAGE_BYTES, *first = second - 7;
	uint32_t eax = 0;

	memcpy(second, "\x0f\xa2\xc3\x90\x90\x90\x90\x90\x90\x90\xeb\xef", 12); /* cpuid; ret; nops; jmp first + 2 */
	__asm__ volatile("call *%1" : "+a"(eax) : "r"(second) : "memory", "rbx", "rcx", "rdx");
	memcpy(first, "\xb8\x9c\x9c\x9c\x9c\x90\x90", 7); /* mov $0x9c9c9c9c, %eax; nops */
	__asm__ volatile("call *%0" : : "r"(first) : "memory", "rax", "rbx", "rcx", "rdx");
}

/* movb $0, 64(%rip); mov $5, %eax; ret: in the page that it is in. */
static void stores_into_its_own_page(void)
{
	memcpy(arena, "\xc6\x05\x40\x00\x00\x00\x00\xb8\x05\x00\x00\x00\xc3", 13);
	expect("value", execute(arena), 5);
}

/* What it changes comes next: pushfq instead of push %rax. */
static void modifies_what_comes_next(void)
{
	memcpy(arena, "\xc6\x05\x01\x00\x00\x00\x9c\x90\x50\x58\xc3", 11);
	__asm__ volatile("sti");
	expect("flags", execute(arena) & 0x200, 0x200);
}

/* The same by an instruction that ends in the page that it stores to. */
static void stores_into_the_page_that_it_ends_in(void)
{
	memcpy(arena + PAGE_BYTES - 3, "\xc6\x05\x40\x00\x00\x00\x00\xb8\x05\x00\x00\x00\xc3", 13);
	expect("value", execute(arena + PAGE_BYTES - 3), 5);
}

/* A call pushes where it is executed. */
static void stack_in_the_page_of_code(void)
{
	memcpy(arena, "\xe8\x00\x00\x00\x00\x58\xc3", 7); /* call 1f; 1: pop %rax; ret */
	__asm__ volatile("mov %%rsp, %%rbx; mov %1, %%rsp; call *%0; mov %%rbx, %%rsp"
			 : : "r"(arena), "r"(arena + PAGE_BYTES) : "memory", "rbx", "rax");
}

static void many_pages(void)
{
	for (uint32_t i = 0; i < PAGES; i++) {
		code_of_value(arena + i * PAGE_BYTES, i);
		expect("value", execute(arena + i * PAGE_BYTES), i);
	}
}

/* One in each large page. */
static void many_large_pages(void)
{
	uint64_t at = (boot_info()->kernel_end + LARGE) & -LARGE;

	for (uint32_t i = 0; at + LARGE < boot_info()->mem_bytes; i++, at += LARGE) {
		code_of_value((uint8_t *)at, i);
		expect("value", execute((void *)at), i);
	}
}

static void page_of_critical_instructions(void)
{
	memset(arena, 0x9c, PAGE_BYTES - 1);
	arena[PAGE_BYTES - 1] = 0xf4;
	execute(arena);
}

static void page_of_noise(void)
{
	write_noise((uintptr_t)arena, PAGE_BYTES);
	execute(arena);
}

/* Its last instruction is cut short by the end of RAM. */
static void end_of_ram(void)
{
	uint8_t *at = (uint8_t *)boot_info()->mem_bytes - 1;

	*at = 0x0f;
	execute(at);
}

static void middle_of_an_instruction(void)
{
	memcpy(arena, "\xb8\x90\x90\x90\xc3\xc3", 6); /* mov $0xc3909090, %eax; ret */
	execute(arena);
	execute(arena + 1);
}

extern const uint8_t hostile_skips[];
static volatile uint64_t breakpoints;
__asm__(".text\n"
	"hostile_skips: incq breakpoints(%rip); iretq\n");

/* An INT3 of the guest's own before and behind what INT3 has taken the place of. */
static void own_int3_beside_a_patch(void)
{
	gates_lead_to((uintptr_t)hostile_skips);
	memcpy(arena, "\xcc\x9c\xcc\x58\xcc\xc3", 6);
	for (unsigned i = 0; i < 10; i++)
		execute(arena);
	expect("breakpoints", breakpoints, 30);
	memset(arena, 0xcc, 5);
	execute(arena);
	expect("breakpoints, without a patch", breakpoints, 35);
}

/* An immediate that goes over into the next page, and begins an instruction there once the first page is changed. */
static void first_of_two_pages_changes(void)
{
	uint8_t *at = arena + PAGE_BYTES - 3;

	memcpy(at, "\xb8\x01\x02\x9c\x58\xc3", 6); /* mov $0x589c0201, %eax; ret */
	__asm__ volatile("sti");
	expect("value", execute(at), 0x589c0201);
	memcpy(at, "\x90\x90\x90", 3); /* pushfq; pop %rax; ret is left */
	expect("flags", execute(at) & 0x200, 0x200);
}

static void patched_page_is_read(void)
{
	code_of_flags(arena);
	execute(arena);
	printf("its first byte is 0x%x\n", *(volatile uint8_t *)arena);
}

/* ---- calls that write there ---- */

static void read_into_executed(void)
{
	code_of_flags(arena + PAGE_BYTES);
	execute(arena + PAGE_BYTES);
	block_io(SOLO5_BLOCK_READ, DISK, 0, arena, 3 * PAGE_BYTES);
	printf("it was read\n");
}

static void answer_into_executed(void)
{
	struct solo5_walltime *call = (struct solo5_walltime *)(arena + 512);

	code_of_flags(arena);
	execute(arena);
	hypercall(SOLO5_WALLTIME, call);
	printf("it was answered\n");
}

static void read_beside_executed(void)
{
	code_of_flags(arena);
	execute(arena);
	expect("read", (uint64_t)block_io(SOLO5_BLOCK_READ, DISK, 0, arena + PAGE_BYTES, PAGE_BYTES), SOLO5_OK);
	expect("flags", execute(arena) & 0x200, 0);
}

static void read_into_tables(void)
{
	block_io(SOLO5_BLOCK_READ, DISK, 0, (void *)0x2000, PAGE_BYTES);
	printf("it was read\n");
}

static void read_into_monitor(void) { block_io(SOLO5_BLOCK_READ, DISK, 0, (void *)boot_info()->mem_bytes, PAGE_BYTES); }

static void read_into_monitors_address(void)
{
	block_io(SOLO5_BLOCK_READ, DISK, 0, (void *)MONITOR(MONITOR_STATE), PAGE_BYTES);
}

static void call_in_monitor(void) { hypercall_at(SOLO5_WALLTIME, (uint32_t)boot_info()->mem_bytes + MONITOR_STATE); }

static void puts_of(uint64_t data, uint64_t bytes)
{
	struct solo5_puts call = { data, bytes };

	hypercall(SOLO5_PUTS, &call);
}

static void puts_of_monitor(void) { puts_of(boot_info()->mem_bytes + MONITOR_STATE, 64); }
static void puts_of_monitors_address(void) { puts_of(MONITOR(MONITOR_TEXT), 64); }
static void puts_over_the_end(void) { puts_of(boot_info()->mem_bytes - 32, 64); }

static void puts_believes_ram_bytes(void)
{
	monitor_state()->ram_bytes = UINT64_MAX;
	puts_of(boot_info()->mem_bytes + MONITOR_STATE, 64);
}

static void puts_for_ever(void)
{
	for (;;)
		printf("the quick brown fox jumps over the lazy dog\n");
}

static const struct way ways[] = {
	MONITOR_WAYS,
	{ "code-modified-many-times", modified_many_times },
	{ "code-modified-by-a-store-that-straddles", modified_by_a_store_that_straddles },
	{ "code-straddling-instruction-changes", straddling_instruction_changes },
	{ "code-straddling-instruction-changes-behind", straddling_instruction_changes_behind },
	{ "code-straddling-instruction-changes-unseen", straddling_instruction_changes_unseen },
	{ "code-runs-into-a-patch-of-the-next-page", runs_into_a_patch_of_the_next_page },
	{ "code-stores-into-its-own-page", stores_into_its_own_page },
	{ "code-modifies-what-comes-next", modifies_what_comes_next },
	{ "code-stores-into-the-page-that-it-ends-in", stores_into_the_page_that_it_ends_in },
	{ "code-stack-in-its-page", stack_in_the_page_of_code }, { "code-many-pages", many_pages },
	{ "code-many-large-pages", many_large_pages }, { "code-page-of-critical-instructions", page_of_critical_instructions },
	{ "code-page-of-noise", page_of_noise }, { "code-end-of-ram", end_of_ram },
	{ "code-middle-of-an-instruction", middle_of_an_instruction }, { "code-own-int3-beside-a-patch", own_int3_beside_a_patch },
	{ "code-first-of-two-pages-changes", first_of_two_pages_changes },
	{ "code-patched-page-is-read", patched_page_is_read },
	{ "call-read-into-executed", read_into_executed }, { "call-answer-into-executed", answer_into_executed },
	{ "call-read-beside-executed", read_beside_executed }, { "call-read-into-tables", read_into_tables },
	{ "call-read-into-monitor", read_into_monitor }, { "call-read-into-monitors-address", read_into_monitors_address },
	{ "call-in-monitor", call_in_monitor }, { "call-puts-of-monitor", puts_of_monitor },
	{ "call-puts-of-monitors-address", puts_of_monitors_address }, { "call-puts-over-the-end", puts_over_the_end },
	{ "call-puts-believes-ram-bytes", puts_believes_ram_bytes }, { "loop-puts", puts_for_ever },
};

/* Where the handlers of guest.c go on, else they would for ever fault anew: a fault is a good end. */
extern uint64_t fault_resume;

static void faulted(void)
{
	__asm__ volatile("and $-16, %rsp");
	halt(0);
}

int guest_run(unsigned argc, char **argv)
{
	fault_resume = (uintptr_t)faulted;
	return guest_way(ways, COUNT_OF(ways), argc ? argv[0] : NULL);
}
