/* SPDX-License-Identifier: Apache-2.0 */
/* The host model: what KVM offers, less what the rules take away. */
#include <errno.h>
#include <string.h>

#include "vmm/cpu_model_build.h"
#include "vmm/cpu_model_rules.h"
#include "vmm/error.h"

#define XSAVE_AREA_MAX 4096u /* all known components fit; KVM's own area without permission is no larger */

static bool rule_is_for(const struct cpu_rule *rule, const struct kvm_cpuid_entry2 *entry)
{
	return entry->function >= rule->leaf && entry->function <= rule->last &&
	       (rule->index == CPU_ANY_INDEX || rule->index == entry->index);
}

/* The first rule that is not only for leaves below. They ascend, and no two ranges overlap, but for the last one's. */
static unsigned first_rule(uint32_t leaf)
{
	unsigned low = 0, high = cpu_host_rule_count - 1;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (cpu_host_rules[middle].last < leaf)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Takes away what rules take away. The first rule for a leaf as a whole decides; the last of all takes every leaf. */
static bool apply_rules(const struct cpu_build *b, struct kvm_cpuid_entry2 *entry)
{
	const unsigned last = cpu_host_rule_count - 1;
	const struct cpu_rule *leaf = NULL;

	for (unsigned i = first_rule(entry->function); i < last && cpu_host_rules[i].leaf <= entry->function; i++) {
		const struct cpu_rule *rule = &cpu_host_rules[i];

		if (!rule_is_for(rule, entry))
			continue;
		if (rule->reg == CPU_LEAF)
			leaf = leaf ? leaf : rule;
		else if (!b->holds[rule->when])
			*cpu_reg_of(entry, rule->reg) &= ~rule->mask;
	}
	return b->holds[leaf ? leaf->when : cpu_host_rules[last].when];
}

/* Leaves that are made from nothing, whatever the host has in them. */
static bool is_ours(uint32_t leaf)
{
	static const uint32_t leaves[] = { 0xb, 0x15, 0x16, 0x1f, KVM_CPUID_SIGNATURE, KVM_CPUID_FEATURES, LEAF_TIMING };

	for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++)
		if (leaves[i] == leaf)
			return true;
	return false;
}

static void filter(struct cpu_build *b)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < b->guest->count; i++)
		if (apply_rules(b, &b->guest->entries[i]) && !is_ours(b->guest->entries[i].function))
			b->guest->entries[kept++] = b->guest->entries[i];
	b->guest->count = kept;
}

COLD bool cpu_model_may_tell(const struct kvm_cpuid_entry2 *entry)
{
	static const struct cpu_build without_devices = {
		.holds = {
			[CPU_ALWAYS] = true, [CPU_MADE] = true, [CPU_WITH_TSC_RATE] = true, [CPU_WITH_CRYSTAL] = true,
			[CPU_WITH_XSAVE] = true, [CPU_WITH_AVX] = true, [CPU_WITH_AVX512] = true,
		},
	};
	struct kvm_cpuid_entry2 told = *entry;

	if (entry->function == KVM_CPUID_FEATURES && (entry->eax | entry->edx))
		return false;
	return apply_rules(&without_devices, &told) && memcmp(&told, entry, sizeof(told)) == 0;
}

/* Does a component of user state have a size and a place in the standard format? SDM 1, 13.4.2. */
static bool component_makes_sense(const struct cpu_table *table, unsigned bit, uint32_t *end)
{
	const struct kvm_cpuid_entry2 *e = cpu_find(table, 0xd, bit);

	if (!e || (e->ecx & 1) || e->eax == 0 || e->ebx < XSAVE_LEGACY_BYTES || e->ebx > XSAVE_AREA_MAX ||
	    e->eax > XSAVE_AREA_MAX - e->ebx)
		return false;
	*end = e->ebx + e->eax;
	return true;
}

/* Which XSAVE state there is, and what of that the rules leave. Decides three of the conditions. */
static void find_state(struct cpu_build *b)
{
	const struct kvm_cpuid_entry2 *features = cpu_find(b->guest, 1, 0), *state = cpu_find(b->guest, 0xd, 0);
	bool there = features && (features->ecx & LEAF1_ECX_XSAVE) && state && (state->eax & XCR0_LEGACY) == XCR0_LEGACY;
	uint64_t components = there ? state->eax : 0;
	uint32_t bytes = XSAVE_LEGACY_BYTES, end = 0;

	for (unsigned bit = 2; bit < 32; bit++)
		if ((components & 1ull << bit) && !component_makes_sense(b->guest, bit, &end))
			components &= ~(1ull << bit);
	/* The parts of AVX-512 are enabled together, and with AVX: SDM 1, 13.3. */
	if ((components & XCR0_AVX512) != XCR0_AVX512 || !(components & XCR0_AVX))
		components &= ~XCR0_AVX512;
	for (unsigned bit = 2; bit < 32; bit++)
		if ((components & 1ull << bit) && component_makes_sense(b->guest, bit, &end) && end > bytes)
			bytes = end;
	b->components = components;
	b->xsave_bytes = there ? bytes : 0;
	b->holds[CPU_WITH_XSAVE] = there;
	b->holds[CPU_WITH_AVX] = components & XCR0_AVX;
	b->holds[CPU_WITH_AVX512] = components & XCR0_AVX512;
}

int cpu_build_host(struct cpu_build *b, const struct cpu_table *host, struct error *error)
{
	static const uint32_t needed[] = { 0x0, 0x1, 0x80000000, 0x80000001 };

	for (uint32_t i = 0; i < host->count && i < CPU_ENTRIES_MAX; i++)
		cpu_build_add(b, &host->entries[i]);
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!cpu_build_find(b->guest, needed[i], 0))
			return error_set(error, ERROR_HOST, ENOTSUP,
					 "KVM_GET_SUPPORTED_CPUID gives no leaf 0x%x: use --cpu none", needed[i]);

	uint32_t highest = cpu_build_find(b->guest, 0, 0)->eax;

	/* Once for what can be said at once, then again when it is known what XSAVE state remains. */
	filter(b);
	find_state(b);
	filter(b);
	cpu_build_values(b);
	cpu_build_as_the_host_has(b, highest);
	cpu_build_hypervisor(b, host, b->holds[CPU_WITH_TSC_RATE]);
	cpu_build_highest(b, 0);
	cpu_build_highest(b, LEAF_EXTENDED);
	return 0;
}
