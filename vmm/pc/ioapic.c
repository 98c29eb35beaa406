/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/pc/ioapic.h"

#include <assert.h>

/* 3.1: the window. The EOI register is newer than the datasheet, of version 0x20 (Intel ICH datasheets, "EOIR"). */
#define IOREGSEL          0x00u
#define IOWIN             0x10u
#define EOI               0x40u

/* 3.2: what IOREGSEL selects. */
#define IOAPICID          0x00u
#define IOAPICVER         0x01u
#define IOAPICARB         0x02u
#define IOREDTBL          0x10u /* two registers a pin, the lower half first */

#define VERSION           (0x20u | (IOAPIC_PINS - 1) << 16)
#define ID_MASK           0x0f000000u

/* 3.2.4: an entry of the redirection table. Delivery status (bit 12) is never set: what is sent is sent at once. */
#define VECTOR            0x00000000000000ffull
#define DELIVERY_MODE     0x0000000000000700ull
#define LOGICAL           0x0000000000000800ull
#define POLARITY          0x0000000000002000ull
#define REMOTE_IRR        0x0000000000004000ull
#define LEVEL             0x0000000000008000ull
#define MASKED            0x0000000000010000ull
#define DESTINATION       0xff00000000000000ull
#define DESTINATION_SHIFT 56
#define WRITABLE          (VECTOR | DELIVERY_MODE | LOGICAL | POLARITY | LEVEL | MASKED | DESTINATION)

#define LOWEST_PRIORITY   0x100u /* of the delivery modes; fixed is 0 */
#define VECTOR_MIN        16u    /* SDM 11.5.2 */

/* SDM 11.11.1 and 11.11.2. Vector and delivery mode are in the same bits of the data as of an entry, the trigger mode is too. */
#define MSI_ADDRESS       0xfee00000u
#define MSI_DESTINATION_SHIFT 12
#define MSI_LOGICAL       0x00000004u
#define MSI_ASSERT        0x00004000u

void ioapic_init(struct ioapic *ioapic, const struct ioapic_host *host)
{
	*ioapic = (struct ioapic){ .host = host };
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		ioapic->entries[pin] = MASKED;
}

/* ---- what a pin sends ---- */

bool ioapic_msi(const struct ioapic *ioapic, unsigned pin, struct ioapic_msi *msi)
{
	assert(pin < IOAPIC_PINS);
	uint64_t entry = ioapic->entries[pin];

	if ((entry & VECTOR) < VECTOR_MIN || (entry & DELIVERY_MODE) > LOWEST_PRIORITY)
		return false;
	msi->address = MSI_ADDRESS | (entry & DESTINATION) >> DESTINATION_SHIFT << MSI_DESTINATION_SHIFT |
		       (entry & LOGICAL ? MSI_LOGICAL : 0);
	msi->data = (uint32_t)(entry & (VECTOR | DELIVERY_MODE | LEVEL)) | (entry & LEVEL ? MSI_ASSERT : 0);
	return true;
}

bool ioapic_is_level(const struct ioapic *ioapic, unsigned pin)
{
	struct ioapic_msi msi;

	return ioapic_msi(ioapic, pin, &msi) && (ioapic->entries[pin] & LEVEL);
}

static bool send(struct ioapic *ioapic, unsigned pin)
{
	struct ioapic_msi msi;

	if ((ioapic->entries[pin] & MASKED) || !ioapic_msi(ioapic, pin, &msi))
		return false;
	ioapic->host->send(ioapic->host, msi.address, msi.data);
	return true;
}

/* A level-triggered pin sends once while its line is up, then waits for the EOI. */
static void send_level(struct ioapic *ioapic, unsigned pin)
{
	uint64_t *entry = &ioapic->entries[pin];

	if ((*entry & LEVEL) && (ioapic->lines >> pin & 1) && !(*entry & REMOTE_IRR) && send(ioapic, pin))
		*entry |= REMOTE_IRR;
}

/* ---- lines ---- */

void ioapic_set_level(struct ioapic *ioapic, unsigned pin, bool high)
{
	assert(pin < IOAPIC_PINS);
	bool rises = high && !(ioapic->lines >> pin & 1);

	ioapic->lines = (ioapic->lines & ~(1u << pin)) | (uint32_t)high << pin;
	if (ioapic->entries[pin] & LEVEL)
		send_level(ioapic, pin);
	else if (rises)
		send(ioapic, pin);
}

void ioapic_raise(struct ioapic *ioapic, unsigned pin)
{
	assert(pin < IOAPIC_PINS);
	if (!(ioapic->entries[pin] & LEVEL))
		ioapic_set_level(ioapic, pin, false);
	ioapic_set_level(ioapic, pin, true);
}

void ioapic_eoi(struct ioapic *ioapic, uint8_t vector)
{
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		uint64_t *entry = &ioapic->entries[pin];

		if ((*entry & VECTOR) != vector)
			continue;
		*entry &= ~REMOTE_IRR;
		send_level(ioapic, pin);
	}
}

/* ---- registers: 3.1, 3.2 ---- */

/* The pin to whose entry the selected register belongs, or IOAPIC_PINS. */
static unsigned selected_pin(const struct ioapic *ioapic)
{
	unsigned pin = (ioapic->select - IOREDTBL) / 2;

	return ioapic->select >= IOREDTBL && pin < IOAPIC_PINS ? pin : IOAPIC_PINS;
}

static uint32_t read_selected(const struct ioapic *ioapic)
{
	unsigned pin = selected_pin(ioapic);

	if (pin < IOAPIC_PINS)
		return (uint32_t)(ioapic->entries[pin] >> 32 * (ioapic->select % 2));
	switch (ioapic->select) {
	case IOAPICID:
	case IOAPICARB: /* loaded with the ID (3.2.3); there is no bus to arbitrate for */
		return ioapic->id;
	case IOAPICVER:
		return VERSION;
	}
	return 0;
}

static void write_entry(struct ioapic *ioapic, unsigned pin, bool upper, uint32_t value)
{
	uint64_t *entry = &ioapic->entries[pin];
	struct ioapic_msi before = { 0, 0 }, after = { 0, 0 };
	unsigned shift = upper ? 32 : 0;

	if (ioapic_is_level(ioapic, pin))
		ioapic_msi(ioapic, pin, &before);
	*entry = (((*entry & ~(0xffffffffull << shift)) | (uint64_t)value << shift) & WRITABLE) | (*entry & REMOTE_IRR);
	/*
	 * An edge-triggered pin waits for no EOI. Drivers of IOAPICs without an EOI register clear a remote IRR so: to edges and
	 * back, masked.
	 */
	if (!(*entry & LEVEL))
		*entry &= ~REMOTE_IRR;
	if (ioapic_is_level(ioapic, pin))
		ioapic_msi(ioapic, pin, &after);
	/* Before the interrupt, whose EOI is to be told of. */
	if (before.address != after.address || before.data != after.data)
		ioapic->host->routes(ioapic->host, ioapic);
	send_level(ioapic, pin);
}

static void write_selected(struct ioapic *ioapic, uint32_t value)
{
	unsigned pin = selected_pin(ioapic);

	if (pin < IOAPIC_PINS)
		write_entry(ioapic, pin, ioapic->select % 2, value);
	else if (ioapic->select == IOAPICID)
		ioapic->id = value & ID_MASK;
}

uint32_t ioapic_read(const struct ioapic *ioapic, uint64_t offset, unsigned bytes)
{
	if (offset == IOREGSEL)
		return ioapic->select;
	return offset == IOWIN && bytes == 4 ? read_selected(ioapic) : 0;
}

void ioapic_write(struct ioapic *ioapic, uint64_t offset, unsigned bytes, uint32_t value)
{
	if (offset == IOREGSEL)
		ioapic->select = (uint8_t)value;
	else if (offset == IOWIN && bytes == 4)
		write_selected(ioapic, value);
	else if (offset == EOI)
		ioapic_eoi(ioapic, (uint8_t)value);
}
