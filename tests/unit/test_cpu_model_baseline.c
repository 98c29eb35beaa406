/* SPDX-License-Identifier: Apache-2.0 */
/* CPU models: the baselines. */
#include "tests/unit/test_cpu_model.h"

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
	assert_string_equal(f->error.text, "--cpu baseline-v2: this host's KVM lacks SSE3, SSSE3, SSE4.1, SSE4.2, POPCNT: "
					   "use --cpu baseline");
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
	assert_int_equal(reg(f, 0x40000001, 0, CPU_EAX), 0x1000029);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_baseline_is_the_same_on_every_host),
		TEST(a_baseline_that_the_host_lacks_is_refused_by_name),
		TEST(every_feature_of_a_baseline_is_missed),
		TEST(levels_of_the_baseline_end_where_their_names_do),
		TEST(addresses_too_short_and_avx_in_an_odd_place_are_refused),
		TEST(a_baseline_has_the_devices_that_are_there),
	};

	return cmocka_run_group_tests_name("cpu model, baselines", tests, NULL, NULL);
}
