/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/pc/i8042.h"

/* IBM PC/AT Technical Reference, "Keyboard Controller". */
#define STATUS_OUTPUT_FULL  0x01
#define STATUS_SYSTEM       0x04 /* the self-test was passed */
#define STATUS_UNLOCKED     0x10
#define STATUS_OF_AUXILIARY 0x20
#define STATUS_TIMEOUT      0x40

#define READ_COMMAND_BYTE   0x20
#define WRITE_COMMAND_BYTE  0x60
#define TEST_AUXILIARY      0xa9
#define SELF_TEST           0xaa
#define TEST_KEYBOARD       0xab
#define READ_INPUT_PORT     0xc0
#define READ_OUTPUT_PORT    0xd0
#define WRITE_OUTPUT_PORT   0xd1
#define WRITE_KEYBOARD_DATA 0xd2
#define WRITE_MOUSE_DATA    0xd3
#define WRITE_AUXILIARY     0xd4
#define PULSE               0xf0 /* the lower four bits: which of the output port's, active low */

#define PORT_RESET          0x01 /* active low */
#define PORT_A20            0x02
#define COMMAND_BYTE_RESET  0x34 /* both devices off, the self-test passed */
#define SELF_TEST_PASSED    0x55
#define NO_ANSWER           0xfe

void i8042_init(struct i8042 *i)
{
	*i = (struct i8042){ .command_byte = COMMAND_BYTE_RESET, .status = STATUS_SYSTEM | STATUS_UNLOCKED };
}

static void answer(struct i8042 *i, uint8_t value, uint8_t further)
{
	i->output = value;
	i->status = STATUS_SYSTEM | STATUS_UNLOCKED | STATUS_OUTPUT_FULL | further;
}

uint8_t i8042_read_data(struct i8042 *i)
{
	i->status = STATUS_SYSTEM | STATUS_UNLOCKED;
	return i->output;
}

uint8_t i8042_read_status(const struct i8042 *i)
{
	return i->status;
}

bool i8042_write_data(struct i8042 *i, uint8_t value)
{
	uint8_t command = i->awaits;

	i->awaits = 0;
	switch (command) {
	case WRITE_COMMAND_BYTE:
		i->command_byte = value;
		break;
	case WRITE_OUTPUT_PORT:
		return !(value & PORT_RESET);
	case WRITE_KEYBOARD_DATA: /* as if it had come from there */
		answer(i, value, 0);
		break;
	case WRITE_MOUSE_DATA:
		answer(i, value, STATUS_OF_AUXILIARY);
		break;
	case WRITE_AUXILIARY:
		answer(i, NO_ANSWER, STATUS_OF_AUXILIARY | STATUS_TIMEOUT);
		break;
	default: /* to the keyboard */
		answer(i, NO_ANSWER, STATUS_TIMEOUT);
	}
	return false;
}

bool i8042_write_command(struct i8042 *i, uint8_t value)
{
	i->awaits = 0;
	switch (value) {
	case READ_COMMAND_BYTE:
		answer(i, i->command_byte, 0);
		break;
	case SELF_TEST:
		answer(i, SELF_TEST_PASSED, 0);
		break;
	case TEST_KEYBOARD:
	case TEST_AUXILIARY: /* the lines are in order */
	case READ_INPUT_PORT:
		answer(i, 0, 0);
		break;
	case READ_OUTPUT_PORT:
		answer(i, PORT_RESET | PORT_A20, 0);
		break;
	case WRITE_COMMAND_BYTE:
	case WRITE_OUTPUT_PORT:
	case WRITE_KEYBOARD_DATA:
	case WRITE_MOUSE_DATA:
	case WRITE_AUXILIARY:
		i->awaits = value;
		break;
	default:
		return value >= PULSE && !(value & PORT_RESET);
	}
	return false;
}
