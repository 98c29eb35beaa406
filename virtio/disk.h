/* SPDX-License-Identifier: Apache-2.0 */
/* The host's side of a disk: a raw file or a block device. Its format is never guessed: what is in it is the guest's. */
#ifndef KVICK_VIRTIO_DISK_H
#define KVICK_VIRTIO_DISK_H

#include <stdbool.h>
#include <stdint.h>

struct device_config;
struct error;
struct iovec;
struct sys;

#define DISK_BOUNCE_BYTES 32768u /* of a request that direct I/O cannot take as it is, at a time */
#define DISK_SECTOR_BYTES 512u /* virtio 1.2, 5.2.6: the unit of all addresses */

struct disk {
	int fd;
	int buffered_fd;          /* direct, on a medium whose unit is larger than a sector: for smaller requests; else -1 */
	uint64_t bytes;           /* a multiple of sectors */
	uint32_t logical_bytes;   /* the medium's unit, told to the driver: any sector may be asked for all the same */
	uint32_t physical_bytes;  /* unit that the medium likes */
	bool read_only, direct;
	bool discards;            /* FALLOC_FL_PUNCH_HOLE works, and gives room back; of whole units */
	bool zeroes;              /* it works, perhaps FALLOC_FL_ZERO_RANGE too */
	/* Powers of two, what direct I/O wants of addresses, of the lengths of their pieces, and of offset and whole length. */
	uint32_t direct_memory, direct_piece, direct_offset;
};

/*
 * Opens and locks: a disk that anybody else has open for writing, or that is to be written while anybody has it open, is refused
 * (F_OFD_SETLK; flock() where that is not known), and so is a block device that is to be written and is mounted or held otherwise
 * (O_EXCL). The disk owns its descriptor until disk_close(). 0, or -errno with `error` naming path and next step.
 */
int disk_open(struct disk *disk, const struct device_config *config, struct sys *sys, struct error *error);

/* How a transfer can be made. */
enum disk_way {
	DISK_AS_IT_IS, /* by `fd` */
	DISK_BOUNCED,  /* by `fd`, from or to memory that is aligned */
	DISK_BUFFERED, /* by `buffered_fd` */
};

/*
 * Direct I/O wants everything aligned, and a driver may ask for any sector, from and to any memory. `fd` and `buffered_fd`
 * together are coherent as long as no page is written both ways at one time: where there are both, direct transfers are of
 * whole pages, and so two requests that do not overlap never share one.
 */
enum disk_way disk_way(const struct disk *disk, uint64_t offset, const struct iovec *iov, unsigned count);

void disk_close(struct disk *disk, struct sys *sys);

#endif
