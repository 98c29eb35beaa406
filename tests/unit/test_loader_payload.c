/* SPDX-License-Identifier: Apache-2.0 */
/* bzImages with a kernel inside: unpacked where kvick knows how, left alone where not, refused where they contradict themselves. */
#include <asm/bootparam.h>
#include <errno.h>
#include <sys/mman.h>

#include "loader/elf.h"
#include "loader/linux.h"
#include "tests/unit/test_loader.h"

#define KERNEL_OFFSET  1024u
#define PAYLOAD_OFFSET 0x400u /* from there */
#define KERNEL_AT      0x1000000ull
#define LZ4_LEGACY     0x184c2102u
#define INSIDE_BYTES   0x3000u
#define BLOCK_BYTES    (8u << 20) /* unpacked: every block but the last */

struct packed {
	struct fixture f;
	uint8_t *payload;        /* in the builder's buffer */
	uint8_t inside[INSIDE_BYTES];
};

static struct setup_header *header(struct fixture *f)
{
	return (struct setup_header *)(f->b.file + 0x1f1);
}

static void put(uint8_t **at, uint32_t word)
{
	memcpy(*at, &word, sizeof(word));
	*at += sizeof(word);
}

/* What a token's half of 15 leaves of a length. */
static uint8_t *put_length(uint8_t *at, size_t left)
{
	for (; left >= 255; left -= 255)
		*at++ = 255;
	*at++ = (uint8_t)left;
	return at;
}

static uint8_t *put_literals(uint8_t *at, uint8_t token, const uint8_t *bytes, size_t count)
{
	*at++ = token;
	at = put_length(at, count - 15);
	memcpy(at, bytes, count);
	return at + count;
}

/* One block of literals alone: LZ4 that anybody can write. */
static uint8_t *put_block(uint8_t *at, const uint8_t *bytes, size_t count)
{
	uint8_t *size = at, *end = put_literals(at + 4, 0xf0, bytes, count);

	put(&size, (uint32_t)(end - size - 4));
	return end;
}

/* And one of full size: the last of the literals goes on to its end, which is a literal of its own. */
static uint8_t *put_full_block(uint8_t *at, const uint8_t *bytes, size_t count)
{
	uint8_t *size = at, *end = put_literals(at + 4, 0xff, bytes, count);

	*end++ = 1;
	*end++ = 0;
	end = put_length(end, BLOCK_BYTES - count - 1 - 4 - 15);
	*end++ = 0x10;
	*end++ = 0;
	put(&size, (uint32_t)(end - size - 4));
	return end;
}

static uint8_t *put_empty_block(uint8_t *at)
{
	put(&at, 1);
	*at++ = 0;
	return at;
}

/* A kernel as ELF file: two segments, of whole pages and of less, at an address of their own each; none in pages of the other. */
static void make_inside(uint8_t *file)
{
	Elf64_Ehdr *ehdr = (Elf64_Ehdr *)file;
	Elf64_Phdr *phdrs = (Elf64_Phdr *)(file + sizeof(*ehdr));

	for (unsigned i = 0; i < INSIDE_BYTES; i++)
		file[i] = elf_pattern(i);
	*ehdr = (Elf64_Ehdr){
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = EV_CURRENT, .e_entry = KERNEL_AT + 8,
		.e_phoff = sizeof(*ehdr), .e_ehsize = sizeof(*ehdr), .e_phentsize = sizeof(*phdrs), .e_phnum = 2,
	};
	phdrs[0] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = 0x1000, .p_vaddr = -KERNEL_AT, .p_paddr = KERNEL_AT,
		.p_filesz = 0x1800, .p_memsz = 0x1800,
	};
	phdrs[1] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = 0x200, .p_vaddr = -KERNEL_AT + 0x5000,
		.p_paddr = KERNEL_AT + 0x5010, .p_filesz = 0x700, .p_memsz = 0x2000,
	};
}

static uint8_t *begin(struct packed *p)
{
	uint8_t *at = p->payload;

	put(&at, LZ4_LEGACY);
	return at;
}

/* The payload's last field is the size. */
static void end(struct packed *p, uint8_t *at, uint32_t bytes)
{
	put(&at, bytes);
	header(&p->f)->payload_length = (uint32_t)(at - p->payload);
	p->f.b.bytes = (size_t)(at - p->f.b.file + 15) / 16 * 16;
	header(&p->f)->syssize = (uint32_t)(p->f.b.bytes - KERNEL_OFFSET) / 16;
}

static void pack(struct packed *p)
{
	end(p, put_block(begin(p), p->inside, INSIDE_BYTES), INSIDE_BYTES);
}

/* Two blocks, the first of them full. */
static void pack_long(struct packed *p)
{
	header(&p->f)->init_size = 2 * BLOCK_BYTES;
	end(p, put_block(put_full_block(begin(p), p->inside, INSIDE_BYTES), p->inside, 300), BLOCK_BYTES + 300);
}

static int set_up_packed(void **state)
{
	struct packed *p = calloc(1, sizeof(*p));

	if (!p)
		return -1;
	sys_init(&p->f.sys);
	p->f.image.fd = p->f.fd = -1;
	p->payload = p->f.b.file + KERNEL_OFFSET + PAYLOAD_OFFSET;
	*header(&p->f) = (struct setup_header){
		.setup_sects = 1, .boot_flag = 0xaa55, .jump = 0x6aeb, .header = 0x53726448, .version = 0x020f,
		.loadflags = LOADED_HIGH, .initrd_addr_max = 0x7fffffff, .xloadflags = XLF_KERNEL_64, .cmdline_size = 1000,
		.pref_address = KERNEL_AT, .init_size = 0x400000, .payload_offset = PAYLOAD_OFFSET,
	};
	make_inside(p->inside);
	pack(p);
	*state = p;
	return 0;
}

#define PACKED(test) cmocka_unit_test_setup_teardown(test, set_up_packed, tear_down)

static void set_size(struct packed *p, uint32_t bytes)
{
	memcpy(p->payload + header(&p->f)->payload_length - 4, &bytes, 4);
}

static void assert_inside(struct packed *p, uint64_t bytes)
{
	struct fixture *f = &p->f;

	assert_opens(f);
	assert_int_equal(f->image.protocol->kind, IMAGE_LINUX);
	assert_int_equal(f->image.packed_bytes, f->b.bytes);
	assert_int_equal(f->image.file_bytes, bytes);
	assert_int_equal(f->image.segment_count, 2);
	assert_int_equal(f->image.segments[0].gpa, KERNEL_AT);
	assert_int_equal(f->image.segments[0].file_offset, 0x1000);
	assert_int_equal(f->image.entry, KERNEL_AT + 8);
	assert_int_equal(f->image.kernel.version, 0x020f);
	assert_int_equal(f->image.kernel.command_line_max, 1000);
}

static void the_kernel_inside_is_the_image(void **state)
{
	assert_inside(*state, INSIDE_BYTES);
}

static void several_blocks_are_one_kernel(void **state)
{
	struct packed *p = *state;

	pack_long(p);
	assert_inside(p, BLOCK_BYTES + 300);
	assert_memory_equal(p->f.image.unpacked + BLOCK_BYTES, p->inside, 300);
}

/* hugepages: as if RAM consisted of such, into which no other page can be moved. */
static void assert_loads(struct packed *p, bool hugepages)
{
	struct fixture *f = &p->f;
	struct guest_mem mem;

	assert_opens(f);
	assert_int_equal(guest_mem_create(&mem, 32 << 20, GUEST_PAGES_ALIGNED, &f->sys, &f->error), 0);
	mem.hugepages = hugepages;
	assert_int_equal(image_load(&f->image, &mem, &f->sys, &f->error), 0);
	assert_null(f->image.unpacked);
	for (unsigned i = 0; i < f->image.segment_count; i++) {
		const struct segment *s = &f->image.segments[i];

		assert_memory_equal(mem.host + s->gpa, p->inside + s->file_offset, s->file_bytes);
		assert_int_equal(mem.host[s->gpa - 1], 0);
		assert_int_equal(mem.host[s->gpa + s->file_bytes], 0);
	}
	guest_mem_destroy(&mem, &f->sys);
}

static void its_pages_become_rams(void **state)
{
	assert_loads(*state, false);
}

/* Another thread's mapping, in the place that moved pages have left. */
static struct {
	bool wanted;
	uint8_t *at;
} intruder;

int __real_sys_mremap(struct sys *sys, void *from, size_t bytes, void *to);
int __wrap_sys_mremap(struct sys *sys, void *from, size_t bytes, void *to);

int __wrap_sys_mremap(struct sys *sys, void *from, size_t bytes, void *to)
{
	int r = __real_sys_mremap(sys, from, bytes, to);

	if (r < 0 || !intruder.wanted)
		return r;
	intruder.at = mmap(from, GUEST_PAGE_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	assert_ptr_equal(intruder.at, from);
	return 0;
}

static bool is_mapped(uint8_t *page)
{
	unsigned char resident;

	return mincore(page, GUEST_PAGE_BYTES, &resident) == 0;
}

static void what_others_map_where_pages_were_stays(void **state)
{
	struct packed *p = *state;
	struct fixture *f = &p->f;
	struct guest_mem mem;
	uint8_t *unpacked;

	assert_opens(f);
	unpacked = f->image.unpacked;
	assert_int_equal(guest_mem_create(&mem, 32 << 20, GUEST_PAGES_ALIGNED, &f->sys, &f->error), 0);
	intruder.wanted = true;
	assert_int_equal(image_load(&f->image, &mem, &f->sys, &f->error), 0);
	intruder.wanted = false;
	assert_ptr_equal(intruder.at, unpacked + 0x1000);
	assert_true(is_mapped(intruder.at));
	assert_false(is_mapped(unpacked));
	assert_false(is_mapped(unpacked + 0x2000));
	munmap(intruder.at, GUEST_PAGE_BYTES);
	guest_mem_destroy(&mem, &f->sys);
}

static void into_hugepages_they_are_copied(void **state)
{
	assert_loads(*state, true);
}

static void pages_of_two_segments_are_copied_for_each(void **state)
{
	struct packed *p = *state;
	Elf64_Phdr *phdrs = (Elf64_Phdr *)(p->inside + sizeof(Elf64_Ehdr));

	phdrs[1].p_offset = 0x1000;
	phdrs[1].p_filesz = 0x1800;
	phdrs[1].p_paddr = KERNEL_AT + 0x5000;
	pack(p);
	assert_loads(p, false);
}

static void the_zero_page_has_the_files_header(void **state)
{
	struct packed *p = *state;
	struct fixture *f = &p->f;
	const struct linux_boot boot = { .zero_page = 0x7000, .low_end = 0x9fc00, .hole_end = 0x100000, .mem_bytes = 32 << 20 };
	const struct boot_params *params;
	struct guest_mem mem;

	assert_opens(f);
	assert_int_equal(guest_mem_create(&mem, boot.mem_bytes, GUEST_PAGES_4K, &f->sys, &f->error), 0);
	assert_int_equal(image_load(&f->image, &mem, &f->sys, &f->error), 0);
	assert_int_equal(linux_write_zero_page(&f->image, &mem, &boot, &f->sys, &f->error), 0);
	params = (const struct boot_params *)(mem.host + boot.zero_page);
	assert_int_equal(params->hdr.pref_address, KERNEL_AT);
	assert_int_equal(params->hdr.cmdline_size, 1000);
	guest_mem_destroy(&mem, &f->sys);
}

static void what_is_not_lz4_unpacks_itself(void **state)
{
	struct packed *p = *state;

	p->payload[0] = 0x1f;
	assert_opens(&p->f);
	assert_int_equal(p->f.image.packed_bytes, 0);
	assert_int_equal(p->f.image.segment_count, 1);
	assert_int_equal(p->f.image.entry, KERNEL_AT + 0x200);
}

static void a_signal_while_the_header_is_read_again_is_no_error(void **state)
{
	struct packed *p = *state;
	struct fixture *f = &p->f;
	const struct linux_boot boot = { .zero_page = 0x7000, .low_end = 0x9fc00, .hole_end = 0x100000, .mem_bytes = 32 << 20 };
	struct guest_mem mem;

	assert_opens(f);
	assert_int_equal(guest_mem_create(&mem, boot.mem_bytes, GUEST_PAGES_4K, &f->sys, &f->error), 0);
	f->sys.fail_at = f->sys.calls + 1;
	f->sys.fail_errno = EINTR;
	assert_int_equal(linux_write_zero_page(&f->image, &mem, &boot, &f->sys, &f->error), 0);
	assert_true(f->sys.calls > f->sys.fail_at);
	guest_mem_destroy(&mem, &f->sys);
}

/* Not ours to judge: what unpacks it in the guest does. */
static void what_is_no_elf_file_inside_unpacks_itself(void **state)
{
	struct packed *p = *state;

	memcpy(p->inside, "XXXX", 4);
	pack(p);
	assert_opens(&p->f);
	assert_null(p->f.image.unpacked);
	assert_int_equal(p->f.image.packed_bytes, 0);
	assert_int_equal(p->f.image.file_bytes, p->f.b.bytes);
	assert_int_equal(p->f.image.segment_count, 1);
	assert_int_equal(p->f.image.segments[0].file_offset, KERNEL_OFFSET);
	assert_int_equal(p->f.image.entry, KERNEL_AT + 0x200);
}

static void pvh_refuses_what_is_no_elf_file_inside(void **state)
{
	struct packed *p = *state;

	memcpy(p->inside, "XXXX", 4);
	pack(p);
	assert_refused_as(&p->f, "pvh", "payload: unpacks to no ELF file");
}

static void no_payload_is_none(void **state)
{
	struct packed *p = *state;

	header(&p->f)->payload_length = 0;
	assert_opens(&p->f);
	assert_int_equal(p->f.image.packed_bytes, 0);
}

static void elf_open_wants_the_magic(void **state)
{
	struct packed *p = *state;
	struct elf elf;

	assert_opens(&p->f);
	p->f.image.unpacked[EI_MAG3] = 'G';
	assert_int_equal(elf_open(&elf, &p->f.image, &p->f.sys, &p->f.error), -ENOEXEC);
	assert_fragment(&p->f.error, "payload: starts with 7f 45 4c 47: not an ELF file");
}

#define REFUSAL(test, fragment, ...)                                      \
	static void test(void **state)                                    \
	{                                                                 \
		struct packed *p = *state;                                \
		struct setup_header *h __attribute__((unused)) = header(&p->f); \
                                                                          \
		__VA_ARGS__;                                              \
		assert_refused(&p->f, fragment);                          \
	}

static void set_block(struct packed *p, uint32_t bytes)
{
	memcpy(p->payload + 4, &bytes, 4);
}

REFUSAL(refuses_a_payload_beyond_the_kernel, "payload_offset 0x400 + payload_length 0x20000 is beyond", h->payload_length = 0x20000)
REFUSAL(refuses_an_offset_beyond_the_kernel, "payload_offset 0xffffffff + payload_length", h->payload_offset = UINT32_MAX)
REFUSAL(refuses_a_size_of_0, "unpacks to 0 bytes", set_size(p, 0))
REFUSAL(refuses_a_size_beyond_init_size, "unpacks to 4194305 bytes, and init_size is 4194304", set_size(p, 0x400001))
REFUSAL(refuses_a_size_that_is_too_large, "kvick unpacks up to 536870912", h->init_size = UINT32_MAX, set_size(p, 0x20000001))
REFUSAL(refuses_more_than_its_size,
	"payload: LZ4 block at 0x4: no LZ4, or more than the 12287 bytes", set_size(p, INSIDE_BYTES - 1))
REFUSAL(refuses_less_than_its_size, "unpacks to 12288 bytes, and its last 4 bytes say 12289", set_size(p, INSIDE_BYTES + 1))
REFUSAL(refuses_a_block_beyond_the_payload, "LZ4 block at 0x4: 65536 bytes, and payload_length leaves", set_block(p, 65536))
REFUSAL(refuses_a_block_of_nothing, "payload: LZ4 block at 0x4: 0 bytes", set_block(p, 0))
REFUSAL(refuses_the_largest_block, "payload: LZ4 block at 0x4: 4294967295 bytes", set_block(p, UINT32_MAX))
REFUSAL(refuses_what_is_no_lz4, "payload: LZ4 block at 0x4: no LZ4", p->payload[8] = 0x0f)
REFUSAL(refuses_a_payload_cut_short, "unpacks to 0 bytes, and its last 4 bytes say 1296", h->payload_length = 8,
	memcpy(p->payload + 4, "\x10\x05\0", 4))
REFUSAL(refuses_a_block_cut_short,
	"payload: LZ4 block at 0x4: 12338 bytes, and payload_length leaves 12238", h->payload_length -= 100,
	set_size(p, INSIDE_BYTES))
REFUSAL(refuses_a_block_that_unpacks_to_nothing, "payload: LZ4 block at 0x4: unpacks to 0 bytes",
	end(p, put_block(put_empty_block(begin(p)), p->inside, INSIDE_BYTES), INSIDE_BYTES))
REFUSAL(refuses_nothing_behind_the_last_byte, "payload: LZ4 block at 0xb08f: unpacks to 0 bytes", h->init_size = 2 * BLOCK_BYTES,
	end(p, put_empty_block(put_full_block(begin(p), p->inside, INSIDE_BYTES)), BLOCK_BYTES))
REFUSAL(refuses_a_short_block_before_the_last,
	"payload: LZ4 block at 0x4: unpacks to 300 bytes, and all but the last unpack to 8388608",
	end(p, put_block(put_block(begin(p), p->inside, 300), p->inside + 300, INSIDE_BYTES - 300), INSIDE_BYTES))
REFUSAL(refuses_what_is_no_kernel_inside, "payload: EI_CLASS 9", p->inside[EI_CLASS] = 9; pack(p))
REFUSAL(refuses_another_machines_kernel_inside, "payload: e_machine 183", p->inside[18] = EM_AARCH64; pack(p))
REFUSAL(refuses_an_entry_outside, "e_entry 0x0: in no segment", memset(p->inside + 24, 0, 8); pack(p))

int main(void)
{
	const struct CMUnitTest tests[] = {
		PACKED(the_kernel_inside_is_the_image),
		PACKED(several_blocks_are_one_kernel),
		PACKED(its_pages_become_rams),
		PACKED(what_others_map_where_pages_were_stays),
		PACKED(into_hugepages_they_are_copied),
		PACKED(pages_of_two_segments_are_copied_for_each),
		PACKED(the_zero_page_has_the_files_header),
		PACKED(a_signal_while_the_header_is_read_again_is_no_error),
		PACKED(what_is_not_lz4_unpacks_itself),
		PACKED(what_is_no_elf_file_inside_unpacks_itself),
		PACKED(pvh_refuses_what_is_no_elf_file_inside),
		PACKED(no_payload_is_none),
		PACKED(elf_open_wants_the_magic),
		PACKED(refuses_a_payload_beyond_the_kernel),
		PACKED(refuses_an_offset_beyond_the_kernel),
		PACKED(refuses_a_size_of_0),
		PACKED(refuses_a_size_beyond_init_size),
		PACKED(refuses_a_size_that_is_too_large),
		PACKED(refuses_more_than_its_size),
		PACKED(refuses_less_than_its_size),
		PACKED(refuses_a_block_beyond_the_payload),
		PACKED(refuses_a_block_of_nothing),
		PACKED(refuses_the_largest_block),
		PACKED(refuses_what_is_no_lz4),
		PACKED(refuses_a_payload_cut_short),
		PACKED(refuses_a_block_cut_short),
		PACKED(refuses_a_block_that_unpacks_to_nothing),
		PACKED(refuses_nothing_behind_the_last_byte),
		PACKED(refuses_a_short_block_before_the_last),
		PACKED(refuses_what_is_no_kernel_inside),
		PACKED(refuses_another_machines_kernel_inside),
		PACKED(refuses_an_entry_outside),
	};

	return cmocka_run_group_tests_name("loader, kernels in bzImages", tests, NULL, NULL);
}
