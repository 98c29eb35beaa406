/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors in the guest's tables: AMD64 APM 2, 4.7 (legacy, as code and data still are) and 4.8 (long mode). */
#ifndef KVICK_VMM_MONITOR_DESCRIPTOR_H
#define KVICK_VMM_MONITOR_DESCRIPTOR_H

#include "vmm/monitor/trap.h"

#define DESCRIPTOR_TYPE(d)    ((unsigned)((d) >> 40) & 0xf)
#define DESCRIPTOR_SYSTEM(d)  (!((d) >> 44 & 1))
#define DESCRIPTOR_DPL(d)     ((unsigned)((d) >> 45) & 3)
#define DESCRIPTOR_PRESENT(d) ((d) >> 47 & 1)
#define DESCRIPTOR_L(d)       ((d) >> 53 & 1)
#define DESCRIPTOR_DB(d)      ((d) >> 54 & 1)
#define DESCRIPTOR_G(d)       ((d) >> 55 & 1)

#define TYPE_ACCESSED   1u
#define TYPE_WRITABLE   2u /* of data */
#define TYPE_READABLE   2u /* of code */
#define TYPE_CONFORMING 4u /* of code */
#define TYPE_CODE       8u

/* Of system descriptors. */
enum { TYPE_LDT = 2, TYPE_TSS_AVAILABLE = 9, TYPE_TSS_BUSY = 11, TYPE_CALL_GATE = 12 };

#define SELECTOR_ERROR(selector) ((selector) & 0xfffcu)
#define SELECTOR_IS_NULL(selector) (((selector) & 0xfffcu) == 0)

#define RPL(selector) ((selector) & 3u)

/* Of the upper half of a system descriptor: where a lower half has S and type; must be 0. */
#define UPPER_TYPE(upper) ((unsigned)((upper) >> 40) & 0x1f)

/* A descriptor of 8 bytes, or the lower half of one of 16, and where it lies. */
struct descriptor {
	uint64_t value, at;
};

uint32_t descriptor_limit(uint64_t d);
uint64_t descriptor_base(uint64_t d);

/* Where the selector's descriptor lies. False: not all of its bytes are in the table. */
bool descriptor_find(const struct trap *t, uint16_t selector, unsigned bytes, uint64_t *at);

/* FAULTED: #GP(selector) beyond its table, or the #PF of reading it. */
enum outcome descriptor_read(struct trap *t, uint16_t selector, struct descriptor *d);
enum outcome mark_accessed(struct trap *t, const struct descriptor *d);

/* May SS become this? Of null there is nothing to be marked. */
enum outcome stack_segment_find(struct trap *t, uint16_t selector, struct descriptor *d);

/* May CS become this, by a gate? */
enum outcome gate_code_find(struct trap *t, uint16_t selector, struct descriptor *d);

#endif
