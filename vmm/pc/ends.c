/* SPDX-License-Identifier: Apache-2.0 */
/* The ports by which a PC's guest ends: power-off, reset, exit with a code, panic. ports.c knows which is whose. */
#include <misc/pvpanic.h>

#include "vmm/crash.h"
#include "vmm/machine.h"
#include "vmm/pc/acpi.h"
#include "vmm/pc/layout.h"
#include "vmm/pc/pc.h"
#include "vmm/pc/pc_private.h"

/* ACPI 6.4, 4.8.3.2.1, PM1 control: SLP_EN, and SLP_TYP, which QEMU's \_S5 has as 0. */
#define PM1_SLP_EN        0x2000u
#define PM1_SLP_TYP       0x1c00u
#define PM1_SCI_EN        0x0001u

#define FAST_RESET        0x01u /* of port 0x92 (Intel ICH, 13.7.3) … */
#define FAST_A20          0x02u
#define RESET_CPU         0x04u /* … and of 0xcf9 (13.7.5) */
#define RESET_KEPT        0x0au

static void reset(struct machine *m)
{
	m->outcome = OUTCOME_RESET;
}

static void end(struct machine *m, unsigned status)
{
	m->outcome = OUTCOME_EXITED;
	m->status = (int)status;
}

/* ACPI 6.4, 4.8.3.7. There is one kind of sleep, S5, from which nothing wakes. */
void ends_write_sleep(struct machine *m, uint16_t port, uint32_t value)
{
	(void)port;
	if (value & ACPI_SLP_EN)
		end(m, 0);
}

/* As guests power off that look for no ACPI: they know QEMU's machines. */
void ends_write_pm1(struct machine *m, uint16_t port, uint32_t value)
{
	(void)port;
	if ((value & PM1_SLP_EN) && !(value & PM1_SLP_TYP))
		end(m, 0);
}

uint32_t ends_read_pm1(struct machine *m, uint16_t port)
{
	(void)m, (void)port;
	return PM1_SCI_EN;
}

uint32_t ends_read_keyboard(struct machine *m, uint16_t port)
{
	return port == PC_PORT_RESET ? i8042_read_status(&m->pc->i8042) : i8042_read_data(&m->pc->i8042);
}

void ends_write_keyboard(struct machine *m, uint16_t port, uint32_t value)
{
	struct i8042 *i8042 = &m->pc->i8042;

	if (port == PC_PORT_RESET ? i8042_write_command(i8042, (uint8_t)value) : i8042_write_data(i8042, (uint8_t)value))
		reset(m);
}

uint32_t ends_read_port_a(struct machine *m, uint16_t port)
{
	(void)m, (void)port;
	return FAST_A20;
}

void ends_write_port_a(struct machine *m, uint16_t port, uint32_t value)
{
	(void)port;
	if (value & FAST_RESET)
		reset(m);
}

uint32_t ends_read_reset_control(struct machine *m, uint16_t port)
{
	(void)port;
	return m->pc->reset_control;
}

void ends_write_reset_control(struct machine *m, uint16_t port, uint32_t value)
{
	(void)port;
	m->pc->reset_control = value & RESET_KEPT;
	if (value & RESET_CPU)
		reset(m);
}

uint32_t ends_read_pvpanic(struct machine *m, uint16_t port)
{
	(void)m, (void)port;
	return PVPANIC_PANICKED | PVPANIC_CRASH_LOADED;
}

/* Crash-loaded: another kernel takes over, which will end in its own way. */
void ends_write_pvpanic(struct machine *m, uint16_t port, uint32_t value)
{
	(void)port;
	if (value & PVPANIC_PANICKED)
		crash_machine(m, "the guest says that it panicked (pvpanic)");
}

bool pc_triple_fault(struct machine *m)
{
	bool exits = m->pc->config.triple_fault == PC_TRIPLE_FAULT_EXITS;

	if (exits)
		end(m, 0);
	return exits;
}

/* An exit code has 8 bits: what does not fit is the largest, and never a success by chance. */
static uint64_t exit_status(const struct pc_exit *exit, uint32_t value)
{
	return exit->plain ? value : (uint64_t)value << 1 | 1;
}

void ends_write_exit(struct machine *m, uint16_t port, uint32_t value)
{
	const struct pc_config *config = &m->pc->config;

	for (unsigned i = 0; i < config->exit_count; i++)
		if (config->exits[i].port == port) {
			uint64_t status = exit_status(&config->exits[i], value);

			end(m, status < UINT8_MAX ? (unsigned)status : UINT8_MAX);
		}
}
