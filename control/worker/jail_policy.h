/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker may still call once its jail is closed, besides what the threads of its machines may (sandbox_policy.h, the set
 * JAIL_OF_THREADS): what it takes to read an image, to make machines, and to have threads. Those close a filter of their own over
 * themselves before guest code runs, which has none of this.
 */
#ifndef KVICK_CONTROL_WORKER_JAIL_POLICY_H
#define KVICK_CONTROL_WORKER_JAIL_POLICY_H

#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "vmm/sandbox_policy.h"

#define JAIL_OF_THREADS (SANDBOX_REPORT | SANDBOX_RESETS | SANDBOX_PC)

enum jail_condition {
	JAIL_ALWAYS,
	JAIL_ARG0_IS,  /* low 32 bits, as below */
	JAIL_ARG1_IS,
	JAIL_ARG0_HAS, /* all of these bits */
	JAIL_REFUSED,  /* fails with this errno: what the C library can do without */
};

struct jail_rule {
	int nr;
	const char *name;
	enum jail_condition condition;
	uint32_t value;
	const char *reason;
};

#define JAIL_CALL(name, reason) { SYS_##name, #name, JAIL_ALWAYS, 0, reason }
#define JAIL_IOCTL(request, reason) { SYS_ioctl, "ioctl " #request, JAIL_ARG1_IS, (uint32_t)(request), reason }

/* Rows of a number stand together. */
static const struct jail_rule jail_rules[] = {
	JAIL_IOCTL(KVM_GET_API_VERSION, "will this KVM do?"),
	JAIL_IOCTL(KVM_CHECK_EXTENSION, "will this KVM do?"),
	JAIL_IOCTL(KVM_GET_VCPU_MMAP_SIZE, "a vCPU is made"),
	JAIL_IOCTL(KVM_CREATE_VM, "a machine is made"),
	JAIL_IOCTL(KVM_CREATE_VCPU, "a vCPU is made; one to compare with, for a snapshot"),
	JAIL_IOCTL(KVM_ENABLE_CAP, "a machine is made: doorbell, local APIC, MSRs that are closed"),
	JAIL_IOCTL(KVM_GET_SUPPORTED_CPUID, "a CPU model is made"),
	JAIL_IOCTL(KVM_SET_CPUID2, "a CPU model is set"),
	JAIL_IOCTL(KVM_GET_TSC_KHZ, "a machine is made: what its clock is"),
	JAIL_IOCTL(KVM_GET_MSR_INDEX_LIST, "a snapshot"),
	JAIL_IOCTL(KVM_GET_MSRS, "a snapshot"),
	JAIL_IOCTL(KVM_GET_XCRS, "a snapshot"),
	JAIL_IOCTL(KVM_GET_XSAVE, "a snapshot"),
	JAIL_IOCTL(KVM_GET_DEBUGREGS, "a snapshot"),
	JAIL_IOCTL(KVM_GET_LAPIC, "a snapshot"),
	JAIL_IOCTL(KVM_GET_VCPU_EVENTS, "a snapshot"),
	JAIL_IOCTL(TCGETS, "is the guest's console a terminal? it is none"),
	JAIL_CALL(mmap, "memory of machines, stacks of threads"),
	JAIL_CALL(mprotect, "an image's text; the pages that guard stacks"),
	JAIL_CALL(mremap, "what was unpacked of an image becomes RAM"),
	JAIL_CALL(brk, "the C library's memory"),
	JAIL_CALL(memfd_create, "a snapshot's memory; what a guest prints"),
	JAIL_CALL(read, "the image; what woke the main thread"),
	JAIL_CALL(pwritev2, "a snapshot's memory"),
	JAIL_CALL(fstat, "the image"),
	JAIL_CALL(newfstatat, "the C library's fstat"),
	JAIL_CALL(eventfd2, "threads wake the main thread"),
	JAIL_CALL(epoll_create1, "the main thread waits for several things"),
	JAIL_CALL(epoll_ctl, "likewise"),
	JAIL_CALL(epoll_wait, "likewise"),
	JAIL_CALL(epoll_pwait, "likewise"),
	JAIL_CALL(poll, "has kvickd closed a slot's socket?"),
	{ SYS_clone, "clone CLONE_THREAD", JAIL_ARG0_HAS, CLONE_THREAD | CLONE_VM | CLONE_SIGHAND, "threads, and no processes" },
	{ SYS_clone3, "clone3", JAIL_REFUSED, ENOSYS, "its flags are in memory, where no filter looks: the C library takes clone" },
	JAIL_CALL(set_robust_list, "a thread begins"),
	JAIL_CALL(rseq, "a thread begins"),
	JAIL_CALL(set_tid_address, "a thread begins"),
	JAIL_CALL(gettid, "a timer's signal goes to its own thread"),
	JAIL_CALL(getpid, "signals go to threads of this process"),
	JAIL_CALL(tgkill, "a guest is interrupted; there is no other process to be found"),
	JAIL_CALL(rt_sigaction, "handlers are set"),
	JAIL_CALL(sigaltstack, "a thread ends"),
	JAIL_CALL(timer_create, "a PC's timer"),
	JAIL_CALL(sysinfo, "has the host as much RAM as the guest is to have?"),
	JAIL_CALL(sched_yield, "the C library's locks"),
	{ SYS_prctl, "prctl PR_SET_NO_NEW_PRIVS", JAIL_ARG0_IS, PR_SET_NO_NEW_PRIVS, "a thread closes its filter" },
	{ SYS_prctl, "prctl PR_SET_NAME", JAIL_ARG0_IS, PR_SET_NAME, "a thread says which slot's it is" },
	JAIL_CALL(seccomp, "a thread closes its filter"),
	{ SYS_prlimit64, "prlimit64 RLIMIT_AS", JAIL_ARG1_IS, RLIMIT_AS, "limits become narrower when a machine's size is known" },
	{ SYS_prlimit64, "prlimit64 RLIMIT_FSIZE", JAIL_ARG1_IS, RLIMIT_FSIZE, "likewise, when a snapshot has been written" },
	{ SYS_openat, "openat", JAIL_REFUSED, EACCES, "nothing is opened; the C library looks for how many CPUs there are" },
};

#define JAIL_RULES (sizeof(jail_rules) / sizeof(jail_rules[0]))

#endif
