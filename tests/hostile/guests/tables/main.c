/* SPDX-License-Identifier: Apache-2.0 */
/* Page tables that make no sense, handed to the VMM or put in force. */
#include "../hostile.h"

/* A top-level slot that nothing else uses (index 2), and flags to map with. */
#define FREE_VA TIB
#define RW      (KVICK_PTE_PRESENT | KVICK_PTE_WRITE | KVICK_PTE_NX)
#define RO      (KVICK_PTE_PRESENT | KVICK_PTE_NX)
#define RX      KVICK_PTE_PRESENT

/* In an entry that the guest writes itself. AMD64 APM 2, 5.3. */
#define TABLE    (KVICK_PTE_PRESENT | KVICK_PTE_WRITE | KVICK_PTE_USER | 1ull << 5)
#define LEAF     (TABLE | 1ull << 6)
#define LARGE    (1ull << 7)
#define RESERVED (1ull << 51) /* beyond every physical address here */

#define TABLES_LOW     0x7000ull /* the VMM's tables, and what it keeps beside them */
#define TABLES_LOW_END 0x7f000ull

static uint64_t ram(void)
{
	return kvick_boot()->mem_bytes;
}

static int64_t update(uint64_t va, uint64_t pa, uint64_t pgd, uint64_t pages, uint64_t spare, uint64_t spares)
{
	return kvick_call_update_pgtable(va, pa, pgd, pages, spare, spares);
}

static uint64_t boot_pgd(void)
{
	return kvick_boot()->pgd;
}

static uint64_t read_at(uint64_t address)
{
	LAUNDER(address);
	return *(volatile uint64_t *)address;
}

static void write_at(uint64_t address, uint64_t value)
{
	LAUNDER(address);
	*(volatile uint64_t *)address = value;
}

static void call_at(uint64_t address)
{
	LAUNDER(address);
	((void (*)(void))address)();
}

/* A top level of our own that shares what the boot table maps; we can write to it at either ring. */
static uint64_t own_pgd(void)
{
	uint64_t pgd = pages_take(1), page = pages_take(4);

	if (update(FREE_VA, page | RW, pgd, 1, page + KVICK_PAGE_BYTES, 3) != 3)
		kvick_panic("no top level of our own");
	return pgd;
}

/* Puts a top level in force in which slot 1 (512 GiB) is `entry`. */
static void enter_with(uint64_t entry)
{
	uint64_t pgd = own_pgd();

	write_at(pgd + 8, entry);
	expect("lcr3", kvick_call_lcr3(pgd), 0);
}

#define SLOT_1 (512ull << 30)

/* --- what update_pgtable is given --- */

static void arguments(void)
{
	const uint64_t page = pages_take(8), spare = pages_take(8), pgd = boot_pgd(), max = KVICK_PTE_ADDR;
	const struct {
		const char *what;
		uint64_t va, pa, pgd, pages, spare, spares;
		int error;
	} bad[] = {
		{ "no page", FREE_VA, page | RW, pgd, 0, spare, 8, KVICK_EINVAL },
		{ "513 pages", FREE_VA, 0 | RW, pgd, 513, spare, 8, KVICK_EINVAL },
		{ "2^52 pages", FREE_VA, page | RW, pgd, 1ull << 52, spare, 8, KVICK_EINVAL },
		{ "2^64-1 pages", FREE_VA, page | RW, pgd, UINT64_MAX, spare, 8, KVICK_EINVAL },
		{ "va unaligned", FREE_VA + 8, page | RW, pgd, 1, spare, 8, KVICK_EINVAL },
		{ "pgd unaligned", FREE_VA, page | RW, pgd + 8, 1, spare, 8, KVICK_EINVAL },
		{ "spare unaligned", FREE_VA, page | RW, pgd, 1, spare + 1, 7, KVICK_EINVAL },
		{ "va not canonical", 1ull << 47, page | RW, pgd, 1, spare, 8, KVICK_EINVAL },
		{ "va not canonical, high", 0xffff7ffffffff000, page | RW, pgd, 1, spare, 8, KVICK_EINVAL },
		{ "run into the hole", 0x7ffffffff000, page | RW, pgd, 2, spare, 8, KVICK_EINVAL },
		{ "run out of the hole", 0xffff7ffffffff000, page | RW, pgd, 2, spare, 8, KVICK_EINVAL },
		{ "run that wraps", 0xfffffffffffff000, page | RW, pgd, 2, spare, 8, KVICK_EINVAL },
		{ "flag PCD", FREE_VA, page | RW | 1 << 4, pgd, 1, spare, 8, KVICK_EINVAL },
		{ "flag PS", FREE_VA, page | RW | LARGE, pgd, 1, spare, 8, KVICK_EINVAL },
		{ "flag 11", FREE_VA, page | RW | 1 << 11, pgd, 1, spare, 8, KVICK_EINVAL },
		{ "flag 52", FREE_VA, page | RW | 1ull << 52, pgd, 1, spare, 8, KVICK_EINVAL },
		{ "flag 62", FREE_VA, page | RW | 1ull << 62, pgd, 1, spare, 8, KVICK_EINVAL },
		{ "not present, but writable", FREE_VA, KVICK_PTE_WRITE, pgd, 1, spare, 8, KVICK_EINVAL },
		{ "not present, but somewhere", FREE_VA, page, pgd, 1, spare, 8, KVICK_EINVAL },
		{ "all bits", FREE_VA, UINT64_MAX, pgd, 1, spare, 8, KVICK_EINVAL },
		{ "pa past RAM", FREE_VA, ram() | RW, pgd, 1, spare, 8, KVICK_EFAULT },
		{ "pa straddles", FREE_VA, (ram() - 4096) | RW, pgd, 2, spare, 8, KVICK_EFAULT },
		{ "pa highest", FREE_VA, max | RW, pgd, 1, spare, 8, KVICK_EFAULT },
		{ "pa wraps", FREE_VA, max | RW, pgd, 512, spare, 8, KVICK_EFAULT },
		{ "pgd past RAM", FREE_VA, page | RW, ram(), 1, spare, 8, KVICK_EFAULT },
		{ "pgd highest", FREE_VA, page | RW, -4096ull, 1, spare, 8, KVICK_EFAULT },
		{ "spare past RAM", FREE_VA, page | RW, pgd, 1, ram(), 1, KVICK_EFAULT },
		{ "spare straddles", FREE_VA, page | RW, pgd, 1, ram() - 4096, 2, KVICK_EFAULT },
		{ "spare wraps", FREE_VA, page | RW, pgd, 1, -4096ull, 2, KVICK_EFAULT },
		{ "2^52 spares", FREE_VA, page | RW, pgd, 1, spare, 1ull << 52, KVICK_EFAULT },
		{ "2^64-1 spares", FREE_VA, page | RW, pgd, 1, spare, UINT64_MAX, KVICK_EFAULT },
		{ "writable and executable", FREE_VA, page | RX | KVICK_PTE_WRITE, pgd, 1, spare, 8, KVICK_EPERM },
		{ "the null page", 0, page | RW, pgd, 1, spare, 8, KVICK_EPERM },
		{ "the system page", 0x1000, page | RX, pgd, 1, spare, 8, KVICK_EPERM },
		{ "the system page, away", 0x1000, 0, pgd, 1, spare, 8, KVICK_EPERM },
		{ "boot info", 0x2000, page | RW, pgd, 1, spare, 8, KVICK_EPERM },
		{ "exception stacks", 0x6000, 0, pgd, 2, spare, 8, KVICK_EPERM },
		{ "no spare", FREE_VA, page | RW, pgd, 1, 0, 0, KVICK_ENOMEM },
		{ "too few spares", FREE_VA, page | RW, pgd, 1, spare, 2, KVICK_ENOMEM },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect(bad[i].what, update(bad[i].va, bad[i].pa, bad[i].pgd, bad[i].pages, bad[i].spare, bad[i].spares),
		       -bad[i].error);
	expect("nothing to unmap", update(3 * TIB, 0, pgd, 512, 0, 0), 0);
	expect("nothing to unmap at the very end", update(0xffffffffffe00000, 0, pgd, 512, 0, 0), 0);
	expect("the last page of all", update(0xfffffffffffff000, page | RW, pgd, 1, spare, 3), 3);
	write_at(0xfffffffffffffff8, 7);
	expect("the last page of all, read", (int64_t)read_at(page + 4088), 7);
}

static void pages_512(void)
{
	uint64_t spare = pages_take(5);

	expect("512 pages over two tables", update(FREE_VA + 4096, 0x100000 | RO, boot_pgd(), 512, spare, 5), 4);
	expect("their last", (int64_t)read_at(FREE_VA + 4096 + 511 * 4096), (int64_t)read_at(0x100000 + 511 * 4096));
	expect("away again", update(FREE_VA + 4096, 0, boot_pgd(), 512, 0, 0), 0);
}

/* "A call that is refused changes nothing": three spares, and the second of two pages would take a fourth. */
static void refused_changes_nothing(void)
{
	uint64_t page = pages_take(2), spare = pages_take(4);

	expect("too few spares", update(FREE_VA + (2 << 20) - 4096, page | RW, boot_pgd(), 2, spare, 3), -KVICK_ENOMEM);
	expect("all four are needed still", update(FREE_VA + (2 << 20) - 4096, page | RW, boot_pgd(), 2, spare, 4), 4);
}

/* Free RAM is mapped by 2 MiB pages where it fills them. */
static void split_without_spare(void)
{
	uint64_t page = (pages_take(1) + (2 << 20)) & ~((2ull << 20) - 1);

	write_at(page, 1234);
	expect("split without spare", update(page, page | RO, boot_pgd(), 1, 0, 0), -KVICK_ENOMEM);
	expect("its value", (int64_t)read_at(page), 1234);
	expect("unmap without spare", update(page + 4096, 0, boot_pgd(), 1, 0, 0), -KVICK_ENOMEM);
	write_at(page, 4321);
	expect("its value", (int64_t)read_at(page), 4321);
}

/* --- tables for update_pgtable that are none --- */

static void pgd_of_ones(void)
{
	uint64_t pgd = pages_take(1), page = pages_take(8);

	fill(pgd, UINT64_MAX);
	expect("map", update(FREE_VA, page | RW, pgd, 1, page + 4096, 7), -KVICK_EFAULT);
	expect("unmap", update(FREE_VA, 0, pgd, 1, 0, 0), -KVICK_EFAULT);
	expect("lcr3", kvick_call_lcr3(pgd), -KVICK_EINVAL);
}

/* Every level's entries in turn: outside RAM, its end, the highest address, a large page in the wrong place. */
static void tables_outside(void)
{
	const uint64_t where[] = { ram(), ram() | LARGE, 1ull << 36, 1ull << 40, KVICK_PTE_ADDR, KVICK_PTE_ADDR | LARGE };

	for (size_t i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
		uint64_t pgd = pages_take(1), pdpt = pages_take(1), pd = pages_take(1), page = pages_take(8);

		fill(pgd, where[i] | TABLE);
		update(FREE_VA, page | RW, pgd, 1, page + 4096, 7);
		fill(pgd, pdpt | TABLE);
		fill(pdpt, where[i] | TABLE);
		update(FREE_VA, page | RW, pgd, 1, page + 4096, 7);
		fill(pdpt, pd | TABLE);
		fill(pd, where[i] | TABLE);
		update(FREE_VA, page | RW, pgd, 1, page + 4096, 7);
		update(FREE_VA, 0, pgd, 1, page + 4096, 7);
	}
}

static void cyclic(void)
{
	uint64_t pgd = pages_take(1), page = pages_take(8);

	fill(pgd, pgd | TABLE);
	update(FREE_VA, page | RW, pgd, 512, page + 4096, 7);
	fill(pgd, pgd | TABLE);
	update(FREE_VA, 0, pgd, 512, 0, 0);
	fill(pgd, pgd | TABLE);
	expect("lcr3", kvick_call_lcr3(pgd), -KVICK_EINVAL);
	fill(pgd, pgd | LEAF | LARGE);
	update(FREE_VA, page | RW, pgd, 512, page + 4096, 7);
	kvick_call_lcr3(pgd);
}

/* Whatever lies there is taken for a top level. Some of it is needed to go on. */
static void pgd_anywhere(uint64_t pgd)
{
	uint64_t page = pages_take(8);

	for (unsigned slot = 0; slot < 512; slot += 73) {
		uint64_t va = (uint64_t)((int64_t)((uint64_t)slot << 55) >> 16) | 0x8000;

		update(va, page | RW, pgd, 3, page + 3 * 4096, 5);
		update(va, 0, pgd, 3, page + 3 * 4096, 5);
	}
	kvick_call_lcr3(pgd);
}

static void pgd_is_text(void) { pgd_anywhere((uintptr_t)pgd_is_text & -4096ull); }
static void pgd_is_stack(void) { pgd_anywhere((uintptr_t)__builtin_frame_address(0) & -4096ull); }
static void pgd_is_boot_info(void) { pgd_anywhere(0x2000); }
static void pgd_is_system_page(void) { pgd_anywhere(0x1000); }
static void pgd_is_crash_stack(void) { pgd_anywhere(0x3000); }
static void pgd_is_null_page(void) { pgd_anywhere(0); }
static void pgd_is_a_lower_table(void) { pgd_anywhere(boot_pgd() + 4096); }

static void pgd_is_the_vmms(void)
{
	for (uint64_t pgd = TABLES_LOW; pgd < TABLES_LOW_END; pgd += 8 * 4096)
		pgd_anywhere(pgd);
}

/* --- spare pages that are in use --- */

static void spares_at(uint64_t spare)
{
	uint64_t page = pages_take(1);

	update(FREE_VA, page | RW, boot_pgd(), 1, spare, 3);
	update(FREE_VA, page | RO, boot_pgd(), 1, spare, 3);
	update(FREE_VA, 0, boot_pgd(), 1, spare, 3);
}

static void spare_is_pgd(void) { spares_at(boot_pgd()); }
static void spare_is_text(void) { spares_at((uintptr_t)spare_is_text & -4096ull); }
static void spare_is_stack(void) { spares_at(((uintptr_t)__builtin_frame_address(0) & -4096ull) - 2 * 4096); }
static void spare_is_system_page(void) { spares_at(0x1000); }
static void spare_is_boot_info(void) { spares_at(0x2000); }
static void spare_is_null_page(void) { spares_at(0); }

static void spare_is_own_table(void)
{
	uint64_t pgd = own_pgd(), page = pages_take(4);

	update(2 * TIB, page | RW, pgd, 1, pgd, 1);
	update(2 * TIB, page | RW, pgd, 512, page, 4);
	kvick_call_lcr3(pgd);
}

/* --- what the VMM keeps in RAM for itself --- */

#define WINDOW (5 * TIB)

/* A view of the VMM's tables that may be written to, at either ring. */
static void open_window(void)
{
	uint64_t spare = pages_take(3);

	expect("a window", update(WINDOW, TABLES_LOW | RW, boot_pgd(), (TABLES_LOW_END - TABLES_LOW) / 4096, spare, 3), 3);
}

static void poison(uint64_t value)
{
	/* The first pages hold the tables in force: what we stand on. */
	for (uint64_t at = 0x10000; at < TABLES_LOW_END; at += 4096)
		fill(WINDOW + at - TABLES_LOW, value);
}

static void use_ring0(void)
{
	uint64_t page = pages_take(1), spare = pages_take(3);

	for (unsigned i = 0; i < 2; i++) {
		kvick_call_lcr3(boot_pgd());
		kvick_call_cpuconfig(KVICK_CPU_INTERRUPT_FLAG, 1, 0, NULL);
		update(FREE_VA, page | RW, boot_pgd(), 1, spare, 3);
		update(FREE_VA, page | RO, boot_pgd(), 1, spare, 3);
		update(FREE_VA, 0, boot_pgd(), 1, spare, 3);
	}
}

static void ring0_tables_of(uint64_t value)
{
	open_window();
	poison(value);
	use_ring0();
}

static void ring0_tables_of_ones(void) { ring0_tables_of(UINT64_MAX); }
static void ring0_tables_outside(void) { ring0_tables_of((1ull << 40) | TABLE); }
static void ring0_tables_inside(void) { ring0_tables_of(0x100000 | TABLE); }
static void ring0_tables_cyclic(void) { ring0_tables_of(0x30000 | TABLE); }

static void ring0_tables_wiped_later(void)
{
	use_ring0();
	ring0_tables_of(0);
}

static void ring0_tables_of_ones_later(void)
{
	use_ring0();
	ring0_tables_of(UINT64_MAX);
}

/* The stub that stores for us, replaced: by hlt, by a loop, by a call for ourselves. */
static void stub_of(const void *code, size_t bytes)
{
	uint64_t spare = pages_take(3);

	update(WINDOW, 0x1000 | RW, boot_pgd(), 1, spare, 3);
	for (uint64_t at = 0x4e0; at + bytes <= 0x800; at += bytes) /* behind descriptors and exception stubs */
		memcpy((void *)(WINDOW + at), code, bytes);
	use_ring0();
}

static void stub_of_hlt(void) { stub_of("\xf4", 1); }
static void stub_of_ud2(void) { stub_of("\x0f\x0b", 2); }
static void stub_that_loops(void) { stub_of("\xeb\xfe", 2); }
static void stub_that_calls(void) { stub_of("\xe7\xe8", 2); }
static void stub_that_reads_a_port(void) { stub_of("\xe5\xec", 2); }

/* --- the ground under our feet --- */

static void unmap_own_stack(void)
{
	uint64_t stack = kvick_boot()->stack_base, spare = pages_take(4);
	uint64_t pages = (kvick_boot()->stack_top - stack) / 4096;

	update(stack, 0, boot_pgd(), pages, spare, 4);
	printf("still there\n");
}

static void unmap_own_text(void)
{
	uint64_t text = (uintptr_t)unmap_own_text & -4096ull, spare = pages_take(4);

	update(text, 0, boot_pgd(), 1, spare, 4);
	printf("still there\n");
}

/* Everything but what may not be. */
static void unmap_all(void)
{
	uint64_t spare = pages_take(8);

	update(0x7000, 0, boot_pgd(), 512, spare, 8);
	printf("still there\n");
}

static void handler_stack_gone(void)
{
	/* In tables of our own no rule holds: the crash stack's entry goes after lcr3 has seen it. */
	uint64_t pgd = pages_take(1), pdpt = pages_take(1), pd = pages_take(1), pt = pages_take(1);

	for (unsigned i = 0; i < 512; i++)
		write_at(pt + 8 * i, ((uint64_t)i << 12) | LEAF);
	write_at(pgd, pdpt | TABLE);
	write_at(pdpt, pd | TABLE);
	write_at(pd, pt | TABLE);
	for (uint64_t at = 2 << 20; at < ram(); at += 2 << 20)
		write_at(pd + 8 * (at >> 21), at | LEAF | LARGE);
	expect("lcr3", kvick_call_lcr3(pgd), 0);
	write_at(pt + 8 * 3, 0);
	write_at(pt + 8 * 1, 0);
	expect("lcr3, again", kvick_call_lcr3(pgd), -KVICK_EINVAL);
	__asm__ volatile("ud2");
}

/* --- lcr3 --- */

static void lcr3_arguments(void)
{
	uint64_t pgd = pages_take(1), pdpt = pages_take(1), pd = pages_take(1), pt = pages_take(1);

	expect("past RAM", kvick_call_lcr3(ram()), -KVICK_EFAULT);
	expect("highest", kvick_call_lcr3(-4096ull), -KVICK_EFAULT);
	expect("unaligned", kvick_call_lcr3(boot_pgd() + 8), -KVICK_EINVAL);
	expect("PCID", kvick_call_lcr3(boot_pgd() | 1), -KVICK_EINVAL);
	expect("bit 63", kvick_call_lcr3(boot_pgd() | 1ull << 63), -KVICK_EFAULT);
	expect("empty", kvick_call_lcr3(pgd), -KVICK_EINVAL);
	expect("text", kvick_call_lcr3((uintptr_t)lcr3_arguments & -4096ull), -KVICK_EINVAL);
	expect("stack", kvick_call_lcr3((uintptr_t)&pgd & -4096ull), -KVICK_EINVAL);
	expect("boot info", kvick_call_lcr3(0x2000), -KVICK_EINVAL);
	expect("system page", kvick_call_lcr3(0x1000), -KVICK_EINVAL);
	expect("null page", kvick_call_lcr3(0), -KVICK_EINVAL);

	/* Complete but for one page that exceptions need: absent, elsewhere, read-only, not executable. */
	write_at(pgd, pdpt | TABLE);
	write_at(pdpt, pd | TABLE);
	write_at(pd, pt | TABLE);
	for (unsigned i = 0; i < 512; i++)
		write_at(pt + 8 * i, ((uint64_t)i << 12) | LEAF);
	for (unsigned i = 1; i <= 6; i++) {
		const uint64_t spoiled[] = { 0, LEAF, ((uint64_t)i << 12) | (LEAF & ~KVICK_PTE_WRITE),
					     ((uint64_t)i << 12) | LEAF | KVICK_PTE_NX, ram() | LEAF };

		for (size_t k = 0; k < sizeof(spoiled) / sizeof(spoiled[0]); k++) {
			if (i == 4 || i == 5 || (k == 2 && i == 1) || (k == 3 && i != 1))
				continue;
			write_at(pt + 8 * i, spoiled[k]);
			expect("spoiled", kvick_call_lcr3(pgd), -KVICK_EINVAL);
		}
		write_at(pt + 8 * i, ((uint64_t)i << 12) | LEAF);
	}
}

/* --- tables in force that lead out of RAM --- */

static void mmio_read(void)
{
	uint64_t pdpt = pages_take(1);

	write_at(pdpt, (64ull << 30) | LEAF | LARGE);
	write_at(pdpt + 8, (1ull << 30) | LEAF | LARGE);
	enter_with(pdpt | TABLE);
	read_at(SLOT_1 + (1 << 30) + 0x1234000);
}

static void mmio_at(uint64_t gpa, int how)
{
	uint64_t pdpt = pages_take(1), pd = pages_take(1), pt = pages_take(1);

	write_at(pdpt, pd | TABLE);
	write_at(pd, pt | TABLE);
	write_at(pt, gpa | LEAF);
	write_at(pt + 8, (gpa + 4096) | LEAF);
	enter_with(pdpt | TABLE);
	if (how == 0)
		read_at(SLOT_1);
	else if (how == 1)
		write_at(SLOT_1, 1);
	else if (how == 2)
		call_at(SLOT_1);
	else if (how == 3)
		read_at(SLOT_1 + 4092); /* two pages */
	else if (how == 4)
		__asm__ volatile("rep stosb" : : "D"(SLOT_1), "c"(8192ull), "a"(0) : "memory");
	else if (how == 5)
		__asm__ volatile("mov %0, %%rsp\n\tpush $0" : : "r"(SLOT_1 + 4096));
	else if (how == 6)
		__asm__ volatile("lock addq $1, (%0)" : : "r"(SLOT_1) : "memory");
	else
		__asm__ volatile("rep movsb" : : "D"(SLOT_1), "S"(SLOT_1 + 64), "c"(64ull) : "memory");
}

static void mmio_after_ram(void) { mmio_at(ram(), 0); }
static void mmio_write(void) { mmio_at(ram(), 1); }
static void mmio_execute(void) { mmio_at(ram(), 2); }
static void mmio_straddle(void) { mmio_at(ram() - 4096, 3); }
static void mmio_string(void) { mmio_at(ram() - 4096, 4); }
static void mmio_stack(void) { mmio_at(1ull << 30, 5); }
static void mmio_locked(void) { mmio_at(1ull << 30, 6); }
static void mmio_to_mmio(void) { mmio_at(1ull << 30, 7); }
static void mmio_apic(void) { mmio_at(0xfee00000, 1); }
static void mmio_ioapic(void) { mmio_at(0xfec00000, 1); }
static void mmio_top(void) { mmio_at(0xffffff000, 1); }
static void mmio_beyond_36_bits(void) { mmio_at(1ull << 36, 0); }
static void mmio_beyond_all_bits(void) { mmio_at(RESERVED, 0); }

static void table_in_mmio(void)
{
	enter_with((1ull << 30) | TABLE);
	read_at(SLOT_1);
}

static void table_beyond_all_bits(void)
{
	enter_with(RESERVED | TABLE);
	read_at(SLOT_1);
}

static void table_of_ones(void)
{
	uint64_t pdpt = pages_take(1);

	fill(pdpt, UINT64_MAX);
	enter_with(pdpt | TABLE);
	read_at(SLOT_1);
}

static void table_cyclic(void)
{
	uint64_t pgd = own_pgd();

	write_at(pgd + 8, pgd | TABLE);
	expect("lcr3", kvick_call_lcr3(pgd), 0);
	for (unsigned i = 0; i < 512; i++) /* through itself: each store may change what maps it */
		write_at(SLOT_1 + (1ull << 30) + (1 << 21) + 4096 + 8 * i, (uint64_t)i * 4096 | LEAF);
}

static const struct way ways[] = {
	{ "arguments", arguments },
	{ "pages-512", pages_512 },
	{ "refused-changes-nothing", refused_changes_nothing },
	{ "split-without-spare", split_without_spare },
	{ "pgd-of-ones", pgd_of_ones },
	{ "tables-outside", tables_outside },
	{ "cyclic", cyclic },
	{ "pgd-is-text", pgd_is_text },
	{ "pgd-is-stack", pgd_is_stack },
	{ "pgd-is-boot-info", pgd_is_boot_info },
	{ "pgd-is-system-page", pgd_is_system_page },
	{ "pgd-is-crash-stack", pgd_is_crash_stack },
	{ "pgd-is-null-page", pgd_is_null_page },
	{ "pgd-is-a-lower-table", pgd_is_a_lower_table },
	{ "pgd-is-the-vmms", pgd_is_the_vmms },
	{ "spare-is-pgd", spare_is_pgd },
	{ "spare-is-text", spare_is_text },
	{ "spare-is-stack", spare_is_stack },
	{ "spare-is-system-page", spare_is_system_page },
	{ "spare-is-boot-info", spare_is_boot_info },
	{ "spare-is-null-page", spare_is_null_page },
	{ "spare-is-own-table", spare_is_own_table },
	{ "ring0-tables-of-ones", ring0_tables_of_ones },
	{ "ring0-tables-outside", ring0_tables_outside },
	{ "ring0-tables-inside", ring0_tables_inside },
	{ "ring0-tables-cyclic", ring0_tables_cyclic },
	{ "ring0-tables-wiped-later", ring0_tables_wiped_later },
	{ "ring0-tables-of-ones-later", ring0_tables_of_ones_later },
	{ "stub-of-hlt", stub_of_hlt },
	{ "stub-of-ud2", stub_of_ud2 },
	{ "stub-that-loops", stub_that_loops },
	{ "stub-that-calls", stub_that_calls },
	{ "stub-that-reads-a-port", stub_that_reads_a_port },
	{ "unmap-own-stack", unmap_own_stack },
	{ "unmap-own-text", unmap_own_text },
	{ "unmap-all", unmap_all },
	{ "handler-stack-gone", handler_stack_gone },
	{ "lcr3-arguments", lcr3_arguments },
	{ "mmio-read", mmio_read },
	{ "mmio-after-ram", mmio_after_ram },
	{ "mmio-write", mmio_write },
	{ "mmio-execute", mmio_execute },
	{ "mmio-straddle", mmio_straddle },
	{ "mmio-string", mmio_string },
	{ "mmio-stack", mmio_stack },
	{ "mmio-locked", mmio_locked },
	{ "mmio-to-mmio", mmio_to_mmio },
	{ "mmio-apic", mmio_apic },
	{ "mmio-ioapic", mmio_ioapic },
	{ "mmio-top", mmio_top },
	{ "mmio-beyond-36-bits", mmio_beyond_36_bits },
	{ "mmio-beyond-all-bits", mmio_beyond_all_bits },
	{ "table-in-mmio", table_in_mmio },
	{ "table-beyond-all-bits", table_beyond_all_bits },
	{ "table-of-ones", table_of_ones },
	{ "table-cyclic", table_cyclic },
};

HOSTILE_MAIN(ways)
