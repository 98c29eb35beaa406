/* SPDX-License-Identifier: Apache-2.0 */
#include "control/inspect_sensitive.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "control/text.h"
#include "loader/elf.h"
#include "loader/image.h"
#include "loader/refuse.h"
#include "vmm/sys.h"
#include "vmm/x86/decode.h"
#include "vmm/x86/scan.h"
#include "vmm/x86/sensitive.h"

#define TELL_WORDS   256u /* of a map, a bit a byte: 16 KiB of code */
#define SYMBOL_BYTES 96
#define ENTRIES_MAX  4
#define FUNCTIONS_MAX 65536u

static const struct {
	const char *name, *at_ring3;
} sensitivities[X86_SENSITIVITIES] = {
	[X86_PRIVILEGED] = { "privileged", "#GP" },
	[X86_IOPL] = { "iopl", "#GP, by RFLAGS.IOPL or the I/O bitmap" },
	[X86_UNDEFINED] = { "undefined", "#UD" },
	[X86_GATE] = { "gate", "goes through the IDT, or to LSTAR" },
	[X86_CRITICAL] = { "critical", "does not trap, and means something else" },
};

/* What kvick makes of it, to run ring-0 code at ring 3. */
enum handling { TRAPPED, PATCHED, UNCERTAIN, HANDLINGS };

static const struct {
	const char *name, *meaning;
} handlings[HANDLINGS] = {
	[TRAPPED] = { "trapped", "the trap is taken for the instruction" },
	[PATCHED] = { "patched", "a trap takes its place" },
	[UNCERTAIN] = { "uncertain", "may be data: not patched, its page cannot be executed as it is" },
};

struct census {
	struct text *text;
	bool json;
	const struct image *image;
	struct sys *sys;
	uint64_t bias;          /* of a position-independent image */
	uint64_t bytes, total;  /* looked at; to be looked at */
	uint64_t int3_end;      /* the last one ended there: a run of them is padding, and counts as one */
	time_t told;            /* when whoever waits was told last; 0: not yet */
	unsigned counts[X86_SENSITIVITIES], handled[HANDLINGS];
};

static enum handling handling_of(const struct x86_scan *scan, size_t at, const struct x86_sensitive *row)
{
	if (!x86_needs_patch(row->id))
		return TRAPPED;
	return x86_scan_is(scan, X86_SCAN_DOUBT, at) || x86_scan_is(scan, X86_SCAN_INSIDE, at) ? UNCERTAIN : PATCHED;
}

static void print_one(struct census *c, uint64_t address, const struct x86_sensitive *row, enum handling handling)
{
	char symbol[SYMBOL_BYTES];
	uint64_t offset = 0;
	bool named = image_symbol(c->image, address, symbol, sizeof(symbol), &offset, c->sys);

	c->counts[row->sensitivity]++;
	c->handled[handling]++;
	if (c->json) {
		json_open(c->text, NULL, '{');
		json_hex(c->text, "address", address);
		json_string(c->text, "instruction", row->name);
		json_string(c->text, "class", sensitivities[row->sensitivity].name);
		json_string(c->text, "handling", handlings[handling].name);
		json_string(c->text, "symbol", named ? symbol : NULL);
		json_u64(c->text, "offset", offset);
		json_close(c->text, '}');
	} else {
		text_printf(c->text, "sensitive  0x%016llx %-28s %-10s %-9s %s", (unsigned long long)address, row->name,
			    sensitivities[row->sensitivity].name, handlings[handling].name, named ? symbol : "?");
		text_printf(c->text, named ? "+0x%llx\n" : "\n", (unsigned long long)offset);
	}
}

/* Every second, to whoever waits at a terminal: a kernel's text takes its time. */
static void tell(struct census *c)
{
	struct timespec now;

	if (sys_clock_gettime(c->sys, CLOCK_MONOTONIC, &now) < 0 || now.tv_sec == c->told)
		return;
	if (c->told && isatty(STDERR_FILENO))
		dprintf(STDERR_FILENO, "kvick: %llu of %llu KiB\n", (unsigned long long)c->bytes >> 10,
			(unsigned long long)c->total >> 10);
	c->told = now.tv_sec;
}

/* What begins there: an instruction, or what would be one to patch if it were. */
static void look(struct census *c, const struct x86_scan *scan, size_t at, uint64_t address)
{
	struct x86_instruction instruction;
	const struct x86_sensitive *row;

	if (x86_decode(scan->code + at, scan->bytes - at, &instruction) != 1)
		return;
	row = x86_sensitive(&instruction);
	if (row && !(row->id == X86_INT3 && c->int3_end == address))
		print_one(c, address, row, handling_of(scan, at, row));
	if (row && row->id == X86_INT3)
		c->int3_end = address + instruction.bytes;
}

static void print_scan(struct census *c, const struct x86_scan *scan, uint64_t address)
{
	size_t words = X86_SCAN_WORDS(scan->bytes);
	uint64_t before = c->bytes;

	for (size_t word = 0; word < words; word++) {
		uint64_t bits = scan->maps[X86_SCAN_REACHED * words + word] | scan->maps[X86_SCAN_SWEPT * words + word] |
				scan->maps[X86_SCAN_PATCH * words + word];

		for (; bits; bits &= bits - 1) {
			size_t at = word * 64 + (size_t)__builtin_ctzll(bits);

			look(c, scan, at, address + at);
		}
		if (word % TELL_WORDS == 0) {
			c->bytes = before + word * 64;
			tell(c);
		}
	}
	c->bytes = before + scan->bytes;
}

/* Where the file says that execution begins, by virtual or physical address, and where its protocol does. */
static unsigned find_entries(const struct census *c, const struct elf *elf, const Elf64_Phdr *phdr, uint32_t entries[ENTRIES_MAX])
{
	const uint64_t addresses[ENTRIES_MAX] = {
		elf->ehdr.e_entry - phdr->p_vaddr, elf->ehdr.e_entry - phdr->p_paddr,
		c->image->entry - c->bias - phdr->p_vaddr, c->image->entry - c->bias - phdr->p_paddr,
	};
	unsigned count = 0;

	for (unsigned i = 0; i < ENTRIES_MAX; i++)
		if (addresses[i] < phdr->p_filesz)
			entries[count++] = (uint32_t)addresses[i];
	return count;
}

/* As a launch does it (deprivileged_text.c): where code cannot be told from data, the symbol table's functions may help. */
static void scan_from_functions(struct census *c, struct x86_scan *scan, const uint32_t *known, unsigned count,
				const struct segment *segment)
{
	void *at;

	if (sys_mmap(c->sys, NULL, FUNCTIONS_MAX * sizeof(uint32_t), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0,
		     &at) < 0)
		return;
	uint32_t *entries = at;

	memcpy(entries, known, count * sizeof(known[0]));
	count += image_functions(c->image, segment, entries + count, FUNCTIONS_MAX - count, c->sys);
	memset(scan->maps, 0, X86_SCAN_MAPS * X86_SCAN_WORDS(scan->bytes) * sizeof(uint64_t));
	scan->site_count = scan->doubt_count = 0;
	x86_scan(scan, entries, count);
	sys_munmap(c->sys, at, FUNCTIONS_MAX * sizeof(uint32_t));
}

static int scan_segment(struct census *c, const struct elf *elf, const Elf64_Phdr *phdr, struct error *error)
{
	size_t code_bytes = (phdr->p_filesz + sizeof(uint64_t) - 1) / sizeof(uint64_t) * sizeof(uint64_t);
	size_t bytes = code_bytes + X86_SCAN_MAPS * X86_SCAN_WORDS(phdr->p_filesz) * sizeof(uint64_t);
	struct x86_scan scan = { .bytes = phdr->p_filesz };
	uint32_t entries[ENTRIES_MAX];
	void *at;
	int r;

	if (phdr->p_filesz > UINT32_MAX)
		return image_refuse(c->image->path, error, "--sensitive: a segment's code is 4 GiB or more: leave it out");
	r = sys_mmap(c->sys, NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, &at);
	if (r < 0)
		return image_error(c->image->path, error, ERROR_HOST, -r, "mmap for --sensitive, %zu bytes: %s: free memory, or "
				   "raise RLIMIT_AS", bytes, strerror(-r));
	r = image_read(c->image, phdr->p_offset, at, phdr->p_filesz, c->sys, error);
	if (r == 0) {
		scan.code = at;
		scan.maps = (uint64_t *)((uint8_t *)at + code_bytes);
		unsigned count = find_entries(c, elf, phdr, entries);

		x86_scan(&scan, entries, count);
		if (scan.doubt_count)
			scan_from_functions(c, &scan, entries, count, &(struct segment){
				.gpa = phdr->p_vaddr + c->bias, .mem_bytes = phdr->p_filesz,
			});
		print_scan(c, &scan, phdr->p_vaddr + c->bias);
	}
	sys_munmap(c->sys, at, bytes);
	return r;
}

static void print_census(const struct census *c)
{
	if (c->json) {
		json_close(c->text, ']');
		json_open(c->text, "census", '{');
		json_u64(c->text, "bytes", c->bytes);
		for (unsigned i = 0; i < X86_SENSITIVITIES; i++)
			json_u64(c->text, sensitivities[i].name, c->counts[i]);
		for (unsigned i = 0; i < HANDLINGS; i++)
			json_u64(c->text, handlings[i].name, c->handled[i]);
		json_close(c->text, '}');
		return;
	}
	for (unsigned i = 0; i < X86_SENSITIVITIES; i++)
		text_printf(c->text, "census     %-10s %6u  at ring 3: %s\n", sensitivities[i].name, c->counts[i],
			    sensitivities[i].at_ring3);
	for (unsigned i = 0; i < HANDLINGS; i++)
		text_printf(c->text, "census     %-10s %6u  by kvick, at ring 3: %s\n", handlings[i].name, c->handled[i],
			    handlings[i].meaning);
}

static bool is_code(const Elf64_Phdr *phdr)
{
	return phdr->p_type == PT_LOAD && phdr->p_flags & PF_X && phdr->p_filesz;
}

int sensitive_print(struct text *text, bool json, const struct image *image, struct sys *sys, struct error *error)
{
	struct census c = { .text = text, .json = json, .image = image, .sys = sys };
	uint8_t head[SELFMAG];
	struct elf elf;
	int r = image_read(image, 0, head, sizeof(head), sys, error);

	if (r == 0 && !elf_magic(head, sizeof(head)))
		r = image_refuse(image->path, error, "--sensitive: is no ELF file, so that nothing says where its code is: leave "
				 "it out");
	if (r == 0)
		r = elf_open(&elf, image, sys, error);
	if (r == 0 && !elf.is64)
		r = image_refuse(image->path, error, "--sensitive: its code is 32-bit, and kvick reads 64-bit code: leave it out");
	if (r < 0)
		return r;
	c.bias = image->pie ? image->entry - elf.ehdr.e_entry : 0;
	if (json)
		json_open(text, "sensitive", '[');
	for (unsigned i = 0; i < elf.ehdr.e_phnum; i++)
		c.total += is_code(&elf.phdrs[i]) ? elf.phdrs[i].p_filesz : 0;
	for (unsigned i = 0; r == 0 && i < elf.ehdr.e_phnum; i++)
		if (is_code(&elf.phdrs[i]))
			r = scan_segment(&c, &elf, &elf.phdrs[i], error);
	if (r == 0)
		print_census(&c);
	return r;
}
