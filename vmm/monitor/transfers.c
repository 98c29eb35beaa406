/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Far jumps, calls and returns, call gates, IRET, and the code that a gate of the IDT leads to. From ring 0 to ring 0: AMD64 APM 2,
 * 4.7 to 4.9; the order of checks as SDM 2 has it in the instructions' operation. Nothing is changed before all checks are passed.
 */
#include <asm/processor-flags.h>

#include "vmm/monitor/descriptor.h"

#define RSP 4

/* What IRET changes of RFLAGS at ring 0. */
#define IRET_FLAGS (X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | X86_EFLAGS_ZF | X86_EFLAGS_SF | X86_EFLAGS_TF | \
		    X86_EFLAGS_IF | X86_EFLAGS_DF | X86_EFLAGS_OF | X86_EFLAGS_IOPL | X86_EFLAGS_NT | X86_EFLAGS_RF | \
		    X86_EFLAGS_AC | X86_EFLAGS_ID)

/* Who asks for the code. */
enum way {
	DIRECT,  /* a jump or call: its RPL must not be an outer ring's, but for conforming code */
	BY_GATE, /* its RPL does not matter; code of 64 bits alone */
	BACK,    /* a return: its RPL is the ring to return to */
};

/* What CS may become. */
struct code {
	struct descriptor d;
	uint16_t selector;
};

static bool is_bad_code(const struct code *c, enum way way)
{
	const uint64_t d = c->d.value;
	bool conforming = DESCRIPTOR_TYPE(d) & TYPE_CONFORMING;
	unsigned ring = way == BACK ? RPL(c->selector) : 0;

	if (DESCRIPTOR_SYSTEM(d) || !(DESCRIPTOR_TYPE(d) & TYPE_CODE) || (DESCRIPTOR_L(d) && DESCRIPTOR_DB(d)))
		return true;
	if (conforming ? DESCRIPTOR_DPL(d) > ring : DESCRIPTOR_DPL(d) != ring)
		return true;
	return (way == DIRECT && !conforming && RPL(c->selector) != 0) || (way == BY_GATE && !DESCRIPTOR_L(d));
}

/* c->d has been read. */
static enum outcome code_check(struct trap *t, const struct code *c, enum way way)
{
	if (is_bad_code(c, way))
		return fault(t, VECTOR_GP, SELECTOR_ERROR(c->selector));
	if (!DESCRIPTOR_PRESENT(c->d.value))
		return fault(t, VECTOR_NP, SELECTOR_ERROR(c->selector));
	if (way == BACK && RPL(c->selector) != 0)
		return refuse(t, REFUSE_RING_3);
	return DESCRIPTOR_L(c->d.value) ? NEXT : refuse(t, REFUSE_CODE_32);
}

static enum outcome code_read(struct trap *t, struct code *c, uint16_t selector)
{
	c->selector = selector;
	return SELECTOR_IS_NULL(selector) ? gp0(t) : descriptor_read(t, selector, &c->d);
}

static enum outcome code_find(struct trap *t, struct code *c, uint16_t selector, enum way way)
{
	enum outcome r = code_read(t, c, selector);

	return r == NEXT ? code_check(t, c, way) : r;
}

static enum outcome code_load(struct trap *t, const struct code *c, uint64_t rip)
{
	if (mark_accessed(t, &c->d) != NEXT)
		return FAULTED;
	t->cpu->selectors[SEG_CS] = c->selector & 0xfffc;
	t->frame->rip = rip;
	return JUMPED;
}

enum outcome gate_code_find(struct trap *t, uint16_t selector, struct descriptor *d)
{
	struct code c;
	enum outcome r = code_find(t, &c, selector, BY_GATE);

	*d = c.d;
	return r;
}

/* ---- jumps and calls ---- */

struct target {
	struct code code;
	uint64_t rip;
	unsigned bytes; /* of a word that a call pushes */
};

/* The gate's lower half is to->code.d. */
static enum outcome call_gate(struct trap *t, struct target *to)
{
	const uint64_t gate = to->code.d.value;
	const uint16_t selector = to->code.selector;
	uint64_t upper, at;

	if (DESCRIPTOR_DPL(gate) < RPL(selector))
		return fault(t, VECTOR_GP, SELECTOR_ERROR(selector));
	if (!DESCRIPTOR_PRESENT(gate))
		return fault(t, VECTOR_NP, SELECTOR_ERROR(selector));
	if (!descriptor_find(t, selector, 16, &at))
		return fault(t, VECTOR_GP, SELECTOR_ERROR(selector));
	if (!guest_read(t, at + 8, &upper, sizeof(upper)))
		return FAULTED;
	if (UPPER_TYPE(upper))
		return fault(t, VECTOR_GP, SELECTOR_ERROR(selector));
	to->rip = (gate & 0xffff) | (gate >> 48) << 16 | upper << 32;
	to->bytes = 8;
	return code_find(t, &to->code, (uint16_t)(gate >> 16), BY_GATE);
}

/* Where the instruction's far pointer leads. */
static enum outcome target_find(struct trap *t, struct target *to)
{
	uint16_t selector;
	enum outcome r;

	to->bytes = operand_bytes(t);
	if (!far_pointer(t, to->bytes, &to->rip, &selector))
		return FAULTED;
	r = code_read(t, &to->code, selector);
	if (r != NEXT)
		return r;
	if (DESCRIPTOR_SYSTEM(to->code.d.value) && DESCRIPTOR_TYPE(to->code.d.value) == TYPE_CALL_GATE)
		return call_gate(t, to);
	return code_check(t, &to->code, DIRECT);
}

enum outcome emulate_far_jump(struct trap *t)
{
	struct target to;
	enum outcome r = target_find(t, &to);

	if (r != NEXT)
		return r;
	return is_canonical(to.rip) ? code_load(t, &to.code, to.rip) : gp0(t);
}

enum outcome emulate_far_call(struct trap *t)
{
	uint64_t words[2] = { t->frame->rip + t->i.bytes, t->cpu->selectors[SEG_CS] }, rsp;
	struct target to;
	enum outcome r = target_find(t, &to);

	if (r != NEXT)
		return r;
	rsp = t->frame->regs[RSP] - 2 * to.bytes;
	if (!stack_is_canonical(t, rsp, 2 * to.bytes))
		return FAULTED;
	if (!is_canonical(to.rip))
		return gp0(t);
	if (!stack_write(t, rsp, words, 2, to.bytes))
		return FAULTED;
	r = code_load(t, &to.code, to.rip);
	if (r == JUMPED)
		t->frame->regs[RSP] = rsp;
	return r;
}

/* ---- returns ---- */

/* The words at RSP, which stays. False: t->fault. */
static bool stack_read(struct trap *t, uint64_t *words, unsigned count, unsigned bytes)
{
	const uint64_t at = t->frame->regs[RSP];

	if (!stack_is_canonical(t, at, count * bytes))
		return false;
	for (unsigned i = 0; i < count; i++) {
		words[i] = 0;
		if (!guest_read(t, at + i * bytes, &words[i], bytes))
			return false;
	}
	return true;
}

enum outcome emulate_far_return(struct trap *t)
{
	unsigned bytes = operand_bytes(t);
	uint64_t words[2], released = t->i.opcode & 1 ? 0 : t->i.immediate & 0xffff;
	struct code code;
	enum outcome r;

	if (!stack_read(t, words, 2, bytes))
		return FAULTED;
	r = code_find(t, &code, (uint16_t)words[1], BACK);
	if (r != NEXT)
		return r;
	r = is_canonical(words[0]) ? code_load(t, &code, words[0]) : gp0(t);
	if (r == JUMPED)
		t->frame->regs[RSP] += 2 * bytes + released;
	return r;
}

enum outcome emulate_iret(struct trap *t)
{
	unsigned bytes = operand_bytes(t);
	uint64_t words[5];
	struct descriptor stack;
	struct code code;
	enum outcome r;

	if (t->cpu->flags & X86_EFLAGS_NT)
		return gp0(t);
	if (!stack_read(t, words, 5, bytes))
		return FAULTED;
	r = code_find(t, &code, (uint16_t)words[1], BACK);
	if (r == NEXT)
		r = stack_segment_find(t, (uint16_t)words[4], &stack);
	if (r == NEXT && !is_canonical(words[0]))
		r = gp0(t);
	if (r == NEXT)
		r = mark_accessed(t, &stack);
	if (r == NEXT)
		r = code_load(t, &code, words[0]);
	if (r != JUMPED)
		return r;
	t->cpu->selectors[SEG_SS] = (uint16_t)words[4];
	t->frame->regs[RSP] = words[3];
	flags_write(t, words[2], bytes == 2 ? IRET_FLAGS & 0xffff : IRET_FLAGS);
	return JUMPED;
}
