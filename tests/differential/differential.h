/* SPDX-License-Identifier: Apache-2.0 */
/* What the guest's C, its assembly and the sequences have in common. Fit for assembly. */
#ifndef KVICK_DIFFERENTIAL_H
#define KVICK_DIFFERENTIAL_H

/* Selectors of the guest's GDT. Those of two slots (system descriptors of long mode) are 16 apart. */
#define CODE            0x08
#define DATA            0x10
#define DATA_READ_ONLY  0x18
#define DATA_ABSENT     0x20
#define DATA_DOWN       0x28
#define CODE_CONFORMING 0x30
#define CODE_NO_READ    0x38
#define TSS             0x40
#define LDT             0x50
#define CALL_GATE       0x60
#define DATA_3          0x70
#define CODE_3          0x78
#define CODE_ABSENT     0x80
#define CODE_32         0x88
#define DATA_BASE       0x90
#define TSS_2           0x98
#define LDT_ABSENT      0xa8
#define GATE_ODD        0xb8
#define TSS_BUSY        0xc8
#define LDT_2           0xd8
#define GATE_ABSENT     0xe8
#define DATA_ACCESSED   0xf8
#define GDT_SLOTS       32
/* Of both LDTs. */
#define LDT_DATA        0x04
#define LDT_CODE        0x0c
#define LDT_READ_ONLY   0x14
#define LDT_NOT_THERE   0x1c
#define LDT_BASE        0x24
#define LDT_SLOTS       5

#define SCRATCH_BYTES 4096
#define STACK_BYTES   4096 /* of a sequence; it starts in the middle */
#define IST_BYTES     1024
#define VECTORS       256
#define STUB_BYTES    32

/* The guest's own stack, as docs/ABI.md places it: nothing is mapped below it, and read-only memory follows. */
#define STACK_FIRST_PAGE 0xc0000
#define STACK_END        0x100000

/* In a list of exceptions, a SYSCALL is one of these two, by the entry. */
#define SYSCALL_1 256
#define SYSCALL_2 257
#define CALL_BY_GATE 258

/* struct record, in words. */
#define RECORD_VECTOR  0
#define RECORD_ERROR   1
#define RECORD_RIP     2
#define RECORD_CS      3
#define RECORD_RFLAGS  4
#define RECORD_RSP     5
#define RECORD_SS      6
#define RECORD_AT      7  /* RSP in the handler */
#define RECORD_INSIDE  8  /* RFLAGS in the handler */
#define RECORD_CODE    9  /* CS in the handler */
#define RECORD_CR2     10 /* of #PF */
#define RECORD_DR6     11 /* of #DB */
#define RECORD_WORDS   12
#define RECORDS        24

/* struct registers, in words: the general ones in the order in which instructions number them. */
#define AT_RAX    0
#define AT_RCX    1
#define AT_RDX    2
#define AT_RBX    3
#define AT_RSP    4
#define AT_RBP    5
#define AT_RSI    6
#define AT_RDI    7
#define AT_RFLAGS 16
#define AT_RIP    17
#define AT_CS     18
#define AT_SS     19
#define AT_DS     20
#define AT_ES     21
#define AT_FS     22
#define AT_GS     23
#define REGISTERS 24

#endif
