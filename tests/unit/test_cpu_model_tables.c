/* SPDX-License-Identifier: Apache-2.0 */
/* CPU models: tables of no host's. */
#include "tests/unit/test_cpu_model.h"

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
	/* Not indexed: the same. */
	f->host.entries[f->host.count++] = (struct kvm_cpuid_entry2){ .function = 1, .index = 77, .eax = 0xbad };
	assert_int_equal(make(f), 0);
	assert_int_equal(reg(f, 1, 0, CPU_EAX), 0x800f12);
	assert_consistent(f);
}

static void a_full_table_has_no_room_for_ours(void **state)
{
	struct fixture *f = *state;

	while (f->host.count < CPU_ENTRIES_MAX) {
		f->host.entries[f->host.count] = (struct kvm_cpuid_entry2){
			.function = 7, .index = f->host.count, .flags = INDEXED };
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
	static const uint32_t leaves[] = { 0, 1, 4, 7, 0xb, 0xd, 0xd, 0xd, 0x15, 0x1f, 0x40000000, 0x40000010, 0x80000000,
					   0x80000001, 0x80000008 };
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
			case 2:
				e->eax = random_next(&x) >> random_next(&x) % 32, e->ebx = random_next(&x) >> random_next(&x) % 32;
				break;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_table_without_its_first_leaves_is_refused),
		TEST(the_first_of_two_entries_counts),
		TEST(a_full_table_has_no_room_for_ours),
		TEST(garbage_becomes_a_refusal_or_a_sound_table),
	};

	return cmocka_run_group_tests_name("cpu model, tables", tests, NULL, NULL);
}
