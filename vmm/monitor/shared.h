/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the monitor, which runs a ring-0 guest at ring 3 from inside it, and the VMM share: where the monitor is, what it keeps, how
 * the two ask each other. Freestanding, for assembly too. All of it is the guest's to write: the VMM believes none of it.
 *
 * In guest-physical memory it lies right behind RAM; its virtual addresses are the last but one 2 MiB of the address space.
 */
#ifndef KVICK_VMM_MONITOR_SHARED_H
#define KVICK_VMM_MONITOR_SHARED_H

#define MONITOR_VIRTUAL 0xffffffffffc00000

/* Offsets from its beginning, of whole pages. */
#define MONITOR_TABLES      0x0000 /* PDPT, page directory, page table */
#define MONITOR_SYSTEM      0x3000 /* GDT, TSS, IDT: what the CPU uses */
#define MONITOR_TRAP_STACK  0x4000 /* IST1: a page, for as long as a frame needs */
#define MONITOR_STACK       0x5000 /* two pages */
#define MONITOR_STACK_END   0x7000
#define MONITOR_STATE       0x7000 /* struct monitor_state, a page */
#define MONITOR_TEXT        0x8000
#define MONITOR_TEXT_END    0x10000
#define MONITOR_OUTPUT      0x10000 /* what the guest has printed, a page */
#define MONITOR_SITES       0x11000 /* struct monitor_site, ascending */
#define MONITOR_SITES_END   0x91000
#define MONITOR_SPLIT       0x91000 /* page tables for pages of 2 MiB that had to be split */
#define MONITOR_SPLIT_END   0xa1000
#define MONITOR_GUEST_TABLES 0xa1000 /* not memory: the guest's own page tables are mapped here */
#define MONITOR_BYTES       0xa1000
#define MONITOR_VIRTUAL_BYTES 0x200000

/* A doorbell of its own; EAX is one of the requests. */
#define MONITOR_PORT 0xf0

/* Offsets in struct monitor_state that assembly knows. */
#define MONITOR_FRAME        0
#define MONITOR_FRAME_VECTOR 128
#define MONITOR_FRAME_RIP    144
#define MONITOR_FRAME_BYTES  184
#define MONITOR_FIXUP        184
#define MONITOR_NESTED       192

#define MONITOR_REQUEST_BROKEN 1 /* an exception in the monitor itself */

#ifndef __ASSEMBLER__

#include <stddef.h>
#include <stdint.h>

#include "vmm/x86/sensitive.h"

#define MONITOR_OUTPUT_BYTES 4096u
#define MONITOR_SITES_MAX ((MONITOR_SITES_END - MONITOR_SITES) / sizeof(struct monitor_site))
#define MONITOR_STORES_MAX 8u

/* An instruction whose first byte an INT3 has taken the place of. */
struct monitor_site {
	uint64_t at : 56, first : 8;
};

struct monitor_frame {
	uint64_t regs[16]; /* by their numbers; regs[4] is rsp */
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

/* What the monitor asks the VMM for. */
enum monitor_request {
	REQUEST_BROKEN = MONITOR_REQUEST_BROKEN,
	REQUEST_OUTPUT,     /* print what is there */
	REQUEST_PAGE_FAULT, /* of the error code in argument: CR2, please; and is it the guest's? */
	REQUEST_BASES,      /* FS and GS base into the CPU */
	REQUEST_CONTROL,    /* CR0, CR4 into the CPU, as far as they matter there */
	REQUEST_FLUSH,      /* translations may have changed */
	REQUEST_MSR,        /* argument: a number; does KVM know it? */
	REQUEST_CPUID,      /* cpuid[] */
	REQUEST_PORT,       /* an instruction for port I/O */
	REQUEST_REFUSE,     /* argument: enum monitor_refusal */
	REQUEST_TRIPLE_FAULT,
	REQUESTS,
};

/* What cannot be done at ring 3; the VMM has the words. */
enum monitor_refusal {
	REFUSE_HLT, REFUSE_RING_3, REFUSE_CODE_32, REFUSE_CR3, REFUSE_CR0_WP, REFUSE_CR4, REFUSE_BREAKPOINT, REFUSE_MSR,
	REFUSE_NXE, REFUSE_XCR0, REFUSE_INSTRUCTION, REFUSALS,
};

/* A segment register of the guest's that memory has a descriptor for. */
struct virtual_segment {
	uint64_t base;
	uint32_t limit;
	uint16_t selector;
	uint16_t reserved;
};

struct virtual_table {
	uint64_t base;
	uint64_t limit;
};

/* By their numbers in instructions. */
enum { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEGS };

/* The virtual CPU: what the guest believes to own. All that is not here it shares with the real one. */
struct virtual_cpu {
	uint64_t cr0, cr2, cr3, cr4, cr8;
	uint64_t efer;
	uint64_t flags; /* RFLAGS.IF, IOPL, NT and AC */
	struct virtual_table gdtr, idtr;
	struct virtual_segment ldtr, tr;
	uint16_t selectors[SEGS];
	uint16_t reserved[2];
	uint64_t fs_base, gs_base, kernel_gs_base;
	uint64_t star, lstar, cstar, sfmask;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
	uint64_t dr[8];
};

struct monitor_state {
	struct monitor_frame frame;
	uint64_t fixup;         /* where an exception in the monitor goes on; 0: it has none */
	uint64_t nested_vector, nested_error;
	struct virtual_cpu cpu;
	/* Of requests. */
	uint64_t argument;
	uint64_t answer;        /* of a page fault: 0, try again; of an MSR: 0, no */
	uint16_t port;
	uint8_t port_bytes, port_in; /* REQUEST_PORT */
	uint32_t port_value;
	uint32_t cpuid[6];      /* leaf, subleaf; EAX, EBX, ECX, EDX */
	/* What the VMM wants to be stored in page tables, by the CPU itself (see ring0.h for the reason). */
	uint64_t store_count;
	struct { uint64_t at, value; } stores[MONITOR_STORES_MAX];
	/* Fixed. */
	uint64_t site_count;
	uint16_t output_port;   /* of Solo5's puts; 0: none */
	uint16_t measures;      /* cycles are counted too */
	uint32_t output_head, output_tail; /* bytes ever written by the monitor, and printed by the VMM */
	uint32_t output_calls;
	uint32_t reserved;
	uint64_t ram_bytes;     /* of the guest's */
	uint64_t xcr0;
	/* Counts of traps, by what was emulated; X86_INNOCUOUS: reflected exceptions. */
	uint32_t counts[X86_IDS];
	uint64_t cycles[X86_IDS];
};

_Static_assert(sizeof(struct monitor_state) <= 4096, "a page");
_Static_assert(offsetof(struct monitor_state, frame.vector) == MONITOR_FRAME_VECTOR, "as assembly has it");
_Static_assert(offsetof(struct monitor_state, frame.rip) == MONITOR_FRAME_RIP, "as assembly has it");
_Static_assert(sizeof(struct monitor_frame) == MONITOR_FRAME_BYTES, "as assembly has it");
_Static_assert(offsetof(struct monitor_state, fixup) == MONITOR_FIXUP, "as assembly has it");
_Static_assert(offsetof(struct monitor_state, nested_vector) == MONITOR_NESTED, "as assembly has it");
_Static_assert(sizeof(struct monitor_site) == 8, "a word");

#endif
#endif
