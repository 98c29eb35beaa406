/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/cpu_model.h"

#include <errno.h>
#include <string.h>

#include "vmm/cpu_model_build.h"
#include "vmm/cpu_model_rules.h"
#include "vmm/error.h"

static const char *const model_names[CPU_MODEL_COUNT] = {
	[CPU_NONE] = "none", [CPU_HOST] = "host", [CPU_BASELINE] = "baseline", [CPU_BASELINE_V2] = "baseline-v2",
	[CPU_BASELINE_V3] = "baseline-v3",
};

static const char *const when_names[CPU_WHEN_COUNT] = {
	[CPU_ALWAYS] = "given", [CPU_NEVER] = "hidden", [CPU_MADE] = "made",
	[CPU_WITH_LAPIC] = "with a local APIC", [CPU_WITH_X2APIC] = "with an x2APIC",
	[CPU_WITH_TSC_DEADLINE] = "with a TSC-deadline timer", [CPU_WITH_KVMCLOCK] = "with a kvmclock",
	[CPU_WITH_TSC_RATE] = "if the TSC's rate is known", [CPU_WITH_CRYSTAL] = "if the TSC's rate is known, without a local APIC",
	[CPU_WITH_VCPUS] = "with several vCPUs",
	[CPU_WITH_XSAVE] = "if there is XSAVE", [CPU_WITH_AVX] = "if there is AVX state",
	[CPU_WITH_AVX512] = "if there is AVX-512 state",
};

const char *cpu_model_name(enum cpu_model model)
{
	return (unsigned)model < CPU_MODEL_COUNT ? model_names[model] : NULL;
}

bool cpu_model_by_name(const char *name, enum cpu_model *model)
{
	for (unsigned i = 0; i < CPU_MODEL_COUNT; i++)
		if (strcmp(name, model_names[i]) == 0) {
			*model = (enum cpu_model)i;
			return true;
		}
	return false;
}

const char *cpu_when_name(enum cpu_when when)
{
	return when_names[when];
}

const struct cpu_rule *cpu_model_rules(enum cpu_model model, unsigned *count)
{
	*count = model == CPU_HOST ? cpu_host_rule_count : cpu_baseline_rule_count(model);
	return model == CPU_HOST ? cpu_host_rules : cpu_baseline_rules;
}

struct kvm_cpuid_entry2 *cpu_build_find(struct cpu_table *table, uint32_t leaf, uint32_t index)
{
	for (uint32_t i = 0; i < table->count && i < CPU_ENTRIES_MAX; i++)
		if (table->entries[i].function == leaf && table->entries[i].index == index)
			return &table->entries[i];
	return NULL;
}

const struct kvm_cpuid_entry2 *cpu_find(const struct cpu_table *table, uint32_t leaf, uint32_t index)
{
	return cpu_build_find((struct cpu_table *)table, leaf, index);
}

const struct kvm_cpuid_entry2 *cpu_answer(const struct cpu_table *table, uint32_t leaf, uint32_t subleaf)
{
	const struct kvm_cpuid_entry2 *e = cpu_find(table, leaf, subleaf);

	if (!e) {
		e = cpu_find(table, leaf, 0);
		if (e && (e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX))
			e = NULL;
	}
	return e;
}

uint32_t *cpu_reg_of(struct kvm_cpuid_entry2 *entry, enum cpu_register reg)
{
	return reg == CPU_EAX ? &entry->eax : reg == CPU_EBX ? &entry->ebx : reg == CPU_ECX ? &entry->ecx : &entry->edx;
}

void cpu_build_add(struct cpu_build *b, const struct kvm_cpuid_entry2 *entry)
{
	bool indexed = entry->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
	uint32_t index = indexed ? entry->index : 0;

	if (cpu_build_find(b->guest, entry->function, index))
		return;
	if (b->guest->count == CPU_ENTRIES_MAX) {
		b->full = true;
		return;
	}
	b->guest->entries[b->guest->count++] = (struct kvm_cpuid_entry2){
		.function = entry->function, .index = index, .flags = indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
		.eax = entry->eax, .ebx = entry->ebx, .ecx = entry->ecx, .edx = entry->edx,
	};
}

int cpu_model_make(struct cpu_table *guest, struct cpu_state *state, const struct cpu_table *host,
		   const struct cpu_config *config, struct error *error)
{
	struct cpu_build b = {
		.guest = guest, .config = config,
		.holds = {
			[CPU_ALWAYS] = true, [CPU_MADE] = true,
			[CPU_WITH_LAPIC] = config->lapic, [CPU_WITH_X2APIC] = config->x2apic,
			[CPU_WITH_TSC_DEADLINE] = config->tsc_deadline, [CPU_WITH_KVMCLOCK] = config->kvmclock,
			[CPU_WITH_TSC_RATE] = config->tsc_khz > 0 && config->tsc_khz <= UINT32_MAX,
			[CPU_WITH_CRYSTAL] = config->tsc_khz > 0 && config->tsc_khz <= UINT32_MAX && !config->lapic,
			[CPU_WITH_VCPUS] = config->vcpus > 1,
			[CPU_WITH_XSAVE] = true, [CPU_WITH_AVX] = true, [CPU_WITH_AVX512] = true, /* until it is known */
		},
	};

	guest->count = guest->padding = 0;
	*state = (struct cpu_state){ 0 };
	int r = config->model == CPU_HOST ? cpu_build_host(&b, host, error) : cpu_build_baseline(&b, host, error);

	if (r == 0 && b.full)
		r = error_set(error, ERROR_HOST, E2BIG, "KVM_GET_SUPPORTED_CPUID gives more than the %u leaves that KVM takes: use "
			      "--cpu none", CPU_ENTRIES_MAX);
	if (r == 0 && config->xsave && b.holds[CPU_WITH_XSAVE])
		*state = (struct cpu_state){ .xcr0 = b.components, .xsave_bytes = b.xsave_bytes };
	return r;
}
