/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names for addresses, for crash reports. The file is read again, a little at a time, by whatever
 * its section headers say now: nothing here is trusted, every loop is bounded, and what makes no
 * sense ends the search. gABI, "Sections" and "Symbol Table".
 */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "loader/elf.h"
#include "loader/image.h"
#include "vmm/sys.h"

#define SECTIONS_MAX 1024
#define SYMBOL_TABLE_BYTES_MAX (4u << 20)
#define BUFFER_BYTES 6144 /* on the stack */

/*
 * What differs between the classes, 32-bit and 64-bit: an entry's bytes in the file, and how it becomes the 64-bit one, which both
 * are here.
 */
struct class {
	size_t section_bytes, symbol_bytes;
	void (*section)(Elf64_Shdr *wide, const uint8_t *raw);
	void (*symbol)(Elf64_Sym *wide, const uint8_t *raw);
};

struct tables {
	const struct class *class;
	uint64_t symbols_offset;
	uint64_t symbol_count;
	uint64_t names_offset;
	uint64_t names_bytes;
};

/* What we look for, in the image's own addresses: without load bias. */
struct search {
	uint64_t address;
	uint64_t low; /* start of the segment that holds it: no symbol before it is meant */
	bool executable;
	bool found;
	Elf64_Sym best;
	uint64_t passed; /* end of the highest sized symbol that ends at or below address */
};

static bool read_exactly(struct sys *sys, int fd, void *to, size_t bytes, uint64_t offset)
{
	uint8_t *at = to;

	while (bytes) {
		ssize_t n = sys_pread(sys, fd, at, bytes, offset);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		bytes -= (size_t)n;
		offset += (uint64_t)n;
	}
	return true;
}

static void wide_section(Elf64_Shdr *wide, const uint8_t *raw)
{
	memcpy(wide, raw, sizeof(*wide));
}

static void narrow_section(Elf64_Shdr *wide, const uint8_t *raw)
{
	Elf32_Shdr narrow;

	memcpy(&narrow, raw, sizeof(narrow));
	*wide = (Elf64_Shdr){
		.sh_type = narrow.sh_type, .sh_offset = narrow.sh_offset, .sh_size = narrow.sh_size, .sh_link = narrow.sh_link,
		.sh_entsize = narrow.sh_entsize,
	};
}

static void wide_symbol(Elf64_Sym *wide, const uint8_t *raw)
{
	memcpy(wide, raw, sizeof(*wide));
}

static void narrow_symbol(Elf64_Sym *wide, const uint8_t *raw)
{
	Elf32_Sym narrow;

	memcpy(&narrow, raw, sizeof(narrow));
	*wide = (Elf64_Sym){
		.st_name = narrow.st_name, .st_info = narrow.st_info, .st_shndx = narrow.st_shndx, .st_value = narrow.st_value,
		.st_size = narrow.st_size,
	};
}

static const struct class classes[] = {
	[ELFCLASS32] = { sizeof(Elf32_Shdr), sizeof(Elf32_Sym), narrow_section, narrow_symbol },
	[ELFCLASS64] = { sizeof(Elf64_Shdr), sizeof(Elf64_Sym), wide_section, wide_symbol },
};

static bool in_file(const struct image *image, uint64_t offset, uint64_t bytes)
{
	return offset <= image->file_bytes && bytes <= image->file_bytes - offset;
}

/* The section header that the symbol table's sh_link names: its strings. */
static bool find_names(const struct image *image, const Elf64_Ehdr *ehdr, uint32_t link, struct tables *tables,
		       struct sys *sys)
{
	const struct class *class = tables->class;
	uint8_t raw[sizeof(Elf64_Shdr)];
	Elf64_Shdr names;

	if (link >= ehdr->e_shnum ||
	    !read_exactly(sys, image->fd, raw, class->section_bytes, ehdr->e_shoff + link * class->section_bytes))
		return false;
	class->section(&names, raw);
	if (names.sh_type != SHT_STRTAB || !in_file(image, names.sh_offset, names.sh_size))
		return false;
	tables->names_offset = names.sh_offset;
	tables->names_bytes = names.sh_size;
	return true;
}

static bool take_symbols(const struct image *image, const Elf64_Ehdr *ehdr, const Elf64_Shdr *section,
			 struct tables *tables, struct sys *sys)
{
	uint64_t bytes = section->sh_size;

	if (section->sh_entsize != tables->class->symbol_bytes || !in_file(image, section->sh_offset, bytes))
		return false;
	if (bytes > SYMBOL_TABLE_BYTES_MAX)
		bytes = SYMBOL_TABLE_BYTES_MAX;
	tables->symbols_offset = section->sh_offset;
	tables->symbol_count = bytes / tables->class->symbol_bytes;
	return find_names(image, ehdr, section->sh_link, tables, sys);
}

/* gABI: an object has at most one SHT_SYMTAB. */
static bool find_tables(const struct image *image, const Elf64_Ehdr *ehdr, struct tables *tables, struct sys *sys)
{
	size_t each = tables->class->section_bytes, at_once = BUFFER_BYTES / each;
	uint8_t raw[BUFFER_BYTES];
	unsigned count = ehdr->e_shnum;
	Elf64_Shdr section;

	if (!count || count > SECTIONS_MAX || ehdr->e_shentsize != each || !in_file(image, ehdr->e_shoff, count * each))
		return false;
	for (unsigned first = 0; first < count; first += at_once) {
		size_t n = count - first < at_once ? count - first : at_once;

		if (!read_exactly(sys, image->fd, raw, n * each, ehdr->e_shoff + first * each))
			return false;
		for (size_t i = 0; i < n; i++) {
			tables->class->section(&section, raw + i * each);
			if (section.sh_type == SHT_SYMTAB)
				return take_symbols(image, ehdr, &section, tables, sys);
		}
	}
	return false;
}

/* Among symbols with one address: the function's name is the one people know. */
static int type_rank(const Elf64_Sym *symbol)
{
	static const signed char ranks[16] = { [STT_NOTYPE] = 1, [STT_OBJECT] = 2, [STT_FUNC] = 3 };

	return ranks[ELF64_ST_TYPE(symbol->st_info)];
}

static bool is_better(const Elf64_Sym *symbol, const Elf64_Sym *best)
{
	if (!symbol->st_size != !best->st_size)
		return symbol->st_size; /* it says that it holds the address, the other only that it is below */
	if (symbol->st_value != best->st_value)
		return symbol->st_value > best->st_value;
	return type_rank(symbol) > type_rank(best);
}

static void consider(struct search *search, const Elf64_Sym *symbol)
{
	uint64_t distance;

	if (!type_rank(symbol) || !symbol->st_name || symbol->st_shndx == SHN_UNDEF || symbol->st_shndx == SHN_ABS)
		return;
	if (symbol->st_value > search->address || symbol->st_value < search->low)
		return;
	distance = search->address - symbol->st_value;
	if (symbol->st_size && symbol->st_size <= distance) {
		/* Past its end. Assembler labels before it are not what lies here either. */
		if (symbol->st_value + symbol->st_size > search->passed)
			search->passed = symbol->st_value + symbol->st_size;
		return;
	}
	if (!symbol->st_size && !search->executable)
		return; /* a label in data says nothing about what follows it */
	if (!search->found || is_better(symbol, &search->best)) {
		search->best = *symbol;
		search->found = true;
	}
}

static bool find_symbol(const struct image *image, const struct tables *tables, struct search *search, struct sys *sys)
{
	size_t each = tables->class->symbol_bytes, at_once = BUFFER_BYTES / each;
	uint8_t raw[BUFFER_BYTES];
	Elf64_Sym symbol;

	for (uint64_t first = 0; first < tables->symbol_count; first += at_once) {
		uint64_t left = tables->symbol_count - first;
		size_t n = left < at_once ? (size_t)left : at_once;

		if (!read_exactly(sys, image->fd, raw, n * each, tables->symbols_offset + first * each))
			return false;
		for (size_t i = 0; i < n; i++) {
			tables->class->symbol(&symbol, raw + i * each);
			consider(search, &symbol);
		}
	}
	return search->found && (search->best.st_size || search->best.st_value >= search->passed);
}

static bool read_name(const struct image *image, const struct tables *tables, uint32_t st_name, char *name,
		      size_t name_bytes, struct sys *sys)
{
	uint64_t left;
	size_t bytes = name_bytes - 1;

	if (st_name >= tables->names_bytes)
		return false;
	left = tables->names_bytes - st_name;
	if (bytes > left)
		bytes = (size_t)left;
	if (!read_exactly(sys, image->fd, name, bytes, tables->names_offset + st_name))
		return false;
	name[bytes] = '\0';
	for (char *c = name; *c; c++)
		if (*c <= ' ' || *c > '~')
			*c = '?';
	return name[0] != '\0';
}

static const struct segment *segment_of(const struct image *image, uint64_t address)
{
	for (unsigned i = 0; i < image->segment_count; i++)
		if (address >= image->segments[i].gpa && address - image->segments[i].gpa < image->segments[i].mem_bytes)
			return &image->segments[i];
	return NULL;
}

/* bias: what was added to the image's own addresses. */
static bool open_tables(const struct image *image, struct tables *tables, uint64_t *bias, struct sys *sys)
{
	union {
		Elf64_Ehdr wide;
		Elf32_Ehdr narrow;
	} raw;
	Elf64_Ehdr ehdr;

	if (!read_exactly(sys, image->fd, &raw, sizeof(raw), 0) || memcmp(raw.wide.e_ident, ELFMAG, SELFMAG))
		return false;
	if (raw.wide.e_ident[EI_CLASS] != ELFCLASS64 && raw.wide.e_ident[EI_CLASS] != ELFCLASS32)
		return false;
	tables->class = &classes[raw.wide.e_ident[EI_CLASS]];
	ehdr = raw.wide;
	if (tables->class == &classes[ELFCLASS32])
		elf_widen_ehdr(&ehdr, &raw.narrow);
	/* Elsewhere the two may differ for another reason: an entry that is not the ELF header's. */
	*bias = image->pie ? image->entry - ehdr.e_entry : 0;
	return find_tables(image, &ehdr, tables, sys);
}

unsigned image_functions(const struct image *image, const struct segment *segment, uint32_t *offsets, unsigned max,
			 struct sys *sys)
{
	struct tables tables = { 0 };
	uint8_t raw[BUFFER_BYTES];
	unsigned count = 0;
	size_t each, at_once;
	uint64_t bias;

	if (!open_tables(image, &tables, &bias, sys))
		return 0;
	each = tables.class->symbol_bytes;
	at_once = BUFFER_BYTES / each;
	for (uint64_t first = 0; first < tables.symbol_count; first += at_once) {
		uint64_t left = tables.symbol_count - first;
		size_t n = left < at_once ? (size_t)left : at_once;

		if (!read_exactly(sys, image->fd, raw, n * each, tables.symbols_offset + first * each))
			break;
		for (size_t i = 0; i < n && count < max; i++) {
			Elf64_Sym symbol;
			uint64_t offset;

			tables.class->symbol(&symbol, raw + i * each);
			offset = symbol.st_value + bias - segment->gpa;
			if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_shndx != SHN_UNDEF &&
			    offset < segment->mem_bytes)
				offsets[count++] = (uint32_t)offset;
		}
	}
	return count;
}

bool image_symbol(const struct image *image, uint64_t address, char *name, size_t name_bytes, uint64_t *offset,
		  struct sys *sys)
{
	const struct segment *segment = segment_of(image, address);
	struct search search = { 0 };
	struct tables tables = { 0 };
	uint64_t bias;

	if (!segment || name_bytes < 2 || !open_tables(image, &tables, &bias, sys))
		return false;
	search.address = address - bias;
	search.low = segment->gpa - bias;
	search.executable = segment->perms & SEGMENT_X;
	if (!find_symbol(image, &tables, &search, sys) ||
	    !read_name(image, &tables, search.best.st_name, name, name_bytes, sys))
		return false;
	*offset = search.address - search.best.st_value;
	return true;
}
