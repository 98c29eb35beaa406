/* SPDX-License-Identifier: Apache-2.0 */
/* Fault handlers in C. fault_entry.S gets there and back. */
#include "runtime.h"

#define STUB_BYTES 16

extern const uint8_t kvick_fault_stubs[];

kvick_fault_handler_t *kvick_fault_handlers[KVICK_FAULT_VECTORS];

_Static_assert(offsetof(struct kvick_fault_frame, vector) == 15 * 8, "fault_entry.S finds the vector there");
_Static_assert(sizeof(struct kvick_fault_frame) == 22 * 8, "fault_entry.S aligns its stack by this");

int64_t kvick_fault_handler(unsigned vector, kvick_fault_handler_t *handler)
{
	if (vector >= KVICK_FAULT_VECTORS)
		return -KVICK_EINVAL;

	kvick_fault_handler_t *before = kvick_fault_handlers[vector];
	uint64_t stub = handler ? (uintptr_t)kvick_fault_stubs + vector * STUB_BYTES : 0;

	/* First the table: a fault may come as soon as the VMM knows the stub. */
	if (handler)
		kvick_fault_handlers[vector] = handler;

	int64_t result = kvick_call_cpuconfig(KVICK_CPU_HANDLER, vector, stub, NULL);

	if (result < 0)
		kvick_fault_handlers[vector] = before;
	return result;
}
