/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that are put into RAM as they are: --initrd, --module. For the steps of machine.c. Nothing is held between them: a file is
 * opened again to be read. What they return is 0, or -errno with m->error set.
 */
#ifndef KVICK_VMM_BOOT_MODULES_H
#define KVICK_VMM_BOOT_MODULES_H

#include <stdint.h>

#include "loader/module.h"
#include "vmm/guest_mem.h"

struct machine;

/* Of config->modules[i]. */
int module_size(struct machine *m, unsigned i, uint64_t *bytes);
int module_load(struct machine *m, unsigned i, const struct memory_run *to);

/* From the `first` on, from *end on, each at a page of its own: m->modules. *end moves on behind them, and never beyond `limit`. */
int modules_plan(struct machine *m, unsigned first, uint64_t *end, uint64_t limit);
/* All of them, to where m->modules says. */
int modules_load(struct machine *m);

/* For guests that take none, where one is given. */
int modules_refuse(struct machine *m);

/* What the guest is to be told of them: returns how many. The strings are the configuration's. */
unsigned modules_list(const struct machine *m, struct boot_module list[]);

#endif
