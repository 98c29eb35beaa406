/* SPDX-License-Identifier: Apache-2.0 */
/* The baselines: levels of the psABI, made from nothing and checked against what the host has. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/cpu_model_build.h"
#include "vmm/cpu_model_rules.h"
#include "vmm/error.h"

/* AVX's place in an XSAVE area, the same on all CPUs so far. */
#define AVX_OFFSET 576u
#define AVX_BYTES  256u

/* What a baseline says where it must say something: a vendor and signature of nobody's. */
static const char baseline_vendor[12] = { "kvickgeneric" };
#define BASELINE_SIGNATURE 0x600u       /* family 6: the first with CMOV */
#define BASELINE_CLFLUSH 0x800u         /* lines of 64 bytes */
#define BASELINE_ADDRESS_BITS 0x3024u   /* 48 linear, 36 physical: what KVM assumes without a table */
#define BASELINE_PHYSICAL_BITS 36u

/* Appends the names of what a level needs and the host lacks; returns how many. */
static unsigned lacking(const struct cpu_table *host, enum cpu_model model, char *names, size_t bytes)
{
	unsigned count = 0, rules = cpu_baseline_rule_count(model);
	size_t used = 0;

	if (bytes)
		names[0] = '\0';
	for (unsigned i = 0; i < rules; i++) {
		const struct cpu_rule *rule = &cpu_baseline_rules[i];
		const struct kvm_cpuid_entry2 *e = cpu_find(host, rule->leaf, 0);

		if (e && *cpu_reg_of((struct kvm_cpuid_entry2 *)e, rule->reg) & rule->mask)
			continue;
		if (used < bytes)
			used += (size_t)snprintf(names + used, bytes - used, "%s%s", count ? ", " : "", rule->what);
		count++;
	}
	return count;
}

static int check_baseline(struct cpu_build *b, const struct cpu_table *host, struct error *error)
{
	enum cpu_model model = b->config->model, next = model;
	char names[256];
	const struct kvm_cpuid_entry2 *sizes = cpu_find(host, 0x80000008, 0), *avx = cpu_find(host, 0xd, 2);

	if (lacking(host, model, names, sizeof(names))) {
		while (next > CPU_BASELINE && lacking(host, next, NULL, 0))
			next--;
		return error_set(error, ERROR_HOST, ENOTSUP, "--cpu %s: this host's KVM lacks %s: use --cpu %s",
				 cpu_model_name(model), names,
				 lacking(host, next, NULL, 0) ? "host" : cpu_model_name(next));
	}
	if (sizes && (sizes->eax & 0xff) < BASELINE_PHYSICAL_BITS)
		return error_set(error, ERROR_HOST, ENOTSUP, "--cpu %s: this host's physical addresses have %u bits, "
				 "and a baseline's %u: use --cpu host", cpu_model_name(model), sizes->eax & 0xff,
				 BASELINE_PHYSICAL_BITS);
	if (model == CPU_BASELINE_V3 && (!b->holds[CPU_WITH_AVX] || avx->ebx != AVX_OFFSET || avx->eax != AVX_BYTES))
		return error_set(error, ERROR_HOST, ENOTSUP, "--cpu %s: this host's KVM has no XSAVE state for AVX at its "
				 "usual place: use --cpu %s", cpu_model_name(model), cpu_model_name(CPU_BASELINE_V2));
	return 0;
}

static void fill_baseline(struct cpu_build *b)
{
	const struct cpu_config *c = b->config;
	uint32_t features = (c->x2apic ? LEAF1_ECX_X2APIC : 0) | (c->tsc_deadline ? LEAF1_ECX_TSC_DEADLINE : 0);
	const uint32_t indexed = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
	unsigned rules = cpu_baseline_rule_count(c->model);
	uint32_t vendor[3]; /* EBX, EDX, ECX: APM 3, E.3.1 */

	memcpy(vendor, baseline_vendor, sizeof(vendor));
	cpu_build_add(b, &(struct kvm_cpuid_entry2){ .function = 0, .ebx = vendor[0], .edx = vendor[1], .ecx = vendor[2] });
	cpu_build_add(b, &(struct kvm_cpuid_entry2){
		.function = 1, .eax = BASELINE_SIGNATURE, .ebx = BASELINE_CLFLUSH, .ecx = features,
		.edx = c->lapic ? LEAF1_EDX_APIC : 0 });
	cpu_build_add(b, &(struct kvm_cpuid_entry2){ .function = 7, .flags = indexed });
	if (c->model == CPU_BASELINE_V3) {
		cpu_build_topology(b, 0xb); /* below the highest leaf, so it must tell something */
		cpu_build_add(b, &(struct kvm_cpuid_entry2){ .function = 0xd, .flags = indexed, .index = 0 });
		cpu_build_add(b, &(struct kvm_cpuid_entry2){ .function = 0xd, .flags = indexed, .index = 1 });
		cpu_build_add(b, &(struct kvm_cpuid_entry2){ .function = 0xd, .flags = indexed, .index = 2, .eax = AVX_BYTES,
							     .ebx = AVX_OFFSET });
	}
	cpu_build_add(b, &(struct kvm_cpuid_entry2){ .function = LEAF_EXTENDED });
	cpu_build_add(b, &(struct kvm_cpuid_entry2){ .function = 0x80000001 });
	cpu_build_add(b, &(struct kvm_cpuid_entry2){ .function = 0x80000008, .eax = BASELINE_ADDRESS_BITS });
	for (unsigned i = 0; i < rules; i++) {
		const struct cpu_rule *rule = &cpu_baseline_rules[i];

		*cpu_reg_of(cpu_build_find(b->guest, rule->leaf, 0), rule->reg) |= rule->mask;
	}
}

int cpu_build_baseline(struct cpu_build *b, const struct cpu_table *host, struct error *error)
{
	/* What XSAVE state the host has is found out from a host model, which is then thrown away. */
	int r = cpu_build_host(b, host, error);

	if (r == 0)
		r = check_baseline(b, host, error);
	if (r < 0)
		return r;
	b->holds[CPU_WITH_XSAVE] = b->config->model == CPU_BASELINE_V3;
	b->components = b->holds[CPU_WITH_XSAVE] ? XCR0_LEGACY | XCR0_AVX : 0;
	b->xsave_bytes = b->holds[CPU_WITH_XSAVE] ? AVX_OFFSET + AVX_BYTES : 0;
	b->guest->count = 0;
	fill_baseline(b);
	cpu_build_values(b);
	cpu_build_hypervisor(b, host, false); /* the TSC's rate is this host's */
	cpu_build_highest(b, 0);
	cpu_build_highest(b, LEAF_EXTENDED);
	return 0;
}
