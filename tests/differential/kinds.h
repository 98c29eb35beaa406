/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVICK_DIFFERENTIAL_KINDS_H
#define KVICK_DIFFERENTIAL_KINDS_H

#include "operands.h"

/* For POPF and IRET: all but TF, which has a kind of its own, and VIF and VIP. RF and VM are not taken over. */
uint64_t flags(void);

/* kinds_critical.c */
void emit_arithmetic(void);
void emit_stack(void);
void emit_pushf(void);
void emit_popf(void);
void emit_cli(void);
void emit_sgdt(void);
void emit_sldt(void);
void emit_lar(void);
void emit_verr(void);
void emit_mov_from_segment(void);
void emit_mov_to_segment(void);
void emit_push_segment(void);
void emit_lss(void);

/* kinds_machine.c */
void emit_lldt(void);
void emit_lgdt(void);
void emit_control(void);
void emit_debug_register(void);
void emit_clts(void);
void emit_invlpg(void);
void emit_msr(void);
void emit_float(void);
void emit_swapgs(void);

/* kinds_transfer.c */
void emit_lret(void);
void emit_far_jump(void);
void emit_iret(void);
void emit_iret_to_step(void);
void emit_syscall(void);
void emit_int(void);
void emit_trap(void);
void emit_undefined(void);
void emit_divide(void);
void emit_fault(void);
void emit_bad_stack(void);
void emit_bad_jump(void);

#endif
