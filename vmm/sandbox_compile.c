/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host tool: compiles sandbox_policy.h into a seccomp filter, as C on standard output.
 *
 * A launch pays for its filter when it installs it. The kernel then runs it in an emulator for each
 * of some 460 native and 440 compat call numbers, to learn which are allowed whatever their arguments
 * (seccomp_cache_prepare() in kernel/seccomp.c), at a few nanoseconds an instruction; each instruction
 * is also checked, converted and compiled, at about half a microsecond. The emulator gives up on a number as soon as
 * it meets an argument. So the filter begins by loading the one argument it will look at: the
 * emulator gives up 900 times after one instruction, and the order of the rest is free to
 * suit KVM_RUN, the one call made often. The price is 20 to 30 ns at the other calls, which the kernel
 * would have let pass unfiltered; KVM_RUN itself could never be among those. docs/adr has the figures.
 */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/sandbox_policy.h"

#define INSTRUCTIONS_MAX 128
#define JUMP_MAX 255 /* jt and jf are a byte */

struct filter {
	struct sock_filter code[INSTRUCTIONS_MAX];
	const char *comment[INSTRUCTIONS_MAX];
	unsigned length;
};

static void fail(const char *what, const char *name)
{
	fprintf(stderr, "sandbox_policy.h: %s: %s\n", name, what);
	exit(1);
}

static void emit(struct filter *filter, struct sock_filter instruction, const char *comment)
{
	if (filter->length == INSTRUCTIONS_MAX)
		fail("the filter is too long", comment);
	filter->comment[filter->length] = comment;
	filter->code[filter->length++] = instruction;
}

static void load(struct filter *filter, size_t offset, const char *comment)
{
	emit(filter, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset), comment);
}

/* To be pointed at its target by jump_to() when that is known. */
static void jump_if(struct filter *filter, uint32_t value, const char *comment)
{
	emit(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 0), comment);
}

static void jump_to(struct filter *filter, unsigned from, unsigned target)
{
	unsigned distance = target - from - 1;

	if (target <= from || distance > JUMP_MAX)
		fail("a jump is too long", filter->comment[from]);
	filter->code[from].jt = (uint8_t)distance;
}

static void check_rules(void)
{
	for (size_t i = 0; i < SANDBOX_RULES; i++) {
		const struct sandbox_rule *rule = &sandbox_rules[i];

		if (rule->condition == SANDBOX_ARG1_IS && rule->nr != SYS_ioctl)
			fail("only ioctl requests may be told apart by 32 bits of an argument", rule->name);
		for (size_t j = 0; j < i; j++) {
			if (sandbox_rules[j].nr != rule->nr)
				continue;
			if (sandbox_rules[j].condition != SANDBOX_ARG1_IS || rule->condition != SANDBOX_ARG1_IS ||
			    sandbox_rules[j].value == rule->value)
				fail("stands twice", rule->name);
			if (sandbox_rules[i - 1].nr != rule->nr)
				fail("rows of one call stand apart", rule->name);
		}
	}
}

/*
 *	argument → X; is it this architecture? which number?
 *	one jump for each call, to ALLOW or to its arguments; KILL
 *	arguments: one jump for each value, to ALLOW; KILL
 *	ALLOW
 *
 * A number with the x32 bit (0x40000000) equals none of ours, and so is killed like any other.
 */
static void compile(struct filter *filter)
{
	unsigned dispatch[SANDBOX_RULES], values[SANDBOX_RULES], dispatches = 0, valued = 0, allow;
	size_t i;

	load(filter, offsetof(struct seccomp_data, args[1]), "second argument, low half: first on purpose");
	emit(filter, (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TAX, 0), "");
	load(filter, offsetof(struct seccomp_data, arch), "architecture");
	emit(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0), "x86-64");
	emit(filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS), "another: kill");
	load(filter, offsetof(struct seccomp_data, nr), "number");
	for (i = 0; i < SANDBOX_RULES; i++) {
		if (i && sandbox_rules[i].nr == sandbox_rules[i - 1].nr)
			continue;
		dispatch[dispatches++] = filter->length;
		jump_if(filter, (uint32_t)sandbox_rules[i].nr, sandbox_rules[i].name);
	}
	emit(filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS), "not listed: kill");
	dispatches = 0;
	for (i = 0; i < SANDBOX_RULES; i++) {
		if (i && sandbox_rules[i].nr == sandbox_rules[i - 1].nr)
			continue;
		if (sandbox_rules[i].condition == SANDBOX_ARG1_IS) {
			jump_to(filter, dispatch[dispatches], filter->length);
			emit(filter, (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TXA, 0), "the argument again");
			for (size_t j = i; j < SANDBOX_RULES && sandbox_rules[j].nr == sandbox_rules[i].nr; j++) {
				values[valued++] = filter->length;
				jump_if(filter, sandbox_rules[j].value, sandbox_rules[j].name);
			}
			emit(filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
			     "not listed: kill");
			dispatch[dispatches] = INSTRUCTIONS_MAX; /* done */
		}
		dispatches++;
	}
	allow = filter->length;
	emit(filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW), "listed: allow");
	for (i = 0; i < dispatches; i++) {
		if (dispatch[i] != INSTRUCTIONS_MAX)
			jump_to(filter, dispatch[i], allow);
	}
	for (i = 0; i < valued; i++)
		jump_to(filter, values[i], allow);
}

/* What the kernel would answer: only the instructions that compile() uses. */
static uint32_t answer(const struct filter *filter, const struct seccomp_data *data)
{
	uint32_t a = 0, x = 0;

	for (unsigned at = 0; at < filter->length; at++) {
		const struct sock_filter *in = &filter->code[at];

		switch (in->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			memcpy(&a, (const char *)data + in->k, sizeof(a));
			break;
		case BPF_MISC | BPF_TAX:
			x = a;
			break;
		case BPF_MISC | BPF_TXA:
			a = x;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			at += a == in->k ? in->jt : in->jf;
			break;
		case BPF_RET | BPF_K:
			return in->k;
		}
	}
	fail("the filter runs off its end", "");
	return 0;
}

static int allowed(int nr, uint32_t arg1)
{
	for (size_t i = 0; i < SANDBOX_RULES; i++) {
		if (sandbox_rules[i].nr == nr &&
		    (sandbox_rules[i].condition == SANDBOX_ALWAYS || sandbox_rules[i].value == arg1))
			return 1;
	}
	return 0;
}

/* Does the filter say what the table says, for every number, with every value and with one that is none? */
static void check_filter(const struct filter *filter)
{
	for (int nr = -1; nr < 1024; nr++) {
		for (size_t i = 0; i <= SANDBOX_RULES; i++) {
			struct seccomp_data data = { .nr = nr, .arch = AUDIT_ARCH_X86_64 };

			data.args[1] = i < SANDBOX_RULES ? sandbox_rules[i].value : 0x5401;
			if ((answer(filter, &data) == SECCOMP_RET_ALLOW) != allowed(nr, (uint32_t)data.args[1]))
				fail("the compiled filter disagrees with the table", "a row");
			data.nr |= 0x40000000;
			if (answer(filter, &data) != SECCOMP_RET_KILL_PROCESS)
				fail("an x32 call passes", "a row");
			data.nr = nr;
			data.arch = AUDIT_ARCH_I386;
			if (answer(filter, &data) != SECCOMP_RET_KILL_PROCESS)
				fail("a 32-bit call passes", "a row");
		}
	}
}

int main(void)
{
	static struct filter filter;

	check_rules();
	compile(&filter);
	check_filter(&filter);
	puts("/* Made by vmm/sandbox_compile.c from vmm/sandbox_policy.h. */\n"
	     "#include <linux/filter.h>\n\n"
	     "static const struct sock_filter sandbox_filter[] = {");
	for (unsigned i = 0; i < filter.length; i++) {
		const struct sock_filter *in = &filter.code[i];

		printf("\t{ 0x%02x, %3u, %3u, 0x%08x },%s%s%s\n", in->code, in->jt, in->jf, in->k,
		       *filter.comment[i] ? " /* " : "", filter.comment[i], *filter.comment[i] ? " */" : "");
	}
	puts("};");
	return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
