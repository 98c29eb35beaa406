/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/instruction.h"

#include <stdbool.h>

/*
 * The opcode maps' rows that concern us: what 0F xx is without a prefix and with 66, F3, F2. One name for all: in the first.
 * NULL: KVM emulates it.
 */
enum prefix { NO_PREFIX, PREFIX_66, PREFIX_F3, PREFIX_F2, PREFIXES };

static const struct {
	uint8_t opcode;
	const char *names[PREFIXES];
} two_byte[] = {
	{ 0x10, { NULL, NULL, "movss", "movsd" } },
	{ 0x11, { NULL, NULL, "movss", "movsd" } },
	{ 0x12, { "movlps", "movlpd", "movsldup", "movddup" } },
	{ 0x13, { "movlps", "movlpd" } },
	{ 0x14, { "unpcklps", "unpcklpd" } },
	{ 0x15, { "unpckhps", "unpckhpd" } },
	{ 0x16, { "movhps", "movhpd", "movshdup" } },
	{ 0x17, { "movhps", "movhpd" } },
	{ 0x2a, { "cvtpi2ps", "cvtpi2pd", "cvtsi2ss", "cvtsi2sd" } },
	{ 0x2c, { "cvttps2pi", "cvttpd2pi", "cvttss2si", "cvttsd2si" } },
	{ 0x2d, { "cvtps2pi", "cvtpd2pi", "cvtss2si", "cvtsd2si" } },
	{ 0x2e, { "ucomiss", "ucomisd" } },
	{ 0x2f, { "comiss", "comisd" } },
	{ 0x38, { "an SSSE3 or SSE4 instruction" } },
	{ 0x3a, { "an SSSE3 or SSE4 instruction" } },
	{ 0x50, { "movmskps", "movmskpd" } },
	{ 0x51, { "sqrtps", "sqrtpd", "sqrtss", "sqrtsd" } },
	{ 0x52, { "rsqrtps", NULL, "rsqrtss" } },
	{ 0x53, { "rcpps", NULL, "rcpss" } },
	{ 0x54, { "andps", "andpd" } },
	{ 0x55, { "andnps", "andnpd" } },
	{ 0x56, { "orps", "orpd" } },
	{ 0x57, { "xorps", "xorpd" } },
	{ 0x58, { "addps", "addpd", "addss", "addsd" } },
	{ 0x59, { "mulps", "mulpd", "mulss", "mulsd" } },
	{ 0x5a, { "cvtps2pd", "cvtpd2ps", "cvtss2sd", "cvtsd2ss" } },
	{ 0x5b, { "cvtdq2ps", "cvtps2dq", "cvttps2dq" } },
	{ 0x5c, { "subps", "subpd", "subss", "subsd" } },
	{ 0x5d, { "minps", "minpd", "minss", "minsd" } },
	{ 0x5e, { "divps", "divpd", "divss", "divsd" } },
	{ 0x5f, { "maxps", "maxpd", "maxss", "maxsd" } },
	{ 0x6e, { "movd" } },
	{ 0x6f, { NULL } }, /* movq, movdqa, movdqu */
	{ 0x70, { "pshufw", "pshufd", "pshufhw", "pshuflw" } },
	{ 0x77, { "emms" } },
	{ 0x7e, { "movd", NULL, "movq" } },
	{ 0x7f, { NULL } },
	{ 0xc2, { "cmpps", "cmppd", "cmpss", "cmpsd" } },
	{ 0xc4, { "pinsrw" } },
	{ 0xc5, { "pextrw" } },
	{ 0xc6, { "shufps", "shufpd" } },
	{ 0xd6, { NULL, "movq", "movq2dq", "movdq2q" } },
	{ 0xe6, { NULL, "cvttpd2dq", "cvtdq2pd", "cvtpd2dq" } },
	{ 0xe7, { NULL } }, /* movntdq */
	{ 0xef, { "pxor" } },
};

/* By the reg field of what follows 0F xx; a row for each prefix that matters. */
static const struct {
	uint8_t opcode;
	enum prefix prefix;
	const char *names[8];
} groups[] = {
	{ 0xae, NO_PREFIX, { [2] = "ldmxcsr", "stmxcsr", "xsave", "xrstor", "xsaveopt" } },
	{ 0xae, PREFIX_66, { [6] = "clwb" } },
	{ 0xae, PREFIX_F3, { "rdfsbase", "rdgsbase", "wrfsbase", "wrgsbase" } },
	{ 0xc7, NO_PREFIX, { [1] = "cmpxchg16b", [3] = "xrstors", [4] = "xsavec", [5] = "xsaves", [6] = "rdrand",
			     [7] = "rdseed" } },
};

/* Whole sequences without a prefix. */
static const struct {
	uint8_t bytes, code[4];
	const char *name;
} sequences[] = {
	{ 1, { 0x9b }, "fwait" },		 { 1, { 0xcc }, "int3" },
	{ 1, { 0xcd }, "int n" },		 { 1, { 0x62 }, "an AVX-512 instruction" },
	{ 1, { 0xc4 }, "an AVX instruction" },	 { 1, { 0xc5 }, "an AVX instruction" },
	{ 3, { 0x0f, 0x01, 0xca }, "clac" },	 { 3, { 0x0f, 0x01, 0xcb }, "stac" },
	{ 3, { 0x0f, 0x01, 0xd0 }, "xgetbv" },	 { 3, { 0x0f, 0x01, 0xd1 }, "xsetbv" },
	{ 3, { 0x0f, 0x01, 0xfd }, "rdpru" },	 { 3, { 0x0f, 0x01, 0xfa }, "monitorx" },
	{ 3, { 0x0f, 0x01, 0xfb }, "mwaitx" },	 { 3, { 0x0f, 0x38, 0x82 }, "invpcid" },
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool begins_with(const uint8_t *code, size_t bytes, const uint8_t *with, size_t with_bytes)
{
	for (size_t i = 0; i < with_bytes; i++)
		if (i >= bytes || code[i] != with[i])
			return false;
	return true;
}

static const char *group_name(uint8_t opcode, enum prefix prefix, uint8_t modrm)
{
	for (size_t i = 0; i < COUNT(groups); i++)
		if (groups[i].opcode == opcode && groups[i].prefix == prefix)
			return groups[i].names[modrm >> 3 & 7];
	return NULL;
}

static const char *two_byte_name(uint8_t opcode, enum prefix prefix)
{
	for (size_t i = 0; i < COUNT(two_byte); i++)
		if (two_byte[i].opcode == opcode)
			return two_byte[i].names[prefix] ? two_byte[i].names[prefix] : two_byte[i].names[NO_PREFIX];
	/* What is left of these rows is arithmetic on packed integers, MMX or SSE2. */
	return (opcode >= 0x60 && opcode <= 0x76) || opcode >= 0xd1 ? "an MMX or SSE2 instruction" : NULL;
}

/* LOCK, REX, another address size, segments: the name is the same. */
static bool says_nothing_of_the_name(uint8_t byte)
{
	return byte == 0xf0 || (byte & 0xf0) == 0x40 || byte == 0x67 || (byte & 0xe7) == 0x26 || (byte & 0xfe) == 0x64;
}

const char *instruction_name(const uint8_t *code, size_t bytes)
{
	enum prefix prefix = NO_PREFIX;

	for (; bytes > 0; code++, bytes--) {
		if (*code == 0x66 && prefix == NO_PREFIX) /* F2 and F3 count for more (APM 3, 1.2.1) */
			prefix = PREFIX_66;
		else if (*code == 0xf3 || *code == 0xf2)
			prefix = *code == 0xf3 ? PREFIX_F3 : PREFIX_F2;
		else if (*code != 0x66 && !says_nothing_of_the_name(*code))
			break;
	}
	for (size_t i = 0; i < COUNT(sequences); i++)
		if (begins_with(code, bytes, sequences[i].code, sequences[i].bytes))
			return sequences[i].name;
	if (bytes >= 1 && code[0] >= 0xd8 && code[0] <= 0xdf)
		return "an x87 instruction";
	if (bytes < 3 || code[0] != 0x0f)
		return NULL;
	const char *name = group_name(code[1], prefix, code[2]);

	return name ? name : two_byte_name(code[1], prefix);
}
