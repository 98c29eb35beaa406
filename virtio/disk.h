/* SPDX-License-Identifier: Apache-2.0 */
/* The host's side of a disk: a raw file or a block device. Its format is never guessed: what is in it is the guest's. */
#ifndef KVICK_VIRTIO_DISK_H
#define KVICK_VIRTIO_DISK_H

#include <stdbool.h>
#include <stdint.h>

struct device_config;
struct error;
struct sys;

#define DISK_SECTOR_BYTES 512u /* virtio 1.2, 5.2.6: the unit of all addresses */

struct disk {
	int fd;
	uint64_t bytes;           /* a multiple of sectors */
	uint32_t logical_bytes;   /* least unit of a request */
	uint32_t physical_bytes;  /* unit that the medium likes */
	bool read_only, direct, block_device;
	bool punches;             /* FALLOC_FL_PUNCH_HOLE works: discard */
};

/*
 * Opens and locks: a disk that anybody else has open for writing, or that is to be written while anybody has it open, is refused
 * (F_OFD_SETLK). The disk owns its descriptor until disk_close(). 0, or -errno with `error` naming path and next step.
 */
int disk_open(struct disk *disk, const struct device_config *config, struct sys *sys, struct error *error);
void disk_close(struct disk *disk, struct sys *sys);

#endif
