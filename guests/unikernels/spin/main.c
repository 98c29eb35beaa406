/* SPDX-License-Identifier: Apache-2.0 */
/* Never ends: for the host to stop. argv[1] says how; without it, without any exit to the host. */
#include <kvick_guest.h>
#include <stdio.h>
#include <string.h>

static void loop(void)
{
	for (;;)
		__asm__ volatile("pause");
}

/*
 * VMCALL at ring 0 whatever the doorbell: where ring 0 is emulated, it is never left behind, and
 * KVM_RUN does not return.
 */
static void loop_vmcall(void)
{
	for (;;) {
		uint64_t result;

		__asm__ volatile("vmcall" : "=a"(result) : "a"(~0ull) : "memory");
	}
}

static void loop_exits(void)
{
	for (;;)
		kvick_clock_ns(KVICK_CLOCK_MONOTONIC);
}

static void loop_console(void)
{
	for (;;)
		puts("the quick brown fox jumps over the lazy dog");
}

static const struct {
	const char *name;
	void (*run)(void);
} ways[] = {
	{ "loop", loop },
	{ "vmcall", loop_vmcall },
	{ "exits", loop_exits },
	{ "console", loop_console },
};

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "loop";

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strcmp(ways[i].name, name) == 0)
			ways[i].run();
	printf("spin: no way \"%s\"\n", name);
	return 2;
}
