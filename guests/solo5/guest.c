/* SPDX-License-Identifier: Apache-2.0 */
#include "guest.h"

#define WORDS_MAX 16

struct start_found start_found = { .rdi = 1 }; /* not in the bss */
uintptr_t __stack_chk_guard = 0x5aa5f00dcafe00;
volatile uint64_t fault_count;
uint64_t fault_resume;

extern const uint8_t fault_handler[];

static bool failed;

void guest_main(void);
_Noreturn void __stack_chk_fail(void);
void kvick_console_write(const void *data, size_t bytes);

/* ---- hypercalls ---- */

/* guests/runtime/printf.c comes here. */
void kvick_console_write(const void *data, size_t bytes)
{
	struct solo5_puts call = { (uintptr_t)data, bytes };

	hypercall(SOLO5_PUTS, &call);
}

uint64_t walltime(void)
{
	struct solo5_walltime call = { 0 };

	hypercall(SOLO5_WALLTIME, &call);
	return call.ns;
}

void halt(int status)
{
	struct solo5_halt call = { .status = status };

	hypercall(SOLO5_HALT, &call);
	for (;;)
		;
}

int poll(uint64_t timeout_ns, uint64_t *ready_set)
{
	struct solo5_poll call = { .timeout_ns = timeout_ns, .ret = -1 };

	hypercall(SOLO5_POLL, &call);
	*ready_set = call.ready_set;
	return call.ret;
}

int block_io(unsigned nr, uint64_t handle, uint64_t offset, void *data, uint64_t bytes)
{
	struct solo5_block_io call = { handle, offset, (uintptr_t)data, bytes, -1 };

	hypercall(nr, &call);
	return call.ret;
}

int net_io(unsigned nr, uint64_t handle, void *data, uint64_t *bytes)
{
	struct solo5_net_io call = { handle, (uintptr_t)data, *bytes, -1 };

	hypercall(nr, &call);
	*bytes = call.bytes;
	return call.ret;
}

const struct solo5_entry *entry(unsigned handle)
{
	const struct solo5_manifest *manifest = (const struct solo5_manifest *)boot_info()->manifest;

	return handle < manifest->entries ? &manifest->entry[handle] : NULL;
}

/* ---- what ways share ---- */

void __stack_chk_fail(void)
{
	printf("stack smashed\n");
	halt(SOLO5_STATUS_ABORT);
}

void expect(const char *what, uint64_t got, uint64_t wanted)
{
	if (got == wanted)
		return;
	printf("%s: 0x%lx instead of 0x%lx\n", what, got, wanted);
	failed = true;
}

int guest_way(const struct way *ways, unsigned count, const char *name)
{
	for (unsigned i = 0; i < count; i++) {
		if (!name || strcmp(name, "ways") == 0) {
			printf("%s\n", ways[i].name);
		} else if (strcmp(name, ways[i].name) == 0) {
			ways[i].run();
			printf("%s: %s\n", name, failed ? "not as it should be" : "ok");
			return failed;
		}
	}
	return name && strcmp(name, "ways") != 0;
}

/* ---- the start ---- */

static void interrupts_start(void)
{
	static struct gate {
		uint16_t offset_low, selector, flags, offset_middle;
		uint32_t offset_high, reserved;
	} idt[15] __attribute__((aligned(16)));
	struct { uint16_t limit; uint64_t base; } __attribute__((packed)) idtr = { sizeof(idt) - 1, (uintptr_t)idt };
	uint64_t at = (uintptr_t)fault_handler;

	for (unsigned i = 13; i < 15; i++)
		idt[i] = (struct gate){ (uint16_t)at, 0x08, 0x8e00, (uint16_t)(at >> 16), (uint32_t)(at >> 32), 0 };
	__asm__ volatile("lidt %0" : : "m"(idtr), "m"(idt));
}

void guest_main(void)
{
	static char line[SOLO5_COMMAND_LINE_BYTES];
	char *words[WORDS_MAX + 1] = { NULL };
	unsigned count = 0;

	interrupts_start();
	strcpy(line, (const char *)boot_info()->command_line);
	for (char *at = line; *at && count < WORDS_MAX;) {
		words[count++] = at;
		at += strcspn(at, " ");
		if (*at)
			*at++ = '\0';
	}
	halt(guest_run(count, words));
}
