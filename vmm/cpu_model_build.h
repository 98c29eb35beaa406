/* SPDX-License-Identifier: Apache-2.0 */
/* A CPUID table in the making: what the files of cpu_model.c share. */
#ifndef KVICK_VMM_CPU_MODEL_BUILD_H
#define KVICK_VMM_CPU_MODEL_BUILD_H

#include <asm/kvm_para.h>

#include "vmm/cpu_model.h"

#define LEAF_EXTENDED 0x80000000u
#define LEAF_TIMING   (KVM_CPUID_SIGNATURE + 0x10)

#define LEAF1_ECX_XSAVE        (1u << 26)
#define LEAF1_ECX_OSXSAVE      (1u << 27)
#define LEAF1_ECX_HYPERVISOR   (1u << 31)
#define LEAF1_ECX_X2APIC       (1u << 21)
#define LEAF1_ECX_TSC_DEADLINE (1u << 24)
#define LEAF1_EDX_APIC         (1u << 9)

/* XCR0 (AMD64 APM 2, 11.5.2) */
#define XCR0_LEGACY 0x3ull /* x87 and SSE: their area is fixed */
#define XCR0_AVX    (1ull << 2)
#define XCR0_AVX512 (7ull << 5)

#define XSAVE_LEGACY_BYTES 576u /* legacy area and header */

/* A table in the making. */
struct cpu_build {
	struct cpu_table *guest;
	const struct cpu_config *config;
	bool holds[CPU_WHEN_COUNT];
	uint64_t components; /* of XSAVE state that may be enabled */
	uint32_t xsave_bytes;
	bool full;           /* an entry did not fit */
};

struct kvm_cpuid_entry2 *cpu_build_find(struct cpu_table *table, uint32_t leaf, uint32_t index);
uint32_t *cpu_reg_of(struct kvm_cpuid_entry2 *entry, enum cpu_register reg);

/* The first one stays where there are two of the same. */
void cpu_build_add(struct cpu_build *b, const struct kvm_cpuid_entry2 *entry);

/* Leaves whose values are ours (cpu_model_leaves.c): in entries that are there, and in entries of their own. */
void cpu_build_values(struct cpu_build *b);
void cpu_build_topology(struct cpu_build *b, uint32_t leaf);
void cpu_build_as_the_host_has(struct cpu_build *b, uint32_t highest);
void cpu_build_hypervisor(struct cpu_build *b, const struct cpu_table *host, bool timing);
void cpu_build_highest(struct cpu_build *b, uint32_t first);

/* The models. 0, or -errno with an ERROR_HOST. */
int cpu_build_host(struct cpu_build *b, const struct cpu_table *host, struct error *error);
int cpu_build_baseline(struct cpu_build *b, const struct cpu_table *host, struct error *error);

#endif
