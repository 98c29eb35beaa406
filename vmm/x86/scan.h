/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where code has instructions that must be patched before ring 3 runs it, since it would carry them out differently without a trap
 * (x86_needs_patch()). A patch in what is data breaks it silently, an instruction overlooked runs wrongly: so what is code is to be
 * certain, and a place where it is not is named, for the caller to leave not executable. Freestanding.
 *
 * Certain is
 *   - what is reached from an entry point by falling through and by direct branches,
 *   - and what lies between, a gap, where reading it from its start on leads through instructions, and zeros that pad, just to the
 *     gap's end, and each direct branch in it leads to where an instruction begins.
 * In doubt are gaps otherwise, by the page; and what is reached, from the last call before it on, where it leads to no instruction:
 * the call does not return. That data is never told from code by looks alone, if every byte of it makes sense as code, is known.
 */
#ifndef KVICK_VMM_X86_SCAN_H
#define KVICK_VMM_X86_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What of a byte; a map of bits for each. */
enum x86_scan_map {
	X86_SCAN_REACHED, /* an instruction begins there, reached from an entry */
	X86_SCAN_SWEPT,   /* the same, in a gap */
	X86_SCAN_INSIDE,  /* a reached instruction goes on there */
	X86_SCAN_TARGETS, /* a direct branch leads there, or it is an entry */
	X86_SCAN_PATCH,   /* an instruction to patch begins there; where in doubt, what would be one */
	X86_SCAN_DOUBT,
	X86_SCAN_MAPS,
};

/* Of each map. One more than it takes, so that the end can be looked at like any other byte. */
#define X86_SCAN_WORDS(bytes) ((bytes) / 64 + 1)

struct x86_scan {
	const uint8_t *code;
	size_t bytes;   /* at most UINT32_MAX */
	uint64_t *maps; /* X86_SCAN_MAPS times X86_SCAN_WORDS(bytes), zero but for x86_scan_enter() */
	/* Offsets of instructions to patch, ascending. The count goes on beyond the maximum. */
	uint32_t *sites;
	unsigned sites_max, site_count;
	/* Of those that are in doubt: not to be patched, nor to be run unpatched. */
	uint32_t *doubts;
	unsigned doubts_max, doubt_count;
};

/* Before a scan: an instruction is known to begin there. */
static inline void x86_scan_enter(struct x86_scan *scan, size_t at)
{
	scan->maps[X86_SCAN_TARGETS * X86_SCAN_WORDS(scan->bytes) + at / 64] |= UINT64_C(1) << at % 64;
}

/* An executable segment, and where execution may enter it. Entries outside are ignored. */
void x86_scan(struct x86_scan *scan, const uint32_t *entries, unsigned entry_count);

/*
 * A page of data, [from, to) of the code, that is to run from `entry` on, which is in it or before it: an instruction that began in
 * the page before goes on here. As much before and after the page as is executable may be in the code. What is cut short by the
 * code's end is not looked at: who makes what follows executable looks at it, from X86_INSTRUCTION_BYTES_MAX - 1 bytes before on.
 *
 * True: all that would have to be patched, wherever one begins to read, has been reached, but for what is inside of instructions
 * that have been; it is in `sites`. Else the first in doubt is doubts[0], if there is room, and no site is to be patched.
 */
bool x86_scan_page(struct x86_scan *scan, uint32_t entry, uint32_t from, uint32_t to);

/* How long the instruction is that begins there and is to be patched; 0: none does. */
unsigned x86_site_bytes(const uint8_t *code, uint64_t bytes);

static inline bool x86_scan_is(const struct x86_scan *scan, enum x86_scan_map map, size_t at)
{
	return scan->maps[map * X86_SCAN_WORDS(scan->bytes) + at / 64] >> at % 64 & 1;
}

/* An instruction begins there, in doubt or not. */
static inline bool x86_scan_is_start(const struct x86_scan *scan, size_t at)
{
	return x86_scan_is(scan, X86_SCAN_REACHED, at) || x86_scan_is(scan, X86_SCAN_SWEPT, at);
}

#endif
