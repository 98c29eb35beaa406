/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU that a snapshot was taken on: a guest goes on using what it has found there. */
#ifndef KVICK_VMM_SNAPSHOT_CPU_H
#define KVICK_VMM_SNAPSHOT_CPU_H

#include <stdint.h>

struct cpu_table;
struct error;

/* Registers of CPUID's leaves, and XCR0: words of features. */
enum snapshot_cpu_word {
	CPU_1_ECX, CPU_1_EDX, CPU_7_EBX, CPU_7_ECX, CPU_7_EDX, CPU_80000001_ECX, CPU_80000001_EDX, CPU_XCR0, SNAPSHOT_CPU_WORDS,
};

struct snapshot_cpu {
	char vendor[16], name[64];
	uint64_t words[SNAPSHOT_CPU_WORDS];
};

/* By the CPUID instruction, for it is the CPU's own features that a guest's instructions need, whatever KVM makes of CPUID. */
void snapshot_cpu_read(struct snapshot_cpu *cpu);

/* Its name, for people: not needed for comparing. */
void snapshot_cpu_read_name(struct snapshot_cpu *cpu);

/*
 * Leaves in only what a guest may use: what it was told of (an empty table: nothing, it is one for plain x86-64),
 * and state that was enabled for it.
 */
void snapshot_cpu_limit(struct snapshot_cpu *cpu, const struct cpu_table *told, uint64_t xcr0);

/* 0, or -ENOTSUP with an ERROR_HOST that names all that `here` lacks. */
int snapshot_cpu_check(const struct snapshot_cpu *there, const struct snapshot_cpu *here, const char *name, struct error *error);

#endif
