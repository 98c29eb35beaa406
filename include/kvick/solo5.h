/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest of Solo5's hvt ABI, version 2, and its host share on x86-64: another project's contract, in our words
 * (docs/ABI.md, "Solo5 hvt"). All little-endian; addresses are guest-physical, which are virtual ones too.
 */
#ifndef KVICK_SOLO5_H
#define KVICK_SOLO5_H

#include <stddef.h>
#include <stdint.h>

/* ---- ELF notes, each in a PT_NOTE of its own ---- */

#define SOLO5_NOTE_OWNER    "Solo5"
#define SOLO5_NOTE_ABI      0x31494241u /* "ABI1": struct solo5_abi */
#define SOLO5_NOTE_MANIFEST 0x3154464du /* "MFT1": SOLO5_MANIFEST_PADDING bytes, then the manifest */

#define SOLO5_TARGET_HVT 1u
#define SOLO5_ABI_VERSION 2u

struct solo5_abi {
	uint32_t target, version;
	uint32_t reserved[2];
};

#define SOLO5_MANIFEST_PADDING 4u
#define SOLO5_MANIFEST_VERSION 1u
#define SOLO5_ENTRIES_MAX      64u
#define SOLO5_NAME_BYTES       68u /* with the NUL */

enum { SOLO5_BLOCK = 1, SOLO5_NET = 2, SOLO5_FIRST = 1 << 30 };

/* A device, whose handle is the entry's index. The first entry is none: SOLO5_FIRST, without a name. */
struct solo5_entry {
	char name[SOLO5_NAME_BYTES];
	uint32_t type;
	union {
		struct {
			uint64_t capacity;    /* bytes */
			uint16_t block_bytes; /* the unit of all requests */
		} block;
		struct {
			uint8_t mac[6];
			uint16_t mtu;
		} net;
	};
	uint64_t host;
	uint8_t attached;
	uint8_t reserved[7];
};

struct solo5_manifest {
	uint32_t version, entries;
	struct solo5_entry entry[SOLO5_ENTRIES_MAX]; /* so many as there are */
};

#define SOLO5_MANIFEST_BYTES(entries) (offsetof(struct solo5_manifest, entry) + (entries) * sizeof(struct solo5_entry))

_Static_assert(offsetof(struct solo5_entry, type) == 68 && offsetof(struct solo5_entry, block.capacity) == 72, "as the ABI has it");
_Static_assert(offsetof(struct solo5_entry, block.block_bytes) == 80 && offsetof(struct solo5_entry, net.mtu) == 78, "the same");
_Static_assert(offsetof(struct solo5_entry, attached) == 96 && sizeof(struct solo5_entry) == 104, "the same");
_Static_assert(offsetof(struct solo5_manifest, entry) == 8, "the same");

/* ---- what a guest finds at its start ---- */

#define SOLO5_COMMAND_LINE_BYTES 8192u /* with the NUL */

struct solo5_boot_info {
	uint64_t mem_bytes;      /* of the guest's memory, from 0 */
	uint64_t kernel_end;     /* first page after the image */
	uint64_t tsc_hz;
	uint64_t command_line;   /* address: words with spaces between them */
	uint64_t manifest;       /* address */
	uint32_t host_features, guest_features; /* of rings that replace hypercalls; 0: there are none */
	uint64_t net_ring;
};

_Static_assert(sizeof(struct solo5_boot_info) == 56, "as the ABI has it");

/* ---- hypercalls: OUT of 32 bits, the address of one of these structures, to the call's port ---- */

#define SOLO5_PORT(call) (0x500u + (call))

enum {
	SOLO5_WALLTIME = 1, SOLO5_PUTS, SOLO5_POLL, SOLO5_BLOCK_WRITE, SOLO5_BLOCK_READ, SOLO5_NET_WRITE, SOLO5_NET_READ,
	SOLO5_HALT,
};

enum { SOLO5_OK, SOLO5_AGAIN, SOLO5_EINVAL, SOLO5_EUNSPEC };

#define SOLO5_STATUS_ABORT 255

struct solo5_walltime {
	uint64_t ns;             /* out */
};

struct solo5_puts {
	uint64_t data, bytes;
};

struct solo5_poll {
	uint64_t timeout_ns;     /* from now */
	uint64_t ready_set;      /* out: 1 << handle */
	int32_t ret;             /* out: how many */
};

struct solo5_block_io {
	uint64_t handle, offset, data, bytes;
	int32_t ret;
};

struct solo5_net_io {
	uint64_t handle, data;
	uint64_t bytes;          /* of a read: out too */
	int32_t ret;
};

struct solo5_halt {
	uint64_t cookie;         /* for whoever dumps the guest's memory */
	int32_t status;
};

_Static_assert(sizeof(struct solo5_poll) == 24 && sizeof(struct solo5_block_io) == 40, "as the ABI has it");
_Static_assert(sizeof(struct solo5_net_io) == 32 && sizeof(struct solo5_halt) == 16, "the same");

#endif
