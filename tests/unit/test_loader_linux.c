/* SPDX-License-Identifier: Apache-2.0 */
/* bzImages: which are taken, which refused and how, and the zero page that a kernel finds. */
#include <asm/bootparam.h>

#include "loader/linux.h"
#include "tests/unit/test_loader.h"

#define SETUP_BYTES  1024u /* the boot sector and one sector of setup */
#define KERNEL_BYTES 8192u
#define KERNEL_AT    0x1000000ull

/* The good image that tests spoil: in the ELF builder's buffer, which is only a buffer here. */
static struct setup_header *header(struct fixture *f)
{
	return (struct setup_header *)(f->b.file + 0x1f1);
}

static int set_up_kernel(void **state)
{
	struct fixture *f;

	if (set_up(state) < 0)
		return -1;
	f = *state;
	memset(f->b.file, 0, SETUP_BYTES);
	memset(f->b.file + SETUP_BYTES, 0xc3, KERNEL_BYTES);
	f->b.bytes = SETUP_BYTES + KERNEL_BYTES;
	*header(f) = (struct setup_header){
		.setup_sects = 1,
		.syssize = KERNEL_BYTES / 16,
		.boot_flag = 0xaa55,
		.jump = 0x6aeb, /* past the last field */
		.header = 0x53726448,
		.version = 0x020f,
		.loadflags = LOADED_HIGH,
		.initrd_addr_max = 0x7fffffff,
		.xloadflags = XLF_KERNEL_64,
		.cmdline_size = 2047,
		.pref_address = KERNEL_AT,
		.init_size = 0x400000,
	};
	return 0;
}

#define KERNEL(test) cmocka_unit_test_setup_teardown(test, set_up_kernel, tear_down)

#define REFUSAL(test, fragment, ...)                                    \
	static void test(void **state)                                  \
	{                                                               \
		struct fixture *f = *state;                             \
		struct setup_header *h __attribute__((unused)) = header(f); \
                                                                        \
		__VA_ARGS__;                                            \
		assert_refused(f, fragment);                            \
	}

static void a_kernel_is_one_segment_entered_at_its_64_bit_entry(void **state)
{
	struct fixture *f = *state;
	const struct segment *s = &f->image.segments[0];

	assert_opens(f);
	assert_int_equal(f->image.protocol->kind, IMAGE_LINUX);
	assert_int_equal(f->image.segment_count, 1);
	assert_int_equal(s->gpa, KERNEL_AT);
	assert_int_equal(s->file_offset, SETUP_BYTES);
	assert_int_equal(s->file_bytes, KERNEL_BYTES);
	assert_int_equal(s->mem_bytes, 0x400000);
	assert_int_equal(f->image.entry, KERNEL_AT + 0x200);
	assert_int_equal(f->image.end, KERNEL_AT + 0x400000);
	assert_int_equal(f->image.note.rings, KVICK_RINGS_0);
}

static void what_follows_the_kernel_is_not_loaded(void **state)
{
	struct fixture *f = *state;

	f->b.bytes += 100; /* a signature */
	assert_opens(f);
	assert_int_equal(f->image.segments[0].file_bytes, KERNEL_BYTES);
}

static void no_setup_sectors_are_four(void **state)
{
	struct fixture *f = *state;

	header(f)->setup_sects = 0;
	f->b.bytes = 5 * 512 + KERNEL_BYTES;
	assert_opens(f);
	assert_int_equal(f->image.segments[0].file_offset, 5 * 512);
}

static void a_header_ends_where_its_jump_says(void **state)
{
	struct fixture *f = *state;

	header(f)->jump = 0x5eeb; /* to 0x260: before init_size */
	f->b.bytes = SETUP_BYTES + KERNEL_BYTES;
	f->fd = elf_memfd(&f->b);
	snprintf(f->path, sizeof(f->path), "/proc/self/fd/%d", f->fd);
	assert_refusal(f, image_open(&f->image, f->path, NULL, &f->sys, &f->error), f->path, "init_size 0: less than");
}

REFUSAL(refuses_a_protocol_without_a_64_bit_entry, "boot protocol 2.11: kvick needs 2.12", h->version = 0x020b)
REFUSAL(refuses_a_zimage, "loadflags 0x0: a zImage", h->loadflags = 0)
REFUSAL(refuses_a_32_bit_kernel, "xloadflags 0x0: no 64-bit entry", h->xloadflags = 0)
REFUSAL(refuses_a_kernel_cut_short, "8192 bytes of kernel, and 8176 are in the file", f->b.bytes -= 16)
REFUSAL(refuses_setup_beyond_the_end, "and 0 are in the file: it is cut short", h->setup_sects = 255)
REFUSAL(refuses_a_kernel_of_no_bytes, "0 bytes of kernel: too few", h->syssize = 0)
REFUSAL(refuses_a_kernel_too_short_for_its_entry, "512 bytes of kernel: too few", h->syssize = 32)
REFUSAL(refuses_an_address_in_low_memory, "pref_address 0x9000: not a page from 1 MiB on", h->pref_address = 0x9000)
REFUSAL(refuses_an_address_that_is_no_page, "pref_address 0x1000010: not a page", h->pref_address = 0x1000010)
REFUSAL(refuses_an_address_that_wraps, "pref_address 0xfffffffffffff000: beyond the memory", h->pref_address = -4096ull)
REFUSAL(refuses_less_memory_than_the_kernel_itself, "init_size 100: less than the 8192 bytes", h->init_size = 100)
REFUSAL(refuses_the_largest_size, "and 8192 are in the file", h->syssize = UINT32_MAX)

static void a_kernel_is_loaded_whole(void **state)
{
	struct fixture *f = *state;
	struct guest_mem mem;

	assert_opens(f);
	assert_int_equal(guest_mem_create(&mem, 32 << 20, GUEST_PAGES_4K, &f->sys, &f->error), 0);
	assert_int_equal(image_load(&f->image, &mem, &f->sys, &f->error), 0);
	assert_memory_equal(mem.host + KERNEL_AT, f->b.file + SETUP_BYTES, KERNEL_BYTES);
	assert_int_equal(mem.host[KERNEL_AT + KERNEL_BYTES], 0);
	guest_mem_destroy(&mem, &f->sys);
}

static void the_zero_page_says_where_everything_is(void **state)
{
	struct fixture *f = *state;
	const struct linux_boot boot = {
		.zero_page = 0x7000, .command_line = 0x20000, .initrd_base = 0x1800000, .initrd_bytes = 12345, .rsdp = 0xe0000,
		.low_end = 0x9fc00, .hole_end = 0x100000, .mem_bytes = 32 << 20,
	};
	const struct boot_params *p;
	struct guest_mem mem;

	assert_opens(f);
	assert_int_equal(guest_mem_create(&mem, boot.mem_bytes, GUEST_PAGES_4K, &f->sys, &f->error), 0);
	assert_int_equal(linux_write_zero_page(&f->image, &mem, &boot, &f->sys, &f->error), 0);
	p = (const struct boot_params *)(mem.host + boot.zero_page);
	assert_int_equal(p->hdr.header, 0x53726448);
	assert_int_equal(p->hdr.type_of_loader, 0xff);
	assert_int_equal(p->hdr.cmd_line_ptr, boot.command_line);
	assert_int_equal(p->hdr.ramdisk_image, boot.initrd_base);
	assert_int_equal(p->hdr.ramdisk_size, boot.initrd_bytes);
	assert_int_equal(p->acpi_rsdp_addr, boot.rsdp);
	assert_int_equal(p->sentinel, 0);
	assert_int_equal(p->e820_entries, 3);
	assert_int_equal(p->e820_table[0].addr, 0);
	assert_int_equal(p->e820_table[0].size, boot.low_end);
	assert_int_equal(p->e820_table[0].type, 1);
	assert_int_equal(p->e820_table[1].type, 2);
	assert_int_equal(p->e820_table[2].addr, boot.hole_end);
	assert_int_equal(p->e820_table[2].addr + p->e820_table[2].size, boot.mem_bytes);
	assert_int_equal(p->e820_table[2].type, 1);
	guest_mem_destroy(&mem, &f->sys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KERNEL(a_kernel_is_one_segment_entered_at_its_64_bit_entry),
		KERNEL(what_follows_the_kernel_is_not_loaded),
		KERNEL(no_setup_sectors_are_four),
		KERNEL(a_header_ends_where_its_jump_says),
		KERNEL(refuses_a_protocol_without_a_64_bit_entry),
		KERNEL(refuses_a_zimage),
		KERNEL(refuses_a_32_bit_kernel),
		KERNEL(refuses_a_kernel_cut_short),
		KERNEL(refuses_setup_beyond_the_end),
		KERNEL(refuses_a_kernel_of_no_bytes),
		KERNEL(refuses_a_kernel_too_short_for_its_entry),
		KERNEL(refuses_an_address_in_low_memory),
		KERNEL(refuses_an_address_that_is_no_page),
		KERNEL(refuses_an_address_that_wraps),
		KERNEL(refuses_less_memory_than_the_kernel_itself),
		KERNEL(refuses_the_largest_size),
		KERNEL(a_kernel_is_loaded_whole),
		KERNEL(the_zero_page_says_where_everything_is),
	};

	return cmocka_run_group_tests_name("loader, Linux kernels", tests, NULL, NULL);
}
