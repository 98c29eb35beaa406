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
	BAD,      /* undefined in 64-bit mode */
};

#define ARITHMETIC M, M, M, M, I1, IZ, BAD, BAD
#define TWICE(x)   x, x
#define FOUR(x)    x, x, x, x
#define EIGHT(x)   FOUR(x), FOUR(x)
#define SIXTEEN(x) EIGHT(x), EIGHT(x)

/* Prefixes and escapes never get here. APM 3, tables. */
static const uint8_t one_byte[256] = {
	/* 00 */ ARITHMETIC, ARITHMETIC,
	/* 10 */ ARITHMETIC, ARITHMETIC,
	/* 20 */ ARITHMETIC, ARITHMETIC,
	/* 30 */ ARITHMETIC, ARITHMETIC,
	/* 40 */ SIXTEEN(BAD),
	/* 50 */ SIXTEEN(NONE),
	/* 60 */ BAD, BAD, BAD, M, FOUR(BAD), IZ, MIZ, I1, MI1, FOUR(NONE),
	/* 70 */ SIXTEEN(I1),
	/* 80 */ MI1, MIZ, BAD, MI1, FOUR(M), EIGHT(M),
	/* 90 */ EIGHT(NONE), NONE, NONE, BAD, NONE, FOUR(NONE),
	/* a0 */ FOUR(OFFSET), FOUR(NONE), I1, IZ, TWICE(NONE), FOUR(NONE),
	/* b0 */ EIGHT(I1), EIGHT(IV),
	/* c0 */ MI1, MI1, I2, NONE, BAD, BAD, MI1, MIZ, ENTER, NONE, I2, NONE, NONE, I1, BAD, NONE,
	/* d0 */ FOUR(M), BAD, BAD, BAD, NONE, EIGHT(M),
	/* e0 */ FOUR(I1), FOUR(I1), J4, J4, BAD, I1, FOUR(NONE),
	/* f0 */ BAD, NONE, BAD, BAD, NONE, NONE, GROUP3_8, GROUP3_Z, FOUR(NONE), NONE, NONE, M, M,
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

struct reader {
	const uint8_t *code;
	size_t bytes, at;
	bool short_of; /* it goes on beyond the bytes there are */
};

static uint8_t take(struct reader *r)
{
	if (r->at >= r->bytes) {
		r->short_of = true;
		return 0;
	}
	return r->code[r->at++];
}

/* Little-endian, sign-extended. */
static uint64_t take_bytes(struct reader *r, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)take(r) << 8 * i;
	if (bytes < 8 && bytes > 0 && value >> (8 * bytes - 1))
		value |= UINT64_MAX << 8 * bytes;
	return value;
}

/* APM 3, 1.2. A REX that is not the last prefix is none. */
static uint8_t take_prefixes(struct reader *r, struct x86_instruction *i)
{
	while (!r->short_of) {
		uint8_t byte = take(r);

		switch (byte) {
		case 0x66: i->prefixes |= X86_OPERAND_SIZE; break;
		case 0x67: i->prefixes |= X86_ADDRESS_SIZE; break;
		case 0xf0: i->prefixes |= X86_LOCK; break;
		case 0xf2: i->prefixes = (uint8_t)((i->prefixes & ~X86_REP) | X86_REPNE); break;
		case 0xf3: i->prefixes = (uint8_t)((i->prefixes & ~X86_REPNE) | X86_REP); break;
		case 0x64: i->prefixes = (uint8_t)((i->prefixes & ~X86_GS) | X86_FS); break;
		case 0x65: i->prefixes = (uint8_t)((i->prefixes & ~X86_FS) | X86_GS); break;
		case 0x26: case 0x2e: case 0x36: case 0x3e: break; /* null segments in 64-bit mode */
		default:
			if ((byte & 0xf0) != 0x40)
				return byte;
			i->rex = byte;
			continue;
		}
		i->rex = 0;
	}
	return 0;
}

/* APM 3, 1.4. With an address-size prefix too: there is no 16-bit addressing in 64-bit mode. */
static void take_modrm(struct reader *r, struct x86_instruction *i)
{
	unsigned mod, rm;

	i->has_modrm = true;
	i->modrm = take(r);
	mod = x86_mod(i);
	rm = x86_rm(i);
	if (mod == 3)
		return;
	if (rm == 4) {
		i->sib = take(r);
		rm = i->sib & 7;
	}
	if (mod == 1)
		i->displacement = (int32_t)take_bytes(r, 1);
	else if (mod == 2 || rm == 5)
		i->displacement = (int32_t)take_bytes(r, 4);
}

static unsigned immediate_z(const struct x86_instruction *i)
{
	return i->prefixes & X86_OPERAND_SIZE && !(i->rex & X86_REX_W) ? 2 : 4;
}

static int take_rest(struct reader *r, struct x86_instruction *i, enum form form)
{
	switch (form) {
	case BAD:
		return -1;
	case NONE:
		return 0;
	case I1:
		i->immediate = take_bytes(r, 1);
		return 0;
	case I2:
		i->immediate = take_bytes(r, 2) & 0xffff;
		return 0;
	case IZ:
		i->immediate = take_bytes(r, immediate_z(i));
		return 0;
	case IV:
		i->immediate = take_bytes(r, i->rex & X86_REX_W ? 8 : immediate_z(i));
		return 0;
	case J4:
		i->immediate = take_bytes(r, 4);
		return 0;
	case OFFSET:
		i->immediate = take_bytes(r, i->prefixes & X86_ADDRESS_SIZE ? 4 : 8);
		return 0;
	case ENTER:
		i->immediate = take_bytes(r, 2) & 0xffff;
		take(r);
		return 0;
	case CONTROL:
		i->has_modrm = true;
		i->modrm = take(r);
		return 0;
	default:
		break;
	}
	take_modrm(r, i);
	if (form == MI1 || (form == GROUP3_8 && x86_reg(i) < 2))
		i->immediate = take_bytes(r, 1);
	else if (form == MIZ || (form == GROUP3_Z && x86_reg(i) < 2))
		i->immediate = take_bytes(r, immediate_z(i));
	else if (form == EXTRQ && i->prefixes & (X86_OPERAND_SIZE | X86_REPNE))
		i->immediate = take_bytes(r, 2) & 0xffff;
	return 0;
}

/* VEX, EVEX, XOP: none of them is sensitive, so only their length matters. APM 4, 1.2; SDM 2, 2.3 and 2.7. */
static int take_extended(struct reader *r, struct x86_instruction *i, uint8_t escape)
{
	uint8_t first = take(r), map = 1;
	unsigned immediate;

	if (i->rex || i->prefixes & (X86_LOCK | X86_OPERAND_SIZE | X86_REP | X86_REPNE))
		return -1;
	if (escape == 0xc4 || escape == 0x8f) {
		map = first & 0x1f;
		take(r);
	} else if (escape == 0x62) {
		map = first & 7;
		take(r);
		take(r);
	}
	i->map = X86_OTHER;
	i->opcode_at = (uint8_t)r->at;
	i->opcode = take(r);
	if (escape != 0x62 && map == 1 && i->opcode == 0x77) /* VZEROUPPER, VZEROALL */
		return 0;
	take_modrm(r, i);
	if (map == 3 || map == 8)
		immediate = 1;
	else if (map == 10)
		immediate = 4;
	else
		immediate = map == 1 && ((i->opcode >= 0x70 && i->opcode <= 0x73) || i->opcode == 0xc2 ||
					 (i->opcode >= 0xc4 && i->opcode <= 0xc6));
	i->immediate = take_bytes(r, immediate);
	return 0;
}

static int take_0f(struct reader *r, struct x86_instruction *i)
{
	uint8_t byte = take(r);

	if (byte == 0x38 || byte == 0x3a) {
		i->map = byte == 0x38 ? X86_0F38 : X86_0F3A;
		i->opcode_at = (uint8_t)r->at;
		i->opcode = take(r);
		return take_rest(r, i, byte == 0x38 ? M : MI1);
	}
	i->map = byte == 0x0f ? X86_3DNOW : X86_0F;
	i->opcode_at = (uint8_t)(r->at - 1);
	i->opcode = byte;
	return take_rest(r, i, two_byte[byte]);
}

int x86_decode(const uint8_t *code, size_t bytes, struct x86_instruction *i)
{
	struct reader r = { .code = code, .bytes = bytes < X86_INSTRUCTION_BYTES_MAX ? bytes : X86_INSTRUCTION_BYTES_MAX };
	uint8_t byte;
	int status;

	*i = (struct x86_instruction){ 0 };
	byte = take_prefixes(&r, i);
	if (r.short_of)
		return bytes >= X86_INSTRUCTION_BYTES_MAX ? -1 : 0;
	i->opcode_at = (uint8_t)(r.at - 1);
	i->opcode = byte;
	if (byte == 0x0f)
		status = take_0f(&r, i);
	else if (byte == 0xc4 || byte == 0xc5 || byte == 0x62 || (byte == 0x8f && r.at < r.bytes && (code[r.at] & 0x1f) >= 8))
		status = take_extended(&r, i, byte);
	else
		status = take_rest(&r, i, one_byte[byte]);
	if (status < 0)
		return -1;
	if (r.short_of)
		return bytes >= X86_INSTRUCTION_BYTES_MAX ? -1 : 0;
	i->bytes = (uint8_t)r.at;
	return 1;
}
