/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What there is to see of a machine's state, and to soil.
 *
 * A view is a list of what was seen, always in the same order. What outlives the soiling, and what may change between two views, is
 * in `kept`; all other memory is looked at, and soiled.
 */
#ifndef SOILER_H
#define SOILER_H

/* Offsets in struct kept that assembly knows. */
#define KEPT_ENTRY       0x000
#define KEPT_FRAME       0x100
#define KEPT_ENTRY_FPU   0x200
#define KEPT_FPU         0x400
#define KEPT_STACK_END   0x7000

#define FRAME_RFLAGS     0x80
#define FRAME_SELECTORS  0x88

#ifndef __ASSEMBLER__
#include <kvick_guest.h>
#include <stdbool.h>

#define FPU_BYTES_MAX 4096
#define ITEMS_MAX     160
#define REPLY_BYTES   8192

struct item {
	const char *name;
	uint32_t index;
	uint32_t reserved;
	uint64_t value;
};

struct view {
	uint64_t count;
	struct item items[ITEMS_MAX];
};

/* General registers by their numbers, and what goes with them. */
struct frame {
	uint64_t regs[16];
	uint64_t rflags;
	uint16_t ds, es, fs, gs, ss, cs;
};

struct kept {
	struct frame entry __attribute__((aligned(256)));
	struct frame frame __attribute__((aligned(256)));    /* after soiler_probe() */
	uint8_t entry_fpu[512] __attribute__((aligned(512))); /* by FXSAVE */
	uint8_t fpu[FPU_BYTES_MAX] __attribute__((aligned(64)));         /* what soiler_probe() loads, and then stores */
	uint8_t stack[0x7000 - 0x1400] __attribute__((aligned(64)));
	uint8_t fpu_wanted[FPU_BYTES_MAX] __attribute__((aligned(4096)));
	struct kvick_call call, ready;
	char request[64];
	char reply[REPLY_BYTES];
	uint64_t reply_bytes;
	struct view before, after;
	uint64_t pgd[2][512] __attribute__((aligned(4096))); /* top levels of its own: the local APIC's, the soiled one's */
	uint64_t tables[8][512];                             /* what these lead to */
} __attribute__((aligned(4096)));

_Static_assert(offsetof(struct kept, frame) == KEPT_FRAME, "assembly knows it");
_Static_assert(offsetof(struct kept, entry_fpu) == KEPT_ENTRY_FPU, "assembly knows it");
_Static_assert(offsetof(struct kept, fpu) == KEPT_FPU, "assembly knows it");
_Static_assert(offsetof(struct kept, fpu_wanted) == KEPT_STACK_END, "assembly knows it");
_Static_assert(offsetof(struct frame, rflags) == FRAME_RFLAGS && offsetof(struct frame, ds) == FRAME_SELECTORS,
	       "assembly knows it");

extern struct kept soiler_kept;

/* By register number; RAX is the doorbell's, RSP the stack's. */
extern const uint64_t soiler_patterns[16];

/* Model-specific registers that are looked at at ring 0. `soil`: what is written is the value with these bits turned over. */
struct msr {
	uint32_t index;
	uint32_t known;   /* a fresh machine has `fresh` */
	uint64_t fresh;
	uint64_t soil;
	const char *name;
};

extern const struct msr soiler_msrs[];
extern const unsigned soiler_msr_count;

/* entry.S */
/* Loads known registers, and the FPU from kept.fpu if `fpu` (1: FXSAVE's, 2: XSAVE's), rings, and stores what is there then. */
void soiler_probe(uint64_t doorbell, uint64_t fpu);
/* The last call: the same registers full of something else, RFLAGS from `flags`; with `sti` by STI right before the doorbell. */
_Noreturn void soiler_ring_soiled(uint64_t doorbell, uint64_t flags, uint64_t sti);
_Noreturn void soiler_on_kept_stack(void (*go_on)(void));

/* look.c */
bool ring0_native(void);
unsigned fpu_kind(void);
bool read_msr(uint32_t msr, uint64_t *value);
bool write_msr(uint32_t msr, uint64_t value);
volatile uint32_t *local_apic(void); /* NULL: there is none to be had */
bool readable(uint64_t at);
void take_faults(void);
void look(struct view *view);
void see(struct view *view, const char *name, uint32_t index, uint64_t value);

/* memory.c */
void look_at_memory(struct view *view);
/* What a fresh machine has zero is: else adds to the reply. Before anything of it is used. */
void check_zeroes(void);
_Noreturn void soil_memory_and_reply(uint64_t flags, bool sti);
void soil_unused_memory(void);

/* soil.c */
void soil_cpu(bool xcr0);
void soil_tables(void);

/* main.c */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static inline uint64_t read_cr0(void)
{
	uint64_t value;

	__asm__ volatile("mov %%cr0, %0" : "=r"(value));
	return value;
}

static inline uint64_t read_cr3(void)
{
	uint64_t value;

	__asm__ volatile("mov %%cr3, %0" : "=r"(value));
	return value;
}

static inline uint64_t read_cr4(void)
{
	uint64_t value;

	__asm__ volatile("mov %%cr4, %0" : "=r"(value));
	return value;
}

#define CR0_TS (1ull << 3)
#define CR0_NE (1ull << 5)
#define CR0_WP (1ull << 16)
#define CR0_AM (1ull << 18)
#define CR4_TSD (1ull << 2)
#define CR4_DE (1ull << 3)
#define CR4_PGE (1ull << 7)
#define CR4_PCE (1ull << 8)
#define CR4_OSXSAVE (1ull << 18)

/* Where no guest has anything mapped, unless it was soiled. */
#define TIB (1ull << 40)

#endif
#endif
