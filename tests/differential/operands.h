/* SPDX-License-Identifier: Apache-2.0 */
/* What kinds of instructions draw: operands and values, and the printing of it all. */
#ifndef KVICK_DIFFERENTIAL_OPERANDS_H
#define KVICK_DIFFERENTIAL_OPERANDS_H

#include <stdint.h>
#include <stdio.h>

#include "differential.h"
#include "generate.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PICK(array)  ((array)[draw(COUNT(array))])

/* Prints an instruction: after those that its operands need. */
void emit(const char *format, ...) __attribute__((format(printf, 1, 2)));

enum size { BYTE, WORD, LONG, QUAD };
extern const char suffix[];           /* of a mnemonic, by size */
extern const char *const segments[6]; /* CS last */

/* Registers: any but RSP, whose stack the next instructions need. */
#define NAMES 15u
#define RBP   4u /* among them */
const char *name(enum size size, uint64_t n);
const char *any(enum size size);
/* Somewhere in the scratch memory, with the registers made for it; `bytes` fit from there. The text is good until the next call. */
const char *memory(unsigned bytes);
/* So many bytes behind that. */
const char *further(const char *operand, unsigned bytes);
/* A register or memory. */
const char *either(enum size size);
enum size size_of_any(void);
enum size size_from_word(void);
uint64_t value(void);

/* Of the GDT or the LDT, or beyond them. */
unsigned selector(void);
/* For FS and GS: a null selector leaves AMD's base alone and clears Intel's. */
unsigned selector_not_null(void);
unsigned data_selector(void); /* that can be loaded into any */
unsigned code_selector(void); /* most of which can be loaded */

#endif
