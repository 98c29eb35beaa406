/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deprivileged guests: images for ring 0 that run at ring 3, because ring 0 is emulated on this host or the operator wants it so.
 *
 * The CPU's descriptor tables lead every exception to the monitor (monitor/), guest code of ours that is mapped at the end of the
 * address space in the guest's own page tables. It emulates what the guest may not do; what only the VMM can do it asks for by a
 * port. docs/DEPRIVILEGED.md has the whole of it. All functions belong to the thread that runs the machine.
 */
#ifndef KVICK_VMM_DEPRIVILEGED_H
#define KVICK_VMM_DEPRIVILEGED_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/monitor/shared.h"
#include "vmm/vcpu.h"

struct machine;

/* How much memory the monitor needs behind RAM. */
#define DEPRIVILEGED_BYTES ((uint64_t)MONITOR_BYTES)

struct deprivileged {
	const uint16_t *ports;   /* that the guest may use without asking, by the I/O bitmap; ends with 0 */
	uint16_t output_port;    /* Solo5's puts, which the monitor gathers; 0: none */
	unsigned output_call;    /* its number in machine.calls[] */
	uint64_t tables, tables_end; /* the guest's page tables: physical, of whole pages */
};

/*
 * RAM holds the image and the guest's page tables (m->pgd), in which all is a user's and data is not executable: puts the monitor
 * behind RAM, maps it, scans and patches the image's text. 0 or -errno with m->error set.
 */
int deprivileged_load(struct machine *m, const struct deprivileged *d);

/* The virtual CPU begins as `start` has it, the real one at ring 3. */
void deprivileged_start(struct machine *m, const struct vcpu_start *start);

/* An exit by MONITOR_PORT. */
void deprivileged_serve(struct machine *m);

/* Prints what the monitor has gathered. */
void deprivileged_drain(struct machine *m);

/*
 * What the VMM may not write to for the guest, which may have that done at ring 0; NULL: it is none of that. For Solo5 guests:
 * a native one has no way to execute what is not text.
 */
const char *deprivileged_keeps(const struct machine *m, uint64_t at, uint64_t bytes);

/* `v`, just read from the vCPU, as the guest has it: its registers, not the monitor's; its selectors. */
void deprivileged_guest_state(const struct machine *m, struct vcpu_state *v);

/* Code that was read at `at`, as the guest has it: without our INT3s. */
void deprivileged_unpatch(const struct machine *m, uint64_t at, uint8_t *code, unsigned bytes);

/* For the report: what was trapped, as the monitor says, into m->traps. At the run's end. */
void deprivileged_count(struct machine *m);

#endif
