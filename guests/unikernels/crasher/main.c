/* SPDX-License-Identifier: Apache-2.0 */
/* Dies in the way that it is asked for: see ways[]. */
#include <assert.h>
#include <kvick_function.h>
#include <stdlib.h>
#include <string.h>

/* Hides from the compiler what a value is, and so that using it is a mistake. */
#define LAUNDER(value) __asm__ volatile("" : "+r"(value))

static void crash_null(void)
{
	uint64_t *at = NULL;

	LAUNDER(at);
	*(volatile uint64_t *)at = 1;
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

static void crash_stack_smash(void)
{
	char buffer[16];
	char *at = buffer;

	LAUNDER(at);
	memset(at, 'A', 64);
	__asm__ volatile("" : : "r"(at) : "memory");
}

static void crash_assert(void)
{
	int two = 2;

	LAUNDER(two);
	assert(two + two == 5);
}

/* Without a reply, but orderly. */
static void leave(void)
{
	kvick_exit(3);
}

static void loop(void)
{
	for (;;)
		__asm__ volatile("");
}

static const struct {
	const char *name;
	void (*crash)(void);
} ways[] = {
	{ "null", crash_null },
	{ "divide", crash_divide },
	{ "invalid-opcode", crash_invalid_opcode },
	{ "stack-smash", crash_stack_smash },
	{ "assert", crash_assert },
	{ "abort", abort },
	{ "exit", leave },
	{ "loop", loop },
};

static int handle(const void *request, size_t bytes, struct kvick_reply *reply)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (kvick_request_is(request, bytes, ways[i].name))
			ways[i].crash();
	kvick_reply_printf(reply, "crasher: say how:");
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		kvick_reply_printf(reply, " %s", ways[i].name);
	kvick_reply_put(reply, "\n", 1);
	return 2;
}

int main(void)
{
	kvick_serve(handle);
}
