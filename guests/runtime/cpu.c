/* SPDX-License-Identifier: Apache-2.0 */
/* The paravirtual CPU: each call as a hypercall at ring 3, as plain instructions at ring 0. */
#include "runtime.h"

/* AMD64 APM 2, appendix A.2 */
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u

#define RFLAGS_IF (1ull << 9)

static uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

static int64_t set_base(uint32_t msr, uint64_t value, uint64_t *before)
{
	if (!kvick_canonical(value))
		return -KVICK_EINVAL; /* WRMSR would raise #GP */
	*before = rdmsr(msr);
	wrmsr(msr, value);
	return 0;
}

static int64_t set_interrupt_flag(uint64_t value, uint64_t *before)
{
	uint64_t rflags;

	if (value > 1)
		return -KVICK_EINVAL;
	__asm__ volatile("pushfq\n\tpop %0" : "=r"(rflags));
	*before = (rflags & RFLAGS_IF) != 0;
	if (value)
		__asm__ volatile("sti" : : : "memory");
	else
		__asm__ volatile("cli" : : : "memory");
	return 0;
}

static int64_t fault_address(uint64_t value, uint64_t *address)
{
	if (value)
		return -KVICK_EINVAL;
	__asm__ volatile("mov %%cr2, %0" : "=r"(*address));
	return 0;
}

int64_t kvick_cpuconfig(unsigned what, uint64_t value, uint64_t value2, uint64_t *before)
{
	uint64_t ignored;

	if (kvick_boot()->ring != 0 || what == KVICK_CPU_HANDLER)
		return kvick_call_cpuconfig(what, value, value2, before);
	if (!before)
		before = &ignored;
	switch (what) {
	case KVICK_CPU_INTERRUPT_FLAG: return set_interrupt_flag(value, before);
	case KVICK_CPU_FS_BASE: return set_base(MSR_FS_BASE, value, before);
	case KVICK_CPU_GS_BASE: return set_base(MSR_GS_BASE, value, before);
	case KVICK_CPU_FAULT_ADDRESS: return fault_address(value, before);
	default: return -KVICK_EINVAL;
	}
}

int64_t kvick_update_pgtable(uint64_t va, uint64_t pa_flags, uint64_t pgd, uint64_t pages, uint64_t spare,
			     uint64_t spare_pages)
{
	if (kvick_boot()->ring != 0)
		return kvick_call_update_pgtable(va, pa_flags, pgd, pages, spare, spare_pages);
	return kvick_plain_update_pgtable(va, pa_flags, pgd, pages, spare, spare_pages);
}

int64_t kvick_lcr3(uint64_t pgd)
{
	if (kvick_boot()->ring != 0)
		return kvick_call_lcr3(pgd);
	return kvick_plain_lcr3(pgd);
}
