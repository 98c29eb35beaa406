/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions through the guest's own IDT: AMD64 APM 2, 8.7 (sources), 8.9 (long-mode delivery), 4.8.3 (gates), 12.2.5 (TSS). */
#include <asm/processor-flags.h>

#include "vmm/monitor/descriptor.h"
#include "vmm/monitor/trap.h"

/* Those that the CPU does not have as the guest has them. AC checks alignment at ring 3 alone, which the guest is not at. */
#define VIRTUAL_FLAGS (X86_EFLAGS_IF | X86_EFLAGS_IOPL | X86_EFLAGS_NT | X86_EFLAGS_AC)

#define GATE_INTERRUPT 0xe
#define GATE_TRAP      0xf
#define TSS_IST1       36

/* Of an error code. */
#define ERROR_EXTERNAL 1u
#define ERROR_IDT      2u

uint64_t flags_read(const struct trap *t)
{
	const uint64_t not_real = VIRTUAL_FLAGS | X86_EFLAGS_VM | X86_EFLAGS_VIF | X86_EFLAGS_VIP;

	return (t->frame->rflags & ~not_real) | t->cpu->flags;
}

void flags_write(struct trap *t, uint64_t value, uint64_t mask)
{
	uint64_t real = mask & ~(uint64_t)VIRTUAL_FLAGS, virtual = mask & VIRTUAL_FLAGS;

	t->frame->rflags = (t->frame->rflags & ~real) | (value & real);
	t->cpu->flags = (t->cpu->flags & ~virtual) | (value & virtual);
}

/* As far as deciding about double faults goes: "Double-Fault Exception Conditions". */
static bool is_contributory(const struct fault *f)
{
	return !f->software && (f->vector == VECTOR_DE || (f->vector >= VECTOR_TS && f->vector <= VECTOR_GP));
}

static bool doubles(const struct fault *first, const struct fault *second)
{
	if (is_contributory(first))
		return is_contributory(second);
	return first->vector == VECTOR_PF && !first->software && (is_contributory(second) || second->vector == VECTOR_PF);
}

/* RFLAGS as the handler is to see them: after a fault RF is set, for the instruction to be resumed. SDM 3, 18.3.1.1. */
static uint64_t flags_saved(const struct trap *t, const struct fault *f)
{
	const uint32_t not_faults = 1u << VECTOR_DB | 1u << VECTOR_NMI | 1u << VECTOR_BP | 1u << VECTOR_OF | 1u << VECTOR_DF |
				    1u << VECTOR_MC;

	if (f->software)
		return flags_read(t) & ~(uint64_t)X86_EFLAGS_RF;
	return flags_read(t) | (not_faults >> f->vector & 1 ? 0 : X86_EFLAGS_RF);
}

struct gate {
	uint16_t offset_0, selector;
	uint8_t ist, type;
	uint16_t offset_16;
	uint32_t offset_32, reserved;
};

/* False: t->fault. */
static bool gate_read(struct trap *t, const struct fault *f, struct gate *gate)
{
	uint64_t at = f->vector * sizeof(*gate);
	uint32_t error = f->vector * 8u | ERROR_IDT | (f->software ? 0 : ERROR_EXTERNAL);

	if (at + sizeof(*gate) - 1 > t->cpu->idtr.limit) {
		fault(t, VECTOR_GP, error);
		return false;
	}
	if (!guest_read(t, t->cpu->idtr.base + at, gate, sizeof(*gate)))
		return false;
	if ((gate->type & 0x1f) != GATE_INTERRUPT && (gate->type & 0x1f) != GATE_TRAP)
		fault(t, VECTOR_GP, error);
	else if (!(gate->type & 0x80))
		fault(t, VECTOR_NP, error);
	else
		return true;
	return false;
}

/* Where the frame goes. Without IST it is to the stack that is in use: there is no other ring to come from. */
static bool stack_find(struct trap *t, const struct gate *gate, uint32_t external, unsigned bytes, uint64_t *rsp)
{
	unsigned ist = gate->ist & 7;
	uint64_t at = TSS_IST1 + (ist - 1) * 8ull;

	*rsp = t->frame->regs[4];
	if (ist) {
		if (at + 7 > t->cpu->tr.limit) {
			fault(t, VECTOR_TS, (t->cpu->tr.selector & 0xfffcu) | external);
			return false;
		}
		if (!guest_read(t, t->cpu->tr.base + at, rsp, sizeof(*rsp)))
			return false;
	}
	*rsp = (*rsp & ~15ull) - bytes;
	if (stack_is_canonical(t, *rsp, bytes))
		return true;
	t->fault.error = external;
	return false;
}

/* False: t->fault, and nothing has changed. */
static bool deliver_once(struct trap *t, const struct fault *f)
{
	uint32_t external = f->software ? 0 : ERROR_EXTERNAL;
	struct monitor_frame *frame = t->frame;
	struct descriptor code;
	struct gate gate;
	uint64_t rsp, rip, words[6];
	unsigned first = f->has_error ? 0 : 1, count = 6 - first;

	if (!gate_read(t, f, &gate))
		return false;
	rip = gate.offset_0 | (uint64_t)gate.offset_16 << 16 | (uint64_t)gate.offset_32 << 32;
	if (gate_code_find(t, gate.selector, &code) != NEXT) {
		t->fault.error |= t->fault.vector != VECTOR_PF ? external : 0;
		return false;
	}
	if (!stack_find(t, &gate, external, count * sizeof(words[0]), &rsp))
		return false;
	if (!is_canonical(rip)) {
		fault(t, VECTOR_GP, external);
		return false;
	}
	words[0] = f->error;
	words[1] = frame->rip;
	words[2] = t->cpu->selectors[SEG_CS];
	words[3] = flags_saved(t, f);
	words[4] = frame->regs[4];
	words[5] = t->cpu->selectors[SEG_SS];
	if (!stack_write(t, rsp, &words[first], count, sizeof(words[0])) || mark_accessed(t, &code) != NEXT)
		return false;
	frame->regs[4] = rsp;
	frame->rip = rip;
	t->cpu->selectors[SEG_CS] = gate.selector & 0xfffc;
	flags_write(t, 0, X86_EFLAGS_TF | X86_EFLAGS_NT | X86_EFLAGS_RF | X86_EFLAGS_VM |
			  ((gate.type & 0xf) == GATE_INTERRUPT ? X86_EFLAGS_IF : 0));
	return true;
}

static void note_address(struct trap *t, const struct fault *f)
{
	if (f->vector == VECTOR_PF && !f->software)
		t->cpu->cr2 = f->cr2;
}

void deliver(struct trap *t, struct fault f)
{
	note_address(t, &f);
	while (!deliver_once(t, &f)) {
		note_address(t, &t->fault);
		if (f.vector == VECTOR_DF && !f.software) {
			monitor_request(REQUEST_TRIPLE_FAULT);
			return;
		}
		if (f.software) /* it has not been carried out */
			t->frame->rip -= t->i.bytes;
		if (doubles(&f, &t->fault))
			t->fault = (struct fault){ .vector = VECTOR_DF, .has_error = true };
		f = t->fault;
	}
}
