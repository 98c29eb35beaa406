/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kvm-unit-tests look for besides an exit: QEMU's pc-testdev. Ports that keep what is written to them (0xe0 to 0xe3 as one
 * word, 0xe8 to 0xeb a byte each, 0xe4 that asks for what need not be done here), interrupt lines by the port (0x2000 and up:
 * ports.c), and memory at 0xff000000 that is none.
 *
 * Of the vCPU's thread. Values from the guest: anything is survived.
 */
#ifndef KVICK_VMM_PC_TESTDEV_H
#define KVICK_VMM_PC_TESTDEV_H

#include <stdint.h>

#define TESTDEV_PORTS        12u /* from PC_PORT_TESTDEV on */
#define TESTDEV_MEMORY_BYTES 0x10000u

struct testdev {
	uint8_t ports[TESTDEV_PORTS];
	uint8_t memory[TESTDEV_MEMORY_BYTES];
};

/* offset: below TESTDEV_PORTS (asserted); what reaches beyond is ones, or lost. */
uint32_t testdev_read_port(const struct testdev *testdev, unsigned offset, unsigned bytes);
void testdev_write_port(struct testdev *testdev, unsigned offset, unsigned bytes, uint32_t value);

/* offset + bytes: within the memory (asserted). bytes: up to 8. */
uint64_t testdev_read(const struct testdev *testdev, uint64_t offset, unsigned bytes);
void testdev_write(struct testdev *testdev, uint64_t offset, unsigned bytes, uint64_t value);

#endif
