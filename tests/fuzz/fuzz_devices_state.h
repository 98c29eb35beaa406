/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an input of fuzz_devices_state is: a byte of HOW_*, a byte that says which devices there are (a bit each, in this order),
 * and the state. Their drivers have made rings, with some buffers in each, in parts of RAM: device N's queue Q in part
 * N * PART_QUEUES + Q, where virtq_driver.h says.
 */
#ifndef KVICK_TESTS_FUZZ_DEVICES_STATE_H
#define KVICK_TESTS_FUZZ_DEVICES_STATE_H

enum { HOW_PACKED = 1, HOW_EVENT = 2, HOW_IN_ORDER = 4, HOW_LEGACY = 8, HOW_LIMITED = 16 };

enum { THE_DISK, THE_NETWORK, THE_CONSOLE, THE_ENTROPY, THE_SOCKETS, THE_DEVICES };

#define PART_QUEUES 3u
#define PART_BYTES  0x40000ull
#define RING_SIZE   16u
#define DISK_BYTES  0x8000

#endif
