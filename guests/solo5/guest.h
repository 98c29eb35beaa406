/* SPDX-License-Identifier: Apache-2.0 */
/* What small guests of Solo5's hvt ABI share, to find out what such a guest finds. General registers only. */
#ifndef KVICK_GUESTS_SOLO5_GUEST_H
#define KVICK_GUESTS_SOLO5_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <kvick/solo5.h>

/* ---- the manifest: GUEST_MANIFEST(2, { .name = "disk", .type = SOLO5_BLOCK }); the count is with the first, which is none ---- */

#define GUEST_MANIFEST(count, ...)                                                                                   \
	static const struct {                                                                                        \
		uint32_t name_bytes, bytes, type;                                                                    \
		char owner[8];                                                                                       \
		uint32_t padding, version, entries;                                                                  \
		struct solo5_entry entry[count];                                                                     \
	} __attribute__((packed, aligned(4))) guest_manifest                                                         \
		__attribute__((section(".note.solo5.manifest"), aligned(4), used)) = {                               \
		sizeof(SOLO5_NOTE_OWNER), SOLO5_MANIFEST_PADDING + SOLO5_MANIFEST_BYTES(count), SOLO5_NOTE_MANIFEST, \
		SOLO5_NOTE_OWNER, 0, SOLO5_MANIFEST_VERSION, count, { { .type = SOLO5_FIRST }, __VA_ARGS__ }         \
	}

/* ---- the program's ---- */

/* What follows is its end: the status that it halts with. */
int guest_run(unsigned argc, char **argv);

struct way {
	const char *name;
	void (*run)(void);
};

/* Runs the way of that name and returns 0, or 1 where something was not as expected; "ways" lists them. */
int guest_way(const struct way *ways, unsigned count, const char *name);

/* Complains where they differ: then the way has failed, but goes on. */
void expect(const char *what, uint64_t got, uint64_t wanted);

/* ---- what was found at the entry; start.S knows the offsets ---- */

struct start_found {
	uint64_t rdi, rsp, rflags;
	uint16_t cs, ds, es, ss;
	struct { uint16_t limit; uint64_t base; } __attribute__((packed)) gdtr;
};

extern struct start_found start_found;

static inline const struct solo5_boot_info *boot_info(void)
{
	return (const struct solo5_boot_info *)start_found.rdi;
}

/* ---- faults ---- */

bool touch(uint64_t at, uint64_t write);

/* ---- hypercalls ---- */

static inline void hypercall_at(unsigned call, uint32_t at)
{
	__asm__ volatile("outl %0, %1" : : "a"(at), "Nd"((uint16_t)SOLO5_PORT(call)) : "memory");
}

static inline void hypercall(unsigned call, volatile void *of)
{
	hypercall_at(call, (uint32_t)(uintptr_t)of);
}

uint64_t walltime(void);
_Noreturn void halt(int status);
/* How many, and which. */
int poll(uint64_t timeout_ns, uint64_t *ready_set);
int block_io(unsigned call, uint64_t handle, uint64_t offset, void *data, uint64_t bytes);
/* *bytes: room, then what came, for a read. */
int net_io(unsigned call, uint64_t handle, void *data, uint64_t *bytes);

/* The manifest's entry of that handle, as the host has filled it in. */
const struct solo5_entry *entry(unsigned handle);

#endif
