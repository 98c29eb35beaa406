/* SPDX-License-Identifier: Apache-2.0 */
/* Where things lie in one guest's memory: computed from image and RAM before anything is allocated. See layout.h. */
#ifndef KVICK_VMM_MEMORY_PLAN_H
#define KVICK_VMM_MEMORY_PLAN_H

#include <stdint.h>

#include "vmm/pagetable.h"

struct image;
struct error;

struct memory_plan {
	uint64_t bytes;                   /* RAM */
	uint64_t tables_base, tables_end; /* the guest's initial page tables */
	uint64_t ring0_base, ring0_end;   /* the VMM's own page tables (ring0.h), made when first needed */
	uint64_t stack_base, stack_top;   /* the page below stack_base is not mapped */
	uint64_t devices_base;            /* the list of devices, a page; 0: no devices */
	uint64_t heap_base, heap_end;     /* free RAM */
};

/*
 * mem_bytes: a multiple of pages within GUEST_MEM_BYTES_MIN..MAX, or 0 for what the image wants. devices: there are some.
 * 0, or -errno with `error` saying how much RAM the image needs.
 */
int memory_plan_make(struct memory_plan *plan, const struct image *image, uint64_t mem_bytes, bool devices, struct error *error);

/* The least RAM that holds the image, its stack, its tables and perhaps a list of devices; 0: more than kvick gives. */
uint64_t memory_plan_least(const struct image *image, bool devices);

#define MEMORY_MAPPINGS_MAX 32

/*
 * The mappings that a guest begins with at this ring. One that is deprivileged has them as at ring 0, but for a user, and may not
 * change its tables. Returns how many.
 */
unsigned memory_plan_mappings(const struct memory_plan *plan, const struct image *image, unsigned ring, bool deprivileged,
			      struct mapping mappings[MEMORY_MAPPINGS_MAX]);

#endif
