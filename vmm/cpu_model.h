/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest sees of its CPU: a CPUID table, made from what the host's KVM can carry out and from the devices that
 * stand behind the guest. Pure: no KVM, no boot protocol. AMD64 APM 3, appendix E; Intel SDM 2A, CPUID.
 *
 * Two kinds of model. `host`: what KVM offers, less what a table of rules takes away, each rule with its reason; a leaf
 * without a rule is left out. `baseline`: levels of the x86-64 psABI (3.1.1), fixed to the last bit: a guest that
 * sees it sees the same on every host that can offer it; a host that lacks a part is refused by the part's name.
 */
#ifndef KVICK_VMM_CPU_MODEL_H
#define KVICK_VMM_CPU_MODEL_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

enum cpu_model {
	CPU_AUTO = -1, /* as the image asks; a choice, not a model */
	CPU_NONE, /* no table: where KVM executes CPUID, it gives 0 */
	CPU_HOST,
	CPU_BASELINE,    /* x86-64: every host that runs kvick has it */
	CPU_BASELINE_V2, /* x86-64-v2 */
	CPU_BASELINE_V3, /* x86-64-v3 */
	CPU_MODEL_COUNT,
};

/* KVM's own limit (KVM_MAX_CPUID_ENTRIES); it never gives nor takes more. */
#define CPU_ENTRIES_MAX 256

/* Laid out as struct kvm_cpuid2. */
struct cpu_table {
	uint32_t count;
	uint32_t padding;
	struct kvm_cpuid_entry2 entries[CPU_ENTRIES_MAX];
};

_Static_assert(offsetof(struct cpu_table, entries) == offsetof(struct kvm_cpuid2, entries), "as KVM has it");

/* What the model is made for, whatever the boot protocol. */
struct cpu_config {
	enum cpu_model model;  /* not CPU_NONE */
	uint64_t tsc_khz;      /* 0: not known */
	uint32_t apic_id;      /* of this vCPU */
	uint32_t vcpus;        /* 1 to 64: leaf 4 cannot tell of more */
	bool lapic;            /* a local APIC is part of what the guest was promised */
	bool x2apic;
	bool tsc_deadline;
	bool kvmclock;
	bool xsave;            /* XSAVE is to be enabled before the guest's first instruction */
};

/* Extended state that is enabled at entry; all 0: none. */
struct cpu_state {
	uint64_t xcr0;
	uint32_t xsave_bytes;  /* an XSAVE area for all of it, in standard format */
};

/* "host", "baseline-v2", …; NULL for no such model. */
const char *cpu_model_name(enum cpu_model model);
bool cpu_model_by_name(const char *name, enum cpu_model *model);

/*
 * Makes the guest's table. `host` may hold anything: what makes no sense is left out. 0, or -errno with an
 * ERROR_HOST that names what the host lacks and the next step.
 */
int cpu_model_make(struct cpu_table *guest, struct cpu_state *state, const struct cpu_table *host,
		   const struct cpu_config *config, struct error *error);

/* Could that be in the table of a guest without devices, of any model and on any host? Of a table that somebody else has made. */
bool cpu_model_may_tell(const struct kvm_cpuid_entry2 *entry);

/* NULL where there is none. A leaf without subleaves has index 0. */
const struct kvm_cpuid_entry2 *cpu_find(const struct cpu_table *table, uint32_t leaf, uint32_t index);

/* What CPUID answers: a leaf without subleaves gives the same for all. NULL: zeros. */
const struct kvm_cpuid_entry2 *cpu_answer(const struct cpu_table *table, uint32_t leaf, uint32_t subleaf);

enum cpu_register { CPU_LEAF, CPU_EAX, CPU_EBX, CPU_ECX, CPU_EDX };

/* When something of the host's is given to the guest. */
enum cpu_when {
	CPU_ALWAYS,
	CPU_NEVER,
	CPU_MADE,              /* given, with values of our own */
	CPU_WITH_LAPIC,
	CPU_WITH_X2APIC,
	CPU_WITH_TSC_DEADLINE,
	CPU_WITH_KVMCLOCK,
	CPU_WITH_TSC_RATE,     /* where the TSC's rate is known */
	CPU_WITH_CRYSTAL,      /* the same, and no local APIC's timer counts at it */
	CPU_WITH_VCPUS,        /* where there is more than one vCPU */
	CPU_WITH_XSAVE,        /* where the host has it, and its figures make sense */
	CPU_WITH_AVX,          /* where there is XSAVE state for it */
	CPU_WITH_AVX512,
	CPU_WHEN_COUNT,
};

#define CPU_ANY_INDEX UINT32_MAX

/* One rule, with its reason; for the model and for printing. */
struct cpu_rule {
	uint32_t leaf, last;   /* leaves, both inclusive */
	uint32_t index;        /* subleaf, or CPU_ANY_INDEX */
	enum cpu_register reg; /* CPU_LEAF: the leaf as a whole */
	uint32_t mask;         /* bits of that register */
	enum cpu_when when;
	const char *what, *why;
	enum cpu_model level;  /* the first model that has it; of all but the baselines: CPU_HOST */
};

/* A model's rules in their order. For a baseline model: what it consists of. */
const struct cpu_rule *cpu_model_rules(enum cpu_model model, unsigned *count);

/* "hidden", "with a local APIC", … */
const char *cpu_when_name(enum cpu_when when);

#endif
