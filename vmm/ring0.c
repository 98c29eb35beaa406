/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/ring0.h"

#include <errno.h>
#include <string.h>

#include <kvick/hypercall.h>

#include "vmm/layout.h"
#include "vmm/machine.h"
#include "vmm/pagetable.h"
#include "vmm/round.h"
#include "vmm/system_page.h"

uint64_t ring0_pages(uint64_t mem_bytes)
{
	return pagetable_pages_max(round_up(mem_bytes, PAGE_2M_BYTES), 1);
}

/* All of RAM, writable and executable, ring 0 only, in 2 MiB pages. A guest at ring 0 may have been here before. */
static uint64_t own_tables(struct machine *m)
{
	uint64_t bytes = m->plan.ring0_end - m->plan.ring0_base;
	struct mapping all = { .at = 0, .bytes = round_up(m->plan.bytes, PAGE_2M_BYTES), .flags = PTE_WRITE };
	struct table_pool pool = { .next = m->plan.ring0_base, .end = m->plan.ring0_end };

	memset(guest_mem_span(&m->mem, gpa(pool.next), bytes), 0, bytes);
	return pagetable_build(&m->mem, &pool, &all, 1);
}

int ring0_park(struct machine *m, struct ring0 *ring0)
{
	int r;

	if (ring0->parked)
		return 0;
	if (!m->ring0_pgd)
		m->ring0_pgd = own_tables(m);
	r = vcpu_complete(&m->vcpu, &m->sys);
	if (r == 0)
		r = vcpu_get(&m->vcpu, &ring0->guest, &m->sys);
	ring0->parked = r == 0;
	return r;
}

int ring0_store(struct machine *m, struct ring0 *ring0, gpa_t entry, uint64_t value, uint64_t step, uint64_t count)
{
	const struct kvm_run *run = m->vcpu.run;
	struct stop *stop = m->config->stop;
	int r = ring0_park(m, ring0);

	if (r < 0)
		return r;
	vcpu_set_start(&m->vcpu, &(struct vcpu_start){
		.ring = 0,
		.pgd = m->ring0_pgd,
		.rip = system_stub(STUB_STORE),
		.rax = value, .rcx = count, .rdx = ring0->guest.sregs.cr3, .rsi = step, .rdi = entry.u,
	});
	do {
		r = vcpu_run(&m->vcpu, &m->sys);
		if (r == -EINTR && stop->interrupted)
			stop->interrupted(stop);
	} while (r == -EINTR && !stop->signal); /* immediate_exit is only ever set together with signal */
	if (r < 0)
		return r;
	m->exits[run->exit_reason < EXIT_REASONS_MAX ? run->exit_reason : EXIT_REASONS_MAX - 1]++;
	if (run->exit_reason != KVM_EXIT_IO || run->io.port != KVICK_PORT_FAULT || run->io.direction != KVM_EXIT_IO_OUT) {
		/* Store loop and tables lie in RAM: only the guest can have made them do anything else. */
		crash_machine(m, "update_pgtable: the guest has overwritten the VMM's tables or its system page");
		return -ECANCELED;
	}
	return vcpu_complete(&m->vcpu, &m->sys);
}

void ring0_resume(struct machine *m, struct ring0 *ring0)
{
	if (ring0->parked)
		vcpu_set(&m->vcpu, &ring0->guest);
	ring0->parked = false;
}
