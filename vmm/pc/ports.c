/* SPDX-License-Identifier: Apache-2.0 */
/* Which port and which address is whose. */
#include <string.h>

#include "vmm/machine.h"
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

static uint32_t read_rtc(struct machine *m, uint16_t port)
{
	struct timespec now = { 0 };

	if (port == PC_PORT_RTC)
		return rtc_selected(&m->pc->rtc);
	sys_clock_gettime(&m->sys, CLOCK_REALTIME, &now);
	return rtc_read(&m->pc->rtc, now.tv_sec);
}

static void write_rtc(struct machine *m, uint16_t port, uint32_t value)
{
	if (port == PC_PORT_RTC)
		rtc_select(&m->pc->rtc, (uint8_t)value);
	else
		rtc_write(&m->pc->rtc, (uint8_t)value);
}

static uint32_t read_zero(struct machine *m, uint16_t port)
{
	(void)m, (void)port;
	return 0;
}

static void write_nothing(struct machine *m, uint16_t port, uint32_t value)
{
	(void)m, (void)port, (void)value;
}

/* ---- testdev.h ---- */

static uint32_t read_testdev(struct machine *m, uint16_t port)
{
	return testdev_read_port(&m->pc->testdev, port - PC_PORT_TESTDEV, m->vcpu.run->io.size);
}

static void write_testdev(struct machine *m, uint16_t port, uint32_t value)
{
	testdev_write_port(&m->pc->testdev, port - PC_PORT_TESTDEV, m->vcpu.run->io.size, value);
}

/* A line is up while what was written is not 0. */
static void write_line(struct machine *m, uint16_t port, uint32_t value)
{
	pthread_mutex_lock(&m->pc->lock);
	interrupts_set_level(m->pc, port - PC_PORT_TEST_LINES, value != 0);
	pthread_mutex_unlock(&m->pc->lock);
}

/* ---- whose is which ---- */

static const struct port {
	uint16_t first, last;
	uint32_t (*read)(struct machine *m, uint16_t port);
	void (*write)(struct machine *m, uint16_t port, uint32_t value);
	unsigned part; /* of pc_config.parts; 0: every PC has it */
} ports[] = {
	{ PC_PORT_COM1, PC_PORT_COM1 + PC_PORT_COM1_BYTES - 1, read_serial, write_serial, 0 },
	{ PC_PORT_PIC_1, PC_PORT_PIC_1 + 1, read_pic, write_pic, 0 },
	{ PC_PORT_PIC_2, PC_PORT_PIC_2 + 1, read_pic, write_pic, 0 },
	{ PC_PORT_ELCR, PC_PORT_ELCR + 1, read_elcr, write_elcr, 0 },
	{ PC_PORT_PIT, PC_PORT_PIT + PC_PORT_PIT_BYTES - 1, read_pit, write_pit, 0 },
	{ PC_PORT_SPEAKER, PC_PORT_SPEAKER, read_speaker, write_speaker, 0 },
	{ PC_PORT_KEYBOARD, PC_PORT_KEYBOARD, ends_read_keyboard, ends_write_keyboard, 0 },
	{ PC_PORT_RESET, PC_PORT_RESET, ends_read_keyboard, ends_write_keyboard, 0 },
	{ PC_PORT_RTC, PC_PORT_RTC + 1, read_rtc, write_rtc, 0 },
	{ PC_PORT_SYSTEM_A, PC_PORT_SYSTEM_A, ends_read_port_a, ends_write_port_a, 0 },
	{ PC_PORT_RESET_CONTROL, PC_PORT_RESET_CONTROL, ends_read_reset_control, ends_write_reset_control, 0 },
	{ PC_PORT_SLEEP_CONTROL, PC_PORT_SLEEP_CONTROL, read_zero, ends_write_sleep, 0 },
	{ PC_PORT_SLEEP_STATUS, PC_PORT_SLEEP_STATUS, read_zero, write_nothing, 0 },
	{ PC_PORT_PM1, PC_PORT_PM1, ends_read_pm1, ends_write_pm1, 0 },
	{ PC_PORT_PM1_OLD, PC_PORT_PM1_OLD, ends_read_pm1, ends_write_pm1, 0 },
	{ PC_PORT_PVPANIC, PC_PORT_PVPANIC, ends_read_pvpanic, ends_write_pvpanic, PC_PVPANIC },
	{ PC_PORT_TESTDEV, PC_PORT_TESTDEV + TESTDEV_PORTS - 1, read_testdev, write_testdev, PC_TESTDEV },
	{ PC_PORT_TEST_LINES, PC_PORT_TEST_LINES + IOAPIC_PINS - 1, read_zero, write_line, PC_TESTDEV },
};

#define PORTS (sizeof(ports) / sizeof(ports[0]))

/* NULL: nobody's. */
static const struct port *find_port(const struct pc *pc, uint16_t number)
{
	for (unsigned i = 0; i < PORTS; i++)
		if (number >= ports[i].first && number <= ports[i].last && (!ports[i].part || (ports[i].part & pc->config.parts)))
			return &ports[i];
	return NULL;
}

bool ports_taken(const struct pc *pc, uint16_t number)
{
	return find_port(pc, number);
}

static void io_one(struct machine *m, uint8_t *data)
{
	const struct kvm_run *run = m->vcpu.run;
	const struct port *port = find_port(m->pc, run->io.port);
	bool in = run->io.direction == KVM_EXIT_IO_IN;
	uint32_t value = in ? UINT32_MAX : 0;

	if (!in)
		memcpy(&value, data, run->io.size);
	if (port && in)
		value = port->read(m, run->io.port);
	else if (port)
		port->write(m, run->io.port, value);
	else if (!in)
		ends_write_exit(m, run->io.port, value);
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
	if ((m->pc->config.parts & PC_TESTDEV) && within(at, bytes, PC_TEST_MEMORY, PC_TEST_MEMORY + TESTDEV_MEMORY_BYTES))
		return testdev_read(&m->pc->testdev, at - PC_TEST_MEMORY, bytes);
	return UINT64_MAX;
}

static void write_memory(struct machine *m, uint64_t at, unsigned bytes, uint64_t value)
{
	if (within(at, bytes, PC_VIRTIO, PC_VIRTIO_END))
		devices_mmio_write(&m->devices, (unsigned)((at - PC_VIRTIO) / PC_VIRTIO_BYTES), at % PC_VIRTIO_BYTES, bytes, value);
	else if (within(at, bytes, IOAPIC_BASE, IOAPIC_BASE + IOAPIC_BYTES))
		ioapic_write(&m->pc->ioapic, at - IOAPIC_BASE, bytes, (uint32_t)value);
	else if ((m->pc->config.parts & PC_TESTDEV) && within(at, bytes, PC_TEST_MEMORY, PC_TEST_MEMORY + TESTDEV_MEMORY_BYTES))
		testdev_write(&m->pc->testdev, at - PC_TEST_MEMORY, bytes, value);
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
