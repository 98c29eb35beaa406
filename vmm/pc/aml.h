/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI Machine Language (ACPI 6.4, 20.2) and resource descriptors (6.4), a term at a time, into a buffer of the caller's. What
 * opens a block returns a mark, with which it is closed, innermost first: its length is put before it then. Running out of
 * buffer is a bug of the caller's (asserted). Terms are in the order of ASL: aml_name(), then the object that it names.
 */
#ifndef KVICK_VMM_PC_AML_H
#define KVICK_VMM_PC_AML_H

#include <stdint.h>

struct aml {
	uint8_t *bytes;
	uint32_t used, size;
};

/* Where a block's content begins. */
typedef struct { uint32_t at; } aml_mark_t;

/* Names: one segment, of four characters: "_S5_", never "_S5" (20.2.2). */
aml_mark_t aml_scope(struct aml *aml, const char *name);     /* Scope (name) { … } */
aml_mark_t aml_device(struct aml *aml, const char *name);    /* Device (name) { … } */
aml_mark_t aml_package(struct aml *aml, uint8_t elements);   /* Package (elements) { … } */
void aml_end(struct aml *aml, aml_mark_t mark);

void aml_name(struct aml *aml, const char *name);            /* Name (name, …) */
void aml_integer(struct aml *aml, uint64_t value);
void aml_string(struct aml *aml, const char *text);          /* ASCII */
void aml_eisa_id(struct aml *aml, const char *id);           /* EISAID ("PNP0501") */

/* ResourceTemplate () { … } */
aml_mark_t aml_resources(struct aml *aml);
void aml_end_resources(struct aml *aml, aml_mark_t mark);

/* Between those two. */
void aml_io(struct aml *aml, uint16_t base, uint8_t bytes);            /* IO (Decode16, base, base, 1, bytes) */
void aml_irq(struct aml *aml, unsigned irq);                           /* IRQNoFlags () {irq}, 0 to 15: edge, active high */
void aml_memory32(struct aml *aml, uint32_t base, uint32_t bytes);     /* Memory32Fixed (ReadWrite, base, bytes) */
void aml_interrupt(struct aml *aml, uint32_t gsi); /* Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) {gsi} */

#endif
