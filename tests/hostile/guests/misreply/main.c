/* SPDX-License-Identifier: Apache-2.0 */
/* THREATS 12, and what else a function may not: answers wrongly, in the way that its request names. */
#include "../hostile.h"

#define CONSOLE_FLOOD (1u << 20)

static char request[64];

static int64_t reply(const void *at, uint64_t bytes, uint64_t flags, uint64_t status)
{
	return call(KVICK_CALL_REPLY, (uintptr_t)at, bytes, flags, status, 0, 0);
}

static void twice(void)
{
	reply("one", 3, 0, 0);
	reply("two", 3, 0, 0);
}

static void too_long(void)
{
	reply(NULL, KVICK_REPLY_BYTES_MAX + 1, KVICK_REPLY_EXIT, 0);
}

static void never(void)
{
	kvick_exit(7);
}

static void spin(void)
{
	for (;;)
		__asm__ volatile("pause");
}

static void spin_in_calls(void)
{
	for (;;)
		kvick_clock_ns(KVICK_CLOCK_MONOTONIC);
}

static void sleep_on(void)
{
	for (;;)
		kvick_wait(0, ~0ull);
}

/* Its reply is there, but it does not end. */
static void stay(void)
{
	reply("stays", 5, 0, 0);
	spin();
}

static void die_afterwards(void)
{
	reply("dies", 4, 0, 0);
	__asm__ volatile("ud2");
}

/* More than one request's log, then a reply. */
static void flood(void)
{
	for (unsigned i = 0; i < CONSOLE_FLOOD / 64; i++)
		puts("the quick brown fox jumps over the lazy dog, again and again...");
	reply("flooded", 7, KVICK_REPLY_EXIT, 0);
}

static void say(void)
{
	puts("hello");
	reply("said", 4, KVICK_REPLY_EXIT, 5);
}

/* All that there is, from where nothing is. */
static void everywhere(void)
{
	expect("beyond RAM", reply((void *)kvick_boot()->mem_bytes, 1, 0, 0), -KVICK_EFAULT);
	expect("wrapping", reply((void *)~0xfffull, TIB, 0, 0), -KVICK_EFAULT);
	expect("flags", reply("x", 1, 6, 0), -KVICK_EINVAL);
	expect("ready again", call(KVICK_CALL_READY, (uintptr_t)request, 1, 0, 0, 0, 0), -KVICK_EINVAL);
	reply(hostile_failed ? "FAILED" : "survived", 6 + 2 * !hostile_failed, KVICK_REPLY_EXIT, 0);
}

static const struct way ways[] = {
	{ "twice", twice }, { "too-long", too_long }, { "never", never }, { "spin", spin }, { "spin-in-calls", spin_in_calls },
	{ "sleep", sleep_on }, { "stay", stay }, { "die-afterwards", die_afterwards }, { "flood", flood }, { "say", say },
	{ "everywhere", everywhere },
};

int main(void)
{
	call(KVICK_CALL_READY, (uintptr_t)request, sizeof(request) - 1, 0, 0, 0, 0);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strcmp(ways[i].name, request) == 0)
			ways[i].run();
	return 2;
}
