/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/pc/aml.h"

#include <assert.h>
#include <string.h>

/* 20.3 */
#define ZERO_OP       0x00
#define ONE_OP        0x01
#define NAME_OP       0x08
#define BYTE_PREFIX   0x0a
#define WORD_PREFIX   0x0b
#define DWORD_PREFIX  0x0c
#define STRING_PREFIX 0x0d
#define QWORD_PREFIX  0x0e
#define SCOPE_OP      0x10
#define BUFFER_OP     0x11
#define PACKAGE_OP    0x12
#define EXT_OP_PREFIX 0x5b
#define DEVICE_OP     0x82 /* after EXT_OP_PREFIX */

#define INTEGER_BYTES_MAX    9
#define PKG_LENGTH_BYTES_MAX 4

static void insert(struct aml *aml, uint32_t at, const void *bytes, uint32_t count)
{
	assert(at <= aml->used && count <= aml->size - aml->used);
	memmove(aml->bytes + at + count, aml->bytes + at, aml->used - at);
	memcpy(aml->bytes + at, bytes, count);
	aml->used += count;
}

static void append(struct aml *aml, const void *bytes, uint32_t count)
{
	insert(aml, aml->used, bytes, count);
}

static void append_byte(struct aml *aml, uint8_t byte)
{
	append(aml, &byte, 1);
}

static aml_mark_t mark(const struct aml *aml)
{
	return (aml_mark_t){ aml->used };
}

/* ---- data objects: 20.2.3 ---- */

/* The shortest form; how many bytes it has. */
static uint32_t encode_integer(uint64_t value, uint8_t to[INTEGER_BYTES_MAX])
{
	static const struct { uint64_t max; uint8_t prefix, bytes; } forms[] = {
		{ UINT8_MAX, BYTE_PREFIX, 1 }, { UINT16_MAX, WORD_PREFIX, 2 }, { UINT32_MAX, DWORD_PREFIX, 4 },
		{ UINT64_MAX, QWORD_PREFIX, 8 },
	};
	unsigned form = 0;

	if (value <= 1) {
		to[0] = value ? ONE_OP : ZERO_OP;
		return 1;
	}
	while (value > forms[form].max)
		form++;
	to[0] = forms[form].prefix;
	memcpy(to + 1, &value, forms[form].bytes);
	return 1u + forms[form].bytes;
}

void aml_integer(struct aml *aml, uint64_t value)
{
	uint8_t bytes[INTEGER_BYTES_MAX];

	append(aml, bytes, encode_integer(value, bytes));
}

void aml_string(struct aml *aml, const char *text)
{
	append_byte(aml, STRING_PREFIX);
	append(aml, text, (uint32_t)strlen(text) + 1);
}

/* 6.1.5, _HID: three letters of 5 bits and four hexadecimal digits, the highest byte first. */
void aml_eisa_id(struct aml *aml, const char *id)
{
	uint32_t value = 0;

	assert(strlen(id) == 7);
	for (unsigned i = 0; i < 3; i++)
		value = value << 5 | (uint32_t)(id[i] - 'A' + 1);
	for (unsigned i = 3; i < 7; i++)
		value = value << 4 | (uint32_t)(id[i] <= '9' ? id[i] - '0' : id[i] - 'A' + 10);
	aml_integer(aml, __builtin_bswap32(value));
}

/* ---- names: 20.2.2 ---- */

static void append_name(struct aml *aml, const char *name)
{
	assert(strlen(name) == 4);
	append(aml, name, 4);
}

void aml_name(struct aml *aml, const char *name)
{
	append_byte(aml, NAME_OP);
	append_name(aml, name);
}

/* ---- blocks: 20.2.4, 20.2.5 ---- */

aml_mark_t aml_scope(struct aml *aml, const char *name)
{
	append_byte(aml, SCOPE_OP);
	aml_mark_t content = mark(aml);

	append_name(aml, name);
	return content;
}

aml_mark_t aml_device(struct aml *aml, const char *name)
{
	append_byte(aml, EXT_OP_PREFIX);
	append_byte(aml, DEVICE_OP);
	aml_mark_t content = mark(aml);

	append_name(aml, name);
	return content;
}

aml_mark_t aml_package(struct aml *aml, uint8_t elements)
{
	append_byte(aml, PACKAGE_OP);
	aml_mark_t content = mark(aml);

	append_byte(aml, elements);
	return content;
}

/*
 * 20.2.4: PkgLength counts itself. One byte holds up to 63; else the first has a nibble, and in its highest two bits how many
 * bytes follow.
 */
void aml_end(struct aml *aml, aml_mark_t content)
{
	uint32_t bytes = aml->used - content.at, follow = 0, length = bytes + 1;
	uint8_t encoded[PKG_LENGTH_BYTES_MAX];

	while (length > (follow == 0 ? 0x3fu : (0x10u << 8 * follow) - 1))
		length = bytes + 1 + ++follow;
	assert(follow < PKG_LENGTH_BYTES_MAX);
	encoded[0] = (uint8_t)(follow == 0 ? length : follow << 6 | (length & 0xf));
	for (uint32_t i = 1; i <= follow; i++)
		encoded[i] = (uint8_t)(length >> (8 * i - 4));
	insert(aml, content.at, encoded, 1 + follow);
}

/* ---- resource descriptors: 6.4.2, 6.4.3 ---- */

aml_mark_t aml_resources(struct aml *aml)
{
	append_byte(aml, BUFFER_OP);
	return mark(aml);
}

void aml_end_resources(struct aml *aml, aml_mark_t content)
{
	/* 6.4.2.9: End Tag; a checksum of 0 is not looked at. */
	static const uint8_t end_tag[] = { 0x79, 0 };
	uint8_t size[INTEGER_BYTES_MAX];

	append(aml, end_tag, sizeof(end_tag));
	insert(aml, content.at, size, encode_integer(aml->used - content.at, size));
	aml_end(aml, content);
}

void aml_io(struct aml *aml, uint16_t base, uint8_t bytes)
{
	/* 6.4.2.5: small, type 8, 7 bytes; 16 address bits decoded */
	const struct {
		uint8_t tag, information;
		uint16_t minimum, maximum;
		uint8_t alignment, length;
	} __attribute__((packed)) port = { 0x47, 1, base, base, 1, bytes };

	append(aml, &port, sizeof(port));
}

void aml_irq(struct aml *aml, unsigned irq)
{
	assert(irq < 16);
	/* 6.4.2.1: small, type 4, 2 bytes; no third one: edge-triggered, active high, exclusive */
	const uint8_t descriptor[] = { 0x22, (uint8_t)(1u << irq), (uint8_t)(1u << irq >> 8) };

	append(aml, descriptor, sizeof(descriptor));
}

void aml_memory32(struct aml *aml, uint32_t base, uint32_t bytes)
{
	/* 6.4.3.4: large, type 6; writable */
	const struct {
		uint8_t tag;
		uint16_t length;
		uint8_t information;
		uint32_t base, bytes;
	} __attribute__((packed)) memory = { 0x86, 9, 1, base, bytes };

	append(aml, &memory, sizeof(memory));
}

void aml_interrupt(struct aml *aml, uint32_t gsi)
{
	/* 6.4.3.6: large, type 9; consumer (bit 0), edge-triggered (bit 1), active high (bit 2), exclusive (bit 3) */
	const struct {
		uint8_t tag;
		uint16_t length;
		uint8_t flags, count;
		uint32_t gsi;
	} __attribute__((packed)) interrupt = { 0x89, 6, 0x03, 1, gsi };

	append(aml, &interrupt, sizeof(interrupt));
}
