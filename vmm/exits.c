/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/exits.h"

#include <stddef.h>
#include <string.h>

#include <kvick/hypercall.h>

#include "vmm/deprivileged.h"
#include "vmm/hypercalls.h"
#include "vmm/machine.h"
#include "vmm/pc/pc.h"

/* Port I/O: a PC's devices, or doorbells. */
static void exit_io(struct machine *m)
{
	if (m->deprivileged && m->vcpu.run->io.port == MONITOR_PORT)
		deprivileged_serve(m);
	else
		m->boot->io(m);
}

/* KVM lets through only KVM_HC_MAP_GPA_RANGE, whose third argument it does not look at: our block. */
static void exit_hypercall(struct machine *m)
{
	m->vcpu.run->hypercall.ret = 0;
	hypercall_serve(m, m->vcpu.run->hypercall.args[2]);
}

/* A PC's devices; an address without RAM behind it, or a store to read-only memory: of its slot, or seen by KVM's emulator. */
static COLD void exit_mmio(struct machine *m)
{
	const struct kvm_run *run = m->vcpu.run;
	uint64_t at = run->mmio.phys_addr;

	if (at < m->mem.bytes && machine_end_if_image_shrank(m))
		return;
	if (m->pc) {
		pc_mmio(m);
		return;
	}
	if (run->mmio.is_write && guest_mem_readonly(&m->mem, gpa(at), run->mmio.len))
		crash_machine(m, "%u-byte write to read-only memory at guest-physical 0x%llx, %s", run->mmio.len,
			      (unsigned long long)at, machine_readonly_name(m, at));
	else
		crash_machine(m, "guest-physical 0x%llx: %u-byte %s outside RAM (0x%llx bytes)", (unsigned long long)at,
			      run->mmio.len, run->mmio.is_write ? "write" : "read", (unsigned long long)m->mem.bytes);
}

static COLD void exit_ioapic_eoi(struct machine *m)
{
	if (m->pc)
		pc_eoi(m);
}

/* Without a local APIC inside KVM; with one, exit_halted() finds it. */
static COLD void exit_hlt(struct machine *m)
{
	crash_machine(m, "hlt: nothing can wake this guest; end with the %s call, sleep with the %s call",
		      m->boot->native ? "exit" : "halt", m->boot->native ? "wait" : "poll");
}

COLD void exit_halted(struct machine *m)
{
	if (m->vm.lapic && vcpu_halted(&m->vcpu, &m->sys))
		exit_hlt(m);
}

static COLD void exit_shutdown(struct machine *m)
{
	if (m->pc && pc_triple_fault(m))
		return;
	crash_machine(m, m->boot->pc ? "triple fault: an exception could not be delivered" :
		      "triple fault: an exception could not be delivered (is the exception stack mapped, the IDT intact?)");
}

static COLD void exit_fail_entry(struct machine *m)
{
	crash_machine(m, "the CPU refused to enter the guest: hardware reason 0x%llx",
		      (unsigned long long)m->vcpu.run->fail_entry.hardware_entry_failure_reason);
}

static COLD void exit_internal_error(struct machine *m)
{
	uint32_t suberror = m->vcpu.run->internal.suberror;

	if (suberror == KVM_INTERNAL_ERROR_EMULATION && machine_find_store(m))
		return;
	/* On hardware it only emulates what reaches beyond RAM or into a read-only slot, or is delivered there. */
	if (suberror == KVM_INTERNAL_ERROR_EMULATION && machine_is_at_ring0(m) && !m->facts.ring0_native)
		crash_not_emulated(m);
	else if (suberror == KVM_INTERNAL_ERROR_EMULATION)
		crash_machine(m, "KVM cannot emulate this instruction, which reached outside RAM or wrote to read-only memory");
	else if (suberror == KVM_INTERNAL_ERROR_DELIVERY_EV)
		crash_machine(m, "an exception could not be delivered: its stack or a table lies outside RAM or in "
			      "read-only memory");
	else
		crash_machine(m, "KVM internal error, suberror %u", suberror);
}

static COLD void exit_unknown(struct machine *m)
{
	crash_machine(m, "the hardware left the guest for a reason that KVM does not know: 0x%llx",
		      (unsigned long long)m->vcpu.run->hw.hardware_exit_reason);
}

/* What the loop looks at in any case: a signal, an interrupt that can be taken now. */
static void exit_nothing(struct machine *m)
{
	(void)m;
}

static const struct {
	const char *name;
	void (*handle)(struct machine *machine);
} exits[] = {
	[KVM_EXIT_UNKNOWN] = { "KVM_EXIT_UNKNOWN", exit_unknown },
	[KVM_EXIT_IO] = { "KVM_EXIT_IO", exit_io },
	[KVM_EXIT_HYPERCALL] = { "KVM_EXIT_HYPERCALL", exit_hypercall },
	[KVM_EXIT_HLT] = { "KVM_EXIT_HLT", exit_hlt },
	[KVM_EXIT_MMIO] = { "KVM_EXIT_MMIO", exit_mmio },
	[KVM_EXIT_IRQ_WINDOW_OPEN] = { "KVM_EXIT_IRQ_WINDOW_OPEN", exit_nothing },
	[KVM_EXIT_SHUTDOWN] = { "KVM_EXIT_SHUTDOWN", exit_shutdown },
	[KVM_EXIT_FAIL_ENTRY] = { "KVM_EXIT_FAIL_ENTRY", exit_fail_entry },
	[KVM_EXIT_INTR] = { "KVM_EXIT_INTR", exit_nothing },
	[KVM_EXIT_IOAPIC_EOI] = { "KVM_EXIT_IOAPIC_EOI", exit_ioapic_eoi },
	[KVM_EXIT_INTERNAL_ERROR] = { "KVM_EXIT_INTERNAL_ERROR", exit_internal_error },
};

#define EXIT_COUNT (sizeof(exits) / sizeof(exits[0]))

const char *kvm_exit_name(uint32_t reason)
{
	return reason < EXIT_COUNT && exits[reason].name ? exits[reason].name : "KVM exit";
}

void exit_handle(struct machine *m)
{
	uint32_t reason = m->vcpu.run->exit_reason;

	m->exits[reason < EXIT_REASONS_MAX ? reason : EXIT_REASONS_MAX - 1]++;
	if (reason < EXIT_COUNT && exits[reason].handle)
		exits[reason].handle(m);
	else
		crash_machine(m, "KVM exit %u, which no guest of ours causes", reason);
}
