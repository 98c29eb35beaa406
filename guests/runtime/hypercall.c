/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls, one function each. include/kvick/hypercall.h is the contract. */
#include "runtime.h"

void kvick_hypercall(struct kvick_call *call)
{
	uint32_t doorbell = kvick_boot()->doorbell;
	uint64_t nr = KVICK_VMCALL_NR;
	uint32_t block = (uint32_t)((uintptr_t)call / sizeof(*call));

	if (doorbell == KVICK_DOORBELL_VMCALL)
		__asm__ volatile("vmcall" : "+a"(nr) : "b"(0ull), "c"(1ull), "d"(call) : "memory");
	else if (doorbell == KVICK_DOORBELL_VMMCALL)
		__asm__ volatile("vmmcall" : "+a"(nr) : "b"(0ull), "c"(1ull), "d"(call) : "memory");
	else
		__asm__ volatile("outl %0, %1" : : "a"(block), "N"(KVICK_PORT_CALL) : "memory");
}

uint64_t kvick_clock_ns(unsigned clock)
{
	struct kvick_call call = { .nr = KVICK_CALL_CLOCK, .arg = { clock } };

	kvick_hypercall(&call);
	return call.ret < 0 ? 0 : call.arg[0];
}

int64_t kvick_notify_wait(uint64_t event_mask, uint64_t timeout_ns, uint64_t notifications)
{
	struct kvick_call call = { .nr = KVICK_CALL_WAIT, .arg = { event_mask, timeout_ns, notifications } };

	kvick_hypercall(&call);
	return call.ret;
}

int64_t kvick_wait(uint64_t event_mask, uint64_t timeout_ns)
{
	return kvick_notify_wait(event_mask, timeout_ns, 0);
}

int64_t kvick_entropy(void *buffer, size_t bytes)
{
	struct kvick_call call = { .nr = KVICK_CALL_ENTROPY, .arg = { (uintptr_t)buffer, bytes } };

	kvick_hypercall(&call);
	return call.ret;
}

int64_t kvick_mark(unsigned number)
{
	struct kvick_call call = { .nr = KVICK_CALL_MARK, .arg = { number } };

	kvick_hypercall(&call);
	return call.ret;
}

int64_t kvick_args(unsigned which, void *buffer, size_t bytes)
{
	struct kvick_call call = { .nr = KVICK_CALL_ARGS, .arg = { which, (uintptr_t)buffer, bytes } };

	kvick_hypercall(&call);
	return call.ret;
}

void kvick_exit(int status)
{
	struct kvick_call call = { .nr = KVICK_CALL_EXIT, .arg = { (uint64_t)status } };

	kvick_hypercall(&call);
	__builtin_trap();
}

int64_t kvick_call_cpuconfig(unsigned what, uint64_t value, uint64_t value2, uint64_t *before)
{
	struct kvick_call call = { .nr = KVICK_CALL_CPUCONFIG, .arg = { what, value, value2 } };

	kvick_hypercall(&call);
	if (call.ret >= 0 && before)
		*before = call.arg[0];
	return call.ret;
}

int64_t kvick_call_update_pgtable(uint64_t va, uint64_t pa_flags, uint64_t pgd, uint64_t pages, uint64_t spare,
				  uint64_t spare_pages)
{
	struct kvick_call call = {
		.nr = KVICK_CALL_UPDATE_PGTABLE,
		.arg = { va, pa_flags, pgd, pages, spare, spare_pages },
	};

	kvick_hypercall(&call);
	return call.ret;
}

int64_t kvick_call_lcr3(uint64_t pgd)
{
	struct kvick_call call = { .nr = KVICK_CALL_LCR3, .arg = { pgd } };

	kvick_hypercall(&call);
	return call.ret;
}
