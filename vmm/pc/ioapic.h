/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The I/O APIC: Intel 82093AA (datasheet 290566), version 0x20, which has the EOI register. Devices tell it of edges and levels,
 * the guest programs it through its window, and each interrupt leaves as an MSI (Intel SDM volume 3, 11.11) for KVM's LAPICs.
 *
 * What is sent: vectors from 16 up by fixed or lowest-priority delivery. A pin with another delivery mode (SMI, NMI, INIT,
 * ExtINT, a reserved one), or with a vector that a LAPIC refuses (SDM 11.5.2), sends nothing. Polarity is kept and has no meaning:
 * devices speak of "asserted".
 *
 * Under the VM's device lock. Values from the guest: anything is survived.
 */
#ifndef KVICK_VMM_PC_IOAPIC_H
#define KVICK_VMM_PC_IOAPIC_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/pc/layout.h"

struct ioapic;

struct ioapic_host {
	/* An interrupt: KVM_SIGNAL_MSI. address: below 4 GiB. */
	void (*send)(const struct ioapic_host *host, uint64_t address, uint32_t data);
	/*
	 * What level-triggered pins send has changed, so the list of EOIs that KVM must tell of has: KVM_SET_GSI_ROUTING, with
	 * ioapic_msi() of every pin for which ioapic_is_level(). Never called while the guest uses edges alone.
	 */
	void (*routes)(const struct ioapic_host *host, const struct ioapic *ioapic);
	void *context;
};

struct ioapic {
	uint64_t entries[IOAPIC_PINS]; /* the redirection table, 3.2.4 */
	uint32_t lines;                /* a bit a pin: asserted */
	uint32_t id;                   /* as in the ID register, 3.2.1 */
	uint8_t select;                /* IOREGSEL, 3.1.1 */
	const struct ioapic_host *host;
};

struct ioapic_msi {
	uint64_t address;
	uint32_t data;
};

/* As after a reset: every pin masked, every line low. host: the caller's, outlives the IOAPIC. */
void ioapic_init(struct ioapic *ioapic, const struct ioapic_host *host);

/*
 * offset: into the window; bytes: 1, 2, 4 or 8. IOREGSEL and EOI are a byte, at any width; IOWIN is 4 bytes wide: another width,
 * and any other offset, reads as 0 and writes nothing.
 */
uint32_t ioapic_read(const struct ioapic *ioapic, uint64_t offset, unsigned bytes);
void ioapic_write(struct ioapic *ioapic, uint64_t offset, unsigned bytes, uint32_t value);

/*
 * A line's state (pin below IOAPIC_PINS: asserted): the rising edge sends an MSI where the pin is edge-triggered, the level does
 * where it is level-triggered. While the pin is masked an edge is lost, not remembered: so has it the datasheet (3.2.4, bit 16),
 * and QEMU. Linux expects that, and masks an edge-triggered pin only once it knows that its handler is to run again.
 */
void ioapic_set_level(struct ioapic *ioapic, unsigned pin, bool high);

/* A device has news: its line is up until ioapic_set_level(), and where the pin is edge-triggered each of them is an edge. */
void ioapic_raise(struct ioapic *ioapic, unsigned pin);

/* KVM_EXIT_IOAPIC_EOI: what was pending at level-triggered pins with this vector is done; a line that is still up sends again. */
void ioapic_eoi(struct ioapic *ioapic, uint8_t vector);

/* Is the pin level-triggered, and would it send anything? Masked or not: what was sent before it was masked has its EOI to come. */
bool ioapic_is_level(const struct ioapic *ioapic, unsigned pin);

/* What the pin sends, masked or not; false, and nothing filled in, where it can send nothing. */
bool ioapic_msi(const struct ioapic *ioapic, unsigned pin, struct ioapic_msi *msi);

#endif
