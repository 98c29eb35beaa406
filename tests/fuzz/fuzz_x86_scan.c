/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scan (vmm/x86/scan.h) of arbitrary bytes: nothing is read outside of them, what it says is an instruction is as long by
 * Zydis, and what is to be patched is either a site or in doubt.
 */
#include <string.h>

#include <Zydis/Zydis.h>

#include "tests/fuzz/fuzz.h"
#include "vmm/x86/decode.h"
#include "vmm/x86/scan.h"
#include "vmm/x86/sensitive.h"

#define HEAD_BYTES 6
#define ENTRIES    2
#define LIST_MAX   64

/* All of exactly the size that is promised, for the sanitizer to watch over. */
static void begin(struct x86_scan *scan, const uint8_t *data, size_t bytes)
{
	uint8_t *code = malloc(bytes);

	memcpy(code, data, bytes);
	*scan = (struct x86_scan){
		.code = code, .bytes = bytes, .maps = calloc(X86_SCAN_MAPS * X86_SCAN_WORDS(bytes), sizeof(uint64_t)),
		.sites = calloc(LIST_MAX, sizeof(uint32_t)), .sites_max = LIST_MAX,
		.doubts = calloc(LIST_MAX, sizeof(uint32_t)), .doubts_max = LIST_MAX,
	};
}

static void end(struct x86_scan *scan)
{
	free((void *)scan->code);
	free(scan->maps);
	free(scan->sites);
	free(scan->doubts);
}

static bool is_to_patch(const struct x86_scan *scan, size_t at)
{
	struct x86_instruction i;
	const struct x86_sensitive *row;

	if (x86_decode(scan->code + at, scan->bytes - at, &i) != 1)
		return false;
	row = x86_sensitive(&i);
	return row && x86_needs_patch(row->id);
}

static bool in_doubt(const struct x86_scan *scan, size_t at)
{
	return x86_scan_is(scan, X86_SCAN_DOUBT, at) || x86_scan_is(scan, X86_SCAN_INSIDE, at);
}

/* Ascending, and to be patched. */
static void check_list(const struct x86_scan *scan, const uint32_t *list, unsigned count)
{
	for (unsigned n = 0; n < count && n < LIST_MAX; n++) {
		PROMISE(list[n] < scan->bytes && (n == 0 || list[n] > list[n - 1]));
		PROMISE(is_to_patch(scan, list[n]) && x86_scan_is(scan, X86_SCAN_PATCH, list[n]));
		PROMISE(in_doubt(scan, list[n]) == (list == scan->doubts));
		PROMISE(list == scan->doubts || x86_scan_is_start(scan, list[n]));
	}
}

static void check_lists(const struct x86_scan *scan, size_t from, size_t to)
{
	unsigned sites = 0, doubts = 0;

	check_list(scan, scan->sites, scan->site_count);
	check_list(scan, scan->doubts, scan->doubt_count);
	for (size_t at = from; at < to; at++) {
		bool start = x86_scan_is_start(scan, at), doubt = in_doubt(scan, at);

		if (is_to_patch(scan, at) && (start || x86_scan_is(scan, X86_SCAN_DOUBT, at)))
			*(doubt ? &doubts : &sites) += 1;
	}
	PROMISE(sites == scan->site_count && doubts == scan->doubt_count);
}

/* One that is certain, and as Zydis has it. */
static void check_instruction(const struct x86_scan *scan, size_t at, const ZydisDecodedInstruction *z,
			      const ZydisDecodedOperand *operands)
{
	bool reached = x86_scan_is(scan, X86_SCAN_REACHED, at);
	ZyanU64 target;

	for (size_t n = 1; n < z->length; n++) {
		PROMISE(at + n < scan->bytes);
		PROMISE(x86_scan_is(scan, X86_SCAN_INSIDE, at + n) == reached);
		PROMISE(reached || !x86_scan_is_start(scan, at + n));
	}
	if (z->meta.branch_type != ZYDIS_BRANCH_TYPE_NONE && z->meta.branch_type != ZYDIS_BRANCH_TYPE_FAR && !reached &&
	    operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE && operands[0].imm.is_relative) {
		PROMISE(ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(z, &operands[0], at, &target)));
		PROMISE(target >= scan->bytes || x86_scan_is_start(scan, (size_t)target));
	}
}

static void check_instructions(const struct x86_scan *scan)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT] = { 0 };
	ZydisDecodedInstruction z;
	ZydisDecoder decoder;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (size_t at = 0; at < scan->bytes; at++)
		if (x86_scan_is_start(scan, at) && !x86_scan_is(scan, X86_SCAN_DOUBT, at) &&
		    ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, scan->code + at, scan->bytes - at, &z, operands)) &&
		    z.encoding != ZYDIS_INSTRUCTION_ENCODING_MVEX && z.mnemonic != ZYDIS_MNEMONIC_JKZD &&
		    z.mnemonic != ZYDIS_MNEMONIC_JKNZD)
			check_instruction(scan, at, &z, operands);
}

static void check_page(const uint8_t *data, size_t bytes, uint32_t entry, uint32_t from)
{
	struct x86_scan scan;
	bool certain;

	begin(&scan, data, bytes);
	certain = x86_scan_page(&scan, entry, from, (uint32_t)bytes);
	check_lists(&scan, from, bytes);
	for (size_t at = from; certain && at < bytes; at++)
		PROMISE(!is_to_patch(&scan, at) || x86_scan_is(&scan, X86_SCAN_REACHED, at) ||
			x86_scan_is(&scan, X86_SCAN_INSIDE, at));
	end(&scan);
}

/* Two entries and a page's beginning, of 16 bits each; code. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	uint32_t numbers[ENTRIES + 1];
	struct x86_scan scan;

	if (bytes <= HEAD_BYTES)
		return 0;
	for (unsigned n = 0; n <= ENTRIES; n++)
		numbers[n] = data[2 * n] | (uint32_t)data[2 * n + 1] << 8;
	data += HEAD_BYTES;
	bytes -= HEAD_BYTES;
	begin(&scan, data, bytes);
	x86_scan(&scan, numbers, ENTRIES);
	check_lists(&scan, 0, bytes);
	check_instructions(&scan);
	end(&scan);
	if (numbers[ENTRIES] < bytes)
		check_page(data, bytes, numbers[0], numbers[ENTRIES]);
	return 0;
}
