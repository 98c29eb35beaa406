/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A serial port: the 16550A of National Semiconductor's data sheet PC16550D, whose sections are named. Transmitting takes no time,
 * so the transmitter is always empty; nothing goes wrong on the line. Baud rate and line format are kept and mean nothing.
 *
 * Output is gathered: put() gets it at a newline, when SERIAL_GATHER_BYTES are full, and when the guest does anything but write on
 * and ask whether it may (line status): changes what interrupts it wants, asks what interrupted it, reads input, or asks for the
 * line status twice in a row, as one who waits for input does. What is left is the end of an unfinished line of a guest
 * that does not touch the port again, such as a polled prompt before it halts: serial_holds() tells of it, and the owner
 * calls serial_flush() some milliseconds later, where the guest idles, and when it ends.
 *
 * Under the VM's device lock. Values from the guest: anything is survived.
 */
#ifndef KVICK_VMM_PC_SERIAL_H
#define KVICK_VMM_PC_SERIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERIAL_FIFO_BYTES   16u
#define SERIAL_GATHER_BYTES 256u

struct serial_host {
	/* Output, 1 to SERIAL_GATHER_BYTES; it is the host's now. */
	void (*put)(const struct serial_host *host, const uint8_t *bytes, size_t count);
	/* The interrupt line is up, and has risen, or there is more to tell: an edge on an ISA interrupt. Or it has fallen. */
	void (*irq)(const struct serial_host *host, bool up);
	void *context;
};

struct serial {
	/* Registers, in the data sheet's names; what is not here is computed. */
	uint8_t ier, fcr, lcr, mcr, scr;
	uint8_t dll, dlm;
	uint8_t line_errors;   /* of the LSR */
	uint8_t msr_deltas;    /* of the MSR */
	bool thre;             /* the transmitter's interrupt is pending */
	bool asked;            /* the last access was a read of the LSR */
	bool up;               /* what the host knows of the interrupt line */
	uint8_t received[SERIAL_FIFO_BYTES];
	uint8_t received_at, received_count;
	uint8_t gathered[SERIAL_GATHER_BYTES];
	uint16_t gathered_count;
	const struct serial_host *host;
};

/* As after a master reset. host: the caller's, outlives the port. */
void serial_init(struct serial *serial, const struct serial_host *host);

/* reg: 0 to 7 (asserted). */
uint8_t serial_read(struct serial *serial, unsigned reg);
void serial_write(struct serial *serial, unsigned reg, uint8_t value);

/* Input: as much as fits is taken, from the start; how much that is. What is not taken is offered again once there is room. */
size_t serial_receive(struct serial *serial, const uint8_t *bytes, size_t count);

/* How much would be taken: 0 to SERIAL_FIFO_BYTES; 1 at most without FIFOs, none in loopback. */
size_t serial_room(const struct serial *serial);

/* Has the guest written what put() has not got yet? */
bool serial_holds(const struct serial *serial);

void serial_flush(struct serial *serial);

#endif
