/* SPDX-License-Identifier: Apache-2.0 */
/* The compressed kernel in a bzImage: Documentation/arch/x86/boot.rst, payload_offset and payload_length. */
#ifndef KVICK_LOADER_PAYLOAD_H
#define KVICK_LOADER_PAYLOAD_H

#include <stdint.h>

struct error;
struct guest_mem;
struct image;
struct sys;

#define PAYLOAD_BYTES_MAX (512u << 20) /* unpacked: it lies in the host's memory */

/*
 * Unpacks [offset, offset + bytes) of the image's file, which has them, into memory: image->unpacked, image->file_bytes;
 * image->packed_bytes is what that was. most: what it may unpack to. 1; 0 where kvick does not know the compression, and nothing
 * has changed; or -errno with `error` set.
 */
int payload_unpack(struct image *image, uint64_t offset, uint64_t bytes, uint64_t most, struct sys *sys, struct error *error);

/* image_load() of what was unpacked: its pages become RAM's where they can. 0 or -errno with `error` set. */
int payload_load(struct image *image, struct guest_mem *mem, struct sys *sys, struct error *error);

/* Where there is image->unpacked: it is no more. */
void payload_free(struct image *image, struct sys *sys);

#endif
