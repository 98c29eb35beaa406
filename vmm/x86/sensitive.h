/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which instructions are sensitive, and what ring 3 makes of each. A machine could be virtualised by traps alone if every sensitive
 * instruction were privileged (Popek and Goldberg, theorem 1); x86's are not: the critical ones are those that ring 3 carries out,
 * differently, without a word.
 */
#ifndef KVICK_VMM_X86_SENSITIVE_H
#define KVICK_VMM_X86_SENSITIVE_H

#include <stdbool.h>
#include <stdint.h>

struct x86_instruction;

enum x86_sensitivity {
	X86_PRIVILEGED, /* #GP at ring 3 */
	X86_IOPL,       /* #GP where RFLAGS.IOPL is less than 3 (and no I/O bitmap allows it) */
	X86_UNDEFINED,  /* #UD at ring 3 */
	X86_GATE,       /* goes through a table that is the machine's: IDT, STAR */
	X86_CRITICAL,   /* does not trap, and means something else */
	X86_SENSITIVITIES,
};

enum x86_id {
	X86_INNOCUOUS,
	X86_HLT, X86_CLTS, X86_INVD, X86_WBINVD, X86_MOV_FROM_CR, X86_MOV_TO_CR, X86_MOV_FROM_DR, X86_MOV_TO_DR, X86_WRMSR,
	X86_RDMSR, X86_RDPMC, X86_SYSRET, X86_SYSENTER, X86_SYSEXIT, X86_LGDT, X86_LIDT, X86_LMSW, X86_INVLPG, X86_SWAPGS,
	X86_XSETBV, X86_LLDT, X86_LTR, X86_INVPCID,
	X86_CLI, X86_STI, X86_IN_IMMEDIATE, X86_IN, X86_OUT_IMMEDIATE, X86_OUT, X86_INS, X86_OUTS,
	X86_MONITOR, X86_MWAIT, X86_CLAC, X86_STAC, X86_RSM, X86_VMCALL, X86_VMMCALL, X86_SVM,
	X86_INT3, X86_INT1, X86_INT, X86_SYSCALL, X86_IRET,
	X86_PUSHF, X86_POPF, X86_SGDT, X86_SIDT, X86_SLDT, X86_STR, X86_SMSW, X86_LAR, X86_LSL, X86_VERR, X86_VERW,
	X86_MOV_FROM_SEGMENT, X86_MOV_TO_SEGMENT, X86_PUSH_SEGMENT, X86_POP_SEGMENT, X86_LOAD_FAR_POINTER, X86_FAR_CALL,
	X86_FAR_JUMP, X86_FAR_RETURN, X86_CPUID, X86_RD_FSGSBASE, X86_WR_FSGSBASE, X86_XGETBV, X86_RDTSCP,
	X86_IDS,
};

/*
 * Ring 3 carries it out without a trap, and differently: all that is critical; SYSCALL, which goes where the VMM's MSRs say; INT n,
 * of which KVM without VT-x or SVM swallows some.
 */
static inline bool x86_needs_patch(enum x86_id id)
{
	return id >= X86_INT && id < X86_IDS;
}

struct x86_sensitive {
	enum x86_id id;
	enum x86_sensitivity sensitivity;
	const char *name;    /* the mnemonic */
	const char *section; /* of AMD64 APM 3 */
	/* How it is told from others. */
	uint8_t map, opcode;
	uint8_t opcode_mask; /* bits of the opcode that count */
	uint16_t forms;      /* of ModRM: X86_REG() of those that count, X86_MEMORY or X86_REGISTER; 0: no matter */
	uint8_t modrm;       /* all of it, where that is what counts; else 0 */
	uint8_t prefixes;    /* that it must have */
};

#define X86_REG(n)   (1u << (n))
#define X86_MEMORY   (1u << 8)
#define X86_REGISTER (1u << 9)

/* The row for it; NULL: it is innocuous. */
const struct x86_sensitive *x86_sensitive(const struct x86_instruction *instruction);

/* All rows; several have one id. */
const struct x86_sensitive *x86_sensitive_rows(unsigned *count);

#endif
