/* SPDX-License-Identifier: Apache-2.0 */
/* Guest-physical to host: every access with its length, and none beyond RAM. */
#include "tests/unit/test_unit.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "vmm/error.h"
#include "vmm/guest_mem.h"
#include "vmm/sys.h"

#define RAM GUEST_MEM_BYTES_MIN

struct fixture {
	struct sys sys;
	struct error error;
	struct guest_mem mem;
	int fd;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	f->fd = memfd_create("file", MFD_CLOEXEC);
	return guest_mem_create(&f->mem, RAM, false, &f->sys, &f->error) | (f->fd < 0);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	guest_mem_destroy(&f->mem, &f->sys);
	close(f->fd);
	free(f);
	return 0;
}

/* A file of so many pages; each page is full of its own number. */
static void fill_file(struct fixture *f, unsigned pages)
{
	uint8_t page[GUEST_PAGE_BYTES];

	for (unsigned i = 0; i < pages; i++) {
		memset(page, (int)i, sizeof(page));
		assert_int_equal(write(f->fd, page, sizeof(page)), sizeof(page));
	}
}

static void ram_is_all_contained(void **state)
{
	struct fixture *f = *state;

	assert_true(guest_mem_contains(&f->mem, gpa(0), RAM));
	assert_true(guest_mem_contains(&f->mem, gpa(RAM - 1), 1));
}

/* THREATS 10. */
static void a_run_that_straddles_the_end_is_not_contained(void **state)
{
	struct fixture *f = *state;

	assert_false(guest_mem_contains(&f->mem, gpa(RAM - 1), 2));
	assert_false(guest_mem_contains(&f->mem, gpa(0), RAM + 1));
}

static void a_run_beyond_the_end_is_not_contained(void **state)
{
	struct fixture *f = *state;

	assert_false(guest_mem_contains(&f->mem, gpa(RAM), 1));
	assert_false(guest_mem_contains(&f->mem, gpa(1ull << 63), 8));
}

/* THREATS 10. */
static void a_run_that_wraps_is_not_contained(void **state)
{
	struct fixture *f = *state;

	assert_false(guest_mem_contains(&f->mem, gpa(UINT64_MAX), 2));
	assert_false(guest_mem_contains(&f->mem, gpa(UINT64_MAX - 7), 16));
	assert_false(guest_mem_contains(&f->mem, gpa(8), UINT64_MAX));
	assert_false(guest_mem_contains(&f->mem, gpa(RAM - 8), UINT64_MAX - RAM + 16));
}

static void zero_bytes_are_contained_up_to_the_end(void **state)
{
	struct fixture *f = *state;

	assert_true(guest_mem_contains(&f->mem, gpa(0), 0));
	assert_true(guest_mem_contains(&f->mem, gpa(RAM), 0));
	assert_false(guest_mem_contains(&f->mem, gpa(RAM + 1), 0));
	assert_false(guest_mem_contains(&f->mem, gpa(UINT64_MAX), 0));
}

static void span_is_where_ram_is(void **state)
{
	struct fixture *f = *state;

	assert_ptr_equal(guest_mem_span(&f->mem, gpa(0), RAM), f->mem.host);
	assert_ptr_equal(guest_mem_span(&f->mem, gpa(0x1234), 8), f->mem.host + 0x1234);
}

static void span_outside_ram_is_null(void **state)
{
	struct fixture *f = *state;

	assert_null(guest_mem_span(&f->mem, gpa(RAM - 7), 8));
	assert_null(guest_mem_span(&f->mem, gpa(UINT64_MAX - 3), 8));
}

static void read_gets_what_write_put(void **state)
{
	struct fixture *f = *state;
	uint64_t in = 0x1122334455667788, out = 0;

	assert_int_equal(guest_mem_write(&f->mem, gpa(RAM - 8), &in, 8), 0);
	assert_int_equal(guest_mem_read(&f->mem, gpa(RAM - 8), &out, 8), 0);
	assert_int_equal(out, in);
}

static void read_outside_ram_copies_nothing(void **state)
{
	struct fixture *f = *state;
	uint64_t out = 7;

	assert_int_equal(guest_mem_read(&f->mem, gpa(RAM - 7), &out, 8), -EFAULT);
	assert_int_equal(guest_mem_read(&f->mem, gpa(UINT64_MAX - 3), &out, 8), -EFAULT);
	assert_int_equal(out, 7);
}

static void write_outside_ram_copies_nothing(void **state)
{
	struct fixture *f = *state;
	uint64_t in = UINT64_MAX, out = 0;

	assert_int_equal(guest_mem_write(&f->mem, gpa(RAM - 7), &in, 8), -EFAULT);
	assert_int_equal(guest_mem_write(&f->mem, gpa(UINT64_MAX - 3), &in, 8), -EFAULT);
	guest_mem_read(&f->mem, gpa(RAM - 8), &out, 8);
	assert_int_equal(out, 0);
}

static void reading_and_writing_zero_bytes_at_the_end_succeeds(void **state)
{
	struct fixture *f = *state;
	uint8_t byte = 7;

	assert_int_equal(guest_mem_read(&f->mem, gpa(RAM), &byte, 0), 0);
	assert_int_equal(guest_mem_write(&f->mem, gpa(RAM), &byte, 0), 0);
	assert_int_equal(byte, 7);
}

static void ram_begins_zeroed(void **state)
{
	struct fixture *f = *state;

	for (uint64_t i = 0; i < RAM; i++)
		assert_int_equal(f->mem.host[i], 0);
}

static void create_says_how_much_the_host_could_not_give(void **state)
{
	struct fixture *f = *state;
	struct guest_mem mem = { 0 };

	f->sys = (struct sys){ .fail_at = 1, .fail_errno = ENOMEM };
	assert_int_equal(guest_mem_create(&mem, RAM, false, &f->sys, &f->error), -ENOMEM);
	assert_int_equal(f->error.kind, ERROR_HOST);
	assert_says(f->error.text, "--mem: the host cannot give 2 MiB");
	assert_null(mem.host);
}

static void create_says_how_many_hugepages_are_wanting(void **state)
{
	struct fixture *f = *state;
	struct guest_mem mem = { 0 };

	f->sys = (struct sys){ .fail_at = 1, .fail_errno = ENOMEM };
	assert_int_equal(guest_mem_create(&mem, 16ull << 20, true, &f->sys, &f->error), -ENOMEM);
	assert_says(f->error.text, "--hugepages: the host has not 8 free 2 MiB pages");
}

static void create_counts_the_hugepage_behind_ram_too(void **state)
{
	struct fixture *f = *state;
	struct guest_mem mem = { 0 };

	f->sys = (struct sys){ .fail_at = 1, .fail_errno = ENOMEM };
	assert_int_equal(guest_mem_create_with(&mem, 16ull << 20, GUEST_PAGE_BYTES, GUEST_PAGES_HUGETLBFS, &f->sys, &f->error),
			 -ENOMEM);
	assert_says(f->error.text, "--hugepages: the host has not 9 free 2 MiB pages");
}

static void destroying_twice_is_harmless(void **state)
{
	struct fixture *f = *state;

	guest_mem_destroy(&f->mem, &f->sys);
	guest_mem_destroy(&f->mem, &f->sys);
	assert_null(f->mem.host);
	assert_int_equal(f->mem.bytes, 0);
}

static void map_file_shows_the_file_and_nothing_around_it_changes(void **state)
{
	struct fixture *f = *state;
	bool mapped;

	fill_file(f, 4);
	memset(f->mem.host, 0xee, 0x8000);
	assert_int_equal(guest_mem_map_file(&f->mem, gpa(0x3000), 0x2000, f->fd, 0x1000, &mapped, &f->sys), 0);
	assert_true(mapped);
	assert_int_equal(f->mem.host[0x2fff], 0xee);
	assert_int_equal(f->mem.host[0x3000], 1);
	assert_int_equal(f->mem.host[0x3fff], 1);
	assert_int_equal(f->mem.host[0x4fff], 2);
	assert_int_equal(f->mem.host[0x5000], 0xee);
}

static void writes_to_a_mapped_file_stay_in_the_guest(void **state)
{
	struct fixture *f = *state;
	uint8_t byte = 0xff;
	bool mapped;

	fill_file(f, 1);
	assert_int_equal(guest_mem_map_file(&f->mem, gpa(0x3000), 0x1000, f->fd, 0, &mapped, &f->sys), 0);
	f->mem.host[0x3000] = 99;
	assert_int_equal(pread(f->fd, &byte, 1, 0), 1);
	assert_int_equal(byte, 0);
}

static void map_file_into_hugepages_leaves_it_to_the_caller(void **state)
{
	struct fixture *f = *state;
	bool mapped = true;
	uint64_t calls = f->sys.calls;

	fill_file(f, 1);
	f->mem.hugepages = true;
	assert_int_equal(guest_mem_map_file(&f->mem, gpa(0x3000), 0x1000, f->fd, 0, &mapped, &f->sys), 0);
	assert_false(mapped);
	assert_int_equal(f->sys.calls, calls);
	f->mem.hugepages = false;
}

static void map_file_of_zero_bytes_maps_nothing(void **state)
{
	struct fixture *f = *state;
	bool mapped = true;

	assert_int_equal(guest_mem_map_file(&f->mem, gpa(RAM), 0, f->fd, 0, &mapped, &f->sys), 0);
	assert_false(mapped);
}

static void map_file_hands_the_hosts_refusal_upward(void **state)
{
	struct fixture *f = *state;
	bool mapped = true;

	f->mem.host[0x3000] = 5;
	assert_int_equal(guest_mem_map_file(&f->mem, gpa(0x3000), 0x1000, -1, 0, &mapped, &f->sys), -EBADF);
	assert_false(mapped);
	assert_int_equal(f->mem.host[0x3000], 5);
}

static void read_file_reads_exactly_what_was_asked_for(void **state)
{
	struct fixture *f = *state;

	fill_file(f, 3);
	assert_int_equal(guest_mem_read_file(&f->mem, gpa(0x5001), 0x1001, f->fd, 0xfff, &f->sys), 0);
	assert_int_equal(f->mem.host[0x5000], 0);
	assert_int_equal(f->mem.host[0x5001], 0);
	assert_int_equal(f->mem.host[0x5002], 1);
	assert_int_equal(f->mem.host[0x6001], 1);
	assert_int_equal(f->mem.host[0x6002], 0);
}

static void read_file_that_ends_early_is_no_data(void **state)
{
	struct fixture *f = *state;

	fill_file(f, 1);
	assert_int_equal(guest_mem_read_file(&f->mem, gpa(0), 0x1001, f->fd, 0, &f->sys), -ENODATA);
	assert_int_equal(guest_mem_read_file(&f->mem, gpa(0), 1, f->fd, 0x1000, &f->sys), -ENODATA);
}

static void read_file_of_zero_bytes_asks_nobody(void **state)
{
	struct fixture *f = *state;
	uint64_t calls = f->sys.calls;

	assert_int_equal(guest_mem_read_file(&f->mem, gpa(RAM), 0, -1, 0, &f->sys), 0);
	assert_int_equal(f->sys.calls, calls);
}

static void read_file_goes_on_after_an_interruption(void **state)
{
	struct fixture *f = *state;

	fill_file(f, 2);
	f->sys = (struct sys){ .fail_at = 1, .fail_errno = EINTR };
	assert_int_equal(guest_mem_read_file(&f->mem, gpa(0), 0x2000, f->fd, 0, &f->sys), 0);
	assert_int_equal(f->mem.host[0x1fff], 1);
}

static void read_file_hands_the_hosts_failure_upward(void **state)
{
	struct fixture *f = *state;

	fill_file(f, 1);
	f->sys = (struct sys){ .fail_at = 1, .fail_errno = EIO };
	assert_int_equal(guest_mem_read_file(&f->mem, gpa(0), 0x1000, f->fd, 0, &f->sys), -EIO);
}

/* Two pages, a hole of one, one page. */
static const struct memory_run readonly[] = { { 0x10000, 0x2000 }, { 0x13000, 0x1000 } };

static void read_only_memory_is_seen_and_not_written(void **state)
{
	struct fixture *f = *state;
	static const struct {
		uint64_t at, bytes;
		bool writable;
	} runs[] = {
		{ 0x10000, 1, false }, { 0x11fff, 1, false }, { 0xffff, 2, false }, { 0x11fff, 2, false }, { 0, RAM, false },
		{ 0x12fff, 2, false }, { 0x13fff, 1, false }, { 0xffff, 1, true }, { 0x12000, 0x1000, true }, { 0x14000, 1, true },
		{ 0x10000, 0, true }, { 0x11000, 0, true }, { RAM, 0, true }, { 0xf000, 0x1000, true },
	};
	uint64_t word = 1;

	assert_int_equal(guest_mem_protect(&f->mem, readonly, COUNT_OF(readonly), &f->sys), 0);
	for (size_t i = 0; i < COUNT_OF(runs); i++) {
		gpa_t at = gpa(runs[i].at);

		assert_int_equal(guest_mem_writable(&f->mem, at, runs[i].bytes), runs[i].writable);
		assert_int_equal(guest_mem_span(&f->mem, at, runs[i].bytes) != NULL, runs[i].writable);
		assert_int_equal(guest_mem_readonly(&f->mem, at, runs[i].bytes) == NULL, runs[i].writable);
		assert_ptr_equal(guest_mem_view(&f->mem, at, runs[i].bytes), f->mem.host + at.u);
	}
	assert_int_equal(guest_mem_write(&f->mem, gpa(0xfffc), &word, sizeof(word)), -EFAULT);
	assert_int_equal(f->mem.host[0xfffc], 0);
	assert_int_equal(guest_mem_read(&f->mem, gpa(0x10000), &word, sizeof(word)), 0);
	assert_int_equal(word, 0);
}

static void runs_that_wrap_or_lie_outside_are_not_read_only(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(guest_mem_protect(&f->mem, readonly, COUNT_OF(readonly), &f->sys), 0);
	assert_null(guest_mem_readonly(&f->mem, gpa(RAM), 8));
	assert_null(guest_mem_readonly(&f->mem, gpa(UINT64_MAX), 1));
	assert_ptr_equal(guest_mem_readonly(&f->mem, gpa(8), UINT64_MAX), &f->mem.readonly[0]);
	assert_false(guest_mem_writable(&f->mem, gpa(UINT64_MAX), 2));
}

/* By the host, as KVM is: the kernel, asked to write there, says so without a signal. */
static void read_only_memory_is_so_for_the_host(void **state)
{
	struct fixture *f = *state;
	bool mapped;

	fill_file(f, 2);
	assert_int_equal(guest_mem_map_file(&f->mem, gpa(0x10000), 0x1000, f->fd, 0x1000, &mapped, &f->sys), 0);
	assert_int_equal(guest_mem_protect(&f->mem, readonly, COUNT_OF(readonly), &f->sys), 0);
	assert_int_equal(f->mem.host[0x10000], 1);
	for (size_t i = 0; i < COUNT_OF(readonly); i++) {
		assert_int_equal(pread(f->fd, f->mem.host + readonly[i].at + readonly[i].bytes - 1, 1, 0), -1);
		assert_int_equal(errno, EFAULT);
		assert_int_equal(pread(f->fd, f->mem.host + readonly[i].at + readonly[i].bytes, 1, 0), 1);
		assert_int_equal(pread(f->fd, f->mem.host + readonly[i].at - 1, 1, 0), 1);
	}
}

static void protection_that_the_host_refuses_is_an_error(void **state)
{
	struct fixture *f = *state;

	f->sys.fail_at = f->sys.calls + 2;
	f->sys.fail_errno = ENOMEM;
	assert_int_equal(guest_mem_protect(&f->mem, readonly, COUNT_OF(readonly), &f->sys), -ENOMEM);
	assert_int_equal(f->mem.readonly_count, 1);
}

/* Whatever address the host gives: RAM is aligned, all of it is there, and what is unmapped is what was mapped. */
/* The flags that /proc/self/smaps has of the mapping at that address. */
static void vm_flags(const void *at, char flags[static 256])
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	unsigned long from, to;
	bool here = false;
	char line[512];

	assert_non_null(smaps);
	flags[0] = '\0';
	while (!flags[0] && fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = (uintptr_t)at >= from && (uintptr_t)at < to;
		else if (here && strncmp(line, "VmFlags:", 8) == 0)
			snprintf(flags, 256, "%.255s", line);
	}
	fclose(smaps);
}

static void pages_of_4_kib_are_that_where_the_host_gives_larger_ones_unasked(void **state)
{
	struct fixture *f = *state;
	char flags[256];

	vm_flags(f->mem.host, flags);
	assert_non_null(strstr(flags, " nh"));
	vm_flags(f->mem.host + RAM - 1, flags);
	assert_non_null(strstr(flags, " nh"));
}

static void transparent_pages_are_aligned_at_any_address(void **state)
{
	struct fixture *f = *state;
	const uint64_t sizes[] = { RAM, 16 << 20, (5 << 20) + GUEST_PAGE_BYTES };

	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		for (unsigned k = 0; k < 3; k++) {
			/* In the way, so that the next mapping begins elsewhere. */
			void *pad = mmap(NULL, (k + 1) * 0x61000, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			struct guest_mem mem;

			assert_int_equal(guest_mem_create(&mem, sizes[i], GUEST_PAGES_TRANSPARENT, &f->sys, &f->error), 0);
			assert_int_equal((uintptr_t)mem.host % PAGE_2M_BYTES, 0);
			assert_true(mem.host >= (uint8_t *)mem.mapping);
			assert_true(mem.host + mem.bytes <= (uint8_t *)mem.mapping + mem.mapping_bytes);
			assert_false(mem.hugepages);
			mem.host[0] = mem.host[mem.bytes - 1] = 1;
			void *mapping = mem.mapping;
			uint64_t bytes = mem.mapping_bytes;

			guest_mem_destroy(&mem, &f->sys);
			assert_int_equal(msync(mapping, 1, MS_ASYNC), -1);
			assert_int_equal(msync((uint8_t *)mapping + bytes - GUEST_PAGE_BYTES, 1, MS_ASYNC), -1);
			munmap(pad, (k + 1) * 0x61000);
		}
	}
}

static void a_host_without_transparent_pages_is_told(void **state)
{
	struct fixture *f = *state;
	struct guest_mem mem;

	f->sys.fail_at = f->sys.calls + 2;
	f->sys.fail_errno = EINVAL;
	assert_int_equal(guest_mem_create(&mem, 16 << 20, GUEST_PAGES_TRANSPARENT, &f->sys, &f->error), -EINVAL);
	assert_says(f->error.text, "--hugepages=transparent: this kernel has none");
	assert_null(mem.host);
	f->error = (struct error){ 0 };
	f->sys.fail_at = f->sys.calls + 1;
	f->sys.fail_errno = ENOMEM;
	assert_int_equal(guest_mem_create(&mem, 16 << 20, GUEST_PAGES_TRANSPARENT, &f->sys, &f->error), -ENOMEM);
	assert_says(f->error.text, "address space");
}

/* Of a machine of a snapshot: RAM that is mapped from a file. Pages 2 and 5 are written to, page 8 is only read. */
static void what_was_written_to_is_told(void **state)
{
	struct fixture *f = *state;
	struct memory_run all = { 0, 16 * GUEST_PAGE_BYTES }, runs[2];
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint8_t byte;

	fill_file(f, 16);
	assert_int_equal(guest_mem_map_run(&f->mem, &all, f->fd, &f->sys), 0);
	assert_int_equal(guest_mem_write(&f->mem, gpa(5 * GUEST_PAGE_BYTES + 7), "x", 1), 0);
	assert_int_equal(guest_mem_write(&f->mem, gpa(2 * GUEST_PAGE_BYTES), "x", 1), 0);
	assert_int_equal(guest_mem_read(&f->mem, gpa(8 * GUEST_PAGE_BYTES), &byte, 1), 0);
	assert_int_equal(guest_mem_read(&f->mem, gpa(20 * GUEST_PAGE_BYTES), &byte, 1), 0);

	int count = guest_mem_written(&f->mem, pagemap, runs, 2, &f->sys);

	if (count == -ENOTTY || pagemap < 0) /* before Linux 6.7 */
		skip();
	assert_int_equal(count, 2);
	assert_int_equal(runs[0].at, 2 * GUEST_PAGE_BYTES);
	assert_int_equal(runs[0].bytes, GUEST_PAGE_BYTES);
	assert_int_equal(runs[1].at, 5 * GUEST_PAGE_BYTES);
	assert_int_equal(guest_mem_written(&f->mem, pagemap, runs, 1, &f->sys), -E2BIG);
	assert_int_equal(guest_mem_forget(&f->mem, &f->sys), 0);
	assert_int_equal(guest_mem_written(&f->mem, pagemap, runs, 2, &f->sys), 0);
	close(pagemap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ram_is_all_contained),
		TEST(a_run_that_straddles_the_end_is_not_contained),
		TEST(a_run_beyond_the_end_is_not_contained),
		TEST(a_run_that_wraps_is_not_contained),
		TEST(zero_bytes_are_contained_up_to_the_end),
		TEST(span_is_where_ram_is),
		TEST(span_outside_ram_is_null),
		TEST(read_gets_what_write_put),
		TEST(read_outside_ram_copies_nothing),
		TEST(write_outside_ram_copies_nothing),
		TEST(reading_and_writing_zero_bytes_at_the_end_succeeds),
		TEST(ram_begins_zeroed),
		TEST(create_says_how_much_the_host_could_not_give),
		TEST(create_says_how_many_hugepages_are_wanting),
		TEST(create_counts_the_hugepage_behind_ram_too),
		TEST(destroying_twice_is_harmless),
		TEST(map_file_shows_the_file_and_nothing_around_it_changes),
		TEST(writes_to_a_mapped_file_stay_in_the_guest),
		TEST(map_file_into_hugepages_leaves_it_to_the_caller),
		TEST(map_file_of_zero_bytes_maps_nothing),
		TEST(map_file_hands_the_hosts_refusal_upward),
		TEST(read_file_reads_exactly_what_was_asked_for),
		TEST(read_file_that_ends_early_is_no_data),
		TEST(read_file_of_zero_bytes_asks_nobody),
		TEST(read_file_goes_on_after_an_interruption),
		TEST(read_file_hands_the_hosts_failure_upward),
		TEST(read_only_memory_is_seen_and_not_written),
		TEST(runs_that_wrap_or_lie_outside_are_not_read_only),
		TEST(read_only_memory_is_so_for_the_host),
		TEST(protection_that_the_host_refuses_is_an_error),
		TEST(pages_of_4_kib_are_that_where_the_host_gives_larger_ones_unasked),
		TEST(transparent_pages_are_aligned_at_any_address),
		TEST(a_host_without_transparent_pages_is_told),
		TEST(what_was_written_to_is_told),
	};

	return cmocka_run_group_tests_name("guest_mem", tests, NULL, NULL);
}
