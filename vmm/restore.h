/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine of a snapshot: the steps that are not those of an image's launch (machine.c has them in order), and making it as new.
 *
 * All that a snapshot says is checked in restore_plan(), before anything is made of it.
 */
#ifndef KVICK_VMM_RESTORE_H
#define KVICK_VMM_RESTORE_H

struct machine;

/* 0, or -errno with machine->error set. */
int restore_plan(struct machine *machine);
void restore_undo_plan(struct machine *machine);
int restore_check_host(struct machine *machine);
int restore_memory(struct machine *machine);
int restore_devices(struct machine *machine);
int restore_vcpu(struct machine *machine);

#endif
