/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system page: what an x86 CPU must find in memory before a guest's first instruction, so that
 * the guest need not set anything up: GDT, TSS with an I/O permission bitmap, IDT, exception stubs.
 *
 * Mapped read-execute at LAYOUT_SYSTEM_PAGE in every page table that the guest uses.
 * AMD64 APM 2, chapters 4.6-4.8 (descriptors), 8.9 (long-mode interrupts), 12.2.5 (TSS).
 */
#ifndef KVICK_VMM_SYSTEM_PAGE_H
#define KVICK_VMM_SYSTEM_PAGE_H

#include <stdint.h>

#include "vmm/guest_mem.h"

/*
 * Selectors stand where Linux has its own: KVM hosts without VT-x/SVM run ring 3 on the host's GDT,
 * where an IRETQ to any other code selector fails.
 */
#define SELECTOR_CODE0 0x10
#define SELECTOR_DATA0 0x18
#define SELECTOR_DATA3 0x2b
#define SELECTOR_CODE3 0x33
#define SELECTOR_TSS   0x40

#define SYSTEM_GDT_BYTES 0x50
#define SYSTEM_VECTORS   32
#define SYSTEM_IDT_BYTES (SYSTEM_VECTORS * 16)

enum system_stub { STUB_FAULT_OUT, STUB_STORE, STUB_PROBE_LOOP, STUB_PROBE_VMCALL, STUB_COUNT };

/* Guest addresses of what is in the page. */
uint64_t system_gdt(void);
uint64_t system_idt(void);
uint64_t system_tss(void);
uint32_t system_tss_limit(void);
uint64_t system_stub(enum system_stub stub);

/* Writes the page. ring (0 or 3): where exceptions are handled. RAM covers the page (asserted). */
void system_page_write(struct guest_mem *mem, unsigned ring);

/*
 * Points a vector (0..31) at a handler of the guest's on the handlers' stack, or back at the VMM's
 * stub on the crash stack where `handler` is 0. Returns what was there before in the same terms.
 */
uint64_t system_page_set_handler(struct guest_mem *mem, unsigned ring, unsigned vector, uint64_t handler);

#endif
