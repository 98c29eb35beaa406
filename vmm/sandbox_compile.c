/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host tool: compiles sandbox_policy.h into seccomp filters, as C on standard output: those of launches or, with "resets", those
 * of machines that are reset in place, which the launcher has no use for.
 *
 * A launch pays for its filter when it installs it. The kernel runs it in an emulator for each of some 460 native
 * and 440 compat call numbers, to learn which are allowed whatever their arguments (seccomp_cache_prepare() in
 * kernel/seccomp.c). The emulator gives up on a number as soon as it meets an argument; so the filter begins by loading
 * one, and the order of the rest is free to suit KVM_RUN, the one call made often. The price is 20 to 30 ns at
 * the other calls, which the kernel would have let pass unfiltered.
 *
 * Then it is compiled, again and again until no jump gets any shorter (bpf_int_jit_compile()): five rounds instead of
 * seven when every jump is short from the start, which is what the groups are for. docs/adr/0004 has the figures.
 */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/sandbox_policy.h"

#define INSTRUCTIONS_MAX 128
#define GROUP_NUMBERS 7 /* what a launch pays least for */

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

static void check_rules(void)
{
	for (size_t i = 0; i < SANDBOX_RULES; i++) {
		const struct sandbox_rule *rule = &sandbox_rules[i];

		if (rule->condition == SANDBOX_ARG1_IS && rule->nr != SYS_ioctl && rule->nr != SYS_fcntl)
			fail("only requests of ioctl() and fcntl() may be told apart by 32 bits of an argument", rule->name);
		for (size_t j = 0; j < i; j++) {
			if (sandbox_rules[j].nr != rule->nr)
				continue;
			if (sandbox_rules[j].condition != SANDBOX_ARG1_IS || rule->condition != SANDBOX_ARG1_IS ||
			    sandbox_rules[j].value == rule->value)
				fail("stands twice", rule->name);
		}
	}
}

/* Compares what is loaded with each value: a match jumps to the group's own ALLOW, and no match past it. */
static void emit_group(struct filter *filter, const uint32_t *values, const char *const *names, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		bool last = i + 1 == count;
		uint8_t to_allow = (uint8_t)(count - 1 - i);

		emit(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, values[i], to_allow, last), names[i]);
	}
	emit(filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW), "listed: allow");
}

static void emit_kill(struct filter *filter, const char *why)
{
	emit(filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS), why);
}

/* The rows of a call with requests (nr), or of calls without (-1), that the filter of a set has, as emit_group() wants them. */
static unsigned collect(unsigned set, int nr, uint32_t values[SANDBOX_RULES],
			const char *names[SANDBOX_RULES])
{
	unsigned count = 0;

	for (size_t i = 0; i < SANDBOX_RULES; i++) {
		const struct sandbox_rule *rule = &sandbox_rules[i];

		bool request = rule->condition == SANDBOX_ARG1_IS;

		if (!sandbox_rule_is_in(rule, set) || (request ? rule->nr != nr : nr != -1))
			continue;
		values[count] = request ? rule->value : (uint32_t)rule->nr;
		names[count++] = rule->name;
	}
	return count;
}

/*
 *	is it this architecture? is it ioctl()?
 *	its request: one jump for each, to ALLOW; KILL
 *	numbers, in groups: one jump for each, to the group's own ALLOW
 *	is it fcntl(), where that has rows? its request likewise; KILL
 *
 * A number with the x32 bit (0x40000000) equals none of ours, and so is killed like any other.
 */
static void compile(struct filter *filter, unsigned set)
{
	const char *names[SANDBOX_RULES];
	uint32_t values[SANDBOX_RULES];
	unsigned count, to_ioctl, to_fcntl;

	load(filter, offsetof(struct seccomp_data, args[1]), "an argument: first on purpose");
	load(filter, offsetof(struct seccomp_data, arch), "architecture");
	emit(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0), "x86-64");
	emit_kill(filter, "another: kill");
	load(filter, offsetof(struct seccomp_data, nr), "number");

	to_ioctl = filter->length;
	emit(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 0), "ioctl");
	load(filter, offsetof(struct seccomp_data, args[1]), "request: the second argument, low half");
	count = collect(set, SYS_ioctl, values, names);
	emit_group(filter, values, names, count);
	emit_kill(filter, "not listed: kill");
	filter->code[to_ioctl].jf = (uint8_t)(filter->length - to_ioctl - 1);

	count = collect(set, -1, values, names);
	for (unsigned i = 0; i < count; i += GROUP_NUMBERS)
		emit_group(filter, values + i, names + i, count - i < GROUP_NUMBERS ? count - i : GROUP_NUMBERS);
	count = collect(set, SYS_fcntl, values, names);
	if (count > 0) {
		to_fcntl = filter->length;
		emit(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fcntl, 0, 0), "fcntl");
		load(filter, offsetof(struct seccomp_data, args[1]), "request");
		emit_group(filter, values, names, count);
		filter->code[to_fcntl].jf = (uint8_t)(filter->length - to_fcntl - 1);
	}
	emit_kill(filter, "not listed: kill");
}

/* What the kernel would answer: only the instructions that compile() uses. */
static uint32_t answer(const struct filter *filter, const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (unsigned at = 0; at < filter->length; at++) {
		const struct sock_filter *in = &filter->code[at];

		switch (in->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			memcpy(&a, (const char *)data + in->k, sizeof(a));
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

static int allowed(unsigned set, int nr, uint32_t arg1)
{
	for (size_t i = 0; i < SANDBOX_RULES; i++) {
		if (sandbox_rules[i].nr == nr && sandbox_rule_is_in(&sandbox_rules[i], set) &&
		    (sandbox_rules[i].condition == SANDBOX_ALWAYS || sandbox_rules[i].value == arg1))
			return 1;
	}
	return 0;
}

/* Does the filter say what the table says, for every number, with every value and with one that is none? */
static void check_filter(const struct filter *filter, unsigned set)
{
	for (int nr = -1; nr < 1024; nr++) {
		for (size_t i = 0; i <= SANDBOX_RULES; i++) {
			struct seccomp_data data = { .nr = nr, .arch = AUDIT_ARCH_X86_64 };

			data.args[1] = i < SANDBOX_RULES ? sandbox_rules[i].value : 0x5401;
			if ((answer(filter, &data) == SECCOMP_RET_ALLOW) != allowed(set, nr, (uint32_t)data.args[1]))
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

/* Most launches have no devices: what only the others read is not among what all touch (control/kvick.ld). */
static void print(const struct filter *filter, unsigned set)
{
	printf("%sstatic const struct sock_filter sandbox_filter_%u[] = {\n",
	       set > SANDBOX_REPORT ? "__attribute__((section(\"cold_rodata\")))\n" : "", set);
	for (unsigned i = 0; i < filter->length; i++) {
		const struct sock_filter *in = &filter->code[i];

		printf("\t{ 0x%02x, %3u, %3u, 0x%08x }, /* %s */\n", in->code, in->jt, in->jf, in->k, filter->comment[i]);
	}
	puts("};");
}

int main(int argc, char **argv)
{
	static struct filter filters[SANDBOX_SETS];
	bool resets = argc > 1 && strcmp(argv[1], "resets") == 0;
	unsigned first = resets ? SANDBOX_RESETS : 0, end = resets ? SANDBOX_SETS : SANDBOX_LAUNCH_SETS;

	check_rules();
	puts("/* Made by vmm/sandbox_compile.c from vmm/sandbox_policy.h. */\n#include <linux/filter.h>\n");
	for (unsigned set = first; set < end; set++) {
		if (!sandbox_set_can_be(set))
			continue;
		compile(&filters[set], set);
		check_filter(&filters[set], set);
		print(&filters[set], set);
	}
	printf("\n/* FILTER(set, its filter) for each set that can be. */\n#define SANDBOX_FILTERS%s(FILTER) \\\n",
	       resets ? "_RESETS" : "");
	for (unsigned set = first; set < end; set++)
		if (sandbox_set_can_be(set))
			printf("\tFILTER(%u, sandbox_filter_%u) \\\n", set, set);
	puts("");
	return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
