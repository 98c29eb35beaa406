/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor: where every exception of a deprivileged guest arrives. Was it an instruction that ring 3 does not let it do, or that
 * was patched because ring 3 would do it differently? Then it is emulated on the virtual CPU; else the guest's own IDT has it.
 */
#include <asm/processor-flags.h>

#include "vmm/monitor/trap.h"
#include "vmm/x86/sensitive.h"

#define RSP 4

/* DR6 after a single step, and what is always set. AMD64 APM 2, 13.1.1.3. */
#define DR6_STEP  0x4000u
#define DR6_BREAKPOINTS 0xfu

void *monitor_output(struct monitor_state *s, uint32_t at)
{
	return (void *)((uintptr_t)s + MONITOR_OUTPUT - MONITOR_STATE + at);
}

static const struct monitor_site *site_list(const struct monitor_state *s)
{
	return (const struct monitor_site *)((uintptr_t)s + MONITOR_SITES - MONITOR_STATE);
}

/* The instruction that stood at `at` before an INT3 was put there. */
static const struct monitor_site *site_find(const struct monitor_state *s, uint64_t at)
{
	const struct monitor_site *sites = site_list(s);
	uint64_t low = 0, high = s->site_count < MONITOR_SITES_MAX ? s->site_count : MONITOR_SITES_MAX;
	const uint64_t key = at & ((1ull << 56) - 1);

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (sites[middle].at < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->site_count && low < MONITOR_SITES_MAX && sites[low].at == key ? &sites[low] : NULL;
}

/* Decodes what is at frame.rip, with its first byte as it was. False: it is no instruction that is emulated. */
static bool decode(struct trap *t, const struct monitor_site *site)
{
	uint8_t code[X86_INSTRUCTION_BYTES_MAX];
	uint64_t rip = t->frame->rip;
	uint64_t bytes = sizeof(code) - monitor_copy(code, (const void *)rip, sizeof(code));
	const struct x86_sensitive *row;

	if (site && bytes)
		code[0] = site->first;
	if (x86_decode(code, bytes, &t->i) != 1)
		return false;
	row = x86_sensitive(&t->i);
	t->id = row ? row->id : X86_INNOCUOUS;
	return row;
}

/* A guest that single-steps itself is told after each instruction, emulated ones too. */
static void stepped(struct trap *t)
{
	t->cpu->dr[6] = (t->cpu->dr[6] & ~(uint64_t)DR6_BREAKPOINTS) | DR6_STEP;
	fault(t, VECTOR_DB, 0);
	deliver(t, t->fault);
}

/* After an instruction that began with TF set. A MOV to SS holds the exception back (SDM 3, 6.8.3): the next one has its own. */
static bool is_stepped(const struct trap *t)
{
	if (t->id == X86_SYSCALL) /* a kernel's entry is not stepped into, if its mask says so */
		return t->frame->rflags & X86_EFLAGS_TF;
	return t->id != X86_MOV_TO_SEGMENT || x86_reg(&t->i) != SEG_SS;
}

static void run(struct trap *t)
{
	bool step = t->frame->rflags & X86_EFLAGS_TF;

	switch (emulate(t)) {
	case NEXT:
		t->frame->rip += t->i.bytes;
		break;
	case JUMPED:
		break;
	case FAULTED:
		deliver(t, t->fault);
		return;
	case GONE:
		return;
	}
	if (t->id != X86_IRET)
		t->frame->rflags &= ~(uint64_t)X86_EFLAGS_RF;
	if (step && is_stepped(t))
		stepped(t);
}

/* What the old entries gave must not stay in force: code that can be changed, or be executed unscanned. */
static void store_all(struct monitor_state *s)
{
	if (!s->store_count)
		return;
	for (uint64_t i = 0; i < s->store_count && i < MONITOR_STORES_MAX; i++)
		*(volatile uint64_t *)s->stores[i].at = s->stores[i].value;
	s->store_count = 0;
	monitor_request(REQUEST_FLUSH);
}

bool page_fault_settled(struct monitor_state *s, uint64_t error)
{
	s->argument = error;
	monitor_request(REQUEST_PAGE_FAULT);
	store_all(s);
	return s->answer == 0;
}

static void page_fault(struct trap *t)
{
	struct monitor_state *s = t->state;

	if (!page_fault_settled(s, s->frame.error))
		deliver(t, (struct fault){ .vector = VECTOR_PF, .has_error = true, .cr2 = s->argument,
					   .error = guests_error(t, (uint32_t)t->frame->error, s->argument) });
}

static void reflect(struct trap *t)
{
	bool has_error = 0x60227d00u >> t->frame->vector & 1;

	t->i.bytes = 1; /* an INT3 of its own */
	if (t->frame->vector == VECTOR_DB)
		t->cpu->dr[6] = (t->cpu->dr[6] & ~(uint64_t)DR6_BREAKPOINTS) | (t->frame->rflags & X86_EFLAGS_TF ? DR6_STEP : 0);
	deliver(t, (struct fault){ .vector = (uint8_t)t->frame->vector, .has_error = has_error, .error = (uint32_t)t->frame->error,
				   .software = t->frame->vector == VECTOR_BP });
}

static void dispatch(struct trap *t)
{
	const struct monitor_site *site = NULL;

	switch (t->frame->vector) {
	case VECTOR_PF:
		page_fault(t);
		return;
	case VECTOR_BP:
		site = site_find(t->state, t->frame->rip - 1);
		if (!site)
			break;
		t->frame->rip--;
		if (decode(t, site)) {
			run(t);
			return;
		}
		t->frame->rip++;
		break;
	case VECTOR_GP:
	case VECTOR_UD:
		if (decode(t, NULL)) {
			run(t);
			return;
		}
		break;
	default:
		break;
	}
	t->id = X86_INNOCUOUS;
	reflect(t);
}

void monitor_trap(struct monitor_state *s)
{
	struct trap trap = { .state = s, .frame = &s->frame, .cpu = &s->cpu };
	uint64_t began = s->measures ? __builtin_ia32_rdtsc() : 0;

	s->frame.regs[RSP] = s->frame.rsp;
	dispatch(&trap);
	s->frame.rsp = s->frame.regs[RSP];
	s->counts[trap.id < X86_IDS ? trap.id : 0]++;
	if (s->measures)
		s->cycles[trap.id < X86_IDS ? trap.id : 0] += __builtin_ia32_rdtsc() - began;
}
