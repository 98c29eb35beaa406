/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory and an instruction's operands: AMD64 APM 3, 1.4 and 1.5. */
#include "vmm/monitor/trap.h"

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };

/* Page-fault error code, AMD64 APM 2, 8.4.2. */
#define PF_PRESENT 1u
#define PF_WRITE   2u
#define PF_USER    4u
#define PF_RESERVED 8u
#define PF_FETCH   16u

/* The monitor's own addresses are nobody's for the guest: as if nothing were mapped there. */
static bool is_monitors(uint64_t at, uint64_t bytes)
{
	return at + bytes > MONITOR_VIRTUAL && at < MONITOR_VIRTUAL + MONITOR_VIRTUAL_BYTES;
}

static bool page_fault(struct trap *t, uint64_t at, uint32_t error)
{
	t->fault = (struct fault){ .vector = VECTOR_PF, .has_error = true, .error = error, .cr2 = at };
	return false;
}

/*
 * An error code as ring 0 has it: that it was a fetch is told with EFER.NXE alone, which the real CPU has anyway. In the upper half
 * nothing is mapped for the guest, whatever a KVM without VT-x or SVM has there for itself.
 */
uint32_t guests_error(const struct trap *t, uint32_t error, uint64_t address)
{
	return error & ~(PF_USER | (address >> 63 ? PF_PRESENT | PF_RESERVED : 0) | (t->cpu->efer & EFER_NX ? 0 : PF_FETCH));
}

/* What was not copied begins where the fault was. A store may only look forbidden: to a page that is executed. */
static bool copy(struct trap *t, uint64_t to, uint64_t from, uint64_t bytes, uint64_t guests, uint32_t access)
{
	struct monitor_state *s = t->state;

	for (;;) {
		uint64_t left = monitor_copy((void *)to, (const void *)from, bytes), done = bytes - left;

		if (!left)
			return true;
		to += done;
		from += done;
		guests += done;
		bytes = left;
		if (s->nested_vector != VECTOR_PF) {
			gp0(t);
			return false;
		}
		if (!(access & s->nested_error) || !(s->nested_error & PF_PRESENT) || !page_fault_settled(s, s->nested_error))
			return page_fault(t, guests, guests_error(t, (uint32_t)s->nested_error, guests));
	}
}

/* Nothing of what lies before the monitor is the less the guest's. */
static bool copy_outside(struct trap *t, uint64_t to, uint64_t from, uint64_t bytes, uint64_t guests, uint32_t access)
{
	if (!is_monitors(guests, bytes))
		return copy(t, to, from, bytes, guests, access);
	if (guests >= MONITOR_VIRTUAL)
		return page_fault(t, guests, access);
	return copy(t, to, from, MONITOR_VIRTUAL - guests, guests, access) && page_fault(t, MONITOR_VIRTUAL, access);
}

bool guest_read(struct trap *t, uint64_t at, void *to, uint64_t bytes)
{
	return copy_outside(t, (uint64_t)to, at, bytes, at, 0);
}

bool guest_write(struct trap *t, uint64_t at, const void *from, uint64_t bytes)
{
	return copy_outside(t, at, (uint64_t)from, bytes, at, PF_WRITE);
}

unsigned operand_bytes(const struct trap *t)
{
	return t->i.rex & X86_REX_W ? 8 : t->i.prefixes & X86_OPERAND_SIZE ? 2 : 4;
}

unsigned operand_bytes_64(const struct trap *t)
{
	return !(t->i.rex & X86_REX_W) && t->i.prefixes & X86_OPERAND_SIZE ? 2 : 8;
}

unsigned modrm_reg(const struct trap *t)
{
	return x86_reg(&t->i) | (t->i.rex & X86_REX_R ? 8 : 0);
}

unsigned modrm_rm(const struct trap *t)
{
	return x86_rm(&t->i) | (t->i.rex & X86_REX_B ? 8 : 0);
}

void register_write(struct trap *t, unsigned number, uint64_t value, unsigned bytes)
{
	uint64_t *to = &t->frame->regs[number];

	*to = bytes == 8 ? value : bytes == 4 ? (uint32_t)value : (*to & ~0xffffull) | (uint16_t)value;
}

static uint64_t sib_address(const struct trap *t, bool *by_stack)
{
	const uint64_t *regs = t->frame->regs;
	unsigned base = t->i.sib & 7, index = (t->i.sib >> 3 & 7) | (t->i.rex & X86_REX_X ? 8 : 0);
	uint64_t at = 0;

	if (base != RBP || x86_mod(&t->i) != 0) {
		at = regs[base | (t->i.rex & X86_REX_B ? 8 : 0)];
		*by_stack = !(t->i.rex & X86_REX_B) && (base == RSP || base == RBP);
	}
	if (index != RSP)
		at += regs[index] << (t->i.sib >> 6);
	return at;
}

bool operand_address(struct trap *t, unsigned bytes, uint64_t *at)
{
	unsigned rm = x86_rm(&t->i), mod = x86_mod(&t->i);
	bool by_stack = false;
	uint64_t address;

	if (rm == RSP) {
		address = sib_address(t, &by_stack);
	} else if (rm == RBP && mod == 0) {
		address = t->frame->rip + t->i.bytes;
	} else {
		address = t->frame->regs[modrm_rm(t)];
		by_stack = modrm_rm(t) == RBP;
	}
	address += (uint64_t)(int64_t)t->i.displacement;
	if (t->i.prefixes & X86_ADDRESS_SIZE)
		address = (uint32_t)address;
	if (t->i.prefixes & (X86_FS | X86_GS)) {
		address += t->i.prefixes & X86_FS ? t->cpu->fs_base : t->cpu->gs_base;
		by_stack = false;
	}
	*at = address;
	if (is_canonical(address) && is_canonical(address + bytes - 1))
		return true;
	fault(t, by_stack ? VECTOR_SS : VECTOR_GP, 0);
	return false;
}

bool operand_read(struct trap *t, uint64_t *value, unsigned bytes)
{
	uint64_t at;

	*value = 0;
	if (x86_mod(&t->i) != 3)
		return operand_address(t, bytes, &at) && guest_read(t, at, value, bytes);
	*value = t->frame->regs[modrm_rm(t)];
	if (bytes < 8)
		*value &= (1ull << 8 * bytes) - 1;
	return true;
}

bool operand_write(struct trap *t, uint64_t value, unsigned register_bytes, unsigned memory_bytes)
{
	uint64_t at;

	if (x86_mod(&t->i) != 3)
		return operand_address(t, memory_bytes, &at) && guest_write(t, at, &value, memory_bytes);
	register_write(t, modrm_rm(t), value, register_bytes);
	return true;
}

bool far_pointer(struct trap *t, unsigned bytes, uint64_t *offset, uint16_t *selector)
{
	uint64_t at;

	*offset = 0;
	return operand_address(t, bytes + 2, &at) && guest_read(t, at, offset, bytes) && guest_read(t, at + bytes, selector, 2);
}

bool stack_is_canonical(struct trap *t, uint64_t at, unsigned bytes)
{
	if (is_canonical(at) && is_canonical(at + bytes - 1))
		return true;
	fault(t, VECTOR_SS, 0);
	return false;
}

bool stack_write(struct trap *t, uint64_t at, const uint64_t *words, unsigned count, unsigned bytes)
{
	while (count--)
		if (!guest_write(t, at + count * bytes, &words[count], bytes))
			return false;
	return true;
}

bool push(struct trap *t, uint64_t value, unsigned bytes)
{
	uint64_t at = t->frame->regs[RSP] - bytes;

	if (!stack_is_canonical(t, at, bytes) || !guest_write(t, at, &value, bytes))
		return false;
	t->frame->regs[RSP] = at;
	return true;
}
