/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ELF note by which an image says that it is a kvick guest, and what it needs.
 *
 * One note in a PT_NOTE segment: owner "kvick" (namesz 6 with its NUL), type
 * KVICK_NOTE_TYPE, descriptor = struct kvick_note, little-endian. ELF gABI, "Note Section".
 */
#ifndef KVICK_NOTE_H
#define KVICK_NOTE_H

#include <stddef.h>
#include <stdint.h>

#define KVICK_NOTE_OWNER "kvick"
#define KVICK_NOTE_TYPE  0x314b564bu /* "KVK1" */

/* Raised when an old guest could misread what a new VMM gives it, or the reverse. */
#define KVICK_ABI_VERSION 1u

/* Bits of kvick_note.rings: the privilege levels at which the guest can run. */
#define KVICK_RINGS_0   (1u << 0)
#define KVICK_RINGS_3   (1u << 3)
#define KVICK_RINGS_ANY (KVICK_RINGS_0 | KVICK_RINGS_3)

/* Bits of kvick_note.flags: what the guest wants of its CPU. */
#define KVICK_NOTE_CPUID (1u << 0) /* CPUID is to tell what this CPU can do */
#define KVICK_NOTE_XSAVE (1u << 1) /* the same, and XSAVE state (AVX) is to be enabled, where there is any */
#define KVICK_NOTE_FLAGS (KVICK_NOTE_CPUID | KVICK_NOTE_XSAVE)

struct kvick_note {
	uint32_t abi_version; /* KVICK_ABI_VERSION */
	uint32_t flags;       /* KVICK_NOTE_*; no other bit */
	uint64_t mem_bytes;   /* least guest RAM that it can run in; 0 = no wish */
	uint64_t stack_bytes; /* initial stack; 0 = KVICK_STACK_BYTES_DEFAULT */
	uint32_t rings;       /* KVICK_RINGS_*; at least one bit */
	uint32_t reserved;    /* must be 0 */
};

#define KVICK_STACK_BYTES_DEFAULT (256u * 1024)

_Static_assert(sizeof(struct kvick_note) == 32, "the note's descriptor is 32 bytes");
_Static_assert(offsetof(struct kvick_note, mem_bytes) == 8, "note layout");
_Static_assert(offsetof(struct kvick_note, stack_bytes) == 16, "note layout");
_Static_assert(offsetof(struct kvick_note, rings) == 24, "note layout");

#endif
