/* SPDX-License-Identifier: Apache-2.0 */
/* cpuconfig and lcr3: what belongs to the CPU and is not for a guest at ring 3 to set. */
#include <asm/processor-flags.h>

#include "vmm/deprivileged.h"
#include "vmm/hypercalls.h"
#include "vmm/layout.h"
#include "vmm/machine.h"
#include "vmm/pagetable.h"
#include "vmm/ring0.h"
#include "vmm/system_page.h"

/* Vectors that stay the VMM's: NMI, double fault and machine check are not for a guest to take back. */
#define VECTORS_RESERVED (1u << 2 | 1u << 8 | 1u << 18)

static int64_t interrupt_flag(struct machine *m, struct kvick_call *call)
{
	struct ring0 guest = { 0 };
	uint64_t before = m->interrupt_flag;

	if (call->arg[1] > 1)
		return -KVICK_EINVAL;
	if (ring0_park(m, &guest) < 0)
		return -KVICK_EIO;
	if (call->arg[1])
		guest.guest.regs.rflags |= X86_EFLAGS_IF;
	else
		guest.guest.regs.rflags &= ~(uint64_t)X86_EFLAGS_IF;
	ring0_resume(m, &guest);
	m->interrupt_flag = call->arg[1];
	call->arg[0] = before;
	return 0;
}

static int64_t segment_base(struct machine *m, struct kvick_call *call)
{
	struct ring0 guest = { 0 };

	if (!canonical(call->arg[1]))
		return -KVICK_EINVAL;
	if (ring0_park(m, &guest) < 0)
		return -KVICK_EIO;

	struct kvm_segment *segment =
		call->arg[0] == KVICK_CPU_FS_BASE ? &guest.guest.sregs.fs : &guest.guest.sregs.gs;

	call->arg[0] = segment->base;
	segment->base = call->arg[1];
	ring0_resume(m, &guest);
	return 0;
}

static int64_t handler(struct machine *m, struct kvick_call *call)
{
	uint64_t vector = call->arg[1], address = call->arg[2];

	if (vector >= SYSTEM_VECTORS || (VECTORS_RESERVED >> vector & 1) || !canonical(address))
		return -KVICK_EINVAL;
	call->arg[0] = system_page_set_handler(&m->mem, m->ring, (unsigned)vector, address);
	return 0;
}

static int64_t fault_address(struct machine *m, struct kvick_call *call)
{
	struct vcpu_state state;

	if (call->arg[1] != 0)
		return -KVICK_EINVAL;
	if (vcpu_get(&m->vcpu, &state, &m->sys) < 0)
		return -KVICK_EIO;
	if (m->deprivileged)
		deprivileged_guest_state(m, &state);
	call->arg[0] = state.sregs.cr2;
	return 0;
}

COLD bool hypercall_is_not_for(struct machine *m, const char *call)
{
	if (m->deprivileged)
		crash_machine(m, "hypercall %s: is not for a guest of ring 0 at ring 3: use --ring 0", call);
	return m->deprivileged;
}

int64_t hypercall_cpuconfig(struct machine *m, struct kvick_call *call)
{
	static const struct {
		hypercall_fn *set;
		bool real; /* a register of the CPU */
	} settings[] = {
		[KVICK_CPU_INTERRUPT_FLAG] = { interrupt_flag, true },
		[KVICK_CPU_FS_BASE] = { segment_base, true },
		[KVICK_CPU_GS_BASE] = { segment_base, true },
		[KVICK_CPU_HANDLER] = { handler, false },
		[KVICK_CPU_FAULT_ADDRESS] = { fault_address, false },
	};
	const uint64_t what = call->arg[0];

	if (what >= sizeof(settings) / sizeof(settings[0]))
		return -KVICK_EINVAL;
	return settings[what].real && hypercall_is_not_for(m, "cpuconfig") ? -KVICK_EINVAL : settings[what].set(m, call);
}

/*
 * Exceptions are delivered through the tables in force: a top level in which they could not be is refused here,
 * where the guest can be told, instead of killing it at its next fault.
 */
static bool serves_exceptions(struct machine *m, uint64_t pgd)
{
	static const struct {
		uint64_t at;
		uint64_t flags; /* granted at least */
		bool code;
	} needs[] = {
		{ LAYOUT_SYSTEM_PAGE, 0, true },
		{ LAYOUT_BOOT_INFO, PTE_WRITE, false },
		{ LAYOUT_CRASH_STACK_TOP - 1, PTE_WRITE, false },
		{ LAYOUT_HANDLER_STACK_TOP - 1, PTE_WRITE, false },
	};

	for (unsigned i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		uint64_t granted = needs[i].flags | (m->ring == 3 ? PTE_USER : 0);
		struct translation t;

		if (!pagetable_walk(&m->mem, pgd, needs[i].at, &t) || t.gpa.u != needs[i].at ||
		    (t.flags & granted) != granted || (needs[i].code && (t.flags & PTE_NX)))
			return false;
	}
	return true;
}

int64_t hypercall_lcr3(struct machine *m, struct kvick_call *call)
{
	struct ring0 guest = { 0 };
	uint64_t pgd = call->arg[0];

	if (hypercall_is_not_for(m, "lcr3") || pgd % GUEST_PAGE_BYTES != 0)
		return -KVICK_EINVAL;
	if (!guest_mem_contains(&m->mem, gpa(pgd), GUEST_PAGE_BYTES))
		return -KVICK_EFAULT;
	if (!serves_exceptions(m, pgd))
		return -KVICK_EINVAL;
	if (ring0_park(m, &guest) < 0)
		return -KVICK_EIO;
	guest.guest.sregs.cr3 = pgd;
	ring0_resume(m, &guest);
	return 0;
}
