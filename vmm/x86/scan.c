/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/x86/scan.h"

#include "vmm/x86/decode.h"
#include "vmm/x86/sensitive.h"

#define PAGE_BYTES 4096u
/* Of going through what branches lead to. Each is short, but that there are many may be somebody's wish: what is left is a gap. */
#define ROUNDS_MAX 64u

/* What an opcode means to whoever follows code. */
enum trait {
	BRANCH = 1 << 0,  /* its immediate is the way to another instruction */
	ENDS = 1 << 1,    /* does not fall through */
	RETURNS = 1 << 2, /* falls through if what it leads to comes back */
	PATCH = 1 << 3,   /* to be patched */
	BEGINS = 1 << 4,  /* a byte that one to patch may begin with */
	LOOK = 1 << 5,    /* its ModRM says which of these it has */
	ZERO = 1 << 6,    /* with a ModRM of 0, padding */
	NOTHING = 1 << 7, /* no instruction */
};

static const uint8_t one_byte[256] = {
	[0x00] = ZERO,
	[0x0f] = BEGINS,
	[0x26] = BEGINS, [0x2e] = BEGINS, [0x36] = BEGINS, [0x3e] = BEGINS,
	[0x40 ... 0x4f] = BEGINS,
	[0x64 ... 0x67] = BEGINS,
	[0x70 ... 0x7f] = BRANCH,
	[0x8c] = PATCH | BEGINS, [0x8e] = PATCH | BEGINS,
	[0x9c ... 0x9d] = PATCH | BEGINS,
	[0xc2 ... 0xc3] = ENDS,
	[0xc7] = LOOK,
	[0xca ... 0xcb] = PATCH | BEGINS | ENDS,
	[0xcc] = RETURNS, [0xcd] = PATCH | BEGINS | RETURNS,
	[0xcf] = PATCH | BEGINS | ENDS,
	[0xe0 ... 0xe3] = BRANCH,
	[0xe8] = BRANCH | RETURNS,
	[0xe9] = BRANCH | ENDS, [0xeb] = BRANCH | ENDS,
	[0xf0] = BEGINS, [0xf1] = RETURNS, [0xf2 ... 0xf3] = BEGINS,
	[0xf4] = RETURNS,
	[0xff] = LOOK | BEGINS,
};

static const uint8_t two_byte[256] = {
	[0x00 ... 0x01] = LOOK, [0x02 ... 0x03] = PATCH,
	[0x05] = PATCH | RETURNS, [0x07] = ENDS, [0x0b] = ENDS, /* SYSCALL, SYSRET, UD2 */
	[0x34] = RETURNS, [0x35] = ENDS,                /* SYSENTER, SYSEXIT */
	[0x80 ... 0x8f] = BRANCH,
	[0xa0 ... 0xa2] = PATCH, [0xa8 ... 0xa9] = PATCH,
	[0xaa] = ENDS, /* RSM */
	[0xae] = LOOK,
	[0xb2] = LOOK, [0xb4 ... 0xb5] = LOOK,
	[0xb9] = ENDS, [0xff] = ENDS, /* UD1, UD0 */
};

static const uint8_t group5[8] = { [2] = RETURNS, [3] = RETURNS | PATCH, [4] = ENDS, [5] = ENDS | PATCH };

static uint64_t *map_of(const struct x86_scan *s, enum x86_scan_map map)
{
	return s->maps + map * X86_SCAN_WORDS(s->bytes);
}

static void set(uint64_t *map, size_t at)
{
	map[at / 64] |= UINT64_C(1) << at % 64;
}

/* [from, to) */
static void set_range(uint64_t *map, size_t from, size_t to)
{
	while (from < to) {
		size_t bits = 64 - from % 64;
		uint64_t word = UINT64_MAX;

		if (bits > to - from) {
			bits = to - from;
			word = (UINT64_C(1) << bits) - 1;
		}
		map[from / 64] |= word << from % 64;
		from += bits;
	}
}

static bool is_gap(const struct x86_scan *s, size_t at)
{
	return !x86_scan_is(s, X86_SCAN_REACHED, at) && !x86_scan_is(s, X86_SCAN_INSIDE, at);
}

/* Of those with LOOK. */
static __attribute__((noinline)) uint8_t traits_by_modrm(const struct x86_instruction *i)
{
	const struct x86_sensitive *row;

	if (i->map == X86_ONE_BYTE && i->opcode == 0xff)
		return x86_mod(i) == 3 ? group5[x86_reg(i)] & (uint8_t)~PATCH : group5[x86_reg(i)];
	if (i->map == X86_ONE_BYTE)
		return i->modrm == 0xf8 ? BRANCH : 0; /* XBEGIN */
	row = x86_sensitive(i);
	return row && x86_needs_patch(row->id) ? PATCH : 0;
}

static inline uint8_t traits_of(const struct x86_instruction *i)
{
	uint8_t traits;

	if (i->map == X86_ONE_BYTE)
		traits = one_byte[i->opcode];
	else
		traits = i->map == X86_0F ? two_byte[i->opcode] : 0;
	if (traits & LOOK)
		traits = traits_by_modrm(i);
	/* Here AMD's RIP has 16 bits, Intel's 64, and so have the instruction's lengths. */
	if (traits & BRANCH && i->prefixes & X86_OPERAND_SIZE && !(i->rex & X86_REX_W))
		traits = NOTHING;
	return traits;
}

/* False where the branch leaves the code. */
static bool target_of(const struct x86_scan *s, size_t at, const struct x86_instruction *i, size_t *target)
{
	*target = at + i->bytes + i->immediate;
	return *target < s->bytes;
}

static void aim(struct x86_scan *s, size_t at, const struct x86_instruction *i)
{
	size_t target;

	if (target_of(s, at, i, &target))
		set(map_of(s, X86_SCAN_TARGETS), target);
}

/* Where a reached instruction goes on after its first byte; 14 bits at most. */
static inline void set_inside(uint64_t *inside, size_t from, unsigned bytes)
{
	uint64_t bits = (UINT64_C(1) << bytes) - 1;

	inside[from / 64] |= bits << from % 64;
	if (from % 64 + bytes > 64)
		inside[from / 64 + 1] |= bits >> (64 - from % 64);
}

/* Whatever comes there by falling through, until something does not, or until what is known. */
static void follow(struct x86_scan *s, size_t at)
{
	uint64_t *reached = map_of(s, X86_SCAN_REACHED), *inside = map_of(s, X86_SCAN_INSIDE);
	size_t sure = at; /* from here on, if it should lead nowhere, it is not code */
	struct x86_instruction i;

	for (; at < s->bytes && !(reached[at / 64] >> at % 64 & 1); at += i.bytes) {
		int r = x86_decode(s->code + at, s->bytes - at, &i);
		uint8_t traits = r == 1 ? traits_of(&i) : NOTHING;

		if (r == 0 || (traits & ZERO && i.modrm == 0 && i.bytes == 2))
			return;
		if (traits & NOTHING) {
			set_range(map_of(s, X86_SCAN_DOUBT), sure, at + 1);
			return;
		}
		set(reached, at);
		set_inside(inside, at + 1, i.bytes - 1u);
		if (!traits)
			continue;
		if (traits & BRANCH)
			aim(s, at, &i);
		if (traits & PATCH)
			set(map_of(s, X86_SCAN_PATCH), at);
		if (traits & ENDS)
			return;
		if (traits & RETURNS)
			sure = at + i.bytes;
	}
}

static void descend(struct x86_scan *s)
{
	uint64_t *targets = map_of(s, X86_SCAN_TARGETS);
	const uint64_t *reached = map_of(s, X86_SCAN_REACHED);
	bool more = true;

	for (unsigned round = 0; more && round < ROUNDS_MAX; round++) {
		more = false;
		for (size_t word = 0; word < X86_SCAN_WORDS(s->bytes); word++) {
			uint64_t todo;

			while ((todo = targets[word] & ~reached[word])) {
				size_t at = word * 64 + (size_t)__builtin_ctzll(todo);

				follow(s, at);
				/* No instruction: whoever leads there again pays for looking again. */
				if (!(reached[word] >> at % 64 & 1))
					targets[word] &= ~(UINT64_C(1) << at % 64);
				more = true;
			}
		}
	}
}

/* As much of the gap around `at` as is in its page. */
static void doubt(struct x86_scan *s, size_t at)
{
	size_t first = at - at % PAGE_BYTES, last = first + PAGE_BYTES < s->bytes ? first + PAGE_BYTES : s->bytes;
	size_t from = at, to = at + 1;

	if (x86_scan_is(s, X86_SCAN_DOUBT, at))
		return;
	while (from > first && is_gap(s, from - 1))
		from--;
	while (to < last && is_gap(s, to))
		to++;
	set_range(map_of(s, X86_SCAN_DOUBT), from, to);
}

/* How many zeros begin here, if as padding would. */
static size_t zeros_at(const struct x86_scan *s, size_t at, size_t end)
{
	size_t zeros = 0;

	while (at + zeros < end && s->code[at + zeros] == 0)
		zeros++;
	return zeros > 1 || at + zeros == end ? zeros : 0;
}

static bool is_nop(const struct x86_instruction *i)
{
	return (i->map == X86_ONE_BYTE && i->opcode == 0x90) || (i->map == X86_0F && i->opcode == 0x1f);
}

/* Zeros are padding where nothing falls through to them, but for NOPs; else this is data, such as a table of addresses. */
static void sweep_gap(struct x86_scan *s, size_t at, size_t end)
{
	struct x86_instruction i;
	bool ended = true;

	while (at < end) {
		size_t zeros = s->code[at] ? 0 : zeros_at(s, at, end);
		uint8_t traits;

		if (zeros) {
			if (!ended)
				doubt(s, at);
			at += zeros;
			continue;
		}
		traits = x86_decode(s->code + at, s->bytes - at, &i) == 1 ? traits_of(&i) : NOTHING;
		if (traits & NOTHING || i.bytes > end - at) {
			doubt(s, at++);
			continue;
		}
		set(map_of(s, X86_SCAN_SWEPT), at);
		if (traits & BRANCH && !x86_scan_is(s, X86_SCAN_DOUBT, at))
			aim(s, at, &i);
		if (traits & PATCH)
			set(map_of(s, X86_SCAN_PATCH), at);
		if (!is_nop(&i))
			ended = traits & (ENDS | RETURNS);
		at += i.bytes;
	}
}

/* The next byte from `at` on that is in a gap (`gap` all ones), or that is not (0). */
static size_t next(const struct x86_scan *s, size_t at, uint64_t gap)
{
	const uint64_t *reached = map_of(s, X86_SCAN_REACHED), *inside = map_of(s, X86_SCAN_INSIDE);
	uint64_t mask = UINT64_MAX << at % 64;

	for (size_t word = at / 64; word < X86_SCAN_WORDS(s->bytes); word++, mask = UINT64_MAX) {
		uint64_t bits = ((reached[word] | inside[word]) ^ gap) & mask;

		if (bits) {
			size_t found = word * 64 + (size_t)__builtin_ctzll(bits);

			return found < s->bytes ? found : s->bytes;
		}
	}
	return s->bytes;
}

static void sweep(struct x86_scan *s)
{
	for (size_t at = next(s, 0, UINT64_MAX); at < s->bytes; ) {
		size_t end = next(s, at, 0);

		sweep_gap(s, at, end);
		at = next(s, end, UINT64_MAX);
	}
}

/* Branches in gaps that lead to no instruction: neither end is certain to be code. */
static void doubt_sources(struct x86_scan *s)
{
	const uint64_t *swept = map_of(s, X86_SCAN_SWEPT), *in_doubt = map_of(s, X86_SCAN_DOUBT);
	struct x86_instruction i;
	size_t target;

	for (size_t word = 0; word < X86_SCAN_WORDS(s->bytes); word++)
		for (uint64_t bits = swept[word] & ~in_doubt[word]; bits; bits &= bits - 1) {
			size_t at = word * 64 + (size_t)__builtin_ctzll(bits);

			if (x86_decode(s->code + at, s->bytes - at, &i) == 1 && traits_of(&i) & BRANCH &&
			    target_of(s, at, &i, &target) && !x86_scan_is_start(s, target))
				doubt(s, at);
		}
}

static void check_targets(struct x86_scan *s)
{
	const uint64_t *targets = map_of(s, X86_SCAN_TARGETS), *reached = map_of(s, X86_SCAN_REACHED);
	const uint64_t *swept = map_of(s, X86_SCAN_SWEPT);
	bool amiss = false;

	for (size_t word = 0; word < X86_SCAN_WORDS(s->bytes); word++)
		for (uint64_t bits = targets[word] & ~(reached[word] | swept[word]); bits; bits &= bits - 1) {
			size_t at = word * 64 + (size_t)__builtin_ctzll(bits);

			amiss = true;
			if (is_gap(s, at))
				doubt(s, at);
		}
	if (amiss)
		doubt_sources(s);
}

/* Read from here on, be it code or not. What goes on beyond the end is not: where it goes on is looked at for itself. */
static bool would_be_to_patch(const struct x86_scan *s, size_t at)
{
	struct x86_instruction i;

	return one_byte[s->code[at]] & BEGINS && x86_decode(s->code + at, s->bytes - at, &i) == 1 && traits_of(&i) & PATCH;
}

static void add(uint32_t *list, unsigned max, unsigned *count, size_t at)
{
	if (*count < max)
		list[*count] = (uint32_t)at;
	++*count;
}

/* An instruction may be patched whose first byte is in no other one: also where another one begins in it. */
static void collect(struct x86_scan *s, size_t from, size_t to)
{
	const uint64_t *inside = map_of(s, X86_SCAN_INSIDE), *in_doubt = map_of(s, X86_SCAN_DOUBT);
	uint64_t *patch = map_of(s, X86_SCAN_PATCH);

	for (size_t word = from / 64; word < X86_SCAN_WORDS(to); word++)
		for (uint64_t bits = patch[word] | in_doubt[word]; bits; bits &= bits - 1) {
			size_t at = word * 64 + (size_t)__builtin_ctzll(bits);
			uint64_t bit = bits & -bits;

			if (at < from || at >= to)
				continue;
			if (patch[word] & bit && !((inside[word] | in_doubt[word]) & bit)) {
				add(s->sites, s->sites_max, &s->site_count, at);
			} else if (patch[word] & bit || would_be_to_patch(s, at)) {
				patch[word] |= bit;
				add(s->doubts, s->doubts_max, &s->doubt_count, at);
			}
		}
}

void x86_scan(struct x86_scan *s, const uint32_t *entries, unsigned entry_count)
{
	for (unsigned n = 0; n < entry_count; n++)
		if (entries[n] < s->bytes)
			x86_scan_enter(s, entries[n]);
	descend(s);
	sweep(s);
	check_targets(s);
	collect(s, 0, s->bytes);
}

bool x86_scan_page(struct x86_scan *s, uint32_t entry, uint32_t from, uint32_t to)
{
	if (entry < s->bytes)
		x86_scan_enter(s, entry);
	descend(s);
	for (size_t at = next(s, from, UINT64_MAX); at < to; ) {
		size_t end = next(s, at, 0);

		set_range(map_of(s, X86_SCAN_DOUBT), at, end);
		at = next(s, end, UINT64_MAX);
	}
	collect(s, from, to);
	return s->doubt_count == 0;
}

unsigned x86_site_bytes(const uint8_t *code, uint64_t bytes)
{
	struct x86_instruction instruction;
	const struct x86_sensitive *row;

	if (x86_decode(code, bytes < X86_INSTRUCTION_BYTES_MAX ? bytes : X86_INSTRUCTION_BYTES_MAX, &instruction) != 1)
		return 0;
	row = x86_sensitive(&instruction);
	return row && x86_needs_patch(row->id) ? instruction.bytes : 0;
}
