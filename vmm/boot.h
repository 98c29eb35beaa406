/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What differs between guests of different boot protocols, for the steps of machine.c: what a machine has, what its memory
 * is to hold, how its vCPU begins. One file for each: boot_native.c, boot_linux.c, …
 */
#ifndef KVICK_VMM_BOOT_H
#define KVICK_VMM_BOOT_H

#include <stdbool.h>

struct machine;
struct pc_config;

struct boot {
	/* Guests of kvick's own protocol: they may ring by VMCALL, and boot info has their stamps. */
	bool native;
	/* The guest expects a PC's interrupts, ports and tables (pc/pc.h). Else none of them is there. */
	bool pc;
	/* Images for ring 0 can run at ring 3 (deprivileged.h). */
	bool deprivileges;
	const struct pc_config *pc_config; /* what it expects besides (pc/config.h); NULL: nothing */
	/* All of the machine's memory is decided (m->plan), the image being parsed. 0 or -errno with m->error set. */
	int (*plan)(struct machine *m);
	/* RAM holds the image; now what the vCPU needs there to begin: page tables (m->pgd), descriptor tables. 0 or -errno. */
	int (*tables)(struct machine *m);
	/* config->devices, and what stands behind the guest besides; `undo` takes it back, and whatever `tables` made. */
	int (*devices)(struct machine *m);
	void (*undo_devices)(struct machine *m);
	/* Instead, where the process is about to end: only what others wait for. */
	void (*leave_devices)(struct machine *m);
	/* The vCPU is there: what the guest reads at its start, and its first registers. 0 or -errno. */
	int (*start)(struct machine *m);
	/*
	 * The machine has been made of a snapshot, again perhaps: what in RAM has to be news to the guest, of which m->generation
	 * is the number; `first`: the sandbox has not closed yet. 0 or -errno. NULL: such guests have state that no snapshot has.
	 */
	int (*restored)(struct machine *m, bool first);
	/* An exit for port I/O. */
	void (*io)(struct machine *m);
	/* Names of hypercalls, by machine.calls[]; NULL: no such call. The function: NULL where there are no hypercalls. */
	const char *(*call_name)(unsigned nr);
	/* After each return of KVM_RUN: what the guest has printed goes out, or will soon, by ticks. */
	void (*drain)(struct machine *m);
	/* At a tick (stop.h). */
	void (*tick)(struct machine *m);
};

extern const struct boot boot_native, boot_linux, boot_pvh, boot_solo5, boot_multiboot;

#endif
