/* SPDX-License-Identifier: Apache-2.0 */
/* What a Solo5 guest declares that it needs: its manifest, judged. The hvt ABI is include/kvick/solo5.h. */
#ifndef KVICK_LOADER_SOLO5_H
#define KVICK_LOADER_SOLO5_H

#include <stddef.h>
#include <stdint.h>

#include <kvick/solo5.h>

struct error;
struct image;
struct sys;

/* Guest RAM: what Solo5's own host gives; its unit; what its page tables reach; the least for heap and stack. */
#define SOLO5_USUAL_BYTES (512ull << 20)
#define SOLO5_UNIT_BYTES  (2ull << 20)
#define SOLO5_MOST_BYTES  (4ull << 30)
#define SOLO5_WORK_BYTES  (2ull << 20)

uint64_t solo5_mem_bytes_least(const struct image *image);

/*
 * Takes a manifest of so many bytes, which may be anything, into `manifest`, where it may lie already. Pure. 0, or -errno with
 * `error` naming the entry, its field and the value. Then there are 1 to SOLO5_ENTRIES_MAX entries; all but the first are a block
 * or net device with a name of its own, of printable characters without spaces and "="; what is the host's to fill in is 0.
 */
int solo5_manifest_parse(struct solo5_manifest *manifest, const uint8_t *from, size_t bytes, const char *path, struct error *error);

/* The same of an image that has been opened, of its file as it is now. */
int solo5_manifest_read(struct solo5_manifest *manifest, const struct image *image, struct sys *sys, struct error *error);

#endif
