/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/sandbox_make.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "vmm/sandbox_policy.h"

#define GROUP_NUMBERS 7 /* what a launch pays least for */

struct filter {
	struct sock_filter *code;
	unsigned length;
	const struct sandbox_row *rows;
	unsigned count, set;
};

static void emit(struct filter *f, uint16_t code, uint8_t jump_true, uint8_t jump_false, uint32_t k)
{
	if (f->length < SANDBOX_INSTRUCTIONS_MAX)
		f->code[f->length] = (struct sock_filter){ code, jump_true, jump_false, k };
	f->length++;
}

static void load(struct filter *f, size_t offset)
{
	emit(f, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void kill(struct filter *f)
{
	emit(f, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS);
}

/* The next row from `i` on that the set has: of nr's requests, or, with by_argument 0, of calls that are allowed as they are. */
static unsigned next_row(const struct filter *f, unsigned i, unsigned by_argument, unsigned nr)
{
	while (i < f->count && ((f->rows[i].needs && !(f->rows[i].needs & f->set)) || f->rows[i].by_argument != by_argument ||
				(by_argument && f->rows[i].nr != nr)))
		i++;
	return i;
}

/* Compares what is loaded with each value: a match jumps to the group's own ALLOW, and no match past it. */
static void emit_rows(struct filter *f, unsigned by_argument, unsigned nr, unsigned group_max)
{
	unsigned i = next_row(f, 0, by_argument, nr);

	while (i < f->count) {
		unsigned first = f->length, n = 0;

		for (; i < f->count && n < group_max; i = next_row(f, i + 1, by_argument, nr), n++)
			emit(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, f->rows[i].value);
		emit(f, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
		for (unsigned at = first; at < first + n && f->length <= SANDBOX_INSTRUCTIONS_MAX; at++)
			f->code[at].jt = (uint8_t)(first + n - 1 - at);
		if (f->length <= SANDBOX_INSTRUCTIONS_MAX)
			f->code[first + n - 1].jf = 1;
	}
}

/* A call whose second argument, low half, decides. What is not listed is killed, or falls to the kill that follows. */
static void emit_requests(struct filter *f, unsigned nr, bool last)
{
	unsigned jump = f->length;

	emit(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, nr);
	load(f, offsetof(struct seccomp_data, args[1]));
	emit_rows(f, true, nr, SANDBOX_INSTRUCTIONS_MAX);
	if (!last)
		kill(f);
	if (jump < SANDBOX_INSTRUCTIONS_MAX)
		f->code[jump].jf = (uint8_t)(f->length - jump - 1);
}

/*
 *	is it this architecture? is it ioctl()?
 *	its request: one jump for each, to ALLOW; KILL
 *	numbers, in groups: one jump for each, to the group's own ALLOW
 *	is it fcntl(), where that has rows? its request likewise; KILL
 *
 * A number with the x32 bit (0x40000000) equals none of ours, and so is killed like any other. That an argument is loaded first
 * is on purpose (sandbox_compile.c).
 */
unsigned sandbox_make(struct sock_filter *code, const struct sandbox_row *rows, unsigned count, unsigned set)
{
	struct filter f = { .code = code, .rows = rows, .count = count, .set = set };

	load(&f, offsetof(struct seccomp_data, args[1]));
	load(&f, offsetof(struct seccomp_data, arch));
	emit(&f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, AUDIT_ARCH_X86_64);
	kill(&f);
	load(&f, offsetof(struct seccomp_data, nr));
	emit_requests(&f, SYS_ioctl, false);
	emit_rows(&f, false, 0, GROUP_NUMBERS);
	if (next_row(&f, 0, true, SYS_fcntl) < count)
		emit_requests(&f, SYS_fcntl, true);
	kill(&f);
	return f.length <= SANDBOX_INSTRUCTIONS_MAX ? f.length : 0;
}
