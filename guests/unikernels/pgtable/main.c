/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The paravirtual CPU: update_pgtable, lcr3, cpuconfig and fault handlers, each proved by what the
 * guest then reads, writes or cannot. At ring 0 all of it happens twice: by plain instructions, and
 * by the hypercalls that ring 3 has for it.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pgtable.h"

static void check_cpu(const struct paravirt *pv)
{
	/* Where %fs:0 leads is seen by reading through it. */
	static uint64_t here = 0x1122334455667788, there = 0x99aabbccddeeff00;
	uint64_t value, before = 1;

	assert(pv->cpuconfig(KVICK_CPU_FS_BASE, (uintptr_t)&here, 0, &before) == 0);
	__asm__ volatile("mov %%fs:0, %0" : "=r"(value));
	assert(value == here);
	assert(pv->cpuconfig(KVICK_CPU_FS_BASE, 0, 0, &before) == 0);
	assert(before == (uintptr_t)&here);

	assert(pv->cpuconfig(KVICK_CPU_GS_BASE, (uintptr_t)&there, 0, &before) == 0);
	__asm__ volatile("mov %%gs:0, %0" : "=r"(value));
	assert(value == there);
	assert(pv->cpuconfig(KVICK_CPU_GS_BASE, 0, 0, &before) == 0);
	assert(before == (uintptr_t)&there);

	uint64_t born_with;

	assert(pv->cpuconfig(KVICK_CPU_INTERRUPT_FLAG, 1, 0, &born_with) == 0);
	assert(pv->cpuconfig(KVICK_CPU_INTERRUPT_FLAG, 0, 0, &before) == 0);
	assert(before == 1);
	assert(pv->cpuconfig(KVICK_CPU_INTERRUPT_FLAG, born_with, 0, &before) == 0);
	assert(before == 0);

	assert(pv->cpuconfig(KVICK_CPU_INTERRUPT_FLAG, 2, 0, NULL) == -KVICK_EINVAL);
	assert(pv->cpuconfig(KVICK_CPU_FS_BASE, 1ull << 47, 0, NULL) == -KVICK_EINVAL);
	assert(pv->cpuconfig(KVICK_CPU_GS_BASE, 0xffff7fffffffffff, 0, NULL) == -KVICK_EINVAL);
	assert(pv->cpuconfig(KVICK_CPU_HANDLER, KVICK_FAULT_VECTORS, 0, NULL) == -KVICK_EINVAL);
	assert(pv->cpuconfig(99, 0, 0, NULL) == -KVICK_EINVAL);
}

static void run(const struct paravirt *pv)
{
	printf("pgtable: ring %u, by %s\n", kvick_boot()->ring, pv->name);
	check_mapping(pv);
	check_split(pv);
	check_many_pages(pv);
	check_switch(pv);
	check_refusals(pv);
	check_cpu(pv);
}

int main(void)
{
	static const struct paravirt hypercalls = {
		.name = "hypercalls",
		.base = HYPERCALLS_BASE,
		.update = kvick_call_update_pgtable,
		.lcr3 = kvick_call_lcr3,
		.cpuconfig = kvick_call_cpuconfig,
	};
	static const struct paravirt plain = {
		.name = "plain instructions",
		.base = PLAIN_BASE,
		.update = kvick_update_pgtable,
		.lcr3 = kvick_lcr3,
		.cpuconfig = kvick_cpuconfig,
	};

	probe_start();
	if (kvick_boot()->ring == 0)
		run(&plain);
	run(&hypercalls);
	puts("pgtable: all checks passed");
	return 0;
}
