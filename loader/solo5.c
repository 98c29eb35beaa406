/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Solo5 guests of the hvt ABI, version 2 (include/kvick/solo5.h): a static ELF64 executable with two notes, what it is and what it
 * needs. A PT_INTERP is there to keep Linux from running it, and is nothing to us.
 */
#include "loader/solo5.h"

#include <inttypes.h>

#include "loader/elf.h"
#include "loader/image.h"
#include "loader/refuse.h"
#include "vmm/error.h"
#include "vmm/layout.h"
#include "vmm/round.h"

#define refuse(elf, ...) image_refuse((elf)->image->path, (elf)->error, __VA_ARGS__)

/* Solo5's other targets, by number. */
#define TARGET_VIRTIO 3u

static const char *const targets[] = {
	[1] = "hvt", [2] = "spt", [TARGET_VIRTIO] = "virtio", [4] = "muen", [5] = "genode", [6] = "xen",
};

uint64_t solo5_mem_bytes_least(const struct image *image)
{
	return round_up(image->end + SOLO5_WORK_BYTES, SOLO5_UNIT_BYTES);
}

/* What Solo5 makes for QEMU has its note, and multiboot's header. */
static bool is_for_virtio(const struct elf *elf, const struct elf_note *note)
{
	uint32_t target;

	return note->bytes >= sizeof(target) &&
	       image_read(elf->image, note->offset, &target, sizeof(target), elf->sys, elf->error) == 0 && target == TARGET_VIRTIO;
}

/* Has it the note that says what it is, whatever else that is? */
static const char *solo5_probe(const struct image *image, const uint8_t *head, size_t head_bytes, struct sys *sys)
{
	struct error nobodys = { 0 };
	struct elf_note note;
	struct elf elf;

	if (!image_head_is_whole(image, head_bytes) || !elf_magic(head, head_bytes) ||
	    elf_open(&elf, image, sys, &nobodys) < 0 ||
	    elf_find_note(&elf, SOLO5_NOTE_OWNER, SOLO5_NOTE_ABI, &note, NULL) != 1)
		return NULL;
	return is_for_virtio(&elf, &note) ? NULL : "has a Solo5 ABI note";
}

static int check_header(const struct elf *elf)
{
	const Elf64_Ehdr *ehdr = &elf->ehdr;

	if (!elf->is64 || ehdr->e_machine != EM_X86_64)
		return refuse(elf, "e_machine %u, EI_CLASS %u: a Solo5 guest is a 64-bit x86 image: rebuild it for x86-64",
			      ehdr->e_machine, ehdr->e_ident[EI_CLASS]);
	if (ehdr->e_type != ET_EXEC)
		return refuse(elf, "e_type %u: a Solo5 guest is 2, ET_EXEC, which lies where it was linked: link it without -pie",
			      ehdr->e_type);
	return 0;
}

/* Of a note that there has to be once. */
static int find_note(const struct elf *elf, uint32_t type, const char *name, struct elf_note *note)
{
	unsigned count;
	int r = elf_find_note(elf, SOLO5_NOTE_OWNER, type, note, &count);

	if (r < 0)
		return r;
	if (count == 0)
		return refuse(elf, "has no Solo5 %s note: link it with Solo5's linker script", name);
	if (count > 1)
		return refuse(elf, "%u Solo5 %s notes: an image has one: link it once", count, name);
	return 0;
}

static int check_abi(const struct elf *elf)
{
	struct elf_note note;
	struct solo5_abi abi;
	int r = find_note(elf, SOLO5_NOTE_ABI, "ABI", &note);

	if (r < 0)
		return r;
	if (note.bytes != sizeof(abi))
		return refuse(elf, "Solo5 ABI note: n_descsz %" PRIu32 ": must be %zu: rebuild the image", note.bytes, sizeof(abi));
	r = image_read(elf->image, note.offset, &abi, sizeof(abi), elf->sys, elf->error);
	if (r < 0)
		return r;
	if (abi.target != SOLO5_TARGET_HVT)
		return refuse(elf, "Solo5 ABI note: target %" PRIu32 " (%s): kvick runs %u (hvt): build it for hvt", abi.target,
			      abi.target < sizeof(targets) / sizeof(targets[0]) && targets[abi.target] ? targets[abi.target] :
													    "unknown",
			      SOLO5_TARGET_HVT);
	if (abi.version != SOLO5_ABI_VERSION)
		return refuse(elf, "Solo5 ABI note: version %" PRIu32 ": kvick speaks %u: build it with Solo5 0.6 or later",
			      abi.version, SOLO5_ABI_VERSION);
	return 0;
}

static int find_manifest(const struct elf *elf, struct image *image)
{
	struct elf_note note;
	int r = find_note(elf, SOLO5_NOTE_MANIFEST, "manifest", &note);

	if (r < 0)
		return r;
	if (note.bytes < SOLO5_MANIFEST_PADDING || note.bytes - SOLO5_MANIFEST_PADDING > sizeof(struct solo5_manifest))
		return refuse(elf, "Solo5 manifest note: n_descsz %" PRIu32 ": must be %zu to %zu: build it again", note.bytes,
			      SOLO5_MANIFEST_PADDING + SOLO5_MANIFEST_BYTES(1),
			      SOLO5_MANIFEST_PADDING + sizeof(struct solo5_manifest));
	image->solo5.manifest_offset = note.offset + SOLO5_MANIFEST_PADDING;
	image->solo5.manifest_bytes = note.bytes - SOLO5_MANIFEST_PADDING;
	return 0;
}

/* Read anew when it is used. Not inlined: a launch's stack is to hold one large buffer at a time. */
static __attribute__((noinline)) int check_manifest(const struct image *image, struct sys *sys, struct error *error)
{
	struct solo5_manifest manifest;

	return solo5_manifest_read(&manifest, image, sys, error);
}

static int check_phdr(const struct elf *elf, unsigned i, uint64_t before)
{
	const Elf64_Phdr *phdr = &elf->phdrs[i];

	if (phdr->p_vaddr < before)
		return refuse(elf, "program header %u: p_vaddr 0x%" PRIx64 " is below that of the segment before it (0x%" PRIx64
			      "): segments must ascend: rebuild the image", i, phdr->p_vaddr, before);
	if (phdr->p_align & (phdr->p_align - 1))
		return refuse(elf, "program header %u: p_align 0x%" PRIx64 ": must be a power of two: rebuild the image", i,
			      phdr->p_align);
	if ((phdr->p_flags & (PF_W | PF_X)) == (PF_W | PF_X))
		return refuse(elf, "program header %u: p_flags 0x%" PRIx32 ": is writable and executable: link code and data into "
			      "segments of their own", i, phdr->p_flags);
	return 0;
}

/* Whether pages may be written to is all that the second level can keep apart. */
static int check_pages(const struct elf *elf, const struct image *image)
{
	for (unsigned i = 1; i < image->segment_count; i++) {
		const struct segment *before = &image->segments[i - 1], *s = &image->segments[i];

		if ((before->perms ^ s->perms) & SEGMENT_W &&
		    s->gpa / GUEST_PAGE_BYTES == (before->gpa + before->mem_bytes - 1) / GUEST_PAGE_BYTES)
			return refuse(elf, "p_vaddr 0x%" PRIx64 ": this segment shares a page with the one before it, and one of "
				      "them is writable: align segments to 4096 bytes", s->gpa);
	}
	return 0;
}

static int find_segments(const struct elf *elf, struct image *image)
{
	uint64_t before = 0;
	int r = 0;

	for (unsigned i = 0; i < elf->ehdr.e_phnum && r == 0; i++) {
		if (elf->phdrs[i].p_type != PT_LOAD || elf->phdrs[i].p_memsz == 0)
			continue;
		r = check_phdr(elf, i, before);
		before = elf->phdrs[i].p_vaddr;
	}
	if (r == 0)
		r = elf_segments(elf, image, ELF_VIRTUAL, LAYOUT_IMAGE_BASE);
	if (r == 0)
		r = check_pages(elf, image);
	if (r == 0 && !elf_entry_is_in(image, elf->ehdr.e_entry))
		return refuse(elf, "e_entry 0x%" PRIx64 ": is in no executable segment: rebuild the image with its entry in the "
			      "code", elf->ehdr.e_entry);
	image->entry = elf->ehdr.e_entry;
	return r;
}

static int solo5_parse(struct image *image, const uint8_t *head, size_t head_bytes, struct sys *sys, struct error *error)
{
	struct elf elf;
	int r;

	if (!elf_magic(head, head_bytes))
		return image_refuse(image->path, error, "starts with no ELF header (7f 45 4c 46): leave --protocol out");
	r = elf_open(&elf, image, sys, error);
	if (r == 0)
		r = check_header(&elf);
	if (r == 0)
		r = check_abi(&elf);
	if (r == 0)
		r = find_manifest(&elf, image);
	if (r == 0)
		r = check_manifest(image, sys, error);
	if (r == 0)
		r = find_segments(&elf, image);
	/* Ring 0, and a CPUID that tells what there is: its cryptography asks. */
	image->note = (struct kvick_note){ .rings = KVICK_RINGS_0, .flags = KVICK_NOTE_CPUID };
	image->readonly_always = true;
	return r;
}

const struct protocol protocol_solo5 = {
	.name = "solo5",
	.about = "Solo5 hvt, ABI 2",
	.kind = IMAGE_SOLO5,
	.probe = solo5_probe,
	.parse = solo5_parse,
};
