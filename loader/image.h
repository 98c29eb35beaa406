/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image as the loader understands it: what to put where in guest RAM, and where to start.
 *
 * image_open() finds the boot protocol by asking each row of protocols[] in turn, and validates
 * everything once from one copy of the headers. After it has returned 0 nothing in `struct image`
 * needs checking again, except against the amount of RAM (image_load does that).
 */
#ifndef KVICK_LOADER_IMAGE_H
#define KVICK_LOADER_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kvick/note.h>

#include "vmm/guest_mem.h"

struct sys;
struct error;

#define IMAGE_SEGMENTS_MAX 16

enum segment_perms { SEGMENT_R = 4, SEGMENT_W = 2, SEGMENT_X = 1 }; /* as PF_R, PF_W, PF_X */

struct segment {
	uint64_t gpa;         /* of its first byte, load bias included */
	uint64_t mem_bytes;   /* >= file_bytes; the rest reads as zero; never 0 */
	uint64_t file_offset;
	uint64_t file_bytes;
	unsigned perms;       /* SEGMENT_*; segments of different permissions share no page; native: never W and X together */
};

/* What kind of guest it is: which boot.h's functions make a machine for it. */
enum image_kind { IMAGE_NATIVE, IMAGE_LINUX, IMAGE_SOLO5, IMAGE_PVH, IMAGE_MULTIBOOT };

struct image {
	int fd;
	bool borrowed;        /* fd stays the caller's */
	const char *path;     /* the caller's string */
	uint64_t file_bytes;
	const uint8_t *head;  /* while it is being opened: the file's first head_bytes, which need not be read again */
	size_t head_bytes;
	/* What was unpacked of it (payload.h) and is the image, until it is loaded; file_bytes are its, packed_bytes the file's. */
	uint8_t *unpacked;
	uint64_t packed_bytes; /* 0: nothing was */
	const struct protocol *protocol;
	const char *why;      /* it is that one: "has a kvick note" */
	uint64_t entry;       /* guest-virtual, load bias included; in an executable segment */
	uint64_t base;        /* lowest gpa, rounded down to a page */
	uint64_t end;         /* first gpa after the image, rounded up to a page */
	bool pie;             /* ET_DYN: loaded at LAYOUT_IMAGE_BASE, or the next multiple of its largest alignment */
	bool readonly_always; /* what is not writable is so at the second level too, however small: the guest's tables allow all */
	struct kvick_note note;
	unsigned segment_count;
	struct segment segments[IMAGE_SEGMENTS_MAX]; /* ascending, not overlapping */
	/* Of those that are entered as kernels are: IMAGE_LINUX, IMAGE_PVH. */
	struct {
		uint32_t command_line_max; /* without the NUL */
		uint32_t initrd_last;      /* the highest address that a byte of an initrd may have */
		uint64_t work_bytes;       /* of RAM behind it, for it to begin with */
		bool bzimage;              /* the file begins with Linux's boot header */
		uint16_t version;          /* of the boot protocol, by that header: 0x020f is 2.15 */
	} kernel;
	/* IMAGE_SOLO5: where its manifest lies in the file (loader/solo5.h). */
	struct {
		uint64_t manifest_offset;
		uint32_t manifest_bytes;
	} solo5;
	/* IMAGE_MULTIBOOT. */
	struct {
		uint32_t header_at; /* in the file */
		uint32_t flags;     /* the header's: MULTIBOOT_* (multiboot.h) */
	} multiboot;
};

/*
 * Headers are read once, into a buffer; what a protocol needs must lie in the first IMAGE_HEAD_BYTES of a file. Nearly always it
 * lies in the first IMAGE_HEAD_BYTES_FIRST, which are tried first: a page of stack less for a launch to touch.
 */
#define IMAGE_HEAD_BYTES 4096
#define IMAGE_HEAD_BYTES_FIRST 1024

/* A boot protocol: one file in loader/, one row in protocols[]. */
struct protocol {
	const char *name, *about; /* as `kvick inspect` says it */
	enum image_kind kind;
	/*
	 * Does the image speak it? Why, in words that follow its name, or NULL: no, or it is not clear from so few bytes. head has
	 * the file's first head_bytes bytes; path, fd and file_bytes of `image` are set.
	 */
	const char *(*probe)(const struct image *image, const uint8_t *head, size_t head_bytes, struct sys *sys);
	/* Fills `image` in; path, fd and file_bytes are set. 0, IMAGE_NEEDS_MORE, or -errno with `error` set. */
	int (*parse)(struct image *image, const uint8_t *head, size_t head_bytes, struct sys *sys, struct error *error);
};

/* The answer of parse() to a head of fewer than IMAGE_HEAD_BYTES that does not hold what the file's headers point at. */
#define IMAGE_NEEDS_MORE 1

/* Is `head_bytes` all that a probe will ever see of that file's head? */
static inline bool image_head_is_whole(const struct image *image, size_t head_bytes)
{
	return head_bytes >= IMAGE_HEAD_BYTES || head_bytes >= image->file_bytes;
}

extern const struct protocol protocol_native; /* loader/native.c */
extern const struct protocol protocol_pvh;    /* loader/pvh.c */
extern const struct protocol protocol_linux;  /* loader/linux.c */
extern const struct protocol protocol_solo5;  /* loader/solo5.c */
extern const struct protocol protocol_multiboot; /* loader/multiboot.c */

/* By name, for --protocol; NULL: no such. And all names, for messages: "native, linux". */
const struct protocol *image_protocol(const char *name);
const char *image_protocol_names(char *into, size_t bytes);

/*
 * Opens and validates; `protocol` says which it is to be taken for, NULL: to be found by looking at it. The image owns its
 * descriptor until image_close(); path must outlive it. On failure everything is closed and `error` says file, field, value and
 * next step.
 */
int image_open(struct image *image, const char *path, const struct protocol *protocol, struct sys *sys, struct error *error);
/* The same of a file that is open for reading, which stays the caller's and open until image_close(); `path` is for messages. */
int image_open_fd(struct image *image, int fd, const char *path, const struct protocol *protocol, struct sys *sys,
		  struct error *error);
void image_close(struct image *image, struct sys *sys);

/* Bytes of the file, or of what was unpacked of it, for protocols. 0, or -errno with `error` set. */
int image_read(const struct image *image, uint64_t offset, void *into, size_t bytes, struct sys *sys, struct error *error);

/* The same of the file alone, whatever was unpacked of it. */
int image_read_file(const struct image *image, uint64_t offset, void *into, size_t bytes, struct sys *sys, struct error *error);

/* Least guest RAM in bytes for the image alone: its end, or its note's wish if that is more. */
uint64_t image_mem_bytes_min(const struct image *image);

/*
 * The runs of pages, ascending and apart, that hold no writable segment and of which image_load() maps at least a part
 * from the file. Returns how many: 0 for an image that is small enough to be copied, unless it is readonly_always.
 */
unsigned image_readonly(const struct image *image, struct memory_run runs[static IMAGE_SEGMENTS_MAX]);

/*
 * Puts the segments into RAM: mapped where file offset and address are page-aligned and worth it,
 * copied otherwise. RAM must hold the image (checked by the plan, asserted here). What was unpacked moves there, and is no more.
 */
int image_load(struct image *image, struct guest_mem *mem, struct sys *sys, struct error *error);

/*
 * Finds the function or object that holds `address` (guest-virtual) in the image's symbol table,
 * reading the file a little at a time. Returns false where there is none. name is NUL-terminated,
 * cut to name_bytes; *offset is the distance from the symbol's start.
 * Hostile tables cost a bounded number of reads. Uses no heap: it runs inside the sandbox.
 */
bool image_symbol(const struct image *image, uint64_t address, char *name, size_t name_bytes, uint64_t *offset,
		  struct sys *sys);

/* Where functions begin, by the symbol table: offsets in a segment, in the table's order. Returns how many; at most `max`. */
unsigned image_functions(const struct image *image, const struct segment *segment, uint32_t *offsets, unsigned max,
			 struct sys *sys);

#endif
