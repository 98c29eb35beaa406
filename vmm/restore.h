/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine of a snapshot: the steps that are not those of an image's launch (machine.c has them in order), and making it as new.
 *
 * All that a snapshot says is checked in restore_plan(), before anything is made of it.
 */
#ifndef KVICK_VMM_RESTORE_H
#define KVICK_VMM_RESTORE_H

#include <stdbool.h>

struct machine;

/* 0, or -errno with machine->error set. */
int restore_plan(struct machine *machine);
void restore_undo_plan(struct machine *machine);
int restore_check_host(struct machine *machine);
int restore_memory(struct machine *machine);
int restore_devices(struct machine *machine);
int restore_vcpu(struct machine *machine);

/* May the guest have changed page tables, or what else gives it a ring 0 that it was not given? */
bool restore_touched_tables(const struct machine *machine);

#endif
