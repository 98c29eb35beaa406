/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU model on its way to KVM: which calls are made for whom, and what becomes of those that fail. */
#include "tests/unit/test_unit.h"

#include <linux/kvm.h>

#include "vmm/cpu.h"
#include "vmm/machine.h"

#define KVM_FD  1000000
#define VCPU_FD 1000001

/* A KVM with three leaves and AVX. */
static struct {
	unsigned long failing; /* request that fails, */
	int result;            /* with this */
	uint32_t count;        /* of entries, where KVM lies about it */
	unsigned long made[8];
	unsigned made_count;
	uint64_t xcr0;
	struct cpu_table given;
} kvm;

static const struct kvm_cpuid_entry2 offered[] = {
	{ .function = 0, .eax = 0xd, .ebx = 1 },
	{ .function = 1, .ecx = 1u << 26 | 1u << 28 },
	{ .function = 0xd, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .eax = 7 },
	{ .function = 0xd, .index = 2, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .eax = 256, .ebx = 576 },
	{ .function = 0x80000000, .eax = 0x80000001 },
	{ .function = 0x80000001 },
};

int __wrap_sys_ioctl(struct sys *sys, int fd, unsigned long request, unsigned long arg);

int __wrap_sys_ioctl(struct sys *sys, int fd, unsigned long request, unsigned long arg)
{
	struct cpu_table *table = (struct cpu_table *)arg;

	(void)sys;
	assert_int_equal(fd, request == KVM_GET_SUPPORTED_CPUID ? KVM_FD : VCPU_FD);
	assert_in_range(kvm.made_count, 0, COUNT_OF(kvm.made) - 1);
	kvm.made[kvm.made_count++] = request;
	if (request == kvm.failing)
		return kvm.result;
	switch (request) {
	case KVM_GET_SUPPORTED_CPUID:
		assert_int_equal(table->count, CPU_ENTRIES_MAX);
		memcpy(table->entries, offered, sizeof(offered));
		table->count = kvm.count ? kvm.count : COUNT_OF(offered);
		break;
	case KVM_SET_CPUID2:
		kvm.given = *table;
		break;
	case KVM_SET_XCRS:
		assert_int_equal(((struct kvm_xcrs *)arg)->nr_xcrs, 1);
		kvm.xcr0 = ((struct kvm_xcrs *)arg)->xcrs[0].value;
		break;
	case KVM_ENABLE_CAP:
		assert_int_equal(((struct kvm_enable_cap *)arg)->cap, KVM_CAP_ENFORCE_PV_FEATURE_CPUID);
		assert_int_equal(((struct kvm_enable_cap *)arg)->args[0], 1);
		break;
	default:
		fail_msg("ioctl 0x%lx", request);
	}
	return 0;
}

struct fixture {
	struct machine m;
	struct machine_config config;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	memset(&kvm, 0, sizeof(kvm));
	f->config.cpu = CPU_AUTO;
	f->m.config = &f->config;
	f->m.boot = &boot_native;
	f->m.kvm.fd = KVM_FD;
	f->m.vcpu.fd = VCPU_FD;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static int give(struct fixture *f, uint32_t flags)
{
	f->m.image.note.flags = flags;
	f->m.cpu_model = cpu_choose(&f->m);
	kvm.made_count = 0;
	return cpu_set_up(&f->m);
}

static void a_guest_that_does_not_ask_costs_one_call(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(give(f, 0), 0);
	assert_int_equal(kvm.made_count, 1);
	assert_int_equal(kvm.made[0], KVM_ENABLE_CAP);
	assert_int_equal(f->m.cpu_model, CPU_NONE);
	assert_int_equal(f->m.cpuid.count, 0);
}

static void a_guest_that_asks_for_cpuid_gets_the_host_model_and_no_state(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(give(f, KVICK_NOTE_CPUID), 0);
	assert_int_equal(f->m.cpu_model, CPU_HOST);
	assert_int_equal(kvm.made_count, 3);
	assert_memory_equal(&kvm.given, &f->m.cpuid, sizeof(kvm.given));
	assert_int_equal(f->m.cpu_state.xcr0, 0);
}

static void a_guest_that_asks_for_xsave_gets_both(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(give(f, KVICK_NOTE_XSAVE), 0);
	assert_int_equal(f->m.cpu_model, CPU_HOST);
	assert_int_equal(kvm.made[kvm.made_count - 1], KVM_SET_XCRS);
	assert_int_equal(kvm.xcr0, 7);
	assert_int_equal(f->m.cpu_state.xcr0, 7);
	assert_int_equal(f->m.cpu_state.xsave_bytes, 832);
}

static void the_operators_word_counts_more_than_the_images(void **state)
{
	struct fixture *f = *state;

	f->config.cpu = CPU_NONE;
	assert_int_equal(give(f, KVICK_NOTE_XSAVE), 0);
	assert_int_equal(kvm.made_count, 1);
	f->config.cpu = CPU_HOST;
	assert_int_equal(give(f, 0), 0);
	assert_int_equal(kvm.made_count, 3);
	f->config.cpu = CPU_BASELINE;
	assert_true(give(f, 0) < 0);
	assert_int_equal(f->m.error.kind, ERROR_HOST);
	assert_says(f->m.error.text, "--cpu baseline: this host's KVM lacks FPU, DE,");
}

static void a_call_that_fails_is_named(void **state)
{
	static const struct { unsigned long request; const char *says; } cases[] = {
		{ KVM_ENABLE_CAP, "KVM_CAP_ENFORCE_PV_FEATURE_CPUID" }, { KVM_GET_SUPPORTED_CPUID, "use --cpu none" },
		{ KVM_SET_CPUID2, "KVM_SET_CPUID2" }, { KVM_SET_XCRS, "KVM_SET_XCRS, XCR0 0x7" },
	};
	struct fixture *f = *state;

	kvm.result = -EIO;
	for (unsigned i = 0; i < COUNT_OF(cases); i++) {
		f->m.error = (struct error){ 0 };
		kvm.failing = cases[i].request;
		assert_int_equal(give(f, KVICK_NOTE_XSAVE), -EIO);
		assert_int_equal(f->m.error.kind, ERROR_HOST);
		assert_says(f->m.error.text, cases[i].says);
		assert_int_equal(kvm.made[kvm.made_count - 1], cases[i].request); /* and nothing after it */
	}
}

static void an_old_kernel_cannot_close_kvms_msrs_and_that_is_no_failure(void **state)
{
	struct fixture *f = *state;

	kvm.failing = KVM_ENABLE_CAP;
	kvm.result = -EINVAL;
	assert_int_equal(give(f, 0), 0);
}

static void a_table_larger_than_kvms_own_limit_is_refused(void **state)
{
	struct fixture *f = *state;

	kvm.count = CPU_ENTRIES_MAX + 1;
	assert_int_equal(give(f, KVICK_NOTE_CPUID), -E2BIG);
	assert_says(f->m.error.text, "KVM_GET_SUPPORTED_CPUID");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_guest_that_does_not_ask_costs_one_call),
		TEST(a_guest_that_asks_for_cpuid_gets_the_host_model_and_no_state),
		TEST(a_guest_that_asks_for_xsave_gets_both),
		TEST(the_operators_word_counts_more_than_the_images),
		TEST(a_call_that_fails_is_named),
		TEST(an_old_kernel_cannot_close_kvms_msrs_and_that_is_no_failure),
		TEST(a_table_larger_than_kvms_own_limit_is_refused),
	};

	return cmocka_run_group_tests_name("cpu", tests, NULL, NULL);
}
