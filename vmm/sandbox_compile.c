/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host tool: sandbox_policy.h as C on standard output: the filters of launches without devices,
 * and the rows that others are made of (sandbox_make.h). Holds the filter of every set against the table first.
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

#include "vmm/sandbox_make.h"
#include "vmm/sandbox_policy.h"

struct filter {
	struct sock_filter code[SANDBOX_INSTRUCTIONS_MAX];
	unsigned length;
};

static void fail(const char *what, const char *name)
{
	fprintf(stderr, "sandbox_policy.h: %s: %s\n", name, what);
	exit(1);
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

/* For whoever reads it: whose number or request it is that an instruction compares with. */
static const char *comment(const struct sock_filter *in)
{
	if (in->code == (BPF_RET | BPF_K))
		return in->k == SECCOMP_RET_ALLOW ? "allow" : "kill";
	if (in->code != (BPF_JMP | BPF_JEQ | BPF_K))
		return in->k == offsetof(struct seccomp_data, nr)	? "number" :
		       in->k == offsetof(struct seccomp_data, arch) ? "architecture" :
								      "an argument";
	for (size_t i = 0; i < SANDBOX_RULES; i++) {
		const struct sandbox_rule *rule = &sandbox_rules[i];

		if (in->k == (rule->condition == SANDBOX_ARG1_IS ? rule->value : (uint32_t)rule->nr))
			return rule->name;
	}
	return in->k == AUDIT_ARCH_X86_64 ? "x86-64" : "whose requests count";
}

static void print(const struct filter *filter, unsigned set)
{
	printf("static const struct sock_filter sandbox_filter_%u[] = {\n", set);
	for (unsigned i = 0; i < filter->length; i++) {
		const struct sock_filter *in = &filter->code[i];

		printf("\t{ 0x%02x, %3u, %3u, 0x%08x }, /* %s */\n", in->code, in->jt, in->jf, in->k, comment(in));
	}
	puts("};\n");
}

/* Those of machines that are reset in place are not the launcher's. */
static void print_rows(const struct sandbox_row *rows)
{
	puts("__attribute__((section(\"cold_rodata\"))) static const struct sandbox_row sandbox_rows[] = {");
	for (size_t i = 0; i < SANDBOX_RULES; i++) {
		bool resets = rows[i].needs && !(rows[i].needs & (SANDBOX_LAUNCH_SETS - 1));

		printf("%s\t{ 0x%02x, %u, %u, 0x%08x }, /* %s */\n%s", resets ? "#ifdef KVICK_RESETS\n" : "", rows[i].needs,
		       rows[i].by_argument, rows[i].nr, rows[i].value, sandbox_rules[i].name, resets ? "#endif\n" : "");
	}
	puts("};");
}

int main(void)
{
	static struct sandbox_row rows[SANDBOX_RULES];
	static struct filter filter;

	check_rules();
	for (size_t i = 0; i < SANDBOX_RULES; i++) {
		const struct sandbox_rule *rule = &sandbox_rules[i];
		bool by_argument = rule->condition == SANDBOX_ARG1_IS;

		rows[i] = (struct sandbox_row){ (uint8_t)rule->needs, by_argument, (uint16_t)rule->nr,
						by_argument ? rule->value : (uint32_t)rule->nr };
		if (rows[i].needs != rule->needs || rows[i].nr != rule->nr)
			fail("does not fit into a row", rule->name);
	}
	puts("/* Made by vmm/sandbox_compile.c from vmm/sandbox_policy.h. */\n#include <linux/filter.h>\n\n"
	     "#include \"vmm/sandbox_make.h\"\n");
	for (unsigned set = 0; set < SANDBOX_SETS; set++) {
		if (!sandbox_set_can_be(set))
			continue;
		filter.length = sandbox_make(filter.code, rows, SANDBOX_RULES, set);
		if (!filter.length)
			fail("the filter is too long", "of a set");
		check_filter(&filter, set);
		if (set <= SANDBOX_REPORT) /* most launches are one of these two */
			print(&filter, set);
	}
	print_rows(rows);
	return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
