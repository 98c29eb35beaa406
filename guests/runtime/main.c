/* SPDX-License-Identifier: Apache-2.0 */
/* From the start code to main() and to the end. */
#include <stdlib.h>
#include <string.h>

#include <kvick/note.h>

#include "runtime.h"

/* Pointers to arguments and environment that fit on the stack, where no page is touched for them. */
#define STACK_POINTERS 48

extern int main(int argc, char **argv, char **envp);

uintptr_t __stack_chk_guard;
char **environ;
static struct kvick_boot_info *boot_info;

struct kvick_boot_info *kvick_boot(void)
{
	return boot_info;
}

_Noreturn void __stack_chk_fail(void);
_Noreturn void __stack_chk_fail(void)
{
	kvick_panic("stack smashed");
}

void kvick_take_stack_guard(void)
{
	uint64_t seed = __atomic_exchange_n(&boot_info->seed[0], 0, __ATOMIC_RELAXED);

	if (seed)
		__stack_chk_guard = seed & ~0xffull; /* the low byte is 0, to stop a string */
}

void kvick_panic(const char *message)
{
	kvick_console_write(message, strlen(message));
	kvick_console_write("\n", 1);
	__builtin_trap();
}

void exit(int status)
{
	kvick_exit(status);
}

/* Too long for the boot info page: the VMM still has the strings. */
static char *fetch_strings(size_t bytes)
{
	char *strings = malloc(bytes);

	if (!strings)
		kvick_panic("no memory for the arguments");
	int64_t argv_bytes = kvick_args(KVICK_ARGS_ARGV, strings, bytes);

	if (argv_bytes < 0 || (size_t)argv_bytes > bytes ||
	    kvick_args(KVICK_ARGS_ENVP, strings + argv_bytes, bytes - (size_t)argv_bytes) < 0)
		kvick_panic("the VMM does not hand out the arguments");
	return strings;
}

/* Points at each of `count` strings, and NULL after them. Returns what follows the last. */
static char *point_at(char **pointers, unsigned count, char *strings)
{
	for (unsigned i = 0; i < count; i++) {
		pointers[i] = strings;
		strings += strlen(strings) + 1;
	}
	pointers[count] = NULL;
	return strings;
}

void kvick_start(struct kvick_boot_info *boot)
{
	char *on_stack[STACK_POINTERS], **argv = on_stack;
	char *strings = boot->args;
	size_t pointers = (size_t)boot->argc + boot->envc + 2;

	boot_info = boot;
	kvick_take_stack_guard();
	if (boot->magic != KVICK_BOOT_MAGIC || boot->abi_version != KVICK_ABI_VERSION)
		__builtin_trap(); /* nothing in the page can be trusted, its console least */
	if (boot->flags & KVICK_BOOT_CONSOLE_TTY)
		setvbuf(stdout, NULL, _IOLBF, 0);

	if (boot->args_bytes > KVICK_BOOT_ARGS_BYTES)
		strings = fetch_strings(boot->args_bytes);
	if (pointers > STACK_POINTERS)
		argv = malloc(pointers * sizeof(*argv));
	if (!argv)
		kvick_panic("no memory for the arguments");
	environ = argv + boot->argc + 1;
	strings = point_at(argv, boot->argc, strings);
	point_at(environ, boot->envc, strings);

	boot->guest_tsc[KVICK_TSC_MAIN] = kvick_rdtsc();
	exit(main((int)boot->argc, argv, environ));
}
