/* SPDX-License-Identifier: Apache-2.0 */
/* The system page against the AMD64 manual (APM 2: 4.8 descriptors, 8.9.1 gates, 12.2.5 TSS), bit by bit. */
#include "tests/unit/test_unit.h"

#include <kvick/hypercall.h>

#include "vmm/error.h"
#include "vmm/guest_mem.h"
#include "vmm/layout.h"
#include "vmm/sys.h"
#include "vmm/system_page.h"

struct fixture {
	struct sys sys;
	struct error error;
	struct guest_mem mem;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	return guest_mem_create(&f->mem, GUEST_MEM_BYTES_MIN, false, &f->sys, &f->error);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	guest_mem_destroy(&f->mem, &f->sys);
	free(f);
	return 0;
}

static uint64_t u64_at(const struct fixture *f, uint64_t at)
{
	uint64_t value;

	assert_int_equal(guest_mem_read(&f->mem, gpa(at), &value, sizeof(value)), 0);
	return value;
}

static uint64_t descriptor(const struct fixture *f, unsigned selector)
{
	return u64_at(f, system_gdt() + (selector & ~7u));
}

static uint64_t bits(uint64_t value, unsigned from, unsigned count)
{
	return value >> from & ((1ull << count) - 1);
}

/* A gate's target: offset 15:0, 31:16 and 63:32. */
static uint64_t gate_offset(const struct fixture *f, unsigned vector)
{
	uint64_t low = u64_at(f, system_idt() + vector * 16), high = u64_at(f, system_idt() + vector * 16 + 8);

	return bits(low, 0, 16) | bits(low, 48, 16) << 16 | bits(high, 0, 32) << 32;
}

static uint64_t gate_low(const struct fixture *f, unsigned vector)
{
	return u64_at(f, system_idt() + vector * 16);
}

static void everything_lies_in_the_page(void **state)
{
	const uint64_t at[] = { system_gdt(), system_tss(), system_idt(), system_stub(STUB_FAULT_OUT), system_stub(STUB_STORE),
				system_stub(STUB_PROBE_LOOP), system_stub(STUB_PROBE_VMCALL) };

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(at); i++)
		assert_in_range(at[i], LAYOUT_SYSTEM_PAGE, LAYOUT_SYSTEM_PAGE + GUEST_PAGE_BYTES - 1);
	assert_true(system_gdt() + SYSTEM_GDT_BYTES <= system_tss());
	assert_true(system_tss() + system_tss_limit() + 1 <= system_idt());
	assert_true(system_idt() + SYSTEM_IDT_BYTES <= system_stub(STUB_FAULT_OUT));
	assert_true(system_stub(STUB_PROBE_VMCALL) + 8 <= LAYOUT_SYSTEM_PAGE + GUEST_PAGE_BYTES);
}

static void nothing_is_written_around_the_page(void **state)
{
	struct fixture *f = *state;

	memset(f->mem.host, 0xa5, 3 * GUEST_PAGE_BYTES);
	system_page_write(&f->mem, 3);
	for (unsigned i = 0; i < GUEST_PAGE_BYTES; i++) {
		assert_int_equal(f->mem.host[i], 0xa5);
		assert_int_equal(f->mem.host[2 * GUEST_PAGE_BYTES + i], 0xa5);
	}
}

static void code_segments_are_64_bit_code_of_their_ring(void **state)
{
	static const unsigned selectors[][2] = { { SELECTOR_CODE0, 0 }, { SELECTOR_CODE3, 3 } };
	struct fixture *f = *state;

	system_page_write(&f->mem, 0);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t d = descriptor(f, selectors[i][0]);

		assert_int_equal(selectors[i][0] & 3, selectors[i][1]); /* RPL */
		assert_int_equal(bits(d, 40, 5), 0x1b);                 /* S, code, readable, accessed; not conforming */
		assert_int_equal(bits(d, 45, 2), selectors[i][1]);      /* DPL */
		assert_int_equal(bits(d, 47, 1), 1);                    /* present */
		assert_int_equal(bits(d, 53, 1), 1);                    /* long */
		assert_int_equal(bits(d, 54, 1), 0);                    /* D must be 0 with L */
	}
}

static void data_segments_are_writable_data_of_their_ring(void **state)
{
	static const unsigned selectors[][2] = { { SELECTOR_DATA0, 0 }, { SELECTOR_DATA3, 3 } };
	struct fixture *f = *state;

	system_page_write(&f->mem, 0);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t d = descriptor(f, selectors[i][0]);

		assert_int_equal(selectors[i][0] & 3, selectors[i][1]);
		assert_int_equal(bits(d, 40, 5), 0x13); /* S, data, writable, accessed */
		assert_int_equal(bits(d, 45, 2), selectors[i][1]);
		assert_int_equal(bits(d, 47, 1), 1);
	}
}

static void the_null_descriptor_and_the_unused_ones_are_zero(void **state)
{
	struct fixture *f = *state;

	system_page_write(&f->mem, 3);
	for (unsigned i = 0; i < SYSTEM_GDT_BYTES; i += 8)
		if (i != SELECTOR_CODE0 && i != SELECTOR_DATA0 && i != (SELECTOR_DATA3 & ~7) && i != (SELECTOR_CODE3 & ~7) &&
		    i != SELECTOR_TSS && i != SELECTOR_TSS + 8)
			assert_int_equal(descriptor(f, i), 0);
}

static void the_tss_descriptor_points_at_the_tss(void **state)
{
	struct fixture *f = *state;

	system_page_write(&f->mem, 0);
	uint64_t d = descriptor(f, SELECTOR_TSS), high = descriptor(f, SELECTOR_TSS + 8);

	assert_int_equal(bits(d, 16, 24) | bits(d, 56, 8) << 24 | high << 32, system_tss());
	assert_int_equal(bits(d, 0, 16) | bits(d, 48, 4) << 16, system_tss_limit());
	assert_int_equal(bits(d, 40, 4), 0xb); /* busy 64-bit TSS */
	assert_int_equal(bits(d, 44, 1), 0);   /* system */
	assert_int_equal(bits(d, 45, 2), 0);
	assert_int_equal(bits(d, 47, 1), 1);
	assert_int_equal(bits(d, 55, 1), 0);   /* limit in bytes */
}

static void the_tss_names_the_two_exception_stacks(void **state)
{
	struct fixture *f = *state;

	system_page_write(&f->mem, 0);
	assert_int_equal(u64_at(f, system_tss() + 0x24), LAYOUT_CRASH_STACK_TOP);   /* IST1 */
	assert_int_equal(u64_at(f, system_tss() + 0x2c), LAYOUT_HANDLER_STACK_TOP); /* IST2 */
	for (unsigned at = 0x34; at < 0x5c; at += 8)
		assert_int_equal(u64_at(f, system_tss() + at), 0);
}

/* Volume 1, 14.5.2 of Intel's manual and APM 2, 12.2.5: a port's bit set, or beyond the limit: forbidden. */
static bool port_allowed(const struct fixture *f, unsigned port)
{
	unsigned base = (unsigned)bits(u64_at(f, system_tss() + 0x66), 0, 16), byte = base + port / 8;

	/* The CPU reads two bytes; both must lie within the limit. */
	return byte + 1 <= system_tss_limit() && !(bits(u64_at(f, system_tss() + byte), 0, 8) >> port % 8 & 1);
}

static void the_bitmap_allows_exactly_the_two_doorbells(void **state)
{
	struct fixture *f = *state;

	system_page_write(&f->mem, 3);
	for (unsigned port = 0; port < 0x10000; port++) {
		bool doorbell = (port >= KVICK_PORT_CALL && port < KVICK_PORT_CALL + 4) ||
				(port >= KVICK_PORT_FAULT && port < KVICK_PORT_FAULT + 4);

		if (port_allowed(f, port) != doorbell)
			fail_msg("port 0x%x", port);
	}
}

static void the_bitmap_ends_with_a_byte_of_ones_within_the_limit(void **state)
{
	struct fixture *f = *state;

	system_page_write(&f->mem, 3);
	assert_int_equal(bits(u64_at(f, system_tss() + system_tss_limit()), 0, 8), 0xff);
}

static void gates_are_present_trap_gates_of_the_ring(void **state)
{
	struct fixture *f = *state;

	for (unsigned ring = 0; ring <= 3; ring += 3) {
		system_page_write(&f->mem, ring);
		for (unsigned vector = 0; vector < SYSTEM_VECTORS; vector++) {
			uint64_t low = gate_low(f, vector);

			assert_int_equal(bits(low, 16, 16), ring == 0 ? SELECTOR_CODE0 : SELECTOR_CODE3);
			assert_int_equal(bits(low, 32, 3), 1);    /* IST1: the crash stack */
			assert_int_equal(bits(low, 35, 5), 0);
			assert_int_equal(bits(low, 40, 5), 0xf);  /* trap gate */
			assert_int_equal(bits(low, 45, 2), ring); /* DPL */
			assert_int_equal(bits(low, 47, 1), 1);
			assert_int_equal(u64_at(f, system_idt() + vector * 16 + 8) >> 32, 0);
		}
	}
}

/* push $0 where the CPU pushes no error code; push $vector; jmp to the OUT. */
static void each_vector_has_a_stub_that_pushes_its_number(void **state)
{
	static const uint32_t error_code_vectors = 1u << 8 | 1u << 10 | 1u << 11 | 1u << 12 | 1u << 13 | 1u << 14 | 1u << 17 |
						   1u << 21 | 1u << 29 | 1u << 30; /* APM 2, 8.2 */
	struct fixture *f = *state;

	system_page_write(&f->mem, 3);
	for (unsigned vector = 0; vector < SYSTEM_VECTORS; vector++) {
		const uint8_t *code = guest_mem_span(&f->mem, gpa(gate_offset(f, vector)), 16);
		uint64_t at = gate_offset(f, vector);

		if (!(error_code_vectors >> vector & 1)) {
			assert_memory_equal(code, "\x6a\0", 2);
			code += 2, at += 2;
		}
		assert_int_equal(code[0], 0x6a);
		assert_int_equal(code[1], vector);
		if (code[2] == 0xeb) {
			assert_int_equal(at + 4 + (uint64_t)(int8_t)code[3], system_stub(STUB_FAULT_OUT));
		} else {
			int32_t distance;

			assert_int_equal(code[2], 0xe9);
			memcpy(&distance, code + 3, 4);
			assert_int_equal(at + 7 + (uint64_t)(int64_t)distance, system_stub(STUB_FAULT_OUT));
		}
	}
}

static void the_fault_stub_rings_the_fault_port(void **state)
{
	struct fixture *f = *state;

	system_page_write(&f->mem, 3);
	assert_int_equal(u64_at(f, system_stub(STUB_FAULT_OUT)) & 0xffff, 0xe7 | KVICK_PORT_FAULT << 8);
}

static void set_handler_puts_the_guests_handler_on_its_own_stack(void **state)
{
	struct fixture *f = *state;
	const uint64_t handler = 0xffff812345678abc;

	system_page_write(&f->mem, 3);
	assert_int_equal(system_page_set_handler(&f->mem, 3, 14, handler), 0);
	assert_int_equal(gate_offset(f, 14), handler);
	assert_int_equal(bits(gate_low(f, 14), 16, 16), SELECTOR_CODE3);
	assert_int_equal(bits(gate_low(f, 14), 32, 3), 2); /* IST2 */
	assert_int_equal(bits(gate_low(f, 14), 40, 8), 0xef);
}

static void set_handler_makes_the_round_trip(void **state)
{
	struct fixture *f = *state;

	system_page_write(&f->mem, 0);
	uint64_t low = gate_low(f, 6), stub = gate_offset(f, 6);

	assert_int_equal(system_page_set_handler(&f->mem, 0, 6, 0x1234567890), 0);
	assert_int_equal(system_page_set_handler(&f->mem, 0, 6, 0x100000), 0x1234567890);
	assert_int_equal(system_page_set_handler(&f->mem, 0, 6, 0), 0x100000);
	assert_int_equal(gate_offset(f, 6), stub);
	assert_int_equal(gate_low(f, 6), low);
}

static void set_handler_changes_one_gate(void **state)
{
	struct fixture *f = *state;
	uint8_t before[GUEST_PAGE_BYTES];
	uint8_t *page = guest_mem_span(&f->mem, gpa(LAYOUT_SYSTEM_PAGE), GUEST_PAGE_BYTES);
	uint64_t gate = system_idt() + 31 * 16 - LAYOUT_SYSTEM_PAGE;

	system_page_write(&f->mem, 3);
	memcpy(before, page, sizeof(before));
	system_page_set_handler(&f->mem, 3, 31, 0x100000);
	assert_memory_equal(page, before, gate);
	assert_memory_not_equal(page + gate, before + gate, 16);
	assert_memory_equal(page + gate + 16, before + gate + 16, GUEST_PAGE_BYTES - gate - 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(everything_lies_in_the_page),
		TEST(nothing_is_written_around_the_page),
		TEST(code_segments_are_64_bit_code_of_their_ring),
		TEST(data_segments_are_writable_data_of_their_ring),
		TEST(the_null_descriptor_and_the_unused_ones_are_zero),
		TEST(the_tss_descriptor_points_at_the_tss),
		TEST(the_tss_names_the_two_exception_stacks),
		TEST(the_bitmap_allows_exactly_the_two_doorbells),
		TEST(the_bitmap_ends_with_a_byte_of_ones_within_the_limit),
		TEST(gates_are_present_trap_gates_of_the_ring),
		TEST(each_vector_has_a_stub_that_pushes_its_number),
		TEST(the_fault_stub_rings_the_fault_port),
		TEST(set_handler_puts_the_guests_handler_on_its_own_stack),
		TEST(set_handler_makes_the_round_trip),
		TEST(set_handler_changes_one_gate),
	};

	return cmocka_run_group_tests_name("system_page", tests, NULL, NULL);
}
