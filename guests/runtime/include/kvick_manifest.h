/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A unikernel's manifest: what it needs, as a type-checked initialiser that becomes its ELF note.
 *
 *	KVICK_MANIFEST(.mem_bytes = 2 << 20, .rings = KVICK_RINGS_ANY);
 */
#ifndef KVICK_MANIFEST_H
#define KVICK_MANIFEST_H

#include <kvick/note.h>

/* ELF gABI, "Note Section"; fields are padded to 4 bytes, as all producers have it. */
struct kvick_manifest_note {
	uint32_t name_bytes;
	uint32_t descriptor_bytes;
	uint32_t type;
	char name[(sizeof(KVICK_NOTE_OWNER) + 3) / 4 * 4];
	struct kvick_note descriptor;
} __attribute__((packed, aligned(4)));

_Static_assert(sizeof(struct kvick_manifest_note) == 12 + 8 + sizeof(struct kvick_note), "a note has no holes");

#define KVICK_MANIFEST(...)                                                                                       \
	extern const struct kvick_manifest_note kvick_manifest;                                                   \
	const struct kvick_manifest_note kvick_manifest __attribute__((used, section(".note.kvick"), aligned(4))) = { \
		.name_bytes = sizeof(KVICK_NOTE_OWNER),                                                           \
		.descriptor_bytes = sizeof(struct kvick_note),                                                    \
		.type = KVICK_NOTE_TYPE,                                                                          \
		.name = KVICK_NOTE_OWNER,                                                                         \
		.descriptor = { .abi_version = KVICK_ABI_VERSION, __VA_ARGS__ },                                  \
	}

#endif
