/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/x86/decode.h"

/* What follows an opcode. The immediate is an index into immediates[]. */
enum form {
	IMMEDIATE = 7,
	MODRM = 8,
	ODD = 16, /* take_odd() knows */

	NONE = 0, /* nothing */
	I1 = 1,   /* an 8-bit immediate or displacement */
	IZ = 2,   /* 32 bits; 16 with an operand-size prefix */
	IV = 3,   /* the same; 64 with REX.W */
	J4 = 4,   /* 32 bits of displacement, whatever the prefixes */
	M = MODRM,
	MI1 = MODRM | I1,
	MIZ = MODRM | IZ,

	GROUP3_8 = ODD | MODRM, /* TEST has 8 bits besides */
	GROUP3_Z,
	EXTRQ,    /* 0F 78: with 66 or F2 two immediates of 8 bits */
	I2 = ODD, /* 16 bits */
	OFFSET,   /* an address: 64 bits; 32 with an address-size prefix */
	ENTER,    /* 16 and 8 bits */
	CONTROL,  /* ModRM that names two registers, whatever its mod says */
	BAD,      /* undefined in 64-bit mode */

	ESCAPE = 32, /* 0F */
	EXTENDED,    /* VEX, EVEX */
	POP,         /* ModRM; or XOP */
	PREFIX = 64, /* a legacy one */
	REX,
};

/* Bytes, by what prefixes_index() says: nothing, operand size, REX.W, both. */
static const uint8_t immediates[][4] = {
	[I1] = { 1, 1, 1, 1 }, [IZ] = { 4, 2, 4, 4 }, [IV] = { 4, 2, 8, 8 }, [J4] = { 4, 4, 4, 4 },
};

#define ARITHMETIC        M, M, M, M, I1, IZ, BAD, BAD
#define ARITHMETIC_PREFIX M, M, M, M, I1, IZ, PREFIX, BAD
#define ARITHMETIC_ESCAPE M, M, M, M, I1, IZ, BAD, ESCAPE
#define TWICE(...)   __VA_ARGS__, __VA_ARGS__
#define FOUR(...)    TWICE(TWICE(__VA_ARGS__))
#define EIGHT(...)   TWICE(FOUR(__VA_ARGS__))
#define SIXTEEN(...) TWICE(EIGHT(__VA_ARGS__))

/* APM 3, tables. */
static const uint8_t one_byte[256] = {
	/* 00 */ ARITHMETIC, ARITHMETIC_ESCAPE,
	/* 10 */ ARITHMETIC, ARITHMETIC,
	/* 20 */ ARITHMETIC_PREFIX, ARITHMETIC_PREFIX,
	/* 30 */ ARITHMETIC_PREFIX, ARITHMETIC_PREFIX,
	/* 40 */ SIXTEEN(REX),
	/* 50 */ SIXTEEN(NONE),
	/* 60 */ BAD, BAD, EXTENDED, M, FOUR(PREFIX), IZ, MIZ, I1, MI1, FOUR(NONE),
	/* 70 */ SIXTEEN(I1),
	/* 80 */ MI1, MIZ, BAD, MI1, FOUR(M), FOUR(M), TWICE(M), M, POP,
	/* 90 */ EIGHT(NONE), NONE, NONE, BAD, NONE, FOUR(NONE),
	/* a0 */ FOUR(OFFSET), FOUR(NONE), I1, IZ, TWICE(NONE), FOUR(NONE),
	/* b0 */ EIGHT(I1), EIGHT(IV),
	/* c0 */ MI1, MI1, I2, NONE, EXTENDED, EXTENDED, MI1, MIZ, ENTER, NONE, I2, NONE, NONE, I1, BAD, NONE,
	/* d0 */ FOUR(M), BAD, BAD, BAD, NONE, EIGHT(M),
	/* e0 */ FOUR(I1), FOUR(I1), J4, J4, BAD, I1, FOUR(NONE),
	/* f0 */ PREFIX, NONE, PREFIX, PREFIX, NONE, NONE, GROUP3_8, GROUP3_Z, FOUR(NONE), NONE, NONE, M, M,
};

/* APM 3, tables. */
static const uint8_t two_byte[256] = {
	/* 00 */ M, M, M, M, BAD, NONE, NONE, NONE, NONE, NONE, BAD, NONE, BAD, M, NONE, MI1,
	/* 10 */ SIXTEEN(M),
	/* 20 */ FOUR(CONTROL), FOUR(BAD), EIGHT(M),
	/* 30 */ FOUR(NONE), NONE, NONE, BAD, NONE, EIGHT(BAD),
	/* 40 */ SIXTEEN(M),
	/* 50 */ SIXTEEN(M),
	/* 60 */ SIXTEEN(M),
	/* 70 */ FOUR(MI1), M, M, M, NONE, EXTRQ, M, M, M, FOUR(M),
	/* 80 */ SIXTEEN(J4),
	/* 90 */ SIXTEEN(M),
	/* a0 */ NONE, NONE, NONE, M, MI1, M, M, M, NONE, NONE, NONE, M, MI1, M, M, M,
	/* b0 */ EIGHT(M), M, M, MI1, M, FOUR(M),
	/* c0 */ M, M, MI1, M, MI1, MI1, MI1, M, EIGHT(NONE),
	/* d0 */ SIXTEEN(M),
	/* e0 */ SIXTEEN(M),
	/* f0 */ SIXTEEN(M),
};

/* What a ModRM brings: bytes of displacement, whether a SIB, and whether that may bring four more. APM 3, 1.4. */
#define DISPLACEMENT 15
#define SIB          16
#define BASE         32 /* if the SIB's base is 5, there is none but a displacement */

static const uint8_t after_modrm[256] = {
	EIGHT(0, 0, 0, 0, SIB | BASE, 4, 0, 0), /* with an address-size prefix too: there is no 16-bit addressing in 64-bit mode */
	EIGHT(1, 1, 1, 1, SIB | 1, 1, 1, 1),
	EIGHT(4, 4, 4, 4, SIB | 4, 4, 4, 4), /* and registers: 0 */
};

/* As many as anything below reads: 14 prefixes, opcode, ModRM, SIB, displacement and immediate, each at its longest. */
#define WINDOW_BYTES 40u

static inline uint64_t load(const uint8_t *bytes)
{
	uint64_t value;

	__builtin_memcpy(&value, bytes, sizeof(value));
	return value;
}

/* That many bytes, 0, 1, 2, 4 or 8, little-endian, sign-extended. */
static inline uint64_t value_of(const uint8_t *code, unsigned bytes)
{
	static const uint64_t masks[] = { [1] = UINT8_MAX, [2] = UINT16_MAX, [4] = UINT32_MAX, [8] = UINT64_MAX };
	uint64_t mask = masks[bytes], sign = mask ^ mask >> 1;

	return ((load(code) & mask) ^ sign) - sign;
}

static uint8_t legacy_prefix(uint8_t prefixes, uint8_t byte)
{
	switch (byte) {
	case 0x66: return prefixes | X86_OPERAND_SIZE;
	case 0x67: return prefixes | X86_ADDRESS_SIZE;
	case 0xf0: return prefixes | X86_LOCK;
	case 0xf2: return (uint8_t)((prefixes & ~X86_REP) | X86_REPNE);
	case 0xf3: return (uint8_t)((prefixes & ~X86_REPNE) | X86_REP);
	case 0x64: return (uint8_t)((prefixes & ~X86_GS) | X86_FS);
	case 0x65: return (uint8_t)((prefixes & ~X86_FS) | X86_GS);
	default: return prefixes; /* null segments in 64-bit mode */
	}
}

/* APM 3, 1.2. A REX that is not the last prefix is none. Returns where the opcode is; there may be none. */
static __attribute__((noinline)) unsigned take_prefixes(const uint8_t *code, struct x86_instruction *i)
{
	unsigned at;

	i->rex = 0;
	for (at = 0; at < X86_INSTRUCTION_BYTES_MAX && one_byte[code[at]] >= PREFIX; at++) {
		i->rex = one_byte[code[at]] == REX ? code[at] : 0;
		i->prefixes = legacy_prefix(i->prefixes, code[at]);
	}
	return at;
}

/*
 * Whether there is one (`modrm`: 1, or 0) and what it brings is hard to foretell: so without a branch. Returns where it ends.
 */
static inline unsigned take_modrm(const uint8_t *code, unsigned at, struct x86_instruction *i, unsigned modrm)
{
	unsigned byte = code[at] & -modrm, next = code[at + 1], after = after_modrm[byte], sib = after / SIB & 1;
	unsigned bytes = (after & DISPLACEMENT) | (after / BASE & ((next & 7) == 5)) << 2;

	i->has_modrm = modrm;
	i->modrm = (uint8_t)byte;
	i->sib = (uint8_t)(next & -sib);
	at += modrm + sib;
	i->displacement = (int32_t)value_of(code + at, bytes);
	return at + bytes;
}

static inline unsigned prefixes_index(const struct x86_instruction *i)
{
	return (i->prefixes & X86_OPERAND_SIZE) | (i->rex & X86_REX_W) >> 2;
}

static inline int take_immediate(const uint8_t *code, unsigned at, unsigned bytes, struct x86_instruction *i)
{
	i->immediate = value_of(code + at, bytes);
	return (int)(at + bytes);
}

/* What has a ModRM has it taken. */
static __attribute__((noinline)) int take_odd(const uint8_t *code, unsigned at, struct x86_instruction *i, enum form form)
{
	switch (form) {
	case GROUP3_8:
		return take_immediate(code, at, x86_reg(i) < 2, i);
	case GROUP3_Z:
		return take_immediate(code, at, x86_reg(i) < 2 ? immediates[IZ][prefixes_index(i)] : 0, i);
	case OFFSET:
		return take_immediate(code, at, i->prefixes & X86_ADDRESS_SIZE ? 4 : 8, i);
	case EXTRQ:
		if (!(i->prefixes & (X86_OPERAND_SIZE | X86_REPNE)))
			return (int)at;
		i->immediate = value_of(code + at, 2) & 0xffff;
		return (int)at + 2;
	case I2:
	case ENTER:
		i->immediate = value_of(code + at, 2) & 0xffff;
		return (int)at + (form == I2 ? 2 : 3);
	case CONTROL:
		i->has_modrm = true;
		i->modrm = code[at];
		return (int)at + 1;
	default:
		return -(int)at;
	}
}

static inline int take_rest(const uint8_t *code, unsigned at, struct x86_instruction *i, enum form form, unsigned index)
{
	at = take_modrm(code, at, i, form / MODRM & 1);
	if (form & ODD)
		return take_odd(code, at, i, form);
	return take_immediate(code, at, immediates[form & IMMEDIATE][index], i);
}

/* VEX, EVEX, XOP: none of them is sensitive, so only their length matters. APM 4, 1.2; SDM 2, 2.3 and 2.7. */
static __attribute__((noinline)) int take_extended(const uint8_t *code, unsigned at, struct x86_instruction *i)
{
	uint8_t escape = i->opcode, first = code[at++], map = 1;
	unsigned immediate;

	if (i->rex || i->prefixes & (X86_LOCK | X86_OPERAND_SIZE | X86_REP | X86_REPNE))
		return -(int)at;
	if (escape == 0xc4 || escape == 0x8f) {
		map = first & 0x1f;
		at += 1;
	} else if (escape == 0x62) {
		map = first & 7;
		at += 2;
	}
	i->map = X86_OTHER;
	i->opcode_at = (uint8_t)at;
	i->opcode = code[at++];
	if (escape != 0x62 && map == 1 && i->opcode == 0x77) /* VZEROUPPER, VZEROALL */
		return (int)at;
	at = take_modrm(code, at, i, 1);
	if (map == 3 || map == 8)
		immediate = 1;
	else if (map == 10)
		immediate = 4;
	else
		immediate = map == 1 && ((i->opcode >= 0x70 && i->opcode <= 0x73) || i->opcode == 0xc2 ||
					 (i->opcode >= 0xc4 && i->opcode <= 0xc6));
	return take_immediate(code, at, immediate, i);
}

static __attribute__((noinline)) int take_0f(const uint8_t *code, unsigned at, struct x86_instruction *i)
{
	uint8_t byte = code[at++];

	if (byte == 0x38 || byte == 0x3a) {
		i->map = byte == 0x38 ? X86_0F38 : X86_0F3A;
		i->opcode_at = (uint8_t)at;
		i->opcode = code[at++];
		return take_rest(code, at, i, byte == 0x38 ? M : MI1, 0);
	}
	i->map = byte == 0x0f ? X86_3DNOW : X86_0F;
	i->opcode_at = (uint8_t)(at - 1);
	i->opcode = byte;
	return take_rest(code, at, i, two_byte[byte], prefixes_index(i));
}

/* How long it is; less than 0: it makes no sense, and that many bytes say so. */
static inline int take(const uint8_t *code, struct x86_instruction *i)
{
	/* Most have one REX or none, and which is hard to foretell: so without a branch. */
	unsigned at = (code[0] & 0xf0) == 0x40, index;
	enum form form = one_byte[code[at]];

	i->rex = (uint8_t)(code[0] & -at);
	index = (i->rex & X86_REX_W) >> 2;
	if (form >= PREFIX) {
		at = take_prefixes(code, i);
		form = one_byte[code[at]];
		index = prefixes_index(i);
		if (at == X86_INSTRUCTION_BYTES_MAX)
			return -(int)at;
	}
	i->opcode_at = (uint8_t)at;
	i->opcode = code[at++];
	if (form < ESCAPE)
		return take_rest(code, at, i, form, index);
	if (form == ESCAPE)
		return take_0f(code, at, i);
	if (form == EXTENDED || (code[at] & 0x1f) >= 8)
		return take_extended(code, at, i);
	return take_rest(code, at, i, M, index);
}

/* What is left of it may be zeros: where they count, it is cut short. */
static __attribute__((noinline)) int decode_end(const uint8_t *code, size_t bytes, struct x86_instruction *i)
{
	uint8_t window[WINDOW_BYTES];

	for (size_t n = 0; n < WINDOW_BYTES; n++)
		window[n] = n < bytes ? code[n] : 0;
	return take(window, i);
}

int x86_decode(const uint8_t *code, size_t bytes, struct x86_instruction *i)
{
	int length;

	*i = (struct x86_instruction){ 0 };
	length = bytes < WINDOW_BYTES ? decode_end(code, bytes, i) : take(code, i);
	if (length <= (int)X86_INSTRUCTION_BYTES_MAX && length > 0 && (size_t)length <= bytes) {
		i->bytes = (uint8_t)length;
		return 1;
	}
	return (size_t)(length < 0 ? -length : length) > bytes && bytes < X86_INSTRUCTION_BYTES_MAX ? 0 : -1;
}
