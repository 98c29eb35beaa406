/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `--report stamps=N`: a launch's figures as one record of 256 bytes, written to descriptor N at its end by one write(). For
 * programs that make many launches and want to know of each without changing what they measure: a report as text or JSON costs
 * a quarter of a launch, this a few microseconds. Both sides are of one build: there are no versions but the size.
 *
 * Times are readings of the host's TSC. Nothing in it is the guest's word but `first`, `main` and `handler`, which lie within
 * [entry, exit] or are 0, and `status`.
 */
#ifndef KVICK_CONTROL_STAMPS_H
#define KVICK_CONTROL_STAMPS_H

#include <stdint.h>

#include <kvick/hypercall.h>

#define STAMPS_MAGIC 0x3073706d6174736bull /* "kstamps0" in memory order */

struct stamps {
	uint64_t magic;
	uint64_t main, plan, kvm, vm, memory, image, devices, vcpu, sandbox; /* each step of the launch done (enum mark) */
	uint64_t entry, first, guest_main, handler, exit;
	uint64_t taken, replied;     /* a function's: it had the request, it had replied */
	uint64_t tsc_khz;            /* 0: not known */
	uint64_t exits, hypercalls, system_calls, console_bytes, guest_bytes;
	uint32_t exit_code;          /* the process's */
	uint32_t outcome;            /* enum outcome of vmm/machine.h */
	uint32_t status;             /* the guest's exit code, where it exited */
	uint32_t ring;               /* it ran at */
	uint64_t reserved[7];
};

_Static_assert(sizeof(struct stamps) == 256, "one record");

#endif
