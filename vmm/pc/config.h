/* SPDX-License-Identifier: Apache-2.0 */
/* What a PC has besides what every PC has: by its guest's boot protocol (boot.h), by the operator's wish (--machine). */
#ifndef KVICK_VMM_PC_CONFIG_H
#define KVICK_VMM_PC_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#define PC_EXITS_MAX 8u /* 4 of the protocol's, 4 of the operator's */

/* A port a write to which ends the guest. */
struct pc_exit {
	uint16_t port;
	bool plain; /* the value is the exit code; else it is (value << 1) | 1, as of QEMU's isa-debug-exit */
};

enum {
	PC_PVPANIC = 1u << 0, /* QEMU's, at port 0x505 */
	PC_TESTDEV = 1u << 1, /* testdev.h */
};

enum pc_triple_fault {
	PC_TRIPLE_FAULT_UNSAID, /* a crash, unless the protocol says otherwise */
	PC_TRIPLE_FAULT_EXITS,  /* it is how this guest says good-bye: code 0 */
	PC_TRIPLE_FAULT_CRASHES,
};

struct pc_config {
	unsigned parts; /* PC_* */
	unsigned exit_count;
	struct pc_exit exits[PC_EXITS_MAX];
	enum pc_triple_fault triple_fault;
};

#endif
