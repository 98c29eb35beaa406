/* SPDX-License-Identifier: Apache-2.0 */
/* The machine under test: its tables, its registers. */
#ifndef KVICK_DIFFERENTIAL_MACHINE_H
#define KVICK_DIFFERENTIAL_MACHINE_H

#include <stdint.h>

#include "differential.h"

extern uint64_t before[REGISTERS], after[REGISTERS];
/* One more than a sequence is allowed: where the last is written before that is seen. */
extern uint64_t records[(RECORDS + 1) * RECORD_WORDS], *record_next;
extern uint8_t scratch[SCRATCH_BYTES], sequence_stack[STACK_BYTES];

/* All that a sequence can change and that is not in `after`. */
struct state {
	uint64_t gdtr_base, gdtr_limit, idtr_base, idtr_limit, ldtr, tr, smsw;
	uint64_t cr0, cr2, cr4, cr8;
	uint64_t efer, fs_base, gs_base, kernel_gs_base, star, lstar, cstar, sfmask, sysenter[3];
	uint64_t dr[8];
	uint64_t gdt[GDT_SLOTS], gdt_2[GDT_SLOTS], ldt[LDT_SLOTS], ldt_2[LDT_SLOTS];
	uint64_t scratch[SCRATCH_BYTES / 8], stack[STACK_BYTES / 8];
};

/* Once. */
void machine_init(void);
/* The same state before each sequence, but for what memory holds. */
void machine_reset(void);
void machine_read(struct state *state);

#endif
