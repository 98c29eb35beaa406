/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "virtio/config.h"
#include "vmm/error.h"
#include "vmm/sys.h"

#define LOCK_TRIES    20u
#define LOCK_PAUSE_NS 10000000

static int refuse(const struct device_config *config, int errnum, const char *what, const char *next, struct error *error)
{
	return error_set(error, ERROR_HOST, errnum, "--disk %s: %s%s%s: %s", config->path, what, errnum ? ": " : "",
			 errnum ? strerror(errnum) : "", next);
}

static int refuse_open(const struct device_config *config, int errnum, struct error *error)
{
	static const struct {
		int errnum;
		const char *next;
	} advice[] = {
		{ ENOENT, "make it first, e.g. with `truncate -s 1G PATH`" },
		{ EACCES, "give yourself the right to it, or add `,ro`" },
		{ EROFS, "add `,ro`" },
		{ EPERM, "is it immutable? add `,ro`" },
		{ EINVAL, "its file system cannot do direct I/O: leave `,direct` out" },
		{ ENXIO, "is a device file with no device behind it" },
		{ ELOOP, "symbolic links lead in a circle" },
	};

	for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++)
		if (advice[i].errnum == errnum)
			return refuse(config, errnum, "cannot be opened", advice[i].next, error);
	return refuse(config, errnum, "cannot be opened", "give a file or a block device that can", error);
}

/* A lock of the open file description: another machine in this very process is kept out too. */
static int set_lock(const struct disk *disk, short type, struct sys *sys)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET };

	return sys_fcntl(sys, disk->fd, F_OFD_SETLK, &lock);
}

/*
 * A kvick that was killed has its lock for some milliseconds yet: the kernel lets go of what io_uring holds when it finds the
 * time. So it is tried for a while.
 */
static int lock(const struct disk *disk, const struct device_config *config, struct sys *sys, struct error *error)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };
	int r;

	for (unsigned i = 0; i < LOCK_TRIES; i++) {
		r = set_lock(disk, disk->read_only ? F_RDLCK : F_WRLCK, sys);
		if (r != -EAGAIN && r != -EACCES)
			break;
		sys_clock_nanosleep(sys, CLOCK_MONOTONIC, 0, &pause);
	}
	if (r == -EAGAIN || r == -EACCES)
		return refuse(config, EBUSY, "another program has it open",
			      disk->read_only ? "it is being written there: end that program" :
						"end that program, or add `,ro` to both", error);
	/* Some network file systems have no locks: then nobody watches, as for any other program. */
	return 0;
}

static int measure_device(struct disk *disk, const struct device_config *config, struct sys *sys, struct error *error)
{
	int logical = 0;
	unsigned physical = 0;

	disk->block_device = true;
	if (sys_ioctl(sys, disk->fd, BLKGETSIZE64, (uintptr_t)&disk->bytes) < 0 ||
	    sys_ioctl(sys, disk->fd, BLKSSZGET, (uintptr_t)&logical) < 0 || logical < (int)DISK_SECTOR_BYTES)
		return refuse(config, 0, "does not say how large it is", "give a disk, a partition or a file", error);
	disk->logical_bytes = (uint32_t)logical;
	disk->physical_bytes = sys_ioctl(sys, disk->fd, BLKPBSZGET, (uintptr_t)&physical) < 0 || physical < (unsigned)logical ?
			       (uint32_t)logical : physical;
	return 0;
}

static int measure(struct disk *disk, const struct device_config *config, struct sys *sys, struct error *error)
{
	struct stat st;
	int r = sys_fstat(sys, disk->fd, &st);

	if (r < 0)
		return refuse(config, -r, "fstat", "give a file or a block device", error);
	if (S_ISBLK(st.st_mode)) {
		r = measure_device(disk, config, sys, error);
		if (r < 0)
			return r;
	} else if (S_ISREG(st.st_mode)) {
		disk->bytes = (uint64_t)st.st_size;
		disk->logical_bytes = DISK_SECTOR_BYTES;
		disk->physical_bytes = st.st_blksize >= (long)DISK_SECTOR_BYTES ? (uint32_t)st.st_blksize : DISK_SECTOR_BYTES;
		/* Direct I/O wants the file system's unit, and a guest that is told so keeps to it. */
		if (disk->direct)
			disk->logical_bytes = disk->physical_bytes;
	} else {
		return refuse(config, 0, "is neither a file nor a block device", "give one of them", error);
	}
	if (disk->bytes < disk->logical_bytes)
		return refuse(config, 0, "is smaller than one sector", "make it larger, e.g. with `truncate -s 1G PATH`", error);
	if (disk->bytes % disk->logical_bytes)
		return refuse(config, 0, "is not a whole number of sectors", "round its size up with `truncate -s %4K PATH`", error);
	return 0;
}

/* Beyond the end, where there is nothing to lose. */
static bool can_punch(const struct disk *disk, struct sys *sys)
{
	return !disk->read_only && !disk->block_device &&
	       sys_fallocate(sys, disk->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, disk->bytes, disk->logical_bytes) == 0;
}

int disk_open(struct disk *disk, const struct device_config *config, struct sys *sys, struct error *error)
{
	int flags = (config->read_only ? O_RDONLY : O_RDWR) | (config->direct ? O_DIRECT : 0) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	int fd = sys_open(sys, config->path, flags, 0), r;

	if (fd < 0)
		return refuse_open(config, -fd, error);
	*disk = (struct disk){ .fd = fd, .read_only = config->read_only, .direct = config->direct };
	r = measure(disk, config, sys, error);
	if (r == 0)
		r = lock(disk, config, sys, error);
	if (r < 0) {
		disk_close(disk, sys);
		return r;
	}
	disk->punches = can_punch(disk, sys);
	return 0;
}

void disk_close(struct disk *disk, struct sys *sys)
{
	set_lock(disk, F_UNLCK, sys); /* now, and not when the kernel has taken the ring apart that had the file too */
	sys_close(sys, disk->fd);
	disk->fd = -1;
}
