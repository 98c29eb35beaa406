/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU models: what hosts of several kinds, and tables of no host's, become for a guest. */
#include "tests/unit/test_unit.h"

#include "vmm/cpu_model.h"
#include "vmm/error.h"

#define INDEXED KVM_CPUID_FLAG_SIGNIFCANT_INDEX

#define XSAVE   (1u << 26)
#define OSXSAVE (1u << 27)
#define AVX     (1u << 28)

/* KVM_GET_SUPPORTED_CPUID on kvm_amd, Linux 6.1, QEMU's EPYC; leaves of zeros left out. */
static const struct kvm_cpuid_entry2 epyc[] = {
	{ 0x0, 0, 0, 0xd, 0x68747541, 0x444d4163, 0x69746e65, { 0 } },
	{ 0x1, 0, 0, 0x800f12, 0x800, 0x76f83203, 0x78bfbfd, { 0 } },
	{ 0x6, 0, 0, 4, 0, 0, 0, { 0 } },
	{ 0x7, 0, INDEXED, 0, 0x9801ab, 0, 0x20000000, { 0 } },
	{ 0xd, 0, INDEXED, 7, 0x340, 0x340, 0, { 0 } },
	{ 0xd, 1, INDEXED, 5, 0, 0, 0, { 0 } },
	{ 0xd, 2, INDEXED, 0x100, 0x240, 0, 0, { 0 } },
	{ 0x80000000, 0, 0, 0x80000021, 0x68747541, 0x444d4163, 0x69746e65, { 0 } },
	{ 0x80000001, 0, 0, 0x800f12, 0, 0x75, 0x2dd3fbfd, { 0 } },
	{ 0x80000006, 0, 0, 0, 0x42004200, 0x2006140, 0x408140, { 0 } },
	{ 0x80000008, 0, 0, 0x3028, 0x2000000, 0, 0, { 0 } },
	{ 0x8000000a, 0, 0, 1, 8, 0, 0x10000021, { 0 } },
	{ 0x8000001d, 0, INDEXED, 0x121, 0x1c0003f, 0x3f, 1, { 0 } },
	{ 0x8000001d, 3, INDEXED, 0x4163, 0x3c0003f, 0x1fff, 6, { 0 } },
	{ 0x80000021, 0, 0, 0x204, 0, 0, 0, { 0 } },
	{ 0x40000000, 0, 0, 0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d, { 0 } },
	{ 0x40000001, 0, 0, 0x1007efb, 0, 0, 0, { 0 } },
};

/* A KVM that emulates ring 0: it hides SSE3 to AVX and XSAVE, and yet has sizes in leaf 0xd. */
static const struct kvm_cpuid_entry2 emulating[] = {
	{ 0x0, 0, 0, 0xd, 0x68747541, 0x444d4163, 0x69746e65, { 0 } },
	{ 0x1, 0, 0, 0xa00f11, 0x20800, 0x81202000, 0x78bfbff, { 0 } },
	{ 0x7, 0, INDEXED, 0, 0x1800002, 4, 0x20000000, { 0 } },
	{ 0xd, 0, INDEXED, 7, 0x340, 0x340, 0, { 0 } },
	{ 0xd, 2, INDEXED, 0x100, 0x240, 0, 0, { 0 } },
	{ 0x80000000, 0, 0, 0x80000021, 0x68747541, 0x444d4163, 0x69746e65, { 0 } },
	{ 0x80000001, 0, 0, 0xa00f11, 0x40000000, 0x400393, 0x23d3fbff, { 0 } },
	{ 0x80000008, 0, 0, 0x3030, 0x10000005, 0x7001, 0, { 0 } },
};

struct fixture {
	struct cpu_table host, guest;
	struct cpu_state state;
	struct cpu_config config;
	struct error error;
};

static void host_is(struct fixture *f, const struct kvm_cpuid_entry2 *entries, uint32_t count)
{
	memset(&f->host, 0, sizeof(f->host));
	memcpy(f->host.entries, entries, count * sizeof(*entries));
	f->host.count = count;
}

/* A host with every bit of every leaf that there is a rule for, and of some more; XSAVE state as AVX-512 machines have it. */
static void host_has_everything(struct fixture *f)
{
	static const uint32_t more[] = { 0x8, 0xc, 0x11, 0x13, 0x17, 0x18, 0x19, 0x24, 0x4fffffff, 0x80000009, 0x80000023, 0xc0000000 };
	static const struct { uint32_t bytes, offset; } state[] = {
		[2] = { 256, 576 }, [3] = { 64, 960 }, [4] = { 64, 1024 }, [5] = { 64, 1088 }, [6] = { 512, 1152 },
		[7] = { 1024, 1664 }, [9] = { 8, 2688 }, [17] = { 64, 2752 }, [18] = { 8192, 2816 },
	};
	unsigned count;
	const struct cpu_rule *rules = cpu_model_rules(CPU_HOST, &count);

	memset(&f->host, 0, sizeof(f->host));
	for (unsigned i = 0; i + 1 < count; i++)
		for (uint32_t leaf = rules[i].leaf; rules[i].reg == CPU_LEAF && leaf <= rules[i].last; leaf++)
			for (uint32_t index = 0; index < (leaf == 0x7 ? 3 : leaf == 0xd ? 0 : 1); index++)
				f->host.entries[f->host.count++] = (struct kvm_cpuid_entry2){ leaf, index, INDEXED, ~0u, ~0u, ~0u, ~0u, { 0 } };
	for (unsigned i = 0; i < COUNT_OF(more); i++)
		f->host.entries[f->host.count++] = (struct kvm_cpuid_entry2){ more[i], 0, 0, ~0u, ~0u, ~0u, ~0u, { 0 } };
	f->host.entries[f->host.count++] = (struct kvm_cpuid_entry2){ 0xd, 0, INDEXED, ~0u, ~0u, ~0u, ~0u, { 0 } };
	f->host.entries[f->host.count++] = (struct kvm_cpuid_entry2){ 0xd, 1, INDEXED, ~0u, ~0u, ~0u, ~0u, { 0 } };
	for (uint32_t i = 2; i < COUNT_OF(state); i++)
		if (state[i].bytes)
			f->host.entries[f->host.count++] = (struct kvm_cpuid_entry2){
				0xd, i, INDEXED, state[i].bytes, state[i].offset, 0, 0, { 0 } };
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->config = (struct cpu_config){ .model = CPU_HOST, .tsc_khz = 2445430, .vcpus = 1 };
	host_is(f, epyc, COUNT_OF(epyc));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static int make(struct fixture *f)
{
	f->error = (struct error){ 0 };
	memset(&f->guest, 0xa5, sizeof(f->guest));
	return cpu_model_make(&f->guest, &f->state, &f->host, &f->config, &f->error);
}

static uint32_t reg(const struct fixture *f, uint32_t leaf, uint32_t index, enum cpu_register r)
{
	const struct kvm_cpuid_entry2 *e = cpu_find(&f->guest, leaf, index);

	return !e ? 0 : r == CPU_EAX ? e->eax : r == CPU_EBX ? e->ebx : r == CPU_ECX ? e->ecx : e->edx;
}

static struct kvm_cpuid_entry2 *host_leaf(struct fixture *f, uint32_t leaf, uint32_t index)
{
	return (struct kvm_cpuid_entry2 *)cpu_find(&f->host, leaf, index);
}

static bool has_leaf(const struct cpu_table *table, uint32_t leaf)
{
	for (uint32_t i = 0; i < table->count; i++)
		if (table->entries[i].function == leaf)
			return true;
	return false;
}

/* What holds of every table that is made, whatever it was made from. */
static void assert_consistent(const struct fixture *f)
{
	uint32_t ecx1 = reg(f, 1, 0, CPU_ECX), components = reg(f, 0xd, 0, CPU_EAX);

	assert_in_range(f->guest.count, 4, CPU_ENTRIES_MAX);
	for (uint32_t i = 0; i < f->guest.count; i++) {
		const struct kvm_cpuid_entry2 *e = &f->guest.entries[i];

		assert_int_equal(e->flags & ~INDEXED, 0);
		assert_true(e->flags || e->index == 0);
		assert_int_equal(e->padding[0] | e->padding[1] | e->padding[2], 0);
		assert_ptr_equal(cpu_find(&f->guest, e->function, e->index), e); /* once only */
		assert_in_range(e->function, 0, reg(f, e->function & 0xc0000000, 0, CPU_EAX));
	}
	/* The highest leaves are there, each in its own range. */
	for (uint64_t first = 0; first <= 0x80000000; first += 0x40000000) {
		uint32_t highest = reg(f, (uint32_t)first, 0, CPU_EAX);

		assert_int_equal(highest & 0xc0000000, first);
		assert_true(has_leaf(&f->guest, highest));
	}
	assert_int_equal(reg(f, 0x40000000, 0, CPU_EBX), 0x4b4d564b);
	assert_true(ecx1 >> 31);
	assert_int_equal(ecx1 & XSAVE ? (components & 3) == 3 : components == 0, 1);
	assert_true(!(ecx1 & AVX) || (components & 4));
	assert_true(!(reg(f, 7, 0, CPU_EBX) & 1u << 5) || (ecx1 & AVX) || (components & 4));
	assert_true(!(reg(f, 7, 0, CPU_EBX) & 1u << 16) || (components & 0xe0) == 0xe0);
	assert_int_equal(f->state.xcr0 & ~(uint64_t)components, 0);
	assert_int_equal(!(ecx1 & OSXSAVE), f->state.xcr0 == 0);
	assert_int_equal(f->state.xsave_bytes, f->state.xcr0 ? reg(f, 0xd, 0, CPU_ECX) : 0);
	for (uint32_t i = 2; i < 32; i++) {
		uint64_t end = (uint64_t)reg(f, 0xd, i, CPU_EAX) + reg(f, 0xd, i, CPU_EBX);

		assert_int_equal(components >> i & 1, reg(f, 0xd, i, CPU_EAX) != 0);
		assert_in_range(end, 0, reg(f, 0xd, 0, CPU_ECX));
	}
	assert_in_range(reg(f, 0xd, 0, CPU_ECX), 0, 4096);
}

/* --- host --- */

static void a_host_model_is_consistent_on_every_host(void **state)
{
	struct fixture *f = *state;

	for (unsigned xsave = 0; xsave < 2; xsave++) {
		f->config.xsave = xsave;
		host_is(f, epyc, COUNT_OF(epyc));
		assert_int_equal(make(f), 0);
		assert_consistent(f);
		host_is(f, emulating, COUNT_OF(emulating));
		assert_int_equal(make(f), 0);
		assert_consistent(f);
		host_has_everything(f);
		assert_int_equal(make(f), 0);
		assert_consistent(f);
	}
}

static void what_is_hidden_is_hidden_on_a_host_that_has_everything(void **state)
{
	struct fixture *f = *state;
	unsigned count;
	const struct cpu_rule *rules = cpu_model_rules(CPU_HOST, &count);

	host_has_everything(f);
	assert_int_equal(make(f), 0);
	for (unsigned i = 0; i < count; i++) {
		assert_non_null(rules[i].what);
		assert_true(strlen(rules[i].why) > 8);
		assert_non_null(cpu_when_name(rules[i].when));
		if (rules[i].when == CPU_NEVER && rules[i].reg != CPU_LEAF)
			assert_int_equal(reg(f, rules[i].leaf, rules[i].index, rules[i].reg) & rules[i].mask, 0);
		else if (rules[i].when == CPU_NEVER && rules[i].last != UINT32_MAX)
			for (uint32_t leaf = rules[i].leaf; leaf <= rules[i].last; leaf++)
				assert_null(cpu_find(&f->guest, leaf, 0));
	}
	assert_null(cpu_find(&f->guest, 0x24, 0)); /* no rule */
	assert_null(cpu_find(&f->guest, 0xc0000000, 0));
}

/* The same once more, not from the rules: these must be among them. */
static void what_no_guest_may_see_is_hidden(void **state)
{
	static const struct { uint32_t leaf, index; enum cpu_register reg; unsigned bit; } bits[] = {
		{ 1, 0, CPU_ECX, 3 }, { 1, 0, CPU_ECX, 5 }, { 1, 0, CPU_ECX, 6 }, { 1, 0, CPU_ECX, 15 }, { 1, 0, CPU_ECX, 21 },
		{ 1, 0, CPU_ECX, 24 }, { 1, 0, CPU_EDX, 7 }, { 1, 0, CPU_EDX, 9 }, { 1, 0, CPU_EDX, 18 }, { 1, 0, CPU_EDX, 28 },
		{ 7, 0, CPU_EBX, 2 }, { 7, 0, CPU_EBX, 14 }, { 7, 0, CPU_EBX, 25 }, { 7, 0, CPU_ECX, 5 }, { 7, 0, CPU_ECX, 16 },
		{ 7, 0, CPU_EDX, 22 }, { 7, 0, CPU_ECX, 7 }, { 7, 0, CPU_EDX, 20 }, { 7, 1, CPU_EDX, 18 },
		{ 7, 0, CPU_EDX, 24 }, { 7, 0, CPU_EDX, 25 }, { 0xd, 0, CPU_EAX, 17 }, { 0xd, 0, CPU_EAX, 18 }, { 0xd, 1, CPU_EAX, 3 },
		{ 0x80000001, 0, CPU_ECX, 2 }, { 0x80000001, 0, CPU_ECX, 10 }, { 0x80000001, 0, CPU_ECX, 29 },
	};
	static const uint32_t leaves[] = { 3, 5, 9, 0xa, 0xf, 0x10, 0x12, 0x14, 0x1d, 0x1e, 0x8000000a, 0x8000001b, 0x8000001f, 0x80000020,
					   0x80000022 };
	struct fixture *f = *state;

	host_has_everything(f);
	f->host.entries[f->host.count++] = (struct kvm_cpuid_entry2){ .function = 0x8000000a, .edx = ~0u };
	assert_int_equal(make(f), 0);
	for (unsigned i = 0; i < COUNT_OF(bits); i++)
		if (reg(f, bits[i].leaf, bits[i].index, bits[i].reg) >> bits[i].bit & 1)
			fail_msg("leaf 0x%x, register %d, bit %u", bits[i].leaf, bits[i].reg, bits[i].bit);
	for (unsigned i = 0; i < COUNT_OF(leaves); i++)
		if (cpu_find(&f->guest, leaves[i], 0))
			fail_msg("leaf 0x%x", leaves[i]);
}

static void what_belongs_to_a_device_comes_with_it(void **state)
{
	struct fixture *f = *state;
	unsigned count;
	const struct cpu_rule *rules = cpu_model_rules(CPU_HOST, &count);

	for (unsigned with = 0; with < 2; with++) {
		f->config.lapic = f->config.x2apic = f->config.tsc_deadline = f->config.kvmclock = with;
		f->config.vcpus = 1 + with;
		f->config.tsc_khz = with ? 3000000 : 0;
		host_has_everything(f);
		assert_int_equal(make(f), 0);
		for (unsigned i = 0; i < count; i++)
			if (rules[i].when >= CPU_WITH_LAPIC && rules[i].when <= CPU_WITH_VCPUS && rules[i].reg != CPU_LEAF)
				assert_int_equal(reg(f, rules[i].leaf, rules[i].index, rules[i].reg) & rules[i].mask,
						 with ? rules[i].mask : 0);
		assert_int_equal(cpu_find(&f->guest, 0x15, 0) != NULL, with);
		assert_int_equal(reg(f, 0x40000001, 0, CPU_EAX), with ? 1u << 0 | 1u << 3 | 1u << 24 : 0);
		assert_int_equal(reg(f, 0x40000010, 0, CPU_EBX), with ? 1000000 : 0);
	}
}

static void the_hosts_features_are_the_guests(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(make(f), 0);
	assert_int_equal(reg(f, 0, 0, CPU_EBX), 0x68747541);
	assert_int_equal(reg(f, 1, 0, CPU_EAX), 0x800f12);
	assert_int_equal(reg(f, 1, 0, CPU_ECX), (0x76f83203 & ~(1u << 21)) | 1u << 31);
	assert_int_equal(reg(f, 7, 0, CPU_EBX), 0x9801ab);
	assert_int_equal(reg(f, 0x80000001, 0, CPU_ECX), 0x75 & ~(1u << 2));
	assert_int_equal(reg(f, 0x80000008, 0, CPU_EAX), 0x3028);
}

static void xsave_is_hidden_where_leaf_1_or_leaf_13_lacks_it(void **state)
{
	struct fixture *f = *state;

	f->config.xsave = true;
	host_is(f, emulating, COUNT_OF(emulating));
	assert_int_equal(make(f), 0);
	assert_null(cpu_find(&f->guest, 0xd, 0));
	assert_int_equal(f->state.xcr0, 0);
	assert_int_equal(f->state.xsave_bytes, 0);

	host_is(f, epyc, COUNT_OF(epyc));
	host_leaf(f, 0xd, 0)->eax = 1; /* x87 alone */
	assert_int_equal(make(f), 0);
	assert_int_equal(reg(f, 1, 0, CPU_ECX) & (XSAVE | AVX), 0);
	assert_int_equal(f->state.xcr0, 0);
}

static void xsave_is_enabled_for_a_guest_that_asks(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(make(f), 0);
	assert_int_equal(f->state.xcr0, 0);
	assert_int_equal(reg(f, 1, 0, CPU_ECX) & OSXSAVE, 0);
	f->config.xsave = true;
	assert_int_equal(make(f), 0);
	assert_int_equal(f->state.xcr0, 7);
	assert_int_equal(f->state.xsave_bytes, 832);
	assert_int_equal(reg(f, 1, 0, CPU_ECX) & OSXSAVE, OSXSAVE);
}

static void all_of_avx_512_is_enabled_and_nothing_that_needs_permission(void **state)
{
	struct fixture *f = *state;

	f->config.xsave = true;
	host_has_everything(f);
	assert_int_equal(make(f), 0);
	assert_int_equal(f->state.xcr0, 0x2e7);
	assert_int_equal(f->state.xsave_bytes, 2696);
	assert_null(cpu_find(&f->guest, 0x1d, 0));
}

static void half_of_avx_512_is_none(void **state)
{
	struct fixture *f = *state;

	f->config.xsave = true;
	host_has_everything(f);
	host_leaf(f, 0xd, 6)->eax = 0;
	assert_int_equal(make(f), 0);
	assert_int_equal(f->state.xcr0, 0x207);
	assert_int_equal(reg(f, 7, 0, CPU_EBX) & 0xdc230000, 0);
	assert_consistent(f);
}

static void state_without_a_sensible_place_takes_its_features_along(void **state)
{
	static const struct { uint32_t eax, ebx, ecx; } bad[] = {
		{ 0, 576, 0 }, { 256, 575, 0 }, { 256, 4000, 0 }, { ~0u, 576, 0 }, { 256, ~0u, 0 }, { ~0u, ~0u, 0 }, { 256, 576, 1 },
	};
	struct fixture *f = *state;

	f->config.xsave = true;
	for (unsigned i = 0; i < COUNT_OF(bad); i++) {
		struct kvm_cpuid_entry2 *e = host_leaf(f, 0xd, 2);

		e->eax = bad[i].eax, e->ebx = bad[i].ebx, e->ecx = bad[i].ecx;
		assert_int_equal(make(f), 0);
		assert_int_equal(f->state.xcr0, 3);
		assert_int_equal(f->state.xsave_bytes, 576);
		assert_int_equal(reg(f, 1, 0, CPU_ECX) & (AVX | XSAVE | 1u << 12 | 1u << 29), XSAVE);
		assert_int_equal(reg(f, 7, 0, CPU_EBX) & 1u << 5, 0);
		assert_consistent(f);
	}
}

static void topology_is_the_guests(void **state)
{
	static const struct { uint32_t vcpus, bits; } cases[] = { { 1, 0 }, { 2, 1 }, { 3, 2 }, { 4, 2 }, { 5, 3 }, { 64, 6 } };
	struct fixture *f = *state;

	for (unsigned i = 0; i < COUNT_OF(cases); i++) {
		host_has_everything(f);
		f->config.vcpus = cases[i].vcpus;
		f->config.apic_id = cases[i].vcpus - 1;
		assert_int_equal(make(f), 0);
		assert_int_equal(reg(f, 1, 0, CPU_EBX) >> 16, cases[i].vcpus | (cases[i].vcpus - 1) << 8);
		assert_int_equal(reg(f, 1, 0, CPU_EDX) >> 28 & 1, cases[i].vcpus > 1);
		for (uint32_t leaf = 0xb; leaf <= 0x1f; leaf += 0x14) {
			assert_int_equal(reg(f, leaf, 0, CPU_EBX), 1);
			assert_int_equal(reg(f, leaf, 1, CPU_EAX), cases[i].bits);
			assert_int_equal(reg(f, leaf, 1, CPU_EBX), cases[i].vcpus);
			assert_int_equal(reg(f, leaf, 2, CPU_EBX), 0);
			assert_int_equal(reg(f, leaf, 1, CPU_EDX), cases[i].vcpus - 1);
		}
		assert_int_equal(reg(f, 0x80000008, 0, CPU_EAX), 0x30ff); /* 57 linear bits are for five levels */
		assert_int_equal(reg(f, 0x80000008, 0, CPU_ECX), cases[i].bits << 12 | (cases[i].vcpus - 1));
		assert_int_equal(reg(f, 4, 0, CPU_EAX) >> 26, (1u << cases[i].bits) - 1);
		assert_int_equal(reg(f, 4, 0, CPU_EAX) >> 14 & 0xfff, 0);
		assert_int_equal(reg(f, 0x8000001d, 0, CPU_EAX) >> 14 & 0xfff, 0);
		assert_int_equal(reg(f, 0x8000001e, 0, CPU_EAX), cases[i].vcpus - 1);
	}
}

static void the_tscs_rate_is_told_to_the_khz(void **state)
{
	static const uint64_t rates[] = { 1, 999, 1000000, 2445430, 4294967, 4294967295 };
	struct fixture *f = *state;

	host_has_everything(f);
	for (unsigned i = 0; i < COUNT_OF(rates); i++) {
		f->config.tsc_khz = rates[i];
		assert_int_equal(make(f), 0);
		assert_int_equal((uint64_t)reg(f, 0x15, 0, CPU_ECX) * reg(f, 0x15, 0, CPU_EBX) / reg(f, 0x15, 0, CPU_EAX), rates[i] * 1000);
		assert_int_equal(reg(f, 0x40000010, 0, CPU_EAX), rates[i]);
	}
	/* Linux multiplies the crystal's kHz by EBX in 32 bits. */
	f->config.tsc_khz = 4294967;
	assert_int_equal(make(f), 0);
	assert_true((uint64_t)reg(f, 0x15, 0, CPU_ECX) / 1000 * reg(f, 0x15, 0, CPU_EBX) <= UINT32_MAX);
	for (unsigned i = 0; i < 2; i++) {
		f->config.tsc_khz = i ? 1ull << 32 : 0;
		assert_int_equal(make(f), 0);
		assert_null(cpu_find(&f->guest, 0x15, 0));
		assert_null(cpu_find(&f->guest, 0x16, 0));
		assert_int_equal(reg(f, 0x40000000, 0, CPU_EAX), 0x40000001);
		assert_int_equal(reg(f, 0x80000007, 0, CPU_EDX), 0);
	}
	host_is(f, epyc, COUNT_OF(epyc));
	f->config.tsc_khz = 1000;
	assert_int_equal(make(f), 0);
	assert_null(cpu_find(&f->guest, 0x15, 0)); /* AMD's have no such leaf */
	assert_int_equal(reg(f, 0x40000010, 0, CPU_EAX), 1000);
}

/* --- baseline --- */

static void a_baseline_is_the_same_on_every_host(void **state)
{
	static const enum cpu_model models[] = { CPU_BASELINE, CPU_BASELINE_V2, CPU_BASELINE_V3 };
	struct fixture *f = *state, *other = calloc(1, sizeof(*other));

	for (unsigned i = 0; i < COUNT_OF(models) * 2; i++) {
		f->config.model = models[i / 2];
		f->config.xsave = i % 2;
		other->config = f->config;
		other->config.tsc_khz = 1; /* the host's, and in no baseline */
		host_is(f, epyc, COUNT_OF(epyc));
		assert_int_equal(make(f), 0);
		assert_consistent(f);
		host_has_everything(other);
		assert_int_equal(make(other), 0);
		assert_int_equal(f->guest.count, other->guest.count);
		assert_memory_equal(f->guest.entries, other->guest.entries, f->guest.count * sizeof(f->guest.entries[0]));
		assert_int_equal(f->state.xcr0, i == 5 ? 7 : 0);
		assert_int_equal(cpu_find(&f->guest, 0xb, 0) != NULL, reg(f, 0, 0, CPU_EAX) >= 0xb);
		assert_memory_equal(&f->state, &other->state, sizeof(f->state));
		if (models[i / 2] != CPU_BASELINE)
			continue;
		host_is(other, emulating, COUNT_OF(emulating));
		assert_int_equal(make(other), 0);
		assert_memory_equal(f->guest.entries, other->guest.entries, f->guest.count * sizeof(f->guest.entries[0]));
	}
	free(other);
}

static void a_baseline_that_the_host_lacks_is_refused_by_name(void **state)
{
	struct fixture *f = *state;

	host_is(f, emulating, COUNT_OF(emulating));
	f->config.model = CPU_BASELINE_V2;
	assert_int_equal(make(f), -ENOTSUP);
	assert_int_equal(f->error.kind, ERROR_HOST);
	assert_string_equal(f->error.text, "--cpu baseline-v2: this host's KVM lacks SSE3, SSSE3, SSE4.1, SSE4.2, POPCNT: use --cpu baseline");
	f->config.model = CPU_BASELINE_V3;
	assert_int_equal(make(f), -ENOTSUP);
	assert_says(f->error.text, "POPCNT, FMA, MOVBE, XSAVE, AVX, F16C, BMI1, AVX2, BMI2, LZCNT: use --cpu baseline");
	host_is(f, epyc, COUNT_OF(epyc));
	host_leaf(f, 7, 0)->ebx &= ~(1u << 8);
	assert_int_equal(make(f), -ENOTSUP);
	assert_says(f->error.text, "lacks BMI2: use --cpu baseline-v2");
	host_leaf(f, 1, 0)->edx &= ~(1u << 26);
	f->config.model = CPU_BASELINE;
	assert_int_equal(make(f), -ENOTSUP);
	assert_says(f->error.text, "lacks SSE2: use --cpu host");
}

static void every_feature_of_a_baseline_is_missed(void **state)
{
	struct fixture *f = *state;
	unsigned count;
	const struct cpu_rule *rules = cpu_model_rules(CPU_BASELINE_V3, &count);

	f->config.model = CPU_BASELINE_V3;
	for (unsigned i = 0; i < count; i++) {
		char says[64];

		host_is(f, epyc, COUNT_OF(epyc));
		struct kvm_cpuid_entry2 *e = host_leaf(f, rules[i].leaf, 0);

		*(rules[i].reg == CPU_EBX ? &e->ebx : rules[i].reg == CPU_ECX ? &e->ecx : &e->edx) &= ~rules[i].mask;
		snprintf(says, sizeof(says), "lacks %s:", rules[i].what);
		assert_int_equal(make(f), -ENOTSUP);
		assert_says(f->error.text, says);
	}
}

static void levels_of_the_baseline_end_where_their_names_do(void **state)
{
	static const struct { enum cpu_model model; const char *last, *next; } levels[] = {
		{ CPU_BASELINE, "x86-64", "x86-64-v2" }, { CPU_BASELINE_V2, "x86-64-v2", "x86-64-v3" },
	};
	unsigned all;
	const struct cpu_rule *rules = cpu_model_rules(CPU_BASELINE_V3, &all);

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(levels); i++) {
		unsigned count;

		cpu_model_rules(levels[i].model, &count);
		assert_true(count < all);
		assert_string_equal(rules[count - 1].why, levels[i].last);
		assert_string_equal(rules[count].why, levels[i].next);
	}
	assert_int_equal(all, 34);
	for (unsigned i = 1; i < all; i++)
		assert_true(rules[i - 1].level <= rules[i].level);
}

static void addresses_too_short_and_avx_in_an_odd_place_are_refused(void **state)
{
	struct fixture *f = *state;

	f->config.model = CPU_BASELINE_V3;
	host_leaf(f, 0xd, 2)->ebx = 1024;
	assert_int_equal(make(f), -ENOTSUP);
	assert_says(f->error.text, "use --cpu baseline-v2");
	f->config.model = CPU_BASELINE;
	host_leaf(f, 0x80000008, 0)->eax = 0x3020;
	assert_int_equal(make(f), -ENOTSUP);
	assert_says(f->error.text, "have 32 bits, and a baseline's 36: use --cpu host");
}

static void a_baseline_has_the_devices_that_are_there(void **state)
{
	struct fixture *f = *state;

	f->config = (struct cpu_config){ .model = CPU_BASELINE, .vcpus = 2, .apic_id = 1, .lapic = true, .x2apic = true,
					 .tsc_deadline = true, .kvmclock = true };
	assert_int_equal(make(f), 0);
	assert_int_equal(reg(f, 1, 0, CPU_ECX), 1u << 21 | 1u << 24 | 1u << 31);
	assert_int_equal(reg(f, 1, 0, CPU_EDX) & 1u << 9, 1u << 9);
	assert_int_equal(reg(f, 1, 0, CPU_EBX), 0x1020800);
	assert_int_equal(reg(f, 0x40000001, 0, CPU_EAX), 0x1000009);
}

/* --- tables of no host's --- */

static void a_table_without_its_first_leaves_is_refused(void **state)
{
	static const uint32_t leaves[] = { 0, 1, 0x80000000, 0x80000001 };
	struct fixture *f = *state;

	for (unsigned i = 0; i < COUNT_OF(leaves); i++) {
		host_is(f, epyc, COUNT_OF(epyc));
		host_leaf(f, leaves[i], 0)->function = 0x99;
		assert_int_equal(make(f), -ENOTSUP);
		assert_says(f->error.text, "use --cpu none");
	}
	f->host.count = 0;
	assert_int_equal(make(f), -ENOTSUP);
}

static void the_first_of_two_entries_counts(void **state)
{
	struct fixture *f = *state;

	f->host.entries[f->host.count++] = (struct kvm_cpuid_entry2){ .function = 1, .eax = 0xbad, .ecx = ~0u };
	f->host.entries[f->host.count++] = (struct kvm_cpuid_entry2){ .function = 1, .index = 77, .eax = 0xbad }; /* not indexed: the same */
	assert_int_equal(make(f), 0);
	assert_int_equal(reg(f, 1, 0, CPU_EAX), 0x800f12);
	assert_consistent(f);
}

static void a_full_table_has_no_room_for_ours(void **state)
{
	struct fixture *f = *state;

	while (f->host.count < CPU_ENTRIES_MAX) {
		f->host.entries[f->host.count] = (struct kvm_cpuid_entry2){ .function = 7, .index = f->host.count, .flags = INDEXED };
		f->host.count++;
	}
	assert_int_equal(make(f), -E2BIG);
	assert_says(f->error.text, "use --cpu none");
	f->host.count = UINT32_MAX; /* believed up to the array's end */
	assert_int_equal(make(f), -E2BIG);
}

static uint32_t random_next(uint64_t *x)
{
	*x ^= *x << 13, *x ^= *x >> 7, *x ^= *x << 17;
	return (uint32_t)(*x >> 16);
}

/* Good entries turned, and wild ones: either a refusal that says so, or a table in which everything fits. */
static void garbage_becomes_a_refusal_or_a_sound_table(void **state)
{
	static const uint32_t leaves[] = { 0, 1, 4, 7, 0xb, 0xd, 0xd, 0xd, 0x15, 0x1f, 0x40000000, 0x40000010, 0x80000000, 0x80000001, 0x80000008 };
	struct fixture *f = *state;
	uint64_t x = 0x9e3779b97f4a7c15;
	unsigned made = 0;

	for (unsigned round = 0; round < 20000; round++) {
		if (round % 2)
			host_has_everything(f);
		else
			host_is(f, epyc, COUNT_OF(epyc));
		for (unsigned i = random_next(&x) % 24; i > 0; i--) {
			struct kvm_cpuid_entry2 *e = &f->host.entries[random_next(&x) % (f->host.count + 8)];

			switch (random_next(&x) % 4) {
			case 0: e->function = leaves[random_next(&x) % COUNT_OF(leaves)]; break;
			case 1: e->index = random_next(&x) % 34; break;
			case 2: e->eax = random_next(&x) >> random_next(&x) % 32, e->ebx = random_next(&x) >> random_next(&x) % 32; break;
			default: e->ecx = random_next(&x), e->edx = random_next(&x), e->flags = random_next(&x); break;
			}
		}
		f->host.count += random_next(&x) % 8;
		f->config = (struct cpu_config){
			.model = CPU_HOST + random_next(&x) % 4, .tsc_khz = random_next(&x), .vcpus = 1 + random_next(&x) % 128,
			.xsave = random_next(&x) & 1, .lapic = random_next(&x) & 1, .x2apic = random_next(&x) & 1,
		};
		int r = make(f);

		if (r < 0) {
			assert_int_equal(f->error.kind, ERROR_HOST);
			assert_says(f->error.text, "use --cpu");
			assert_int_equal(f->state.xcr0, 0);
		} else {
			made++;
			assert_consistent(f);
		}
	}
	assert_in_range(made, 2000, 19999);
}

static void models_have_names(void **state)
{
	enum cpu_model model;

	(void)state;
	for (int i = CPU_NONE; i < CPU_MODEL_COUNT; i++) {
		assert_true(cpu_model_by_name(cpu_model_name((enum cpu_model)i), &model));
		assert_int_equal(model, i);
	}
	assert_false(cpu_model_by_name("auto", &model));
	assert_false(cpu_model_by_name("", &model));
	assert_null(cpu_model_name(CPU_AUTO));
	assert_null(cpu_model_name(CPU_MODEL_COUNT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_host_model_is_consistent_on_every_host),
		TEST(what_is_hidden_is_hidden_on_a_host_that_has_everything),
		TEST(what_no_guest_may_see_is_hidden),
		TEST(what_belongs_to_a_device_comes_with_it),
		TEST(the_hosts_features_are_the_guests),
		TEST(xsave_is_hidden_where_leaf_1_or_leaf_13_lacks_it),
		TEST(xsave_is_enabled_for_a_guest_that_asks),
		TEST(all_of_avx_512_is_enabled_and_nothing_that_needs_permission),
		TEST(half_of_avx_512_is_none),
		TEST(state_without_a_sensible_place_takes_its_features_along),
		TEST(topology_is_the_guests),
		TEST(the_tscs_rate_is_told_to_the_khz),
		TEST(a_baseline_is_the_same_on_every_host),
		TEST(a_baseline_that_the_host_lacks_is_refused_by_name),
		TEST(every_feature_of_a_baseline_is_missed),
		TEST(levels_of_the_baseline_end_where_their_names_do),
		TEST(addresses_too_short_and_avx_in_an_odd_place_are_refused),
		TEST(a_baseline_has_the_devices_that_are_there),
		TEST(a_table_without_its_first_leaves_is_refused),
		TEST(the_first_of_two_entries_counts),
		TEST(a_full_table_has_no_room_for_ours),
		TEST(garbage_becomes_a_refusal_or_a_sound_table),
		TEST(models_have_names),
	};

	return cmocka_run_group_tests_name("cpu model", tests, NULL, NULL);
}
