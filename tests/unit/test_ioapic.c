/* SPDX-License-Identifier: Apache-2.0 */
/* The IOAPIC by the 82093AA's datasheet, as a driver programs it: through IOREGSEL and IOWIN. The host notes what it is told. */
#include "tests/unit/test_unit.h"

#include "vmm/pc/ioapic.h"

#define IOREGSEL   0x00
#define IOWIN      0x10
#define EOI        0x40

#define ID         0x00
#define VERSION    0x01
#define ARBITRATION 0x02
#define ENTRY(pin) (0x10 + 2 * (pin))

/* Of an entry's lower half, 3.2.4. */
#define LOWEST     0x00000100u
#define SMI        0x00000200u
#define LOGICAL    0x00000800u
#define STATUS     0x00001000u
#define POLARITY   0x00002000u
#define REMOTE_IRR 0x00004000u
#define LEVEL      0x00008000u
#define MASKED     0x00010000u

#define PIN        9u
#define VECTOR     0x31u
#define MSI_LEVEL  0xc000u /* of an MSI's data: level-triggered, asserted */

struct fixture {
	struct ioapic ioapic;
	struct ioapic_host host;
	unsigned sent, routed;
	uint64_t address;
	uint32_t data;
	unsigned sent_when_routed;
};

static void send(const struct ioapic_host *host, uint64_t address, uint32_t data)
{
	struct fixture *f = host->context;

	f->sent++;
	f->address = address;
	f->data = data;
}

static void routes(const struct ioapic_host *host, const struct ioapic *ioapic)
{
	struct fixture *f = host->context;

	assert_ptr_equal(ioapic, &f->ioapic);
	f->routed++;
	f->sent_when_routed = f->sent;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	f->host = (struct ioapic_host){ send, routes, f };
	ioapic_init(&f->ioapic, &f->host);
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

/* --- the driver --- */

static uint32_t get(struct fixture *f, uint32_t which)
{
	ioapic_write(&f->ioapic, IOREGSEL, 4, which);
	return ioapic_read(&f->ioapic, IOWIN, 4);
}

static void put(struct fixture *f, uint32_t which, uint32_t value)
{
	ioapic_write(&f->ioapic, IOREGSEL, 4, which);
	ioapic_write(&f->ioapic, IOWIN, 4, value);
}

static void program(struct fixture *f, unsigned pin, uint32_t lower)
{
	put(f, ENTRY(pin), lower);
}

/* A line that is up for a moment. */
static void edge(struct fixture *f, unsigned pin)
{
	ioapic_raise(&f->ioapic, pin);
	ioapic_set_level(&f->ioapic, pin, false);
}

/* --- registers --- */

static void every_pin_is_masked_after_a_reset(void **state)
{
	struct fixture *f = *state;

	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		assert_int_equal(get(f, ENTRY(pin)), MASKED);
		assert_int_equal(get(f, ENTRY(pin) + 1), 0);
	}
}

static void version_register_tells_of_0x20_and_24_pins(void **state)
{
	struct fixture *f = *state;

	put(f, VERSION, 0xffffffff);
	assert_int_equal(get(f, VERSION), 0x00170020);
}

static void id_is_bits_24_to_27_and_shows_in_the_arbitration_register(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(get(f, ID), 0);
	put(f, ID, 0xffffffff);
	assert_int_equal(get(f, ID), 0x0f000000);
	assert_int_equal(get(f, ARBITRATION), 0x0f000000);
	put(f, ARBITRATION, 0);
	assert_int_equal(get(f, ARBITRATION), 0x0f000000);
}

static void ioregsel_reads_back_and_is_a_byte(void **state)
{
	struct fixture *f = *state;

	ioapic_write(&f->ioapic, IOREGSEL, 4, 0xabcdef12);
	assert_int_equal(ioapic_read(&f->ioapic, IOREGSEL, 4), 0x12);
	ioapic_write(&f->ioapic, IOREGSEL, 1, 0x34);
	assert_int_equal(ioapic_read(&f->ioapic, IOREGSEL, 1), 0x34);
}

static void an_entry_keeps_what_is_writable_in_it(void **state)
{
	struct fixture *f = *state;

	put(f, ENTRY(PIN), 0xffffffff);
	put(f, ENTRY(PIN) + 1, 0xffffffff);
	assert_int_equal(get(f, ENTRY(PIN)), 0x0001ffff & ~(STATUS | REMOTE_IRR));
	assert_int_equal(get(f, ENTRY(PIN) + 1), 0xff000000);
}

static void half_of_an_entry_leaves_the_other_half(void **state)
{
	struct fixture *f = *state;

	put(f, ENTRY(PIN) + 1, 0x12000000);
	put(f, ENTRY(PIN), MASKED | VECTOR);
	assert_int_equal(get(f, ENTRY(PIN) + 1), 0x12000000);
	put(f, ENTRY(PIN) + 1, 0x34000000);
	assert_int_equal(get(f, ENTRY(PIN)), MASKED | VECTOR);
}

static void an_entry_is_one_pins(void **state)
{
	struct fixture *f = *state;

	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		put(f, ENTRY(pin), MASKED | (0x40 + pin));
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		assert_int_equal(get(f, ENTRY(pin)), MASKED | (0x40 + pin));
}

static void a_register_that_is_none_reads_0_and_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct ioapic before;

	for (unsigned which = 0; which <= UINT8_MAX; which++) {
		if (which <= ARBITRATION || (which >= ENTRY(0) && which < ENTRY(IOAPIC_PINS)))
			continue;
		ioapic_write(&f->ioapic, IOREGSEL, 4, which);
		before = f->ioapic;
		ioapic_write(&f->ioapic, IOWIN, 4, 0xffffffff);
		assert_memory_equal(&f->ioapic, &before, sizeof(before));
		assert_int_equal(ioapic_read(&f->ioapic, IOWIN, 4), 0);
	}
}

static void iowin_of_another_width_reads_0_and_changes_nothing(void **state)
{
	struct fixture *f = *state;

	for (unsigned bytes = 1; bytes <= 8; bytes *= 2) {
		if (bytes == 4)
			continue;
		ioapic_write(&f->ioapic, IOREGSEL, 4, ENTRY(PIN));
		ioapic_write(&f->ioapic, IOWIN, bytes, VECTOR);
		assert_int_equal(ioapic_read(&f->ioapic, IOWIN, bytes), 0);
	}
	assert_int_equal(get(f, ENTRY(PIN)), MASKED);
}

static void an_offset_that_is_none_reads_0_and_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct ioapic before;

	ioapic_write(&f->ioapic, IOREGSEL, 4, ENTRY(PIN));
	before = f->ioapic;
	for (uint64_t offset = 0; offset < IOAPIC_BYTES; offset++) {
		if (offset == IOREGSEL || offset == IOWIN || offset == EOI)
			continue;
		ioapic_write(&f->ioapic, offset, 4, VECTOR);
		assert_int_equal(ioapic_read(&f->ioapic, offset, 4), 0);
	}
	assert_memory_equal(&f->ioapic, &before, sizeof(before));
	assert_int_equal(f->sent + f->routed, 0);
}

/* --- edges --- */

static void an_edge_sends_one_message(void **state)
{
	struct fixture *f = *state;

	program(f, PIN, VECTOR);
	edge(f, PIN);
	assert_int_equal(f->sent, 1);
	assert_int_equal(f->address, 0xfee00000);
	assert_int_equal(f->data, VECTOR);
}

static void each_edge_sends_without_an_eoi(void **state)
{
	struct fixture *f = *state;

	program(f, PIN, VECTOR);
	for (unsigned i = 0; i < 3; i++)
		edge(f, PIN);
	assert_int_equal(f->sent, 3);
	assert_int_equal(get(f, ENTRY(PIN)) & REMOTE_IRR, 0);
}

static void an_edge_while_masked_is_lost(void **state)
{
	struct fixture *f = *state;

	program(f, PIN, MASKED | VECTOR);
	edge(f, PIN);
	program(f, PIN, VECTOR);
	assert_int_equal(f->sent, 0);
}

static void a_line_that_rises_is_an_edge_and_one_that_stays_or_falls_is_none(void **state)
{
	struct fixture *f = *state;

	program(f, PIN, VECTOR);
	ioapic_set_level(&f->ioapic, PIN, true);
	ioapic_set_level(&f->ioapic, PIN, true);
	ioapic_set_level(&f->ioapic, PIN, false);
	assert_int_equal(f->sent, 1);
	ioapic_set_level(&f->ioapic, PIN, true);
	assert_int_equal(f->sent, 2);
}

static void edges_alone_change_no_routes(void **state)
{
	struct fixture *f = *state;

	put(f, ENTRY(PIN) + 1, 0x01000000);
	program(f, PIN, MASKED | VECTOR);
	program(f, PIN, VECTOR | POLARITY);
	edge(f, PIN);
	program(f, PIN, MASKED);
	assert_int_equal(f->routed, 0);
}

static void an_edge_is_the_pins_own(void **state)
{
	struct fixture *f = *state;

	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		program(f, pin, 0x40 + pin);
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		edge(f, pin);
		assert_int_equal(f->data, 0x40 + pin);
	}
	assert_int_equal(f->sent, IOAPIC_PINS);
}

/* --- what is sent --- */

static void a_message_names_its_destination(void **state)
{
	struct fixture *f = *state;

	put(f, ENTRY(PIN) + 1, 0xa5000000);
	program(f, PIN, VECTOR);
	edge(f, PIN);
	assert_int_equal(f->address, 0xfeea5000);
}

static void a_logical_destination_is_told_in_the_address(void **state)
{
	struct fixture *f = *state;

	put(f, ENTRY(PIN) + 1, 0xff000000);
	program(f, PIN, LOGICAL | VECTOR);
	edge(f, PIN);
	assert_int_equal(f->address, 0xfeeff004);
}

static void lowest_priority_is_told_in_the_data(void **state)
{
	struct fixture *f = *state;

	program(f, PIN, LOWEST | VECTOR);
	edge(f, PIN);
	assert_int_equal(f->data, 0x100 | VECTOR);
}

static void a_level_triggered_message_says_so(void **state)
{
	struct fixture *f = *state;

	program(f, PIN, LEVEL | VECTOR);
	ioapic_set_level(&f->ioapic, PIN, true);
	assert_int_equal(f->data, MSI_LEVEL | VECTOR);
}

static void polarity_changes_nothing(void **state)
{
	struct fixture *f = *state;

	program(f, PIN, POLARITY | LEVEL | VECTOR);
	assert_int_equal(f->sent, 0);
	ioapic_set_level(&f->ioapic, PIN, true);
	assert_int_equal(f->sent, 1);
	assert_int_equal(f->data, MSI_LEVEL | VECTOR);
}

static void a_vector_that_no_lapic_takes_is_not_sent(void **state)
{
	struct fixture *f = *state;
	struct ioapic_msi msi;

	for (unsigned vector = 0; vector < 16; vector++) {
		program(f, PIN, vector);
		edge(f, PIN);
		assert_false(ioapic_msi(&f->ioapic, PIN, &msi));
	}
	assert_int_equal(f->sent, 0);
	program(f, PIN, 16);
	edge(f, PIN);
	assert_int_equal(f->sent, 1);
}

static void delivery_modes_but_fixed_and_lowest_priority_are_not_sent(void **state)
{
	struct fixture *f = *state;
	struct ioapic_msi msi;

	for (unsigned mode = SMI; mode <= 0x700; mode += 0x100) {
		program(f, PIN, mode | VECTOR);
		edge(f, PIN);
		assert_false(ioapic_msi(&f->ioapic, PIN, &msi));
	}
	assert_int_equal(f->sent, 0);
}

static void what_cannot_be_sent_waits_for_no_eoi(void **state)
{
	struct fixture *f = *state;

	program(f, PIN, LEVEL | SMI | VECTOR);
	ioapic_set_level(&f->ioapic, PIN, true);
	assert_int_equal(get(f, ENTRY(PIN)) & REMOTE_IRR, 0);
	program(f, PIN, LEVEL | VECTOR);
	assert_int_equal(f->sent, 1);
}

/* --- levels --- */

static void a_level_sends_once_until_its_eoi(void **state)
{
	struct fixture *f = *state;

	program(f, PIN, LEVEL | VECTOR);
	ioapic_set_level(&f->ioapic, PIN, true);
	ioapic_set_level(&f->ioapic, PIN, false);
	ioapic_set_level(&f->ioapic, PIN, true);
	assert_int_equal(f->sent, 1);
	assert_int_equal(get(f, ENTRY(PIN)) & REMOTE_IRR, REMOTE_IRR);
}

static void a_line_that_is_raised_stays_up(void **state)
{
	struct fixture *f = *state;

	program(f, PIN, LEVEL | VECTOR);
	ioapic_raise(&f->ioapic, PIN);
	ioapic_raise(&f->ioapic, PIN);
	assert_int_equal(f->sent, 1);
	ioapic_eoi(&f->ioapic, VECTOR);
	assert_int_equal(f->sent, 2);
}

static void raised_again_it_is_another_edge(void **state)
{
	struct fixture *f = *state;

	program(f, PIN, VECTOR);
	ioapic_raise(&f->ioapic, PIN);
	ioapic_raise(&f->ioapic, PIN);
	assert_int_equal(f->sent, 2);
}

static void an_eoi_with_the_line_down_ends_it(void **state)
{
	struct fixture *f = *state;

	program(f, PIN, LEVEL | VECTOR);
	ioapic_set_level(&f->ioapic, PIN, true);
	ioapic_set_level(&f->ioapic, PIN, false);
	ioapic_eoi(&f->ioapic, VECTOR);
	assert_int_equal(f->sent, 1);
	assert_int_equal(get(f, ENTRY(PIN)) & REMOTE_IRR, 0);
}

static void an_eoi_with_the_line_still_up_sends_again(void **state)
{
	struct fixture *f = *state;

	program(f, PIN, LEVEL | VECTOR);
	ioapic_set_level(&f->ioapic, PIN, true);
	ioapic_eoi(&f->ioapic, VECTOR);
	assert_int_equal(f->sent, 2);
	assert_int_equal(get(f, ENTRY(PIN)) & REMOTE_IRR, REMOTE_IRR);
}

static void an_eoi_of_another_vector_changes_nothing(void **state)
{
	struct fixture *f = *state;

	program(f, PIN, LEVEL | VECTOR);
	ioapic_set_level(&f->ioapic, PIN, true);
	ioapic_eoi(&f->ioapic, VECTOR + 1);
	assert_int_equal(f->sent, 1);
	assert_int_equal(get(f, ENTRY(PIN)) & REMOTE_IRR, REMOTE_IRR);
}

static void an_eoi_is_for_every_pin_with_the_vector(void **state)
{
	struct fixture *f = *state;

	program(f, PIN, LEVEL | VECTOR);
	program(f, PIN + 1, LEVEL | VECTOR);
	ioapic_set_level(&f->ioapic, PIN, true);
	ioapic_set_level(&f->ioapic, PIN + 1, true);
	ioapic_eoi(&f->ioapic, VECTOR);
	assert_int_equal(f->sent, 4);
}

static void an_eoi_of_an_edge_triggered_vector_sends_nothing(void **state)
{
	struct fixture *f = *state;

	program(f, PIN, VECTOR);
	ioapic_set_level(&f->ioapic, PIN, true);
	ioapic_eoi(&f->ioapic, VECTOR);
	assert_int_equal(f->sent, 1);
}

static void the_eoi_register_is_an_eoi(void **state)
{
	struct fixture *f = *state;

	program(f, PIN, LEVEL | VECTOR);
	ioapic_set_level(&f->ioapic, PIN, true);
	ioapic_set_level(&f->ioapic, PIN, false);
	ioapic_write(&f->ioapic, EOI, 4, VECTOR);
	assert_int_equal(get(f, ENTRY(PIN)) & REMOTE_IRR, 0);
	assert_int_equal(ioapic_read(&f->ioapic, EOI, 4), 0);
}

static void a_level_while_masked_waits_for_the_unmasking(void **state)
{
	struct fixture *f = *state;

	program(f, PIN, LEVEL | MASKED | VECTOR);
	ioapic_set_level(&f->ioapic, PIN, true);
	assert_int_equal(f->sent, 0);
	program(f, PIN, LEVEL | VECTOR);
	assert_int_equal(f->sent, 1);
}

static void a_level_that_is_gone_before_the_unmasking_sends_nothing(void **state)
{
	struct fixture *f = *state;

	program(f, PIN, LEVEL | MASKED | VECTOR);
	ioapic_set_level(&f->ioapic, PIN, true);
	ioapic_set_level(&f->ioapic, PIN, false);
	program(f, PIN, LEVEL | VECTOR);
	assert_int_equal(f->sent, 0);
}

static void masking_does_not_forget_an_eoi_to_come(void **state)
{
	struct fixture *f = *state;

	program(f, PIN, LEVEL | VECTOR);
	ioapic_set_level(&f->ioapic, PIN, true);
	program(f, PIN, LEVEL | MASKED | VECTOR);
	program(f, PIN, LEVEL | VECTOR);
	assert_int_equal(f->sent, 1);
	program(f, PIN, LEVEL | MASKED | VECTOR);
	ioapic_eoi(&f->ioapic, VECTOR);
	assert_int_equal(f->sent, 1);
	program(f, PIN, LEVEL | VECTOR);
	assert_int_equal(f->sent, 2);
}

static void a_guest_cannot_write_the_remote_irr(void **state)
{
	struct fixture *f = *state;

	program(f, PIN, LEVEL | REMOTE_IRR | VECTOR);
	ioapic_set_level(&f->ioapic, PIN, true);
	assert_int_equal(f->sent, 1);
	program(f, PIN, LEVEL | VECTOR);
	assert_int_equal(get(f, ENTRY(PIN)) & REMOTE_IRR, REMOTE_IRR);
}

static void to_edges_and_back_clears_the_remote_irr(void **state)
{
	struct fixture *f = *state;

	program(f, PIN, LEVEL | VECTOR);
	ioapic_set_level(&f->ioapic, PIN, true);
	program(f, PIN, MASKED | VECTOR);
	program(f, PIN, LEVEL | MASKED | VECTOR);
	assert_int_equal(get(f, ENTRY(PIN)) & REMOTE_IRR, 0);
	program(f, PIN, LEVEL | VECTOR);
	assert_int_equal(f->sent, 2);
}

static void an_edge_on_a_level_triggered_pin_is_a_line_up_for_a_moment(void **state)
{
	struct fixture *f = *state;

	program(f, PIN, LEVEL | VECTOR);
	edge(f, PIN);
	assert_int_equal(f->sent, 1);
	ioapic_eoi(&f->ioapic, VECTOR);
	assert_int_equal(f->sent, 1);
}

/* --- routes --- */

static void a_pin_that_becomes_level_triggered_is_a_route(void **state)
{
	struct fixture *f = *state;
	struct ioapic_msi msi;

	assert_false(ioapic_is_level(&f->ioapic, PIN));
	program(f, PIN, LEVEL | VECTOR);
	assert_int_equal(f->routed, 1);
	assert_true(ioapic_is_level(&f->ioapic, PIN));
	assert_true(ioapic_msi(&f->ioapic, PIN, &msi));
	assert_int_equal(msi.address, 0xfee00000);
	assert_int_equal(msi.data, MSI_LEVEL | VECTOR);
}

static void routes_come_before_the_first_interrupt(void **state)
{
	struct fixture *f = *state;

	program(f, PIN, MASKED | VECTOR);
	ioapic_set_level(&f->ioapic, PIN, true);
	program(f, PIN, LEVEL | VECTOR);
	assert_int_equal(f->routed, 1);
	assert_int_equal(f->sent_when_routed, 0);
	assert_int_equal(f->sent, 1);
}

static void masking_is_no_change_of_routes(void **state)
{
	struct fixture *f = *state;

	program(f, PIN, LEVEL | VECTOR);
	program(f, PIN, LEVEL | MASKED | VECTOR);
	program(f, PIN, LEVEL | VECTOR);
	assert_int_equal(f->routed, 1);
	program(f, PIN, LEVEL | MASKED | VECTOR);
	assert_true(ioapic_is_level(&f->ioapic, PIN));
}

static void vector_destination_and_trigger_mode_are_changes_of_routes(void **state)
{
	struct fixture *f = *state;

	program(f, PIN, LEVEL | VECTOR);
	program(f, PIN, LEVEL | (VECTOR + 1));
	assert_int_equal(f->routed, 2);
	put(f, ENTRY(PIN) + 1, 0x03000000);
	assert_int_equal(f->routed, 3);
	program(f, PIN, VECTOR + 1);
	assert_int_equal(f->routed, 4);
	assert_false(ioapic_is_level(&f->ioapic, PIN));
}

static void a_level_that_cannot_be_sent_is_no_route(void **state)
{
	struct fixture *f = *state;

	program(f, PIN, LEVEL | 15);
	program(f, PIN, LEVEL | SMI | VECTOR);
	assert_int_equal(f->routed, 0);
	assert_false(ioapic_is_level(&f->ioapic, PIN));
}

/* --- any guest --- */

static uint64_t random_of(uint64_t *seed)
{
	/* xorshift64 */
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Whatever a guest writes: what leaves is a message that a LAPIC takes, and a remote IRR is a level-triggered pin's alone. */
static void nothing_that_a_guest_writes_does_harm(void **state)
{
	static const uint64_t offsets[] = { IOREGSEL, IOWIN, IOWIN, IOWIN, EOI, 0x20, 0xfff, UINT64_MAX };
	struct fixture *f = *state;
	uint64_t seed = 0x9e3779b97f4a7c15;

	for (unsigned i = 0; i < 400000; i++) {
		uint64_t r = random_of(&seed), offset = offsets[r % COUNT_OF(offsets)];
		unsigned bytes = 1u << (r >> 8) % 4, pin = (unsigned)(r >> 16) % IOAPIC_PINS;

		if (offset == IOWIN)
			ioapic_write(&f->ioapic, IOREGSEL, 1, (uint32_t)(r >> 24) % ENTRY(IOAPIC_PINS + 2));
		ioapic_write(&f->ioapic, offset, bytes, (uint32_t)random_of(&seed));
		ioapic_read(&f->ioapic, offset, bytes);
		if (r >> 32 & 1)
			edge(f, pin);
		else
			ioapic_set_level(&f->ioapic, pin, r >> 33 & 1);
		ioapic_eoi(&f->ioapic, (uint8_t)(r >> 40));
		assert_true(!f->sent || ((f->address & ~0xff004ull) == 0xfee00000 && (f->data & 0xff) >= 16));
		assert_int_equal(f->data & ~(MSI_LEVEL | 0x1ffu), 0);
		uint64_t entry = f->ioapic.entries[pin];

		assert_int_equal(entry & 0x00fffffffffe1000, 0);
		assert_true(!(entry & REMOTE_IRR) || (entry & LEVEL));
	}
	assert_true(f->sent > 1000 && f->routed > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_pin_is_masked_after_a_reset),
		TEST(version_register_tells_of_0x20_and_24_pins),
		TEST(id_is_bits_24_to_27_and_shows_in_the_arbitration_register),
		TEST(ioregsel_reads_back_and_is_a_byte),
		TEST(an_entry_keeps_what_is_writable_in_it),
		TEST(half_of_an_entry_leaves_the_other_half),
		TEST(an_entry_is_one_pins),
		TEST(a_register_that_is_none_reads_0_and_changes_nothing),
		TEST(iowin_of_another_width_reads_0_and_changes_nothing),
		TEST(an_offset_that_is_none_reads_0_and_changes_nothing),
		TEST(an_edge_sends_one_message),
		TEST(each_edge_sends_without_an_eoi),
		TEST(an_edge_while_masked_is_lost),
		TEST(a_line_that_rises_is_an_edge_and_one_that_stays_or_falls_is_none),
		TEST(edges_alone_change_no_routes),
		TEST(an_edge_is_the_pins_own),
		TEST(a_message_names_its_destination),
		TEST(a_logical_destination_is_told_in_the_address),
		TEST(lowest_priority_is_told_in_the_data),
		TEST(a_level_triggered_message_says_so),
		TEST(polarity_changes_nothing),
		TEST(a_vector_that_no_lapic_takes_is_not_sent),
		TEST(delivery_modes_but_fixed_and_lowest_priority_are_not_sent),
		TEST(what_cannot_be_sent_waits_for_no_eoi),
		TEST(a_level_sends_once_until_its_eoi),
		TEST(a_line_that_is_raised_stays_up),
		TEST(raised_again_it_is_another_edge),
		TEST(an_eoi_with_the_line_down_ends_it),
		TEST(an_eoi_with_the_line_still_up_sends_again),
		TEST(an_eoi_of_another_vector_changes_nothing),
		TEST(an_eoi_is_for_every_pin_with_the_vector),
		TEST(an_eoi_of_an_edge_triggered_vector_sends_nothing),
		TEST(the_eoi_register_is_an_eoi),
		TEST(a_level_while_masked_waits_for_the_unmasking),
		TEST(a_level_that_is_gone_before_the_unmasking_sends_nothing),
		TEST(masking_does_not_forget_an_eoi_to_come),
		TEST(a_guest_cannot_write_the_remote_irr),
		TEST(to_edges_and_back_clears_the_remote_irr),
		TEST(an_edge_on_a_level_triggered_pin_is_a_line_up_for_a_moment),
		TEST(a_pin_that_becomes_level_triggered_is_a_route),
		TEST(routes_come_before_the_first_interrupt),
		TEST(masking_is_no_change_of_routes),
		TEST(vector_destination_and_trigger_mode_are_changes_of_routes),
		TEST(a_level_that_cannot_be_sent_is_no_route),
		TEST(nothing_that_a_guest_writes_does_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
