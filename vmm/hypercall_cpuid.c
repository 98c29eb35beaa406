/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/hypercalls.h"
#include "vmm/machine.h"

/*
 * CPUID by call: the guest's table itself. For where the instruction tells something else: at ring 3 of a host that
 * emulates ring 0 it is the CPU's own, and at its ring 0 KVM adds to our table what the CPU has.
 */
int64_t hypercall_cpuid(struct machine *m, struct kvick_call *call)
{
	struct { uint32_t eax, ebx, ecx, edx; } out = { 0 };

	if (call->arg[0] > UINT32_MAX || call->arg[1] > UINT32_MAX)
		return -KVICK_EINVAL;
	const struct kvm_cpuid_entry2 *e = cpu_answer(&m->cpuid, (uint32_t)call->arg[0], (uint32_t)call->arg[1]);

	if (e)
		out.eax = e->eax, out.ebx = e->ebx, out.ecx = e->ecx, out.edx = e->edx;
	return hypercall_store(m, call->arg[2], &out, sizeof(out)) < 0 ? -KVICK_EFAULT : 0;
}
