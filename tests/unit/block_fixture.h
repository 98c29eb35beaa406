/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the block device's tests share: a disk that is a memfd, a model of a driver for each queue, and requests in slots. To be
 * linked with --wrap=engine_start and --wrap=disk_open.
 */
#ifndef KVICK_TESTS_BLOCK_FIXTURE_H
#define KVICK_TESTS_BLOCK_FIXTURE_H

#include "tests/unit/test_unit.h"

#include <linux/virtio_blk.h>

#include "tests/unit/virtq_driver.h"
#include "virtio/devices.h"
#include "virtio/transport.h"
#include "vmm/engine.h"
#include "vmm/error.h"
#include "vmm/stop.h"
#include "vmm/sys.h"

#define RAM       (4ull << 20)
#define LIST_AT   0x3f0000ull
#define SECOND_AT 0x200000ull /* the second queue's driver thinks that RAM begins here */
#define SLOT_AT(n) (DRIVER_DATA_AT + (n) * 0x1000ull)
#define SECTORS   64u
#define SECTOR    512u
#define UNTOUCHED 0xee

struct fixture;

extern uint64_t rings;        /* VIRTIO_F_RING_PACKED, or none */
extern enum engine_kind kind; /* that is being tested */
extern unsigned started[ENGINE_TIMEOUT + 1]; /* operations, by their code, since the device was opened */
extern void (*starting)(struct fixture *f, const struct engine_op *op); /* called before one is; NULL */

struct fixture {
	struct driver driver, second;
	struct sys sys;
	struct error error;
	struct stop stop;
	struct device_config config;
	struct devices devices;
	struct virtio_device *device;
	uint64_t features; /* of a disk's, to be negotiated */
	uint32_t logical_bytes; /* as of a block device; 0: of a file */
	int memfd;
	char path[64];
	uint8_t disk[SECTORS * SECTOR]; /* what it must hold */
};

int set_up(void **state);
int tear_down(void **state);
void open_disk(struct fixture *f);
/* After a reset, too. */
void start_driver(struct fixture *f);
uint8_t *slot(struct fixture *f, unsigned n);
/* Until nothing is in flight. */
void run_engine(struct fixture *f);
/* A request in a slot of its own: header, data of the driver's making at +0x200, status at +0x100. */
int add(struct fixture *f, struct driver *driver, unsigned n, uint32_t type, uint64_t sector, uint32_t bytes, bool indirect);
/* The only one that was added has ended: its status; *written as the ring says it. */
uint8_t take(struct fixture *f, int added, uint32_t *written);
/* One, from its beginning to its end. */
uint8_t make(struct fixture *f, uint32_t type, uint64_t sector, uint32_t bytes, uint32_t *written);
/* The same, of a range. */
uint8_t make_range(struct fixture *f, uint32_t type, struct virtio_blk_discard_write_zeroes range);
void assert_disk(struct fixture *f);
/* The n-th operation from now on, counted from 1, fails: by plain system calls untried, by io_uring as its completion says. */
void fail_operation(struct fixture *f, unsigned n, int errnum);

/* For each kind of engine that there is, and each kind of ring. */
#define RUN_FOR_EACH_KIND_AND_RING(name, tests) \
	({ \
		static const uint64_t rings_[] = { 0, 1ull << VIRTIO_F_RING_PACKED }; \
		static const enum engine_kind kinds_[] = { ENGINE_SYNC, ENGINE_IO_URING }; \
		int failed_ = 0; \
		for (unsigned i_ = 0; i_ < 4; i_++) { \
			rings = rings_[i_ & 1]; \
			kind = kinds_[i_ >> 1]; \
			if (kind == ENGINE_IO_URING && !io_uring_is_here()) \
				continue; \
			printf("# %s, %s ring\n", kind == ENGINE_SYNC ? "plain system calls" : "io_uring", \
			       rings ? "packed" : "split"); \
			failed_ += cmocka_run_group_tests_name(name, tests, NULL, NULL); \
		} \
		failed_; \
	})

/* Says why not. */
bool io_uring_is_here(void);

#endif
