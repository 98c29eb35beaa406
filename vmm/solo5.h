/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Solo5 guest asks for (include/kvick/solo5.h): hypercalls (solo5.c), and the devices behind them (solo5_devices.c).
 *
 * Each call is synchronous for the guest: its operation is started, handed in and waited for. What comes from a network is read
 * ahead, a frame for each device, so that a guest that polls finds it there.
 */
#ifndef KVICK_VMM_SOLO5_H
#define KVICK_VMM_SOLO5_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include <kvick/solo5.h>

#include "virtio/disk.h"
#include "virtio/net_header.h"
#include "virtio/net_port.h"
#include "vmm/engine.h"
#include "vmm/solo5_config.h"

struct error;
struct guest_mem;
struct image;
struct machine;
struct stop;
struct sys;

/* One byte more than the longest frame has: so one that is longer shows. */
#define SOLO5_FRAME_BYTES (NET_HEADER_BYTES + NET_FRAME_BYTES_MAX + 1)

struct solo5_counts {
	uint64_t requests, errors, bytes;
};

struct solo5_device {
	uint32_t type;             /* SOLO5_BLOCK, SOLO5_NET; 0: no such handle */
	const struct solo5_attachment *config;
	struct disk disk;          /* SOLO5_BLOCK */
	uint16_t block_bytes;
	struct net_port port;      /* SOLO5_NET */
	bool gone;                 /* the other side of the port */
	int file;                  /* the engine's number of disk or port */
	struct solo5_counts in, out; /* to the guest, from the guest */
	/* The first thing that went wrong on the host's side. */
	int errnum;
	const char *doing;
	uint64_t host_errors;
	/* The guest's request. */
	struct engine_op op;
	struct iovec iov[2];
	bool busy;
	int32_t result;
	/* SOLO5_NET: what is read ahead. */
	struct engine_op read;
	struct iovec read_iov;
	bool reading;
	bool failed;               /* the last read: the next one waits a while */
	uint64_t again_ns;         /* when that is over */
	uint64_t frame_bytes;      /* with its header, in `frame`; 0: there is none */
	uint8_t *frame;            /* SOLO5_FRAME_BYTES */
};

struct solo5 {
	uint64_t bytes;            /* of its mapping */
	struct engine *engine;
	const struct stop *stop;
	struct sys *sys;
	uint64_t nets;             /* 1 << handle of each network */
	unsigned entries;          /* of the manifest */
	struct solo5_device devices[SOLO5_ENTRIES_MAX]; /* by handle */
	char engine_text[160];     /* for the report, once the engine has ended */
	struct engine_counts engine_counts;
};

/* ---- solo5.c ---- */

/* An exit for port I/O. */
void solo5_io(struct machine *machine);
const char *solo5_call_name(unsigned nr);

/* ---- solo5_devices.c ---- */

/* The option that named it, "block" or "net" or, where only that was said, "block-sector-size" or "net-mac": for messages. */
const char *solo5_option(const struct solo5_attachment *attachment);

/*
 * Is everything attached that the manifest declares, and nothing else? 0, or -errno with `error` naming the option that is
 * missing or too much.
 */
int solo5_check(const struct solo5_manifest *manifest, const struct solo5_config *config, const struct image *image,
		struct error *error);

/* m->solo5, of a manifest that solo5_check() agrees with; its entries get what the guest is told. 0 or -errno with m->error set. */
int solo5_create(struct machine *machine, struct solo5_manifest *manifest);
/* Ends all I/O and closes everything; what the report wants stays until solo5_free(). */
void solo5_stop(struct machine *machine);
/* The same where the process is about to end: only what others wait for. */
void solo5_leave(struct machine *machine);
void solo5_free(struct machine *machine);

/* What devices need when the sandbox has closed (sandbox_policy.h). */
unsigned solo5_sandbox(const struct solo5 *solo5);

/*
 * SOLO5_*; `at` is guest memory that may be read or written as the call wants it. When the guest is to end meanwhile it is
 * SOLO5_EUNSPEC, and I/O may go on until solo5_stop().
 */
int32_t solo5_block_read(struct solo5 *solo5, uint64_t handle, uint64_t offset, void *at, uint64_t bytes);
int32_t solo5_block_write(struct solo5 *solo5, uint64_t handle, uint64_t offset, const void *at, uint64_t bytes);
int32_t solo5_net_write(struct solo5 *solo5, uint64_t handle, const void *at, uint64_t bytes);
/* *bytes: room there; then the frame's. A frame that is too long for it is dropped. */
int32_t solo5_net_read(struct solo5 *solo5, uint64_t handle, void *at, uint64_t *bytes);

/* Sleeps until a network has a frame, timeout_ns are over, or the guest is to end. The set of 1 << handle. */
uint64_t solo5_poll(struct solo5 *solo5, uint64_t timeout_ns);

#endif
