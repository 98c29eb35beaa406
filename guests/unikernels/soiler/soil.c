/* SPDX-License-Identifier: Apache-2.0 */
/* Soils the CPU, as far as the guest can go on. */
#include "soiler.h"

#define GARBAGE_ADDRESS 0x00007ffdeadbe000ull

/* An interrupt that is pending for ever: nobody takes any. */
static void soil_apic(void)
{
	volatile uint32_t *apic = local_apic();
	uint64_t cr3 = read_cr3();

	if (!apic)
		return;
	__asm__ volatile("mov %0, %%cr3" : : "r"(soiler_kept.pgd[0]) : "memory");
	apic[0xf0 / 4] = 0x1f7;       /* enabled */
	apic[0xd0 / 4] = 0x02000000;
	apic[0x340 / 4] = 0x10051;
	apic[0x350 / 4] = 0x10052;
	apic[0x3e0 / 4] = 0xb;        /* divide by 1 */
	apic[0x320 / 4] = 0x41;       /* timer, once */
	apic[0x380 / 4] = 1;
	__asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
}

static void soil_tables_registers(void)
{
	struct { uint16_t limit; uint64_t base; } __attribute__((packed)) table;

	__asm__ volatile("sgdt %0" : "=m"(table));
	table.limit += 0x10;
	__asm__ volatile("lgdt %0" : : "m"(table));
	__asm__ volatile("sidt %0" : "=m"(table));
	table.limit += 0x10;
	__asm__ volatile("lidt %0" : : "m"(table));
}

static void soil_ring_0(bool xcr0)
{
	uint64_t value;

	/* The local APIC's task priority. Later, with an interrupt pending, QEMU's SVM would not survive it. */
	__asm__ volatile("mov %0, %%cr8" : : "r"(5ull));
	soil_apic();
	__asm__ volatile("mov %0, %%ds\n\tmov %0, %%es\n\tmov %0, %%fs\n\tmov %0, %%gs" : : "r"(0x2b));
	for (unsigned i = 0; i < soiler_msr_count; i++)
		if (read_msr(soiler_msrs[i].index, &value))
			write_msr(soiler_msrs[i].index, value ^ soiler_msrs[i].soil);
	/* A breakpoint where nobody comes by: QEMU's SVM would stop other guests there, too. */
	__asm__ volatile("mov %0, %%dr0\n\tmov %0, %%dr1\n\tmov %0, %%dr2\n\tmov %0, %%dr3" : : "r"(GARBAGE_ADDRESS));
	__asm__ volatile("mov %0, %%dr6" : : "r"(0xffff0ff1ull));
	__asm__ volatile("mov %0, %%dr7" : : "r"(0x401ull));
	if (xcr0 && read_cr4() & CR4_OSXSAVE)
		__asm__ volatile("xsetbv" : : "c"(0), "a"(1), "d"(0));
	__asm__ volatile("mov %0, %%cr4" : : "r"(read_cr4() ^ (CR4_DE | CR4_PCE | CR4_PGE)) : "memory");
	__asm__ volatile("mov %0, %%cr0" : : "r"(read_cr0() & ~(CR0_AM | CR0_NE)) : "memory");
	soil_tables_registers();
}

void soil_cpu(bool xcr0)
{
	if (ring0_native())
		soil_ring_0(xcr0);
	kvick_set_fs_base(GARBAGE_ADDRESS);
	kvick_set_gs_base(GARBAGE_ADDRESS + 8);
	kvick_call_cpuconfig(KVICK_CPU_INTERRUPT_FLAG, kvick_boot()->ring == 3, 0, NULL);
	readable(GARBAGE_ADDRESS); /* CR2 */
}
