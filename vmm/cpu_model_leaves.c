/* SPDX-License-Identifier: Apache-2.0 */
/* Leaves whose values are ours, or partly so. */
#include <string.h>

#include "vmm/cpu_model_build.h"

/*
 * The crystal that leaf 0x15 tells of: any will do that makes whole numbers, and products that fit 32 bits. Linux takes it for the
 * rate of the APIC's timer too; 1 GHz, which that has, would leave the TSC's to the nearest 200 ppm. So there the leaf is not.
 */
#define CRYSTAL_HZ 1000000u
#define APIC_BUS_KHZ 1000000u /* KVM's APIC timer counts nanoseconds */
#define BUS_MHZ 100u

#define LINEAR_BITS 48u /* four levels of page tables */

/* Bits of an APIC id that number this many CPUs. */
static uint32_t id_bits(uint32_t vcpus)
{
	uint32_t bits = 0;

	while (1u << bits < vcpus)
		bits++;
	return bits;
}

static void make_features(struct cpu_build *b, struct kvm_cpuid_entry2 *e)
{
	e->ebx = (e->ebx & 0xff00) | (b->config->vcpus & 0xff) << 16 | b->config->apic_id << 24;
	/* KVM keeps OSXSAVE as CR4 has it; here as it will be at entry. */
	e->ecx = (e->ecx & ~LEAF1_ECX_OSXSAVE) | LEAF1_ECX_HYPERVISOR;
	if (b->config->xsave && b->holds[CPU_WITH_XSAVE])
		e->ecx |= LEAF1_ECX_OSXSAVE;
	/* The device is KVM's local APIC, whatever the CPU has: KVM_GET_SUPPORTED_CPUID never tells of it. */
	if (b->config->tsc_deadline)
		e->ecx |= LEAF1_ECX_TSC_DEADLINE;
}

static void make_caches_intel(struct cpu_build *b, struct kvm_cpuid_entry2 *e)
{
	if (e->eax & 0x1f) /* a cache, and not the end of the list */
		e->eax = (e->eax & 0x3fff) | ((1u << id_bits(b->config->vcpus)) - 1) << 26;
}

static void make_state(struct cpu_build *b, struct kvm_cpuid_entry2 *e)
{
	if (e->index == 0) {
		e->eax = (uint32_t)b->components;
		e->ebx = b->config->xsave ? b->xsave_bytes : XSAVE_LEGACY_BYTES; /* KVM keeps it as XCR0 has it */
		e->ecx = b->xsave_bytes;
	} else if (e->index == 1) {
		e->ebx = e->ecx = e->edx = 0; /* supervisor state: none */
	} else if (e->index > 31 || !(b->components & 1ull << e->index)) {
		e->eax = e->ebx = e->ecx = e->edx = 0;
	}
}

static void make_address_sizes(struct cpu_build *b, struct kvm_cpuid_entry2 *e)
{
	e->eax = (e->eax & 0xff) | LINEAR_BITS << 8;
	e->ecx = id_bits(b->config->vcpus) << 12 | (b->config->vcpus - 1);
	e->edx = 0;
}

static void make_caches_amd(struct cpu_build *b, struct kvm_cpuid_entry2 *e)
{
	(void)b;
	e->eax &= ~(0xfffu << 14);
}

static void make_topology_amd(struct cpu_build *b, struct kvm_cpuid_entry2 *e)
{
	*e = (struct kvm_cpuid_entry2){
		.function = e->function, .index = e->index, .flags = e->flags,
		.eax = b->config->apic_id, .ebx = b->config->apic_id & 0xff,
	};
}

static const struct {
	uint32_t leaf;
	void (*make)(struct cpu_build *b, struct kvm_cpuid_entry2 *entry);
} makers[] = {
	{ 0x1, make_features }, { 0x4, make_caches_intel }, { 0xd, make_state },
	{ 0x80000008, make_address_sizes }, { 0x8000001d, make_caches_amd }, { 0x8000001e, make_topology_amd },
};

void cpu_build_values(struct cpu_build *b)
{
	for (uint32_t i = 0; i < b->guest->count; i++)
		for (size_t k = 0; k < sizeof(makers) / sizeof(makers[0]); k++)
			if (makers[k].leaf == b->guest->entries[i].function)
				makers[k].make(b, &b->guest->entries[i]);
}

/* SDM 2A, CPUID leaf 0xb: a level of threads, one to a core; a level of cores; the end. */
void cpu_build_topology(struct cpu_build *b, uint32_t leaf)
{
	const struct cpu_config *c = b->config;
	const struct kvm_cpuid_entry2 levels[] = {
		{ .index = 0, .eax = 0, .ebx = 1, .ecx = 0x100 },
		{ .index = 1, .eax = id_bits(c->vcpus), .ebx = c->vcpus, .ecx = 0x201 },
		{ .index = 2, .ecx = 2 },
	};

	for (unsigned i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		struct kvm_cpuid_entry2 e = levels[i];

		e.function = leaf;
		e.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
		e.edx = c->apic_id;
		cpu_build_add(b, &e);
	}
}

/* Leaves that a CPU of the host's kind has, though KVM may say nothing in them. */
void cpu_build_as_the_host_has(struct cpu_build *b, uint32_t highest)
{
	uint32_t khz = (uint32_t)b->config->tsc_khz, mhz = khz / 1000 < 0xffff ? khz / 1000 : 0xffff;

	if (highest >= 0xb)
		cpu_build_topology(b, 0xb);
	if (highest >= 0x1f)
		cpu_build_topology(b, 0x1f);
	if (b->holds[CPU_WITH_CRYSTAL] && highest >= 0x15)
		cpu_build_add(b, &(struct kvm_cpuid_entry2){
			.function = 0x15, .eax = CRYSTAL_HZ / 1000, .ebx = khz, .ecx = CRYSTAL_HZ });
	if (b->holds[CPU_WITH_TSC_RATE] && highest >= 0x16)
		cpu_build_add(b, &(struct kvm_cpuid_entry2){ .function = 0x16, .eax = mhz, .ebx = mhz, .ecx = BUS_MHZ });
}

void cpu_build_hypervisor(struct cpu_build *b, const struct cpu_table *host, bool timing)
{
	const struct kvm_cpuid_entry2 *offered = cpu_find(host, KVM_CPUID_FEATURES, 0);
	uint32_t time = 1u << KVM_FEATURE_CLOCKSOURCE | 1u << KVM_FEATURE_CLOCKSOURCE2 |
			1u << KVM_FEATURE_CLOCKSOURCE_STABLE_BIT | 1u << KVM_FEATURE_STEAL_TIME;
	uint32_t signature[3]; /* EBX, ECX, EDX: KVM's cpuid.rst */

	memcpy(signature, KVM_SIGNATURE, sizeof(signature));
	cpu_build_add(b, &(struct kvm_cpuid_entry2){
		.function = KVM_CPUID_SIGNATURE, .eax = timing ? LEAF_TIMING : KVM_CPUID_FEATURES,
		.ebx = signature[0], .ecx = signature[1], .edx = signature[2] });
	cpu_build_add(b, &(struct kvm_cpuid_entry2){
		.function = KVM_CPUID_FEATURES, .eax = b->config->kvmclock && offered ? offered->eax & time : 0 });
	if (timing)
		cpu_build_add(b, &(struct kvm_cpuid_entry2){
			.function = LEAF_TIMING, .eax = (uint32_t)b->config->tsc_khz, .ebx = b->config->lapic ? APIC_BUS_KHZ : 0 });
}

/* The highest leaf of the range that begins at `first`. */
void cpu_build_highest(struct cpu_build *b, uint32_t first)
{
	struct kvm_cpuid_entry2 *e = cpu_build_find(b->guest, first, 0);

	e->eax = first;
	for (uint32_t i = 0; i < b->guest->count; i++) {
		uint32_t leaf = b->guest->entries[i].function;

		if ((leaf ^ first) < 0x40000000 && leaf > e->eax)
			e->eax = leaf;
	}
}
