/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our decoder (vmm/x86) held against Zydis, all of 64-bit mode: whatever Zydis decodes has the same length here, and is sensitive
 * here exactly where the table of mnemonics below says so.
 */
#include <string.h>

#include <Zydis/Zydis.h>

#include "tests/fuzz/fuzz.h"
#include "vmm/x86/decode.h"
#include "vmm/x86/sensitive.h"

/* Zydis' names. What needs a look at operands is in id_by_operands(). */
static const struct {
	ZydisMnemonic mnemonic;
	enum x86_id id;
} mnemonics[] = {
#define SAME(name) { ZYDIS_MNEMONIC_##name, X86_##name }
	SAME(HLT), SAME(CLTS), SAME(INVD), SAME(WBINVD), SAME(WRMSR), SAME(RDMSR), SAME(RDPMC), SAME(SYSRET), SAME(SYSENTER),
	SAME(SYSEXIT), SAME(LGDT), SAME(LIDT), SAME(LMSW), SAME(INVLPG), SAME(SWAPGS), SAME(XSETBV), SAME(LLDT), SAME(LTR),
	SAME(INVPCID), SAME(CLI), SAME(STI), SAME(MONITOR), SAME(MWAIT), SAME(CLAC), SAME(STAC), SAME(RSM), SAME(VMCALL),
	SAME(VMMCALL), SAME(INT), SAME(INT3), SAME(INT1), SAME(SYSCALL), SAME(SGDT), SAME(SIDT), SAME(SLDT), SAME(STR), SAME(SMSW),
	SAME(LAR), SAME(LSL), SAME(VERR), SAME(VERW), SAME(CPUID), SAME(XGETBV), SAME(RDTSCP),
#undef SAME
	{ ZYDIS_MNEMONIC_INSB, X86_INS }, { ZYDIS_MNEMONIC_INSD, X86_INS }, { ZYDIS_MNEMONIC_INSW, X86_INS },
	{ ZYDIS_MNEMONIC_OUTSB, X86_OUTS }, { ZYDIS_MNEMONIC_OUTSD, X86_OUTS }, { ZYDIS_MNEMONIC_OUTSW, X86_OUTS },
	{ ZYDIS_MNEMONIC_IRET, X86_IRET }, { ZYDIS_MNEMONIC_IRETD, X86_IRET }, { ZYDIS_MNEMONIC_IRETQ, X86_IRET },
	{ ZYDIS_MNEMONIC_PUSHF, X86_PUSHF }, { ZYDIS_MNEMONIC_PUSHFQ, X86_PUSHF },
	{ ZYDIS_MNEMONIC_POPF, X86_POPF }, { ZYDIS_MNEMONIC_POPFQ, X86_POPF },
	{ ZYDIS_MNEMONIC_VMRUN, X86_SVM }, { ZYDIS_MNEMONIC_VMLOAD, X86_SVM }, { ZYDIS_MNEMONIC_VMSAVE, X86_SVM },
	{ ZYDIS_MNEMONIC_STGI, X86_SVM }, { ZYDIS_MNEMONIC_CLGI, X86_SVM }, { ZYDIS_MNEMONIC_SKINIT, X86_SVM },
	{ ZYDIS_MNEMONIC_INVLPGA, X86_SVM },
	{ ZYDIS_MNEMONIC_LSS, X86_LOAD_FAR_POINTER }, { ZYDIS_MNEMONIC_LFS, X86_LOAD_FAR_POINTER },
	{ ZYDIS_MNEMONIC_LGS, X86_LOAD_FAR_POINTER },
	{ ZYDIS_MNEMONIC_RDFSBASE, X86_RD_FSGSBASE }, { ZYDIS_MNEMONIC_RDGSBASE, X86_RD_FSGSBASE },
	{ ZYDIS_MNEMONIC_WRFSBASE, X86_WR_FSGSBASE }, { ZYDIS_MNEMONIC_WRGSBASE, X86_WR_FSGSBASE },
};

static bool is_class(const ZydisDecodedOperand *operand, ZydisRegisterClass class)
{
	return operand->type == ZYDIS_OPERAND_TYPE_REGISTER && ZydisRegisterGetClass(operand->reg.value) == class;
}

static enum x86_id id_of_mov(const ZydisDecodedOperand *operands)
{
	static const struct {
		ZydisRegisterClass class;
		enum x86_id to, from;
	} classes[] = {
		{ ZYDIS_REGCLASS_CONTROL, X86_MOV_TO_CR, X86_MOV_FROM_CR },
		{ ZYDIS_REGCLASS_DEBUG, X86_MOV_TO_DR, X86_MOV_FROM_DR },
		{ ZYDIS_REGCLASS_SEGMENT, X86_MOV_TO_SEGMENT, X86_MOV_FROM_SEGMENT },
	};

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (is_class(&operands[0], classes[i].class))
			return classes[i].to;
		if (is_class(&operands[1], classes[i].class))
			return classes[i].from;
	}
	return X86_INNOCUOUS;
}

static enum x86_id id_by_operands(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operands)
{
	bool far_branch = z->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
	bool immediate = operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE || operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;

	switch (z->mnemonic) {
	case ZYDIS_MNEMONIC_MOV: return id_of_mov(operands);
	case ZYDIS_MNEMONIC_PUSH: return is_class(&operands[0], ZYDIS_REGCLASS_SEGMENT) ? X86_PUSH_SEGMENT : X86_INNOCUOUS;
	case ZYDIS_MNEMONIC_POP: return is_class(&operands[0], ZYDIS_REGCLASS_SEGMENT) ? X86_POP_SEGMENT : X86_INNOCUOUS;
	case ZYDIS_MNEMONIC_CALL: return far_branch ? X86_FAR_CALL : X86_INNOCUOUS;
	case ZYDIS_MNEMONIC_JMP: return far_branch ? X86_FAR_JUMP : X86_INNOCUOUS;
	case ZYDIS_MNEMONIC_RET: return far_branch ? X86_FAR_RETURN : X86_INNOCUOUS;
	case ZYDIS_MNEMONIC_IN: return immediate ? X86_IN_IMMEDIATE : X86_IN;
	case ZYDIS_MNEMONIC_OUT: return immediate ? X86_OUT_IMMEDIATE : X86_OUT;
	default: return X86_INNOCUOUS;
	}
}

static enum x86_id expected(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operands)
{
	for (size_t i = 0; i < sizeof(mnemonics) / sizeof(mnemonics[0]); i++)
		if (mnemonics[i].mnemonic == z->mnemonic)
			return mnemonics[i].id;
	return id_by_operands(z, operands);
}

/* Of a processor that is no x86-64 as others are (Knights Corner). */
static bool is_foreign(const ZydisDecodedInstruction *z)
{
	return z->mnemonic == ZYDIS_MNEMONIC_JKZD || z->mnemonic == ZYDIS_MNEMONIC_JKNZD ||
	       z->encoding == ZYDIS_INSTRUCTION_ENCODING_MVEX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT] = { 0 };
	struct x86_instruction ours;
	ZydisDecodedInstruction z;
	ZydisDecoder decoder;
	int r;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	r = x86_decode(data, bytes, &ours);
	PROMISE(r >= -1 && r <= 1);
	PROMISE(r != 1 || (ours.bytes >= 1 && ours.bytes <= bytes && ours.bytes <= X86_INSTRUCTION_BYTES_MAX));
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, data, bytes, &z, operands)) || is_foreign(&z))
		return 0;
	PROMISE(r == 1);
	PROMISE(ours.bytes == z.length);

	const struct x86_sensitive *row = x86_sensitive(&ours);
	enum x86_id id = expected(&z, operands);

	if ((row ? row->id : X86_INNOCUOUS) != id)
		fprintf(stderr, "%s: %s here\n", ZydisMnemonicGetString(z.mnemonic), row ? row->name : "innocuous");
	PROMISE((row ? row->id : X86_INNOCUOUS) == id);
	return 0;
}
