/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks whether anything of another call is left in its machine, and leaves all it can itself: in registers, the FPU, segments,
 * debug and model-specific registers, pending events and memory. Replies "clean", or a line for each thing that is not as in a
 * fresh machine: before it is ready by the ABI's word (docs/ABI.md), afterwards by what there was before.
 *
 * Requests: `look`, without soiling; `soil`; `soil-trap`, with a single-step trap pending instead of an interrupt; `soil-xcr0`,
 * with less in XCR0 (QEMU's SVM lets that through to the host, which does not survive it); `self`: soils and looks in the same
 * machine, to show what it can see; `tsc`: says what the TSC is, which only somebody who has seen it before can judge.
 */
#include <kvick_function.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "soiler.h"

#define RFLAGS_RESERVED 0x2ull
#define RFLAGS_IF       0x200ull
#define RFLAGS_TF       0x100ull
#define RFLAGS_SOILED   0x240cd5ull /* ID, AC, DF, OF and the other five */

/* FXSAVE's image, and XSAVE's: AMD64 APM 2, 11.4, 11.5. */
#define FPU_FCW     0
#define FPU_FSW     2
#define FPU_MXCSR   24
#define FPU_ST      32
#define FPU_XMM     160
#define FPU_XMM_END 416
#define FPU_HEADER  512
#define FPU_YMM     576
#define FPU_YMM_END 832

#define FCW_FRESH   0x37f
#define MXCSR_FRESH 0x1f80

struct kept soiler_kept;

const uint64_t soiler_patterns[16] = {
	0, 0x1101011111010111, 0x2202022222020222, 0x3303033333030333,
	0, 0x5505055555050555, 0x6606066666060666, 0x7707077777070777,
	0x8808088888080888, 0x9909099999090999, 0xaa0a0aaaaa0a0aaa, 0xbb0b0bbbbb0b0bbb,
	0xcc0c0ccccc0c0ccc, 0xdd0d0ddddd0d0ddd, 0xee0e0eeeee0e0eee, 0xff0f0fffff0f0fff,
};

void say(const char *format, ...)
{
	va_list arguments;
	uint64_t left = REPLY_BYTES - soiler_kept.reply_bytes;

	va_start(arguments, format);
	int bytes = vsnprintf(soiler_kept.reply + soiler_kept.reply_bytes, left, format, arguments);

	va_end(arguments);
	soiler_kept.reply_bytes += (uint64_t)bytes < left ? (uint64_t)bytes : left - 1;
}

static void check(const char *name, unsigned index, uint64_t value, uint64_t wanted)
{
	if (value != wanted)
		say("%s %u: 0x%lx instead of 0x%lx\n", name, index, value, wanted);
}

static uint32_t fpu_word(const uint8_t *fpu, unsigned offset, unsigned bytes)
{
	uint32_t word = 0;

	memcpy(&word, fpu + offset, bytes);
	return word;
}

static void check_fpu(const uint8_t *fpu, const uint8_t *wanted, unsigned kind)
{
	check("FCW", 0, fpu_word(fpu, FPU_FCW, 2), fpu_word(wanted, FPU_FCW, 2));
	check("FSW", 0, fpu_word(fpu, FPU_FSW, 2), fpu_word(wanted, FPU_FSW, 2));
	check("MXCSR", 0, fpu_word(fpu, FPU_MXCSR, 4), fpu_word(wanted, FPU_MXCSR, 4));
	for (unsigned i = 0; i < 8; i++)
		if (memcmp(fpu + FPU_ST + 16 * i, wanted + FPU_ST + 16 * i, 10) != 0)
			say("x87 register %u\n", i);
	if (memcmp(fpu + FPU_XMM, wanted + FPU_XMM, FPU_XMM_END - FPU_XMM) != 0)
		say("XMM registers\n");
	if (kind == 2 && kvick_has_state(KVICK_XCR0_AVX) && memcmp(fpu + FPU_YMM, wanted + FPU_YMM, FPU_YMM_END - FPU_YMM) != 0)
		say("YMM registers\n");
}

/* docs/ABI.md, "Registers at entry". */
static void check_entry(void)
{
	static const uint8_t fresh_fpu[512] = { [FPU_FCW] = 0x7f, [FPU_FCW + 1] = 3, [FPU_MXCSR] = 0x80, [FPU_MXCSR + 1] = 0x1f };
	const struct frame *entry = &soiler_kept.entry;
	const struct kvick_boot_info *boot = kvick_boot();
	uint16_t data = boot->ring == 0 ? 0x18 : 0x2b;

	for (unsigned i = 0; i < 16; i++)
		check("register at entry", i, entry->regs[i], i == 4 ? boot->stack_top : i == 7 ? (uintptr_t)boot : 0);
	check("RFLAGS at entry", 0, boot->ring == 0 ? entry->rflags : entry->rflags & ~RFLAGS_IF, RFLAGS_RESERVED);
	check("SS at entry", 0, entry->ss, data);
	check("DS at entry", 0, entry->ds, entry->ds ? data : 0);
	check("ES at entry", 0, entry->es, entry->es ? data : 0);
	check("FS at entry", 0, entry->fs, entry->fs ? data : 0);
	check("GS at entry", 0, entry->gs, entry->gs ? data : 0);
	if (fpu_kind())
		check_fpu(soiler_kept.entry_fpu, fresh_fpu, 1);
}

/* What the ABI says of the first view, too. */
static void check_documented(const struct view *view)
{
	const struct kvick_boot_info *boot = kvick_boot();
	const struct { const char *name; uint32_t index; uint64_t value; } known[] = {
		{ "CR2", 0, 0 }, { "FS base", 0, 0 }, { "GS base", 0, 0 }, { "interrupt flag by call", 0, 0 },
		{ "a mapping at 1 TiB", 0, 0 }, { "CR0", 0, 0x80050033 }, { "CR3", 0, boot->pgd },
		{ "CR4", 0, 0x620 | (boot->xcr0 ? CR4_OSXSAVE : 0) }, { "CR8", 0, 0 }, { "GDTR limit", 0, 0x4f },
		{ "IDTR limit", 0, 0x1ff }, { "LDTR", 0, 0 }, { "TR", 0, 0x40 }, { "XCR0", 0, boot->xcr0 }, { "DR", 0, 0 },
		{ "DR", 1, 0 }, { "DR", 2, 0 }, { "DR", 3, 0 }, { "DR", 6, 0xffff0ff0 }, { "DR", 7, 0x400 },
	};

	for (unsigned i = 0; i < view->count; i++) {
		const struct item *item = &view->items[i];

		for (unsigned k = 0; k < sizeof(known) / sizeof(known[0]); k++)
			if (strcmp(known[k].name, item->name) == 0 && known[k].index == item->index)
				check(item->name, item->index, item->value, known[k].value);
		for (unsigned k = 0; k < soiler_msr_count; k++)
			if (soiler_msrs[k].name == item->name && soiler_msrs[k].known)
				check(item->name, item->index, item->value, soiler_msrs[k].fresh);
	}
}

static void compare(const struct view *before, const struct view *after)
{
	check("number of things seen", 0, after->count, before->count);
	for (unsigned i = 0; i < before->count && i < after->count; i++)
		if (after->items[i].name == before->items[i].name)
			check(after->items[i].name, after->items[i].index, after->items[i].value, before->items[i].value);
}

static void check_frame(const struct frame *frame)
{
	uint64_t doorbell = (uintptr_t)&soiler_kept.call / sizeof(soiler_kept.call);

	for (unsigned i = 0; i < 16; i++)
		if (i != 4)
			check("register after ready", i, frame->regs[i], i == 0 ? doorbell : soiler_patterns[i]);
	check("RFLAGS after ready", 0, kvick_boot()->ring == 0 ? frame->rflags : frame->rflags & ~RFLAGS_IF, RFLAGS_RESERVED);
	check("DS after ready", 0, frame->ds, soiler_kept.entry.ds);
	check("ES after ready", 0, frame->es, soiler_kept.entry.es);
	check("FS after ready", 0, frame->fs, soiler_kept.entry.fs);
	check("GS after ready", 0, frame->gs, soiler_kept.entry.gs);
}

/* A state that no fresh FPU has, and that is none of another number. Exceptions are masked, unless they are to be pending. */
static void make_fpu(uint8_t *fpu, unsigned number, bool pending)
{
	const uint16_t fcw = pending ? 0x0340 : number == 1 ? 0x027f : 0x0c7f, fsw = pending ? 0xb8ff : 0x0000;
	const uint32_t mxcsr = pending ? 0x003f : number == 1 ? 0x1fa0 : 0x7f80;
	const uint64_t components = kvick_boot()->xcr0 & 7;

	memset(fpu, 0, FPU_BYTES_MAX);
	memcpy(fpu + FPU_FCW, &fcw, 2);
	memcpy(fpu + FPU_FSW, &fsw, 2);
	fpu[4] = 0xff; /* tags: all in use */
	memcpy(fpu + FPU_MXCSR, &mxcsr, 4);
	for (unsigned i = 0; i < 8; i++)
		memset(fpu + FPU_ST + 16 * i, (int)(0x10 * number + i), 10);
	for (unsigned i = FPU_XMM; i < FPU_XMM_END; i++)
		fpu[i] = (uint8_t)(i + 7 * number);
	memcpy(fpu + FPU_HEADER, &components, 8);
	for (unsigned i = FPU_YMM; components & KVICK_XCR0_AVX && i < FPU_YMM_END; i++)
		fpu[i] = (uint8_t)(i + 11 * number);
}

static void ring(uint32_t nr, uint64_t a, uint64_t b)
{
	soiler_kept.call = (struct kvick_call){ .nr = nr, .arg = { a, b } };
	soiler_probe((uintptr_t)&soiler_kept.call / sizeof(soiler_kept.call), fpu_kind());
}

static bool asked_for(const char *word)
{
	return kvick_request_is(soiler_kept.request, (size_t)soiler_kept.ready.ret, word);
}

static void self(void)
{
	soil_cpu(false);
	soil_tables();
	soil_unused_memory();
	make_fpu(soiler_kept.fpu, 2, false);
	look(&soiler_kept.after);
	if (kvick_boot()->ring == 3)
		ring(KVICK_CALL_MARK, 0, 0);
	compare(&soiler_kept.before, &soiler_kept.after);
	if (fpu_kind())
		check_fpu(soiler_kept.fpu, soiler_kept.fpu_wanted, fpu_kind());
}

static void finish(void)
{
	bool trap = asked_for("soil-trap"), ring0 = ring0_native();

	make_fpu(soiler_kept.fpu_wanted, 3, true);
	soil_cpu(asked_for("soil-xcr0"));
	soil_tables();
	soiler_kept.call = (struct kvick_call){
		.nr = KVICK_CALL_REPLY, .arg = { (uintptr_t)soiler_kept.reply, soiler_kept.reply_bytes, KVICK_REPLY_EXIT },
	};
	soil_memory_and_reply(RFLAGS_SOILED | (trap ? RFLAGS_TF : 0), ring0 && !trap);
}

int main(void)
{
	struct kept *kept = &soiler_kept;

	check_entry();
	check_zeroes();
	take_faults();
	look(&kept->after);
	check_documented(&kept->after);
	look(&kept->before); /* nothing is new to it any more */
	make_fpu(kept->fpu, 1, false);
	memcpy(kept->fpu_wanted, kept->fpu, sizeof(kept->fpu));
	ring(KVICK_CALL_READY, (uintptr_t)kept->request, sizeof(kept->request));
	kept->ready = kept->call;
	if (kept->ready.ret < 0 || kept->ready.ret > (int64_t)sizeof(kept->request))
		kvick_panic("soiler: no request");
	check_frame(&kept->frame);
	if (fpu_kind())
		check_fpu(kept->fpu, kept->fpu_wanted, fpu_kind());
	look(&kept->after);
	compare(&kept->before, &kept->after);
	if (asked_for("self"))
		self();
	if (asked_for("tsc"))
		say("tsc %lu\n", kvick_rdtsc());
	if (!kept->reply_bytes)
		say("clean\n");
	if (asked_for("soil") || asked_for("soil-trap") || asked_for("soil-xcr0"))
		soiler_on_kept_stack(finish);

	struct kvick_call reply = {
		.nr = KVICK_CALL_REPLY, .arg = { (uintptr_t)kept->reply, kept->reply_bytes, KVICK_REPLY_EXIT },
	};

	kvick_hypercall(&reply);
	return 1;
}
