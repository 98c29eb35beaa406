/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "loader/elf.h"
#include "loader/image.h"
#include "loader/payload.h"
#include "loader/refuse.h"
#include "vmm/error.h"
#include "vmm/guest_mem.h"
#include "vmm/round.h"
#include "vmm/sys.h"

/*
 * Up to this many bytes a copy is cheaper than a mapping: an mmap, a munmap at the end and a fault
 * for each page against one read that fills the pages as it goes. (Fuzzing sets it to 0, to reach
 * the mappings with small files.)
 */
#ifndef IMAGE_COPY_BYTES_MAX
#define IMAGE_COPY_BYTES_MAX (16u * 1024)
#endif

/* How many of a refused file's first bytes its error shows. */
#define MAGIC_BYTES_SHOWN 4

/*
 * Asked in this order: those that an image names by a note of its own, then what is searched for, last what is guessed. (Solo5's
 * takes none that Solo5 made for QEMU: those are multiboot's.)
 */
static const struct protocol *const protocols[] = {
	&protocol_native, &protocol_solo5, &protocol_pvh, &protocol_multiboot, &protocol_linux,
};

/* Why a path could not be opened, where that is the path's fault and not the host's. */
static const struct {
	int errnum;
	const char *why;
} open_refusals[] = {
	{ ENOENT, "no such file: check the path, or build the image first" },
	{ EACCES, "no permission to read it: chmod +r the file, and +x the folders above it" },
	{ EPERM, "no permission to read it: check what guards the file" },
	{ ENOTDIR, "a part of the path is not a folder: check the path" },
	{ ELOOP, "too many symbolic links: give the file itself" },
	{ ENAMETOOLONG, "the path is too long: give a shorter one" },
	{ ENXIO, "is a socket, or a device that is not there: give a regular file" },
	{ EOVERFLOW, "is too large a file: give an image" },
};

/* What is no regular file, by S_IFMT. */
static const struct {
	mode_t type;
	const char *name;
} file_types[] = {
	{ S_IFDIR, "a directory" },
	{ S_IFIFO, "a FIFO" },
	{ S_IFSOCK, "a socket" },
	{ S_IFCHR, "a character device" },
	{ S_IFBLK, "a block device" },
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static int open_failed(const char *path, int errnum, struct error *error)
{
	for (size_t i = 0; i < COUNT(open_refusals); i++)
		if (open_refusals[i].errnum == errnum)
			return image_error(path, error, ERROR_IMAGE, errnum, "%s", open_refusals[i].why);
	return image_error(path, error, ERROR_HOST, errnum, "cannot be opened: %s", strerror(errnum));
}

static const char *file_type(mode_t mode)
{
	for (size_t i = 0; i < COUNT(file_types); i++)
		if ((mode & S_IFMT) == file_types[i].type)
			return file_types[i].name;
	return "not a regular file";
}

static int open_file(struct image *image, struct sys *sys, struct error *error)
{
	struct stat st;
	int rc;

	/* O_NONBLOCK: opening a FIFO returns, so that it can be refused; O_NOCTTY: nor is a terminal taken. */
	while (!image->borrowed && image->fd < 0) {
		image->fd = sys_open(sys, image->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0);
		if (image->fd < 0 && image->fd != -EINTR)
			return open_failed(image->path, -image->fd, error);
	}

	rc = sys_fstat(sys, image->fd, &st);
	if (rc)
		return image_error(image->path, error, ERROR_HOST, -rc, "fstat: %s", strerror(-rc));
	if (!S_ISREG(st.st_mode))
		return image_refuse(image->path, error, "is %s: give a regular file", file_type(st.st_mode));
	if (st.st_size <= 0)
		return image_refuse(image->path, error, "is empty (0 bytes): rebuild the image");
	image->file_bytes = (uint64_t)st.st_size;
	return 0;
}

static int shrank(const char *path, struct error *error)
{
	return image_error(path, error, ERROR_IMAGE, ENODATA,
			   "the file shrank while it was being read: wait until it is written, then start again");
}

int image_read_file(const struct image *image, uint64_t offset, void *into, size_t want, struct sys *sys, struct error *error)
{
	size_t done = 0;

	/* One turn, except after a signal or on a file system that reads less than asked. */
	while (done < want) {
		ssize_t n = sys_pread(sys, image->fd, (uint8_t *)into + done, want - done, offset + done);

		if (n == -EINTR)
			continue;
		if (n < 0)
			return image_error(image->path, error, ERROR_HOST, (int)-n, "cannot be read: %s",
					   strerror((int)-n));
		if (n == 0)
			return shrank(image->path, error);
		done += (size_t)n;
	}
	return 0;
}

int image_read(const struct image *image, uint64_t offset, void *into, size_t want, struct sys *sys, struct error *error)
{
	if (!image->unpacked && offset <= image->head_bytes && want <= image->head_bytes - offset) {
		memcpy(into, image->head + offset, want);
		return 0;
	}
	if (!image->unpacked)
		return image_read_file(image, offset, into, want, sys, error);
	if (offset > image->file_bytes || want > image->file_bytes - offset)
		return shrank(image->path, error);
	memcpy(into, image->unpacked + offset, want);
	return 0;
}

static int no_protocol(const struct image *image, const uint8_t *head, size_t head_bytes, struct error *error)
{
	char shown[3 * MAGIC_BYTES_SHOWN + 1] = "";
	size_t count = head_bytes < MAGIC_BYTES_SHOWN ? head_bytes : MAGIC_BYTES_SHOWN;

	for (size_t i = 0; i < count; i++)
		snprintf(shown + 3 * i, 4, i + 1 < count ? "%02x " : "%02x", head[i]);
	return image_refuse(image->path, error,
			    "starts with %s: not an ELF file (7f 45 4c 46), no Linux bzImage, no multiboot image: give a guest",
			    shown);
}

const struct protocol *image_protocol(const char *name)
{
	for (size_t i = 0; i < COUNT(protocols); i++)
		if (strcmp(protocols[i]->name, name) == 0)
			return protocols[i];
	return NULL;
}

const char *image_protocol_names(char *into, size_t bytes)
{
	size_t used = 0;

	into[0] = '\0';
	for (size_t i = 0; i < COUNT(protocols) && used < bytes; i++)
		used += (size_t)snprintf(into + used, bytes - used, "%s%s", i ? ", " : "", protocols[i]->name);
	return into;
}

/*
 * An ELF file that no protocol knows is most likely a native one that was built wrongly: its parser says what is wrong with it, and
 * the same for what --protocol calls one.
 */
static int parse(struct image *image, const uint8_t *head, size_t head_bytes, struct sys *sys, struct error *error)
{
	for (size_t i = 0; !image->protocol && i < COUNT(protocols); i++) {
		image->why = protocols[i]->probe(image, head, head_bytes, sys);
		if (image->why)
			image->protocol = protocols[i];
	}
	if (!image->protocol && !image_head_is_whole(image, head_bytes))
		return IMAGE_NEEDS_MORE;
	if (!image->protocol && elf_magic(head, head_bytes)) {
		image->protocol = &protocol_native;
		image->why = "is an ELF file";
	}
	return image->protocol ? image->protocol->parse(image, head, head_bytes, sys, error) :
				 no_protocol(image, head, head_bytes, error);
}

static int try_head(struct image *image, uint8_t *head, size_t bytes, struct sys *sys, struct error *error)
{
	if (bytes > image->file_bytes)
		bytes = (size_t)image->file_bytes;

	int rc = image_read_file(image, 0, head, bytes, sys, error);

	if (rc)
		return rc;
	image->head = head;
	image->head_bytes = bytes;
	rc = parse(image, head, bytes, sys, error);
	image->head_bytes = 0;
	return rc;
}

/* Neither is inlined: a launch's stack is to hold the smaller one alone. */
static __attribute__((noinline)) int try_first_head(struct image *image, struct sys *sys, struct error *error)
{
	uint8_t head[IMAGE_HEAD_BYTES_FIRST];

	return try_head(image, head, sizeof(head), sys, error);
}

static __attribute__((noinline)) int try_whole_head(struct image *image, struct sys *sys, struct error *error)
{
	uint8_t head[IMAGE_HEAD_BYTES];

	return try_head(image, head, sizeof(head), sys, error);
}

static const char asked_for[] = "was called one";

/* image->fd: what is open already, or -1. */
static int open_and_parse(struct image *image, const char *path, const struct protocol *protocol, struct sys *sys,
			  struct error *error)
{
	const char *why = protocol ? asked_for : NULL;
	const bool borrowed = image->fd >= 0;
	int rc;

	*image = (struct image){ .fd = image->fd, .borrowed = borrowed, .path = path, .protocol = protocol, .why = why };
	rc = open_file(image, sys, error);
	if (!rc)
		rc = try_first_head(image, sys, error);
	if (rc == IMAGE_NEEDS_MORE) {
		*image = (struct image){
			.fd = image->fd, .borrowed = borrowed, .path = path, .file_bytes = image->file_bytes,
			.protocol = protocol, .why = why,
		};
		rc = try_whole_head(image, sys, error);
	}
	if (rc)
		image_close(image, sys);
	return rc;
}

int image_open(struct image *image, const char *path, const struct protocol *protocol, struct sys *sys, struct error *error)
{
	image->fd = -1;
	return open_and_parse(image, path, protocol, sys, error);
}

COLD int image_open_fd(struct image *image, int fd, const char *path, const struct protocol *protocol, struct sys *sys,
		       struct error *error)
{
	image->fd = fd;
	return open_and_parse(image, path, protocol, sys, error);
}

void image_close(struct image *image, struct sys *sys)
{
	if (image->unpacked)
		payload_free(image, sys);
	if (image->fd >= 0 && !image->borrowed)
		sys_close(sys, image->fd);
	image->fd = -1;
}

uint64_t image_mem_bytes_min(const struct image *image)
{
	return image->note.mem_bytes > image->end ? image->note.mem_bytes : image->end;
}

static int load_failed(const struct image *image, const char *verb, uint64_t offset, uint64_t bytes, int rc,
		       struct error *error)
{
	if (rc == -ENODATA)
		return shrank(image->path, error);
	return image_error(image->path, error, ERROR_HOST, -rc,
			   "cannot %s 0x%" PRIx64 " bytes at file offset 0x%" PRIx64 ": %s", verb, bytes, offset,
			   strerror(-rc));
}

static int copy(const struct image *image, uint64_t address, uint64_t bytes, uint64_t offset, struct guest_mem *mem,
		struct sys *sys, struct error *error)
{
	int rc;

	if (!bytes)
		return 0;
	rc = guest_mem_read_file(mem, gpa(address), bytes, image->fd, offset, sys);
	return rc ? load_failed(image, "read", offset, bytes, rc, error) : 0;
}

/* Where the whole pages of a segment's file bytes lie; none where address and offset differ within the page. */
struct whole_pages {
	uint64_t start; /* gpa */
	uint64_t bytes;
};

static struct whole_pages whole_pages(const struct segment *segment)
{
	uint64_t start = round_up(segment->gpa, GUEST_PAGE_BYTES);
	uint64_t end = round_down(segment->gpa + segment->file_bytes, GUEST_PAGE_BYTES);

	if (end <= start || (segment->gpa - segment->file_offset) % GUEST_PAGE_BYTES)
		return (struct whole_pages){ 0 };
	return (struct whole_pages){ .start = start, .bytes = end - start };
}

/* A kernel that may write wherever it likes does so, and then each page is copied after all, one by one. */
static bool worth_mapping(const struct segment *segment)
{
	bool anything = (segment->perms & SEGMENT_W) && (segment->perms & SEGMENT_X);

	return !anything && whole_pages(segment).bytes > IMAGE_COPY_BYTES_MAX;
}

unsigned image_readonly(const struct image *image, struct memory_run runs[static IMAGE_SEGMENTS_MAX])
{
	unsigned n = 0, i = 0;

	while (i < image->segment_count) {
		uint64_t start = round_down(image->segments[i].gpa, GUEST_PAGE_BYTES), end = start;
		bool mapped = false;

		/* Neighbours are one run, the small ones too: a slot more would cost, a page more in it does not. */
		for (; i < image->segment_count; i++) {
			const struct segment *s = &image->segments[i];

			if ((s->perms & SEGMENT_W) || round_down(s->gpa, GUEST_PAGE_BYTES) > end)
				break;
			end = round_up(s->gpa + s->mem_bytes, GUEST_PAGE_BYTES);
			mapped |= image->readonly_always || worth_mapping(s);
		}
		if (mapped)
			runs[n++] = (struct memory_run){ start, end - start };
		if (end == start)
			i++; /* writable */
	}
	return n;
}

/*
 * Maps the whole pages and copies what is left at either end. So the guest never sees the file's
 * bytes beside the segment, and the page tail is zero because fresh RAM is: a mapped last page
 * would have to be zeroed, which copies the page as well.
 */
static int load_mapped(const struct image *image, const struct segment *segment, struct guest_mem *mem,
		       struct sys *sys, struct error *error)
{
	struct whole_pages whole = whole_pages(segment);
	uint64_t before = whole.start - segment->gpa;
	uint64_t after = segment->file_bytes - before - whole.bytes;
	uint64_t offset = segment->file_offset + before;
	bool mapped = false;
	int rc;

	rc = guest_mem_map_file(mem, gpa(whole.start), whole.bytes, image->fd, offset, &mapped, sys);
	if (rc)
		return load_failed(image, "map", offset, whole.bytes, rc, error);
	if (!mapped)
		return copy(image, segment->gpa, segment->file_bytes, segment->file_offset, mem, sys, error);
	rc = copy(image, segment->gpa, before, segment->file_offset, mem, sys, error);
	if (rc)
		return rc;
	return copy(image, whole.start + whole.bytes, after, offset + whole.bytes, mem, sys, error);
}

/*
 * Can one read bring `next` together with `prev`? Where both lie as far apart in the file as in
 * memory, and so close that the gap touches no page which neither of them has.
 */
static bool joins(const struct segment *prev, const struct segment *next)
{
	uint64_t end = prev->gpa + prev->file_bytes;

	return next->file_bytes && !worth_mapping(next) &&
	       next->gpa - next->file_offset == prev->gpa - prev->file_offset &&
	       round_up(end, GUEST_PAGE_BYTES) >= round_down(next->gpa, GUEST_PAGE_BYTES);
}

/* Copies segments [first, after) with one read, then clears the file's bytes in the gaps between them. */
static int load_copied(const struct image *image, unsigned first, unsigned after, struct guest_mem *mem,
		       struct sys *sys, struct error *error)
{
	const struct segment *segments = image->segments;
	uint64_t start = segments[first].gpa;
	uint64_t end = segments[after - 1].gpa + segments[after - 1].file_bytes;
	int rc;

	rc = copy(image, start, end - start, segments[first].file_offset, mem, sys, error);
	if (rc)
		return rc;
	for (unsigned i = first; i + 1 < after; i++) {
		uint64_t gap = segments[i].gpa + segments[i].file_bytes;
		uint64_t gap_bytes = segments[i + 1].gpa - gap;
		void *at = guest_mem_span(mem, gpa(gap), gap_bytes);

		assert(at);
		memset(at, 0, gap_bytes);
	}
	return 0;
}

int image_load(struct image *image, struct guest_mem *mem, struct sys *sys, struct error *error)
{
	unsigned i = 0;
	int rc = 0;

	assert(image->segment_count && image->segment_count <= IMAGE_SEGMENTS_MAX);
	assert(guest_mem_contains(mem, gpa(image->base), image->end - image->base));

	if (image->unpacked)
		return payload_load(image, mem, sys, error);
	/* Upwards, so that a segment which starts in the page where the last one ends is written after it. */
	while (i < image->segment_count && !rc) {
		unsigned first = i++;

		if (!image->segments[first].file_bytes)
			continue; /* fresh RAM is zero */
		if (worth_mapping(&image->segments[first])) {
			rc = load_mapped(image, &image->segments[first], mem, sys, error);
			continue;
		}
		while (i < image->segment_count && joins(&image->segments[i - 1], &image->segments[i]))
			i++;
		rc = load_copied(image, first, i, mem, sys, error);
	}
	return rc;
}
