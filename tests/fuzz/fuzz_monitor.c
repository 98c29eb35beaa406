/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor of deprivileged guests (vmm/monitor) in a guest of any state, code and memory: one trap. It ends, reaches no memory
 * but the guest's and its own, emulates what the decoder says is there, and where an instruction faults all is as it was.
 */
#include "tests/fuzz/fuzz_monitor.h"

#include <asm/processor-flags.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "vmm/monitor/trap.h"
#include "vmm/x86/decode.h"
#include "vmm/x86/sensitive.h"

#define PAGE_BYTES 4096u
#define RSP        4
#define CALLS_MAX  200u /* of the monitor's, by one trap */

/* What is the guest's own of the real RFLAGS. */
#define FLAGS_REAL (X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | X86_EFLAGS_ZF | X86_EFLAGS_SF | X86_EFLAGS_TF | \
		    X86_EFLAGS_DF | X86_EFLAGS_OF | X86_EFLAGS_RF | X86_EFLAGS_AC | X86_EFLAGS_ID)
/* And of the virtual one. */
#define FLAGS_VIRTUAL (X86_EFLAGS_IF | X86_EFLAGS_IOPL | X86_EFLAGS_NT | X86_EFLAGS_AC)

static const struct {
	uint64_t at;
	bool writable;
} places[PLACES] = {
	[PLACE_CODE] = { 0x10000, true }, [PLACE_DATA] = { 0x20000, true }, [PLACE_TABLES] = { 0x30000, true },
	[PLACE_READ_ONLY] = { 0x40000, false }, [PLACE_STACK] = { 0x50000, true },
	[PLACE_LOW_END] = { 0x7ffffffff000, true }, [PLACE_HIGH_BEGIN] = { 0xffff800000000000, true },
	[PLACE_MONITOR] = { MONITOR_VIRTUAL - PAGE_BYTES, true },
	[PLACE_MONITOR_END] = { MONITOR_VIRTUAL + MONITOR_VIRTUAL_BYTES, true },
	[PLACE_TOP] = { 0xfffffffffffff000, true },
};

/* The monitor's memory ends behind the first site: there are no more. */
static struct guest {
	uint8_t monitor[MONITOR_SITES + sizeof(struct monitor_site)] __attribute__((aligned(8)));
	uint8_t pages[PLACES][PAGE_BYTES];
	uint64_t real_fs, real_gs;
} guest, before;

static struct monitor_state *const state = (struct monitor_state *)(guest.monitor + MONITOR_STATE);
static const struct fuzz_monitor_input *input;
static const void *stack_top;
static unsigned calls, answers;
static bool gone; /* the VMM has been told that the guest is at its end */

/* What lies on the stack must be there, for monitor_copy() to know it. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_stack_use_after_return=0";
}

/* ---- what entry.S has for the monitor ---- */

static bool is_ours(uintptr_t at, uintptr_t stack)
{
	return (at >= stack && at < (uintptr_t)stack_top) || at - (uintptr_t)guest.monitor < sizeof(guest.monitor);
}

static uint8_t *access_byte(uint64_t at, bool write)
{
	PROMISE(at < MONITOR_VIRTUAL || at >= MONITOR_VIRTUAL + MONITOR_VIRTUAL_BYTES);
	for (unsigned i = 0; i < PLACES; i++) {
		if (at - places[i].at >= PAGE_BYTES)
			continue;
		if (places[i].writable || !write)
			return &guest.pages[i][at % PAGE_BYTES];
		state->nested_vector = VECTOR_PF;
		state->nested_error = 7;
		return NULL;
	}
	state->nested_vector = is_canonical(at) ? VECTOR_PF : VECTOR_GP;
	state->nested_error = is_canonical(at) ? (write ? 6 : 4) : 0;
	return NULL;
}

uint64_t monitor_copy(void *to, const void *from, uint64_t bytes)
{
	const uintptr_t stack = (uintptr_t)__builtin_frame_address(0);
	const bool reads = !is_ours((uintptr_t)from, stack), writes = !is_ours((uintptr_t)to, stack);

	PROMISE(++calls <= CALLS_MAX);
	PROMISE(!reads || !writes);
	PROMISE(bytes <= MONITOR_OUTPUT_BYTES);
	if (!reads && !writes) { /* the fuzzer has come to know an address of ours: nothing of the guest's is there */
		state->nested_vector = VECTOR_PF;
		state->nested_error = 4;
		return bytes;
	}
	for (uint64_t done = 0; done < bytes; done++) {
		const uint8_t *source = reads ? access_byte((uintptr_t)from + done, false) : (const uint8_t *)from + done;
		uint8_t *target = !source ? NULL : writes ? access_byte((uintptr_t)to + done, true) : (uint8_t *)to + done;

		if (!target)
			return bytes - done;
		*target = *source;
	}
	return 0;
}

void monitor_request(uint32_t request)
{
	PROMISE(++calls <= CALLS_MAX);
	PROMISE(request > REQUEST_BROKEN && request < REQUESTS);
	PROMISE(!gone);
	gone = request == REQUEST_REFUSE || request == REQUEST_TRIPLE_FAULT;
	/* "Try again", which is 0, may be said some times, not always. */
	state->answer = answers < 8 ? input->answers >> answers++ & 1 : 1;
	if (request == REQUEST_REFUSE)
		PROMISE(state->argument < REFUSALS);
	if (request == REQUEST_OUTPUT)
		state->output_tail = state->output_head;
}

uint64_t monitor_set_bases(uint64_t fs, uint64_t gs)
{
	if (input->bases_by_request)
		return 0;
	PROMISE(is_canonical(fs) && is_canonical(gs));
	guest.real_fs = fs;
	guest.real_gs = gs;
	return 1;
}

/* ---- a guest ---- */

static uint64_t place(uint64_t value)
{
	unsigned top = (unsigned)(value >> 56);

	if (top == 0 || top == 0xff)
		return value;
	return places[top % PLACES].at + (value & 0xffff) % 0x3000 - 0x1000;
}

static uint64_t canonical(uint64_t value)
{
	return (uint64_t)((int64_t)(value << 16) >> 16);
}

/* As the VMM and the monitor itself leave it; all else the guest may have made of it. */
static void cpu_init(struct virtual_cpu *c)
{
	uint64_t *const addresses[] = {
		&c->gdtr.base, &c->idtr.base, &c->ldtr.base, &c->tr.base, &c->fs_base, &c->gs_base, &c->kernel_gs_base, &c->lstar,
	};

	*c = input->cpu;
	for (unsigned i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		*addresses[i] = canonical(place(*addresses[i]));
	c->gdtr.limit &= 0xffff;
	c->idtr.limit &= 0xffff;
	c->cr0 |= X86_CR0_PE | X86_CR0_PG | X86_CR0_WP;
	c->cr4 |= X86_CR4_PAE;
	c->efer |= 0x500;
	c->flags &= FLAGS_VIRTUAL;
	c->selectors[SEG_CS] &= 0xfffc;
}

static void guest_init(void)
{
	const bool site = input->vector >= 32;
	struct monitor_frame *frame = &state->frame;

	memset(&guest, 0, sizeof(guest));
	for (unsigned i = 0; i < PLACES; i++)
		for (unsigned at = 0; at < PAGE_BYTES; at += FILL_BYTES)
			memcpy(guest.pages[i] + at, input->fill, FILL_BYTES);
	memcpy(guest.pages[PLACE_CODE], input->code, sizeof(input->code));
	for (unsigned i = 0; i < 16; i++)
		frame->regs[i] = place(input->regs[i]);
	frame->rsp = frame->regs[RSP];
	frame->rip = places[PLACE_CODE].at;
	frame->cs = 0x33;
	frame->ss = 0x2b;
	frame->rflags = (input->rflags & FLAGS_REAL) | X86_EFLAGS_FIXED;
	frame->vector = site ? VECTOR_GP : input->vector;
	cpu_init(&state->cpu);
	state->ram_bytes = 0x100000;
	state->output_port = 0x502;
	state->output_head = state->output_tail = input->printed;
	calls = answers = 0;
	gone = false;
}

/* The table's row for the instruction as it was given; NULL: nothing that is emulated. */
static const struct x86_sensitive *row_of(struct x86_instruction *i)
{
	return x86_decode(input->code, sizeof(input->code), i) == 1 ? x86_sensitive(i) : NULL;
}

/* ---- promises ---- */

static void promise_sane(void)
{
	const struct monitor_frame *frame = &state->frame;
	const struct monitor_state *was = (const struct monitor_state *)(before.monitor + MONITOR_STATE);
	const struct virtual_cpu *c = &state->cpu;

	PROMISE(memcmp(guest.monitor, before.monitor, MONITOR_STATE) == 0);
	PROMISE(memcmp(guest.monitor + MONITOR_TEXT, before.monitor + MONITOR_TEXT, MONITOR_OUTPUT - MONITOR_TEXT) == 0);
	PROMISE(memcmp(guest.monitor + MONITOR_SITES, before.monitor + MONITOR_SITES, sizeof(struct monitor_site)) == 0);
	PROMISE(memcmp(guest.pages[PLACE_READ_ONLY], before.pages[PLACE_READ_ONLY], PAGE_BYTES) == 0);
	PROMISE(frame->cs == 0x33 && frame->ss == 0x2b);
	PROMISE((frame->rflags & ~(uint64_t)FLAGS_REAL) == X86_EFLAGS_FIXED);
	PROMISE((c->flags & ~(uint64_t)FLAGS_VIRTUAL) == 0);
	PROMISE((c->cr0 & X86_CR0_PE) && (c->cr0 & X86_CR0_PG) && (c->cr0 & X86_CR0_WP) && (c->cr4 & X86_CR4_PAE));
	PROMISE((c->efer & 0x500) == 0x500);
	PROMISE((c->selectors[SEG_CS] & 3) == 0);
	PROMISE(is_canonical(c->fs_base) && is_canonical(c->gs_base) && is_canonical(c->gdtr.base) && is_canonical(c->idtr.base));
	PROMISE(is_canonical(c->tr.base) && is_canonical(c->ldtr.base));
	PROMISE(memcmp(&c->dr[7], &was->cpu.dr[7], sizeof(c->dr[7])) == 0 || (c->dr[7] & 0x20ff) == 0);
}

static void promise_as_it_was(const struct trap *t)
{
	const struct monitor_state *was = (const struct monitor_state *)(before.monitor + MONITOR_STATE);
	const uint32_t errors = 1u << VECTOR_TS | 1u << VECTOR_NP | 1u << VECTOR_SS | 1u << VECTOR_GP | 1u << VECTOR_PF;

	PROMISE(memcmp(&state->frame, &was->frame, sizeof(was->frame)) == 0);
	PROMISE(memcmp(&state->cpu, &was->cpu, sizeof(was->cpu)) == 0);
	PROMISE(guest.real_fs == before.real_fs && guest.real_gs == before.real_gs);
	PROMISE(t->fault.vector == VECTOR_UD || errors >> t->fault.vector & 1);
	PROMISE(t->fault.has_error == (t->fault.vector != VECTOR_UD));
	PROMISE(t->fault.error <= 0xffff && !t->fault.software);
	PROMISE(t->fault.vector != VECTOR_PF || !(t->fault.error & 4));
	PROMISE(!gone);
}

/* ---- runs ---- */

static __attribute__((noinline)) enum outcome carry_out(struct trap *t)
{
	stack_top = __builtin_frame_address(0);
	return emulate(t);
}

static __attribute__((noinline)) void enter(void)
{
	stack_top = __builtin_frame_address(0);
	monitor_trap(state);
}

static void run_instruction(const struct x86_instruction *i, const struct x86_sensitive *row)
{
	struct trap t = { .state = state, .frame = &state->frame, .cpu = &state->cpu, .i = *i, .id = row->id };
	enum outcome outcome;

	guest_init();
	before = guest;
	outcome = carry_out(&t);
	promise_sane();
	if (outcome == FAULTED)
		promise_as_it_was(&t);
	PROMISE(outcome == GONE || !gone);
	PROMISE(outcome != NEXT || state->frame.rip == places[PLACE_CODE].at);
}

static void run_trap(const struct x86_sensitive *row)
{
	struct monitor_site *sites = (struct monitor_site *)(guest.monitor + MONITOR_SITES);
	uint32_t counts = 0;

	guest_init();
	if (input->vector >= 32 && row && x86_needs_patch(row->id)) {
		sites[0] = (struct monitor_site){ .at = places[PLACE_CODE].at, .first = input->code[0] };
		state->site_count = 1;
		guest.pages[PLACE_CODE][0] = 0xcc;
		state->frame.rip++;
		state->frame.vector = VECTOR_BP;
	}
	before = guest;
	enter();
	promise_sane();
	for (unsigned id = 0; id < X86_IDS; id++)
		counts += state->counts[id];
	PROMISE(counts == 1);
	if (input->vector >= 32)
		PROMISE(state->counts[row ? row->id : X86_INNOCUOUS] == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct fuzz_monitor_input copy;
	struct x86_instruction i;
	const struct x86_sensitive *row;

	memset(&copy, 0, sizeof(copy));
	memcpy(&copy, data, bytes < sizeof(copy) ? bytes : sizeof(copy));
	input = &copy;
	row = row_of(&i);
	if (row)
		run_instruction(&i, row);
	run_trap(row);
	return 0;
}
