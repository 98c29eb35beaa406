/* SPDX-License-Identifier: Apache-2.0 */
/* The transitions of the virtual CPU: what each sensitive instruction does at ring 0. AMD64 APM 3. */
#include <asm/processor-flags.h>

#include "vmm/monitor/descriptor.h"

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R11 = 11 };

#define EFER_SCE (1ull << 0)

/* What POPF changes at ring 0. RF is cleared, the rest left alone. */
#define POPF_FLAGS (X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | X86_EFLAGS_ZF | X86_EFLAGS_SF | X86_EFLAGS_TF | \
		    X86_EFLAGS_IF | X86_EFLAGS_DF | X86_EFLAGS_OF | X86_EFLAGS_IOPL | X86_EFLAGS_NT | X86_EFLAGS_AC | X86_EFLAGS_ID)

/* A KVM hypercall of a number that KVM does not know: -KVM_ENOSYS. */
#define KVM_NO_SUCH_CALL (-1000ll)

enum outcome refuse(struct trap *t, enum monitor_refusal why)
{
	t->state->argument = why;
	monitor_request(REQUEST_REFUSE);
	return GONE;
}

/* ---- flags ---- */

static enum outcome cli(struct trap *t)
{
	t->cpu->flags &= ~(uint64_t)X86_EFLAGS_IF;
	return NEXT;
}

static enum outcome sti(struct trap *t)
{
	t->cpu->flags |= X86_EFLAGS_IF;
	return NEXT;
}

static enum outcome pushf(struct trap *t)
{
	return push(t, flags_read(t) & ~(uint64_t)X86_EFLAGS_RF, operand_bytes_64(t)) ? NEXT : FAULTED;
}

static enum outcome popf(struct trap *t)
{
	unsigned bytes = operand_bytes_64(t);
	uint64_t value = 0, at = t->frame->regs[RSP];

	if (!stack_is_canonical(t, at, bytes) || !guest_read(t, at, &value, bytes))
		return FAULTED;
	t->frame->regs[RSP] = at + bytes;
	flags_write(t, value, bytes == 2 ? POPF_FLAGS & 0xffff : POPF_FLAGS);
	return NEXT;
}

/* ---- descriptor-table registers ---- */

struct pseudo_descriptor {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

static enum outcome table_load(struct trap *t, struct virtual_table *to)
{
	struct pseudo_descriptor d;
	uint64_t at;

	if (!operand_address(t, sizeof(d), &at) || !guest_read(t, at, &d, sizeof(d)))
		return FAULTED;
	if (!is_canonical(d.base))
		return gp0(t);
	*to = (struct virtual_table){ .base = d.base, .limit = d.limit };
	return NEXT;
}

static enum outcome table_store(struct trap *t, const struct virtual_table *from)
{
	const struct pseudo_descriptor d = { (uint16_t)from->limit, from->base };
	uint64_t at;

	return operand_address(t, sizeof(d), &at) && guest_write(t, at, &d, sizeof(d)) ? NEXT : FAULTED;
}

static enum outcome lgdt(struct trap *t)
{
	return table_load(t, &t->cpu->gdtr);
}

static enum outcome lidt(struct trap *t)
{
	return table_load(t, &t->cpu->idtr);
}

static enum outcome sgdt(struct trap *t)
{
	return table_store(t, &t->cpu->gdtr);
}

static enum outcome sidt(struct trap *t)
{
	return table_store(t, &t->cpu->idtr);
}

static enum outcome sldt(struct trap *t)
{
	return operand_write(t, t->cpu->ldtr.selector, operand_bytes(t), 2) ? NEXT : FAULTED;
}

static enum outcome str(struct trap *t)
{
	return operand_write(t, t->cpu->tr.selector, operand_bytes(t), 2) ? NEXT : FAULTED;
}

/* ---- gates ---- */

static enum outcome interrupt(struct trap *t, uint8_t vector)
{
	t->frame->rip += t->i.bytes;
	deliver(t, (struct fault){ .vector = vector, .software = true });
	return GONE;
}

static enum outcome int_n(struct trap *t)
{
	return interrupt(t, (uint8_t)t->i.immediate);
}

static enum outcome int3(struct trap *t)
{
	return interrupt(t, VECTOR_BP);
}

static enum outcome syscall(struct trap *t)
{
	struct virtual_cpu *c = t->cpu;
	uint64_t flags = flags_read(t);

	if (!(c->efer & EFER_SCE))
		return undefined(t);
	t->frame->regs[RCX] = t->frame->rip + t->i.bytes;
	t->frame->regs[R11] = flags & ~(uint64_t)X86_EFLAGS_RF;
	t->frame->rip = c->lstar;
	c->selectors[SEG_CS] = (uint16_t)(c->star >> 32) & 0xfffc;
	c->selectors[SEG_SS] = (uint16_t)((c->star >> 32) + 8);
	flags_write(t, 0, (c->sfmask & ~(uint64_t)X86_EFLAGS_FIXED) | X86_EFLAGS_RF);
	return JUMPED;
}

static enum outcome sysret(struct trap *t)
{
	return t->cpu->efer & EFER_SCE ? refuse(t, REFUSE_RING_3) : undefined(t);
}

static enum outcome sysenter(struct trap *t)
{
	return SELECTOR_IS_NULL(t->cpu->sysenter_cs) ? gp0(t) : refuse(t, REFUSE_INSTRUCTION);
}

static enum outcome sysexit(struct trap *t)
{
	return SELECTOR_IS_NULL(t->cpu->sysenter_cs) ? gp0(t) : refuse(t, REFUSE_RING_3);
}

/* ---- others ---- */

static enum outcome nothing(struct trap *t)
{
	(void)t;
	return NEXT;
}

static enum outcome hlt(struct trap *t)
{
	return refuse(t, REFUSE_HLT);
}

static enum outcome invlpg(struct trap *t)
{
	(void)t;
	monitor_request(REQUEST_FLUSH);
	return NEXT;
}

static enum outcome rdpmc(struct trap *t)
{
	return gp0(t); /* KVM gives this guest no counters */
}

static enum outcome not_here(struct trap *t)
{
	return refuse(t, REFUSE_INSTRUCTION);
}

static enum outcome kvm_call(struct trap *t)
{
	t->frame->regs[RAX] = (uint64_t)KVM_NO_SUCH_CALL;
	return NEXT;
}

/* ---- ports ---- */

struct puts {
	uint64_t at, bytes;
};

/* The VMM moves the tail, the monitor the head: either may be at it while the other is. */
static bool output_has_room(const struct monitor_state *s, uint64_t bytes)
{
	return bytes <= MONITOR_OUTPUT_BYTES - (s->output_head - *(const volatile uint32_t *)&s->output_tail);
}

/* Solo5's puts: gathered, if there is room. False: it is a call like others. */
static bool gather(struct trap *t)
{
	struct monitor_state *s = t->state;
	struct puts puts;

	if (!guest_read(t, (uint32_t)t->frame->regs[RAX], &puts, sizeof(puts)) || puts.bytes > MONITOR_OUTPUT_BYTES ||
	    puts.at > s->ram_bytes || puts.bytes > s->ram_bytes - puts.at)
		return false;
	if (!output_has_room(s, puts.bytes))
		monitor_request(REQUEST_OUTPUT);
	if (!output_has_room(s, puts.bytes))
		return false;
	for (uint32_t done = 0; done < puts.bytes;) {
		uint32_t at = (s->output_head + done) % MONITOR_OUTPUT_BYTES, left = (uint32_t)puts.bytes - done;
		uint32_t bytes = left < MONITOR_OUTPUT_BYTES - at ? left : MONITOR_OUTPUT_BYTES - at;

		if (!guest_read(t, puts.at + done, monitor_output(s, at), bytes))
			return false;
		done += bytes;
	}
	*(volatile uint32_t *)&s->output_head = s->output_head + (uint32_t)puts.bytes;
	s->output_calls++;
	return true;
}

static enum outcome port(struct trap *t, uint16_t number, unsigned bytes, bool in)
{
	struct monitor_state *s = t->state;

	if (!in && number == s->output_port && number && bytes == 4 && gather(t))
		return NEXT;
	s->port = number;
	s->port_bytes = (uint8_t)bytes;
	s->port_in = in;
	s->port_value = (uint32_t)t->frame->regs[RAX];
	monitor_request(REQUEST_PORT);
	return NEXT;
}

/* The lowest bit of the opcode is the size, the next one the direction. */
static unsigned port_bytes(const struct trap *t)
{
	return !(t->i.opcode & 1) ? 1 : t->i.prefixes & X86_OPERAND_SIZE ? 2 : 4;
}

static enum outcome port_immediate(struct trap *t)
{
	return port(t, (uint8_t)t->i.immediate, port_bytes(t), !(t->i.opcode & 2));
}

static enum outcome port_dx(struct trap *t)
{
	return port(t, (uint16_t)t->frame->regs[RDX], port_bytes(t), !(t->i.opcode & 2));
}

#pragma GCC diagnostic ignored "-Wmissing-field-initializers" /* most rows are but a function */
/* By section: of APM 3, "3" is the General-Purpose, "4" the System Instruction Reference; besides it of APM 2. */
static const struct {
	enum outcome (*run)(struct trap *t);
	bool bare; /* 66, F2 or F3 make another, undefined instruction of it */
} transitions[X86_IDS] = {
	/* Flags: 3 (PUSHF, POPF), 4 (CLI, STI); APM 2, 3.1.6 */
	[X86_PUSHF] = { pushf }, [X86_POPF] = { popf }, [X86_CLI] = { cli }, [X86_STI] = { sti },
	[X86_CLAC] = { emulate_clac, true }, [X86_STAC] = { emulate_stac, true },
	/* Descriptor tables: 4; APM 2, 4.6 to 4.8 */
	[X86_LGDT] = { lgdt }, [X86_LIDT] = { lidt }, [X86_SGDT] = { sgdt }, [X86_SIDT] = { sidt },
	[X86_LLDT] = { emulate_lldt }, [X86_LTR] = { emulate_ltr }, [X86_SLDT] = { sldt }, [X86_STR] = { str },
	[X86_LAR] = { emulate_lar }, [X86_LSL] = { emulate_lsl }, [X86_VERR] = { emulate_verr }, [X86_VERW] = { emulate_verw },
	/* Segment registers: 3 (MOV, PUSH, POP, LFS); APM 2, 4.5; bases: 4; APM 2, 4.5.3 */
	[X86_MOV_FROM_SEGMENT] = { emulate_mov_from_segment }, [X86_MOV_TO_SEGMENT] = { emulate_mov_to_segment },
	[X86_PUSH_SEGMENT] = { emulate_push_segment }, [X86_POP_SEGMENT] = { emulate_pop_segment },
	[X86_LOAD_FAR_POINTER] = { emulate_load_far_pointer },
	[X86_SWAPGS] = { emulate_swapgs }, [X86_RD_FSGSBASE] = { emulate_rd_fsgsbase }, [X86_WR_FSGSBASE] = { emulate_wr_fsgsbase },
	/* Far transfers: 3 (CALL, JMP, RET far, IRET); APM 2, 4.9 to 4.11, 8.9.3 */
	[X86_FAR_CALL] = { emulate_far_call }, [X86_FAR_JUMP] = { emulate_far_jump }, [X86_FAR_RETURN] = { emulate_far_return },
	[X86_IRET] = { emulate_iret },
	/* Gates: 3 (INT); APM 2, 8.9; system calls: 4; APM 2, 6.1 */
	[X86_INT] = { int_n }, [X86_INT3] = { int3 },
	[X86_SYSCALL] = { syscall }, [X86_SYSRET] = { sysret }, [X86_SYSENTER] = { sysenter }, [X86_SYSEXIT] = { sysexit },
	/* Control and debug registers: 4 (MOV CRn, MOV DRn, …); APM 2, 3.1, 13.1.1; XCR0: APM 2, 11.5.2 */
	[X86_MOV_FROM_CR] = { emulate_mov_from_cr }, [X86_MOV_TO_CR] = { emulate_mov_to_cr }, [X86_CLTS] = { emulate_clts },
	[X86_LMSW] = { emulate_lmsw }, [X86_SMSW] = { emulate_smsw },
	[X86_MOV_FROM_DR] = { emulate_mov_from_dr }, [X86_MOV_TO_DR] = { emulate_mov_to_dr },
	[X86_XSETBV] = { emulate_xsetbv, true }, [X86_XGETBV] = { emulate_xgetbv, true },
	/* MSRs, counters and identification: 4 (RDMSR, WRMSR, RDPMC, RDTSCP), 3 (CPUID); APM 2, 3.2 */
	[X86_RDMSR] = { emulate_rdmsr }, [X86_WRMSR] = { emulate_wrmsr }, [X86_RDPMC] = { rdpmc },
	[X86_CPUID] = { emulate_cpuid }, [X86_RDTSCP] = { emulate_rdtscp, true },
	/* Caches and TLB: 4; APM 2, 5.5.2, 7.6 */
	[X86_INVD] = { nothing }, [X86_WBINVD] = { nothing }, [X86_INVLPG] = { invlpg }, [X86_INVPCID] = { not_here },
	/* Ports: 3 (IN, OUT, INS, OUTS); APM 2, 12.2.4 */
	[X86_IN_IMMEDIATE] = { port_immediate }, [X86_OUT_IMMEDIATE] = { port_immediate }, [X86_IN] = { port_dx },
	[X86_OUT] = { port_dx }, [X86_INS] = { not_here }, [X86_OUTS] = { not_here },
	/* Rest and virtualisation: 4; APM 2, 15 */
	[X86_HLT] = { hlt }, [X86_MONITOR] = { nothing }, [X86_MWAIT] = { nothing }, [X86_RSM] = { undefined },
	[X86_SVM] = { undefined }, [X86_VMCALL] = { kvm_call }, [X86_VMMCALL] = { kvm_call },
};

enum outcome emulate(struct trap *t)
{
	const uint8_t none = transitions[t->id].bare ? X86_LOCK | X86_OPERAND_SIZE | X86_REP | X86_REPNE : X86_LOCK;

	if (t->i.prefixes & none)
		return undefined(t);
	return transitions[t->id].run ? transitions[t->id].run(t) : undefined(t);
}
