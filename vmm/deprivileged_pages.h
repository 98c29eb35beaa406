/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of a deprivileged guest: what is executable, once it has been scanned and patched. For deprivileged.c alone. */
#ifndef KVICK_VMM_DEPRIVILEGED_PAGES_H
#define KVICK_VMM_DEPRIVILEGED_PAGES_H

#include <stdbool.h>
#include <stdint.h>

struct machine;
struct monitor_state;

/* Scans the image's text and patches what ring 3 would carry out differently. 0 or -errno with m->error set. */
int deprivileged_patch(struct machine *m);

/*
 * A page fault at `address`, with the CPU's error code. True: it was none of the guest's; the monitor is to make the stores in `s`
 * and let it try again. False: the guest's. The guest may be at its end.
 */
bool deprivileged_page_fault(struct machine *m, struct monitor_state *s, uint64_t address, uint64_t error);

#endif
