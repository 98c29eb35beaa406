/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVICK_PGTABLE_TEST_H
#define KVICK_PGTABLE_TEST_H

#include <kvick_guest.h>
#include <stdbool.h>

/* One way to reach the paravirtual CPU. */
struct paravirt {
	const char *name;
	uint64_t base; /* of a top-level slot that nothing else uses */
	int64_t (*update)(uint64_t va, uint64_t pa_flags, uint64_t pgd, uint64_t pages, uint64_t spare,
			  uint64_t spare_pages);
	int64_t (*lcr3)(uint64_t pgd);
	int64_t (*cpuconfig)(unsigned what, uint64_t value, uint64_t value2, uint64_t *before);
};

#define SLOT_BYTES      (UINT64_C(1) << 39)
#define PLAIN_BASE      (1 * SLOT_BYTES)
#define HYPERCALLS_BASE (3 * SLOT_BYTES)
#define PRIVATE_OFFSET  SLOT_BYTES /* from base: the next slot, for what two top levels do not share */

#define READ_ONLY  (KVICK_PTE_PRESENT | KVICK_PTE_NX)
#define READ_WRITE (KVICK_PTE_PRESENT | KVICK_PTE_NX | KVICK_PTE_WRITE)
#define READ_EXEC  KVICK_PTE_PRESENT

/* Accesses that may fault. */
void probe_start(void);
bool can_read(uint64_t va, uint64_t *value);
bool can_write(uint64_t va, uint64_t value);
bool can_call(uint64_t va);

/* The error code of the last fault. */
uint64_t fault_error_code(void);

/* A page of RAM whose words are all `value`; never given back. */
uint64_t new_page(uint64_t value);

/* `count` zeroed pages in a row. */
uint64_t new_pages(uint64_t count);

void check_mapping(const struct paravirt *pv);
void check_split(const struct paravirt *pv);
void check_many_pages(const struct paravirt *pv);
void check_switch(const struct paravirt *pv);
void check_refusals(const struct paravirt *pv);

#endif
