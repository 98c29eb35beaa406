/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/cpu.h"

#include <errno.h>
#include <string.h>

#include "vmm/error.h"
#include "vmm/host_cache.h"
#include "vmm/machine.h"

int cpu_supported(const struct kvm *kvm, struct cpu_table *table, struct sys *sys, struct error *error)
{
	/* KVM_GET_SUPPORTED_CPUID says E2BIG where there is too little room; CPU_ENTRIES_MAX is its own limit. */
	table->count = CPU_ENTRIES_MAX;
	table->padding = 0;
	int r = sys_ioctl(sys, kvm->fd, KVM_GET_SUPPORTED_CPUID, (uintptr_t)table);

	if (r == 0 && table->count > CPU_ENTRIES_MAX)
		r = -E2BIG;
	if (r < 0)
		return error_set(error, ERROR_HOST, -r, "KVM_GET_SUPPORTED_CPUID: %s: use --cpu none", strerror(-r));
	return 0;
}

/*
 * KVM serves its paravirtual MSRs (clock, asynchronous page faults, stolen time) to guests that were never told of
 * them, unless it is asked not to. Linux before 5.10 cannot be asked.
 */
static int close_paravirt(struct machine *m)
{
	struct kvm_enable_cap enforce = { .cap = KVM_CAP_ENFORCE_PV_FEATURE_CPUID, .args = { 1 } };
	int r = sys_ioctl(&m->sys, m->vcpu.fd, KVM_ENABLE_CAP, (uintptr_t)&enforce);

	if (r < 0 && r != -EINVAL)
		return error_set(&m->error, ERROR_HOST, -r, "KVM_CAP_ENFORCE_PV_FEATURE_CPUID: %s: `kvick doctor` says what this "
				 "host offers", strerror(-r));
	return 0;
}

static int enable_state(struct machine *m)
{
	struct kvm_xcrs xcrs = { .nr_xcrs = 1, .xcrs = { { .xcr = 0, .value = m->cpu_state.xcr0 } } };
	int r = sys_ioctl(&m->sys, m->vcpu.fd, KVM_SET_XCRS, (uintptr_t)&xcrs);

	if (r < 0)
		return error_set(&m->error, ERROR_HOST, -r, "KVM_SET_XCRS, XCR0 0x%llx: %s: use --cpu baseline-v2",
				 (unsigned long long)m->cpu_state.xcr0, strerror(-r));
	return 0;
}

enum cpu_model cpu_choose(const struct machine *m)
{
	if (m->config->cpu != CPU_AUTO)
		return m->config->cpu;
	if (m->boot->pc)
		return CPU_HOST;
	return m->image.note.flags & (KVICK_NOTE_CPUID | KVICK_NOTE_XSAVE) ? CPU_HOST : CPU_NONE;
}

/* KVM's answer to an earlier launch, or to this one. */
static int remembered(struct machine *m, struct cpu_table *host)
{
	int r;

	if (host_cache_read_cpuid(&m->kvm, host, &m->sys))
		return 0;
	r = cpu_supported(&m->kvm, host, &m->sys, &m->error);
	if (r == 0)
		host_cache_write_cpuid(&m->kvm, host, &m->sys);
	return r;
}

static int set_cpuid(struct machine *m)
{
	int r;

	/* Such a guest's CPUID is answered by us; KVM needs to know only what state there is to keep. */
	if (m->deprivileged && !m->cpu_state.xcr0)
		return 0;
	r = sys_ioctl(&m->sys, m->vcpu.fd, KVM_SET_CPUID2, (uintptr_t)&m->cpuid);
	return r == 0 ? 0 : error_set(&m->error, ERROR_HOST, -r, "KVM_SET_CPUID2: %s: use --cpu none", strerror(-r));
}

/* Apart, for its table on the stack: a guest without a model must not pay for that. */
static __attribute__((noinline)) int give_model(struct machine *m)
{
	struct cpu_table host;
	/* The native protocol promises no device of the CPU's: no APIC, no clock but the TSC. */
	const struct cpu_config config = {
		.model = m->cpu_model,
		.tsc_khz = m->timeline.tsc_khz,
		.vcpus = 1,
		.lapic = m->boot->pc,
		.x2apic = m->boot->pc,
		.tsc_deadline = m->boot->pc && sys_ioctl(&m->sys, m->kvm.fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0,
		.kvmclock = m->boot->pc,
		.xsave = m->image.note.flags & KVICK_NOTE_XSAVE, /* a PC's kernel enables it itself */
	};
	int r = remembered(m, &host);

	if (r == 0)
		r = cpu_model_make(&m->cpuid, &m->cpu_state, &host, &config, &m->error);
	if (r == 0)
		r = set_cpuid(m);
	return r == 0 && m->cpu_state.xcr0 ? enable_state(m) : r;
}

COLD int cpu_restore(struct machine *m)
{
	int r = close_paravirt(m);

	return r == 0 && m->cpuid.count ? set_cpuid(m) : r;
}

int cpu_set_up(struct machine *m)
{
	int r = close_paravirt(m);

	return r == 0 && m->cpu_model != CPU_NONE ? give_model(m) : r;
}
