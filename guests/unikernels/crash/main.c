/* SPDX-License-Identifier: Apache-2.0 */
/* Dies in the way that argv[1] says, some calls deep, for the VMM to report. */
#include <assert.h>
#include <kvick_guest.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))

/* Hides from the compiler what a value is, and so that using it is a mistake. */
#define LAUNDER(value) __asm__ volatile("" : "+r"(value))

#define NOT_MAPPED   0x7f0000000000ull
#define BEYOND_BYTES (1ull << 20)

static uint64_t read_at(uint64_t address)
{
	LAUNDER(address);
	return *(volatile uint64_t *)address;
}

static void crash_null(void)
{
	read_at(0);
}

/* Dies in a function of the runtime's that has no frame of its own. */
static void crash_string(void)
{
	char *to = NULL;

	LAUNDER(to);
	memset(to, 1, 64);
	LAUNDER(to);
}

static void crash_wild(void)
{
	read_at(NOT_MAPPED);
}

static void crash_outside_ram(void)
{
	read_at(kvick_boot()->mem_bytes + BEYOND_BYTES);
}

static void crash_write_text(void)
{
	uintptr_t address = (uintptr_t)crash_write_text;

	LAUNDER(address);
	*(volatile uint8_t *)address = 0;
}

static void crash_exec_data(void)
{
	static uint8_t code[] = { 0xc3 }; /* ret */
	uintptr_t address = (uintptr_t)code;

	/* A call, not a jump: the caller stays in the backtrace. */
	LAUNDER(address);
	((void (*)(void))address)();
	LAUNDER(address);
}

static NOINLINE unsigned recurse(unsigned depth)
{
	volatile char frame[256];

	LAUNDER(depth);
	frame[depth % sizeof(frame)] = (char)depth;
	if (depth == UINT32_MAX)
		return 0; /* no stack is that large */
	return recurse(depth + 1) + (unsigned)frame[0];
}

static void crash_stack_overflow(void)
{
	unsigned result = recurse(0);

	LAUNDER(result);
}

static void crash_divide(void)
{
	unsigned zero = 0;

	LAUNDER(zero);
	__asm__ volatile("divl %0" : : "r"(zero) : "eax", "edx");
}

static void crash_invalid_opcode(void)
{
	__asm__ volatile("ud2");
}

static void crash_privileged(void)
{
	__asm__ volatile("hlt");
}

static void crash_assert(void)
{
	int two = 2;

	LAUNDER(two);
	assert(two + two == 5);
}

static void crash_abort(void)
{
	abort();
}

static void crash_stack_smash(void)
{
	char buffer[16];
	char *at = buffer;

	LAUNDER(at);
	memset(at, 'A', 64);
	__asm__ volatile("" : : "r"(at) : "memory");
}

static const struct {
	const char *name;
	void (*crash)(void);
} ways[] = {
	{ "null", crash_null },
	{ "string", crash_string },
	{ "wild", crash_wild },
	{ "outside-ram", crash_outside_ram },
	{ "write-text", crash_write_text },
	{ "exec-data", crash_exec_data },
	{ "stack-overflow", crash_stack_overflow },
	{ "stack-smash", crash_stack_smash },
	{ "divide", crash_divide },
	{ "invalid-opcode", crash_invalid_opcode },
	{ "privileged", crash_privileged },
	{ "assert", crash_assert },
	{ "abort", crash_abort },
};

/* Two frames that a backtrace must show, kept by having something to do afterwards. */
static NOINLINE int inner(size_t way)
{
	int survived = 1;

	ways[way].crash();
	LAUNDER(survived);
	return survived;
}

static NOINLINE int outer(size_t way)
{
	int result = inner(way);

	LAUNDER(result);
	return result;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(ways[i].name, name) == 0) {
			printf("crash: %s\n", name);
			int survived = outer(i);

			puts("crash: survived");
			return survived;
		}
	}
	puts("crash: say how:");
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		printf("  %s\n", ways[i].name);
	return 2;
}
