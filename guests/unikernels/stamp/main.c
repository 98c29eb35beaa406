/* SPDX-License-Identifier: Apache-2.0 */
/* A function that replies with the TSC at its first instruction after it has its request: perf/launches.c takes that off. */
#include <kvick_guest.h>

int main(void)
{
	struct kvick_call call = { .nr = KVICK_CALL_READY };
	uint64_t first;

	kvick_hypercall(&call);
	first = kvick_rdtsc();
	call = (struct kvick_call){ .nr = KVICK_CALL_REPLY, .arg = { (uintptr_t)&first, sizeof(first), KVICK_REPLY_EXIT, 0 } };
	kvick_hypercall(&call);
	kvick_panic("stamp: the reply was not taken");
}
