/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All kinds of instructions, and how often each is drawn. What is drawn means the same by AMD's manual and by Intel's: README.md
 * has what is left out for that.
 */
#include "kinds.h"

static void emit_cli_alone(void)
{
	emit("cli");
}

static void emit_int_by_a_good_gate(void)
{
	emit("int\t$0x%x", 0x20 + (unsigned)draw(3));
}

/* Some instructions in single steps; not STI and loads of SS, which may hold back the trap. */
static void emit_step(void)
{
	static void (*const stepped[])(void) = {
		emit_arithmetic, emit_arithmetic, emit_pushf, emit_cli_alone, emit_sgdt, emit_sldt, emit_lar, emit_verr,
		emit_mov_from_segment, emit_debug_register, emit_clts, emit_control, emit_stack,
		emit_int_by_a_good_gate, emit_iret_to_step,
	};

	emit("pushfq");
	emit("addl\t$0x100, (%%rsp)");
	emit("popfq");
	for (uint64_t left = 1 + draw(3); left > 0; left--)
		PICK(stepped)();
	emit("pushfq");
	emit("subl\t$0x100, (%%rsp)");
	emit("popfq");
}

const struct kind kinds[] = {
	{ "arithmetic", 10, emit_arithmetic },
	{ "stack", 6, emit_stack },
	{ "pushf", 4, emit_pushf },
	{ "popf", 5, emit_popf },
	{ "cli", 3, emit_cli },
	{ "sgdt", 3, emit_sgdt },
	{ "sldt", 5, emit_sldt },
	{ "lar", 5, emit_lar },
	{ "verr", 3, emit_verr },
	{ "mov-from-segment", 4, emit_mov_from_segment },
	{ "mov-to-segment", 6, emit_mov_to_segment },
	{ "push-segment", 3, emit_push_segment },
	{ "lss", 3, emit_lss },
	{ "lret", 3, emit_lret },
	{ "far-jump", 3, emit_far_jump },
	{ "iret", 4, emit_iret },
	{ "lldt", 3, emit_lldt },
	{ "lgdt", 2, emit_lgdt },
	{ "control", 5, emit_control },
	{ "debug-register", 3, emit_debug_register },
	{ "clts", 2, emit_clts },
	{ "invlpg", 2, emit_invlpg },
	{ "msr", 5, emit_msr },
	{ "step", 3, emit_step },
	{ "float", 2, emit_float },
	{ "swapgs", 2, emit_swapgs },
	{ "syscall", 2, emit_syscall },
	{ "int", 4, emit_int },
	{ "trap", 2, emit_trap },
	{ "undefined", 1, emit_undefined },
	{ "divide", 1, emit_divide },
	{ "fault", 2, emit_fault },
	{ "bad-stack", 1, emit_bad_stack },
	{ "bad-jump", 1, emit_bad_jump },
	{ 0 },
};
