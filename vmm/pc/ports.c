/* SPDX-License-Identifier: Apache-2.0 */
/* Which port and which address is whose. */
#include <string.h>

#include "vmm/machine.h"
#include "vmm/pc/acpi.h"
#include "vmm/pc/layout.h"
#include "vmm/pc/pc.h"
#include "vmm/pc/pc_private.h"

/* ---- ports ---- */

static uint32_t read_serial(struct machine *m, uint16_t port)
{
	return serial_read(&m->pc->serial, port - PC_PORT_COM1);
}

static void write_serial(struct machine *m, uint16_t port, uint32_t value)
{
	serial_write(&m->pc->serial, port - PC_PORT_COM1, (uint8_t)value);
}

/* The 8259s' lines are raised by the other thread too. */
static uint32_t read_pic(struct machine *m, uint16_t port)
{
	uint8_t value;

	pthread_mutex_lock(&m->pc->lock);
	value = pic_read(&m->pc->pic, port >= PC_PORT_PIC_2, port & 1);
	pthread_mutex_unlock(&m->pc->lock);
	return value;
}

static void write_pic(struct machine *m, uint16_t port, uint32_t value)
{
	pthread_mutex_lock(&m->pc->lock);
	pic_write(&m->pc->pic, port >= PC_PORT_PIC_2, port & 1, (uint8_t)value);
	pthread_mutex_unlock(&m->pc->lock);
}

static uint32_t read_elcr(struct machine *m, uint16_t port)
{
	return pic_read_elcr(&m->pc->pic, port - PC_PORT_ELCR); /* nobody else writes it */
}

static void write_elcr(struct machine *m, uint16_t port, uint32_t value)
{
	pthread_mutex_lock(&m->pc->lock);
	pic_write_elcr(&m->pc->pic, port - PC_PORT_ELCR, (uint8_t)value);
	pthread_mutex_unlock(&m->pc->lock);
}

static uint32_t read_pit(struct machine *m, uint16_t port)
{
	return pit_read(&m->pc->pit, port - PC_PORT_PIT, sys_now_ns(&m->sys));
}

static void write_pit(struct machine *m, uint16_t port, uint32_t value)
{
	pit_write(&m->pc->pit, port - PC_PORT_PIT, (uint8_t)value, sys_now_ns(&m->sys));
}

static uint32_t read_speaker(struct machine *m, uint16_t port)
{
	(void)port;
	return pit_read_speaker(&m->pc->pit, sys_now_ns(&m->sys));
}

static void write_speaker(struct machine *m, uint16_t port, uint32_t value)
{
	(void)port;
	pit_write_speaker(&m->pc->pit, (uint8_t)value, sys_now_ns(&m->sys));
}

/* Nothing is pending, nothing is busy: a keyboard controller without a keyboard, a clock that no update keeps waiting. */
static uint32_t read_zero(struct machine *m, uint16_t port)
{
	(void)m, (void)port;
	return 0;
}

static void write_nothing(struct machine *m, uint16_t port, uint32_t value)
{
	(void)m, (void)port, (void)value;
}

static void write_keyboard(struct machine *m, uint16_t port, uint32_t value)
{
	(void)port;
	if ((uint8_t)value == PC_RESET_VALUE)
		m->outcome = OUTCOME_RESET;
}

/* ACPI 6.4, 4.8.3.7. There is one kind of sleep, S5, from which nothing wakes. */
static void write_sleep(struct machine *m, uint16_t port, uint32_t value)
{
	(void)port;
	if (value & ACPI_SLP_EN) {
		m->outcome = OUTCOME_EXITED;
		m->status = 0;
	}
}

static const struct {
	uint16_t first, last;
	uint32_t (*read)(struct machine *m, uint16_t port);
	void (*write)(struct machine *m, uint16_t port, uint32_t value);
} ports[] = {
	{ PC_PORT_COM1, PC_PORT_COM1 + PC_PORT_COM1_BYTES - 1, read_serial, write_serial },
	{ PC_PORT_PIC_1, PC_PORT_PIC_1 + 1, read_pic, write_pic },
	{ PC_PORT_PIC_2, PC_PORT_PIC_2 + 1, read_pic, write_pic },
	{ PC_PORT_ELCR, PC_PORT_ELCR + 1, read_elcr, write_elcr },
	{ PC_PORT_PIT, PC_PORT_PIT + PC_PORT_PIT_BYTES - 1, read_pit, write_pit },
	{ PC_PORT_SPEAKER, PC_PORT_SPEAKER, read_speaker, write_speaker },
	{ PC_PORT_RESET, PC_PORT_RESET, read_zero, write_keyboard },
	{ 0x70, 0x71, read_zero, write_nothing }, /* the RTC */
	{ PC_PORT_SLEEP_CONTROL, PC_PORT_SLEEP_CONTROL, read_zero, write_sleep },
	{ PC_PORT_SLEEP_STATUS, PC_PORT_SLEEP_STATUS, read_zero, write_nothing },
};

#define PORTS (sizeof(ports) / sizeof(ports[0]))

static void io_one(struct machine *m, uint8_t *data)
{
	const struct kvm_run *run = m->vcpu.run;
	bool in = run->io.direction == KVM_EXIT_IO_IN;
	uint32_t value = in ? UINT32_MAX : 0;
	unsigned i = 0;

	while (i < PORTS && (run->io.port < ports[i].first || run->io.port > ports[i].last))
		i++;
	if (!in)
		memcpy(&value, data, run->io.size);
	if (i < PORTS && in)
		value = ports[i].read(m, run->io.port);
	else if (i < PORTS)
		ports[i].write(m, run->io.port, value);
	if (in)
		memcpy(data, &value, run->io.size);
}

void pc_io(struct machine *m)
{
	struct kvm_run *run = m->vcpu.run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	for (uint32_t i = 0; i < run->io.count && m->outcome == OUTCOME_NONE; i++, data += run->io.size)
		io_one(m, data);
}

/* ---- memory ---- */

#define PC_VIRTIO_END (PC_VIRTIO + PC_VIRTIO_MAX * PC_VIRTIO_BYTES)

static bool within(uint64_t at, unsigned bytes, uint64_t base, uint64_t end)
{
	return at >= base && at <= end - bytes;
}

/* Under the lock. */
static uint64_t read_memory(struct machine *m, uint64_t at, unsigned bytes)
{
	if (within(at, bytes, PC_VIRTIO, PC_VIRTIO_END))
		return devices_mmio_read(&m->devices, (unsigned)((at - PC_VIRTIO) / PC_VIRTIO_BYTES), at % PC_VIRTIO_BYTES, bytes);
	if (within(at, bytes, IOAPIC_BASE, IOAPIC_BASE + IOAPIC_BYTES))
		return ioapic_read(&m->pc->ioapic, at - IOAPIC_BASE, bytes);
	return UINT64_MAX;
}

static void write_memory(struct machine *m, uint64_t at, unsigned bytes, uint64_t value)
{
	if (within(at, bytes, PC_VIRTIO, PC_VIRTIO_END))
		devices_mmio_write(&m->devices, (unsigned)((at - PC_VIRTIO) / PC_VIRTIO_BYTES), at % PC_VIRTIO_BYTES, bytes, value);
	else if (within(at, bytes, IOAPIC_BASE, IOAPIC_BASE + IOAPIC_BYTES))
		ioapic_write(&m->pc->ioapic, at - IOAPIC_BASE, bytes, (uint32_t)value);
}

void pc_mmio(struct machine *m)
{
	struct kvm_run *run = m->vcpu.run;
	uint64_t value = 0;

	pthread_mutex_lock(&m->pc->lock);
	if (run->mmio.is_write) {
		memcpy(&value, run->mmio.data, run->mmio.len);
		write_memory(m, run->mmio.phys_addr, run->mmio.len, value);
	} else {
		value = read_memory(m, run->mmio.phys_addr, run->mmio.len);
		memcpy(run->mmio.data, &value, run->mmio.len);
	}
	pthread_mutex_unlock(&m->pc->lock);
}
