/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/system_page.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include <kvick/hypercall.h>

#include "vmm/layout.h"

extern const uint8_t system_stubs[], system_stub_fault_out[], system_stub_store[], system_stub_probe_loop[];
extern const uint8_t system_stub_probe_vmcall[], system_stubs_end[];

struct gate {
	uint16_t offset_0;
	uint16_t selector;
	uint8_t ist;
	uint8_t type;
	uint16_t offset_16;
	uint32_t offset_32;
	uint32_t reserved;
};

struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7]; /* ist[0] is IST1 */
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t iomap_base;
	uint8_t iomap[KVICK_PORT_END / 8 + 1]; /* a set bit forbids the port; one more byte ends it */
} __attribute__((packed));

#define STUBS_BYTES_MAX 1024

struct system_page {
	uint64_t gdt[SYSTEM_GDT_BYTES / 8];
	struct tss tss;
	struct gate idt[SYSTEM_VECTORS] __attribute__((aligned(16)));
	uint8_t stubs[STUBS_BYTES_MAX] __attribute__((aligned(16)));
};

_Static_assert(sizeof(struct gate) == 16, "a long-mode gate is 16 bytes");
_Static_assert(offsetof(struct tss, iomap) == 104, "a long-mode TSS is 104 bytes");
_Static_assert(sizeof(struct system_page) <= GUEST_PAGE_BYTES, "the system page is one page");

enum { IST_CRASH = 1, IST_HANDLER = 2 };

/*
 * Trap gates: no guest of this protocol has interrupts to keep out, and where the host runs ring 3
 * natively an IRETQ would not bring a cleared interrupt flag back.
 */
#define GATE_PRESENT_TRAP 0x8f
#define DPL(ring) ((uint8_t)((ring) << 5))

/* Flat 64-bit segments, accessed bit set so that the CPU need not write to a read-only page. */
#define GDT_CODE(ring) (0x00209b0000000000ull | (uint64_t)(ring) << 45)
#define GDT_DATA(ring) (0x0000930000000000ull | (uint64_t)(ring) << 45)
#define GDT_TSS_BUSY   0x00008b0000000000ull

uint64_t system_gdt(void)
{
	return LAYOUT_SYSTEM_PAGE + offsetof(struct system_page, gdt);
}

uint64_t system_idt(void)
{
	return LAYOUT_SYSTEM_PAGE + offsetof(struct system_page, idt);
}

uint64_t system_tss(void)
{
	return LAYOUT_SYSTEM_PAGE + offsetof(struct system_page, tss);
}

uint32_t system_tss_limit(void)
{
	return sizeof(struct tss) - 1;
}

static uint64_t stubs_address(void)
{
	return LAYOUT_SYSTEM_PAGE + offsetof(struct system_page, stubs);
}

uint64_t system_stub(enum system_stub stub)
{
	const uint8_t *const at[STUB_COUNT] = {
		[STUB_FAULT_OUT] = system_stub_fault_out,
		[STUB_STORE] = system_stub_store,
		[STUB_PROBE_LOOP] = system_stub_probe_loop,
		[STUB_PROBE_VMCALL] = system_stub_probe_vmcall,
	};

	return stubs_address() + (uint64_t)(at[stub] - system_stubs);
}

static void set_gate(struct gate *gate, unsigned ring, uint64_t handler, unsigned ist)
{
	*gate = (struct gate){
		.offset_0 = (uint16_t)handler,
		.selector = ring == 0 ? SELECTOR_CODE0 : SELECTOR_CODE3,
		.ist = (uint8_t)ist,
		.type = GATE_PRESENT_TRAP | DPL(ring),
		.offset_16 = (uint16_t)(handler >> 16),
		.offset_32 = (uint32_t)(handler >> 32),
	};
}

static uint64_t vector_stub(unsigned vector)
{
	return stubs_address() + vector * 16u;
}

void system_page_write(struct guest_mem *mem, unsigned ring)
{
	struct system_page *page = guest_mem_span(mem, gpa(LAYOUT_SYSTEM_PAGE), GUEST_PAGE_BYTES);
	size_t stubs_bytes = (size_t)(system_stubs_end - system_stubs);
	uint64_t tss = system_tss();

	assert(page && stubs_bytes <= sizeof(page->stubs));
	page->gdt[SELECTOR_CODE0 / 8] = GDT_CODE(0);
	page->gdt[SELECTOR_DATA0 / 8] = GDT_DATA(0);
	page->gdt[SELECTOR_DATA3 / 8] = GDT_DATA(3);
	page->gdt[SELECTOR_CODE3 / 8] = GDT_CODE(3);
	page->gdt[SELECTOR_TSS / 8] = GDT_TSS_BUSY | system_tss_limit() | tss << 16; /* base below 16 MiB */
	page->gdt[SELECTOR_TSS / 8 + 1] = tss >> 32;

	page->tss.ist[IST_CRASH - 1] = LAYOUT_CRASH_STACK_TOP;
	page->tss.ist[IST_HANDLER - 1] = LAYOUT_HANDLER_STACK_TOP;
	page->tss.iomap_base = offsetof(struct tss, iomap);
	memset(page->tss.iomap, 0xff, sizeof(page->tss.iomap));
	page->tss.iomap[KVICK_PORT_CALL / 8] = 0; /* both doorbells, and nothing else */
	_Static_assert(KVICK_PORT_CALL % 8 == 0 && KVICK_PORT_END - KVICK_PORT_CALL == 8, "the doorbells fill one byte");

	for (unsigned vector = 0; vector < SYSTEM_VECTORS; vector++)
		set_gate(&page->idt[vector], ring, vector_stub(vector), IST_CRASH);
	memcpy(page->stubs, system_stubs, stubs_bytes);
}

uint64_t system_page_set_handler(struct guest_mem *mem, unsigned ring, unsigned vector, uint64_t handler)
{
	struct system_page *page = guest_mem_span(mem, gpa(LAYOUT_SYSTEM_PAGE), GUEST_PAGE_BYTES);
	struct gate *gate = &page->idt[vector];
	struct gate was = *gate; /* one copy: the guest may have written here */
	uint64_t before = was.offset_0 | (uint64_t)was.offset_16 << 16 | (uint64_t)was.offset_32 << 32;

	assert(vector < SYSTEM_VECTORS);
	set_gate(gate, ring, handler ? handler : vector_stub(vector), handler ? IST_HANDLER : IST_CRASH);
	return before == vector_stub(vector) ? 0 : before;
}
