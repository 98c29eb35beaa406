/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket device with a driver that the test plays, packet by packet, and programs on the host that the test plays too. Nothing
 * blocks: turns() lets the device do all that it can.
 */
#ifndef KVICK_TESTS_VSOCK_FIXTURE_H
#define KVICK_TESTS_VSOCK_FIXTURE_H

#include "tests/unit/test_unit.h"

#include <linux/virtio_vsock.h>

#include "tests/unit/virtq_driver.h"
#include "virtio/devices.h"
#include "vmm/engine.h"
#include "vmm/error.h"
#include "vmm/sys.h"

#define VSOCK_CID     3u
#define VSOCK_HOST    2u
#define VSOCK_PORT    1024u /* the guest's, where a test needs only one */
#define VSOCK_LISTEN  5000u /* the host's: PATH_5000 */
#define VSOCK_HEADER  ((uint32_t)sizeof(struct virtio_vsock_hdr))
#define VSOCK_BUFFER  4096u /* each of the driver's for packets to the guest */
#define VSOCK_CREDIT  524288u /* the device's, for each of the first VSOCK_FEW connections */
#define VSOCK_FEW     64u
#define VSOCK_CREDIT_OF_MANY 32768u /* for all others */
#define VSOCK_MOST    4096u  /* connections */
#define VSOCK_SILENT  256u   /* of programs that have not said yet to which port */

#define OP(name) VIRTIO_VSOCK_OP_##name

enum { VSOCK_RX, VSOCK_TX, VSOCK_EVENT, VSOCK_QUEUES };

extern enum engine_kind vsock_engine; /* that is being tested */
extern uint64_t vsock_ring;           /* 1 << VIRTIO_F_RING_PACKED, or 0 */

/* Each kind of engine with another kind of ring. */
#define VSOCK_RUN(name, tests) \
	({ \
		int failed_; \
		vsock_engine = ENGINE_SYNC; \
		failed_ = cmocka_run_group_tests_name(name ", plain system calls, split ring", tests, NULL, NULL); \
		vsock_engine = ENGINE_IO_URING; \
		vsock_ring = 1ull << VIRTIO_F_RING_PACKED; \
		if (io_uring_is_here()) \
			failed_ += cmocka_run_group_tests_name(name ", io_uring, packed ring", tests, NULL, NULL); \
		failed_; \
	})

struct packet {
	struct virtio_vsock_hdr header;
	uint8_t data[VSOCK_BUFFER];
};

struct vsock_world {
	struct driver driver[VSOCK_QUEUES];
	unsigned slot[128];      /* of RX and TX: where a chain's buffer lies, by its id */
	unsigned next_slot;
	uint32_t rx_bytes;       /* size of a buffer that is given back */
	struct sys sys;
	struct error error;
	struct engine *engine;
	struct virtio_device *device;
	struct virtio_line line;
	unsigned raised;
	int listener;            /* at PATH_5000 */
	int ends[3];             /* of programs that outlive the device: they must have been closed on; or -1 */
	unsigned fds_before;
	char path[64];
	/* What the guest says of itself in every packet that guest_sends(). */
	uint32_t buf_alloc, fwd_cnt;
};

/* Says why not. */
bool io_uring_is_here(void);
unsigned open_fds(void);

int vsock_set_up(void **state);
/* Ends the device as a machine does, and holds that no descriptor is left. */
int vsock_tear_down(void **state);

/* A driver with fresh rings and `buffers` for packets to the guest, each of `bytes`. */
void vsock_begin(struct vsock_world *w, unsigned buffers, uint32_t bytes);
void turns(struct vsock_world *w);
void give_buffers(struct vsock_world *w, unsigned count, uint32_t bytes);

/* The header of a packet from the guest's port 1024 to the host's 5000; tests change what they want. */
struct virtio_vsock_hdr header_of(const struct vsock_world *w, uint16_t op, uint32_t bytes);
/* A packet in a buffer of so many bytes behind the header, whatever the header says. The device does all that it can. */
void guest_sends_raw(struct vsock_world *w, const struct virtio_vsock_hdr *h, const void *data, uint32_t bytes);
void guest_sends(struct vsock_world *w, uint16_t op, const void *data, uint32_t bytes);
void guest_sends_from(struct vsock_world *w, uint32_t port, uint32_t to, uint16_t op, uint32_t flags);
void guest_shuts(struct vsock_world *w, uint32_t flags);

/* The next packet to the guest, checked for what all of them have in common; its buffer is given back. False: there is none. */
bool take_packet(struct vsock_world *w, struct packet *p);
/* It must be this one. */
void expect(struct vsock_world *w, uint16_t op, struct packet *p);
void expect_none(struct vsock_world *w);

/* The host's side: a program that listens at PATH_5000; one that connects to PATH, without a word. Non-blocking. */
void host_listens(struct vsock_world *w);
int host_accepts(struct vsock_world *w);
int host_connects(struct vsock_world *w);
void host_says(int fd, const char *text);
/* What can be read there now must be this; NULL: the end; "": nothing yet. */
void host_reads(int fd, const char *text);

/* A connection of the guest's to a program, open on both sides; that program's end. */
int open_from_guest(struct vsock_world *w);
/* And the other way: to the guest's port 1024. *host_port: the port that the device chose. */
int open_from_host(struct vsock_world *w, uint32_t *host_port);

#endif
