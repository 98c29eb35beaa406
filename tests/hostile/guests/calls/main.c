/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls that nobody would make by mistake, and some that somebody would. */
#include "../hostile.h"

static uint64_t ram(void)
{
	return kvick_boot()->mem_bytes;
}

static void ring_port(uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "N"(KVICK_PORT_CALL) : "memory");
}

/* The doorbell that takes any 64 bits; only at a native ring 0. */
static void ring_vmcall(uint64_t address)
{
	uint64_t nr = KVICK_VMCALL_NR;

	if (kvick_boot()->doorbell == KVICK_DOORBELL_VMMCALL)
		__asm__ volatile("vmmcall" : "+a"(nr) : "b"(0ull), "c"(1ull), "d"(address) : "memory");
	else
		__asm__ volatile("vmcall" : "+a"(nr) : "b"(0ull), "c"(1ull), "d"(address) : "memory");
}

/* The block's place. */

static void block_after_ram(void) { ring_port((uint32_t)(ram() / 64)); }
static void block_highest(void) { ring_port(UINT32_MAX); }
static void block_unaligned(void) { ring_vmcall((uintptr_t)kvick_boot() + 8); }
static void block_wraps(void) { ring_vmcall(UINT64_MAX - 63); }
static void block_minus_1(void) { ring_vmcall(UINT64_MAX); }
static void block_vmcall_after_ram(void) { ring_vmcall(ram()); }

static void block_last_of_ram(void)
{
	struct kvick_call *block = (struct kvick_call *)(ram() - sizeof(*block));

	block->nr = KVICK_CALL_MARK;
	block->arg[0] = KVICK_MARKS_MAX;
	ring_port((uint32_t)((uintptr_t)block / 64));
	expect("a mark that is none, asked for in the last 64 bytes of RAM", block->ret, -KVICK_EINVAL);
}

/* The null page, tables, descriptors, code: all RAM to the VMM, which writes 16 bytes back into each. */
static void block_anywhere(void)
{
	static const uint64_t places[] = { 0, 64, 0x7fc0, 0x1d00, 0x1f00, 0x100000 };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		ring_port((uint32_t)(places[i] / 64));
}

static void block_in_descriptors(void)
{
	for (uint64_t at = 0x1000; at < 0x2000; at += 64)
		ring_port((uint32_t)(at / 64));
}

static void block_in_tables(void)
{
	for (uint64_t at = 0x7000; at < 0x10000; at += 64)
		ring_port((uint32_t)(at / 64));
}

static void block_in_console(void)
{
	memset(kvick_boot()->console.bytes, 0xff, KVICK_BOOT_CONSOLE_BYTES);
	for (uint64_t at = 0x2800; at < 0x3000; at += 64)
		ring_port((uint32_t)(at / 64));
	kvick_boot()->console.used = 0;
}

/* Numbers and words. */

static void numbers(void)
{
	static const uint32_t unknown[] = { 0, 16, 17, 31, 32, 0x7fffffff, 0x80000000, UINT32_MAX };

	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		expect("unknown number", call(unknown[i], 1, 2, 3, 4, 5, 6), -KVICK_ENOSYS);
}

static void reserved(void)
{
	for (uint32_t nr = 1; nr <= KVICK_CALL_REPLY; nr++) {
		for (unsigned bit = 0; bit < 32; bit += 31) {
			struct kvick_call block = { .nr = nr, .reserved = 1u << bit };

			kvick_hypercall(&block);
			expect("reserved", block.ret, -KVICK_EINVAL);
		}
	}
}

static void pointers(void)
{
	static char here[16];
	const struct {
		uint64_t at, bytes;
	} bad[] = {
		{ ram(), 1 }, { ram() - 1, 2 }, { ram() + 1, 1 }, { ram() - 4096, 4097 }, { 0, ram() + 1 }, { 1, ram() },
		{ UINT64_MAX, 1 }, { UINT64_MAX, 2 }, { UINT64_MAX - 15, 16 }, { UINT64_MAX - 15, 32 }, { 1ull << 63, 1 },
		{ 1ull << 52, 4096 }, { 0xffff800000000000, 64 },
	};
	const uint64_t huge[] = { UINT64_MAX, UINT64_MAX - 4095, 1ull << 63, 1ull << 52, 1ull << 32 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t at = bad[i].at, bytes = bad[i].bytes;

		expect("console_write", call(KVICK_CALL_CONSOLE_WRITE, at, bytes, 0, 0, 0, 0), -KVICK_EFAULT);
		expect("args", call(KVICK_CALL_ARGS, KVICK_ARGS_ARGV, at, bytes, 0, 0, 0), -KVICK_EFAULT);
		expect("environment", call(KVICK_CALL_ARGS, KVICK_ARGS_ENVP, at, bytes, 0, 0, 0), -KVICK_EFAULT);
		expect("entropy", call(KVICK_CALL_ENTROPY, at, bytes, 0, 0, 0, 0),
		       bytes > KVICK_ENTROPY_BYTES_MAX ? -KVICK_EINVAL : -KVICK_EFAULT);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (bad[i].at != 0 && bad[i].at != 1 && bad[i].at != ram() - 4096)
			expect("cpuid", call(KVICK_CALL_CPUID, 0, 0, bad[i].at, 0, 0, 0), -KVICK_EFAULT);
	expect("cpuid into 15 bytes", call(KVICK_CALL_CPUID, 0, 0, ram() - 15, 0, 0, 0), -KVICK_EFAULT);
	for (size_t i = 0; i < sizeof(huge) / sizeof(huge[0]); i++) {
		expect("cpuid, leaf", call(KVICK_CALL_CPUID, huge[i], 0, (uintptr_t)here, 0, 0, 0), -KVICK_EINVAL);
		expect("cpuid, subleaf", call(KVICK_CALL_CPUID, 1, huge[i], (uintptr_t)here, 0, 0, 0), -KVICK_EINVAL);
		expect("console_write, huge", call(KVICK_CALL_CONSOLE_WRITE, (uintptr_t)here, huge[i], 0, 0, 0, 0), -KVICK_EFAULT);
		expect("args, huge", call(KVICK_CALL_ARGS, 0, (uintptr_t)here, huge[i], 0, 0, 0), -KVICK_EFAULT);
		expect("entropy, huge", call(KVICK_CALL_ENTROPY, (uintptr_t)here, huge[i], 0, 0, 0, 0), -KVICK_EINVAL);
	}
	expect("nothing, written at RAM's end", call(KVICK_CALL_CONSOLE_WRITE, ram(), 0, 0, 0, 0, 0), 0);
	expect("nothing, written past it", call(KVICK_CALL_CONSOLE_WRITE, ram() + 1, 0, 0, 0, 0, 0), -KVICK_EFAULT);
	expect("no entropy", call(KVICK_CALL_ENTROPY, (uintptr_t)here, 0, 0, 0, 0, 0), -KVICK_EINVAL);
	expect("too much entropy", call(KVICK_CALL_ENTROPY, (uintptr_t)here, 4097, 0, 0, 0, 0), -KVICK_EINVAL);
	memset(here, 'x', sizeof(here));
	if (call(KVICK_CALL_ARGS, KVICK_ARGS_ARGV, (uintptr_t)here, 3, 0, 0, 0) <= 3 || here[3] != 'x')
		expect("args into 3 bytes", here[3], 'x');
}

static void choices(void)
{
	const uint64_t bad[] = { 8, 1ull << 32, 1ull << 63, UINT64_MAX };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		expect("clock", call(KVICK_CALL_CLOCK, bad[i], 0, 0, 0, 0, 0), -KVICK_EINVAL);
		expect("args", call(KVICK_CALL_ARGS, bad[i], 0, 0, 0, 0, 0), -KVICK_EINVAL);
		expect("mark", call(KVICK_CALL_MARK, bad[i], 0, 0, 0, 0, 0), -KVICK_EINVAL);
		expect("wait", call(KVICK_CALL_WAIT, bad[i], 0, 0, 0, 0, 0), -KVICK_EINVAL);
		expect("cpuconfig", call(KVICK_CALL_CPUCONFIG, bad[i], 0, 0, 0, 0, 0), -KVICK_EINVAL);
		expect("flag", call(KVICK_CALL_CPUCONFIG, KVICK_CPU_INTERRUPT_FLAG, bad[i], 0, 0, 0, 0), -KVICK_EINVAL);
	}
	for (unsigned what = KVICK_CPU_FS_BASE; what <= KVICK_CPU_GS_BASE; what++) {
		expect("base", call(KVICK_CALL_CPUCONFIG, what, 1ull << 47, 0, 0, 0, 0), -KVICK_EINVAL);
		expect("base", call(KVICK_CALL_CPUCONFIG, what, 1ull << 63, 0, 0, 0, 0), -KVICK_EINVAL);
		expect("base", call(KVICK_CALL_CPUCONFIG, what, 0xffff000000000000, 0, 0, 0, 0), -KVICK_EINVAL);
		expect("base", call(KVICK_CALL_CPUCONFIG, what, 0xffff800000000000, 0, 0, 0, 0), 0);
	}
}

static void handlers(void)
{
	static const uint64_t vectors[] = { 2, 8, 18, 32, 255, 256, 1ull << 32, UINT64_MAX };

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		expect("vector", call(KVICK_CALL_CPUCONFIG, KVICK_CPU_HANDLER, vectors[i], 0x100000, 0, 0, 0), -KVICK_EINVAL);
	expect("address", call(KVICK_CALL_CPUCONFIG, KVICK_CPU_HANDLER, 6, 1ull << 47, 0, 0, 0), -KVICK_EINVAL);
	expect("address", call(KVICK_CALL_CPUCONFIG, KVICK_CPU_HANDLER, 6, UINT64_MAX >> 1, 0, 0, 0), -KVICK_EINVAL);
	expect("give back", call(KVICK_CALL_CPUCONFIG, KVICK_CPU_HANDLER, 6, 0, 0, 0, 0), 0);
}

/* Each call with its words from a generator: any answer will do but the last call's, which must be right. */
static void noise(void)
{
	uint64_t seed = 88172645463325252ull;
	uint64_t arg[6];

	for (unsigned i = 0; i < 300; i++) {
		uint32_t nr = i % 10 + 1;

		for (unsigned k = 0; k < 6; k++) {
			seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17; /* xorshift64 */
			arg[k] = seed >> (seed >> 58); /* all magnitudes */
		}
		if (nr == KVICK_CALL_EXIT || (nr == KVICK_CALL_WAIT && arg[0] == 0) || nr == KVICK_CALL_CPUCONFIG)
			continue;
		if (nr == KVICK_CALL_ENTROPY || nr == KVICK_CALL_ARGS)
			arg[nr == KVICK_CALL_ARGS] |= 1ull << 40; /* or it would be us that are written to */
		if (nr == KVICK_CALL_UPDATE_PGTABLE || nr == KVICK_CALL_CPUID)
			arg[2] |= 1ull << 40;
		if (nr == KVICK_CALL_CONSOLE_WRITE && arg[0] <= ram())
			arg[1] |= 1ull << 40;
		call(nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
	}
	expect("a good call after the bad ones", call(KVICK_CALL_WAIT, 0, 0, 0, 0, 0, 0), 0);
}

static void write_all_ram(void)
{
	fflush(stdout);
	expect("all of RAM", call(KVICK_CALL_CONSOLE_WRITE, 0, ram(), 0, 0, 0, 0), (int64_t)ram());
}

/* 16 copies of RAM, asked for by a block inside what is printed. */
static void write_all_ram_again(void)
{
	for (unsigned i = 0; i < 16; i++)
		write_all_ram();
}

static void exit_wide(void) { call(KVICK_CALL_EXIT, 0xffffffffffffff2aull, UINT64_MAX, 0, 0, 0, 0); }

static void wait_longest(void)
{
	fflush(stdout);
	call(KVICK_CALL_WAIT, 0, UINT64_MAX, 0, 0, 0, 0);
}

static void wait_long(void)
{
	fflush(stdout);
	call(KVICK_CALL_WAIT, 0, INT64_MAX, 0, 0, 0, 0);
}

static void marks(void)
{
	for (unsigned i = 0; i < 5000; i++)
		expect("mark", kvick_mark(i % KVICK_MARKS_MAX), 0);
}

/* The boot info page, which the VMM reads again. */

static void boot_garbage(void)
{
	memset(kvick_boot(), 0xa5, sizeof(*kvick_boot()));
	kvick_boot()->doorbell = KVICK_DOORBELL_PORT;
	call(KVICK_CALL_EXIT, 0, 0, 0, 0, 0, 0);
}

static void boot_garbage_then_fault(void)
{
	memset(kvick_boot(), 0xa5, sizeof(*kvick_boot()));
	__asm__ volatile("ud2");
}

static void console_used_huge(void)
{
	memset(kvick_boot()->console.bytes, 'k', KVICK_BOOT_CONSOLE_BYTES);
	for (unsigned i = 0; i < 3; i++) {
		kvick_boot()->console.used = i == 0 ? UINT32_MAX : i == 1 ? KVICK_BOOT_CONSOLE_BYTES + 1 : 1u << 31;
		kvick_mark(0);
		expect("console.used", kvick_boot()->console.used, 0);
	}
}

static void tsc_garbage(void)
{
	for (unsigned i = 0; i < 8; i++)
		kvick_boot()->guest_tsc[i] = i % 2 ? UINT64_MAX - i : 1;
}

static const struct way ways[] = {
	{ "block-after-ram", block_after_ram },
	{ "block-highest", block_highest },
	{ "block-unaligned", block_unaligned },
	{ "block-wraps", block_wraps },
	{ "block-minus-1", block_minus_1 },
	{ "block-vmcall-after-ram", block_vmcall_after_ram },
	{ "block-last-of-ram", block_last_of_ram },
	{ "block-anywhere", block_anywhere },
	{ "block-in-descriptors", block_in_descriptors },
	{ "block-in-tables", block_in_tables },
	{ "block-in-console", block_in_console },
	{ "numbers", numbers },
	{ "reserved", reserved },
	{ "pointers", pointers },
	{ "choices", choices },
	{ "handlers", handlers },
	{ "noise", noise },
	{ "write-all-ram", write_all_ram },
	{ "write-all-ram-again", write_all_ram_again },
	{ "exit-wide", exit_wide },
	{ "wait-longest", wait_longest },
	{ "wait-long", wait_long },
	{ "marks", marks },
	{ "boot-garbage", boot_garbage },
	{ "boot-garbage-then-fault", boot_garbage_then_fault },
	{ "console-used-huge", console_used_huge },
	{ "tsc-garbage", tsc_garbage },
};

HOSTILE_MAIN(ways)
