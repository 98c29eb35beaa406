/* SPDX-License-Identifier: Apache-2.0 */
/* A trap that is being dealt with, inside the monitor. Freestanding; one guest, one vCPU, one trap at a time. */
#ifndef KVICK_VMM_MONITOR_TRAP_H
#define KVICK_VMM_MONITOR_TRAP_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/monitor/shared.h"
#include "vmm/x86/decode.h"

/* Vectors, AMD64 APM 2, 8.2. */
enum {
	VECTOR_DE = 0, VECTOR_DB = 1, VECTOR_NMI = 2, VECTOR_BP = 3, VECTOR_OF = 4, VECTOR_UD = 6, VECTOR_DF = 8, VECTOR_TS = 10,
	VECTOR_NP = 11, VECTOR_SS = 12, VECTOR_GP = 13, VECTOR_PF = 14, VECTOR_AC = 17, VECTOR_MC = 18,
};

/* AMD64 APM 2, 3.1.7. */
#define EFER_NX (1ull << 11)

/* What became of an instruction. */
enum outcome {
	NEXT,    /* done; go on behind it */
	JUMPED,  /* done; frame.rip is right */
	FAULTED, /* trap->fault is to be delivered, as if it had not been begun */
	GONE,    /* the guest is at its end, or the exception has been delivered */
};

struct fault {
	uint8_t vector;
	bool has_error;
	bool software; /* INT n, INT3: not an exception */
	uint32_t error;
	uint64_t cr2;  /* of a #PF */
};

struct trap {
	struct monitor_state *state;
	struct monitor_frame *frame; /* state's */
	struct virtual_cpu *cpu;     /* state's */
	struct x86_instruction i;
	enum x86_id id;
	struct fault fault;
};

/* ---- entry.S; in unit tests, the test's ---- */

uint64_t monitor_copy(void *to, const void *from, uint64_t bytes);
void monitor_request(uint32_t request);
uint64_t monitor_set_bases(uint64_t fs, uint64_t gs);

/* ---- monitor.c: all of the monitor's memory is found from its state, wherever that is ---- */

/* entry.S calls it, with what the CPU saved in the state. */
void monitor_trap(struct monitor_state *s);

/* Where the output's byte `at` lies. */
void *monitor_output(struct monitor_state *s, uint32_t at);

/*
 * CR2 is not ring 3's to read; and the page may be one that only looks unusable. `error` is the CPU's error code. True: try again;
 * else s->argument is CR2.
 */
bool page_fault_settled(struct monitor_state *s, uint64_t error);

/* ---- faults ---- */

static inline enum outcome fault(struct trap *t, uint8_t vector, uint32_t error)
{
	t->fault = (struct fault){ .vector = vector, .has_error = vector != VECTOR_UD && vector != VECTOR_DB, .error = error };
	return FAULTED;
}

static inline enum outcome gp0(struct trap *t)
{
	return fault(t, VECTOR_GP, 0);
}

static inline enum outcome undefined(struct trap *t)
{
	return fault(t, VECTOR_UD, 0);
}

/* Ends the guest by name. It does not come back. */
enum outcome refuse(struct trap *t, enum monitor_refusal why);

/* ---- memory and operands: operand.c ---- */

/* Guest-virtual memory. False: t->fault is its #PF. */
bool guest_read(struct trap *t, uint64_t at, void *to, uint64_t bytes);
bool guest_write(struct trap *t, uint64_t at, const void *from, uint64_t bytes);

uint32_t guests_error(const struct trap *t, uint32_t error, uint64_t address);

static inline bool is_canonical(uint64_t at)
{
	return (uint64_t)((int64_t)(at << 16) >> 16) == at;
}

/* Of the instruction: in bytes, without and with a 64-bit default. */
unsigned operand_bytes(const struct trap *t);
unsigned operand_bytes_64(const struct trap *t);

/* Registers of ModRM, with REX. */
unsigned modrm_reg(const struct trap *t);
unsigned modrm_rm(const struct trap *t);

/* As an instruction writes it: 4 bytes clear the upper half, 2 leave the rest. */
void register_write(struct trap *t, unsigned number, uint64_t value, unsigned bytes);

/* Memory operand; false: t->fault is #GP or #SS of an address that is not canonical. */
bool operand_address(struct trap *t, unsigned bytes, uint64_t *at);

/* ModRM's operand, register or memory. False: t->fault. */
bool operand_read(struct trap *t, uint64_t *value, unsigned bytes);
bool operand_write(struct trap *t, uint64_t value, unsigned register_bytes, unsigned memory_bytes);

/* Memory operand: an offset, and a selector behind it. */
bool far_pointer(struct trap *t, unsigned bytes, uint64_t *offset, uint16_t *selector);

/* The stack. RSP changes only where it is done. */
bool push(struct trap *t, uint64_t value, unsigned bytes);

/* False: t->fault is #SS(0). */
bool stack_is_canonical(struct trap *t, uint64_t at, unsigned bytes);

/* The words, the last one of which is pushed first, to `at`. */
bool stack_write(struct trap *t, uint64_t at, const uint64_t *words, unsigned count, unsigned bytes);

/* ---- segments.c ---- */

enum outcome segment_load(struct trap *t, unsigned segment, uint16_t selector);
enum outcome emulate_lldt(struct trap *t), emulate_ltr(struct trap *t), emulate_lar(struct trap *t), emulate_lsl(struct trap *t);
enum outcome emulate_verr(struct trap *t), emulate_verw(struct trap *t);
enum outcome emulate_load_far_pointer(struct trap *t);
enum outcome emulate_mov_to_segment(struct trap *t), emulate_mov_from_segment(struct trap *t);
enum outcome emulate_push_segment(struct trap *t), emulate_pop_segment(struct trap *t);

/* ---- transfers.c ---- */

enum outcome emulate_far_jump(struct trap *t), emulate_far_call(struct trap *t), emulate_far_return(struct trap *t);
enum outcome emulate_iret(struct trap *t);

/* ---- control.c ---- */

enum outcome emulate_mov_from_cr(struct trap *t), emulate_mov_to_cr(struct trap *t), emulate_clts(struct trap *t);
enum outcome emulate_lmsw(struct trap *t), emulate_smsw(struct trap *t);
enum outcome emulate_clac(struct trap *t), emulate_stac(struct trap *t);
enum outcome emulate_mov_from_dr(struct trap *t), emulate_mov_to_dr(struct trap *t);
enum outcome emulate_rdmsr(struct trap *t), emulate_wrmsr(struct trap *t), emulate_xsetbv(struct trap *t);
enum outcome emulate_swapgs(struct trap *t), emulate_rd_fsgsbase(struct trap *t), emulate_wr_fsgsbase(struct trap *t);

enum outcome emulate_cpuid(struct trap *t), emulate_xgetbv(struct trap *t), emulate_rdtscp(struct trap *t);

/* The guest's FS and GS bases into the CPU. */
void bases_set(struct trap *t);

/* ---- deliver.c ---- */

/* RFLAGS as the guest is to see them, and what an instruction that may change all of `mask` makes of them. */
uint64_t flags_read(const struct trap *t);
void flags_write(struct trap *t, uint64_t value, uint64_t mask);

/* Through the guest's IDT; what goes wrong there becomes a double fault, and then the guest's end. */
void deliver(struct trap *t, struct fault fault);

/* ---- emulate.c ---- */

/* Carries out t->i, which the table knows as t->id. */
enum outcome emulate(struct trap *t);

#endif
