/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the monitor (vmm/monitor) share: its sources compiled for the host, a guest with a few pages of memory, GDT,
 * LDT, IDT and TSS, and the virtual CPU at ring 0 in it. There is no KVM and no ring 3: code runs by being carried out by the
 * monitor. Every instruction that faults is held against what was before: registers, virtual CPU and memory are as they were.
 */
#ifndef KVICK_TESTS_MONITOR_FIXTURE_H
#define KVICK_TESTS_MONITOR_FIXTURE_H

#include "tests/unit/test_unit.h"

#include <asm/processor-flags.h>

#include "vmm/monitor/descriptor.h"
#include "vmm/monitor/trap.h"

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

#define PAGE_BYTES 4096u

/* Pages of the guest's. Between them nothing is mapped. */
#define CODE_AT      0x10000ull
#define DATA_AT      0x20000ull /* two pages */
#define STACK_AT     0x30000ull /* two pages; RSP begins where they meet */
#define STACK_MIDDLE (STACK_AT + PAGE_BYTES)
#define GDT_AT       0x40000ull
#define LDT_AT       0x50000ull
#define IDT_AT       0x60000ull
#define TSS_AT       0x70000ull
#define IST_AT       0x80000ull /* its end is IST1 */
#define READ_ONLY_AT 0x90000ull
#define LOW_END      0x0000800000000000ull /* a page ends here */
#define HIGH_BEGIN   0xffff800000000000ull /* and one begins here */
#define NOT_CANONICAL 0x1234800000000000ull
#define UNMAPPED     0xa0000ull

/* Selectors. Slots that no name is given are 0. */
#define SEL_CODE     0x08
#define SEL_DATA     0x10
#define SEL_TEST     0x18 /* the test's: descriptor_is() */
#define SEL_TEST_UPPER 0x20 /* the upper half of a system descriptor at SEL_TEST */
#define SEL_TSS      0x30 /* and 0x38 */
#define SEL_CODE3    0x40
#define SEL_LAST     0x78 /* the GDT's limit */
#define SEL_BEYOND   0x80
#define SEL_LOCAL    0x0c /* in the LDT, the test's too */

/* Descriptors: AMD64 APM 2, 4.7 and 4.8. All but accessed. */
#define D_PRESENT    (1ull << 47)
#define D_DPL(n)     ((uint64_t)(n) << 45)
#define D_TYPE(n)    ((uint64_t)(n) << 40)
#define D_LONG       (1ull << 53)
#define D_BIG        (1ull << 54)
#define D_ACCESSED   D_TYPE(TYPE_ACCESSED)
#define D_DATA       0x0000920000000000ull
#define D_READ_DATA  0x0000900000000000ull
#define D_CODE       0x00209a0000000000ull
#define D_CONFORMING 0x00209e0000000000ull
#define D_CODE_32    0x00409a0000000000ull
#define D_NO_READ    0x0020980000000000ull /* code that is executed alone */
#define D_SYSTEM(n)  (D_PRESENT | D_TYPE(n))
#define D_BASE(b)    (((b) & 0xffffffull) << 16 | ((b) >> 24 & 0xffull) << 56)

/* Error codes. */
#define E_EXTERNAL 1u
#define E_IDT      2u
#define E_GATE(vector) ((vector) * 8u | E_IDT)
#define PF_WRITE 2u
#define PF_HELD  3u /* present, written to */

struct page {
	uint64_t at;
	bool present, writable;
	uint8_t bytes[PAGE_BYTES];
};

#define PAGES 14

struct guest {
	struct page pages[PAGES];
	uint8_t monitor[MONITOR_BYTES] __attribute__((aligned(8)));
	struct monitor_state *s;
	struct monitor_frame *frame;
	struct virtual_cpu *cpu;
	struct trap trap;         /* of the last instruction that was carried out */
	unsigned requests[REQUESTS]; /* how often each was made */
	uint32_t cpuid_1_ecx, cpuid_7_ebx; /* of its table */
	bool bases_by_request;    /* the CPU does not let ring 3 set them */
	uint64_t real_fs, real_gs;
	void (*serve)(struct guest *g, uint32_t request); /* NULL: it is only counted */
	uint8_t code[16];
	unsigned code_bytes;
};

extern struct guest *guest;

int set_up(void **state);
int tear_down(void **state);

/* The guest's memory, as the test sees it; it must be mapped. */
uint8_t *memory(uint64_t at);
uint64_t word(uint64_t at);
void word_is(uint64_t at, uint64_t value);
struct page *page_of(uint64_t at);
/* A descriptor in the GDT or, with bit 2 of the selector, the LDT. */
void descriptor_is(uint16_t selector, uint64_t d);
uint64_t descriptor_of(uint16_t selector);
/* A selector in AX, below other bits; and the test's descriptor, with its selector there. */
void ax_is(uint16_t selector);
void test_is(uint64_t d);
/* A gate of the IDT to 0x1000 * (vector + 1). */
void gate_is(unsigned vector, uint16_t selector, uint8_t type, uint8_t ist);
#define HANDLER(vector) (0x1000ull * ((vector) + 1))

/* The instruction is what decode.c says it is, and nothing but it; it is carried out. */
enum outcome carry_out(const uint8_t *code, unsigned bytes);
/* The same by a trap: all of the monitor, the IDT included. As a site, where ring 3 would not trap. */
void trap(const uint8_t *code, unsigned bytes);
/* An exception of the guest's own. */
void except(unsigned vector, uint64_t error);

#define CODE(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })
#define DOES(...)   assert_int_equal(carry_out(CODE(__VA_ARGS__)), NEXT)
#define JUMPS(...)  assert_int_equal(carry_out(CODE(__VA_ARGS__)), JUMPED)
#define FAULTS(vector, error, ...) assert_fault(carry_out(CODE(__VA_ARGS__)), vector, error)
#define PAGE_FAULTS(at, error, ...) assert_page_fault(carry_out(CODE(__VA_ARGS__)), at, error)
#define REFUSES(why, ...) assert_refused(carry_out(CODE(__VA_ARGS__)), why)
#define TRAP(...)   trap(CODE(__VA_ARGS__))

void assert_fault(enum outcome outcome, unsigned vector, uint32_t error);
void assert_page_fault(enum outcome outcome, uint64_t at, uint32_t error);
void assert_refused(enum outcome outcome, enum monitor_refusal why);

/* The handler of the vector has been reached, by a frame at RSP; behind the error code, if there is one. */
void assert_delivered(unsigned vector);
void assert_delivered_error(unsigned vector, uint32_t error);
enum { FRAME_RIP, FRAME_CS, FRAME_RFLAGS, FRAME_RSP, FRAME_SS };
uint64_t delivered(unsigned word); /* after one of the two */

#endif
