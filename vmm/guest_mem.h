/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest RAM: the second of memory's two translations, guest-physical to host.
 *
 * gpa_t is a structure so that a guest-physical address cannot be dereferenced or added to by
 * accident. Only guest_mem.c turns one into a host pointer, always with a length, always checked.
 *
 * RAM is one run from guest-physical 0, private anonymous memory that the host gives page by page
 * when it is first touched; parts of an image's file may be mapped over it. Runs of it may be read-only:
 * KVM takes the host's own protection of a page for the guest's second level, and guest_mem_span() keeps us off them.
 */
#ifndef KVICK_VMM_GUEST_MEM_H
#define KVICK_VMM_GUEST_MEM_H

#include <stdbool.h>
#include <stdint.h>

struct sys;
struct error;

typedef struct { uint64_t u; } gpa_t;

static inline gpa_t gpa(uint64_t address)
{
	return (gpa_t){ address };
}

#define GUEST_PAGE_BYTES 4096ull
#define PAGE_2M_BYTES (2ull << 20)
#define GUEST_MEM_BYTES_MIN (2ull << 20)
#define GUEST_MEM_BYTES_MAX (64ull << 30) /* 36 bits: what KVM assumes of a vCPU without CPUID leaf 0x80000008 */

/* A stretch of guest-physical memory. */
struct memory_run {
	uint64_t at;
	uint64_t bytes;
};

#define GUEST_MEM_READONLY_MAX 16

/* What the host is to make RAM of. */
enum guest_pages {
	GUEST_PAGES_4K,
	GUEST_PAGES_HUGETLBFS,   /* 2 MiB, reserved at once; files cannot be mapped into them */
	GUEST_PAGES_TRANSPARENT, /* 2 MiB where the host has them when they are first touched */
	GUEST_PAGES_ALIGNED,     /* 4 KiB, but where the host gives larger ones by itself, the second level has them too */
};

struct guest_mem {
	uint8_t *host;  /* start of RAM in this process */
	uint64_t bytes; /* a multiple of GUEST_PAGE_BYTES */
	uint64_t behind; /* more of the VMM's own, of the slot but not of RAM: nothing that the guest asks for reaches it */
	bool hugepages; /* GUEST_PAGES_HUGETLBFS */
	unsigned readonly_count;
	struct memory_run readonly[GUEST_MEM_READONLY_MAX]; /* ascending, apart, page-aligned */
	void *mapping;  /* what there is to unmap: RAM, and what was mapped to align it */
	uint64_t mapping_bytes;
};

/* bytes: validated by the plan. On success `mem` owns the mapping until guest_mem_destroy(). 0 or -errno. */
int guest_mem_create(struct guest_mem *mem, uint64_t bytes, enum guest_pages pages, struct sys *sys, struct error *error);

/* The same with a multiple of pages behind it. */
int guest_mem_create_with(struct guest_mem *mem, uint64_t bytes, uint64_t behind, enum guest_pages pages, struct sys *sys,
			  struct error *error);
void guest_mem_destroy(struct guest_mem *mem, struct sys *sys);

/* Do [at, at + bytes) lie in RAM? False for a run that wraps. True for 0 bytes at the end of RAM. */
bool guest_mem_contains(const struct guest_mem *mem, gpa_t at, uint64_t bytes);

/* What lies behind RAM, from `offset`; the guest may change it at any time. Asserted to be there. */
void *guest_mem_behind(const struct guest_mem *mem, uint64_t offset, uint64_t bytes);

/* Makes runs of RAM, which are in place by now, read-only for good: for the guest and for us. Once. 0 or -errno. */
int guest_mem_protect(struct guest_mem *mem, const struct memory_run *runs, unsigned count, struct sys *sys);

/* The read-only run that shares a byte with [at, at + bytes), or NULL. */
const struct memory_run *guest_mem_readonly(const struct guest_mem *mem, gpa_t at, uint64_t bytes);

/* Do [at, at + bytes) lie in RAM, and may they be written to? */
bool guest_mem_writable(const struct guest_mem *mem, gpa_t at, uint64_t bytes);

/*
 * The host's view of [at, at + bytes): to read, or NULL where it does not lie wholly in RAM; to write as well, or NULL
 * where it is not writable either: a store of ours there could be a SIGSEGV. The guest may
 * change it at any time: copy what you check. Valid until guest_mem_destroy().
 */
const void *guest_mem_view(const struct guest_mem *mem, gpa_t at, uint64_t bytes);
void *guest_mem_span(const struct guest_mem *mem, gpa_t at, uint64_t bytes);

/* Copies of bytes; 0, or -EFAULT where the run does not lie in RAM or is read-only (nothing copied). */
int guest_mem_read(const struct guest_mem *mem, gpa_t at, void *to, uint64_t bytes);
int guest_mem_write(const struct guest_mem *mem, gpa_t at, const void *from, uint64_t bytes);

/*
 * Maps a file over RAM, privately: the guest's writes stay in the guest. at, bytes and offset are
 * page-aligned and in RAM (asserted). `mapped` false where this RAM cannot (hugepages): the caller
 * copies instead. 0 or -errno.
 */
int guest_mem_map_file(struct guest_mem *mem, gpa_t at, uint64_t bytes, int fd, uint64_t offset, bool *mapped,
		       struct sys *sys);

/*
 * Makes [from, from + bytes), private anonymous memory that nothing else uses, these pages of RAM; it is gone from where it was.
 * All page-aligned and in RAM (asserted). `taken` false where this RAM cannot (hugepages): the caller copies instead. 0 or -errno.
 */
int guest_mem_take(struct guest_mem *mem, gpa_t at, uint64_t bytes, void *from, bool *taken, struct sys *sys);

/*
 * Of a machine of a snapshot: maps a run of RAM, or of what is behind it, from the same place of a file, privately. Page-aligned
 * and there (asserted). Not into hugetlbfs. Where RAM is GUEST_PAGES_ALIGNED, large pages of the page cache are mapped as such: one
 * fault for what is only read, instead of 512. 0 or -errno.
 */
int guest_mem_map_run(struct guest_mem *mem, const struct memory_run *run, int fd, struct sys *sys);

/* All that was written to RAM and behind it is gone: zero, or what is mapped there. Not of hugetlbfs. 0 or -errno. */
int guest_mem_forget(struct guest_mem *mem, struct sys *sys);

#define GUEST_MEM_WRITTEN_MAX 64

/*
 * What was written to RAM, and behind it, since it was mapped or forgotten: at most `max` runs of whole pages, ascending, as
 * /proc/self/pagemap tells (PAGEMAP_SCAN, Linux 6.7). How many, or -errno; -E2BIG: there are more.
 */
int guest_mem_written(const struct guest_mem *mem, int pagemap_fd, struct memory_run *runs, unsigned max, struct sys *sys);

/* What a guest will need of it is made present, in one call each; best effort. */
void guest_mem_populate(struct guest_mem *mem, const struct memory_run *run, bool write, struct sys *sys);

/* RAM and what is behind it, for a snapshot: bytes from an offset; asserted to be there. */
const uint8_t *guest_mem_all(const struct guest_mem *mem, uint64_t at, uint64_t bytes);

/* Reads exactly `bytes` of a file into RAM; -ENODATA where the file ends early, else 0 or -errno. */
int guest_mem_read_file(struct guest_mem *mem, gpa_t at, uint64_t bytes, int fd, uint64_t offset, struct sys *sys);

#endif
