/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox's policy: the only system calls left once it has closed, and why each is.
 *
 * sandbox_make.c turns the table into a filter, sandbox_compile.c when kvick is built; tests enumerate it. Rows are
 * tried in this order at every call, ioctl's before the others: the most frequent come first.
 *
 * Nothing here opens, maps, creates or executes: what a launch will need later (a report's file) it
 * opens before. Missing on purpose: KVM_GET_MSRS; mmap and brk, so no malloc() that has to grow; and what
 * musl's abort() does after its message, so that a failed assert ends in SIGSYS instead of SIGABRT.
 * io_uring_setup and io_uring_register neither: the engine's ring is made, restricted and sealed before.
 * No filter stops calls 335 and 336: the kernel lets uprobes' own trampolines through.
 */
#ifndef KVICK_VMM_SANDBOX_POLICY_H
#define KVICK_VMM_SANDBOX_POLICY_H

#include <asm/ioctls.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "vmm/pagemap_kernel.h"

enum sandbox_condition {
	SANDBOX_ALWAYS,
	SANDBOX_ARG1_IS, /* the second argument's low 32 bits: all that the kernel looks at in a request of ioctl() or fcntl() */
};

/* What a launch needs besides its guest, a set. There is a filter for each that can be: what it does not need, it cannot call. */
enum {
	SANDBOX_PLAIN = 0,         /* nothing: the process ends with the guest */
	SANDBOX_REPORT = 1u << 0,  /* a report follows, and everything is torn down before it */
	SANDBOX_URING = 1u << 1,   /* there are devices, and their engine (engine.h) is by io_uring … */
	SANDBOX_SYNC = 1u << 2,    /* … or by plain calls */
	SANDBOX_STREAMS = 1u << 3, /* one of them is a console or a network */
	SANDBOX_SOCKETS = 1u << 4, /* one of them makes and takes connections */
	SANDBOX_PC = 1u << 5,      /* interrupts are ours to send, and perhaps a second thread sends them */
	SANDBOX_LAUNCH_SETS = 1u << 6,
	SANDBOX_RESETS = 1u << 6,  /* not of launches: a worker's thread, whose machine is used again (config->resets) */
	SANDBOX_LIBRARY = 1u << 7, /* likewise: a thread of a program's that has machines (control/library) */
	SANDBOX_SETS = 1u << 8,

	SANDBOX_DEVICES = SANDBOX_URING | SANDBOX_SYNC,
	SANDBOX_TEARDOWN = SANDBOX_REPORT | SANDBOX_DEVICES | SANDBOX_PC,
};

/* There is one engine or none, and devices have one. What is reset has no devices, and outlives its guest. */
static inline bool sandbox_set_can_be(unsigned set)
{
	unsigned engine = set & SANDBOX_DEVICES;

	if (set & SANDBOX_LIBRARY)
		return set == (SANDBOX_LIBRARY | SANDBOX_RESETS | SANDBOX_REPORT);
	if (set & SANDBOX_RESETS)
		return (set & ~(unsigned)SANDBOX_PC) == (SANDBOX_RESETS | SANDBOX_REPORT);
	return engine != SANDBOX_DEVICES && (engine || !(set & (SANDBOX_STREAMS | SANDBOX_SOCKETS)));
}

struct sandbox_rule {
	unsigned needs; /* it is allowed where the launch needs one of these; SANDBOX_PLAIN: always */
	int nr;
	const char *name;
	enum sandbox_condition condition;
	uint32_t value;
	const char *reason;
};

#define SANDBOX_CALL(needs, name, reason) { SANDBOX_##needs, SYS_##name, #name, SANDBOX_ALWAYS, 0, reason }
#define SANDBOX_EITHER(a, b, name, reason) { SANDBOX_##a | SANDBOX_##b, SYS_##name, #name, SANDBOX_ALWAYS, 0, reason }
#define SANDBOX_IOCTL(needs, request, reason) \
	{ SANDBOX_##needs, SYS_ioctl, "ioctl " #request, SANDBOX_ARG1_IS, (uint32_t)(request), reason }

static const struct sandbox_rule sandbox_rules[] = {
	SANDBOX_IOCTL(PLAIN, KVM_RUN, "the guest runs"),
	SANDBOX_IOCTL(PLAIN, KVM_GET_REGS, "an exit looks at registers; so does a crash report"),
	SANDBOX_IOCTL(PLAIN, KVM_GET_SREGS, "a crash report shows control registers; calls find the guest's page tables"),
	SANDBOX_IOCTL(PLAIN, KVM_GET_MP_STATE, "has the guest halted for good?"),
	SANDBOX_IOCTL(PLAIN, KVM_SET_USER_MEMORY_REGION, "a store to read-only memory is found by giving that a slot of its own"),
	SANDBOX_IOCTL(REPORT, KVM_GET_DEVICE_ATTR, "the guest's TSC offset, for a timeline on one clock"),
	SANDBOX_IOCTL(STREAMS, TCSETS, "the terminal that the guest's console was is set back"),
	SANDBOX_IOCTL(STREAMS, TIOCGWINSZ, "the terminal was resized: the guest's console says how large it is"),
	SANDBOX_IOCTL(STREAMS, TIOCGPGRP, "stopped and continued: is the terminal ours to make raw again?"),
	SANDBOX_CALL(PLAIN, write, "the guest's console, our report"),
	SANDBOX_CALL(PLAIN, clock_gettime, "the guest's clock, where the vDSO cannot answer"),
	SANDBOX_CALL(PLAIN, clock_nanosleep, "the guest sleeps; a full console is waited for"),
	SANDBOX_CALL(PLAIN, restart_syscall, "a sleep goes on after SIGSTOP and SIGCONT"),
	SANDBOX_CALL(PLAIN, getrandom, "the guest's entropy"),
	SANDBOX_CALL(PLAIN, rt_sigreturn, "handlers of signals return"),
	SANDBOX_CALL(PLAIN, setitimer, "after a stop signal, the handler has itself reminded until the vCPU's loop has seen it"),
	SANDBOX_CALL(PLAIN, exit_group, "the end"),
	SANDBOX_CALL(TEARDOWN, close, "tearing down"),
	SANDBOX_CALL(TEARDOWN, munmap, "tearing down"),
	SANDBOX_CALL(PLAIN, writev, "the C library's stdio: our messages"),
	SANDBOX_CALL(PLAIN, pread64, "a crash report reads symbols from the image, which is open"),
	SANDBOX_CALL(REPORT, getrusage, "a report's page faults and peak memory"),
	SANDBOX_IOCTL(STREAMS, TUNSETOFFLOAD, "a network driver has said which offloads it understands: its tap may use no others"),
	SANDBOX_CALL(URING, io_uring_enter, "the engine by io_uring: submits, waits"),
	SANDBOX_CALL(STREAMS, wait4, "the process that would set the terminal back has ended"),
	SANDBOX_EITHER(PC, RESETS, futex, "a lock that another thread has: the engine's completion thread, a worker's main thread"),
	SANDBOX_EITHER(SYNC, STREAMS, ppoll,
		       "the engine by plain calls: waits for streams and time-outs; does stderr take a line?"),
	SANDBOX_CALL(SYNC, preadv2, "the engine by plain calls: a device reads its file or stream"),
	SANDBOX_CALL(SYNC, pwritev2, "the engine by plain calls: a device writes"),
	SANDBOX_CALL(SYNC, fdatasync, "the engine by plain calls: a guest flushes its disk"),
	{ SANDBOX_DEVICES, SYS_fcntl, "fcntl F_OFD_SETLK", SANDBOX_ARG1_IS, F_OFD_SETLK, "a disk's lock ends with its guest" },
	SANDBOX_CALL(SYNC, fallocate, "the engine by plain calls: a guest discards or zeroes blocks"),
	SANDBOX_IOCTL(PC, KVM_SIGNAL_MSI, "a device's interrupt"),
	SANDBOX_IOCTL(PC, KVM_SET_GSI_ROUTING, "the guest has told the IOAPIC which interrupts are level-triggered"),
	SANDBOX_IOCTL(PC, KVM_INTERRUPT, "an interrupt through the guest's 8259"),
	SANDBOX_EITHER(PC, LIBRARY, timer_settime,
		       "the guest's timer is to tick; an interrupt is to be taken by a vCPU that sleeps; a "
		       "time-out begins, or is over"),
	SANDBOX_EITHER(PC, LIBRARY, timer_delete, "tearing down"),
	SANDBOX_EITHER(PC, RESETS, rt_sigprocmask, "a thread ends: the C library blocks signals then"),
	SANDBOX_EITHER(PC, RESETS, exit, "a thread ends, not the process"),
	SANDBOX_CALL(SOCKETS, epoll_pwait, "vsock: which connections are ready"),
	SANDBOX_CALL(SOCKETS, recvfrom, "vsock: data for the guest"),
	SANDBOX_CALL(SOCKETS, sendto, "vsock: data from the guest"),
	SANDBOX_CALL(SOCKETS, accept4, "vsock: a program connects to the guest"),
	SANDBOX_CALL(SOCKETS, socket, "vsock: the guest connects to a program"),
	SANDBOX_CALL(SOCKETS, connect, "vsock: the guest connects to a program"),
	SANDBOX_CALL(SOCKETS, epoll_ctl, "vsock: a new connection is watched"),
	SANDBOX_CALL(SOCKETS, shutdown, "vsock: the guest ends its half of a connection"),
	SANDBOX_CALL(RESETS, recvmsg, "the next request"),
	SANDBOX_CALL(RESETS, sendmsg, "a reply"),
	SANDBOX_CALL(RESETS, madvise, "RAM is as the snapshot has it again; large buffers go back; a thread's stack goes"),
	SANDBOX_CALL(RESETS, ftruncate, "what the guest printed has been sent"),
	SANDBOX_CALL(RESETS, lseek, "so that the next output is at the beginning"),
	SANDBOX_IOCTL(RESETS, PAGEMAP_SCAN, "which pages a guest has written to"),
	SANDBOX_IOCTL(RESETS, KVM_SET_MSRS, "the vCPU is as the snapshot has it again"),
	SANDBOX_IOCTL(RESETS, KVM_SET_DEVICE_ATTR, "likewise: its TSC, which the guest may have moved"),
	SANDBOX_IOCTL(RESETS, KVM_SET_XCRS, "likewise: which parts of the FPU's state are enabled"),
	SANDBOX_IOCTL(RESETS, KVM_SET_XSAVE, "likewise: the FPU's state"),
	SANDBOX_IOCTL(RESETS, KVM_SET_DEBUGREGS, "likewise: debug registers"),
	SANDBOX_IOCTL(RESETS, KVM_SET_LAPIC, "likewise: the local APIC"),
	SANDBOX_IOCTL(RESETS, KVM_SET_MP_STATE, "likewise: it runs, and has not halted"),
	SANDBOX_IOCTL(RESETS, KVM_SET_VCPU_EVENTS, "likewise: no exception or interrupt is on its way"),
	SANDBOX_IOCTL(LIBRARY, KVM_SET_SIGNAL_MASK, "the signal that ends a guest gets through to KVM_RUN"),
	SANDBOX_CALL(LIBRARY, rt_sigtimedwait, "that signal is taken without a handler; the guest sleeps"),
	SANDBOX_CALL(LIBRARY, gettid, "is a machine's timer this thread's?"),
	SANDBOX_CALL(LIBRARY, poll, "does the descriptor that is a console take a line?"),
	SANDBOX_CALL(LIBRARY, read, "the program's next work"),
};

static inline bool sandbox_rule_is_in(const struct sandbox_rule *rule, unsigned set)
{
	return rule->needs == SANDBOX_PLAIN || rule->needs & set;
}

#define SANDBOX_RULES (sizeof(sandbox_rules) / sizeof(sandbox_rules[0]))

#endif
