/* SPDX-License-Identifier: Apache-2.0 */
/* What a PVH guest is told, said again as a zero page has it, as Linux does: all ways but those about the entry are the same. */
#include "kernel.h"

#define BOOT_CS 0x10

void kernel_main(uint64_t zero);
_Noreturn void pvh_main(void);

static void put(uint8_t *zero, unsigned offset, uint64_t value, unsigned bytes)
{
	memcpy(zero + offset, &value, bytes);
}

void pvh_main(void)
{
	static uint8_t zero[4096] __attribute__((aligned(4096)));
	uint64_t info = pvh_found.start_info, module = number_at(info + START_MODULES, 8), map = number_at(info + START_MEMORY, 8);
	unsigned entries = (unsigned)number_at(info + START_MEMORY_ENTRIES, 4);

	put(zero, ZERO_COMMAND_LINE, number_at(info + START_COMMAND_LINE, 8), 4);
	put(zero, ZERO_RSDP, number_at(info + START_RSDP, 8), 8);
	if (number_at(info + START_MODULE_COUNT, 4)) {
		put(zero, ZERO_RAMDISK, number_at(module, 8), 4);
		put(zero, ZERO_RAMDISK_BYTES, number_at(module + 8, 8), 4);
	}
	put(zero, ZERO_E820_ENTRIES, entries, 1);
	for (unsigned i = 0; i < entries; i++)
		memcpy(zero + ZERO_E820 + i * 20, (const void *)(map + i * 24), 20);
	start_found.rsi = (uintptr_t)zero;
	start_found.cs = BOOT_CS;
	kernel_main(start_found.rsi);
	for (;;)
		;
}
