/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of the CPU models. This file is a list to be read: what a guest is told, and why.
 *
 * Within a leaf that is given, a bit without a rule is the host's: KVM offers only what it carries out, and a new instruction
 * needs nothing from us. A leaf without a rule is left out: nobody has looked at what it tells.
 */
#include "vmm/cpu_model_rules.h"

#define LEAF(number, when, what, why) { number, number, CPU_ANY_INDEX, CPU_LEAF, 0, when, what, why, CPU_HOST }
#define LEAVES(first, last, when, what, why) { first, last, CPU_ANY_INDEX, CPU_LEAF, 0, when, what, why, CPU_HOST }
#define BIT(leaf, index, reg, bit, when, what, why) { leaf, leaf, index, reg, 1u << (bit), when, what, why, CPU_HOST }
#define BITS(leaf, index, reg, mask, when, what, why) { leaf, leaf, index, reg, mask, when, what, why, CPU_HOST }

#define NESTED "virtualisation inside the guest is not offered"
#define POWER "the physical CPU's power and clock are the host's"
#define DEBUG "tracing and counting see more than the guest, and KVM emulates them in part"
#define CONTENTS "belongs to devices or firmware that are not there"
#define NO_STATE "its registers would be lost without the XSAVE state"
#define SUPERVISOR "supervisor XSAVE state is not offered"
#define PERMISSION "its state has to be asked of the host for each process (arch_prctl)"
#define ONE_CPU "tells of CPUs that the guest has not got"

const struct cpu_rule cpu_host_rules[] = {
	LEAF(0x0, CPU_MADE, "highest leaf, vendor", "the highest leaf that is given; the host's vendor"),

	LEAF(0x1, CPU_MADE, "signature, features", "APIC id and number of CPUs are the guest's"),
	BIT(0x1, 0, CPU_ECX, 2, CPU_NEVER, "DTES64", DEBUG),
	BIT(0x1, 0, CPU_ECX, 3, CPU_NEVER, "MONITOR", "MWAIT would sleep on the physical CPU"),
	BIT(0x1, 0, CPU_ECX, 4, CPU_NEVER, "DS-CPL", DEBUG),
	BIT(0x1, 0, CPU_ECX, 5, CPU_NEVER, "VMX", NESTED),
	BIT(0x1, 0, CPU_ECX, 6, CPU_NEVER, "SMX", NESTED),
	BITS(0x1, 0, CPU_ECX, 1u << 7 | 1u << 8, CPU_NEVER, "EIST, TM2", POWER),
	BIT(0x1, 0, CPU_ECX, 11, CPU_NEVER, "SDBG", DEBUG),
	BIT(0x1, 0, CPU_ECX, 14, CPU_NEVER, "xTPR", CONTENTS),
	BIT(0x1, 0, CPU_ECX, 15, CPU_NEVER, "PDCM", DEBUG),
	BIT(0x1, 0, CPU_ECX, 18, CPU_NEVER, "DCA", CONTENTS),
	BIT(0x1, 0, CPU_ECX, 21, CPU_WITH_X2APIC, "x2APIC", "only with the device behind it"),
	BIT(0x1, 0, CPU_ECX, 24, CPU_WITH_TSC_DEADLINE, "TSC deadline", "only with the device behind it"),
	BIT(0x1, 0, CPU_ECX, 26, CPU_WITH_XSAVE, "XSAVE", "only where leaf 0xd agrees with it"),
	BIT(0x1, 0, CPU_ECX, 28, CPU_WITH_AVX, "AVX", NO_STATE),
	BIT(0x1, 0, CPU_ECX, 12, CPU_WITH_AVX, "FMA", NO_STATE),
	BIT(0x1, 0, CPU_ECX, 29, CPU_WITH_AVX, "F16C", NO_STATE),
	BITS(0x1, 0, CPU_EDX, 1u << 7 | 1u << 14, CPU_NEVER, "MCE, MCA", "nothing raises a machine check"),
	BIT(0x1, 0, CPU_EDX, 9, CPU_WITH_LAPIC, "APIC", "only with the device behind it; but KVM shows what the APIC base says"),
	BIT(0x1, 0, CPU_EDX, 18, CPU_NEVER, "PSN", "a serial number is the host's"),
	BIT(0x1, 0, CPU_EDX, 21, CPU_NEVER, "DS", DEBUG),
	BITS(0x1, 0, CPU_EDX, 1u << 22 | 1u << 29 | 1u << 31, CPU_NEVER, "ACPI, TM, PBE", POWER),
	BIT(0x1, 0, CPU_EDX, 28, CPU_WITH_VCPUS, "HTT", ONE_CPU),

	LEAF(0x2, CPU_ALWAYS, "cache descriptors", "a hint for blocking; the cache is the host's"),
	LEAF(0x3, CPU_NEVER, "serial number", "a serial number is the host's"),
	LEAF(0x4, CPU_MADE, "caches (Intel)", "the host's sizes, shared with no CPU that the guest has not got"),
	LEAF(0x5, CPU_NEVER, "MONITOR/MWAIT", "MWAIT would sleep on the physical CPU"),
	LEAF(0x6, CPU_WITH_LAPIC, "thermal and power", "ARAT alone: the APIC's timer does not stop"),
	BITS(0x6, 0, CPU_EAX, ~(1u << 2), CPU_NEVER, "thermal and power", POWER),
	BITS(0x6, 0, CPU_EBX, ~0u, CPU_NEVER, "thermal and power", POWER),
	BITS(0x6, 0, CPU_ECX, ~0u, CPU_NEVER, "thermal and power", POWER),
	BITS(0x6, 0, CPU_EDX, ~0u, CPU_NEVER, "thermal and power", POWER),

	LEAF(0x7, CPU_ALWAYS, "structured features", "what KVM offers, but for:"),
	BIT(0x7, 0, CPU_EBX, 2, CPU_NEVER, "SGX", "enclaves are not offered"),
	BITS(0x7, 0, CPU_EBX, 1u << 12 | 1u << 15, CPU_NEVER, "PQM, PQE", "resource control is the host's"),
	BIT(0x7, 0, CPU_EBX, 14, CPU_NEVER, "MPX", "withdrawn by its maker, and its state with it"),
	BIT(0x7, 0, CPU_EBX, 25, CPU_NEVER, "PT", DEBUG),
	BIT(0x7, 0, CPU_EBX, 5, CPU_WITH_AVX, "AVX2", NO_STATE),
	BITS(0x7, 0, CPU_EBX, 0xdc230000, CPU_WITH_AVX512, "AVX512F, DQ, IFMA, PF, ER, CD, BW, VL", NO_STATE),
	BITS(0x7, 0, CPU_ECX, 0x00005842, CPU_WITH_AVX512, "AVX512 VBMI, VBMI2, VNNI, BITALG, VPOPCNTDQ", NO_STATE),
	BIT(0x7, 0, CPU_ECX, 7, CPU_NEVER, "CET SHSTK", SUPERVISOR),
	BITS(0x7, 0, CPU_ECX, 1u << 9 | 1u << 10, CPU_WITH_AVX, "VAES, VPCLMULQDQ", NO_STATE),
	BIT(0x7, 0, CPU_ECX, 4, CPU_NEVER, "OSPKE", "KVM shows it when the guest sets CR4.PKE"),
	BIT(0x7, 0, CPU_ECX, 5, CPU_NEVER, "WAITPKG", "UMWAIT would sleep on the physical CPU"),
	BIT(0x7, 0, CPU_ECX, 16, CPU_NEVER, "LA57", "page tables have four levels here: calls and crash reports walk them"),
	BIT(0x7, 0, CPU_ECX, 23, CPU_NEVER, "Key Locker", "its keys outlive the guest's turn on the CPU"),
	BIT(0x7, 0, CPU_ECX, 24, CPU_NEVER, "bus-lock detection", DEBUG),
	BIT(0x7, 0, CPU_ECX, 29, CPU_NEVER, "ENQCMD", CONTENTS),
	BIT(0x7, 0, CPU_ECX, 30, CPU_NEVER, "SGX_LC", "enclaves are not offered"),
	BITS(0x7, 0, CPU_EDX, 0x0080010c, CPU_WITH_AVX512, "AVX512 4VNNIW, 4FMAPS, VP2INTERSECT, FP16", NO_STATE),
	BIT(0x7, 0, CPU_EDX, 5, CPU_NEVER, "UINTR", CONTENTS),
	BITS(0x7, 0, CPU_EDX, 1u << 15 | 1u << 18, CPU_NEVER, "HYBRID, PCONFIG", "the host's make-up"),
	BIT(0x7, 0, CPU_EDX, 19, CPU_NEVER, "LBR", DEBUG),
	BIT(0x7, 0, CPU_EDX, 20, CPU_NEVER, "CET IBT", SUPERVISOR),
	BITS(0x7, 0, CPU_EDX, 1u << 22 | 1u << 24 | 1u << 25, CPU_NEVER, "AMX", PERMISSION),
	BITS(0x7, 1, CPU_EAX, 1u << 0 | 1u << 1 | 1u << 2, CPU_WITH_AVX, "SHA512, SM3, SM4", NO_STATE),
	BITS(0x7, 1, CPU_EAX, 1u << 4 | 1u << 23, CPU_WITH_AVX, "AVX-VNNI, AVX-IFMA", NO_STATE),
	BIT(0x7, 1, CPU_EAX, 5, CPU_WITH_AVX512, "AVX512 BF16", NO_STATE),
	BIT(0x7, 1, CPU_EAX, 8, CPU_NEVER, "ArchPerfmonExt", DEBUG),
	BIT(0x7, 1, CPU_EAX, 21, CPU_NEVER, "AMX FP16", PERMISSION),
	BITS(0x7, 1, CPU_EDX, 1u << 4 | 1u << 5, CPU_WITH_AVX, "AVX-VNNI-INT8, AVX-NE-CONVERT", NO_STATE),
	BIT(0x7, 1, CPU_EDX, 10, CPU_WITH_AVX, "AVX-VNNI-INT16", NO_STATE),
	BIT(0x7, 1, CPU_EDX, 8, CPU_NEVER, "AMX COMPLEX", PERMISSION),
	BIT(0x7, 1, CPU_EDX, 18, CPU_NEVER, "CET SSS", SUPERVISOR),
	BITS(0x7, 1, CPU_EDX, 1u << 19 | 1u << 21, CPU_NEVER, "AVX10, APX", "their leaves and state are not known here yet"),

	LEAF(0x9, CPU_NEVER, "DCA", CONTENTS),
	LEAF(0xa, CPU_NEVER, "performance counters", DEBUG),
	LEAF(0xb, CPU_MADE, "topology", "the guest's own CPUs"),
	LEAF(0xd, CPU_WITH_XSAVE, "XSAVE state", "components and sizes that fit each other, as far as this table knows them"),
	BITS(0xd, 0, CPU_EAX, 1u << 3 | 1u << 4, CPU_NEVER, "MPX state", "withdrawn by its maker"),
	BITS(0xd, 0, CPU_EAX, 1u << 17 | 1u << 18, CPU_NEVER, "AMX state", PERMISSION),
	BITS(0xd, 0, CPU_EAX, ~0x000602ffu, CPU_NEVER, "other components", "known so far: x87, SSE, AVX, AVX-512, PKRU"),
	BITS(0xd, 0, CPU_EDX, ~0u, CPU_NEVER, "other components", "known so far: x87, SSE, AVX, AVX-512, PKRU"),
	BIT(0xd, 1, CPU_EAX, 3, CPU_NEVER, "XSAVES", SUPERVISOR),
	BIT(0xd, 1, CPU_EAX, 4, CPU_NEVER, "XFD", PERMISSION),
	LEAVES(0xf, 0x10, CPU_NEVER, "RDT", "resource control is the host's"),
	LEAF(0x12, CPU_NEVER, "SGX", "enclaves are not offered"),
	LEAF(0x14, CPU_NEVER, "PT", DEBUG),
	LEAF(0x15, CPU_WITH_CRYSTAL, "TSC and crystal", "the TSC's rate, where the CPU has it; KVM's APIC timer counts no crystal"),
	LEAF(0x16, CPU_WITH_TSC_RATE, "frequencies", "the same in MHz"),
	LEAVES(0x1d, 0x1e, CPU_NEVER, "AMX", PERMISSION),
	LEAF(0x1f, CPU_MADE, "topology", "the guest's own CPUs"),

	LEAF(0x40000000, CPU_MADE, "hypervisor", "KVM: it is KVM that answers VMCALL; and the highest leaf"),
	LEAF(0x40000001, CPU_MADE, "KVM's features", "none but clock and stolen time, and those only with the device behind them"),
	LEAF(0x40000010, CPU_WITH_TSC_RATE, "TSC and bus kHz", "the rate at which the guest's TSC runs, on any vendor's CPU"),

	LEAF(0x80000000, CPU_MADE, "highest leaf, vendor", "the highest leaf that is given; the host's vendor"),
	LEAF(0x80000001, CPU_ALWAYS, "signature, features", "what KVM offers, but for:"),
	BIT(0x80000001, 0, CPU_ECX, 1, CPU_WITH_VCPUS, "CMP_LEGACY", ONE_CPU),
	BIT(0x80000001, 0, CPU_ECX, 2, CPU_NEVER, "SVM", NESTED),
	BIT(0x80000001, 0, CPU_ECX, 3, CPU_WITH_LAPIC, "extended APIC space", "only with the device behind it"),
	BIT(0x80000001, 0, CPU_ECX, 10, CPU_NEVER, "IBS", DEBUG),
	BIT(0x80000001, 0, CPU_ECX, 12, CPU_NEVER, "SKINIT", NESTED),
	BIT(0x80000001, 0, CPU_ECX, 13, CPU_NEVER, "WDT", CONTENTS),
	BITS(0x80000001, 0, CPU_ECX, 1u << 11 | 1u << 16, CPU_WITH_AVX, "XOP, FMA4", NO_STATE),
	BIT(0x80000001, 0, CPU_ECX, 15, CPU_NEVER, "LWP", "its XSAVE state is not offered"),
	BIT(0x80000001, 0, CPU_ECX, 19, CPU_NEVER, "NODEID_MSR", "tells of the host's nodes"),
	BITS(0x80000001, 0, CPU_ECX, 0x19800000, CPU_NEVER, "performance counters", DEBUG),
	BIT(0x80000001, 0, CPU_ECX, 29, CPU_NEVER, "MWAITX", "MWAITX would sleep on the physical CPU"),
	BITS(0x80000001, 0, CPU_EDX, 1u << 7 | 1u << 14, CPU_NEVER, "MCE, MCA", "nothing raises a machine check"),
	BIT(0x80000001, 0, CPU_EDX, 9, CPU_WITH_LAPIC, "APIC", "as in leaf 1"),
	BITS(0x80000001, 0, CPU_EBX, ~0u, CPU_NEVER, "package", "the host's socket"),
	LEAVES(0x80000002, 0x80000004, CPU_ALWAYS, "brand", "as KVM gives it: empty, mostly"),
	LEAVES(0x80000005, 0x80000006, CPU_ALWAYS, "caches (AMD)", "a hint for blocking; the cache is the host's"),
	LEAF(0x80000007, CPU_ALWAYS, "power management", "the invariant TSC alone"),
	BITS(0x80000007, 0, CPU_EAX, ~0u, CPU_NEVER, "RAS", CONTENTS),
	BITS(0x80000007, 0, CPU_EBX, ~0u, CPU_NEVER, "RAS", CONTENTS),
	BITS(0x80000007, 0, CPU_ECX, ~0u, CPU_NEVER, "power", POWER),
	BITS(0x80000007, 0, CPU_EDX, ~(1u << 8), CPU_NEVER, "power", POWER),
	BIT(0x80000007, 0, CPU_EDX, 8, CPU_WITH_TSC_RATE, "invariant TSC", "of use with its rate only"),
	LEAF(0x80000008, CPU_MADE, "address sizes, features", "48 linear bits; number of CPUs is the guest's"),
	BIT(0x80000008, 0, CPU_EBX, 2, CPU_WITH_XSAVE, "XSAVEERPTR", "goes with XSAVE"),
	BIT(0x80000008, 0, CPU_EBX, 3, CPU_NEVER, "INVLPGB", "reaches beyond the guest"),
	BIT(0x80000008, 0, CPU_EBX, 4, CPU_NEVER, "RDPRU", DEBUG),
	LEAF(0x8000000a, CPU_NEVER, "SVM", NESTED),
	LEAF(0x8000001a, CPU_ALWAYS, "performance hints", "how wide the SSE units are"),
	LEAF(0x8000001b, CPU_NEVER, "IBS", DEBUG),
	LEAF(0x8000001c, CPU_NEVER, "LWP", "its XSAVE state is not offered"),
	LEAF(0x8000001d, CPU_MADE, "caches (AMD)", "the host's sizes, shared with no CPU that the guest has not got"),
	LEAF(0x8000001e, CPU_MADE, "topology (AMD)", "the guest's own CPUs, on one node"),
	LEAF(0x8000001f, CPU_NEVER, "SEV", "memory encryption is not offered"),
	LEAF(0x80000020, CPU_NEVER, "QoS", "resource control is the host's"),
	LEAF(0x80000021, CPU_ALWAYS, "features 2", "what KVM offers, speculation's control among it"),
	LEAF(0x80000022, CPU_NEVER, "performance counters", DEBUG),

	LEAVES(0x0, UINT32_MAX, CPU_NEVER, "every other leaf", "nobody has looked at what it tells"),
};

const unsigned cpu_host_rule_count = sizeof(cpu_host_rules) / sizeof(cpu_host_rules[0]);

#define LEVEL_1 "x86-64", CPU_BASELINE
#define LEVEL_2 "x86-64-v2", CPU_BASELINE_V2
#define LEVEL_3 "x86-64-v3", CPU_BASELINE_V3
#define FEATURE(leaf, reg, bit, what, level) { leaf, leaf, 0, reg, 1u << (bit), CPU_ALWAYS, what, level }

/* x86-64 psABI 3.1.1, table 3.1, in its order of levels; the first level with what long mode has in any case. */
const struct cpu_rule cpu_baseline_rules[] = {
	FEATURE(0x1, CPU_EDX, 0, "FPU", LEVEL_1),
	FEATURE(0x1, CPU_EDX, 2, "DE", LEVEL_1),
	FEATURE(0x1, CPU_EDX, 3, "PSE", LEVEL_1),
	FEATURE(0x1, CPU_EDX, 4, "TSC", LEVEL_1),
	FEATURE(0x1, CPU_EDX, 5, "MSR", LEVEL_1),
	FEATURE(0x1, CPU_EDX, 6, "PAE", LEVEL_1),
	FEATURE(0x1, CPU_EDX, 8, "CMPXCHG8B", LEVEL_1),
	FEATURE(0x1, CPU_EDX, 13, "PGE", LEVEL_1),
	FEATURE(0x1, CPU_EDX, 15, "CMOV", LEVEL_1),
	FEATURE(0x1, CPU_EDX, 16, "PAT", LEVEL_1),
	FEATURE(0x1, CPU_EDX, 19, "CLFLUSH", LEVEL_1),
	FEATURE(0x1, CPU_EDX, 23, "MMX", LEVEL_1),
	FEATURE(0x1, CPU_EDX, 24, "FXSR", LEVEL_1),
	FEATURE(0x1, CPU_EDX, 25, "SSE", LEVEL_1),
	FEATURE(0x1, CPU_EDX, 26, "SSE2", LEVEL_1),
	FEATURE(0x80000001, CPU_EDX, 11, "SYSCALL", LEVEL_1),
	FEATURE(0x80000001, CPU_EDX, 20, "NX", LEVEL_1),
	FEATURE(0x80000001, CPU_EDX, 29, "LM", LEVEL_1),
	FEATURE(0x1, CPU_ECX, 0, "SSE3", LEVEL_2),
	FEATURE(0x1, CPU_ECX, 9, "SSSE3", LEVEL_2),
	FEATURE(0x1, CPU_ECX, 13, "CMPXCHG16B", LEVEL_2),
	FEATURE(0x1, CPU_ECX, 19, "SSE4.1", LEVEL_2),
	FEATURE(0x1, CPU_ECX, 20, "SSE4.2", LEVEL_2),
	FEATURE(0x1, CPU_ECX, 23, "POPCNT", LEVEL_2),
	FEATURE(0x80000001, CPU_ECX, 0, "LAHF/SAHF", LEVEL_2),
	FEATURE(0x1, CPU_ECX, 12, "FMA", LEVEL_3),
	FEATURE(0x1, CPU_ECX, 22, "MOVBE", LEVEL_3),
	FEATURE(0x1, CPU_ECX, 26, "XSAVE", LEVEL_3),
	FEATURE(0x1, CPU_ECX, 28, "AVX", LEVEL_3),
	FEATURE(0x1, CPU_ECX, 29, "F16C", LEVEL_3),
	FEATURE(0x7, CPU_EBX, 3, "BMI1", LEVEL_3),
	FEATURE(0x7, CPU_EBX, 5, "AVX2", LEVEL_3),
	FEATURE(0x7, CPU_EBX, 8, "BMI2", LEVEL_3),
	FEATURE(0x80000001, CPU_ECX, 5, "LZCNT", LEVEL_3),
};

unsigned cpu_baseline_rule_count(enum cpu_model model)
{
	unsigned count = 0;

	for (size_t i = 0; i < sizeof(cpu_baseline_rules) / sizeof(cpu_baseline_rules[0]); i++)
		count += cpu_baseline_rules[i].level <= model;
	return count;
}
