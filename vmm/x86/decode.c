/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/x86/decode.h"

/* What follows an opcode. */
enum form {
	NONE,     /* nothing */
	M,        /* ModRM */
	I1,       /* an 8-bit immediate or displacement */
	I2,       /* 16 bits */
	IZ,       /* 32 bits; 16 with an operand-size prefix */
	IV,       /* the same; 64 with REX.W */
	J4,       /* 32 bits of displacement, whatever the prefixes */
	MI1,      /* ModRM and 8 bits */
	MIZ,
	OFFSET,   /* an address: 64 bits; 32 with an address-size prefix */
	ENTER,    /* 16 and 8 bits */
	GROUP3_8, /* ModRM; TEST has 8 bits besides */
	GROUP3_Z,
	CONTROL,  /* ModRM that names two registers, whatever its mod says */
	EXTRQ,    /* 0F 78: ModRM; with 66 or F2 two immediates of 8 bits */
	PREFIX,   /* a legacy one */
	REX,
	ESCAPE,   /* 0F */
	EXTENDED, /* VEX, EVEX */
	POP,      /* ModRM; or XOP */
	BAD,      /* undefined in 64-bit mode */
	FORMS,
};

/* Of most forms: whether a ModRM follows, and how many bytes of immediate by immediate_index(). Of the others take_odd() knows. */
static const struct {
	bool modrm, odd;
	uint8_t immediate[4]; /* [0]: no prefix, [1]: operand size, [2], [3]: REX.W */
} forms[FORMS] = {
	[NONE] = { 0 },
	[M] = { .modrm = true },
	[I1] = { .immediate = { 1, 1, 1, 1 } },
	[I2] = { .odd = true },
	[IZ] = { .immediate = { 4, 2, 4, 4 } },
	[IV] = { .immediate = { 4, 2, 8, 8 } },
	[J4] = { .immediate = { 4, 4, 4, 4 } },
	[MI1] = { .modrm = true, .immediate = { 1, 1, 1, 1 } },
	[MIZ] = { .modrm = true, .immediate = { 4, 2, 4, 4 } },
	[OFFSET ... ENTER] = { .odd = true },
	[GROUP3_8 ... GROUP3_Z] = { .modrm = true, .odd = true },
	[CONTROL] = { .odd = true },
	[EXTRQ] = { .modrm = true, .odd = true },
	[PREFIX ... BAD] = { .odd = true }, /* POP is taken as M */
};

#define ARITHMETIC        M, M, M, M, I1, IZ, BAD, BAD
#define ARITHMETIC_PREFIX M, M, M, M, I1, IZ, PREFIX, BAD
#define ARITHMETIC_ESCAPE M, M, M, M, I1, IZ, BAD, ESCAPE
#define TWICE(x)   x, x
#define FOUR(x)    x, x, x, x
#define EIGHT(x)   FOUR(x), FOUR(x)
#define SIXTEEN(x) EIGHT(x), EIGHT(x)

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

/* As many as anything below reads: 15 prefixes, opcode, ModRM, SIB, displacement and immediate, each at its longest. */
#define WINDOW_BYTES 40u

static uint64_t load(const uint8_t *bytes)
{
	uint64_t value;

	__builtin_memcpy(&value, bytes, sizeof(value));
	return value;
}

/* 1, 2, 4 or 8 of them, little-endian, sign-extended; 0: none. */
static uint64_t take_bytes(const uint8_t *code, size_t *at, unsigned bytes)
{
	uint64_t value = load(code + *at);
	unsigned rest = 64 - 8 * bytes;

	*at += bytes;
	return bytes ? (uint64_t)((int64_t)(value << rest) >> rest) : 0;
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

/*
 * APM 3, 1.4. With an address-size prefix too: there is no 16-bit addressing in 64-bit mode. What follows is hard to foretell: so
 * without a branch.
 */
static void take_modrm(const uint8_t *code, size_t *at, struct x86_instruction *i)
{
	uint8_t modrm = code[*at], next = code[*at + 1];
	unsigned mod = modrm >> 6, sib = ((modrm & 7) == 4) & (mod != 3);
	unsigned base = (sib ? next : modrm) & 7;

	i->has_modrm = true;
	i->modrm = modrm;
	i->sib = (uint8_t)(next & -sib);
	*at += 1 + sib;
	i->displacement = (int32_t)take_bytes(code, at, (mod == 1) | (unsigned)((mod == 2) | ((mod == 0) & (base == 5))) << 2);
}

static unsigned immediate_index(const struct x86_instruction *i)
{
	return (i->prefixes & X86_OPERAND_SIZE) | (i->rex & X86_REX_W) >> 2;
}

/* What is left of the forms that the table does not say all of; their ModRM has been taken. */
static int take_odd(const uint8_t *code, size_t *at, struct x86_instruction *i, enum form form)
{
	switch (form) {
	case I2:
		i->immediate = take_bytes(code, at, 2) & 0xffff;
		return 0;
	case OFFSET:
		i->immediate = take_bytes(code, at, i->prefixes & X86_ADDRESS_SIZE ? 4 : 8);
		return 0;
	case ENTER:
		i->immediate = take_bytes(code, at, 2) & 0xffff;
		++*at;
		return 0;
	case CONTROL:
		i->has_modrm = true;
		i->modrm = code[(*at)++];
		return 0;
	case GROUP3_8:
		i->immediate = take_bytes(code, at, x86_reg(i) < 2);
		return 0;
	case GROUP3_Z:
		i->immediate = take_bytes(code, at, x86_reg(i) < 2 ? forms[IZ].immediate[immediate_index(i)] : 0);
		return 0;
	case EXTRQ:
		i->immediate = take_bytes(code, at, i->prefixes & (X86_OPERAND_SIZE | X86_REPNE) ? 2 : 0) & 0xffff;
		return 0;
	default:
		return -1;
	}
}

static int take_rest(const uint8_t *code, size_t *at, struct x86_instruction *i, enum form form)
{
	if (forms[form].modrm)
		take_modrm(code, at, i);
	if (forms[form].odd)
		return take_odd(code, at, i, form);
	i->immediate = take_bytes(code, at, forms[form].immediate[immediate_index(i)]);
	return 0;
}

/* VEX, EVEX, XOP: none of them is sensitive, so only their length matters. APM 4, 1.2; SDM 2, 2.3 and 2.7. */
static int take_extended(const uint8_t *code, size_t *at, struct x86_instruction *i)
{
	uint8_t escape = i->opcode, first = code[(*at)++], map = 1;
	unsigned immediate;

	if (i->rex || i->prefixes & (X86_LOCK | X86_OPERAND_SIZE | X86_REP | X86_REPNE))
		return -1;
	if (escape == 0xc4 || escape == 0x8f) {
		map = first & 0x1f;
		*at += 1;
	} else if (escape == 0x62) {
		map = first & 7;
		*at += 2;
	}
	i->map = X86_OTHER;
	i->opcode_at = (uint8_t)*at;
	i->opcode = code[(*at)++];
	if (escape != 0x62 && map == 1 && i->opcode == 0x77) /* VZEROUPPER, VZEROALL */
		return 0;
	take_modrm(code, at, i);
	if (map == 3 || map == 8)
		immediate = 1;
	else if (map == 10)
		immediate = 4;
	else
		immediate = map == 1 && ((i->opcode >= 0x70 && i->opcode <= 0x73) || i->opcode == 0xc2 ||
					 (i->opcode >= 0xc4 && i->opcode <= 0xc6));
	i->immediate = take_bytes(code, at, immediate);
	return 0;
}

static int take_0f(const uint8_t *code, size_t *at, struct x86_instruction *i)
{
	uint8_t byte = code[(*at)++];

	if (byte == 0x38 || byte == 0x3a) {
		i->map = byte == 0x38 ? X86_0F38 : X86_0F3A;
		i->opcode_at = (uint8_t)*at;
		i->opcode = code[(*at)++];
		return take_rest(code, at, i, byte == 0x38 ? M : MI1);
	}
	i->map = byte == 0x0f ? X86_3DNOW : X86_0F;
	i->opcode_at = (uint8_t)(*at - 1);
	i->opcode = byte;
	return take_rest(code, at, i, two_byte[byte]);
}

/* APM 3, 1.2. A REX that is not the last prefix is none. False: nothing but prefixes. */
static bool take_prefixes(const uint8_t *code, size_t *at, struct x86_instruction *i)
{
	while (*at < X86_INSTRUCTION_BYTES_MAX) {
		uint8_t byte = code[*at];

		if (one_byte[byte] != PREFIX && one_byte[byte] != REX)
			return true;
		i->rex = one_byte[byte] == REX ? byte : 0;
		i->prefixes = legacy_prefix(i->prefixes, byte);
		++*at;
	}
	return false;
}

/* Reads WINDOW_BYTES at most. */
static int take(const uint8_t *code, size_t *at, struct x86_instruction *i)
{
	/* Most have one REX or none, and which is hard to foretell: so without a branch. */
	unsigned rex = (code[0] & 0xf0) == 0x40;
	enum form form;

	i->rex = (uint8_t)(code[0] & -rex);
	*at = rex;
	form = one_byte[code[rex]];
	if (form == PREFIX || form == REX) {
		*at = 0;
		if (!take_prefixes(code, at, i))
			return -1;
		form = one_byte[code[*at]];
	}
	i->opcode_at = (uint8_t)*at;
	i->opcode = code[(*at)++];
	if (form == ESCAPE)
		return take_0f(code, at, i);
	if (form == EXTENDED || (form == POP && (code[*at] & 0x1f) >= 8))
		return take_extended(code, at, i);
	return take_rest(code, at, i, form == POP ? M : form);
}

int x86_decode(const uint8_t *code, size_t bytes, struct x86_instruction *i)
{
	uint8_t window[WINDOW_BYTES];
	size_t at = 0;
	int status;

	*i = (struct x86_instruction){ 0 };
	if (bytes < WINDOW_BYTES) {
		for (size_t n = 0; n < WINDOW_BYTES; n++)
			window[n] = n < bytes ? code[n] : 0;
		code = window;
	}
	status = take(code, &at, i);
	if (at > bytes)
		return bytes < X86_INSTRUCTION_BYTES_MAX ? 0 : -1;
	if (status < 0 || at > X86_INSTRUCTION_BYTES_MAX)
		return -1;
	i->bytes = (uint8_t)at;
	return 1;
}
