/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's side of a disk: what is opened and how, what is refused and with which advice, locks, direct I/O. Files are real;
 * what a block device or another file system would answer is put in by --wrap.
 */
#include "tests/unit/test_unit.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#include "virtio/config.h"
#include "virtio/disk.h"
#include "vmm/error.h"
#include "vmm/sys.h"

#define BYTES 65536u
#define QUEUE "/sys/dev/block/259:7/queue/"
#define PARTITIONS_QUEUE "/sys/dev/block/259:7/../queue/"

struct fixture {
	struct sys sys;
	struct error error;
	struct device_config config;
	struct disk disk;
	char path[64];
	int memfd, fd_before;
	bool open;
};

/* What the host answers; zero: what it really does. */
static struct {
	int open_errnum;
	unsigned open_fails;            /* so often */
	int open_flags;                 /* of the disk, the first time */
	unsigned opens, naps;           /* of the disk */
	bool block, read_only;          /* a block device, 259:7 */
	int logical, physical;
	bool partition;
	const char *discard, *write_zeroes; /* its queue's files; NULL: not there */
	int lock_result, flock_result;
	bool aligned;                   /* statx() says what direct I/O wants */
	uint32_t memory, offset;
	unsigned punches;
} host;

int __real_sys_open(struct sys *sys, const char *path, int flags, mode_t mode);
int __real_sys_fstat(struct sys *sys, int fd, struct stat *st);
int __real_sys_ioctl(struct sys *sys, int fd, unsigned long request, unsigned long arg);
int __real_sys_fcntl(struct sys *sys, int fd, int command, void *argument);
int __real_sys_flock(struct sys *sys, int fd, int operation);
int __real_sys_fallocate(struct sys *sys, int fd, int mode, uint64_t offset, uint64_t bytes);
int __real_sys_direct_alignment(struct sys *sys, int fd, uint32_t *memory, uint32_t *offset);
int __wrap_sys_open(struct sys *sys, const char *path, int flags, mode_t mode);
int __wrap_sys_fstat(struct sys *sys, int fd, struct stat *st);
int __wrap_sys_ioctl(struct sys *sys, int fd, unsigned long request, unsigned long arg);
int __wrap_sys_fcntl(struct sys *sys, int fd, int command, void *argument);
int __wrap_sys_flock(struct sys *sys, int fd, int operation);
int __wrap_sys_fallocate(struct sys *sys, int fd, int mode, uint64_t offset, uint64_t bytes);
int __wrap_sys_direct_alignment(struct sys *sys, int fd, uint32_t *memory, uint32_t *offset);
int __wrap_sys_clock_nanosleep(struct sys *sys, clockid_t clock, int flags, const struct timespec *until);

static int open_queue_file(const char *path)
{
	const char *queue = host.partition ? PARTITIONS_QUEUE : QUEUE, *text = NULL;
	int fd;

	if (strncmp(path, queue, strlen(queue)) != 0)
		return -ENOENT;
	if (strcmp(path + strlen(queue), "discard_max_bytes") == 0)
		text = host.discard;
	if (strcmp(path + strlen(queue), "write_zeroes_max_bytes") == 0)
		text = host.write_zeroes;
	if (!text)
		return -ENOENT;
	fd = memfd_create("queue", MFD_CLOEXEC);
	assert_int_equal(pwrite(fd, text, strlen(text), 0), strlen(text));
	return fd;
}

int __wrap_sys_open(struct sys *sys, const char *path, int flags, mode_t mode)
{
	if (strncmp(path, "/sys/dev/block/", 15) == 0)
		return open_queue_file(path);
	if (host.opens++ == 0)
		host.open_flags = flags;
	if (host.open_fails > 0) {
		host.open_fails--;
		return -host.open_errnum;
	}
	return __real_sys_open(sys, path, flags, mode);
}

int __wrap_sys_fstat(struct sys *sys, int fd, struct stat *st)
{
	int r = __real_sys_fstat(sys, fd, st);

	if (r == 0 && host.block) {
		st->st_mode = S_IFBLK;
		st->st_rdev = makedev(259, 7);
	}
	return r;
}

int __wrap_sys_ioctl(struct sys *sys, int fd, unsigned long request, unsigned long arg)
{
	switch (request) {
	case BLKGETSIZE64:
		*(uint64_t *)arg = BYTES;
		return 0;
	case BLKSSZGET:
		*(int *)arg = host.logical;
		return 0;
	case BLKPBSZGET:
		*(unsigned *)arg = (unsigned)host.physical;
		return 0;
	case BLKROGET:
		*(int *)arg = host.read_only;
		return 0;
	default:
		return __real_sys_ioctl(sys, fd, request, arg);
	}
}

int __wrap_sys_fcntl(struct sys *sys, int fd, int command, void *argument)
{
	if (command == F_OFD_SETLK && host.lock_result)
		return host.lock_result;
	return __real_sys_fcntl(sys, fd, command, argument);
}

int __wrap_sys_flock(struct sys *sys, int fd, int operation)
{
	return host.flock_result ? host.flock_result : __real_sys_flock(sys, fd, operation);
}

int __wrap_sys_fallocate(struct sys *sys, int fd, int mode, uint64_t offset, uint64_t bytes)
{
	host.punches++;
	return __real_sys_fallocate(sys, fd, mode, offset, bytes);
}

int __wrap_sys_direct_alignment(struct sys *sys, int fd, uint32_t *memory, uint32_t *offset)
{
	if (!host.aligned)
		return __real_sys_direct_alignment(sys, fd, memory, offset);
	*memory = host.memory;
	*offset = host.offset;
	return 0;
}

int __wrap_sys_clock_nanosleep(struct sys *sys, clockid_t clock, int flags, const struct timespec *until)
{
	(void)sys, (void)clock, (void)flags, (void)until;
	host.naps++;
	return 0;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	memset(&host, 0, sizeof(host));
	host.logical = host.physical = 512;
	f->fd_before = lowest_free_fd();
	f->memfd = memfd_create("disk", MFD_CLOEXEC);
	snprintf(f->path, sizeof(f->path), "/proc/self/fd/%d", f->memfd);
	f->config = (struct device_config){ .kind = DEVICE_BLOCK, .path = f->path };
	return f->memfd < 0 || ftruncate(f->memfd, BYTES);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	int r;

	if (f->open)
		disk_close(&f->disk, &f->sys);
	close(f->memfd);
	if (f->config.direct)
		unlink(f->path);
	r = lowest_free_fd() == f->fd_before ? 0 : -1;
	free(f);
	return r;
}

static void open_disk(struct fixture *f)
{
	if (disk_open(&f->disk, &f->config, &f->sys, &f->error) < 0)
		fail_msg("%s", f->error.text);
	f->open = true;
}

/* Nothing is left open, which tear_down() sees. */
static void refused(struct fixture *f, const char *why, const char *next)
{
	struct disk disk;

	memset(&f->error, 0, sizeof(f->error));
	assert_true(disk_open(&disk, &f->config, &f->sys, &f->error) < 0);
	assert_says(f->error.text, f->config.path);
	assert_says(f->error.text, why);
	assert_says(f->error.text, next);
}

/* --- what cannot be opened --- */

static void what_cannot_be_opened_is_refused_with_advice(void **state)
{
	static const struct { int errnum; const char *next; } rows[] = {
		{ ENOENT, "truncate -s 1G" }, { EACCES, "right to it" }, { EACCES, "`,ro`" }, { EROFS, "add `,ro`" },
		{ EPERM, "immutable" }, { EINVAL, "leave `,direct` out" }, { ENXIO, "no device behind it" }, { ELOOP, "circle" },
		{ EBUSY, "unmount it" }, { EBUSY, "`,ro`" }, { EMFILE, "that can" },
	};
	struct fixture *f = *state;

	for (unsigned i = 0; i < COUNT_OF(rows); i++) {
		host.open_errnum = rows[i].errnum;
		host.open_fails = 1000;
		refused(f, strerror(rows[i].errnum), rows[i].next);
	}
}

static void what_is_no_disk_is_refused(void **state)
{
	static const struct { const char *path, *why; } rows[] = {
		{ "/tmp/there/is/none", "No such file" }, { "/tmp", "Is a directory" },
		{ "/dev/null", "neither a file nor a block device" },
	};
	struct fixture *f = *state;

	for (unsigned i = 0; i < COUNT_OF(rows); i++) {
		f->config.path = rows[i].path;
		refused(f, rows[i].why, "");
	}
	f->config.path = "/tmp";
	f->config.read_only = true;
	refused(f, "neither a file nor a block device", "give one of them");
}

static void a_size_that_is_no_disks_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ftruncate(f->memfd, 511), 0);
	refused(f, "smaller than one sector", "larger");
	assert_int_equal(ftruncate(f->memfd, 0), 0);
	refused(f, "smaller than one sector", "larger");
	assert_int_equal(ftruncate(f->memfd, 513), 0);
	refused(f, "not a whole number of sectors", "truncate -s %4K");
	host.block = true;
	host.logical = 0;
	refused(f, "does not say how large it is", "a disk, a partition or a file");
}

/* It was wanted so that opening does not wait, and would have io_uring answer with EAGAIN where it should wait. */
static void a_disk_blocks_once_it_is_open(void **state)
{
	struct fixture *f = *state;

	open_disk(f);
	assert_true(host.open_flags & O_NONBLOCK);
	assert_int_equal(fcntl(f->disk.fd, F_GETFL) & (O_NONBLOCK | O_ACCMODE), O_RDWR);
}

/* --- locks --- */

static void a_disk_that_is_written_is_nobody_elses(void **state)
{
	struct fixture *f = *state;

	open_disk(f);
	refused(f, "another program has it open", "end that program, or add `,ro` to both");
	assert_true(host.naps > 0);
	f->config.read_only = true;
	refused(f, "another program has it open", "being written there");
}

static void a_disk_that_is_read_is_shared(void **state)
{
	struct fixture *f = *state;
	struct disk second;

	f->config.read_only = true;
	open_disk(f);
	assert_int_equal(disk_open(&second, &f->config, &f->sys, &f->error), 0);
	disk_close(&second, &f->sys);
	f->config.read_only = false;
	refused(f, "another program has it open", "");
}

static void a_disk_that_is_closed_is_free_again(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 2; i++) {
		open_disk(f);
		disk_close(&f->disk, &f->sys);
		f->open = false;
	}
}

/* Some sandboxes and file systems do not know F_OFD_SETLK. */
static void without_locks_of_descriptions_others_keep_kvicks_apart(void **state)
{
	static const int errors[] = { EINVAL, ENOLCK, EOPNOTSUPP };
	struct fixture *f = *state;
	struct disk second;

	for (unsigned i = 0; i < COUNT_OF(errors); i++) {
		host.lock_result = -errors[i];
		f->config.read_only = false;
		open_disk(f);
		refused(f, "another program has it open", "end that program");
		f->config.read_only = true;
		refused(f, "another program has it open", "being written there");
		disk_close(&f->disk, &f->sys);
		open_disk(f);
		assert_int_equal(disk_open(&second, &f->config, &f->sys, &f->error), 0);
		disk_close(&second, &f->sys);
		disk_close(&f->disk, &f->sys);
		f->open = false;
	}
}

static void without_any_locks_nobody_watches(void **state)
{
	struct fixture *f = *state;
	struct disk second;

	host.lock_result = -ENOLCK;
	host.flock_result = -ENOLCK;
	open_disk(f);
	assert_int_equal(disk_open(&second, &f->config, &f->sys, &f->error), 0);
	disk_close(&second, &f->sys);
}

/* --- block devices --- */

static void a_block_device_is_offered_what_it_can_do(void **state)
{
	static const struct { const char *discard, *write_zeroes; bool discards, zeroes; } rows[] = {
		{ "4294966784\n", "4294966784\n", true, true },
		{ "0\n", "65536\n", false, true },
		{ "65536\n", "0\n", false, false }, /* a hole is made by zeroing */
		{ "0\n", "0\n", false, false },
		{ NULL, NULL, false, false },
		{ "65536\n", NULL, false, false },
		{ "\n", "x", false, false },
	};
	struct fixture *f = *state;

	host.block = true;
	for (unsigned i = 0; i < 2 * COUNT_OF(rows); i++) {
		host.discard = rows[i / 2].discard;
		host.write_zeroes = rows[i / 2].write_zeroes;
		host.partition = i % 2; /* which has its disk's */
		open_disk(f);
		assert_int_equal(f->disk.discards, rows[i / 2].discards);
		assert_int_equal(f->disk.zeroes, rows[i / 2].zeroes);
		disk_close(&f->disk, &f->sys);
	}
	f->open = false;
	assert_int_equal(host.punches, 0);
}

static void a_block_device_that_is_only_read_is_offered_neither(void **state)
{
	struct fixture *f = *state;

	host.block = host.read_only = f->config.read_only = true;
	host.discard = host.write_zeroes = "65536\n";
	open_disk(f);
	assert_false(f->disk.discards || f->disk.zeroes);
	assert_false(host.open_flags & O_EXCL); /* others may read it, and have it mounted */
}

static void a_file_is_offered_what_its_file_system_can_do(void **state)
{
	struct fixture *f = *state;

	open_disk(f);
	assert_true(f->disk.discards && f->disk.zeroes); /* tmpfs makes holes */
	assert_int_equal(host.punches, 1);
	assert_int_equal(lseek(f->memfd, 0, SEEK_END), BYTES);
}

static void a_block_device_has_the_units_that_it_says(void **state)
{
	struct fixture *f = *state;

	host.block = true;
	host.logical = 4096;
	host.physical = 16384;
	open_disk(f);
	assert_int_equal(f->disk.logical_bytes, 4096);
	assert_int_equal(f->disk.physical_bytes, 16384);
	assert_int_equal(f->disk.bytes, BYTES);
}

static void a_block_device_that_is_read_only_is_refused(void **state)
{
	struct fixture *f = *state;

	host.block = host.read_only = true;
	refused(f, "Read-only", "add `,ro`");
}

static void a_block_device_that_is_mounted_is_refused(void **state)
{
	struct fixture *f = *state;

	host.open_errnum = EBUSY;
	host.open_fails = 1000;
	refused(f, "busy", "unmount it");
	assert_true(host.open_flags & O_EXCL);
}

/* As a lock: what io_uring holds of a kvick that was killed goes some milliseconds later. */
static void a_block_device_that_is_just_being_let_go_is_waited_for(void **state)
{
	struct fixture *f = *state;

	host.block = true;
	host.open_errnum = EBUSY;
	host.open_fails = 3;
	open_disk(f);
	assert_int_equal(host.naps, 3);
}

/* --- direct I/O --- */

/* A file of a file system that has it; skips the test where /tmp has none. */
static void make_direct(struct fixture *f)
{
	int fd;

	close(f->memfd);
	strcpy(f->path, "/tmp/kvick-test-disk-XXXXXX");
	f->memfd = mkostemp(f->path, O_CLOEXEC);
	assert_int_equal(ftruncate(f->memfd, BYTES), 0);
	f->config.direct = true;
	fd = open(f->path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		skip();
	close(fd);
	host.aligned = true;
}

static void direct_io_of_a_sectors_unit_needs_one_descriptor(void **state)
{
	struct fixture *f = *state;

	make_direct(f);
	host.memory = 4;
	host.offset = 512;
	open_disk(f);
	assert_int_equal(f->disk.buffered_fd, -1);
	assert_int_equal(f->disk.direct_memory, 4);
	assert_int_equal(f->disk.direct_piece, 512);
	assert_int_equal(fcntl(f->disk.fd, F_GETFL) & (O_NONBLOCK | O_DIRECT), O_DIRECT);
}

static void direct_io_of_a_larger_unit_needs_two(void **state)
{
	static const struct { uint32_t unit, whole; } rows[] = { { 1024, 4096 }, { 4096, 4096 }, { 16384, 16384 } };
	struct fixture *f = *state;

	make_direct(f);
	for (unsigned i = 0; i < COUNT_OF(rows); i++) {
		host.memory = host.offset = rows[i].unit;
		host.opens = 0;
		open_disk(f);
		assert_int_equal(f->disk.direct_piece, rows[i].unit);
		assert_int_equal(f->disk.direct_offset, rows[i].whole); /* whole pages */
		assert_int_equal(fcntl(f->disk.fd, F_GETFL) & (O_NONBLOCK | O_DIRECT), O_DIRECT);
		assert_int_equal(fcntl(f->disk.buffered_fd, F_GETFL) & (O_NONBLOCK | O_DIRECT), 0);
		disk_close(&f->disk, &f->sys);
	}
	f->open = false;
}

static void direct_io_that_there_is_not_is_refused(void **state)
{
	static const struct { uint32_t memory, offset; } rows[] = {
		{ 0, 0 }, { 512, 0 }, { 3, 512 }, { 512, 1000 }, { 65536, 512 },
	};
	struct fixture *f = *state;

	make_direct(f);
	for (unsigned i = 0; i < COUNT_OF(rows); i++) {
		host.memory = rows[i].memory;
		host.offset = rows[i].offset;
		refused(f, "cannot do direct I/O", "leave `,direct` out");
	}
}

struct way {
	uint64_t offset;
	uint64_t at[2], bytes[2]; /* of the pieces */
	enum disk_way way;
};

static void goes(const struct disk *disk, const struct way *ways, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const struct iovec iov[2] = {
			{ (void *)ways[i].at[0], ways[i].bytes[0] }, { (void *)ways[i].at[1], ways[i].bytes[1] },
		};

		if (disk_way(disk, ways[i].offset, iov, ways[i].bytes[1] ? 2 : 1) != ways[i].way)
			fail_msg("row %u", i);
	}
}

static void without_direct_all_goes_as_it_is(void **state)
{
	static const struct way ways[] = {
		{ 0, { 0x1000 }, { 512 }, DISK_AS_IT_IS },
		{ 512, { 0x1001, 0x2003 }, { 1, 511 }, DISK_AS_IT_IS },
	};
	const struct disk disk = { .buffered_fd = -1 };

	(void)state;
	goes(&disk, ways, COUNT_OF(ways));
}

static void direct_copies_what_memory_or_pieces_do_not_suit(void **state)
{
	static const struct way ways[] = {
		{ 512, { 0x1000 }, { 512 }, DISK_AS_IT_IS },
		{ 0, { 0x1004, 0x2008 }, { 512, 1024 }, DISK_AS_IT_IS },
		{ 0, { 0x1002 }, { 512 }, DISK_BOUNCED },
		{ 0, { 0x1000, 0x2001 }, { 512, 512 }, DISK_BOUNCED },
		{ 0, { 0x1000, 0x2000 }, { 508, 4 }, DISK_BOUNCED },
	};
	const struct disk disk = {
		.buffered_fd = -1, .direct = true, .direct_memory = 4, .direct_piece = 512, .direct_offset = 512,
	};

	(void)state;
	goes(&disk, ways, COUNT_OF(ways));
}

static void direct_leaves_less_than_a_unit_to_the_page_cache(void **state)
{
	static const struct way ways[] = {
		{ 4096, { 0x1000 }, { 4096 }, DISK_AS_IT_IS },
		{ 0, { 0x1000, 0x4000 }, { 1024, 3072 }, DISK_AS_IT_IS },
		{ 0, { 0x1200 }, { 4096 }, DISK_BOUNCED },
		{ 0, { 0x1000, 0x4000 }, { 512, 3584 }, DISK_BOUNCED },
		{ 1024, { 0x1000 }, { 4096 }, DISK_BUFFERED }, /* not a whole page of the file's */
		{ 512, { 0x1000 }, { 4096 }, DISK_BUFFERED },
		{ 0, { 0x1000 }, { 512 }, DISK_BUFFERED },
		{ 0, { 0x1001 }, { 3072 }, DISK_BUFFERED },
	};
	const struct disk disk = {
		.buffered_fd = 9, .direct = true, .direct_memory = 1024, .direct_piece = 1024, .direct_offset = 4096,
	};

	(void)state;
	goes(&disk, ways, COUNT_OF(ways));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_cannot_be_opened_is_refused_with_advice),
		TEST(what_is_no_disk_is_refused),
		TEST(a_size_that_is_no_disks_is_refused),
		TEST(a_disk_blocks_once_it_is_open),
		TEST(a_disk_that_is_written_is_nobody_elses),
		TEST(a_disk_that_is_read_is_shared),
		TEST(a_disk_that_is_closed_is_free_again),
		TEST(without_locks_of_descriptions_others_keep_kvicks_apart),
		TEST(without_any_locks_nobody_watches),
		TEST(a_block_device_is_offered_what_it_can_do),
		TEST(a_block_device_that_is_only_read_is_offered_neither),
		TEST(a_file_is_offered_what_its_file_system_can_do),
		TEST(a_block_device_has_the_units_that_it_says),
		TEST(a_block_device_that_is_read_only_is_refused),
		TEST(a_block_device_that_is_mounted_is_refused),
		TEST(a_block_device_that_is_just_being_let_go_is_waited_for),
		TEST(direct_io_of_a_sectors_unit_needs_one_descriptor),
		TEST(direct_io_of_a_larger_unit_needs_two),
		TEST(direct_io_that_there_is_not_is_refused),
		cmocka_unit_test(without_direct_all_goes_as_it_is),
		cmocka_unit_test(direct_copies_what_memory_or_pieces_do_not_suit),
		cmocka_unit_test(direct_leaves_less_than_a_unit_to_the_page_cache),
	};

	return cmocka_run_group_tests_name("disk", tests, NULL, NULL);
}
