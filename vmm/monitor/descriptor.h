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

uint32_t descriptor_limit(uint64_t d);
uint64_t descriptor_base(uint64_t d);

/* The 8 bytes of a descriptor. FAULTED: #GP(selector) beyond its table, or the #PF of reading it. at: where it lies. */
enum outcome descriptor_read(struct trap *t, uint16_t selector, uint64_t *d, uint64_t *at);

/* May CS become this, at ring 0? Marks it accessed. FAULTED: t->fault; with `external` in its error code. */
enum outcome code_check(struct trap *t, uint16_t *selector, uint32_t external);

#endif
