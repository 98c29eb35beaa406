/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/monitor_fixture.h"

struct guest *guest;

static const uintptr_t no_stack;
static const void *stack_top = &no_stack;
static unsigned error_words; /* of the frame that was delivered last: 1, if it had an error code */

/* What lies on the stack must be there, for monitor_copy() to know it. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_stack_use_after_return=0";
}

/* ---- memory ---- */

struct page *page_of(uint64_t at)
{
	for (unsigned i = 0; i < PAGES; i++)
		if (at - guest->pages[i].at < PAGE_BYTES)
			return &guest->pages[i];
	return NULL;
}

uint8_t *memory(uint64_t at)
{
	struct page *page = page_of(at);

	assert_non_null(page);
	return &page->bytes[at % PAGE_BYTES];
}

uint64_t word(uint64_t at)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < sizeof(value); i++)
		value |= (uint64_t)*memory(at + i) << 8 * i;
	return value;
}

void word_is(uint64_t at, uint64_t value)
{
	for (unsigned i = 0; i < sizeof(value); i++)
		*memory(at + i) = (uint8_t)(value >> 8 * i);
}

void descriptor_is(uint16_t selector, uint64_t d)
{
	word_is((selector & 4 ? LDT_AT : GDT_AT) + (selector & 0xfff8u), d);
}

uint64_t descriptor_of(uint16_t selector)
{
	return word((selector & 4 ? LDT_AT : GDT_AT) + (selector & 0xfff8u));
}

void ax_is(uint16_t selector)
{
	guest->frame->regs[RAX] = 0xffffffffffff0000 | selector;
}

void test_is(uint64_t d)
{
	descriptor_is(SEL_TEST, d);
	ax_is(SEL_TEST);
}

void gate_is(unsigned vector, uint16_t selector, uint8_t type, uint8_t ist)
{
	uint64_t to = HANDLER(vector);

	word_is(IDT_AT + vector * 16ull, (to & 0xffff) | (uint64_t)selector << 16 | (uint64_t)ist << 32 | (uint64_t)type << 40 |
						(to >> 16 & 0xffff) << 48);
	word_is(IDT_AT + vector * 16ull + 8, to >> 32);
}

/* ---- what entry.S has for the monitor ---- */

static bool is_ours(uintptr_t at)
{
	return (at >= (uintptr_t)__builtin_frame_address(0) && at < (uintptr_t)stack_top) ||
	       at - (uintptr_t)guest->monitor < sizeof(guest->monitor);
}

/* One byte of the guest's, or NULL and the exception as entry.S leaves it. */
static uint8_t *access_byte(uint64_t at, bool write)
{
	struct page *page = page_of(at);

	if (page && page->present && (page->writable || !write))
		return &page->bytes[at % PAGE_BYTES];
	assert_true(at < MONITOR_VIRTUAL || at >= MONITOR_VIRTUAL + MONITOR_VIRTUAL_BYTES);
	guest->s->nested_vector = is_canonical(at) ? VECTOR_PF : VECTOR_GP;
	guest->s->nested_error = is_canonical(at) ? 4u | (write ? 2u : 0) | (page && page->present) : 0;
	return NULL;
}

uint64_t monitor_copy(void *to, const void *from, uint64_t bytes)
{
	for (uint64_t done = 0; done < bytes; done++) {
		uintptr_t source = (uintptr_t)from + done, target = (uintptr_t)to + done;
		const uint8_t *read = is_ours(source) ? (const uint8_t *)source : access_byte(source, false);
		uint8_t *write;

		if (!read)
			return bytes - done;
		write = is_ours(target) ? (uint8_t *)target : access_byte(target, true);
		if (!write)
			return bytes - done;
		*write = *read;
	}
	return 0;
}

void monitor_request(uint32_t request)
{
	assert_true(request < REQUESTS);
	guest->requests[request]++;
	if (request == REQUEST_CPUID) {
		memset(&guest->s->cpuid[2], 0, 4 * sizeof(guest->s->cpuid[0]));
		guest->s->cpuid[3] = guest->s->cpuid[0] == 7 ? guest->cpuid_7_ebx : 0;
		guest->s->cpuid[4] = guest->s->cpuid[0] == 1 ? guest->cpuid_1_ecx : 0;
	}
	if (request == REQUEST_PAGE_FAULT) /* it is the guest's, unless the test knows better */
		guest->s->answer = 1;
	if (guest->serve)
		guest->serve(guest, request);
}

uint64_t monitor_set_bases(uint64_t fs, uint64_t gs)
{
	if (guest->bases_by_request)
		return 0;
	guest->real_fs = fs;
	guest->real_gs = gs;
	return 1;
}

/* ---- running ---- */

static void code_is(const uint8_t *code, unsigned bytes)
{
	assert_true(bytes <= sizeof(guest->code));
	memcpy(guest->code, code, bytes);
	guest->code_bytes = bytes;
	memset(memory(CODE_AT), 0x90, 32);
	memcpy(memory(CODE_AT), code, bytes);
	guest->frame->rip = CODE_AT;
}

/* `before` is the guest as it was. What a fault may leave behind is CR2, once it is delivered. */
static void assert_as_it_was(const struct guest *before)
{
	assert_memory_equal(guest->frame, &((const struct monitor_state *)(before->monitor + MONITOR_STATE))->frame,
			    sizeof(*guest->frame));
	assert_memory_equal(guest->cpu, &((const struct monitor_state *)(before->monitor + MONITOR_STATE))->cpu,
			    sizeof(*guest->cpu));
	assert_memory_equal(guest->pages, before->pages, sizeof(before->pages));
	assert_int_equal(guest->real_fs, before->real_fs);
	assert_int_equal(guest->real_gs, before->real_gs);
}

static __attribute__((noinline)) enum outcome emulate_it(void)
{
	stack_top = __builtin_frame_address(0);
	return emulate(&guest->trap);
}

enum outcome carry_out(const uint8_t *code, unsigned bytes)
{
	struct guest *before = malloc(sizeof(*before));
	const struct x86_sensitive *row;
	enum outcome outcome;

	assert_non_null(before);
	code_is(code, bytes);
	guest->trap = (struct trap){ .state = guest->s, .frame = guest->frame, .cpu = guest->cpu };
	assert_int_equal(x86_decode(code, bytes, &guest->trap.i), 1);
	assert_int_equal(guest->trap.i.bytes, bytes);
	row = x86_sensitive(&guest->trap.i);
	assert_non_null(row);
	guest->trap.id = row->id;
	*before = *guest;
	outcome = emulate_it();
	if (outcome == FAULTED)
		assert_as_it_was(before);
	free(before);
	return outcome;
}

static __attribute__((noinline)) void enter(void)
{
	stack_top = __builtin_frame_address(0);
	guest->frame->rsp = guest->frame->regs[RSP];
	monitor_trap(guest->s);
	guest->frame->regs[RSP] = guest->frame->rsp;
}

void except(unsigned vector, uint64_t error)
{
	guest->frame->vector = vector;
	guest->frame->error = error;
	enter();
}

void trap(const uint8_t *code, unsigned bytes)
{
	struct x86_instruction i;
	const struct x86_sensitive *row;

	code_is(code, bytes);
	assert_int_equal(x86_decode(code, bytes, &i), 1);
	row = x86_sensitive(&i);
	if (!row || !x86_needs_patch(row->id)) {
		guest->frame->rflags |= X86_EFLAGS_RF; /* as all faults leave it */
		except(VECTOR_GP, 0);
		return;
	}
	*(struct monitor_site *)(guest->monitor + MONITOR_SITES) = (struct monitor_site){ .at = CODE_AT, .first = code[0] };
	guest->s->site_count = 1;
	*memory(CODE_AT) = 0xcc;
	guest->frame->rip = CODE_AT + 1;
	except(VECTOR_BP, 0);
}

/* ---- what became of it ---- */

void assert_fault(enum outcome outcome, unsigned vector, uint32_t error)
{
	assert_int_equal(outcome, FAULTED);
	assert_int_equal(guest->trap.fault.vector, vector);
	assert_int_equal(guest->trap.fault.has_error, vector != VECTOR_UD);
	assert_int_equal(guest->trap.fault.error, error);
}

void assert_page_fault(enum outcome outcome, uint64_t at, uint32_t error)
{
	assert_fault(outcome, VECTOR_PF, error);
	assert_int_equal(guest->trap.fault.cr2, at);
}

void assert_refused(enum outcome outcome, enum monitor_refusal why)
{
	assert_int_equal(outcome, GONE);
	assert_int_equal(guest->requests[REQUEST_REFUSE], 1);
	assert_int_equal(guest->s->argument, why);
}

void assert_delivered(unsigned vector)
{
	assert_int_equal(guest->frame->rip, HANDLER(vector));
	error_words = 0;
}

void assert_delivered_error(unsigned vector, uint32_t error)
{
	assert_int_equal(guest->frame->rip, HANDLER(vector));
	assert_int_equal(word(guest->frame->regs[RSP]), error);
	error_words = 1;
}

uint64_t delivered(unsigned n)
{
	return word(guest->frame->regs[RSP] + (error_words + n) * 8ull);
}

/* ---- the guest ---- */

static void pages_init(void)
{
	static const uint64_t at[PAGES] = {
		CODE_AT, DATA_AT, DATA_AT + PAGE_BYTES, STACK_AT, STACK_MIDDLE, GDT_AT, LDT_AT, IDT_AT, TSS_AT, IST_AT - PAGE_BYTES,
		READ_ONLY_AT, LOW_END - PAGE_BYTES, HIGH_BEGIN, MONITOR_VIRTUAL - PAGE_BYTES,
	};

	for (unsigned i = 0; i < PAGES; i++)
		guest->pages[i] = (struct page){ .at = at[i], .present = true, .writable = at[i] != READ_ONLY_AT };
}

int set_up(void **state)
{
	(void)state;
	guest = calloc(1, sizeof(*guest));
	assert_non_null(guest);
	guest->s = (struct monitor_state *)(guest->monitor + MONITOR_STATE);
	guest->frame = &guest->s->frame;
	guest->cpu = &guest->s->cpu;
	pages_init();
	*guest->frame = (struct monitor_frame){ .rip = CODE_AT, .cs = 0x33, .rflags = X86_EFLAGS_FIXED, .ss = 0x2b };
	for (unsigned i = 0; i < 16; i++)
		guest->frame->regs[i] = 0x1111111111111111ull * i;
	guest->frame->regs[RSP] = STACK_MIDDLE;
	*guest->cpu = (struct virtual_cpu){
		.cr0 = X86_CR0_PE | X86_CR0_MP | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_AM | X86_CR0_PG,
		.cr3 = 0x1000, .cr4 = X86_CR4_PAE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT, .efer = 0xd00,
		.dr = { [6] = 0xffff0ff0, [7] = 0x400 },
		.gdtr = { GDT_AT, SEL_LAST + 7 }, .idtr = { IDT_AT, 256 * 16 - 1 },
		.ldtr = { .base = LDT_AT, .limit = 0xfff, .selector = 0x50 },
		.tr = { .base = TSS_AT, .limit = 103, .selector = SEL_TSS },
		.selectors = { SEL_DATA, SEL_CODE, SEL_DATA, SEL_DATA, SEL_DATA, SEL_DATA },
	};
	descriptor_is(SEL_CODE, D_CODE | D_ACCESSED);
	descriptor_is(SEL_DATA, D_DATA | D_ACCESSED);
	descriptor_is(SEL_CODE3, D_CODE | D_ACCESSED | D_DPL(3));
	for (unsigned vector = 0; vector < 256; vector++)
		gate_is(vector, SEL_CODE, 0x8e, 0);
	word_is(TSS_AT + 36, IST_AT);
	return 0;
}

int tear_down(void **state)
{
	(void)state;
	free(guest);
	guest = NULL;
	return 0;
}
