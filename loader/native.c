/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The native protocol: a static ELF64 executable for x86-64 with a kvick note.
 *
 * Headers are copied out of the head once, judged here, and never read again. Sections named in
 * comments are those of the System V gABI ("ELF Header", "Program Header", "Note Section") and of
 * its x86-64 supplement (psABI).
 */
#include <assert.h>
#include <elf.h>
#include <inttypes.h>
#include <string.h>

#include <kvick/note.h>

#include "loader/elf.h"
#include "loader/image.h"
#include "loader/refuse.h"
#include "vmm/error.h"
#include "vmm/guest_mem.h"
#include "vmm/layout.h"
#include "vmm/round.h"

#define PHDRS_MAX 32                  /* a linked guest has about eight */
#define ALIGN_BYTES_MAX (2ull << 20)  /* one large page */
#define STACK_BYTES_MAX (1ull << 30)

#define KNOWN_PERMS (PF_R | PF_W | PF_X)

/* The largest index of a program header is PHDRS_MAX - 1. */
#define NO_PHDR PHDRS_MAX

struct native {
	struct image *image;
	struct error *error;
	const uint8_t *head;
	size_t head_bytes;
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdrs[PHDRS_MAX];
	unsigned note_phdr;                       /* that held the kvick note, or NO_PHDR */
	unsigned segment_phdr[IMAGE_SEGMENTS_MAX]; /* of each segment, for messages */
	uint64_t align_bytes;                     /* strictest p_align of the segments */
};

/* ELF's names for what we meet and refuse: a message says the name and the number. */
struct elf_name {
	unsigned value;
	const char *name;
};

static const struct elf_name machines[] = {
	{ EM_NONE, "EM_NONE" },	  { EM_SPARC, "EM_SPARC" }, { EM_386, "EM_386" },	{ EM_MIPS, "EM_MIPS" },
	{ EM_PPC, "EM_PPC" },	  { EM_PPC64, "EM_PPC64" }, { EM_S390, "EM_S390" },	{ EM_ARM, "EM_ARM" },
	{ EM_SPARCV9, "EM_SPARCV9" }, { EM_IA_64, "EM_IA_64" }, { EM_AARCH64, "EM_AARCH64" }, { EM_RISCV, "EM_RISCV" },
	{ EM_BPF, "EM_BPF" },	  { 258, "EM_LOONGARCH" }, /* newer than some <elf.h> */
};

static const struct elf_name types[] = {
	{ ET_NONE, "ET_NONE" },
	{ ET_REL, "ET_REL, an object file" },
	{ ET_CORE, "ET_CORE, a core dump" },
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const char *elf_name(const struct elf_name *names, size_t count, unsigned value)
{
	for (size_t i = 0; i < count; i++)
		if (names[i].value == value)
			return names[i].name;
	return "unknown";
}

#define refuse(n, ...) image_refuse((n)->image->path, (n)->error, __VA_ARGS__)

/* Does [offset, offset + bytes) lie within `limit`? For bytes and offset from the file: no sum may wrap. */
static bool within(uint64_t offset, uint64_t bytes, uint64_t limit)
{
	return offset <= limit && bytes <= limit - offset;
}

/* Was this but the first part of the head? */
static bool more_to_read(const struct native *n)
{
	return n->head_bytes < IMAGE_HEAD_BYTES && n->head_bytes < n->image->file_bytes;
}

/* gABI, "ELF Identification". */
static int check_ident(const struct native *n)
{
	const unsigned char *ident = n->ehdr.e_ident;

	if (ident[EI_CLASS] != ELFCLASS64)
		return refuse(n, "EI_CLASS %u%s: kvick runs 64-bit x86 images: rebuild it for x86-64 (-m64)",
			      ident[EI_CLASS], ident[EI_CLASS] == ELFCLASS32 ? " (32-bit)" : "");
	if (ident[EI_DATA] != ELFDATA2LSB)
		return refuse(n, "EI_DATA %u%s: kvick runs little-endian x86-64 images: rebuild it for x86-64",
			      ident[EI_DATA], ident[EI_DATA] == ELFDATA2MSB ? " (big-endian)" : "");
	if (ident[EI_VERSION] != EV_CURRENT)
		return refuse(n, "EI_VERSION %u: must be 1: rebuild the image", ident[EI_VERSION]);
	return 0;
}

static int read_ehdr(struct native *n)
{
	Elf64_Ehdr *ehdr = &n->ehdr;
	int rc;

	if (n->head_bytes < sizeof(*ehdr))
		return refuse(n, "is cut short: %zu bytes, and the ELF header has %zu: rebuild or copy it again",
			      n->head_bytes, sizeof(*ehdr));
	memcpy(ehdr, n->head, sizeof(*ehdr));
	if (!elf_magic(n->head, n->head_bytes))
		return refuse(n, "starts with %02x %02x %02x %02x: not an ELF file (7f 45 4c 46): leave --protocol out", n->head[0],
			      n->head[1], n->head[2], n->head[3]);
	rc = check_ident(n);
	if (rc)
		return rc;
	if (ehdr->e_machine != EM_X86_64)
		return refuse(n, "e_machine: kvick runs 64-bit x86 images; this one is for %s (%u): rebuild it for x86-64",
			      elf_name(machines, COUNT(machines), ehdr->e_machine), ehdr->e_machine);
	if (ehdr->e_type != ET_EXEC && ehdr->e_type != ET_DYN)
		return refuse(n, "e_type %u (%s): must be ET_EXEC or a static PIE: link it", ehdr->e_type,
			      elf_name(types, COUNT(types), ehdr->e_type));
	if (ehdr->e_version != EV_CURRENT)
		return refuse(n, "e_version %u: must be 1: rebuild the image", ehdr->e_version);
	n->image->pie = ehdr->e_type == ET_DYN;
	return 0;
}

static int read_phdrs(struct native *n)
{
	const Elf64_Ehdr *ehdr = &n->ehdr;
	uint64_t bytes = (uint64_t)ehdr->e_phnum * sizeof(Elf64_Phdr);

	if (!ehdr->e_phnum)
		return refuse(n, "e_phnum 0: has no program headers: link it as an executable");
	if (ehdr->e_phnum > PHDRS_MAX)
		return refuse(n, "e_phnum %u: kvick reads at most %u program headers: link it with fewer",
			      ehdr->e_phnum, PHDRS_MAX);
	if (ehdr->e_phentsize != sizeof(Elf64_Phdr))
		return refuse(n, "e_phentsize %u: must be %zu: rebuild the image", ehdr->e_phentsize,
			      sizeof(Elf64_Phdr));
	if (!within(ehdr->e_phoff, bytes, n->image->file_bytes))
		return refuse(n, "e_phoff 0x%" PRIx64 ": %u program headers end beyond the file's %" PRIu64
			      " bytes: it is cut short: rebuild or copy it again",
			      ehdr->e_phoff, ehdr->e_phnum, n->image->file_bytes);
	if (!within(ehdr->e_phoff, bytes, n->head_bytes)) {
		if (more_to_read(n))
			return IMAGE_NEEDS_MORE;
		return refuse(n, "e_phoff 0x%" PRIx64 ": %u program headers end beyond the first %u bytes, where kvick"
			      " looks for them: link them to the front",
			      ehdr->e_phoff, ehdr->e_phnum, IMAGE_HEAD_BYTES);
	}
	memcpy(n->phdrs, n->head + ehdr->e_phoff, bytes);
	return 0;
}

/* First of all, so that an ordinary program is called one, whatever else kvick would miss in it. */
static int check_not_dynamic(struct native *n)
{
	for (unsigned i = 0; i < n->ehdr.e_phnum; i++)
		if (n->phdrs[i].p_type == PT_INTERP)
			return refuse(n, "program header %u: p_type PT_INTERP: is an ordinary dynamic Linux program: kvick runs"
				      " static images built with its guest runtime",
				      i);
	return 0;
}

static int check_note(const struct native *n)
{
	const struct kvick_note *note = &n->image->note;

	if (note->abi_version != KVICK_ABI_VERSION)
		return refuse(n, "kvick note: abi_version %" PRIu32 ": this kvick speaks ABI %u: rebuild the image with"
			      " this kvick's runtime",
			      note->abi_version, KVICK_ABI_VERSION);
	if (note->flags & ~KVICK_NOTE_FLAGS)
		return refuse(n, "kvick note: flags 0x%" PRIx32 ": has an unknown bit (known: 0x%x): rebuild the image",
			      note->flags, KVICK_NOTE_FLAGS);
	if (note->mem_bytes > GUEST_MEM_BYTES_MAX)
		return refuse(n, "kvick note: mem_bytes 0x%" PRIx64 ": more than a guest can have (0x%llx): rebuild the"
			      " image with a smaller wish",
			      note->mem_bytes, GUEST_MEM_BYTES_MAX);
	if (note->stack_bytes > STACK_BYTES_MAX)
		return refuse(n, "kvick note: stack_bytes 0x%" PRIx64 ": more than a stack can have (0x%llx): rebuild the"
			      " image with a smaller wish",
			      note->stack_bytes, STACK_BYTES_MAX);
	if (note->rings & ~KVICK_RINGS_ANY)
		return refuse(n, "kvick note: rings 0x%" PRIx32 ": has an unknown bit (known: 0x%x): rebuild the image",
			      note->rings, KVICK_RINGS_ANY);
	if (!note->rings)
		return refuse(n, "kvick note: rings 0x0: allows no ring to run at: rebuild the image");
	if (note->reserved)
		return refuse(n, "kvick note: reserved 0x%" PRIx32 ": must be 0: rebuild the image", note->reserved);
	return 0;
}

/* One note with kvick's name on it: desc points at header->n_descsz bytes of the head. */
static int take_kvick_note(struct native *n, unsigned phdr, const Elf64_Nhdr *header, const uint8_t *desc)
{
	if (header->n_type != KVICK_NOTE_TYPE)
		return refuse(n, "program header %u: kvick note: n_type 0x%" PRIx32 ": must be 0x%x: rebuild the image", phdr,
			      header->n_type, KVICK_NOTE_TYPE);
	if (header->n_descsz != sizeof(struct kvick_note))
		return refuse(n, "program header %u: kvick note: n_descsz %" PRIu32 ": must be %zu: rebuild the image", phdr,
			      header->n_descsz, sizeof(struct kvick_note));
	if (n->note_phdr != NO_PHDR)
		return refuse(n, "program header %u: a second kvick note (the first is in program header %u): an image has"
			      " one: link the runtime once",
			      phdr, n->note_phdr);
	n->note_phdr = phdr;
	memcpy(&n->image->note, desc, sizeof(struct kvick_note));
	return check_note(n);
}

/*
 * gABI, "Note Section". The text asks for 8-byte words in 64-bit files; what linkers make has
 * 4-byte words, and pads name and descriptor to p_align, 4 or 8.
 */
static int walk_notes(struct native *n, unsigned phdr, const uint8_t *notes, uint64_t bytes)
{
	uint64_t align = n->phdrs[phdr].p_align == 8 ? 8 : 4;
	uint64_t at = 0;

	while (at < bytes) {
		Elf64_Nhdr header;
		uint64_t name, desc;
		int rc;

		if (!within(at, sizeof(header), bytes))
			return refuse(n, "program header %u: note at 0x%" PRIx64 " is cut short: its header needs %zu bytes,"
				      " p_filesz leaves %" PRIu64 ": rebuild the image",
				      phdr, at, sizeof(header), bytes - at);
		memcpy(&header, notes + at, sizeof(header));
		/* 32-bit sizes in 64-bit sums: nothing wraps. */
		name = at + sizeof(header);
		desc = round_up(name + header.n_namesz, align);
		if (!within(desc, header.n_descsz, bytes))
			return refuse(n, "program header %u: note at 0x%" PRIx64 " is cut short: n_namesz %" PRIu32
				      " and n_descsz %" PRIu32 " go beyond p_filesz 0x%" PRIx64 ": rebuild the image",
				      phdr, at, header.n_namesz, header.n_descsz, bytes);
		if (header.n_namesz == sizeof(KVICK_NOTE_OWNER) &&
		    !memcmp(notes + name, KVICK_NOTE_OWNER, sizeof(KVICK_NOTE_OWNER))) {
			rc = take_kvick_note(n, phdr, &header, notes + desc);
			if (rc)
				return rc;
		}
		at = round_up(desc + header.n_descsz, align);
	}
	return 0;
}

static int read_notes(struct native *n)
{
	int rc;

	for (unsigned i = 0; i < n->ehdr.e_phnum; i++) {
		const Elf64_Phdr *phdr = &n->phdrs[i];

		if (phdr->p_type != PT_NOTE)
			continue;
		if (!within(phdr->p_offset, phdr->p_filesz, n->image->file_bytes))
			return refuse(n, "program header %u (PT_NOTE): p_offset 0x%" PRIx64 " + p_filesz 0x%" PRIx64
				      " is beyond the file's %" PRIu64 " bytes: it is cut short: rebuild or copy it again",
				      i, phdr->p_offset, phdr->p_filesz, n->image->file_bytes);
		if (!within(phdr->p_offset, phdr->p_filesz, n->head_bytes)) {
			if (more_to_read(n))
				return IMAGE_NEEDS_MORE;
			return refuse(n, "program header %u (PT_NOTE): p_offset 0x%" PRIx64 " + p_filesz 0x%" PRIx64
				      " is beyond the first %u bytes, where kvick looks for notes: link them to the front",
				      i, phdr->p_offset, phdr->p_filesz, IMAGE_HEAD_BYTES);
		}
		rc = walk_notes(n, i, n->head + phdr->p_offset, phdr->p_filesz);
		if (rc)
			return rc;
	}
	if (n->note_phdr == NO_PHDR)
		return refuse(n, "has no kvick note: an ordinary Linux program, or made for another VMM: build it with kvick's"
			      " guest runtime, or use --protocol linux for a kernel");
	return 0;
}

/* What the image asks for beside segments and notes. All other types say nothing that a guest's start needs. */
static int check_wishes(struct native *n)
{
	for (unsigned i = 0; i < n->ehdr.e_phnum; i++) {
		const Elf64_Phdr *phdr = &n->phdrs[i];

		if (phdr->p_type == PT_TLS)
			return refuse(n, "program header %u: p_type PT_TLS: nothing sets up thread-local storage at a guest's"
				      " start: rebuild it without __thread and _Thread_local",
				      i);
		if (phdr->p_type == PT_GNU_STACK && phdr->p_flags & PF_X)
			return refuse(n, "program header %u (PT_GNU_STACK): p_flags 0x%" PRIx32
				      ": a guest's stack is never executable: link it with -z noexecstack",
				      i, phdr->p_flags);
	}
	return 0;
}

/* gABI, "Program Header", p_align. */
static int check_align(const struct native *n, unsigned i)
{
	const Elf64_Phdr *phdr = &n->phdrs[i];

	if (phdr->p_align <= 1)
		return 0;
	if (phdr->p_align & (phdr->p_align - 1))
		return refuse(n, "program header %u: p_align 0x%" PRIx64 ": must be a power of two: rebuild the image", i,
			      phdr->p_align);
	if (phdr->p_align > ALIGN_BYTES_MAX)
		return refuse(n, "program header %u: p_align 0x%" PRIx64 ": more than 0x%llx: link it with -z"
			      " max-page-size=4096",
			      i, phdr->p_align, ALIGN_BYTES_MAX);
	if ((phdr->p_vaddr - phdr->p_offset) & (phdr->p_align - 1))
		return refuse(n, "program header %u: p_vaddr 0x%" PRIx64 " and p_offset 0x%" PRIx64
			      " differ modulo p_align 0x%" PRIx64 ": rebuild the image",
			      i, phdr->p_vaddr, phdr->p_offset, phdr->p_align);
	return 0;
}

/* One PT_LOAD, by itself. p_paddr is left alone: psABI leaves its contents open, and guests start with VA = PA. */
static int check_load(const struct native *n, unsigned i)
{
	const Elf64_Phdr *phdr = &n->phdrs[i];

	if (phdr->p_filesz > phdr->p_memsz)
		return refuse(n, "program header %u: p_filesz 0x%" PRIx64 " > p_memsz 0x%" PRIx64 ": rebuild the image", i,
			      phdr->p_filesz, phdr->p_memsz);
	if (phdr->p_memsz > UINT64_MAX - phdr->p_vaddr)
		return refuse(n, "program header %u: p_vaddr 0x%" PRIx64 " + p_memsz 0x%" PRIx64
			      " overflows: rebuild the image",
			      i, phdr->p_vaddr, phdr->p_memsz);
	/* Without bytes in the file p_offset says nothing, and linkers put it past the file's end. */
	if (phdr->p_filesz && phdr->p_filesz > UINT64_MAX - phdr->p_offset)
		return refuse(n, "program header %u: p_offset 0x%" PRIx64 " + p_filesz 0x%" PRIx64
			      " overflows: rebuild the image",
			      i, phdr->p_offset, phdr->p_filesz);
	if (phdr->p_filesz && !within(phdr->p_offset, phdr->p_filesz, n->image->file_bytes))
		return refuse(n, "program header %u: p_offset 0x%" PRIx64 " + p_filesz 0x%" PRIx64
			      " is beyond the file's %" PRIu64 " bytes: it is cut short: rebuild or copy it again",
			      i, phdr->p_offset, phdr->p_filesz, n->image->file_bytes);
	if (phdr->p_flags & PF_W && phdr->p_flags & PF_X)
		return refuse(n, "program header %u: p_flags 0x%" PRIx32 ": is writable and executable: link code and data into"
			      " segments of their own",
			      i, phdr->p_flags);
	if (!(phdr->p_flags & KNOWN_PERMS))
		return refuse(n, "program header %u: p_flags 0x%" PRIx32 ": allows no access at all: link it with PF_R", i,
			      phdr->p_flags);
	return check_align(n, i);
}

/* Against the one before it, both still without bias. gABI: PT_LOAD entries ascend by p_vaddr. */
static int check_order(const struct native *n, unsigned i, const struct segment *prev, unsigned prev_phdr)
{
	const Elf64_Phdr *phdr = &n->phdrs[i];
	uint64_t prev_end = prev->gpa + prev->mem_bytes;

	if (phdr->p_vaddr < prev->gpa)
		return refuse(n, "program header %u: p_vaddr 0x%" PRIx64 " is below that of program header %u (0x%" PRIx64
			      "): segments must ascend: rebuild the image",
			      i, phdr->p_vaddr, prev_phdr, prev->gpa);
	if (phdr->p_vaddr < prev_end)
		return refuse(n, "program header %u: p_vaddr 0x%" PRIx64 " overlaps program header %u, which ends at 0x%" PRIx64
			      ": rebuild the image",
			      i, phdr->p_vaddr, prev_phdr, prev_end);
	if ((phdr->p_flags & KNOWN_PERMS) != prev->perms &&
	    phdr->p_vaddr / GUEST_PAGE_BYTES == (prev_end - 1) / GUEST_PAGE_BYTES)
		return refuse(n, "program header %u: p_vaddr 0x%" PRIx64 " shares a page with program header %u, which has other"
			      " p_flags: align segments to 4096 bytes",
			      i, phdr->p_vaddr, prev_phdr);
	return 0;
}

static int add_segment(struct native *n, unsigned i)
{
	struct image *image = n->image;
	const Elf64_Phdr *phdr = &n->phdrs[i];
	unsigned count = image->segment_count;
	int rc = check_load(n, i);

	if (rc || !phdr->p_memsz)
		return rc;
	if (count == IMAGE_SEGMENTS_MAX)
		return refuse(n, "program header %u: more than %d PT_LOAD segments: link it with fewer", i,
			      IMAGE_SEGMENTS_MAX);
	if (count) {
		rc = check_order(n, i, &image->segments[count - 1], n->segment_phdr[count - 1]);
		if (rc)
			return rc;
	}
	image->segments[count] = (struct segment){
		.gpa = phdr->p_vaddr, /* place() adds the bias */
		.mem_bytes = phdr->p_memsz,
		.file_offset = phdr->p_offset,
		.file_bytes = phdr->p_filesz,
		.perms = phdr->p_flags & KNOWN_PERMS,
	};
	if (phdr->p_align > n->align_bytes)
		n->align_bytes = phdr->p_align;
	n->segment_phdr[count] = i;
	image->segment_count++;
	return 0;
}

static int read_segments(struct native *n)
{
	int rc;

	for (unsigned i = 0; i < n->ehdr.e_phnum; i++) {
		if (n->phdrs[i].p_type != PT_LOAD)
			continue;
		rc = add_segment(n, i);
		if (rc)
			return rc;
	}
	if (!n->image->segment_count)
		return refuse(n, "has no PT_LOAD segment with p_memsz > 0: nothing to run: rebuild the image");
	return 0;
}

/* Still without bias. In the bytes that the file has: what is only zeroed holds no code. */
static int check_entry(struct native *n)
{
	uint64_t entry = n->ehdr.e_entry;

	for (unsigned i = 0; i < n->image->segment_count; i++) {
		const struct segment *segment = &n->image->segments[i];

		if (entry >= segment->gpa && entry - segment->gpa < segment->file_bytes && segment->perms & SEGMENT_X)
			return 0;
	}
	return refuse(n, "e_entry 0x%" PRIx64 ": is in no executable segment: rebuild the image with its entry in the code",
		      entry);
}

/*
 * What is added to every address. gABI, "Base Address": a PIE moves as a whole, by a multiple of
 * its largest p_align. May be "negative", that is wrap: sums with it come out right.
 */
static uint64_t bias(const struct native *n)
{
	if (!n->image->pie)
		return 0;
	return round_up(LAYOUT_IMAGE_BASE, n->align_bytes) - round_down(n->image->segments[0].gpa, n->align_bytes);
}

static int place(struct native *n)
{
	struct image *image = n->image;
	const struct segment *lowest = &image->segments[0];
	const struct segment *highest = &image->segments[image->segment_count - 1];
	uint64_t up = bias(n);
	uint64_t room = GUEST_MEM_BYTES_MAX - (lowest->gpa + up);

	if (!image->pie && lowest->gpa < LAYOUT_IMAGE_BASE)
		return refuse(n, "program header %u: p_vaddr 0x%" PRIx64 " is below 0x%llx, the lowest address an image may have:"
			      " link it there (-Ttext-segment=0x%llx)",
			      n->segment_phdr[0], lowest->gpa, LAYOUT_IMAGE_BASE, LAYOUT_IMAGE_BASE);
	/* From the lowest address, which the bias keeps small: a PIE's own addresses may be anywhere. */
	if (lowest->gpa + up > GUEST_MEM_BYTES_MAX || highest->gpa - lowest->gpa > room ||
	    highest->mem_bytes > room - (highest->gpa - lowest->gpa))
		return refuse(n, "program header %u: p_vaddr 0x%" PRIx64 " + p_memsz 0x%" PRIx64
			      " is beyond 0x%llx, the end of the largest guest: link it lower",
			      n->segment_phdr[image->segment_count - 1], highest->gpa, highest->mem_bytes,
			      GUEST_MEM_BYTES_MAX);
	image->entry = n->ehdr.e_entry + up;
	for (unsigned i = 0; i < image->segment_count; i++)
		image->segments[i].gpa += up;
	image->base = round_down(lowest->gpa, GUEST_PAGE_BYTES);
	image->end = round_up(highest->gpa + highest->mem_bytes, GUEST_PAGE_BYTES);
	assert(image->base >= LAYOUT_IMAGE_BASE && image->end <= GUEST_MEM_BYTES_MAX);
	return 0;
}

/* Is there a kvick note, whatever it says? Looked for in what is there of the head; parse() looks again, and judges. */
static const char *native_probe(const struct image *image, const uint8_t *head, size_t head_bytes, struct sys *sys)
{
	Elf64_Ehdr ehdr;

	(void)image, (void)sys;
	if (head_bytes < sizeof(ehdr) || !elf_magic(head, head_bytes))
		return NULL;
	memcpy(&ehdr, head, sizeof(ehdr));
	if (ehdr.e_ident[EI_CLASS] != ELFCLASS64 || ehdr.e_phnum > PHDRS_MAX ||
	    !within(ehdr.e_phoff, ehdr.e_phnum * sizeof(Elf64_Phdr), head_bytes))
		return NULL;
	for (unsigned i = 0; i < ehdr.e_phnum; i++) {
		Elf64_Phdr phdr;

		memcpy(&phdr, head + ehdr.e_phoff + i * sizeof(phdr), sizeof(phdr));
		if (phdr.p_type != PT_NOTE || !within(phdr.p_offset, phdr.p_filesz, head_bytes))
			continue;
		/* Names begin at multiples of 4. */
		for (uint64_t at = sizeof(Elf64_Nhdr); within(at, sizeof(KVICK_NOTE_OWNER), phdr.p_filesz); at += 4)
			if (memcmp(head + phdr.p_offset + at, KVICK_NOTE_OWNER, sizeof(KVICK_NOTE_OWNER)) == 0)
				return "has a kvick note";
	}
	return NULL;
}

static int native_parse(struct image *image, const uint8_t *head, size_t head_bytes, struct sys *sys,
			struct error *error)
{
	/* In this order: each relies on what those before it have made sure of. */
	static int (*const steps[])(struct native *n) = {
		read_ehdr, read_phdrs, check_not_dynamic, read_notes, check_wishes, read_segments, check_entry, place,
	};
	struct native n = {
		.image = image,
		.error = error,
		.head = head,
		.head_bytes = head_bytes,
		.note_phdr = NO_PHDR,
		.align_bytes = GUEST_PAGE_BYTES,
	};
	int rc;

	(void)sys; /* the head holds all that this protocol needs */
	for (size_t i = 0; i < COUNT(steps); i++) {
		rc = steps[i](&n);
		if (rc)
			return rc;
	}
	return 0;
}

const struct protocol protocol_native = {
	.name = "native",
	.about = "ELF64 with a kvick note",
	.kind = IMAGE_NATIVE,
	.probe = native_probe,
	.parse = native_parse,
};
