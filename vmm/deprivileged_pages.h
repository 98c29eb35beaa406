/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of a deprivileged guest: what is executable, once it has been scanned and patched. For deprivileged*.c alone. */
#ifndef KVICK_VMM_DEPRIVILEGED_PAGES_H
#define KVICK_VMM_DEPRIVILEGED_PAGES_H

#include <stdbool.h>
#include <stdint.h>

struct machine;
struct monitor_site;
struct monitor_state;

/* ---- deprivileged_text.c ---- */

/* Scans the image's text and patches what ring 3 would carry out differently. 0 or -errno with m->error set. */
int deprivileged_patch(struct machine *m);

/* Does any of the image's text lie in this page? */
bool deprivileged_is_text(const struct machine *m, uint64_t page);

/* ---- deprivileged_pages.c ---- */

/* The instructions that an INT3 stands for, ascending: m->site_count of them. */
struct monitor_site *deprivileged_sites(const struct machine *m);

/* One more, whose first byte was this. False: there is no room. */
bool deprivileged_site_add(struct machine *m, uint64_t at, uint8_t first);

/*
 * Sets and clears bits of the 4 KiB page's entry; a larger page is split first. By plain stores where `s` is NULL, which is before
 * the guest runs; else the monitor is to make them. False: no table is left to split with.
 */
bool deprivileged_page_change(struct machine *m, struct monitor_state *s, uint64_t va, uint64_t set, uint64_t clear);

/*
 * A page fault at `address`, with the CPU's error code. True: it was none of the guest's; the monitor is to make the stores in `s`
 * and let it try again. False: the guest's. The guest may be at its end.
 */
bool deprivileged_page_fault(struct machine *m, struct monitor_state *s, uint64_t address, uint64_t error);

#endif
