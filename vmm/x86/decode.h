/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions of 64-bit mode, as far as running a guest at ring 3 needs them: how long each is, and which of them are sensitive,
 * that is, would tell or change what belongs to the machine and not to the program (Popek and Goldberg, 1974). Freestanding. AMD64
 * APM 3, appendix A; Intel SDM 2, appendix A.
 *
 * What the CPU refuses with #UD may be taken for an instruction here: it is found out when it is executed.
 */
#ifndef KVICK_VMM_X86_DECODE_H
#define KVICK_VMM_X86_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define X86_INSTRUCTION_BYTES_MAX 15u

enum x86_map { X86_ONE_BYTE, X86_0F, X86_0F38, X86_0F3A, X86_3DNOW, X86_OTHER /* VEX, EVEX, XOP */ };

enum x86_prefix {
	X86_OPERAND_SIZE = 1 << 0, /* 66 */
	X86_ADDRESS_SIZE = 1 << 1, /* 67 */
	X86_LOCK = 1 << 2,         /* F0 */
	X86_REPNE = 1 << 3,        /* F2 */
	X86_REP = 1 << 4,          /* F3 */
	X86_FS = 1 << 5,
	X86_GS = 1 << 6,
};

enum x86_rex { X86_REX_B = 1, X86_REX_X = 2, X86_REX_R = 4, X86_REX_W = 8 };

struct x86_instruction {
	uint8_t bytes;        /* of all of it */
	uint8_t prefixes;     /* enum x86_prefix; F2 and F3 exclude each other: the last one counts */
	uint8_t rex;          /* 0: none, or one that was followed by another prefix and so is none */
	uint8_t map;          /* enum x86_map */
	uint8_t opcode;
	bool has_modrm;
	uint8_t modrm, sib;
	uint8_t opcode_at;    /* where in the instruction the opcode is */
	int32_t displacement; /* 0 where there is none */
	uint64_t immediate;   /* sign-extended where the CPU does; of ENTER the first one */
};

static inline unsigned x86_mod(const struct x86_instruction *i)
{
	return i->modrm >> 6;
}

/* Without the REX bits. */
static inline unsigned x86_reg(const struct x86_instruction *i)
{
	return i->modrm >> 3 & 7;
}

static inline unsigned x86_rm(const struct x86_instruction *i)
{
	return i->modrm & 7;
}

/* 1: decoded; 0: it goes on beyond `bytes`; -1: too long, or undefined in 64-bit mode. */
int x86_decode(const uint8_t *code, size_t bytes, struct x86_instruction *instruction);

#endif
