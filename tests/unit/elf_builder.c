/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE 1 /* memfd_create */
#include <assert.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/elf_builder.h"

#define GOOD_BASE 0x100000

uint8_t elf_pattern(uint64_t offset)
{
	return (uint8_t)(offset * 7 + (offset >> 8) * 3 + 1);
}

static void fill(struct elf_builder *b, uint64_t offset, uint64_t bytes)
{
	for (uint64_t i = offset; i < offset + bytes; i++)
		b->file[i] = elf_pattern(i);
}

static uint64_t round_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) / to * to;
}

Elf64_Ehdr *elf_ehdr(struct elf_builder *b)
{
	return (Elf64_Ehdr *)b->file;
}

Elf64_Phdr *elf_phdr(struct elf_builder *b, unsigned index)
{
	return (Elf64_Phdr *)(b->file + sizeof(Elf64_Ehdr)) + index;
}

Elf64_Shdr *elf_shdr(struct elf_builder *b, unsigned index)
{
	return (Elf64_Shdr *)(b->file + elf_ehdr(b)->e_shoff) + index;
}

Elf64_Nhdr *elf_nhdr(struct elf_builder *b)
{
	return (Elf64_Nhdr *)(b->file + ELF_NOTE_OFFSET);
}

struct kvick_note *elf_note(struct elf_builder *b)
{
	return (struct kvick_note *)(b->file + ELF_NOTE_OFFSET + sizeof(Elf64_Nhdr) + 8);
}

Elf64_Phdr *elf_add_phdr(struct elf_builder *b, uint32_t type, uint32_t flags, uint64_t offset, uint64_t vaddr,
			 uint64_t filesz, uint64_t memsz)
{
	Elf64_Phdr *phdr = elf_phdr(b, elf_ehdr(b)->e_phnum++);

	assert(elf_ehdr(b)->e_phnum <= ELF_BUILDER_PHDRS_MAX);
	*phdr = (Elf64_Phdr){
		.p_type = type,
		.p_flags = flags,
		.p_offset = offset,
		.p_vaddr = vaddr,
		.p_paddr = vaddr,
		.p_filesz = filesz,
		.p_memsz = memsz,
		.p_align = type == PT_LOAD ? 4096 : 1,
	};
	return phdr;
}

void elf_add_note(struct elf_builder *b, const char *name, uint32_t name_bytes, uint32_t type, const void *desc,
		  uint32_t desc_bytes)
{
	Elf64_Phdr *phdr = elf_phdr(b, ELF_PH_NOTE);
	uint8_t *at = b->file + phdr->p_offset + phdr->p_filesz;
	Elf64_Nhdr header = { .n_namesz = name_bytes, .n_descsz = desc_bytes, .n_type = type };

	memcpy(at, &header, sizeof(header));
	memcpy(at + sizeof(header), name, name_bytes);
	memcpy(at + sizeof(header) + round_up(name_bytes, 4), desc, desc_bytes);
	phdr->p_filesz += sizeof(header) + round_up(name_bytes, 4) + round_up(desc_bytes, 4);
	phdr->p_memsz = phdr->p_filesz;
}

void elf_good(struct elf_builder *b)
{
	static const struct kvick_note note = {
		.abi_version = KVICK_ABI_VERSION,
		.rings = KVICK_RINGS_ANY,
	};

	memset(b, 0, sizeof(*b));
	*elf_ehdr(b) = (Elf64_Ehdr){
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = ELF_TEXT_ADDRESS + 0x10,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_shentsize = sizeof(Elf64_Shdr),
	};
	elf_add_phdr(b, PT_LOAD, PF_R, 0, GOOD_BASE, 0x900, 0x900);
	elf_add_phdr(b, PT_LOAD, PF_R | PF_X, ELF_TEXT_OFFSET, ELF_TEXT_ADDRESS, ELF_TEXT_BYTES, ELF_TEXT_BYTES);
	elf_add_phdr(b, PT_LOAD, PF_R | PF_W, ELF_DATA_OFFSET, ELF_DATA_ADDRESS, ELF_DATA_BYTES, ELF_DATA_MEM_BYTES);
	elf_add_phdr(b, PT_NOTE, PF_R, ELF_NOTE_OFFSET, GOOD_BASE + ELF_NOTE_OFFSET, 0, 0)->p_align = 4;
	elf_add_phdr(b, PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0);
	elf_add_note(b, KVICK_NOTE_OWNER, sizeof(KVICK_NOTE_OWNER), KVICK_NOTE_TYPE, &note, sizeof(note));
	fill(b, ELF_TEXT_OFFSET, ELF_TEXT_BYTES);
	fill(b, ELF_DATA_OFFSET, ELF_DATA_BYTES);
	b->bytes = ELF_DATA_OFFSET + ELF_DATA_BYTES;
	memset(b->file + b->bytes, 0xee, ELF_GOOD_BYTES - b->bytes);
	b->bytes = ELF_GOOD_BYTES;
}

void elf_make_pie(struct elf_builder *b)
{
	elf_ehdr(b)->e_type = ET_DYN;
	elf_ehdr(b)->e_entry -= GOOD_BASE;
	for (unsigned i = 0; i < elf_ehdr(b)->e_phnum; i++)
		if (elf_phdr(b, i)->p_type == PT_LOAD)
			elf_phdr(b, i)->p_vaddr -= GOOD_BASE;
}

uint64_t elf_append(struct elf_builder *b, uint64_t bytes, uint64_t align)
{
	uint64_t offset = round_up(b->bytes, align);

	assert(offset + bytes <= sizeof(b->file));
	fill(b, offset, bytes);
	b->bytes = offset + bytes;
	return offset;
}

void elf_add_symbols(struct elf_builder *b, const struct elf_symbol *symbols, size_t count)
{
	uint64_t table = elf_append(b, (count + 1) * sizeof(Elf64_Sym), 16);
	uint64_t strings = elf_append(b, 1, 1);
	Elf64_Sym *symbol = (Elf64_Sym *)(b->file + table);
	Elf64_Shdr *sections;

	b->file[strings] = '\0';
	*symbol++ = (Elf64_Sym){ 0 };
	for (size_t i = 0; i < count; i++) {
		uint64_t name = elf_append(b, strlen(symbols[i].name) + 1, 1);

		memcpy(b->file + name, symbols[i].name, strlen(symbols[i].name) + 1);
		*symbol++ = (Elf64_Sym){
			.st_name = symbols[i].name[0] ? (uint32_t)(name - strings) : 0,
			.st_info = ELF64_ST_INFO(STB_GLOBAL, symbols[i].type),
			.st_shndx = 1,
			.st_value = symbols[i].value,
			.st_size = symbols[i].size,
		};
	}
	elf_ehdr(b)->e_shoff = round_up(b->bytes, 16);
	elf_ehdr(b)->e_shnum = 3;
	sections = (Elf64_Shdr *)(b->file + elf_append(b, 3 * sizeof(Elf64_Shdr), 16));
	sections[0] = (Elf64_Shdr){ 0 };
	sections[1] = (Elf64_Shdr){
		.sh_type = SHT_SYMTAB,
		.sh_offset = table,
		.sh_size = (count + 1) * sizeof(Elf64_Sym),
		.sh_link = 2,
		.sh_entsize = sizeof(Elf64_Sym),
	};
	sections[2] = (Elf64_Shdr){
		.sh_type = SHT_STRTAB,
		.sh_offset = strings,
		.sh_size = elf_ehdr(b)->e_shoff - strings,
	};
}

int elf_memfd(const struct elf_builder *b)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);

	if (fd >= 0 && write(fd, b->file, b->bytes) != (ssize_t)b->bytes) {
		close(fd);
		return -1;
	}
	return fd;
}
