/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keyboard controller, Intel 8042 as in the PC/AT, with nothing plugged in: it answers its own commands, and whoever speaks to
 * a keyboard or a mouse is told that it did not answer. No interrupts. Its output port has the reset line.
 *
 * Of the vCPU's thread. Values from the guest: anything is survived.
 */
#ifndef KVICK_VMM_PC_I8042_H
#define KVICK_VMM_PC_I8042_H

#include <stdbool.h>
#include <stdint.h>

struct i8042 {
	uint8_t command_byte;
	uint8_t output;      /* what port 0x60 gives … */
	uint8_t status;      /* … where this says so */
	uint8_t awaits;      /* the command whose byte comes next by port 0x60, or 0 */
};

void i8042_init(struct i8042 *i8042);

/* Port 0x60. */
uint8_t i8042_read_data(struct i8042 *i8042);
/* True: it pulls the reset line. */
bool i8042_write_data(struct i8042 *i8042, uint8_t value);

/* Port 0x64. */
uint8_t i8042_read_status(const struct i8042 *i8042);
bool i8042_write_command(struct i8042 *i8042, uint8_t value);

#endif
