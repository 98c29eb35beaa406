/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime.h"

struct kvick_cpuid kvick_call_cpuid(uint32_t leaf, uint32_t index)
{
	struct kvick_cpuid r = { 0, 0, 0, 0 };
	struct kvick_call call = { .nr = KVICK_CALL_CPUID, .arg = { leaf, index, (uintptr_t)&r } };

	kvick_hypercall(&call);
	return r;
}

struct kvick_cpuid kvick_cpuid(uint32_t leaf, uint32_t index)
{
	struct kvick_cpuid r;

	if (!(kvick_boot()->flags & KVICK_BOOT_CPUID))
		return kvick_call_cpuid(leaf, index);
	__asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(index));
	return r;
}
