/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/x86/sensitive.h"

#include <stdbool.h>
#include <stddef.h>

#include "vmm/x86/decode.h"

/* The monitor has no use for words. */
#ifdef X86_WITHOUT_WORDS
#define N(words) NULL
#else
#define N(words) words
#endif

#define SYSTEM N("4, System Instruction Reference")
#define GENERAL N("3, General-Purpose Instruction Reference")

#define ANY 0xff
#define MEMORY(n) (uint16_t)(X86_REG(n) | X86_MEMORY)
#define EITHER(n) (uint16_t)X86_REG(n)

static const struct x86_sensitive rows[] = {
	{ X86_HLT, X86_PRIVILEGED, N("hlt"), SYSTEM, X86_ONE_BYTE, 0xf4, ANY, 0, 0, 0 },
	{ X86_CLTS, X86_PRIVILEGED, N("clts"), SYSTEM, X86_0F, 0x06, ANY, 0, 0, 0 },
	{ X86_INVD, X86_PRIVILEGED, N("invd"), SYSTEM, X86_0F, 0x08, ANY, 0, 0, 0 },
	{ X86_WBINVD, X86_PRIVILEGED, N("wbinvd"), SYSTEM, X86_0F, 0x09, ANY, 0, 0, 0 },
	{ X86_MOV_FROM_CR, X86_PRIVILEGED, N("mov from cr"), SYSTEM, X86_0F, 0x20, ANY, 0, 0, 0 },
	{ X86_MOV_FROM_DR, X86_PRIVILEGED, N("mov from dr"), SYSTEM, X86_0F, 0x21, ANY, 0, 0, 0 },
	{ X86_MOV_TO_CR, X86_PRIVILEGED, N("mov to cr"), SYSTEM, X86_0F, 0x22, ANY, 0, 0, 0 },
	{ X86_MOV_TO_DR, X86_PRIVILEGED, N("mov to dr"), SYSTEM, X86_0F, 0x23, ANY, 0, 0, 0 },
	{ X86_WRMSR, X86_PRIVILEGED, N("wrmsr"), SYSTEM, X86_0F, 0x30, ANY, 0, 0, 0 },
	{ X86_RDMSR, X86_PRIVILEGED, N("rdmsr"), SYSTEM, X86_0F, 0x32, ANY, 0, 0, 0 },
	{ X86_RDPMC, X86_PRIVILEGED, N("rdpmc"), SYSTEM, X86_0F, 0x33, ANY, 0, 0, 0 },
	{ X86_SYSRET, X86_PRIVILEGED, N("sysret"), SYSTEM, X86_0F, 0x07, ANY, 0, 0, 0 },
	{ X86_SYSENTER, X86_PRIVILEGED, N("sysenter"), SYSTEM, X86_0F, 0x34, ANY, 0, 0, 0 },
	{ X86_SYSEXIT, X86_PRIVILEGED, N("sysexit"), SYSTEM, X86_0F, 0x35, ANY, 0, 0, 0 },
	{ X86_LLDT, X86_PRIVILEGED, N("lldt"), SYSTEM, X86_0F, 0x00, ANY, EITHER(2), 0, 0 },
	{ X86_LTR, X86_PRIVILEGED, N("ltr"), SYSTEM, X86_0F, 0x00, ANY, EITHER(3), 0, 0 },
	{ X86_LGDT, X86_PRIVILEGED, N("lgdt"), SYSTEM, X86_0F, 0x01, ANY, MEMORY(2), 0, 0 },
	{ X86_LIDT, X86_PRIVILEGED, N("lidt"), SYSTEM, X86_0F, 0x01, ANY, MEMORY(3), 0, 0 },
	{ X86_LMSW, X86_PRIVILEGED, N("lmsw"), SYSTEM, X86_0F, 0x01, ANY, EITHER(6), 0, 0 },
	{ X86_INVLPG, X86_PRIVILEGED, N("invlpg"), SYSTEM, X86_0F, 0x01, ANY, MEMORY(7), 0, 0 },
	{ X86_XSETBV, X86_PRIVILEGED, N("xsetbv"), SYSTEM, X86_0F, 0x01, ANY, 0, 0xd1, 0 },
	{ X86_SWAPGS, X86_PRIVILEGED, N("swapgs"), SYSTEM, X86_0F, 0x01, ANY, 0, 0xf8, 0 },
	{ X86_INVPCID, X86_PRIVILEGED, N("invpcid"), SYSTEM, X86_0F38, 0x82, ANY, 0, 0, X86_OPERAND_SIZE },

	{ X86_CLI, X86_IOPL, N("cli"), SYSTEM, X86_ONE_BYTE, 0xfa, ANY, 0, 0, 0 },
	{ X86_STI, X86_IOPL, N("sti"), SYSTEM, X86_ONE_BYTE, 0xfb, ANY, 0, 0, 0 },
	{ X86_INS, X86_IOPL, N("ins"), GENERAL, X86_ONE_BYTE, 0x6c, 0xfe, 0, 0, 0 },
	{ X86_OUTS, X86_IOPL, N("outs"), GENERAL, X86_ONE_BYTE, 0x6e, 0xfe, 0, 0, 0 },
	{ X86_IN_IMMEDIATE, X86_IOPL, N("in"), GENERAL, X86_ONE_BYTE, 0xe4, 0xfe, 0, 0, 0 },
	{ X86_OUT_IMMEDIATE, X86_IOPL, N("out"), GENERAL, X86_ONE_BYTE, 0xe6, 0xfe, 0, 0, 0 },
	{ X86_IN, X86_IOPL, N("in"), GENERAL, X86_ONE_BYTE, 0xec, 0xfe, 0, 0, 0 },
	{ X86_OUT, X86_IOPL, N("out"), GENERAL, X86_ONE_BYTE, 0xee, 0xfe, 0, 0, 0 },

	{ X86_VMCALL, X86_UNDEFINED, N("vmcall"), SYSTEM, X86_0F, 0x01, ANY, 0, 0xc1, 0 },
	{ X86_MONITOR, X86_UNDEFINED, N("monitor"), SYSTEM, X86_0F, 0x01, ANY, 0, 0xc8, 0 },
	{ X86_MWAIT, X86_UNDEFINED, N("mwait"), SYSTEM, X86_0F, 0x01, ANY, 0, 0xc9, 0 },
	{ X86_CLAC, X86_UNDEFINED, N("clac"), SYSTEM, X86_0F, 0x01, ANY, 0, 0xca, 0 },
	{ X86_STAC, X86_UNDEFINED, N("stac"), SYSTEM, X86_0F, 0x01, ANY, 0, 0xcb, 0 },
	{ X86_VMMCALL, X86_UNDEFINED, N("vmmcall"), SYSTEM, X86_0F, 0x01, ANY, 0, 0xd9, 0 },
	{ X86_SVM, X86_UNDEFINED, N("vmrun"), SYSTEM, X86_0F, 0x01, ANY, 0, 0xd8, 0 },
	{ X86_SVM, X86_UNDEFINED, N("vmload"), SYSTEM, X86_0F, 0x01, ANY, 0, 0xda, 0 },
	{ X86_SVM, X86_UNDEFINED, N("vmsave"), SYSTEM, X86_0F, 0x01, ANY, 0, 0xdb, 0 },
	{ X86_SVM, X86_UNDEFINED, N("stgi"), SYSTEM, X86_0F, 0x01, ANY, 0, 0xdc, 0 },
	{ X86_SVM, X86_UNDEFINED, N("clgi"), SYSTEM, X86_0F, 0x01, ANY, 0, 0xdd, 0 },
	{ X86_SVM, X86_UNDEFINED, N("skinit"), SYSTEM, X86_0F, 0x01, ANY, 0, 0xde, 0 },
	{ X86_SVM, X86_UNDEFINED, N("invlpga"), SYSTEM, X86_0F, 0x01, ANY, 0, 0xdf, 0 },
	{ X86_RSM, X86_UNDEFINED, N("rsm"), SYSTEM, X86_0F, 0xaa, ANY, 0, 0, 0 },

	{ X86_INT1, X86_GATE, N("int1"), GENERAL, X86_ONE_BYTE, 0xf1, ANY, 0, 0, 0 },
	{ X86_INT3, X86_GATE, N("int3"), GENERAL, X86_ONE_BYTE, 0xcc, ANY, 0, 0, 0 },
	{ X86_INT, X86_GATE, N("int"), GENERAL, X86_ONE_BYTE, 0xcd, ANY, 0, 0, 0 },
	{ X86_SYSCALL, X86_GATE, N("syscall"), SYSTEM, X86_0F, 0x05, ANY, 0, 0, 0 },

	{ X86_IRET, X86_CRITICAL, N("iret"), GENERAL, X86_ONE_BYTE, 0xcf, ANY, 0, 0, 0 },
	{ X86_PUSHF, X86_CRITICAL, N("pushf"), GENERAL, X86_ONE_BYTE, 0x9c, ANY, 0, 0, 0 },
	{ X86_POPF, X86_CRITICAL, N("popf"), GENERAL, X86_ONE_BYTE, 0x9d, ANY, 0, 0, 0 },
	{ X86_SLDT, X86_CRITICAL, N("sldt"), SYSTEM, X86_0F, 0x00, ANY, EITHER(0), 0, 0 },
	{ X86_STR, X86_CRITICAL, N("str"), SYSTEM, X86_0F, 0x00, ANY, EITHER(1), 0, 0 },
	{ X86_VERR, X86_CRITICAL, N("verr"), SYSTEM, X86_0F, 0x00, ANY, EITHER(4), 0, 0 },
	{ X86_VERW, X86_CRITICAL, N("verw"), SYSTEM, X86_0F, 0x00, ANY, EITHER(5), 0, 0 },
	{ X86_SGDT, X86_CRITICAL, N("sgdt"), SYSTEM, X86_0F, 0x01, ANY, MEMORY(0), 0, 0 },
	{ X86_SIDT, X86_CRITICAL, N("sidt"), SYSTEM, X86_0F, 0x01, ANY, MEMORY(1), 0, 0 },
	{ X86_SMSW, X86_CRITICAL, N("smsw"), SYSTEM, X86_0F, 0x01, ANY, EITHER(4), 0, 0 },
	{ X86_XGETBV, X86_CRITICAL, N("xgetbv"), SYSTEM, X86_0F, 0x01, ANY, 0, 0xd0, 0 },
	{ X86_RDTSCP, X86_CRITICAL, N("rdtscp"), SYSTEM, X86_0F, 0x01, ANY, 0, 0xf9, 0 },
	{ X86_LAR, X86_CRITICAL, N("lar"), SYSTEM, X86_0F, 0x02, ANY, 0, 0, 0 },
	{ X86_LSL, X86_CRITICAL, N("lsl"), SYSTEM, X86_0F, 0x03, ANY, 0, 0, 0 },
	{ X86_CPUID, X86_CRITICAL, N("cpuid"), GENERAL, X86_0F, 0xa2, ANY, 0, 0, 0 },
	{ X86_MOV_FROM_SEGMENT, X86_CRITICAL, N("mov from a segment register"), GENERAL, X86_ONE_BYTE, 0x8c, ANY, 0, 0, 0 },
	{ X86_MOV_TO_SEGMENT, X86_CRITICAL, N("mov to a segment register"), GENERAL, X86_ONE_BYTE, 0x8e, ANY, 0, 0, 0 },
	{ X86_PUSH_SEGMENT, X86_CRITICAL, N("push fs or gs"), GENERAL, X86_0F, 0xa0, 0xf7, 0, 0, 0 },
	{ X86_POP_SEGMENT, X86_CRITICAL, N("pop fs or gs"), GENERAL, X86_0F, 0xa1, 0xf7, 0, 0, 0 },
	{ X86_LOAD_FAR_POINTER, X86_CRITICAL, N("lss"), GENERAL, X86_0F, 0xb2, ANY, X86_MEMORY, 0, 0 },
	{ X86_LOAD_FAR_POINTER, X86_CRITICAL, N("lfs"), GENERAL, X86_0F, 0xb4, ANY, X86_MEMORY, 0, 0 },
	{ X86_LOAD_FAR_POINTER, X86_CRITICAL, N("lgs"), GENERAL, X86_0F, 0xb5, ANY, X86_MEMORY, 0, 0 },
	{ X86_FAR_CALL, X86_CRITICAL, N("far call"), GENERAL, X86_ONE_BYTE, 0xff, ANY, MEMORY(3), 0, 0 },
	{ X86_FAR_JUMP, X86_CRITICAL, N("far jmp"), GENERAL, X86_ONE_BYTE, 0xff, ANY, MEMORY(5), 0, 0 },
	{ X86_FAR_RETURN, X86_CRITICAL, N("far ret"), GENERAL, X86_ONE_BYTE, 0xca, 0xfe, 0, 0, 0 },
	{ X86_RD_FSGSBASE, X86_CRITICAL, N("rdfsbase or rdgsbase"), SYSTEM, X86_0F, 0xae, ANY,
	  X86_REG(0) | X86_REG(1) | X86_REGISTER, 0, X86_REP },
	{ X86_WR_FSGSBASE, X86_CRITICAL, N("wrfsbase or wrgsbase"), SYSTEM, X86_0F, 0xae, ANY,
	  X86_REG(2) | X86_REG(3) | X86_REGISTER, 0, X86_REP },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* Opcodes that rows are about: nearly all that are asked about are others. */
static const bool one_byte[256] = {
	[0x6c ... 0x6f] = true, [0x8c] = true, [0x8e] = true, [0x9c ... 0x9d] = true, [0xca ... 0xcd] = true, [0xcf] = true,
	[0xe4 ... 0xe7] = true, [0xec ... 0xef] = true, [0xf1] = true, [0xf4] = true, [0xfa ... 0xfb] = true, [0xff] = true,
};

static const bool two_byte[256] = {
	[0x00 ... 0x03] = true, [0x05 ... 0x09] = true, [0x20 ... 0x23] = true, [0x30] = true, [0x32 ... 0x35] = true,
	[0xa0 ... 0xa2] = true, [0xa8 ... 0xaa] = true, [0xae] = true, [0xb2] = true, [0xb4 ... 0xb5] = true,
};

static bool form_is(const struct x86_sensitive *row, const struct x86_instruction *i)
{
	unsigned regs = row->forms & 0xffu;

	return (!regs || regs & X86_REG(x86_reg(i))) && (!(row->forms & X86_MEMORY) || x86_mod(i) != 3) &&
	       (!(row->forms & X86_REGISTER) || x86_mod(i) == 3);
}

const struct x86_sensitive *x86_sensitive(const struct x86_instruction *i)
{
	if ((i->map == X86_ONE_BYTE && !one_byte[i->opcode]) || (i->map == X86_0F && !two_byte[i->opcode]) || i->map == X86_OTHER)
		return NULL;
	for (size_t n = 0; n < ROWS; n++) {
		const struct x86_sensitive *row = &rows[n];

		if (row->map == i->map && row->opcode == (i->opcode & row->opcode_mask) &&
		    (!row->modrm || row->modrm == i->modrm) && form_is(row, i) && (i->prefixes & row->prefixes) == row->prefixes)
			return row;
	}
	return NULL;
}

const struct x86_sensitive *x86_sensitive_rows(unsigned *count)
{
	*count = ROWS;
	return rows;
}
