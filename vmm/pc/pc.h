/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands behind a guest that expects a PC: interrupts (the local APIC is KVM's; the IOAPIC, 8259s and the 8254 are ours),
 * COM1, a way to switch off and to reset, virtio devices in memory with an interrupt line each. Nothing of it is there for native
 * guests.
 *
 * Two threads: the vCPU's, and one that sleeps until devices' I/O has ended. `lock` guards IOAPIC, 8259s and the devices; COM1,
 * the 8254 and the rest belong to the vCPU's thread.
 */
#ifndef KVICK_VMM_PC_H
#define KVICK_VMM_PC_H

#include <stdbool.h>

struct machine;

/* m->pc and m->devices. 0 or -errno with m->error set. */
int pc_create(struct machine *m);
/* The second thread, where there are devices: before the sandbox closes, which is to cover both. 0 or -errno. */
int pc_start(struct machine *m);
/* Ends the thread, the devices and all else, in this order. */
void pc_destroy(struct machine *m);

/* Before each KVM_RUN, and before stop->signal is looked at: timer ticks, and interrupts of the 8259s. */
void pc_enter(struct machine *m);
/* After each return of KVM_RUN: the end of an unfinished line of COM1 is not held back for long. */
void pc_drain(struct machine *m);
/* At a tick (stop.h). */
void pc_tick(struct machine *m);

/*
 * Exits: run->io, run->mmio, run->eoi. A port or an address behind which there is nothing reads as ones; writes to it are
 * lost.
 */
void pc_io(struct machine *m);
void pc_mmio(struct machine *m);
void pc_eoi(struct machine *m);
/* Where that is how the guest says good-bye, it has: true. */
bool pc_triple_fault(struct machine *m);

#endif
