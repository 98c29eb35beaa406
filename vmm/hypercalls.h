/* SPDX-License-Identifier: Apache-2.0 */
/* The hypercall table: docs/ABI.md as code. */
#ifndef KVICK_VMM_HYPERCALLS_H
#define KVICK_VMM_HYPERCALLS_H

#include <stdbool.h>
#include <stdint.h>

#include <kvick/hypercall.h>

struct machine;

/*
 * One call: its block is IN (a private copy) and OUT. Returns what `ret` becomes: >= 0 or -KVICK_E*.
 * A handler that ends the guest sets machine->outcome; its result is then not looked at.
 */
typedef int64_t hypercall_fn(struct machine *machine, struct kvick_call *call);

/*
 * What a handler returns where the run ends before there is an answer, and may go on later: nothing is written, and
 * machine->pending_call is the block, to be served again then.
 */
#define HYPERCALL_LATER INT64_MIN

/*
 * Serves the call whose block is at guest-physical `block`. A block that is not 64-byte aligned or not in RAM
 * is the guest's death: there is nowhere to tell it.
 */
void hypercall_serve(struct machine *machine, uint64_t block);

/*
 * What a call stores for the guest, anywhere in RAM: also where it could not itself, at ring 3, which machine->tables_touched then
 * says. 0, or -EFAULT: not in RAM, or read-only.
 */
int hypercall_store(struct machine *machine, uint64_t to, const void *from, uint64_t bytes);

/* An exit for port I/O: the two doorbells; another port has nothing behind it. */
void hypercall_io(struct machine *machine);

/* Sleeps so long, or until the guest is to end. 0 or -errno. */
int hypercall_sleep(struct machine *machine, uint64_t ns);

const char *hypercall_name(unsigned nr); /* NULL: no such call */

/* hypercall_cpu.c: what a ring-3 guest may not do itself */
hypercall_fn hypercall_cpuconfig, hypercall_lcr3;
/* What acts on the real CPU ends a deprivileged guest, whose is another: then true. */
bool hypercall_is_not_for(struct machine *machine, const char *call);
/* hypercall_pgtable.c */
hypercall_fn hypercall_update_pgtable;
/* hypercall_cpuid.c */
hypercall_fn hypercall_cpuid;
/* hypercall_function.c */
hypercall_fn hypercall_ready, hypercall_request, hypercall_reply;

#endif
