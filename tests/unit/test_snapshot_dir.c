/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots as directories: written whole or not at all, and read only if nothing is wrong with them. */
#include "tests/unit/test_unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "vmm/error.h"
#include "vmm/machine.h"
#include "vmm/snapshot_dir.h"
#include "vmm/state.h"

#define RAM  (2ull << 20)
#define PAGE GUEST_PAGE_BYTES

struct fixture {
	char root[64], path[80];
	struct sys sys;
	struct error error;
	struct snapshot_save save;
	struct snapshot_manifest manifest;
	struct snapshot_dir dir;
	uint8_t state[100];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	strcpy(f->root, "/tmp/kvick-test-XXXXXX");
	assert_non_null(mkdtemp(f->root));
	snprintf(f->path, sizeof(f->path), "%s/snap", f->root);
	memset(f->state, 0x5a, sizeof(f->state));
	return 0;
}

static int remove_all(const char *path)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf '%s'", path);
	return system(command);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(remove_all(f->root), 0);
	free(f);
	return 0;
}

static unsigned entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned count = 0;

	if (!dir)
		return 0;
	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 2;
}

/* A guest with two pages that are not zero; the second has `mark` in it. */
static int save(struct fixture *f, uint8_t mark)
{
	struct snapshot_manifest *m = &f->manifest;
	uint8_t page[PAGE] = { mark };
	int r;

	f->error = (struct error){ 0 };
	strcpy(m->kvick, "1.2.3");
	strcpy(m->image, "guest \"x\".elf");
	strcpy(m->protocol, "native");
	strcpy(m->taken, "ready");
	m->ring = 3;
	m->memory_bytes = RAM;
	m->device_count = 1;
	m->devices[0] = (struct snapshot_device){ "disk", "root", "/a,,b,id=root" };
	snapshot_cpu_read(&m->cpu);
	r = snapshot_save_begin(&f->save, f->path, &f->sys, &f->error);
	if (r == 0)
		r = snapshot_save_make(&f->save, &f->sys, &f->error);
	if (r < 0)
		return r;
	assert_int_equal(pwrite(f->save.memory_fd, page, PAGE, 3 * PAGE), PAGE);
	page[7] = 1;
	assert_int_equal(pwrite(f->save.memory_fd, page, PAGE, RAM - PAGE), PAGE);
	return snapshot_save_end(&f->save, m, f->state, sizeof(f->state), &f->sys, &f->error);
}

static int open_it(struct fixture *f)
{
	f->error = (struct error){ 0 };
	return snapshot_dir_open(&f->dir, -1, f->path, &f->sys, &f->error);
}

static void assert_refused(struct fixture *f, const char *says)
{
	int fds = lowest_free_fd();

	assert_true(open_it(f) < 0);
	assert_says(f->error.text, says);
	assert_int_equal(lowest_free_fd(), fds);
}

static uint8_t mark_of(struct fixture *f)
{
	uint8_t mark;

	assert_int_equal(open_it(f), 0);
	assert_int_equal(pread(f->dir.snapshot.memory_fd, &mark, 1, 3 * PAGE), 1);
	assert_int_equal(snapshot_dir_verify(&f->dir, &f->sys, &f->error), 0);
	snapshot_dir_close(&f->dir, &f->sys);
	return mark;
}

static char *file_of(struct fixture *f, const char *name)
{
	static char path[200];

	snprintf(path, sizeof(path), "%s/%s", f->path, name);
	return path;
}

static void put(struct fixture *f, const char *name, off_t at, const void *bytes, size_t count)
{
	int fd = open(file_of(f, name), O_WRONLY | O_CREAT, 0666);

	assert_int_equal(pwrite(fd, bytes, count, at), count);
	close(fd);
}

/* ---- right ---- */

static void what_is_saved_is_read(void **state)
{
	struct fixture *f = *state;
	int fds = lowest_free_fd();

	assert_int_equal(save(f, 9), 0);
	assert_int_equal(lowest_free_fd(), fds);
	assert_int_equal(entries(f->root), 1);
	assert_int_equal(open_it(f), 0);
	assert_memory_equal(f->dir.snapshot.state, f->state, sizeof(f->state));
	assert_int_equal(f->dir.snapshot.state_bytes, sizeof(f->state));
	assert_int_equal(f->dir.snapshot.memory_bytes, RAM);
	assert_string_equal(f->dir.snapshot.name, f->path);
	assert_null(f->dir.snapshot.working_set);
	assert_string_equal(f->dir.manifest.image, "guest \"x\".elf");
	assert_string_equal(f->dir.manifest.devices[0].words, "/a,,b,id=root");
	assert_int_equal(snapshot_manifest_check_host(&f->dir.manifest, f->path, &f->sys, &f->error), 0);
	snapshot_dir_close(&f->dir, &f->sys);
	assert_int_equal(lowest_free_fd(), fds);
	assert_int_equal(mark_of(f), 9);
}

static void a_descriptor_says_where_it_is(void **state)
{
	struct fixture *f = *state;
	int fds, fd;

	assert_int_equal(save(f, 9), 0);
	fds = lowest_free_fd();
	fd = open(f->path, O_RDONLY | O_DIRECTORY);
	assert_int_equal(snapshot_dir_open(&f->dir, fd, "some name", &f->sys, &f->error), 0);
	snapshot_dir_close(&f->dir, &f->sys);
	assert_int_equal(lowest_free_fd(), fds);
}

static void another_takes_its_place(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(save(f, 1), 0);
	assert_int_equal(save(f, 2), 0);
	assert_int_equal(mark_of(f), 2);
	assert_int_equal(entries(f->root), 1);
}

static void an_empty_directory_is_taken(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdir(f->path, 0777), 0);
	assert_int_equal(save(f, 1), 0);
	assert_int_equal(mark_of(f), 1);
}

static void memory_that_was_copied_without_holes_is_the_same(void **state)
{
	struct fixture *f = *state;
	char command[300];

	assert_int_equal(save(f, 1), 0);
	snprintf(command, sizeof(command), "cd %s && cp --sparse=never memory dense && mv dense memory", f->path);
	assert_int_equal(system(command), 0);
	assert_int_equal(mark_of(f), 1);
}

/* ---- what is not overwritten ---- */

static void a_directory_with_something_else_in_it_stays(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(save(f, 1), 0);
	put(f, "letter", 0, "x", 1);
	assert_int_equal(save(f, 2), -EEXIST);
	assert_int_equal(f->error.kind, ERROR_USAGE);
	assert_says(f->error.text, "letter is in it");
	assert_int_equal(mark_of(f), 1);
	assert_int_equal(entries(f->root), 1);
}

static void a_file_and_a_link_stay(void **state)
{
	struct fixture *f = *state;
	char other[100];

	close(open(f->path, O_WRONLY | O_CREAT, 0666));
	assert_int_equal(save(f, 1), -EEXIST);
	assert_says(f->error.text, "it is there and is no directory");
	snprintf(other, sizeof(other), "%s/other", f->root);
	assert_int_equal(mkdir(other, 0777), 0);
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(symlink("other", f->path), 0);
	assert_int_equal(save(f, 1), -EEXIST);
	assert_int_equal(entries(other), 0);
	assert_int_equal(entries(f->root), 2);
}

static void names_that_are_none_are_refused(void **state)
{
	static const char *const names[] = { "", "/", ".", "..", "a/..", "//" };
	struct fixture *f = *state;
	int fds = lowest_free_fd();
	char longest[300];

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		f->error = (struct error){ 0 };
		assert_int_equal(snapshot_save_begin(&f->save, names[i], &f->sys, &f->error), -EINVAL);
		assert_int_equal(f->error.kind, ERROR_USAGE);
	}
	memset(longest, 'x', sizeof(longest));
	for (size_t bytes = 200; bytes < sizeof(longest); bytes++) {
		longest[bytes] = '\0';
		f->error = (struct error){ 0 };
		if (snapshot_save_begin(&f->save, longest, &f->sys, &f->error) == 0)
			snapshot_save_abandon(&f->save, &f->sys);
		longest[bytes] = 'x';
	}
	assert_int_equal(lowest_free_fd(), fds);
}

static void slashes_at_the_end_do_not_matter(void **state)
{
	struct fixture *f = *state;

	strcat(f->path, "//");
	assert_int_equal(save(f, 1), 0);
	assert_int_equal(save(f, 2), 0);
	assert_int_equal(mark_of(f), 2);
	assert_int_equal(entries(f->root), 1);
}

/* ---- what goes wrong while it is written ---- */

static void whatever_call_fails_the_old_one_stays(void **state)
{
	static const int errors[] = { ENOSPC, EIO, EINTR, EPERM };
	struct fixture *f = *state;
	uint8_t mark = 1;

	assert_int_equal(save(f, mark), 0);
	for (size_t e = 0; e < COUNT_OF(errors); e++) {
		bool failed = true;

		for (unsigned call = 1; failed; call++) {
			int fds = lowest_free_fd(), r;

			assert_true(call < 200);
			f->sys = (struct sys){ .fail_at = call, .fail_errno = errors[e] };
			r = save(f, mark + 1);
			failed = f->sys.calls >= call;
			f->sys = (struct sys){ 0 };
			assert_int_equal(lowest_free_fd(), fds);
			if (r == 0)
				mark++;
			else
				assert_true(f->error.kind != ERROR_NONE && f->error.text[0]);
			if (mark_of(f) != mark)
				fail_msg("call %u, errno %d, result %d: another is there", call, errors[e], r);
		}
	}
}

static void a_failure_leaves_nothing_behind(void **state)
{
	struct fixture *f = *state;
	bool failed = true;

	for (unsigned call = 1; failed; call++) {
		int r;

		f->sys = (struct sys){ .fail_at = call, .fail_errno = ENOSPC };
		r = save(f, 1);
		failed = f->sys.calls >= call;
		f->sys = (struct sys){ 0 };
		if (r < 0)
			assert_int_equal(entries(f->root), 0);
		else if (failed)
			assert_int_equal(mark_of(f), 1);
		if (r == 0)
			assert_int_equal(remove_all(f->path), 0);
	}
}

static void a_file_that_may_not_grow_leaves_the_old_one(void **state)
{
	struct fixture *f = *state;
	struct rlimit before, little;

	assert_int_equal(save(f, 1), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	little = (struct rlimit){ 100, before.rlim_max };
	assert_int_equal(snapshot_save_begin(&f->save, f->path, &f->sys, &f->error), 0);
	assert_int_equal(snapshot_save_make(&f->save, &f->sys, &f->error), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	assert_int_equal(snapshot_save_end(&f->save, &f->manifest, f->state, sizeof(f->state), &f->sys, &f->error), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_says(f->error.text, "make room");
	assert_int_equal(mark_of(f), 1);
	assert_int_equal(entries(f->root), 1);
}

/* ---- what is wrong with one that is read ---- */

static void a_missing_directory_or_file_is_named(void **state)
{
	static const char *const names[] = { SNAPSHOT_MEMORY, SNAPSHOT_STATE, SNAPSHOT_MANIFEST };
	struct fixture *f = *state;

	assert_refused(f, "take a snapshot first");
	assert_int_equal(save(f, 1), 0);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		assert_int_equal(unlink(file_of(f, names[i])), 0);
		assert_refused(f, names[i]);
		assert_says(f->error.text, "a part of it is missing");
	}
}

static void links_fifos_and_directories_are_not_read(void **state)
{
	static const char *const names[] = { SNAPSHOT_MEMORY, SNAPSHOT_STATE, SNAPSHOT_MANIFEST };
	struct fixture *f = *state;
	char copy[200];

	assert_int_equal(save(f, 1), 0);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		strcpy(copy, file_of(f, "copy"));
		assert_int_equal(rename(file_of(f, names[i]), copy), 0);
		assert_int_equal(symlink("copy", file_of(f, names[i])), 0);
		assert_refused(f, "it is a symbolic link, and none is followed");
		assert_int_equal(unlink(file_of(f, names[i])), 0);
		assert_int_equal(mkfifo(file_of(f, names[i]), 0666), 0);
		assert_refused(f, "not a regular file");
		assert_int_equal(unlink(file_of(f, names[i])), 0);
		assert_int_equal(mkdir(file_of(f, names[i]), 0777), 0);
		assert_refused(f, "not a regular file");
		assert_int_equal(rmdir(file_of(f, names[i])), 0);
		assert_int_equal(rename(copy, file_of(f, names[i])), 0);
	}
	assert_int_equal(mark_of(f), 1);
}

static void sizes_are_those_of_the_manifest(void **state)
{
	static const struct {
		const char *name;
		off_t bytes;
	} sizes[] = {
		{ SNAPSHOT_STATE, 99 }, { SNAPSHOT_STATE, 101 }, { SNAPSHOT_STATE, 0 }, { SNAPSHOT_STATE, STATE_BYTES_MAX * 4l },
		{ SNAPSHOT_MEMORY, RAM - 1 }, { SNAPSHOT_MEMORY, RAM + 1 }, { SNAPSHOT_MEMORY, 0 }, { SNAPSHOT_MEMORY, 1l << 40 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		assert_int_equal(save(f, 1), 0);
		assert_int_equal(truncate(file_of(f, sizes[i].name), sizes[i].bytes), 0);
		assert_refused(f, "cut short or another's");
		assert_says(f->error.text, sizes[i].name);
	}
}

/* Its bytes, for a test that spoils them and puts them back. */
static size_t slurp(struct fixture *f, const char *name, char *into, size_t max)
{
	int fd = open(file_of(f, name), O_RDONLY);
	ssize_t n = read(fd, into, max);

	assert_true(n > 0 && (size_t)n < max);
	close(fd);
	return (size_t)n;
}

static void a_changed_byte_is_seen(void **state)
{
	static char text[SNAPSHOT_MANIFEST_BYTES_MAX];
	struct fixture *f = *state;
	size_t bytes;

	assert_int_equal(save(f, 1), 0);
	bytes = slurp(f, SNAPSHOT_MANIFEST, text, sizeof(text));
	for (size_t at = 0; at < bytes; at++) {
		put(f, SNAPSHOT_MANIFEST, (off_t)at, "\x01", 1);
		assert_refused(f, SNAPSHOT_MANIFEST);
		put(f, SNAPSHOT_MANIFEST, (off_t)at, &text[at], 1);
	}
	for (size_t cut = 0; cut < bytes; cut++) {
		assert_int_equal(truncate(file_of(f, SNAPSHOT_MANIFEST), (off_t)cut), 0);
		assert_refused(f, SNAPSHOT_MANIFEST);
		put(f, SNAPSHOT_MANIFEST, 0, text, bytes);
	}
	assert_int_equal(mark_of(f), 1);
	put(f, SNAPSHOT_STATE, 50, "x", 1);
	assert_refused(f, "state: not of the checksum");
}

static void a_changed_byte_of_memory_is_seen_by_verifying(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(save(f, 1), 0);
	put(f, SNAPSHOT_MEMORY, 10 * PAGE, "x", 1); /* where a hole was */
	assert_int_equal(open_it(f), 0);
	assert_int_equal(snapshot_dir_verify(&f->dir, &f->sys, &f->error), -EBADMSG);
	assert_says(f->error.text, "memory: not of the checksum");
	snapshot_dir_close(&f->dir, &f->sys);
}

static void whatever_call_fails_reading_leaks_nothing(void **state)
{
	struct fixture *f = *state;
	bool failed = true;

	assert_int_equal(save(f, 1), 0);
	for (unsigned call = 1; failed; call++) {
		int fds = lowest_free_fd(), r;

		f->sys = (struct sys){ .fail_at = call, .fail_errno = EIO };
		r = open_it(f);
		failed = f->sys.calls >= call;
		f->sys = (struct sys){ 0 };
		if (r == 0)
			snapshot_dir_close(&f->dir, &f->sys);
		else
			assert_true(f->error.kind != ERROR_NONE);
		assert_int_equal(lowest_free_fd(), fds);
	}
}

/* ---- working sets ---- */

/* A machine that has read page 3, which is of the file, and written page 5. */
static void record(struct fixture *f, struct machine *m)
{
	volatile uint8_t *ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, f->dir.snapshot.memory_fd, 0);

	assert_true(ram != MAP_FAILED);
	assert_int_equal(madvise((void *)(uintptr_t)ram, RAM, MADV_RANDOM), 0);
	*m = (struct machine){ .mem = { .host = (uint8_t *)(uintptr_t)ram, .bytes = RAM } };
	snapshot_dir_record(&f->dir, &f->sys);
	(void)ram[3 * PAGE];
	ram[5 * PAGE] = 1;
	snapshot_dir_recorded(&f->dir, m, &f->sys);
	munmap((void *)(uintptr_t)ram, RAM);
}

static void record_once(struct fixture *f)
{
	struct machine *m = calloc(1, sizeof(*m));

	assert_int_equal(open_it(f), 0);
	assert_null(f->dir.snapshot.working_set);
	record(f, m);
	snapshot_dir_close(&f->dir, &f->sys);
	free(m);
}

static bool has_set(struct fixture *f)
{
	bool has;

	assert_int_equal(open_it(f), 0);
	has = f->dir.snapshot.working_set;
	snapshot_dir_close(&f->dir, &f->sys);
	return has;
}

static void a_working_set_is_recorded_once_and_read(void **state)
{
	struct fixture *f = *state;
	int fds = lowest_free_fd();

	assert_int_equal(save(f, 1), 0);
	record_once(f);
	assert_int_equal(open_it(f), 0);
	assert_non_null(f->dir.snapshot.working_set);
	assert_true(f->dir.set.write_count == 1 && f->dir.set.writes[0].at == 5 * PAGE && f->dir.set.writes[0].bytes == PAGE);
	assert_true(f->dir.set.count >= 1 && f->dir.set.reads[0].at <= 3 * PAGE);
	snapshot_dir_record(&f->dir, &f->sys);
	assert_int_equal(f->dir.set_fd, -1);
	snapshot_dir_close(&f->dir, &f->sys);
	assert_int_equal(lowest_free_fd(), fds);
}

static void a_working_set_that_is_torn_or_changed_is_recorded_anew(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(save(f, 1), 0);
	record_once(f);
	assert_int_equal(stat(file_of(f, SNAPSHOT_SET), &st), 0);
	for (off_t at = 0; at < st.st_size; at++) {
		uint8_t byte;
		int fd = open(file_of(f, SNAPSHOT_SET), O_RDWR);

		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 1;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		close(fd);
		record_once(f);
		assert_true(has_set(f));
		assert_int_equal(truncate(file_of(f, SNAPSHOT_SET), at), 0);
		record_once(f);
		assert_true(has_set(f));
	}
}

static void a_working_set_of_another_snapshot_is_none(void **state)
{
	struct fixture *f = *state;
	char kept[100];

	snprintf(kept, sizeof(kept), "%s/kept", f->root);
	assert_int_equal(save(f, 1), 0);
	record_once(f);
	assert_int_equal(rename(file_of(f, SNAPSHOT_SET), kept), 0);
	f->state[0]++;
	assert_int_equal(save(f, 1), 0);
	assert_int_equal(rename(kept, file_of(f, SNAPSHOT_SET)), 0);
	assert_false(has_set(f));
}

static void nobody_records_what_another_is_recording(void **state)
{
	struct fixture *f = *state;
	int fd;

	assert_int_equal(save(f, 1), 0);
	fd = open(file_of(f, SNAPSHOT_SET), O_RDWR | O_CREAT, 0666);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(open_it(f), 0);
	snapshot_dir_record(&f->dir, &f->sys);
	assert_int_equal(f->dir.set_fd, -1);
	snapshot_dir_close(&f->dir, &f->sys);
	close(fd);
	record_once(f);
	assert_true(has_set(f));
}

static void a_link_under_its_name_is_not_written_through(void **state)
{
	struct fixture *f = *state;
	char victim[100];
	struct stat st;

	snprintf(victim, sizeof(victim), "%s/victim", f->root);
	assert_int_equal(save(f, 1), 0);
	close(open(victim, O_WRONLY | O_CREAT, 0666));
	assert_int_equal(symlink(victim, file_of(f, SNAPSHOT_SET)), 0);
	record_once(f);
	assert_int_equal(unlink(file_of(f, SNAPSHOT_SET)), 0);
	assert_int_equal(link(victim, file_of(f, SNAPSHOT_SET)), 0);
	record_once(f);
	assert_int_equal(stat(victim, &st), 0);
	assert_int_equal(st.st_size, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_saved_is_read),
		TEST(a_descriptor_says_where_it_is),
		TEST(another_takes_its_place),
		TEST(an_empty_directory_is_taken),
		TEST(memory_that_was_copied_without_holes_is_the_same),
		TEST(a_directory_with_something_else_in_it_stays),
		TEST(a_file_and_a_link_stay),
		TEST(names_that_are_none_are_refused),
		TEST(slashes_at_the_end_do_not_matter),
		TEST(whatever_call_fails_the_old_one_stays),
		TEST(a_failure_leaves_nothing_behind),
		TEST(a_file_that_may_not_grow_leaves_the_old_one),
		TEST(a_missing_directory_or_file_is_named),
		TEST(links_fifos_and_directories_are_not_read),
		TEST(sizes_are_those_of_the_manifest),
		TEST(a_changed_byte_is_seen),
		TEST(a_changed_byte_of_memory_is_seen_by_verifying),
		TEST(whatever_call_fails_reading_leaks_nothing),
		TEST(a_working_set_is_recorded_once_and_read),
		TEST(a_working_set_that_is_torn_or_changed_is_recorded_anew),
		TEST(a_working_set_of_another_snapshot_is_none),
		TEST(nobody_records_what_another_is_recording),
		TEST(a_link_under_its_name_is_not_written_through),
	};

	return cmocka_run_group_tests_name("snapshot_dir", tests, NULL, NULL);
}
