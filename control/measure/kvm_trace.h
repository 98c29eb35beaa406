/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the guest of a process ran, seen from outside, so of any VMM: by the kernel's tracepoints syscalls:sys_enter_ioctl (KVM_RUN)
 * and kvm:kvm_userspace_exit, in a trace of our own that has our children alone (Documentation/trace/ftrace.rst, "Instances").
 * It wants root, tracefs, and a kernel with CONFIG_FTRACE_SYSCALLS. While it is open, system calls of every process take the
 * kernel's slow path, some 100 ns more each.
 */
#ifndef KVICK_CONTROL_MEASURE_KVM_TRACE_H
#define KVICK_CONTROL_MEASURE_KVM_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

struct kvm_trace {
	int fd;                 /* of trace_pipe; -1: not open */
	char folder[96];        /* our instance */
};

/* What the calling thread's children did, and theirs. */
struct kvm_traced {
	uint64_t entered_tsc;   /* before the first KVM_RUN; 0: not seen */
	uint64_t left_tsc;      /* after the last return to user space; 0: not seen */
	uint64_t exits;         /* returns to user space, by signals too */
	bool whole;             /* the kernel's buffer held all of it; else nothing above is known */
	bool lost;              /* kvm_trace_line()'s own: the line before said that events were lost */
};

/*
 * By the thread whose children are to be seen, the main one. 0; or -errno with `error`, which says what is missing. What instances
 * of ours are left of processes that died goes away.
 */
int kvm_trace_open(struct kvm_trace *trace, struct error *error);
void kvm_trace_close(struct kvm_trace *trace);

/* What happened since `since_tsc`; what was before is dropped. All is there as soon as a process has been reaped. */
void kvm_trace_take(struct kvm_trace *trace, uint64_t since_tsc, struct kvm_traced *traced);

/* One line of the kernel's, without its end. */
void kvm_trace_line(const char *line, size_t bytes, uint64_t since_tsc, struct kvm_traced *traced);

#endif
