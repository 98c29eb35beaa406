/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/pc/serial.h"

#include <assert.h>
#include <linux/serial_reg.h>

#define REGISTERS    8u
#define IER_MASK     (UART_IER_RDI | UART_IER_THRI | UART_IER_RLSI | UART_IER_MSI)
#define MCR_MASK     (UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT1 | UART_MCR_OUT2 | UART_MCR_LOOP)
#define IIR_FIFOS    0xc0 /* of the IIR: FIFOs are on */

/* What a modem that is there and willing says. */
#define MODEM_READY  (UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS)

void serial_init(struct serial *s, const struct serial_host *host)
{
	*s = (struct serial){ .host = host };
}

/* ---- output ---- */

bool serial_holds(const struct serial *s)
{
	return s->gathered_count > 0;
}

void serial_flush(struct serial *s)
{
	size_t count = s->gathered_count;

	if (count == 0)
		return;
	s->gathered_count = 0;
	s->host->put(s->host, s->gathered, count);
}

static void gather(struct serial *s, uint8_t byte)
{
	s->gathered[s->gathered_count++] = byte;
	if (byte == '\n' || s->gathered_count == SERIAL_GATHER_BYTES)
		serial_flush(s);
}

/* Before each access. A guest that is still at its line writes, and reads the line status once for each byte or for several. */
static void flush_by_access(struct serial *s, bool transmits, bool asks)
{
	if (!transmits && (!asks || s->asked))
		serial_flush(s);
	s->asked = asks;
}

/* ---- input ---- */

static bool loopback(const struct serial *s)
{
	return s->mcr & UART_MCR_LOOP;
}

static size_t fifo_bytes(const struct serial *s)
{
	return s->fcr & UART_FCR_ENABLE_FIFO ? SERIAL_FIFO_BYTES : 1;
}

static void clear_received(struct serial *s)
{
	s->received_at = s->received_count = 0;
}

/* There is room. */
static void push_received(struct serial *s, uint8_t byte)
{
	s->received[(s->received_at + s->received_count++) % SERIAL_FIFO_BYTES] = byte;
}

static uint8_t pop_received(struct serial *s)
{
	uint8_t byte = s->received[s->received_at];

	if (s->received_count == 0)
		return 0;
	s->received_at = (s->received_at + 1) % SERIAL_FIFO_BYTES;
	s->received_count--;
	return byte;
}

size_t serial_room(const struct serial *s)
{
	return loopback(s) ? 0 : fifo_bytes(s) - s->received_count;
}

/* ---- interrupts: "Interrupt Identification Register", in the order of their priority ---- */

/*
 * "FIFO Interrupt Mode Operation": below the trigger level a character is told of by a time-out, once no other has come for a
 * while. That while is over at once: more may never come.
 */
static uint8_t receive_interrupt(const struct serial *s)
{
	static const uint8_t triggers[] = { 1, 4, 8, 14 };

	if (!(s->fcr & UART_FCR_ENABLE_FIFO))
		return UART_IIR_RDI;
	return s->received_count >= triggers[UART_FCR_R_TRIG_BITS(s->fcr)] ? UART_IIR_RDI : UART_IIR_RX_TIMEOUT;
}

static uint8_t interrupt_id(const struct serial *s)
{
	if ((s->ier & UART_IER_RLSI) && s->line_errors)
		return UART_IIR_RLSI;
	if ((s->ier & UART_IER_RDI) && s->received_count)
		return receive_interrupt(s);
	if ((s->ier & UART_IER_THRI) && s->thre)
		return UART_IIR_THRI;
	if ((s->ier & UART_IER_MSI) && s->msr_deltas)
		return UART_IIR_MSI;
	return UART_IIR_NO_INT;
}

/*
 * Is the line up? MCR.OUT2, which gates it on a PC's board, is not asked: some drivers never set it, and find machines that do
 * not ask either.
 */
static bool line_up(const struct serial *s)
{
	return interrupt_id(s) != UART_IIR_NO_INT;
}

static void set_line(struct serial *s, bool up)
{
	s->up = up;
	s->host->irq(s->host, up);
}

size_t serial_receive(struct serial *s, const uint8_t *bytes, size_t count)
{
	size_t room = serial_room(s), taken = count < room ? count : room;

	for (size_t i = 0; i < taken; i++)
		push_received(s, bytes[i]);
	/*
	 * An edge for input always, also while the line is up: input is rare, and a guest that has missed an edge, or gave up
	 * with the line up, would never hear of any again.
	 */
	if (taken && (s->ier & UART_IER_RDI))
		set_line(s, true);
	return taken;
}

/* ---- modem lines: "Modem Control Register", "Modem Status Register" ---- */

/* In loopback the outputs are wired to the inputs: RTS to CTS, DTR to DSR, OUT1 to RI, OUT2 to DCD. */
static uint8_t modem_lines(const struct serial *s)
{
	if (!loopback(s))
		return MODEM_READY;
	return (uint8_t)((s->mcr & UART_MCR_RTS ? UART_MSR_CTS : 0) | (s->mcr & UART_MCR_DTR ? UART_MSR_DSR : 0) |
			 (s->mcr & UART_MCR_OUT1 ? UART_MSR_RI : 0) | (s->mcr & UART_MCR_OUT2 ? UART_MSR_DCD : 0));
}

static void write_mcr(struct serial *s, uint8_t value)
{
	uint8_t before = modem_lines(s), changed;

	s->mcr = value & MCR_MASK;
	changed = before ^ modem_lines(s);
	/* Of RI only the end is told. The others' deltas are four bits below them. */
	s->msr_deltas |= (uint8_t)((changed & before & UART_MSR_RI) | (changed & ~UART_MSR_RI)) >> 4;
}

/* ---- registers ---- */

static void transmit(struct serial *s, uint8_t byte)
{
	if (!loopback(s))
		gather(s, byte);
	else if (s->received_count < fifo_bytes(s))
		push_received(s, byte);
	else
		s->line_errors |= UART_LSR_OE;
	s->thre = true;
}

/*
 * "FIFO Control Register": turning FIFOs on or off empties them, and without bit 0 the others mean nothing. The transmitter's is
 * empty anyway: what has been written is on its way.
 */
static void write_fcr(struct serial *s, uint8_t value)
{
	const bool enabled = value & UART_FCR_ENABLE_FIFO;

	if (((s->fcr ^ value) & UART_FCR_ENABLE_FIFO) || (enabled && (value & UART_FCR_CLEAR_RCVR)))
		clear_received(s);
	s->fcr = enabled ? value & (UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_MASK) : 0;
}

/*
 * An empty transmitter interrupts as soon as it is allowed to, also when that interrupt has been read before: drivers begin to
 * transmit by it, and Linux tests for it.
 */
static void write_ier(struct serial *s, uint8_t value)
{
	if (value & ~s->ier & UART_IER_THRI)
		s->thre = true;
	s->ier = value & IER_MASK;
}

static void write_register(struct serial *s, unsigned reg, uint8_t value)
{
	bool divisor = s->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_TX:
		if (divisor)
			s->dll = value;
		else
			transmit(s, value);
		break;
	case UART_IER:
		if (divisor)
			s->dlm = value;
		else
			write_ier(s, value);
		break;
	case UART_FCR:
		write_fcr(s, value);
		break;
	case UART_LCR:
		s->lcr = value;
		break;
	case UART_MCR:
		write_mcr(s, value);
		break;
	case UART_SCR:
		s->scr = value;
		break;
	}
}

static uint8_t read_iir(struct serial *s)
{
	uint8_t id = interrupt_id(s);

	if (id == UART_IIR_THRI)
		s->thre = false;
	return id | (s->fcr & UART_FCR_ENABLE_FIFO ? IIR_FIFOS : 0);
}

static uint8_t read_lsr(struct serial *s)
{
	uint8_t value = UART_LSR_TEMT | UART_LSR_THRE | s->line_errors | (s->received_count ? UART_LSR_DR : 0);

	s->line_errors = 0;
	return value;
}

static uint8_t read_msr(struct serial *s)
{
	uint8_t value = modem_lines(s) | s->msr_deltas;

	s->msr_deltas = 0;
	return value;
}

static uint8_t read_register(struct serial *s, unsigned reg)
{
	bool divisor = s->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_RX:
		return divisor ? s->dll : pop_received(s);
	case UART_IER:
		return divisor ? s->dlm : s->ier;
	case UART_IIR:
		return read_iir(s);
	case UART_LCR:
		return s->lcr;
	case UART_MCR:
		return s->mcr;
	case UART_LSR:
		return read_lsr(s);
	case UART_MSR:
		return read_msr(s);
	default:
		return s->scr;
	}
}

uint8_t serial_read(struct serial *s, unsigned reg)
{
	uint8_t value;

	assert(reg < REGISTERS);
	flush_by_access(s, false, reg == UART_LSR);
	value = read_register(s, reg);
	/* Reading ends interrupts and begins none. */
	if (s->up && !line_up(s))
		set_line(s, false);
	return value;
}

void serial_write(struct serial *s, unsigned reg, uint8_t value)
{
	const bool transmits = reg == UART_TX && !(s->lcr & UART_LCR_DLAB);
	bool was_up;

	assert(reg < REGISTERS);
	flush_by_access(s, transmits, false);
	/*
	 * A write ends the transmitter's interrupt, and as transmitting takes no time it begins anew: an edge for each, as drivers
	 * that never read the IIR need it.
	 */
	if (transmits)
		s->thre = false;
	was_up = line_up(s);
	write_register(s, reg, value);
	if (!was_up && line_up(s))
		set_line(s, true);
	else if (s->up && !line_up(s))
		set_line(s, false);
}
