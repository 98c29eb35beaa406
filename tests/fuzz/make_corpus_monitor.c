/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the files in tests/fuzz/corpus/monitor: instructions in a guest whose memory is full of descriptors and gates.
 *
 *	make_corpus_monitor tests/fuzz/corpus/monitor
 */
#include <stdio.h>
#include <string.h>

#include "tests/fuzz/corpus.h"
#include "tests/fuzz/fuzz_monitor.h"

/* Words of memory. */
enum { FRAME = 20, POINTER = 25, GATE_POINTER = 27, WORDS = 29 };

static const struct {
	const char *name;
	uint8_t vector;
	uint8_t reg, word; /* which points to which of them; 0: none */
	uint8_t code[15];
} files[] = {
	{ "mov_to_ss", 32, 0, 0, { 0x8e, 0xd0 } },
	{ "pop_fs", 32, 0, 0, { 0x0f, 0xa1 } },
	{ "lgs", 32, 0, 0, { 0x0f, 0xb5, 0x0b } },
	{ "far_call", 32, 3, POINTER, { 0x48, 0xff, 0x1b } },
	{ "far_call_by_gate", 32, 3, GATE_POINTER, { 0x48, 0xff, 0x1b } },
	{ "far_jump", 32, 3, POINTER - 1, { 0x48, 0xff, 0x6b, 0x08 } },
	{ "far_return", 32, 0, 0, { 0x48, 0xca, 0x08, 0x00 } },
	{ "iret", 32, 0, 0, { 0x48, 0xcf } },
	{ "ltr", 32, 0, 0, { 0x0f, 0x00, 0xd8 } },
	{ "lldt", 32, 0, 0, { 0x0f, 0x00, 0x13 } },
	{ "lar", 32, 0, 0, { 0x0f, 0x02, 0x0c, 0x73 } },
	{ "popf", 32, 0, 0, { 0x66, 0x9d } },
	{ "lgdt", 32, 0, 0, { 0x64, 0x0f, 0x01, 0x13 } },
	{ "mov_to_cr4", 32, 0, 0, { 0x0f, 0x22, 0xe0 } },
	{ "wrmsr", 32, 0, 0, { 0x0f, 0x30 } },
	{ "wrfsbase", 32, 0, 0, { 0xf3, 0x48, 0x0f, 0xae, 0xd0 } },
	{ "syscall", 32, 0, 0, { 0x0f, 0x05 } },
	{ "int", 32, 0, 0, { 0xcd, 0x20 } },
	{ "out", 32, 0, POINTER, { 0xef } },
	{ "page_fault", 14, 0, 0, { 0x90 } },
	{ "double_fault", 13, 0, 0, { 0x90 } },
};

/* Of each kind one, each of 8 bytes; gates of the IDT and descriptors of LDT and TSS take two. */
static const uint64_t words[WORDS] = {
	0x0000000000000000, 0x0020980000000000, 0x0000920000000000, 0x00209e0000000000, 0x0000f20000000000, 0x0020fa0000000000,
	0x0000890000000067, 0x0000000000000000, 0x0000820000000fff, 0x0000000000000000, 0x00008c0000081000, 0x0000000000000000,
	0x00008e0000081000, 0x0000000000000000, 0x00008f0100081000, 0x0000000000000000, 0x0000920000000000 & ~(1ull << 47),
	0x0020980000000000 & ~(1ull << 47), 0x00409a0000000000, 0x0000900000000000,
	[FRAME] = 0x10000, 0x8, 0x246, 0x50800, 0x10,
	[POINTER] = 0x10000, 0x8,
	[GATE_POINTER] = 0, 0x50,
};

static void input_init(struct fuzz_monitor_input *in)
{
	const uint64_t tables = PLACED(PLACE_TABLES, 0);

	memset(in, 0, sizeof(*in));
	for (unsigned i = 0; i < 16; i++)
		in->regs[i] = PLACED(PLACE_DATA, 0x800 + i * 8);
	in->regs[0] = 0x10;
	in->regs[2] = 0x502;
	in->regs[4] = PLACED(PLACE_STACK, FILL_BYTES + FRAME * 8);
	in->rflags = 0x2;
	in->printed = 0xffc;
	in->cpu = (struct virtual_cpu){
		.cr0 = 0x80050033, .cr4 = 0x10620, .efer = 0xd01, .gdtr = { tables, 0xffff }, .idtr = { tables, 0xfff },
		.ldtr = { .base = tables, .limit = 0xfff, .selector = 0x40 },
		.tr = { .base = tables, .limit = 0x67, .selector = 0x30 }, .selectors = { 16, 8, 16, 16, 16, 16 },
		.lstar = PLACED(PLACE_CODE, 0x100), .star = 8ull << 32, .dr = { [6] = 0xffff0ff0, [7] = 0x400 },
	};
	for (unsigned i = 0; i < FILL_BYTES / 8; i++)
		memcpy(in->fill + i * 8, &words[i % WORDS], 8);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct fuzz_monitor_input in;

		input_init(&in);
		in.vector = files[i].vector;
		if (files[i].word)
			in.regs[files[i].reg] = PLACED(PLACE_DATA, files[i].word * 8u);
		memcpy(in.code, files[i].code, sizeof(in.code));
		corpus_write(argv[1], files[i].name, &in, sizeof(in));
	}
	return 0;
}
