/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boot info: the page that a guest finds in RDI at its entry point. docs/ABI.md, "Boot info".
 *
 * Its address is virtual and physical at once, like all of a guest's initial mapping. The guest
 * may write to it: `guest_tsc` and `console` are there for that. The VMM believes nothing it
 * reads back.
 */
#ifndef KVICK_BOOT_INFO_H
#define KVICK_BOOT_INFO_H

#define KVICK_BOOT_MAGIC 0x746f6f626b63766bull /* "kvckboot" in memory order */

#define KVICK_BOOT_CONSOLE_TTY (1u << 0) /* flags: the console is a terminal; flush at each line */
#define KVICK_BOOT_CPUID       (1u << 1) /* flags: the CPUID instruction tells what KVICK_CALL_CPUID does; else do not believe it */

/* Offset of guest_tsc[], for start code that stamps before there is any C. */
#define KVICK_BOOT_GUEST_TSC_OFFSET 0x80

#define KVICK_TSC_FIRST 0 /* first instruction */
#define KVICK_TSC_MAIN  1 /* entry of main() */
#define KVICK_TSC_HANDLER 2 /* entry of a function's handler, with the request */

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

#define KVICK_BOOT_ARGS_BYTES    1536
#define KVICK_BOOT_CONSOLE_BYTES 2040

/*
 * Output on its way: the guest appends to bytes[] and raises `used`; the VMM prints it and sets
 * `used` to 0 whenever the guest leaves to it for whatever reason, its death included. So text
 * costs no exit of its own and a crash loses none of it.
 */
struct kvick_console_buffer {
	uint32_t used; /* bytes; the VMM takes more than KVICK_BOOT_CONSOLE_BYTES as that many */
	uint32_t reserved;
	uint8_t bytes[KVICK_BOOT_CONSOLE_BYTES];
};

struct kvick_boot_info {
	uint64_t magic;        /* KVICK_BOOT_MAGIC */
	uint32_t abi_version;  /* KVICK_ABI_VERSION */
	uint32_t bytes;        /* size of this structure */
	uint32_t ring;         /* 0 or 3 */
	uint32_t doorbell;     /* KVICK_DOORBELL_* */
	uint32_t flags;        /* KVICK_BOOT_* */
	uint32_t argc;         /* strings in the argument list */
	uint32_t envc;         /* strings in the environment */
	uint32_t args_bytes;   /* argument strings, then environment strings, NULs included */
	uint64_t mem_bytes;    /* RAM, from guest-physical 0 */
	uint64_t image_base;   /* lowest address of the image */
	uint64_t image_end;    /* first byte after the image's memory, page-aligned */
	uint64_t heap_base;    /* free RAM for the guest, mapped read-write: [heap_base, heap_end) */
	uint64_t heap_end;
	uint64_t stack_base;   /* lowest usable byte; the page below it is not mapped */
	uint64_t stack_top;    /* RSP at entry, 16-byte aligned */
	uint64_t pgd;          /* top-level page table in use at entry (CR3) */
	uint64_t tsc_hz;       /* 0 = not known */
	uint64_t xcr0;         /* XSAVE state components that are enabled; 0: none, and no AVX */
	uint32_t xsave_bytes;  /* size of an XSAVE area for them, standard format */
	uint32_t reserved0;

	uint64_t guest_tsc[8]; /* written by the guest: RDTSC at KVICK_TSC_* */
	uint64_t seed[4];      /* random, new at each boot and in each copy */

	uint64_t devices;      /* struct kvick_device[] (virtio.h); 0 = there are none */
	uint32_t device_count;
	uint32_t reserved2;

	/*
	 * 1 at boot; in what is made of a snapshot by one more than in that. Then seed is new too: whoever draws random numbers
	 * from a state of its own begins anew when this has changed.
	 */
	uint64_t generation;

	uint8_t reserved1[512 - 0x80 - 64 - 32 - 16 - 8];

	/* The strings, when args_bytes fits; else empty, and KVICK_CALL_ARGS fetches them. */
	char args[KVICK_BOOT_ARGS_BYTES];
	struct kvick_console_buffer console;
};

_Static_assert(offsetof(struct kvick_boot_info, guest_tsc) == KVICK_BOOT_GUEST_TSC_OFFSET, "boot info layout");
_Static_assert(offsetof(struct kvick_boot_info, seed) == 0xc0, "boot info layout");
_Static_assert(offsetof(struct kvick_boot_info, devices) == 0xe0, "boot info layout");
_Static_assert(offsetof(struct kvick_boot_info, device_count) == 0xe8, "boot info layout");
_Static_assert(offsetof(struct kvick_boot_info, generation) == 0xf0, "boot info layout");
_Static_assert(offsetof(struct kvick_boot_info, args) == 512, "boot info layout");
_Static_assert(offsetof(struct kvick_boot_info, console) == 2048, "boot info layout");
_Static_assert(sizeof(struct kvick_boot_info) == 4096, "boot info is one page");
#endif

#endif
