/* SPDX-License-Identifier: Apache-2.0 */
/* What image_open() makes of a good image, and what image_load() puts where. */
#include <errno.h>
#include <sys/mman.h>

#include "tests/unit/test_loader.h"

#define MEM_BYTES (16ull << 20)
#define BIG_BYTES (20 * 4096 + 0x123) /* large enough to be mapped, with a tail */

static void create_mem(struct fixture *f, struct guest_mem *mem)
{
	assert_int_equal(guest_mem_create(mem, MEM_BYTES, false, &f->sys, &f->error), 0);
}

/* Opens, loads, and returns how many system calls loading took. */
static uint64_t load(struct fixture *f, struct guest_mem *mem)
{
	uint64_t before;

	assert_opens(f);
	create_mem(f, mem);
	before = f->sys.calls;
	if (image_load(&f->image, mem, &f->sys, &f->error))
		fail_msg("%s", f->error.text);
	return f->sys.calls - before;
}

static void assert_zero(const struct guest_mem *mem, uint64_t from, uint64_t to)
{
	for (uint64_t at = from; at < to; at++)
		if (mem->host[at])
			fail_msg("0x%llx is 0x%x, not 0", (unsigned long long)at, mem->host[at]);
}

static void assert_file(const struct fixture *f, const struct guest_mem *mem, uint64_t at, uint64_t offset,
			uint64_t bytes)
{
	assert_memory_equal(mem->host + at, f->b.file + offset, bytes);
}

/* All of RAM is as the segments say: the file's bytes where they have some, zero everywhere else. */
static void assert_loaded(const struct fixture *f, const struct guest_mem *mem)
{
	uint64_t clean = 0;

	for (unsigned i = 0; i < f->image.segment_count; i++) {
		const struct segment *segment = &f->image.segments[i];

		assert_zero(mem, clean, segment->gpa);
		assert_file(f, mem, segment->gpa, segment->file_offset, segment->file_bytes);
		clean = segment->gpa + segment->file_bytes;
	}
	assert_zero(mem, clean, mem->bytes);
}

/* Puts `bytes` of data at the file's end and lets the data segment be these. */
static Elf64_Phdr *big_data(struct fixture *f, uint64_t bytes, uint64_t in_page)
{
	uint64_t offset = elf_append(&f->b, bytes + in_page, 4096) + in_page;
	Elf64_Phdr *phdr = elf_phdr(&f->b, ELF_PH_DATA);

	elf_append(&f->b, 0x2000, 1); /* the file goes on: no guest may see it */
	phdr->p_offset = offset;
	phdr->p_vaddr = 0x102000 + in_page;
	phdr->p_filesz = bytes;
	phdr->p_memsz = bytes + 0x4000;
	return phdr;
}

/* image_open(). */

static void opens_a_good_image(void **state)
{
	struct fixture *f = *state;
	const struct image *image = &f->image;

	assert_opens(f);
	assert_string_equal(image->protocol->name, "native");
	assert_ptr_equal(image->path, f->path);
	assert_int_equal(image->file_bytes, ELF_GOOD_BYTES);
	assert_false(image->pie);
	assert_int_equal(image->entry, ELF_TEXT_ADDRESS + 0x10);
	assert_int_equal(image->base, 0x100000);
	assert_int_equal(image->end, 0x105000);
	assert_int_equal(image->note.abi_version, KVICK_ABI_VERSION);
	assert_int_equal(image->note.rings, KVICK_RINGS_ANY);
	assert_int_equal(image->segment_count, 3);
}

static void segments_are_as_the_program_headers_say(void **state)
{
	struct fixture *f = *state;
	const struct segment *text = &f->image.segments[1], *data = &f->image.segments[2];

	assert_opens(f);
	assert_int_equal(f->image.segments[0].perms, SEGMENT_R);
	assert_int_equal(text->gpa, ELF_TEXT_ADDRESS);
	assert_int_equal(text->perms, SEGMENT_R | SEGMENT_X);
	assert_int_equal(data->gpa, ELF_DATA_ADDRESS);
	assert_int_equal(data->file_offset, ELF_DATA_OFFSET);
	assert_int_equal(data->file_bytes, ELF_DATA_BYTES);
	assert_int_equal(data->mem_bytes, ELF_DATA_MEM_BYTES);
	assert_int_equal(data->perms, SEGMENT_R | SEGMENT_W);
}

static void opening_takes_three_system_calls(void **state)
{
	struct fixture *f = *state;
	uint8_t *file = f->b.file;
	uint64_t at = sizeof(Elf64_Ehdr) + ELF_PH_COUNT * sizeof(Elf64_Phdr), bytes = elf_phdr(&f->b, ELF_PH_NOTE)->p_filesz;

	memcpy(file + at, file + ELF_NOTE_OFFSET, bytes); /* where linkers put it */
	elf_phdr(&f->b, ELF_PH_NOTE)->p_offset = at;
	assert_opens(f);
	assert_int_equal(f->sys.calls, 3); /* open, fstat, pread */
}

static void headers_beyond_the_first_kilobyte_take_one_more(void **state)
{
	struct fixture *f = *state;

	assert_true(ELF_NOTE_OFFSET > IMAGE_HEAD_BYTES_FIRST);
	assert_opens(f);
	assert_int_equal(f->sys.calls, 4);
}

static void closing_gives_the_descriptor_back(void **state)
{
	struct fixture *f = *state;
	int before;

	f->fd = elf_memfd(&f->b);
	before = free_fd();
	close(f->fd);
	f->fd = -1;
	assert_opens(f);
	assert_int_equal(f->fd, before - 1);
	image_close(&f->image, &f->sys);
	assert_int_equal(f->image.fd, -1);
	assert_int_equal(free_fd(), before);
}

static void a_pie_is_loaded_at_the_image_base(void **state)
{
	struct fixture *f = *state;

	elf_make_pie(&f->b);
	assert_opens(f);
	assert_true(f->image.pie);
	assert_int_equal(f->image.base, LAYOUT_IMAGE_BASE);
	assert_int_equal(f->image.entry, LAYOUT_IMAGE_BASE + 0x1010);
	assert_int_equal(f->image.segments[2].gpa, LAYOUT_IMAGE_BASE + 0x2040);
}

static void a_pie_keeps_a_large_alignment(void **state)
{
	struct fixture *f = *state;

	elf_make_pie(&f->b);
	elf_phdr(&f->b, ELF_PH_HEADERS)->p_align = 2 << 20;
	assert_opens(f);
	assert_int_equal(f->image.base, 2 << 20);
	assert_int_equal(f->image.entry, (2 << 20) + 0x1010);
}

static void a_pie_linked_high_comes_down(void **state)
{
	struct fixture *f = *state;

	elf_make_pie(&f->b);
	for (unsigned i = ELF_PH_HEADERS; i <= ELF_PH_DATA; i++)
		elf_phdr(&f->b, i)->p_vaddr += 0xffffffff80000000;
	elf_ehdr(&f->b)->e_entry += 0xffffffff80000000;
	assert_opens(f);
	assert_int_equal(f->image.base, LAYOUT_IMAGE_BASE);
	assert_int_equal(f->image.entry, LAYOUT_IMAGE_BASE + 0x1010);
	assert_int_equal(f->image.end, LAYOUT_IMAGE_BASE + 0x5000);
}

static void a_pie_may_have_a_dynamic_segment(void **state)
{
	struct fixture *f = *state;

	elf_make_pie(&f->b);
	elf_add_phdr(&f->b, PT_DYNAMIC, PF_R | PF_W, ELF_DATA_OFFSET, 0x2040, 16, 16);
	assert_opens(f);
}

static void a_segment_without_memory_is_ignored(void **state)
{
	struct fixture *f = *state;

	elf_add_phdr(&f->b, PT_LOAD, PF_R | PF_W, 0, 0, 0, 0);
	assert_opens(f);
	assert_int_equal(f->image.segment_count, 3);
}

static void bss_alone_may_have_any_offset(void **state)
{
	struct fixture *f = *state;

	elf_add_phdr(&f->b, PT_LOAD, PF_R | PF_W, 0x7ffff000, 0x200000, 0, 0x1000);
	assert_opens(f);
	assert_int_equal(f->image.segment_count, 4);
	assert_int_equal(f->image.end, 0x201000);
}

static void sixteen_segments_are_taken(void **state)
{
	struct fixture *f = *state;

	for (uint64_t i = 3; i < IMAGE_SEGMENTS_MAX; i++)
		elf_add_phdr(&f->b, PT_LOAD, PF_R, 0, 0x200000 + i * 0x1000, 0, 0x1000);
	assert_opens(f);
	assert_int_equal(f->image.segment_count, IMAGE_SEGMENTS_MAX);
}

static void same_permissions_may_share_a_page(void **state)
{
	struct fixture *f = *state;

	elf_add_phdr(&f->b, PT_LOAD, PF_R | PF_W, 0x040, 0x104040, 0x10, 0x10);
	assert_opens(f);
	assert_int_equal(f->image.segment_count, 4);
}

static void other_permissions_may_start_on_the_next_page(void **state)
{
	struct fixture *f = *state;

	elf_phdr(&f->b, ELF_PH_TEXT)->p_memsz = 0x1000;
	elf_phdr(&f->b, ELF_PH_DATA)->p_vaddr = 0x102000;
	elf_phdr(&f->b, ELF_PH_DATA)->p_offset = 0x1000;
	assert_opens(f);
	assert_int_equal(f->image.segment_count, 3);
}

static void an_image_may_end_where_the_largest_guest_does(void **state)
{
	struct fixture *f = *state;

	elf_phdr(&f->b, ELF_PH_DATA)->p_memsz = GUEST_MEM_BYTES_MAX - ELF_DATA_ADDRESS;
	assert_opens(f);
	assert_int_equal(f->image.end, GUEST_MEM_BYTES_MAX);
}

static void the_note_may_follow_others(void **state)
{
	struct fixture *f = *state;
	struct kvick_note note = *elf_note(&f->b);

	memcpy(elf_nhdr(&f->b) + 1, "GNU\0\0", 6);
	note.stack_bytes = 1 << 30;
	elf_add_note(&f->b, "x", 2, 3, "abcde", 5);
	elf_add_note(&f->b, KVICK_NOTE_OWNER, 6, KVICK_NOTE_TYPE, &note, sizeof(note));
	assert_opens(f);
	assert_int_equal(f->image.note.stack_bytes, 1 << 30);
}

static void notes_of_8_byte_alignment_are_walked_by_8(void **state)
{
	struct fixture *f = *state;
	struct kvick_note note = *elf_note(&f->b);
	Elf64_Nhdr gnu = { .n_namesz = 4, .n_descsz = 12, .n_type = 5 };
	Elf64_Nhdr kvick = { .n_namesz = 6, .n_descsz = sizeof(note), .n_type = KVICK_NOTE_TYPE };
	uint8_t *at = f->b.file + 0x900;

	memcpy(at, &gnu, sizeof(gnu));
	memcpy(at + 12, "GNU", 4);
	memcpy(at + 32, &kvick, sizeof(kvick)); /* 16 + 12 = 28, up to 8 */
	memcpy(at + 44, "kvick", 6);
	memcpy(at + 56, &note, sizeof(note)); /* 44 + 6 = 50, up to 8 */
	elf_phdr(&f->b, ELF_PH_NOTE)->p_offset = 0x900;
	elf_phdr(&f->b, ELF_PH_NOTE)->p_filesz = 56 + sizeof(note);
	elf_phdr(&f->b, ELF_PH_NOTE)->p_align = 8;
	assert_opens(f);
}

static void memory_needed_is_the_images_end(void **state)
{
	struct fixture *f = *state;

	elf_note(&f->b)->mem_bytes = 0x104fff;
	assert_opens(f);
	assert_int_equal(image_mem_bytes_min(&f->image), 0x105000);
}

static void memory_needed_is_the_notes_wish_if_more(void **state)
{
	struct fixture *f = *state;

	elf_note(&f->b)->mem_bytes = GUEST_MEM_BYTES_MAX;
	assert_opens(f);
	assert_int_equal(image_mem_bytes_min(&f->image), GUEST_MEM_BYTES_MAX);
}

/* image_load(). */

static void loads_the_segments_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	struct guest_mem mem;

	load(f, &mem);
	assert_file(f, &mem, ELF_TEXT_ADDRESS, ELF_TEXT_OFFSET, ELF_TEXT_BYTES);
	assert_file(f, &mem, ELF_DATA_ADDRESS, ELF_DATA_OFFSET, ELF_DATA_BYTES);
	assert_loaded(f, &mem);
	guest_mem_destroy(&mem, &f->sys);
}

static void loads_a_pie(void **state)
{
	struct fixture *f = *state;
	struct guest_mem mem;

	elf_make_pie(&f->b);
	load(f, &mem);
	assert_loaded(f, &mem);
	guest_mem_destroy(&mem, &f->sys);
}

static void one_read_brings_neighbours_and_leaves_the_gap_zero(void **state)
{
	struct fixture *f = *state;
	struct guest_mem mem;

	/* The data at its file distance from the text: next page in both. */
	elf_append(&f->b, 0x1000, 1);
	elf_phdr(&f->b, ELF_PH_DATA)->p_offset = 0x2040;
	memset(f->b.file + 0x900, 0xee, 0x700);
	assert_int_equal(load(f, &mem), 1);
	assert_loaded(f, &mem);
	guest_mem_destroy(&mem, &f->sys);
}

static void pages_of_a_wide_gap_are_not_touched(void **state)
{
	struct fixture *f = *state;
	struct guest_mem mem;
	unsigned char resident;

	/* As far apart in the file as in memory, with pages between that belong to no segment. */
	elf_append(&f->b, 0x8000, 1);
	elf_phdr(&f->b, ELF_PH_DATA)->p_offset = 0x6040;
	elf_phdr(&f->b, ELF_PH_DATA)->p_vaddr = 0x106040;
	assert_int_equal(load(f, &mem), 2);
	assert_int_equal(mincore(mem.host + 0x103000, 4096, &resident), 0);
	assert_false(resident & 1);
	assert_loaded(f, &mem);
	guest_mem_destroy(&mem, &f->sys);
}

static void maps_a_large_segment_and_copies_its_tail(void **state)
{
	struct fixture *f = *state;
	struct guest_mem mem;

	big_data(f, BIG_BYTES, 0);
	assert_int_equal(load(f, &mem), 3); /* headers and text; mmap; the tail */
	assert_loaded(f, &mem);
	guest_mem_destroy(&mem, &f->sys);
}

static void maps_a_large_segment_of_whole_pages_with_one_call(void **state)
{
	struct fixture *f = *state;
	struct guest_mem mem;

	big_data(f, 20 * 4096, 0);
	assert_int_equal(load(f, &mem), 2);
	assert_loaded(f, &mem);
	guest_mem_destroy(&mem, &f->sys);
}

static void maps_the_middle_of_a_segment_that_starts_in_a_page(void **state)
{
	struct fixture *f = *state;
	struct guest_mem mem;

	big_data(f, BIG_BYTES, 0x678);
	assert_int_equal(load(f, &mem), 4);
	assert_loaded(f, &mem);
	guest_mem_destroy(&mem, &f->sys);
}

static void copies_a_large_segment_out_of_step_with_pages(void **state)
{
	struct fixture *f = *state;
	struct guest_mem mem;
	Elf64_Phdr *phdr = big_data(f, BIG_BYTES, 0);

	phdr->p_align = 16;
	phdr->p_vaddr += 0x10;
	assert_int_equal(load(f, &mem), 2);
	assert_loaded(f, &mem);
	guest_mem_destroy(&mem, &f->sys);
}

static void copies_where_memory_cannot_map_files(void **state)
{
	struct fixture *f = *state;
	struct guest_mem mem;

	big_data(f, BIG_BYTES, 0);
	assert_opens(f);
	create_mem(f, &mem);
	mem.hugepages = true; /* as far as guest_mem_map_file() can tell */
	assert_int_equal(image_load(&f->image, &mem, &f->sys, &f->error), 0);
	assert_loaded(f, &mem);
	guest_mem_destroy(&mem, &f->sys);
}

static void a_small_segment_may_start_in_a_mapped_ones_last_page(void **state)
{
	struct fixture *f = *state;
	struct guest_mem mem;
	Elf64_Phdr *phdr = big_data(f, BIG_BYTES, 0);

	phdr->p_memsz = phdr->p_filesz;
	elf_add_phdr(&f->b, PT_LOAD, PF_R | PF_W, 0x1000, phdr->p_vaddr + phdr->p_filesz + 1, 0x40, 0x40)->p_align = 1;
	load(f, &mem);
	assert_loaded(f, &mem);
	guest_mem_destroy(&mem, &f->sys);
}

static void the_guests_writes_do_not_reach_the_file(void **state)
{
	struct fixture *f = *state;
	struct guest_mem mem;
	uint64_t offset;
	uint8_t byte;

	offset = big_data(f, BIG_BYTES, 0)->p_offset;
	load(f, &mem);
	mem.host[0x102000] ^= 0xff;
	assert_int_equal(pread(f->fd, &byte, 1, (off_t)offset), 1);
	assert_int_equal(byte, f->b.file[offset]);
	guest_mem_destroy(&mem, &f->sys);
}

static void a_file_that_shrinks_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct guest_mem mem;

	assert_opens(f);
	create_mem(f, &mem);
	assert_int_equal(ftruncate(f->fd, ELF_DATA_OFFSET + 8), 0);
	assert_int_equal(image_load(&f->image, &mem, &f->sys, &f->error), -ENODATA);
	assert_int_equal(f->error.kind, ERROR_IMAGE);
	assert_fragment(&f->error, "the file shrank while it was being read");
	guest_mem_destroy(&mem, &f->sys);
}

static void every_failing_call_is_an_error_of_the_host(void **state)
{
#ifdef KVICK_FAULT_INJECTION
	struct fixture *f = *state;
	struct guest_mem mem;

	big_data(f, BIG_BYTES, 0);
	for (uint64_t at = 1; at <= 3; at++) {
		sys_init(&f->sys);
		f->error = (struct error){ 0 };
		f->sys.fail_at = at;
		f->sys.fail_errno = EIO;
		assert_int_equal(open_built(f), -EIO);
		assert_int_equal(f->error.kind, ERROR_HOST);
		assert_int_equal(f->image.fd, -1);
		close(f->fd);
	}
	f->error = (struct error){ 0 };
	assert_opens(f);
	create_mem(f, &mem);
	for (uint64_t at = 1; at <= 3; at++) {
		f->error = (struct error){ 0 };
		f->sys.fail_at = f->sys.calls + at;
		assert_int_equal(image_load(&f->image, &mem, &f->sys, &f->error), -EIO);
		assert_int_equal(f->error.kind, ERROR_HOST);
		assert_fragment(&f->error, "cannot ");
	}
	guest_mem_destroy(&mem, &f->sys);
#else
	(void)state;
	skip();
#endif
}

/* image_readonly(). */

static struct segment segment(uint64_t at, uint64_t bytes, unsigned perms)
{
	return (struct segment){ .gpa = at, .file_offset = at, .file_bytes = bytes, .mem_bytes = bytes, .perms = perms };
}

/* Segments, and what of them is read-only: runs, ended by one of 0 bytes. */
static void read_only_runs_are_what_is_mapped_and_its_neighbours(void **state)
{
	enum { R = SEGMENT_R, X = SEGMENT_R | SEGMENT_X, W = SEGMENT_R | SEGMENT_W };
	static const struct {
		struct { uint64_t at, bytes; unsigned perms; } segments[5];
		struct memory_run runs[3];
	} rows[] = {
		/* Copied: none. */
		{ { { 0x100000, 0x4000, R }, { 0x104000, 0x4000, X }, { 0x108000, 0x100, W } }, { { 0 } } },
		/* Large, but writable. */
		{ { { 0x100000, 0x1000, X }, { 0x101000, 0x80000, W } }, { { 0 } } },
		/* A small neighbour comes along, before and after; the last page counts whole. */
		{ { { 0x100080, 0x100, R }, { 0x101000, 0x8123, X }, { 0x10a000, 0x10, R }, { 0x10b000, 0x100, W } },
		  { { 0x100000, 0xb000 } } },
		/* One that shares a page. */
		{ { { 0x100000, 0x8123, R }, { 0x108200, 0x100, R } }, { { 0x100000, 0x9000 } } },
		/* A hole or something writable between: runs apart, and the small one is none. */
		{ { { 0x100000, 0x8000, R }, { 0x108000, 0x100, W }, { 0x109000, 0x8000, X }, { 0x112000, 0x100, R },
		    { 0x114000, 0x9000, R } },
		  { { 0x100000, 0x8000 }, { 0x109000, 0x8000 }, { 0x114000, 0x9000 } } },
		/* Out of step with the file's pages it is copied. */
		{ { { 0x100800, 0x4800, R } }, { { 0 } } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct memory_run runs[IMAGE_SEGMENTS_MAX];
		struct image image = { .fd = -1 };
		unsigned wanted = 0, count;

		for (unsigned k = 0; k < 5 && rows[i].segments[k].bytes; k++)
			image.segments[image.segment_count++] =
				segment(rows[i].segments[k].at, rows[i].segments[k].bytes, rows[i].segments[k].perms);
		while (wanted < 3 && rows[i].runs[wanted].bytes)
			wanted++;
		count = image_readonly(&image, runs);
		assert_int_equal(count, wanted);
		assert_memory_equal(runs, rows[i].runs, count * sizeof(runs[0]));
	}
}

static void as_many_read_only_runs_as_segments(void **state)
{
	struct memory_run runs[IMAGE_SEGMENTS_MAX];
	struct image image = { .segment_count = IMAGE_SEGMENTS_MAX };

	(void)state;
	for (unsigned i = 0; i < IMAGE_SEGMENTS_MAX; i++)
		image.segments[i] = segment(0x100000 + i * 0x10000, 0x8000, SEGMENT_R);
	assert_int_equal(image_readonly(&image, runs), IMAGE_SEGMENTS_MAX);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(opens_a_good_image),
		TEST(segments_are_as_the_program_headers_say),
		TEST(opening_takes_three_system_calls),
		TEST(headers_beyond_the_first_kilobyte_take_one_more),
		TEST(closing_gives_the_descriptor_back),
		TEST(a_pie_is_loaded_at_the_image_base),
		TEST(a_pie_keeps_a_large_alignment),
		TEST(a_pie_linked_high_comes_down),
		TEST(a_pie_may_have_a_dynamic_segment),
		TEST(a_segment_without_memory_is_ignored),
		TEST(bss_alone_may_have_any_offset),
		TEST(sixteen_segments_are_taken),
		TEST(same_permissions_may_share_a_page),
		TEST(other_permissions_may_start_on_the_next_page),
		TEST(an_image_may_end_where_the_largest_guest_does),
		TEST(the_note_may_follow_others),
		TEST(notes_of_8_byte_alignment_are_walked_by_8),
		TEST(memory_needed_is_the_images_end),
		TEST(memory_needed_is_the_notes_wish_if_more),
		TEST(loads_the_segments_and_nothing_else),
		TEST(loads_a_pie),
		TEST(one_read_brings_neighbours_and_leaves_the_gap_zero),
		TEST(pages_of_a_wide_gap_are_not_touched),
		TEST(maps_a_large_segment_and_copies_its_tail),
		TEST(maps_a_large_segment_of_whole_pages_with_one_call),
		TEST(maps_the_middle_of_a_segment_that_starts_in_a_page),
		TEST(copies_a_large_segment_out_of_step_with_pages),
		TEST(copies_where_memory_cannot_map_files),
		TEST(a_small_segment_may_start_in_a_mapped_ones_last_page),
		TEST(the_guests_writes_do_not_reach_the_file),
		TEST(a_file_that_shrinks_is_an_error),
		TEST(every_failing_call_is_an_error_of_the_host),
		TEST(read_only_runs_are_what_is_mapped_and_its_neighbours),
		TEST(as_many_read_only_runs_as_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
