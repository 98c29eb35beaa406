/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter of a worker's main thread, which its other threads begin with. Compiled when it is installed, for that is once in a
 * worker's life.
 */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <unistd.h>

#include "control/worker/jail.h"
#include "control/worker/jail_policy.h"

#define INSTRUCTIONS_MAX 512

struct filter {
	struct sock_filter code[INSTRUCTIONS_MAX];
	unsigned short length;
	bool overflow;
};

static void emit(struct filter *f, struct sock_filter instruction)
{
	if (f->length == INSTRUCTIONS_MAX)
		f->overflow = true;
	else
		f->code[f->length++] = instruction;
}

static void load(struct filter *f, size_t offset)
{
	emit(f, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void answer(struct filter *f, uint32_t what)
{
	emit(f, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, what));
}

/* What follows, of `length` instructions, is for this value alone. */
static void only_if(struct filter *f, uint32_t value, uint8_t length)
{
	emit(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, length));
}

/* Requests: KVM_RUN is the first row of the sandbox's table, and so of this. */
static void emit_ioctl(struct filter *f)
{
	unsigned begin = f->length;

	emit(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 1, 0));
	emit(f, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0)); /* to the end; further than 8 bits reach */
	load(f, offsetof(struct seccomp_data, args[1]));
	for (size_t i = 0; i < SANDBOX_RULES; i++) {
		if (sandbox_rules[i].nr != SYS_ioctl || !sandbox_rule_is_in(&sandbox_rules[i], JAIL_OF_THREADS))
			continue;
		only_if(f, sandbox_rules[i].value, 1);
		answer(f, SECCOMP_RET_ALLOW);
	}
	for (size_t i = 0; i < JAIL_RULES; i++) {
		if (jail_rules[i].nr != SYS_ioctl)
			continue;
		only_if(f, jail_rules[i].value, 1);
		answer(f, SECCOMP_RET_ALLOW);
	}
	answer(f, SECCOMP_RET_KILL_PROCESS);
	f->code[begin + 1].k = f->length - begin - 2;
}

static void emit_argument(struct filter *f, const struct jail_rule *rule)
{
	only_if(f, (uint32_t)rule->nr, rule->condition == JAIL_ARG0_HAS ? 5 : 4);
	load(f, rule->condition == JAIL_ARG1_IS ? offsetof(struct seccomp_data, args[1]) : offsetof(struct seccomp_data, args[0]));
	if (rule->condition == JAIL_ARG0_HAS)
		emit(f, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, rule->value));
	only_if(f, rule->value, 1);
	answer(f, SECCOMP_RET_ALLOW);
	load(f, offsetof(struct seccomp_data, nr)); /* another row may be about it */
}

static void emit_rule(struct filter *f, const struct jail_rule *rule)
{
	if (rule->condition != JAIL_ALWAYS && rule->condition != JAIL_REFUSED) {
		emit_argument(f, rule);
		return;
	}
	only_if(f, (uint32_t)rule->nr, 1);
	answer(f, rule->condition == JAIL_REFUSED ? SECCOMP_RET_ERRNO | rule->value : SECCOMP_RET_ALLOW);
}

static void compile(struct filter *f)
{
	load(f, offsetof(struct seccomp_data, arch));
	emit(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0));
	answer(f, SECCOMP_RET_KILL_PROCESS);
	load(f, offsetof(struct seccomp_data, nr));
	emit_ioctl(f);
	for (size_t i = 0; i < SANDBOX_RULES; i++) {
		if (sandbox_rules[i].condition != SANDBOX_ALWAYS || !sandbox_rule_is_in(&sandbox_rules[i], JAIL_OF_THREADS))
			continue;
		only_if(f, (uint32_t)sandbox_rules[i].nr, 1);
		answer(f, SECCOMP_RET_ALLOW);
	}
	for (size_t i = 0; i < JAIL_RULES; i++)
		if (jail_rules[i].nr != SYS_ioctl)
			emit_rule(f, &jail_rules[i]);
	answer(f, SECCOMP_RET_KILL_PROCESS);
}

int jail_seccomp(struct jail *jail)
{
	struct filter f = { .length = 0 };

	(void)jail;
	compile(&f);
	if (f.overflow)
		return -E2BIG;

	const struct sock_fprog program = { f.length, f.code };

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}
