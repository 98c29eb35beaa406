/* SPDX-License-Identifier: Apache-2.0 */
/* Never ends: for the host to stop. argv[1] says how; without it, without any exit to the host. */
#include <kvick_guest.h>
#include <stdio.h>
#include <string.h>

#define CR0_WP (1ull << 16)

static void loop(void)
{
	for (;;)
		__asm__ volatile("pause");
}

/*
 * VMCALL whatever the doorbell. Where ring 0 is emulated, KVM rewrites the instruction into the
 * host CPU's own and starts over, for ever, and KVM_RUN does not return. It writes as the guest
 * would: without CR0.WP (AMD64 APM 2, 3.1.1), W^X does not keep it from doing so.
 */
static void loop_vmcall(void)
{
	if (kvick_boot()->ring == 0) {
		uint64_t cr0;

		__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
		__asm__ volatile("mov %0, %%cr0" : : "r"(cr0 & ~CR0_WP) : "memory");
	}
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
		if (strcmp(ways[i].name, name) == 0) {
			printf("spin: %s", name); /* no newline, no flush: for the host to find in the buffer at the end */
			ways[i].run();
		}
	printf("spin: no way \"%s\"\n", name);
	return 2;
}
