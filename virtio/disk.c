/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <time.h>

#include "virtio/config.h"
#include "vmm/error.h"
#include "vmm/sys.h"

#define PAGE_BYTES    4096u
#define LOCK_TRIES    20u
#define LOCK_PAUSE_NS 10000000

static int refuse(const struct device_config *config, int errnum, const char *what, const char *next, struct error *error)
{
	return error_set(error, ERROR_HOST, errnum, "%s%s%s%s: %s%s%s: %s", config->entry ? "--block:" : "--disk ",
			 config->entry ? config->entry : "", config->entry ? "=" : "", config->path, what, errnum ? ": " : "",
			 errnum ? strerror(errnum) : "", next);
}

static int refuse_open(const struct device_config *config, int errnum, struct error *error)
{
	static const struct {
		int errnum;
		const char *next;
		const char *written; /* instead, where it is to be written in any case */
	} advice[] = {
		{ ENOENT, "make it first, e.g. with `truncate -s 1G PATH`", NULL },
		{ EACCES, "give yourself the right to it, or add `,ro`; a device that is read-only wants that too",
		  "give yourself the right to write to it" },
		{ EROFS, "add `,ro`", "it is to be written: give a copy" },
		{ EPERM, "is it immutable? add `,ro`", "is it immutable? give a copy" },
		{ EINVAL, "its file system cannot do direct I/O: leave `,direct` out", NULL },
		{ EBUSY, "unmount it, or end what else has it (swap, RAID, LVM, another guest); or add `,ro`",
		  "unmount it, or end what else has it (swap, RAID, LVM, another guest, another device of this one)" },
		{ ENXIO, "is a device file with no device behind it", NULL },
		{ ELOOP, "symbolic links lead in a circle", NULL },
	};

	for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++)
		if (advice[i].errnum == errnum)
			return refuse(config, errnum, "cannot be opened",
				      config->entry && advice[i].written ? advice[i].written : advice[i].next, error);
	return refuse(config, errnum, "cannot be opened", "give a file or a block device that can", error);
}

/*
 * A kvick that was killed has its disk for some milliseconds yet: the kernel lets go of what io_uring holds when it finds the
 * time. So what somebody has is asked for again, for a while: true, after a pause, until `tries` are used up.
 */
static bool try_again(unsigned *tries, struct sys *sys)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };

	if (++*tries == LOCK_TRIES)
		return false;
	sys_clock_nanosleep(sys, CLOCK_MONOTONIC, 0, &pause);
	return true;
}

/* O_EXCL, which means something for block devices only: nobody else has claimed it, as a mount does, and nobody will. */
static int open_disk_file(const struct device_config *config, int flags, struct sys *sys)
{
	unsigned tries = 0;
	int fd;

	do
		fd = sys_open(sys, config->path, config->read_only ? flags : flags | O_EXCL, 0);
	while (fd == -EBUSY && try_again(&tries, sys));
	return fd;
}

static bool is_locked(int result)
{
	return result == -EAGAIN || result == -EACCES;
}

/*
 * A lock of the open file description: another machine in this very process is kept out too. Where there are none of them (a
 * sandbox, some network file systems) there may be flock()'s: they belong to descriptions as well. Only programs that take that
 * kind are then kept out, but other kvicks here do.
 */
static int set_lock(const struct disk *disk, struct sys *sys)
{
	struct flock lock = { .l_type = disk->read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };
	int r = sys_fcntl(sys, disk->fd, F_OFD_SETLK, &lock);

	return r == 0 || is_locked(r) ? r : sys_flock(sys, disk->fd, (disk->read_only ? LOCK_SH : LOCK_EX) | LOCK_NB);
}

static int lock(const struct disk *disk, const struct device_config *config, struct sys *sys, struct error *error)
{
	unsigned tries = 0;
	int r;

	do
		r = set_lock(disk, sys);
	while (is_locked(r) && try_again(&tries, sys));
	if (is_locked(r))
		return refuse(config, EBUSY,
			      config->entry ? "another program, or another device of this guest, has it open" :
					      "another program has it open",
			      disk->read_only ? "it is being written there: end that program" :
			      config->entry ? "give each a file of its own, or end that program" :
					      "end that program, or add `,ro` to both", error);
	/* Some network file systems have no locks: then nobody watches, as for any other program. */
	return 0;
}

/*
 * Opening was not to wait. I/O is: io_uring answers -EAGAIN for a file with O_NONBLOCK that it cannot serve at once (Linux 5.19 to
 * 6.4).
 */
static int unset_nonblock(int fd, int flags, const struct device_config *config, struct sys *sys, struct error *error)
{
	int r = sys_fcntl(sys, fd, F_SETFL, (void *)(uintptr_t)(flags & O_DIRECT));

	return r < 0 ? refuse(config, -r, "fcntl F_SETFL", "give a file or a block device", error) : 0;
}

static int measure_device(struct disk *disk, const struct device_config *config, struct sys *sys, struct error *error)
{
	int logical = 0, read_only = 0;
	unsigned physical = 0;

	if (sys_ioctl(sys, disk->fd, BLKGETSIZE64, (uintptr_t)&disk->bytes) < 0 ||
	    sys_ioctl(sys, disk->fd, BLKSSZGET, (uintptr_t)&logical) < 0 || logical < (int)DISK_SECTOR_BYTES)
		return refuse(config, 0, "does not say how large it is", "give a disk, a partition or a file", error);
	/* Older kernels open it for writing all the same. */
	if (!disk->read_only && sys_ioctl(sys, disk->fd, BLKROGET, (uintptr_t)&read_only) == 0 && read_only)
		return refuse(config, EROFS, "cannot be written to",
			      config->entry ? "`blockdev --setrw` it" : "add `,ro`, or `blockdev --setrw` it", error);
	disk->logical_bytes = (uint32_t)logical;
	disk->physical_bytes = sys_ioctl(sys, disk->fd, BLKPBSZGET, (uintptr_t)&physical) < 0 || physical < (unsigned)logical ?
			       (uint32_t)logical : physical;
	return 0;
}

static int measure(struct disk *disk, const struct stat *st, const struct device_config *config, struct sys *sys,
		   struct error *error)
{
	int r;

	if (S_ISBLK(st->st_mode)) {
		r = measure_device(disk, config, sys, error);
		if (r < 0)
			return r;
	} else if (S_ISREG(st->st_mode)) {
		disk->bytes = (uint64_t)st->st_size;
		disk->logical_bytes = DISK_SECTOR_BYTES;
		disk->physical_bytes = st->st_blksize >= (long)DISK_SECTOR_BYTES ? (uint32_t)st->st_blksize : DISK_SECTOR_BYTES;
	} else {
		return refuse(config, 0, "is neither a file nor a block device", "give one of them", error);
	}
	if (disk->bytes < disk->logical_bytes)
		return refuse(config, 0, "is smaller than one sector", "make it larger, e.g. with `truncate -s 1G PATH`", error);
	if (disk->bytes % disk->logical_bytes)
		return refuse(config, 0, "is not a whole number of sectors", "round its size up with `truncate -s %4K PATH`",
			         error);
	return 0;
}

/* Does a block device's queue say more than 0 there? A partition has its disk's. */
static bool queue_says(dev_t device, const char *name, struct sys *sys)
{
	static const char *const ways[] = { "", "../" };
	char path[96], text[32];
	int fd = -ENOENT;
	ssize_t n;

	for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]) && fd < 0; i++) {
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%squeue/%s", major(device), minor(device), ways[i], name);
		fd = sys_open(sys, path, O_RDONLY | O_CLOEXEC, 0);
	}
	if (fd < 0)
		return false;
	n = sys_read(sys, fd, text, sizeof(text));
	sys_close(sys, fd);
	return n > 0 && text[0] >= '1' && text[0] <= '9';
}

/* Of a block device the kernel makes a hole by having it write zeroes, which it may do by discarding (Linux 4.10 and later). */
static void ask_device(struct disk *disk, dev_t device, struct sys *sys)
{
	disk->zeroes = queue_says(device, "write_zeroes_max_bytes", sys);
	disk->discards = disk->zeroes && queue_says(device, "discard_max_bytes", sys);
}

/*
 * Tried beyond the end, where there is nothing to lose. What may have passed by the next time does not change what a guest is
 * offered.
 */
static bool can_punch(const struct disk *disk, struct sys *sys)
{
	int r = sys_fallocate(sys, disk->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, disk->bytes, disk->logical_bytes);

	return r == 0 || r == -EINTR || r == -EAGAIN || r == -ENOMEM || r == -ENOSPC || r == -EIO;
}

static uint32_t at_least(uint32_t value, uint32_t least)
{
	return value < least ? least : value;
}

static bool power_of_two(uint32_t value)
{
	return value && !(value & (value - 1));
}

/* Linux before 6.1, or a file system that does not say what it wants: does it take one sector? Else more than any wants. */
static void try_direct(const struct disk *disk, struct sys *sys, uint32_t *memory, uint32_t *offset)
{
	_Alignas(DISK_SECTOR_BYTES) uint8_t sector[DISK_SECTOR_BYTES];

	*memory = *offset = at_least(disk->physical_bytes, PAGE_BYTES);
	if (sys_pread(sys, disk->fd, sector, sizeof(sector), disk->bytes - sizeof(sector)) == sizeof(sector))
		*memory = *offset = DISK_SECTOR_BYTES;
}

/* The file once more, for what direct I/O cannot take. The lock is the first descriptor's. */
static int open_buffered(struct disk *disk, const struct device_config *config, int flags, struct sys *sys, struct error *error)
{
	struct stat st, again;
	int r = disk->buffered_fd = sys_open(sys, config->path, flags, 0);

	if (r < 0)
		return refuse_open(config, -r, error);
	r = sys_fstat(sys, disk->fd, &st);
	if (r == 0)
		r = sys_fstat(sys, disk->buffered_fd, &again);
	if (r < 0)
		return refuse(config, -r, "fstat", "give a file or a block device", error);
	if (st.st_dev != again.st_dev || st.st_ino != again.st_ino)
		return refuse(config, 0, "is another file than a moment ago", "try again when nobody renames files there", error);
	return unset_nonblock(disk->buffered_fd, flags, config, sys, error);
}

static int prepare_direct(struct disk *disk, const struct device_config *config, int flags, struct sys *sys, struct error *error)
{
	uint32_t memory, offset;

	if (sys_direct_alignment(sys, disk->fd, &memory, &offset) < 0)
		try_direct(disk, sys, &memory, &offset);
	if (!power_of_two(memory) || !power_of_two(offset) || memory > DISK_BOUNCE_BYTES)
		return refuse(config, 0, "its file system cannot do direct I/O", "leave `,direct` out", error);
	disk->direct_memory = memory;
	disk->direct_offset = disk->direct_piece = offset;
	if (offset <= DISK_SECTOR_BYTES)
		return 0;
	disk->direct_offset = at_least(offset, PAGE_BYTES);
	return open_buffered(disk, config, flags & ~O_DIRECT, sys, error);
}

enum disk_way disk_way(const struct disk *disk, uint64_t offset, const struct iovec *iov, unsigned count)
{
	uint64_t wrong = 0, bytes = 0;

	for (unsigned i = 0; i < count && disk->direct; i++) {
		wrong |= (uintptr_t)iov[i].iov_base & (disk->direct_memory - 1);
		wrong |= iov[i].iov_len & (disk->direct_piece - 1);
		bytes += iov[i].iov_len;
	}
	if (disk->buffered_fd >= 0 && ((offset | bytes) & (disk->direct_offset - 1)))
		return DISK_BUFFERED;
	return wrong ? DISK_BOUNCED : DISK_AS_IT_IS;
}

static int prepare(struct disk *disk, const struct device_config *config, int flags, struct sys *sys, struct error *error)
{
	struct stat st;
	int r = sys_fstat(sys, disk->fd, &st);

	if (r < 0)
		return refuse(config, -r, "fstat", "give a file or a block device", error);
	r = measure(disk, &st, config, sys, error);
	if (r == 0)
		r = unset_nonblock(disk->fd, flags, config, sys, error);
	if (r == 0)
		r = lock(disk, config, sys, error);
	if (r == 0 && disk->direct)
		r = prepare_direct(disk, config, flags, sys, error);
	if (r < 0 || disk->read_only)
		return r;
	if (S_ISBLK(st.st_mode))
		ask_device(disk, st.st_rdev, sys);
	else
		disk->zeroes = disk->discards = can_punch(disk, sys);
	return 0;
}

int disk_open(struct disk *disk, const struct device_config *config, struct sys *sys, struct error *error)
{
	int flags = (config->read_only ? O_RDONLY : O_RDWR) | (config->direct ? O_DIRECT : 0) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	int fd = open_disk_file(config, flags, sys), r;

	if (fd < 0)
		return refuse_open(config, -fd, error);
	*disk = (struct disk){ .fd = fd, .buffered_fd = -1, .read_only = config->read_only, .direct = config->direct };
	r = prepare(disk, config, flags, sys, error);
	if (r < 0)
		disk_close(disk, sys);
	return r;
}

void disk_close(struct disk *disk, struct sys *sys)
{
	struct flock none = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	/* Now, and not when the kernel has taken the ring apart that had the file too. A flock() ends then, and lock() waits. */
	sys_fcntl(sys, disk->fd, F_OFD_SETLK, &none);
	if (disk->buffered_fd >= 0)
		sys_close(sys, disk->buffered_fd);
	sys_close(sys, disk->fd);
	disk->fd = -1;
}
