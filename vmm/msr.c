/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/msr.h"

#include <stddef.h>

#define OWN "the guest's own, kept with its other registers"
#define DEAD "of no effect: CPUID tells of none"
#define CPUID "where the guest's CPUID tells of it"

static const struct msr_rule rules[] = {
	{ 0x10, 0x10, true, "TSC", "the guest's own: KVM keeps an offset" },
	{ 0x11, 0x12, false, "kvmclock", "no device of KVM's is behind this guest" },
	{ 0x1b, 0x1b, true, "APIC base", "moves or disables the local APIC that KVM has inside, and no more" },
	{ 0x3a, 0x3a, false, "feature control", "virtualisation inside the guest is not offered" },
	{ 0x3b, 0x3b, true, "TSC_ADJUST", CPUID },
	{ 0x48, 0x49, true, "SPEC_CTRL, PRED_CMD", CPUID },
	{ 0xc1, 0xc8, true, "performance counters", DEAD },
	{ 0x174, 0x176, true, "SYSENTER", OWN },
	{ 0x179, 0x17b, true, "machine check", "emulated by KVM; nothing raises one" },
	{ 0x186, 0x18d, true, "performance counters", DEAD },
	{ 0x1a0, 0x1a0, true, "MISC_ENABLE", "emulated by KVM" },
	{ 0x200, 0x2ff, true, "MTRRs, PAT", "emulated by KVM: RAM stays write-back" },
	{ 0x309, 0x30b, false, "performance counters", "the CPUID leaf for them is hidden" },
	{ 0x38d, 0x390, false, "performance counters", "the CPUID leaf for them is hidden" },
	{ 0x400, 0x47f, true, "machine-check banks", "emulated by KVM; nothing raises one" },
	{ 0x480, 0x491, false, "VMX", "virtualisation inside the guest is not offered" },
	{ 0x6a0, 0x6a8, false, "CET", "supervisor state is not offered" },
	{ 0x6e0, 0x6e0, true, "TSC deadline", DEAD },
	{ 0x800, 0x8ff, false, "x2APIC", "no x2APIC is behind this guest" },
	{ 0xda0, 0xda0, false, "XSS", "supervisor state is not offered" },
	{ 0x40000000, 0x400001ff, false, "Hyper-V", "this is no Hyper-V" },
	{ 0x4b564d00, 0x4b564d08, false, "KVM's clock and notices", "no device of KVM's is behind this guest" },
	{ 0x4b564d10, 0x4b564d13, true, "of a KVM that emulates ring 0", "its own, and no CPUID bit closes them; elsewhere #GP" },
	{ 0xc0000080, 0xc0000080, true, "EFER", "SVME is refused" },
	{ 0xc0000081, 0xc0000084, true, "SYSCALL", OWN },
	{ 0xc0000100, 0xc0000102, true, "FS and GS base", OWN },
	{ 0xc0000103, 0xc0000103, true, "TSC_AUX", OWN },
	{ 0xc0010000, 0xc0010007, true, "AMD's performance counters", "four, for every guest of a KVM that shares the host's" },
	{ 0xc0010114, 0xc0010117, true, "SVM", "kept by KVM; of no effect, for EFER.SVME is refused" },
};

const struct msr_rule *msr_rules(unsigned *count)
{
	*count = sizeof(rules) / sizeof(rules[0]);
	return rules;
}

const struct msr_rule *msr_rule(uint32_t msr)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (msr >= rules[i].first && msr <= rules[i].last)
			return &rules[i];
	return NULL;
}
