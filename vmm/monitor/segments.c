/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors, and the segment registers but CS: AMD64 APM 2, 4.5 to 4.12; APM 3 for each instruction. Always at ring 0. */
#include <asm/processor-flags.h>

#include "vmm/monitor/descriptor.h"

#define RSP 4

/* ---- descriptors ---- */

uint32_t descriptor_limit(uint64_t d)
{
	uint32_t limit = (uint32_t)(d & 0xffff) | ((uint32_t)(d >> 32) & 0xf0000);

	return DESCRIPTOR_G(d) ? limit << 12 | 0xfff : limit;
}

uint64_t descriptor_base(uint64_t d)
{
	return (d >> 16 & 0xffffff) | (d >> 56) << 24;
}

bool descriptor_find(const struct trap *t, uint16_t selector, unsigned bytes, uint64_t *at)
{
	bool local = selector & 4;
	uint64_t offset = selector & ~7u;

	*at = (local ? t->cpu->ldtr.base : t->cpu->gdtr.base) + offset;
	return offset + bytes - 1 <= (local ? t->cpu->ldtr.limit : t->cpu->gdtr.limit) &&
	       !(local && SELECTOR_IS_NULL(t->cpu->ldtr.selector));
}

enum outcome descriptor_read(struct trap *t, uint16_t selector, struct descriptor *d)
{
	if (!descriptor_find(t, selector, sizeof(d->value), &d->at))
		return fault(t, VECTOR_GP, SELECTOR_ERROR(selector));
	return guest_read(t, d->at, &d->value, sizeof(d->value)) ? NEXT : FAULTED;
}

enum outcome mark_accessed(struct trap *t, const struct descriptor *d)
{
	uint8_t type = (uint8_t)(d->value >> 40) | TYPE_ACCESSED;

	return type == (uint8_t)(d->value >> 40) || guest_write(t, d->at + 5, &type, 1) ? NEXT : FAULTED;
}

/* ---- data segments ---- */

static void base_load(struct trap *t, unsigned segment, uint64_t base)
{
	if (segment == SEG_FS)
		t->cpu->fs_base = base;
	else if (segment == SEG_GS)
		t->cpu->gs_base = base;
	else
		return;
	bases_set(t);
}

enum outcome stack_segment_find(struct trap *t, uint16_t selector, struct descriptor *d)
{
	enum outcome r;

	if (SELECTOR_IS_NULL(selector)) {
		*d = (struct descriptor){ .value = (uint64_t)TYPE_ACCESSED << 40 };
		return RPL(selector) == 0 ? NEXT : gp0(t);
	}
	r = descriptor_read(t, selector, d);
	if (r != NEXT)
		return r;
	if (RPL(selector) != 0 || DESCRIPTOR_SYSTEM(d->value) || DESCRIPTOR_TYPE(d->value) & TYPE_CODE ||
	    !(DESCRIPTOR_TYPE(d->value) & TYPE_WRITABLE) || DESCRIPTOR_DPL(d->value) != 0)
		return fault(t, VECTOR_GP, SELECTOR_ERROR(selector));
	return DESCRIPTOR_PRESENT(d->value) ? NEXT : fault(t, VECTOR_SS, SELECTOR_ERROR(selector));
}

static enum outcome bad_data(struct trap *t, uint16_t selector, uint64_t d)
{
	unsigned type = DESCRIPTOR_TYPE(d);
	bool conforming = type & TYPE_CODE && type & TYPE_CONFORMING;

	if (DESCRIPTOR_SYSTEM(d) || (type & TYPE_CODE && !(type & TYPE_READABLE)) ||
	    (!conforming && RPL(selector) > DESCRIPTOR_DPL(d)))
		return fault(t, VECTOR_GP, SELECTOR_ERROR(selector));
	return DESCRIPTOR_PRESENT(d) ? NEXT : fault(t, VECTOR_NP, SELECTOR_ERROR(selector));
}

static enum outcome data_segment_find(struct trap *t, uint16_t selector, struct descriptor *d)
{
	enum outcome r;

	if (SELECTOR_IS_NULL(selector)) {
		*d = (struct descriptor){ .value = (uint64_t)TYPE_ACCESSED << 40 };
		return NEXT;
	}
	r = descriptor_read(t, selector, d);
	return r == NEXT ? bad_data(t, selector, d->value) : r;
}

enum outcome segment_load(struct trap *t, unsigned segment, uint16_t selector)
{
	struct descriptor d;
	enum outcome r = segment == SEG_SS ? stack_segment_find(t, selector, &d) : data_segment_find(t, selector, &d);

	if (r == NEXT)
		r = mark_accessed(t, &d);
	if (r != NEXT)
		return r;
	t->cpu->selectors[segment] = selector;
	base_load(t, segment, descriptor_base(d.value));
	return NEXT;
}

enum outcome emulate_mov_to_segment(struct trap *t)
{
	unsigned segment = x86_reg(&t->i);
	uint64_t selector;

	if (segment == SEG_CS || segment >= SEGS)
		return undefined(t);
	return operand_read(t, &selector, 2) ? segment_load(t, segment, (uint16_t)selector) : FAULTED;
}

enum outcome emulate_mov_from_segment(struct trap *t)
{
	unsigned segment = x86_reg(&t->i);

	if (segment >= SEGS)
		return undefined(t);
	return operand_write(t, t->cpu->selectors[segment], operand_bytes(t), 2) ? NEXT : FAULTED;
}

/* 0F A0, A1, A8, A9 */
static unsigned fs_or_gs(const struct trap *t)
{
	return t->i.opcode & 8 ? SEG_GS : SEG_FS;
}

enum outcome emulate_push_segment(struct trap *t)
{
	return push(t, t->cpu->selectors[fs_or_gs(t)], operand_bytes_64(t)) ? NEXT : FAULTED;
}

enum outcome emulate_pop_segment(struct trap *t)
{
	uint64_t value = 0, at = t->frame->regs[RSP];
	unsigned bytes = operand_bytes_64(t);
	enum outcome r;

	if (!stack_is_canonical(t, at, bytes) || !guest_read(t, at, &value, bytes))
		return FAULTED;
	r = segment_load(t, fs_or_gs(t), (uint16_t)value);
	if (r == NEXT)
		t->frame->regs[RSP] += bytes;
	return r;
}

enum outcome emulate_load_far_pointer(struct trap *t)
{
	static const uint8_t segments[] = { [2] = SEG_SS, [4] = SEG_FS, [5] = SEG_GS };
	unsigned bytes = operand_bytes(t);
	uint64_t offset;
	uint16_t selector;
	enum outcome r;

	if (!far_pointer(t, bytes, &offset, &selector))
		return FAULTED;
	r = segment_load(t, segments[t->i.opcode & 7], selector);
	if (r == NEXT)
		register_write(t, modrm_reg(t), offset, bytes);
	return r;
}

/* ---- LDTR and TR ---- */

/* A system descriptor of 16 bytes. */
static enum outcome system_read(struct trap *t, uint16_t selector, uint64_t d[2], uint64_t *at)
{
	if (selector & 4 || !descriptor_find(t, selector, 16, at))
		return fault(t, VECTOR_GP, SELECTOR_ERROR(selector));
	return guest_read(t, *at, d, 16) ? NEXT : FAULTED;
}

static enum outcome system_load(struct trap *t, struct virtual_segment *to, uint16_t selector, unsigned type, uint64_t *at)
{
	uint64_t d[2];
	enum outcome r = system_read(t, selector, d, at);

	if (r != NEXT)
		return r;
	if (!DESCRIPTOR_SYSTEM(d[0]) || DESCRIPTOR_TYPE(d[0]) != type || UPPER_TYPE(d[1]))
		return fault(t, VECTOR_GP, SELECTOR_ERROR(selector));
	if (!DESCRIPTOR_PRESENT(d[0]))
		return fault(t, VECTOR_NP, SELECTOR_ERROR(selector));
	if (!is_canonical(descriptor_base(d[0]) | d[1] << 32))
		return fault(t, VECTOR_GP, SELECTOR_ERROR(selector));
	*to = (struct virtual_segment){
		.base = descriptor_base(d[0]) | d[1] << 32, .limit = descriptor_limit(d[0]), .selector = selector,
	};
	return NEXT;
}

enum outcome emulate_lldt(struct trap *t)
{
	uint64_t selector, at;

	if (!operand_read(t, &selector, 2))
		return FAULTED;
	if (SELECTOR_IS_NULL(selector)) {
		t->cpu->ldtr = (struct virtual_segment){ .selector = (uint16_t)selector };
		return NEXT;
	}
	return system_load(t, &t->cpu->ldtr, (uint16_t)selector, TYPE_LDT, &at);
}

enum outcome emulate_ltr(struct trap *t)
{
	struct virtual_segment tr;
	uint64_t selector, at;
	uint8_t busy;
	enum outcome r;

	if (!operand_read(t, &selector, 2))
		return FAULTED;
	if (SELECTOR_IS_NULL(selector))
		return gp0(t);
	r = system_load(t, &tr, (uint16_t)selector, TYPE_TSS_AVAILABLE, &at);
	if (r != NEXT)
		return r;
	if (!guest_read(t, at + 5, &busy, 1))
		return FAULTED;
	busy |= TYPE_TSS_BUSY;
	if (!guest_write(t, at + 5, &busy, 1))
		return FAULTED;
	t->cpu->tr = tr;
	return NEXT;
}

/* ---- LAR, LSL, VERR, VERW: looks at a descriptor, with ZF for an answer ---- */

static enum outcome answer(struct trap *t, bool yes)
{
	flags_write(t, yes ? X86_EFLAGS_ZF : 0, X86_EFLAGS_ZF);
	return NEXT;
}

/* The selector's descriptor, if there is one. False with *r NEXT: there is none; else *r is FAULTED. */
static bool look_up(struct trap *t, uint64_t *d, uint16_t *selector, enum outcome *r)
{
	uint64_t operand, at;

	*r = FAULTED;
	if (!operand_read(t, &operand, 2))
		return false;
	*selector = (uint16_t)operand;
	*r = NEXT;
	if (SELECTOR_IS_NULL(operand) || !descriptor_find(t, (uint16_t)operand, sizeof(*d), &at))
		return false;
	if (guest_read(t, at, d, sizeof(*d)))
		return true;
	*r = FAULTED;
	return false;
}

/* Beyond the ring of the selector, which only conforming code allows. */
static bool is_hidden(uint64_t d, uint16_t selector)
{
	const unsigned both = TYPE_CODE | TYPE_CONFORMING;
	bool conforming = !DESCRIPTOR_SYSTEM(d) && (DESCRIPTOR_TYPE(d) & both) == both;

	return !conforming && DESCRIPTOR_DPL(d) < RPL(selector);
}

/* System types of long mode that LAR tells of; and LSL, of those that have a limit. */
#define LAR_TYPES (1u << TYPE_LDT | 1u << TYPE_TSS_AVAILABLE | 1u << TYPE_TSS_BUSY | 1u << TYPE_CALL_GATE)
#define LSL_TYPES (1u << TYPE_LDT | 1u << TYPE_TSS_AVAILABLE | 1u << TYPE_TSS_BUSY)

static enum outcome look(struct trap *t, unsigned types, bool limit)
{
	uint64_t d;
	uint16_t selector;
	enum outcome r;

	if (!look_up(t, &d, &selector, &r))
		return r == NEXT ? answer(t, false) : r;
	if ((DESCRIPTOR_SYSTEM(d) && !(types >> DESCRIPTOR_TYPE(d) & 1)) || is_hidden(d, selector))
		return answer(t, false);
	register_write(t, modrm_reg(t), limit ? descriptor_limit(d) : (d >> 32) & 0x00ffff00, operand_bytes(t));
	return answer(t, true);
}

enum outcome emulate_lar(struct trap *t)
{
	return look(t, LAR_TYPES, false);
}

enum outcome emulate_lsl(struct trap *t)
{
	return look(t, LSL_TYPES, true);
}

static enum outcome verify(struct trap *t, bool write)
{
	uint64_t d;
	uint16_t selector;
	enum outcome r;
	unsigned type;

	if (!look_up(t, &d, &selector, &r))
		return r == NEXT ? answer(t, false) : r;
	type = DESCRIPTOR_TYPE(d);
	if (DESCRIPTOR_SYSTEM(d) || is_hidden(d, selector))
		return answer(t, false);
	if (write)
		return answer(t, !(type & TYPE_CODE) && type & TYPE_WRITABLE);
	return answer(t, !(type & TYPE_CODE) || type & TYPE_READABLE);
}

enum outcome emulate_verr(struct trap *t)
{
	return verify(t, false);
}

enum outcome emulate_verw(struct trap *t)
{
	return verify(t, true);
}
