/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/cpu_model.h"

#include <asm/kvm_para.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/cpu_model_rules.h"
#include "vmm/error.h"

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

#define XSAVE_LEGACY_BYTES 576u  /* legacy area and header */
#define XSAVE_AREA_MAX     4096u /* all known components fit; KVM's own area without permission is no larger */
#define AVX_OFFSET         576u
#define AVX_BYTES          256u

/* The crystal that leaf 0x15 tells of: any will do that makes whole numbers, and products that fit 32 bits. */
#define CRYSTAL_HZ 1000000u
#define APIC_BUS_KHZ 1000000u /* KVM's APIC timer counts nanoseconds */
#define BUS_MHZ 100u

#define LINEAR_BITS 48u /* four levels of page tables */

/* What a baseline says where it must say something: a vendor and signature of nobody's. */
static const char baseline_vendor[12] = { "kvickgeneric" };
#define BASELINE_SIGNATURE 0x600u       /* family 6: the first with CMOV */
#define BASELINE_CLFLUSH 0x800u         /* lines of 64 bytes */
#define BASELINE_ADDRESS_BITS 0x3024u   /* 48 linear, 36 physical: what KVM assumes without a table */
#define BASELINE_PHYSICAL_BITS 36u

static const char *const model_names[CPU_MODEL_COUNT] = {
	[CPU_NONE] = "none", [CPU_HOST] = "host", [CPU_BASELINE] = "baseline", [CPU_BASELINE_V2] = "baseline-v2",
	[CPU_BASELINE_V3] = "baseline-v3",
};

static const char *const when_names[CPU_WHEN_COUNT] = {
	[CPU_ALWAYS] = "given", [CPU_NEVER] = "hidden", [CPU_MADE] = "made",
	[CPU_WITH_LAPIC] = "with a local APIC", [CPU_WITH_X2APIC] = "with an x2APIC",
	[CPU_WITH_TSC_DEADLINE] = "with a TSC-deadline timer", [CPU_WITH_KVMCLOCK] = "with a kvmclock",
	[CPU_WITH_TSC_RATE] = "if the TSC's rate is known", [CPU_WITH_VCPUS] = "with several vCPUs",
	[CPU_WITH_XSAVE] = "if there is XSAVE", [CPU_WITH_AVX] = "if there is AVX state",
	[CPU_WITH_AVX512] = "if there is AVX-512 state",
};

/* A table in the making. */
struct build {
	struct cpu_table *guest;
	const struct cpu_config *config;
	bool holds[CPU_WHEN_COUNT];
	uint64_t components; /* of XSAVE state that may be enabled */
	uint32_t xsave_bytes;
	bool full;           /* an entry did not fit */
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

static struct kvm_cpuid_entry2 *find(struct cpu_table *table, uint32_t leaf, uint32_t index)
{
	for (uint32_t i = 0; i < table->count && i < CPU_ENTRIES_MAX; i++)
		if (table->entries[i].function == leaf && table->entries[i].index == index)
			return &table->entries[i];
	return NULL;
}

const struct kvm_cpuid_entry2 *cpu_find(const struct cpu_table *table, uint32_t leaf, uint32_t index)
{
	return find((struct cpu_table *)table, leaf, index);
}

static uint32_t *reg_of(struct kvm_cpuid_entry2 *entry, enum cpu_register reg)
{
	return reg == CPU_EAX ? &entry->eax : reg == CPU_EBX ? &entry->ebx : reg == CPU_ECX ? &entry->ecx : &entry->edx;
}

/* The first one stays where there are two of the same. */
static void add(struct build *b, const struct kvm_cpuid_entry2 *entry)
{
	bool indexed = entry->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
	uint32_t index = indexed ? entry->index : 0;

	if (find(b->guest, entry->function, index))
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

static bool rule_is_for(const struct cpu_rule *rule, const struct kvm_cpuid_entry2 *entry)
{
	return entry->function >= rule->leaf && entry->function <= rule->last &&
	       (rule->index == CPU_ANY_INDEX || rule->index == entry->index);
}

/* Takes away what rules take away. The first rule for a leaf as a whole decides; the last of all takes every leaf. */
static bool apply_rules(const struct build *b, struct kvm_cpuid_entry2 *entry)
{
	const struct cpu_rule *leaf = NULL;

	for (unsigned i = 0; i < cpu_host_rule_count; i++) {
		const struct cpu_rule *rule = &cpu_host_rules[i];

		if (!rule_is_for(rule, entry))
			continue;
		if (rule->reg == CPU_LEAF)
			leaf = leaf ? leaf : rule;
		else if (!b->holds[rule->when])
			*reg_of(entry, rule->reg) &= ~rule->mask;
	}
	return leaf && b->holds[leaf->when];
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

static void filter(struct build *b)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < b->guest->count; i++)
		if (apply_rules(b, &b->guest->entries[i]) && !is_ours(b->guest->entries[i].function))
			b->guest->entries[kept++] = b->guest->entries[i];
	b->guest->count = kept;
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
static void find_state(struct build *b)
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

/* Leaves whose values are ours, or partly so. */

/* Bits of an APIC id that number this many CPUs. */
static uint32_t id_bits(uint32_t vcpus)
{
	uint32_t bits = 0;

	while (1u << bits < vcpus)
		bits++;
	return bits;
}

static void make_features(struct build *b, struct kvm_cpuid_entry2 *e)
{
	e->ebx = (e->ebx & 0xff00) | (b->config->vcpus & 0xff) << 16 | b->config->apic_id << 24;
	/* KVM keeps OSXSAVE as CR4 has it; here as it will be at entry. */
	e->ecx = (e->ecx & ~LEAF1_ECX_OSXSAVE) | LEAF1_ECX_HYPERVISOR;
	if (b->config->xsave && b->holds[CPU_WITH_XSAVE])
		e->ecx |= LEAF1_ECX_OSXSAVE;
}

static void make_caches_intel(struct build *b, struct kvm_cpuid_entry2 *e)
{
	if (e->eax & 0x1f) /* a cache, and not the end of the list */
		e->eax = (e->eax & 0x3fff) | ((1u << id_bits(b->config->vcpus)) - 1) << 26;
}

static void make_state(struct build *b, struct kvm_cpuid_entry2 *e)
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

static void make_address_sizes(struct build *b, struct kvm_cpuid_entry2 *e)
{
	e->eax = (e->eax & 0xff) | LINEAR_BITS << 8;
	e->ecx = id_bits(b->config->vcpus) << 12 | (b->config->vcpus - 1);
	e->edx = 0;
}

static void make_caches_amd(struct build *b, struct kvm_cpuid_entry2 *e)
{
	(void)b;
	e->eax &= ~(0xfffu << 14);
}

static void make_topology_amd(struct build *b, struct kvm_cpuid_entry2 *e)
{
	*e = (struct kvm_cpuid_entry2){
		.function = e->function, .index = e->index, .flags = e->flags,
		.eax = b->config->apic_id, .ebx = b->config->apic_id & 0xff,
	};
}

static const struct {
	uint32_t leaf;
	void (*make)(struct build *b, struct kvm_cpuid_entry2 *entry);
} makers[] = {
	{ 0x1, make_features },		{ 0x4, make_caches_intel },	    { 0xd, make_state },
	{ 0x80000008, make_address_sizes }, { 0x8000001d, make_caches_amd }, { 0x8000001e, make_topology_amd },
};

static void make_values(struct build *b)
{
	for (uint32_t i = 0; i < b->guest->count; i++)
		for (size_t k = 0; k < sizeof(makers) / sizeof(makers[0]); k++)
			if (makers[k].leaf == b->guest->entries[i].function)
				makers[k].make(b, &b->guest->entries[i]);
}

/* SDM 2A, CPUID leaf 0xb: a level of threads, one to a core; a level of cores; the end. */
static void add_topology(struct build *b, uint32_t leaf)
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
		add(b, &e);
	}
}

/* Leaves that a CPU of the host's kind has, though KVM may say nothing in them. */
static void add_leaves_as_the_host_has(struct build *b, uint32_t highest)
{
	uint32_t khz = (uint32_t)b->config->tsc_khz, mhz = khz / 1000 < 0xffff ? khz / 1000 : 0xffff;

	if (highest >= 0xb)
		add_topology(b, 0xb);
	if (highest >= 0x1f)
		add_topology(b, 0x1f);
	if (b->holds[CPU_WITH_TSC_RATE] && highest >= 0x15)
		add(b, &(struct kvm_cpuid_entry2){ .function = 0x15, .eax = CRYSTAL_HZ / 1000, .ebx = khz, .ecx = CRYSTAL_HZ });
	if (b->holds[CPU_WITH_TSC_RATE] && highest >= 0x16)
		add(b, &(struct kvm_cpuid_entry2){ .function = 0x16, .eax = mhz, .ebx = mhz, .ecx = BUS_MHZ });
}

static void add_hypervisor(struct build *b, const struct cpu_table *host, bool timing)
{
	const struct kvm_cpuid_entry2 *offered = cpu_find(host, KVM_CPUID_FEATURES, 0);
	uint32_t clock = 1u << KVM_FEATURE_CLOCKSOURCE | 1u << KVM_FEATURE_CLOCKSOURCE2 |
			 1u << KVM_FEATURE_CLOCKSOURCE_STABLE_BIT;
	uint32_t signature[3]; /* EBX, ECX, EDX: KVM's cpuid.rst */

	memcpy(signature, KVM_SIGNATURE, sizeof(signature));
	add(b, &(struct kvm_cpuid_entry2){
		.function = KVM_CPUID_SIGNATURE, .eax = timing ? LEAF_TIMING : KVM_CPUID_FEATURES,
		.ebx = signature[0], .ecx = signature[1], .edx = signature[2] });
	add(b, &(struct kvm_cpuid_entry2){
		.function = KVM_CPUID_FEATURES, .eax = b->config->kvmclock && offered ? offered->eax & clock : 0 });
	if (timing)
		add(b, &(struct kvm_cpuid_entry2){
			.function = LEAF_TIMING, .eax = (uint32_t)b->config->tsc_khz, .ebx = b->config->lapic ? APIC_BUS_KHZ : 0 });
}

/* The highest leaf of the range that begins at `first`. */
static void make_highest(struct build *b, uint32_t first)
{
	struct kvm_cpuid_entry2 *e = find(b->guest, first, 0);

	e->eax = first;
	for (uint32_t i = 0; i < b->guest->count; i++) {
		uint32_t leaf = b->guest->entries[i].function;

		if ((leaf ^ first) < 0x40000000 && leaf > e->eax)
			e->eax = leaf;
	}
}

static int make_host(struct build *b, const struct cpu_table *host, struct error *error)
{
	static const uint32_t needed[] = { 0x0, 0x1, 0x80000000, 0x80000001 };

	for (uint32_t i = 0; i < host->count && i < CPU_ENTRIES_MAX; i++)
		add(b, &host->entries[i]);
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!find(b->guest, needed[i], 0))
			return error_set(error, ERROR_HOST, ENOTSUP, "KVM_GET_SUPPORTED_CPUID gives no leaf 0x%x: use --cpu none", needed[i]);

	uint32_t highest = find(b->guest, 0, 0)->eax;

	/* Once for what can be said at once, then again when it is known what XSAVE state remains. */
	filter(b);
	find_state(b);
	filter(b);
	make_values(b);
	add_leaves_as_the_host_has(b, highest);
	add_hypervisor(b, host, b->holds[CPU_WITH_TSC_RATE]);
	make_highest(b, 0);
	make_highest(b, LEAF_EXTENDED);
	return 0;
}

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

		if (e && *reg_of((struct kvm_cpuid_entry2 *)e, rule->reg) & rule->mask)
			continue;
		if (used < bytes)
			used += (size_t)snprintf(names + used, bytes - used, "%s%s", count ? ", " : "", rule->what);
		count++;
	}
	return count;
}

static int check_baseline(struct build *b, const struct cpu_table *host, struct error *error)
{
	enum cpu_model model = b->config->model, next = model;
	char names[256];
	const struct kvm_cpuid_entry2 *sizes = cpu_find(host, 0x80000008, 0), *avx = cpu_find(host, 0xd, 2);

	if (lacking(host, model, names, sizeof(names))) {
		while (next > CPU_BASELINE && lacking(host, next, NULL, 0))
			next--;
		return error_set(error, ERROR_HOST, ENOTSUP, "--cpu %s: this host's KVM lacks %s: use --cpu %s", model_names[model],
				 names, lacking(host, next, NULL, 0) ? "host" : model_names[next]);
	}
	if (sizes && (sizes->eax & 0xff) < BASELINE_PHYSICAL_BITS)
		return error_set(error, ERROR_HOST, ENOTSUP, "--cpu %s: this host's physical addresses have %u bits, and a baseline's "
				 "%u: use --cpu host", model_names[model], sizes->eax & 0xff, BASELINE_PHYSICAL_BITS);
	if (model == CPU_BASELINE_V3 && (!b->holds[CPU_WITH_AVX] || avx->ebx != AVX_OFFSET || avx->eax != AVX_BYTES))
		return error_set(error, ERROR_HOST, ENOTSUP, "--cpu %s: this host's KVM has no XSAVE state for AVX at its usual place: "
				 "use --cpu %s", model_names[model], model_names[CPU_BASELINE_V2]);
	return 0;
}

static void fill_baseline(struct build *b)
{
	const struct cpu_config *c = b->config;
	uint32_t features = (c->x2apic ? LEAF1_ECX_X2APIC : 0) | (c->tsc_deadline ? LEAF1_ECX_TSC_DEADLINE : 0);
	const uint32_t indexed = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
	unsigned rules = cpu_baseline_rule_count(c->model);
	uint32_t vendor[3]; /* EBX, EDX, ECX: APM 3, E.3.1 */

	memcpy(vendor, baseline_vendor, sizeof(vendor));
	add(b, &(struct kvm_cpuid_entry2){ .function = 0, .ebx = vendor[0], .edx = vendor[1], .ecx = vendor[2] });
	add(b, &(struct kvm_cpuid_entry2){ .function = 1, .eax = BASELINE_SIGNATURE, .ebx = BASELINE_CLFLUSH, .ecx = features,
					   .edx = c->lapic ? LEAF1_EDX_APIC : 0 });
	add(b, &(struct kvm_cpuid_entry2){ .function = 7, .flags = indexed });
	if (c->model == CPU_BASELINE_V3) {
		add_topology(b, 0xb); /* below the highest leaf, so it must tell something */
		add(b, &(struct kvm_cpuid_entry2){ .function = 0xd, .flags = indexed, .index = 0 });
		add(b, &(struct kvm_cpuid_entry2){ .function = 0xd, .flags = indexed, .index = 1 });
		add(b, &(struct kvm_cpuid_entry2){ .function = 0xd, .flags = indexed, .index = 2, .eax = AVX_BYTES,
						   .ebx = AVX_OFFSET });
	}
	add(b, &(struct kvm_cpuid_entry2){ .function = LEAF_EXTENDED });
	add(b, &(struct kvm_cpuid_entry2){ .function = 0x80000001 });
	add(b, &(struct kvm_cpuid_entry2){ .function = 0x80000008, .eax = BASELINE_ADDRESS_BITS });
	for (unsigned i = 0; i < rules; i++) {
		const struct cpu_rule *rule = &cpu_baseline_rules[i];

		*reg_of(find(b->guest, rule->leaf, 0), rule->reg) |= rule->mask;
	}
}

static int make_baseline(struct build *b, const struct cpu_table *host, struct error *error)
{
	/* What XSAVE state the host has is found out from a host model, which is then thrown away. */
	int r = make_host(b, host, error);

	if (r == 0)
		r = check_baseline(b, host, error);
	if (r < 0)
		return r;
	b->holds[CPU_WITH_XSAVE] = b->config->model == CPU_BASELINE_V3;
	b->components = b->holds[CPU_WITH_XSAVE] ? XCR0_LEGACY | XCR0_AVX : 0;
	b->xsave_bytes = b->holds[CPU_WITH_XSAVE] ? AVX_OFFSET + AVX_BYTES : 0;
	b->guest->count = 0;
	fill_baseline(b);
	make_values(b);
	add_hypervisor(b, host, false); /* the TSC's rate is this host's */
	make_highest(b, 0);
	make_highest(b, LEAF_EXTENDED);
	return 0;
}

int cpu_model_make(struct cpu_table *guest, struct cpu_state *state, const struct cpu_table *host,
		   const struct cpu_config *config, struct error *error)
{
	struct build b = {
		.guest = guest, .config = config,
		.holds = {
			[CPU_ALWAYS] = true, [CPU_MADE] = true,
			[CPU_WITH_LAPIC] = config->lapic, [CPU_WITH_X2APIC] = config->x2apic,
			[CPU_WITH_TSC_DEADLINE] = config->tsc_deadline, [CPU_WITH_KVMCLOCK] = config->kvmclock,
			[CPU_WITH_TSC_RATE] = config->tsc_khz > 0 && config->tsc_khz <= UINT32_MAX,
			[CPU_WITH_VCPUS] = config->vcpus > 1,
			[CPU_WITH_XSAVE] = true, [CPU_WITH_AVX] = true, [CPU_WITH_AVX512] = true, /* until find_state() */
		},
	};

	guest->count = guest->padding = 0;
	*state = (struct cpu_state){ 0 };
	int r = config->model == CPU_HOST ? make_host(&b, host, error) : make_baseline(&b, host, error);

	if (r == 0 && b.full)
		r = error_set(error, ERROR_HOST, E2BIG, "KVM_GET_SUPPORTED_CPUID gives more than the %u leaves that KVM takes: use "
			      "--cpu none", CPU_ENTRIES_MAX);
	if (r == 0 && config->xsave && b.holds[CPU_WITH_XSAVE])
		*state = (struct cpu_state){ .xcr0 = b.components, .xsave_bytes = b.xsave_bytes };
	return r;
}
