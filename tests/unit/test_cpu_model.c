/* SPDX-License-Identifier: Apache-2.0 */
/* CPU models: what hosts of several kinds become for a guest. */
#include "tests/unit/test_cpu_model.h"

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
		{ 7, 0, CPU_EDX, 24 }, { 7, 0, CPU_EDX, 25 }, { 0xd, 0, CPU_EAX, 17 }, { 0xd, 0, CPU_EAX, 18 },
		{ 0xd, 1, CPU_EAX, 3 }, { 0x80000001, 0, CPU_ECX, 2 }, { 0x80000001, 0, CPU_ECX, 10 },
		{ 0x80000001, 0, CPU_ECX, 29 },
	};
	static const uint32_t leaves[] = { 3, 5, 9, 0xa, 0xf, 0x10, 0x12, 0x14, 0x1d, 0x1e, 0x8000000a, 0x8000001b, 0x8000001f,
					   0x80000020, 0x80000022 };
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
		assert_null(cpu_find(&f->guest, 0x15, 0)); /* no rate known; or a local APIC's timer at another */
		assert_int_equal(reg(f, 0x40000001, 0, CPU_EAX), with ? 1u << 0 | 1u << 3 | 1u << 5 | 1u << 24 : 0);
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
		{ 0, 576, 0 }, { 256, 575, 0 }, { 256, 4000, 0 }, { ~0u, 576, 0 }, { 256, ~0u, 0 }, { ~0u, ~0u, 0 },
		{ 256, 576, 1 },
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

/* What a PC's kernel goes by: its number, that it is a guest, KVM's clock, the TSC's rate without a PIT. */
static void a_pcs_guest_knows_its_number_and_its_clocks(void **state)
{
	struct fixture *f = *state;
	uint32_t signature[3];

	host_has_everything(f);
	f->config.lapic = f->config.x2apic = f->config.kvmclock = true;
	f->config.tsc_khz = 2445430;
	f->config.vcpus = 4;
	for (f->config.apic_id = 0; f->config.apic_id < 4; f->config.apic_id++) {
		assert_int_equal(make(f), 0);
		assert_int_equal(reg(f, 1, 0, CPU_EBX) >> 24, f->config.apic_id);
		for (uint32_t index = 0; index < 3; index++)
			assert_int_equal(reg(f, 0xb, index, CPU_EDX), f->config.apic_id);
	}
	assert_int_equal(reg(f, 1, 0, CPU_ECX) >> 31, 1);
	assert_true(reg(f, 0x40000000, 0, CPU_EAX) >= 0x40000010);
	for (unsigned i = 0; i < 3; i++)
		signature[i] = reg(f, 0x40000000, 0, (enum cpu_register)(CPU_EBX + i));
	assert_memory_equal(signature, "KVMKVMKVM\0\0\0", 12);
	assert_int_equal(reg(f, 0x40000001, 0, CPU_EAX) & 9, 9);
	assert_int_equal(reg(f, 0x40000010, 0, CPU_EAX), 2445430);
}

static void the_tscs_rate_is_told_to_the_khz(void **state)
{
	static const uint64_t rates[] = { 1, 999, 1000000, 2445430, 4294967, 4294967295 };
	struct fixture *f = *state;

	host_has_everything(f);
	for (unsigned i = 0; i < COUNT_OF(rates); i++) {
		f->config.tsc_khz = rates[i];
		assert_int_equal(make(f), 0);
		assert_int_equal((uint64_t)reg(f, 0x15, 0, CPU_ECX) * reg(f, 0x15, 0, CPU_EBX) / reg(f, 0x15, 0, CPU_EAX),
				 rates[i] * 1000);
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
	f->config.tsc_khz = 2445430;
	f->config.lapic = true;
	assert_int_equal(make(f), 0);
	assert_null(cpu_find(&f->guest, 0x15, 0));
	assert_int_equal(reg(f, 0x16, 0, CPU_EAX), 2445);
	assert_int_equal(reg(f, 0x40000010, 0, CPU_EAX), 2445430);
	f->config.lapic = false;
	host_is(f, epyc, COUNT_OF(epyc));
	f->config.tsc_khz = 1000;
	assert_int_equal(make(f), 0);
	assert_null(cpu_find(&f->guest, 0x15, 0)); /* AMD's have no such leaf */
	assert_int_equal(reg(f, 0x40000010, 0, CPU_EAX), 1000);
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

/* As they are searched. */
static void rules_ascend_and_the_last_is_for_every_leaf(void **state)
{
	unsigned count;
	const struct cpu_rule *rules = cpu_model_rules(CPU_HOST, &count);

	(void)state;
	for (unsigned i = 1; i + 1 < count; i++)
		if (rules[i].leaf != rules[i - 1].leaf || rules[i].last != rules[i - 1].last)
			assert_true(rules[i].leaf > rules[i - 1].last);
	assert_int_equal(rules[count - 1].leaf, 0);
	assert_int_equal(rules[count - 1].last, UINT32_MAX);
	assert_int_equal(rules[count - 1].reg, CPU_LEAF);
}

/* In a snapshot that somebody else has written. */
static void what_no_guest_may_see_is_known_in_anybodys_table(void **state)
{
	static const struct kvm_cpuid_entry2 hidden[] = {
		{ .function = 1, .ecx = 1u << 5 },          /* VMX */
		{ .function = 0x80000001, .ecx = 1u << 2 }, /* SVM */
		{ .function = 0x8000000a, .eax = 1 },
		{ .function = 0xa, .eax = 2 },
		{ .function = 0x40000001, .eax = 1 << 3 },  /* KVM_FEATURE_CLOCKSOURCE2 */
		{ .function = 0x40000001, .edx = 1 },
		{ .function = 1, .edx = 1u << 9 },          /* a device that is not there */
		{ .function = 0xd, .eax = 1u << 17 },       /* AMX */
		{ .function = 0x24 },                       /* no rule */
	};

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(hidden); i++)
		if (cpu_model_may_tell(&hidden[i]))
			fail_msg("leaf 0x%x of row %u", hidden[i].function, i);
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
		TEST(a_pcs_guest_knows_its_number_and_its_clocks),
		TEST(the_tscs_rate_is_told_to_the_khz),
		TEST(what_no_guest_may_see_is_known_in_anybodys_table),
		TEST(models_have_names),
		TEST(rules_ascend_and_the_last_is_for_every_leaf),
	};

	return cmocka_run_group_tests_name("cpu model", tests, NULL, NULL);
}
