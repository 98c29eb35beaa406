/* SPDX-License-Identifier: Apache-2.0 */
/* Host facts, remembered: believed only where they are of this host and nobody else could have written them. */
#include "tests/unit/test_unit.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <kvick/hypercall.h>

#include "vmm/cpu_model.h"
#include "vmm/host_cache.h"
#include "vmm/host_probe.h"
#include "vmm/kvm.h"
#include "vmm/sys.h"

#define CONTENT_BYTES 512

struct fixture {
	struct sys sys;
	struct kvm kvm; /* any file does: only what fstat() says counts */
	char root[64];
	char path[HOST_CACHE_PATH_BYTES];
	struct host_facts facts, got;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	strcpy(f->root, "/tmp/kvick-test-XXXXXX");
	f->kvm.fd = memfd_create("kvm", MFD_CLOEXEC);
	f->facts = (struct host_facts){ .ring0_insn_ps = 330, .ring3_insn_ps = 331, .ring0_native = true,
				       .tss_available = true, .doorbell = KVICK_DOORBELL_VMMCALL, .run_bytes = 12288 };
	if (f->kvm.fd < 0 || !mkdtemp(f->root) || unsetenv("KVICK_HOST_FACTS") < 0 ||
	    setenv("XDG_RUNTIME_DIR", f->root, 1) < 0)
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/kvick/host-facts", f->root);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char folder[80], other[80], cpuid[100];

	snprintf(folder, sizeof(folder), "%s/kvick", f->root);
	snprintf(other, sizeof(other), "%s/other", f->root);
	snprintf(cpuid, sizeof(cpuid), "%s/kvick/host-cpuid", f->root);
	unlink(cpuid);
	unlink(f->path);
	rmdir(f->path);
	rmdir(folder);
	unlink(folder);
	unlink(other);
	close(f->kvm.fd);
	if (rmdir(f->root) < 0)
		fail_msg("%s: something is left in it", f->root);
	free(f);
	return 0;
}

static bool read_back(struct fixture *f)
{
	return host_cache_read(&f->kvm, &f->got, &f->sys);
}

static void assert_written(struct fixture *f)
{
	assert_true(host_cache_write(&f->kvm, &f->facts, NULL, &f->sys));
	assert_true(read_back(f));
}

static size_t content(struct fixture *f, char line[CONTENT_BYTES])
{
	int fd = open(f->path, O_RDONLY);
	ssize_t n = read(fd, line, CONTENT_BYTES - 1);

	close(fd);
	line[n] = '\0';
	return (size_t)n;
}

/* Puts other content into the file, by the same user and with the same permissions. */
static void put(struct fixture *f, const char *line, size_t bytes)
{
	int fd = open(f->path, O_WRONLY | O_TRUNC);

	assert_int_equal(write(fd, line, bytes), bytes);
	close(fd);
}

static void the_path_is_in_the_runtime_folder(void **state)
{
	struct fixture *f = *state;
	char path[HOST_CACHE_PATH_BYTES];

	assert_true(host_cache_write(&f->kvm, &f->facts, path, &f->sys));
	assert_string_equal(path, f->path);
	assert_int_equal(access(path, R_OK), 0);
}

static void a_folder_named_by_the_environment_is_taken_instead(void **state)
{
	struct fixture *f = *state;
	char path[HOST_CACHE_PATH_BYTES], folder[80], expected[100];

	snprintf(folder, sizeof(folder), "%s/other", f->root);
	snprintf(expected, sizeof(expected), "%s/host-facts", folder);
	setenv("KVICK_HOST_FACTS", folder, 1);
	assert_true(host_cache_write(&f->kvm, &f->facts, path, &f->sys));
	assert_string_equal(path, expected);
	assert_true(read_back(f));
	assert_int_not_equal(access(f->path, F_OK), 0);
	unlink(path);
	rmdir(folder);
}

static void an_empty_name_in_the_environment_is_none(void **state)
{
	struct fixture *f = *state;
	char path[HOST_CACHE_PATH_BYTES];

	setenv("KVICK_HOST_FACTS", "", 1);
	assert_true(host_cache_write(&f->kvm, &f->facts, path, &f->sys));
	assert_string_equal(path, f->path);
	assert_true(read_back(f));
}

static void a_relative_name_in_the_environment_is_no_folder(void **state)
{
	struct fixture *f = *state;
	int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(host_cache_write(&f->kvm, &f->facts, NULL, &f->sys)); /* where it would be found */
	assert_int_equal(chdir(f->root), 0);
	setenv("KVICK_HOST_FACTS", "kvick", 1);
	assert_false(host_cache_write(&f->kvm, &f->facts, NULL, &f->sys));
	assert_false(read_back(f));
	assert_int_equal(fchdir(here), 0);
	close(here);
}

static void a_folder_of_somebody_else_is_not_written_to(void **state)
{
	struct fixture *f = *state;
	char folder[80];

	snprintf(folder, sizeof(folder), "%s/other", f->root);
	assert_int_equal(mkdir(folder, 0777), 0);
	assert_int_equal(chmod(folder, 0777), 0); /* anybody's, as good as somebody else's */
	setenv("KVICK_HOST_FACTS", folder, 1);
	assert_false(host_cache_write(&f->kvm, &f->facts, NULL, &f->sys));
	rmdir(folder);
}

static void the_longest_folder_that_fits_overflows_nothing(void **state)
{
	struct fixture *f = *state;
	struct {
		char path[HOST_CACHE_PATH_BYTES];
		char after;
	} p = { .after = 7 };
	char folder[HOST_CACHE_PATH_BYTES + 1];

	/* Through a folder that is not there, so that nothing is made. */
	for (size_t length = 20; length < sizeof(folder); length++) {
		memset(folder, 'x', length);
		memcpy(folder, "/nonexistent/", 13);
		folder[length] = '\0';
		setenv("KVICK_HOST_FACTS", folder, 1);
		assert_false(host_cache_write(&f->kvm, &f->facts, p.path, &f->sys));
		assert_int_equal(p.after, 7);
	}
}

static void what_is_not_there_is_not_read(void **state)
{
	assert_false(read_back(*state));
}

static void facts_make_the_round_trip(void **state)
{
	struct fixture *f = *state;

	assert_written(f);
	assert_int_equal(f->got.ring0_insn_ps, 330);
	assert_int_equal(f->got.ring3_insn_ps, 331);
	assert_true(f->got.ring0_native);
	assert_true(f->got.tss_available);
	assert_int_equal(f->got.doorbell, KVICK_DOORBELL_VMMCALL);
	assert_int_equal(f->got.run_bytes, 12288);
}

static void facts_of_an_emulated_ring_0_make_it_too(void **state)
{
	struct fixture *f = *state;

	f->facts.ring0_insn_ps = RING0_NATIVE_PS_MAX + 1;
	f->facts.ring0_native = f->facts.tss_available = false;
	f->facts.doorbell = KVICK_DOORBELL_PORT;
	assert_written(f);
	assert_int_equal(f->got.ring0_insn_ps, RING0_NATIVE_PS_MAX + 1);
	assert_false(f->got.ring0_native);
	assert_false(f->got.tss_available);
	assert_int_equal(f->got.doorbell, KVICK_DOORBELL_PORT);
}

static void a_doorbell_that_there_is_not_is_refused(void **state)
{
	struct fixture *f = *state;

	f->facts.doorbell = KVICK_DOORBELL_VMMCALL + 1;
	assert_true(host_cache_write(&f->kvm, &f->facts, NULL, &f->sys));
	assert_false(read_back(f));
}

static void a_kvm_run_of_no_such_size_is_refused(void **state)
{
	static const size_t sizes[] = { 0, 4095, 4097, 2u << 20, UINT32_MAX };
	struct fixture *f = *state;

	for (unsigned i = 0; i < COUNT_OF(sizes); i++) {
		f->facts.run_bytes = sizes[i];
		assert_true(host_cache_write(&f->kvm, &f->facts, NULL, &f->sys));
		assert_false(read_back(f));
		assert_int_equal(f->got.run_bytes, 0);
	}
}

static void writing_again_replaces(void **state)
{
	struct fixture *f = *state;

	assert_written(f);
	f->facts.ring3_insn_ps = 999;
	assert_written(f);
	assert_int_equal(f->got.ring3_insn_ps, 999);
}

static void nothing_else_is_left_in_the_folder(void **state)
{
	struct fixture *f = *state;
	char folder[80];

	assert_written(f);
	snprintf(folder, sizeof(folder), "%s/kvick", f->root);
	unlink(f->path);
	assert_int_equal(rmdir(folder), 0);
}

static void only_here(struct fixture *f)
{
	char folder[80];

	snprintf(folder, sizeof(folder), "%s/kvick", f->root);
	setenv("KVICK_HOST_FACTS", folder, 1);
}

static void a_descriptor_is_never_left_open(void **state)
{
	struct fixture *f = *state;
	int before = lowest_free_fd();

	only_here(f);

	for (unsigned at = 0; at < 12; at++) {
		f->sys = (struct sys){ .fail_at = at, .fail_errno = EIO };
		host_cache_write(&f->kvm, &f->facts, NULL, &f->sys);
		f->sys = (struct sys){ .fail_at = at, .fail_errno = EIO };
		read_back(f);
		assert_int_equal(lowest_free_fd(), before);
	}
}

/* The N-th call of a write fails: either the old facts or the new ones are there, or none. */
static void a_write_that_fails_anywhere_leaves_nothing_half_done(void **state)
{
	struct fixture *f = *state;

	only_here(f);
	for (unsigned at = 1; at < 10; at++) {
		f->sys = (struct sys){ .fail_at = at, .fail_errno = ENOSPC };
		f->facts.ring3_insn_ps = 1000 + at;
		bool written = host_cache_write(&f->kvm, &f->facts, NULL, &f->sys);

		f->sys = (struct sys){ 0 };
		if (read_back(f))
			assert_true(f->got.ring3_insn_ps == f->facts.ring3_insn_ps || !written);
		else
			assert_false(written);
	}
}

static void a_file_that_others_may_write_is_refused(void **state)
{
	static const mode_t modes[] = { 0646, 0664, 0666, 0777 };
	struct fixture *f = *state;

	assert_written(f);
	for (unsigned i = 0; i < COUNT_OF(modes); i++) {
		assert_int_equal(chmod(f->path, modes[i]), 0);
		assert_false(read_back(f));
	}
	assert_int_equal(chmod(f->path, 0600), 0);
	assert_true(read_back(f));
}

static void a_file_of_another_user_is_refused(void **state)
{
	struct fixture *f = *state;

	if (geteuid() != 0)
		skip();
	assert_written(f);
	assert_int_equal(chown(f->path, 12345, (gid_t)-1), 0);
	assert_false(read_back(f));
}

static void a_symbolic_link_is_refused(void **state)
{
	struct fixture *f = *state;
	char other[80];

	assert_written(f);
	snprintf(other, sizeof(other), "%s/other", f->root);
	assert_int_equal(rename(f->path, other), 0);
	assert_int_equal(symlink(other, f->path), 0);
	assert_false(read_back(f));
}

static void a_folder_in_its_place_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_written(f);
	unlink(f->path);
	assert_int_equal(mkdir(f->path, 0755), 0);
	assert_false(read_back(f));
}

/* Opening one for reading would wait for a writer. */
static void a_pipe_in_its_place_is_refused_at_once(void **state)
{
	struct fixture *f = *state;

	assert_written(f);
	unlink(f->path);
	assert_int_equal(mkfifo(f->path, 0600), 0);
	assert_false(read_back(f));
}

static void facts_of_another_kvm_are_refused(void **state)
{
	struct fixture *f = *state;
	int other = memfd_create("other", MFD_CLOEXEC), own = f->kvm.fd;

	assert_written(f);
	f->kvm.fd = other;
	assert_false(read_back(f));
	f->kvm.fd = own;
	assert_true(read_back(f));
	close(other);
}

static void facts_of_a_kvm_that_was_loaded_anew_are_refused(void **state)
{
	struct fixture *f = *state;

	assert_written(f);
	usleep(20000); /* the same node, changed since: coarse clocks tick by then */
	assert_int_equal(fchmod(f->kvm.fd, 0600), 0);
	assert_false(read_back(f));
}

static void a_file_cut_short_anywhere_is_refused(void **state)
{
	struct fixture *f = *state;
	char line[CONTENT_BYTES];
	size_t bytes;

	assert_written(f);
	bytes = content(f, line);
	for (size_t i = 0; i < bytes; i++) {
		put(f, line, i);
		assert_false(read_back(f));
	}
	put(f, line, bytes);
	assert_true(read_back(f));
}

static void a_file_with_any_bit_changed_is_refused(void **state)
{
	struct fixture *f = *state;
	char line[CONTENT_BYTES];
	size_t bytes;

	assert_written(f);
	bytes = content(f, line);
	for (size_t i = 0; i < bytes * 8; i++) {
		line[i / 8] ^= (char)(1 << i % 8);
		put(f, line, bytes);
		assert_false(read_back(f));
		line[i / 8] ^= (char)(1 << i % 8);
	}
}

static void a_file_with_more_in_it_is_refused(void **state)
{
	struct fixture *f = *state;
	char line[CONTENT_BYTES];
	size_t bytes;

	assert_written(f);
	bytes = content(f, line);
	line[bytes] = '\n';
	put(f, line, bytes + 1);
	assert_false(read_back(f));
	memset(line + bytes, 'x', sizeof(line) - bytes);
	put(f, line, sizeof(line));
	assert_false(read_back(f));
}

static void garbage_is_refused(void **state)
{
	static const char *const lines[] = { "\n", "garbage", "kvick facts 002\n", "kvick-host-facts 1 kvm=0:0:0.0 ring0_ps=1\n" };
	struct fixture *f = *state;

	assert_written(f);
	for (unsigned i = 0; i < COUNT_OF(lines); i++) {
		put(f, lines[i], strlen(lines[i]));
		assert_false(read_back(f));
	}
	put(f, "\0\0\0\0", 4);
	assert_false(read_back(f));
}

static void without_a_runtime_folder_nothing_is_written(void **state)
{
	struct fixture *f = *state;

	setenv("KVICK_HOST_FACTS", "/nonexistent/folder", 1);
	assert_false(host_cache_write(&f->kvm, &f->facts, NULL, &f->sys));
	assert_false(read_back(f));
}

/* ---- CPUID ---- */

static void cpuid_of(struct cpu_table *table, uint32_t count)
{
	memset(table, 0, sizeof(*table));
	table->count = count;
	for (uint32_t i = 0; i < count; i++)
		table->entries[i] = (struct kvm_cpuid_entry2){ .function = i, .eax = i * 3, .edx = ~i };
}

static void assert_cpuid(struct fixture *f, uint32_t count)
{
	struct cpu_table table, got;

	cpuid_of(&table, count);
	host_cache_write_cpuid(&f->kvm, &table, &f->sys);
	memset(&got, 0xff, sizeof(got));
	assert_true(host_cache_read_cpuid(&f->kvm, &got, &f->sys));
	assert_int_equal(got.count, count);
	assert_memory_equal(got.entries, table.entries, count * sizeof(table.entries[0]));
}

static void cpuid_is_remembered(void **state)
{
	struct cpu_table got;

	assert_false(host_cache_read_cpuid(&((struct fixture *)*state)->kvm, &got, &((struct fixture *)*state)->sys));
	assert_cpuid(*state, 40);
	assert_cpuid(*state, 1);
	assert_cpuid(*state, CPU_ENTRIES_MAX);
}

static void cpuid_of_another_kvm_is_not_believed(void **state)
{
	struct fixture *f = *state;
	struct kvm other = { .fd = memfd_create("other", MFD_CLOEXEC) };
	struct cpu_table got;

	assert_cpuid(f, 40);
	assert_false(host_cache_read_cpuid(&other, &got, &f->sys));
	close(other.fd);
}

/* Each byte of the file, changed, and each length that it can be cut to; and one byte more. */
static void cpuid_that_is_not_what_was_written_is_not_believed(void **state)
{
	struct fixture *f = *state;
	static uint8_t file[65536];
	struct cpu_table got;
	char path[100];
	size_t bytes;
	int fd;

	assert_cpuid(f, 3);
	snprintf(path, sizeof(path), "%s/kvick/host-cpuid", f->root);
	fd = open(path, O_RDWR);
	bytes = (size_t)read(fd, file, sizeof(file));
	for (size_t i = 0; i < bytes; i++) {
		file[i] ^= 1;
		assert_int_equal(pwrite(fd, file, bytes, 0), bytes);
		assert_false(host_cache_read_cpuid(&f->kvm, &got, &f->sys));
		file[i] ^= 1;
	}
	assert_int_equal(pwrite(fd, file, bytes + 1, 0), bytes + 1);
	assert_false(host_cache_read_cpuid(&f->kvm, &got, &f->sys));
	for (size_t cut = 0; cut < bytes; cut++) {
		assert_int_equal(ftruncate(fd, (off_t)cut), 0);
		assert_false(host_cache_read_cpuid(&f->kvm, &got, &f->sys));
	}
	close(fd);
}

/* ---- scans of images ---- */

/* Files that nobody has changed lately. */
#define IMAGE   "/bin/sh"
#define TEXT    0x123456789abcdefu
#define ANOTHER "/bin/cat"

static const uint64_t sites[] = { 0x100000, 0x100010, 0x104fff };
#define SITES (sizeof(sites) / sizeof(sites[0]))

static int open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* The only file of this kind in the folder. */
static bool scan_path(const struct fixture *f, char *path, size_t bytes)
{
	for (unsigned i = 0; i < 64; i++) {
		snprintf(path, bytes, "%s/kvick/scan-%u%u", f->root, i / 8, i % 8);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

static bool scan_remembered(struct fixture *f, int fd, uint64_t text)
{
	uint64_t got[HOST_CACHE_SITES_MAX];
	unsigned count;

	if (!host_cache_read_scan(fd, text, got, &count, &f->sys))
		return false;
	assert_int_equal(count, SITES);
	assert_memory_equal(got, sites, sizeof(sites));
	return true;
}

static void a_scan_is_remembered_for_its_file_alone(void **state)
{
	struct fixture *f = *state;
	int image = open_file(IMAGE), another = open_file(ANOTHER);
	char path[100];

	assert_false(scan_remembered(f, image, TEXT));
	host_cache_write_scan(image, TEXT, sites, SITES, &f->sys);
	assert_true(scan_remembered(f, image, TEXT));
	assert_false(scan_remembered(f, another, TEXT));
	assert_true(scan_path(f, path, sizeof(path)));
	unlink(path);
	close(image);
	close(another);
}

static void a_scan_of_another_text_in_a_file_that_looks_the_same_is_not_believed(void **state)
{
	struct fixture *f = *state;
	int image = open_file(IMAGE);
	char path[100];

	host_cache_write_scan(image, TEXT, sites, SITES, &f->sys);
	assert_false(scan_remembered(f, image, TEXT + 1));
	assert_true(scan_path(f, path, sizeof(path)));
	unlink(path);
	close(image);
}

static void a_scan_of_a_file_that_has_just_changed_is_not_remembered(void **state)
{
	struct fixture *f = *state;
	char path[100];

	host_cache_write_scan(f->kvm.fd, TEXT, sites, SITES, &f->sys); /* made a moment ago */
	assert_false(scan_remembered(f, f->kvm.fd, TEXT));
	assert_false(scan_path(f, path, sizeof(path)));
}

static void a_scan_that_is_not_what_was_written_is_not_believed(void **state)
{
	struct fixture *f = *state;
	int image = open_file(IMAGE);
	char path[100], content[CONTENT_BYTES];
	ssize_t bytes;

	host_cache_write_scan(image, TEXT, sites, SITES, &f->sys);
	assert_true(scan_path(f, path, sizeof(path)));
	int fd = open(path, O_RDWR | O_CLOEXEC);

	bytes = read(fd, content, sizeof(content));
	assert_in_range(bytes, 1, sizeof(content));
	for (ssize_t at = 0; at < bytes; at++) {
		content[at] ^= 1;
		assert_int_equal(pwrite(fd, content, (size_t)bytes, 0), bytes);
		assert_false(scan_remembered(f, image, TEXT));
		content[at] ^= 1;
	}
	assert_int_equal(ftruncate(fd, bytes - 8), 0);
	assert_false(scan_remembered(f, image, TEXT));
	unlink(path);
	close(fd);
	close(image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_path_is_in_the_runtime_folder),
		TEST(a_folder_named_by_the_environment_is_taken_instead),
		TEST(an_empty_name_in_the_environment_is_none),
		TEST(a_relative_name_in_the_environment_is_no_folder),
		TEST(a_folder_of_somebody_else_is_not_written_to),
		TEST(the_longest_folder_that_fits_overflows_nothing),
		TEST(what_is_not_there_is_not_read),
		TEST(facts_make_the_round_trip),
		TEST(facts_of_an_emulated_ring_0_make_it_too),
		TEST(a_doorbell_that_there_is_not_is_refused),
		TEST(a_kvm_run_of_no_such_size_is_refused),
		TEST(writing_again_replaces),
		TEST(nothing_else_is_left_in_the_folder),
		TEST(a_descriptor_is_never_left_open),
		TEST(a_write_that_fails_anywhere_leaves_nothing_half_done),
		TEST(a_file_that_others_may_write_is_refused),
		TEST(a_file_of_another_user_is_refused),
		TEST(a_symbolic_link_is_refused),
		TEST(a_folder_in_its_place_is_refused),
		TEST(a_pipe_in_its_place_is_refused_at_once),
		TEST(facts_of_another_kvm_are_refused),
		TEST(facts_of_a_kvm_that_was_loaded_anew_are_refused),
		TEST(a_file_cut_short_anywhere_is_refused),
		TEST(a_file_with_any_bit_changed_is_refused),
		TEST(a_file_with_more_in_it_is_refused),
		TEST(garbage_is_refused),
		TEST(without_a_runtime_folder_nothing_is_written),
		TEST(cpuid_is_remembered),
		TEST(a_scan_is_remembered_for_its_file_alone),
		TEST(a_scan_of_another_text_in_a_file_that_looks_the_same_is_not_believed),
		TEST(a_scan_of_a_file_that_has_just_changed_is_not_remembered),
		TEST(a_scan_that_is_not_what_was_written_is_not_believed),
		TEST(cpuid_of_another_kvm_is_not_believed),
		TEST(cpuid_that_is_not_what_was_written_is_not_believed),
	};

	return cmocka_run_group_tests_name("host_cache", tests, NULL, NULL);
}
