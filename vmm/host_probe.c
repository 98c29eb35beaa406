/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/host_probe.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <time.h>

#include <kvick/hypercall.h>

#include "vmm/error.h"
#include "vmm/guest_mem.h"
#include "vmm/kvm.h"
#include "vmm/layout.h"
#include "vmm/pagetable.h"
#include "vmm/stop.h"
#include "vmm/sys.h"
#include "vmm/system_page.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

/*
 * Each round is two instructions; the difference between few and many leaves the entry's cost out. "Many" is
 * as many as it takes to stand out from that cost's own wavering: not so many where instructions are emulated.
 */
#define ROUNDS_FEW      4
#define ROUNDS_MANY     64
#define ROUNDS_MANY_MAX (ROUNDS_MANY << 12)
#define STANDS_OUT_NS   20000
#define TRIES           3 /* the quickest counts */

struct probe {
	struct sys *sys;
	struct stop *stop;
	struct guest_mem mem;
	struct vm vm;
	struct vcpu vcpu;
	uint64_t pgd;
};

/* One entry, up to the stub's write to the fault port. exit_reason_wanted comes first: 0; something else: 1; or -errno. */
static int enter(struct probe *p, const struct vcpu_start *start, uint32_t exit_reason_wanted)
{
	int r;

	vcpu_set_start(&p->vcpu, start);
	do
		r = vcpu_run(&p->vcpu, p->sys);
	while (r == -EINTR && !p->stop->signal);
	if (r < 0)
		return r;
	return p->vcpu.run->exit_reason == exit_reason_wanted ? vcpu_complete(&p->vcpu, p->sys) : 1;
}

static int entry_ns(struct probe *p, unsigned ring, uint64_t rounds, int64_t *ns)
{
	const struct vcpu_start start = {
		.ring = ring,
		.pgd = p->pgd,
		.rip = system_stub(STUB_PROBE_LOOP),
		.rcx = rounds,
	};

	*ns = INT64_MAX;
	for (unsigned i = 0; i < TRIES; i++) {
		uint64_t begin = sys_now_ns(p->sys);
		int r = enter(p, &start, KVM_EXIT_IO);
		int64_t took = (int64_t)(sys_now_ns(p->sys) - begin);

		if (r)
			return r < 0 ? r : -EIO;
		if (took < *ns)
			*ns = took;
	}
	return 0;
}

/* Time of `rounds` rounds, less that of a few. */
static int loop_ns(struct probe *p, unsigned ring, uint64_t rounds, uint64_t *ns)
{
	int64_t few, many;
	int r = entry_ns(p, ring, ROUNDS_FEW, &few);

	if (r == 0)
		r = entry_ns(p, ring, rounds, &many);
	if (r == 0)
		*ns = many > few ? (uint64_t)(many - few) : 0;
	return r;
}

/* Longer and longer loops, until two in a row agree: a disturbance does not grow with the rounds, emulation does. */
static int insn_ps(struct probe *p, unsigned ring, uint64_t *ps)
{
	uint64_t before = 0; /* what a loop a quarter as long gave; 0: it did not stand out */

	for (uint64_t rounds = ROUNDS_MANY; ; rounds *= 4) {
		uint64_t ns = 0;
		int r = loop_ns(p, ring, rounds, &ns);

		if (r < 0)
			return r;
		*ps = ns * 1000 / (2 * rounds);
		if ((before && *ps > before / 2 && *ps < before * 2) || rounds >= ROUNDS_MANY_MAX)
			return 0;
		before = ns > STANDS_OUT_NS ? *ps : 0;
	}
}

/*
 * Only on hosts with a native ring 0: where it is emulated a VMCALL may never return. KVM mends the
 * instruction of the other vendor in place, so what stands in the page afterwards is this host's own.
 */
static int best_doorbell(struct probe *p, const struct kvm *kvm, unsigned *doorbell)
{
	static const uint8_t vmcall[] = { 0x0f, 0x01, 0xc1 }, vmmcall[] = { 0x0f, 0x01, 0xd9 };
	const uint8_t *insn = guest_mem_view(&p->mem, gpa(system_stub(STUB_PROBE_VMCALL)), sizeof(vmcall));
	struct kvm_enable_cap forward = {
		.cap = KVM_CAP_EXIT_HYPERCALL,
		.args = { 1u << KVICK_VMCALL_NR },
	};
	const struct vcpu_start start = {
		.ring = 0,
		.pgd = p->pgd,
		.rip = system_stub(STUB_PROBE_VMCALL),
		.rax = KVICK_VMCALL_NR, .rcx = 1, .rdx = LAYOUT_BOOT_INFO,
	};

	int r = kvm_capability(kvm, KVM_CAP_EXIT_HYPERCALL, p->sys);

	*doorbell = KVICK_DOORBELL_PORT;
	if (r <= 0)
		return r;
	r = sys_ioctl(p->sys, p->vm.fd, KVM_ENABLE_CAP, (uintptr_t)&forward);
	if (r == 0)
		r = enter(p, &start, KVM_EXIT_HYPERCALL);
	if (r != 0)
		return r < 0 ? r : 0; /* a failure is none of the host's facts, and not to be remembered as one */
	if (p->vcpu.run->hypercall.args[2] == LAYOUT_BOOT_INFO)
		*doorbell = memcmp(insn, vmcall, sizeof(vmcall)) == 0 ? KVICK_DOORBELL_VMCALL :
			    memcmp(insn, vmmcall, sizeof(vmmcall)) == 0 ? KVICK_DOORBELL_VMMCALL : KVICK_DOORBELL_PORT;
	return 0;
}

static int measure(struct probe *p, const struct kvm *kvm, struct host_facts *facts, struct error *error)
{
	struct table_pool pool = { .next = LAYOUT_TABLES_LOW, .end = LAYOUT_TABLES_LOW_END };
	struct mapping system = { LAYOUT_SYSTEM_PAGE, GUEST_PAGE_BYTES, PTE_USER | PTE_WRITE };
	int r;

	system_page_write(&p->mem, 3);
	p->pgd = pagetable_build(&p->mem, &pool, &system, 1);
	r = insn_ps(p, 0, &facts->ring0_insn_ps);
	if (r == 0)
		r = insn_ps(p, 3, &facts->ring3_insn_ps);
	if (r == -EIO && p->vcpu.run->exit_reason == KVM_EXIT_SHUTDOWN) {
		struct kvm_vcpu_events none = { 0 };

		/* The bitmap was not looked at: the OUT faulted, and there is no stack here to take a fault on. */
		p->vcpu.tss_available = facts->tss_available = true;
		/* Where KVM shadows page tables, the double fault is still to be delivered. */
		r = sys_ioctl(p->sys, p->vcpu.fd, KVM_SET_VCPU_EVENTS, (uintptr_t)&none);
		if (r == 0)
			r = insn_ps(p, 3, &facts->ring3_insn_ps);
	}
	facts->ring0_native = r == 0 && facts->ring0_insn_ps <= RING0_NATIVE_PS_MAX;
	if (facts->ring0_native)
		r = best_doorbell(p, kvm, &facts->doorbell);
	if (r < 0)
		return error_set(error, ERROR_HOST, -r, "the trial run that finds the fast ring failed (%s): `--ring 0 "
				 "--doorbell port` does without", strerror(-r));
	return 0;
}

int host_probe(const struct kvm *kvm, struct host_facts *facts, struct stop *stop, struct sys *sys, struct error *error)
{
	struct probe p = { .sys = sys, .stop = stop };
	int r = vm_create(&p.vm, kvm, sys, error);

	*facts = (struct host_facts){ .run_bytes = kvm->run_bytes };
	if (r < 0)
		return r;
	r = guest_mem_create(&p.mem, GUEST_MEM_BYTES_MIN, GUEST_PAGES_4K, sys, error);
	if (r < 0)
		goto vm;
	r = vm_set_memory(&p.vm, &p.mem, sys, error);
	if (r < 0)
		goto mem;
	r = vcpu_create(&p.vcpu, &p.vm, kvm->run_bytes, sys, error);
	if (r < 0)
		goto mem;
	stop->immediate_exit = &p.vcpu.run->immediate_exit;
	r = measure(&p, kvm, facts, error);
	stop->immediate_exit = NULL;
	vcpu_destroy(&p.vcpu, sys);
mem:
	guest_mem_destroy(&p.mem, sys);
vm:
	vm_destroy(&p.vm, sys);
	return r;
}
