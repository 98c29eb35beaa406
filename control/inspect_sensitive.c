/* SPDX-License-Identifier: Apache-2.0 */
#include "control/inspect_sensitive.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "control/text.h"
#include "loader/elf.h"
#include "loader/image.h"
#include "loader/refuse.h"
#include "vmm/sys.h"
#include "vmm/x86/decode.h"
#include "vmm/x86/sensitive.h"

#define CHUNK_BYTES  16384u
#define SYMBOL_BYTES 96

static const struct {
	const char *name, *at_ring3;
} sensitivities[X86_SENSITIVITIES] = {
	[X86_PRIVILEGED] = { "privileged", "#GP" },
	[X86_IOPL] = { "iopl", "#GP, by RFLAGS.IOPL or the I/O bitmap" },
	[X86_UNDEFINED] = { "undefined", "#UD" },
	[X86_GATE] = { "gate", "goes through the IDT, or to LSTAR" },
	[X86_CRITICAL] = { "critical", "does not trap, and means something else" },
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
	unsigned counts[X86_SENSITIVITIES];
};

static void print_one(struct census *c, uint64_t address, const struct x86_sensitive *row)
{
	char symbol[SYMBOL_BYTES];
	uint64_t offset = 0;
	bool named = image_symbol(c->image, address, symbol, sizeof(symbol), &offset, c->sys);

	c->counts[row->sensitivity]++;
	if (c->json) {
		json_open(c->text, NULL, '{');
		json_hex(c->text, "address", address);
		json_string(c->text, "instruction", row->name);
		json_string(c->text, "class", sensitivities[row->sensitivity].name);
		json_string(c->text, "symbol", named ? symbol : NULL);
		json_u64(c->text, "offset", offset);
		json_close(c->text, '}');
	} else {
		text_printf(c->text, "sensitive  0x%016llx %-28s %-10s %s", (unsigned long long)address, row->name,
			    sensitivities[row->sensitivity].name, named ? symbol : "?");
		text_printf(c->text, named ? "+0x%llx\n" : "\n", (unsigned long long)offset);
	}
}

/* Decodes what lies wholly in `code`, from its beginning; returns how much that was. At the end of a segment nothing is left. */
static size_t sweep_chunk(struct census *c, const uint8_t *code, size_t bytes, uint64_t address, bool last)
{
	struct x86_instruction instruction;
	size_t at = 0;

	while (at < bytes && (last || bytes - at >= X86_INSTRUCTION_BYTES_MAX)) {
		const struct x86_sensitive *row;

		if (x86_decode(code + at, bytes - at, &instruction) != 1) {
			at++;
			continue;
		}
		row = x86_sensitive(&instruction);
		if (row && !(row->id == X86_INT3 && c->int3_end == address + at))
			print_one(c, address + at, row);
		at += instruction.bytes;
		if (row && row->id == X86_INT3)
			c->int3_end = address + at;
	}
	return at;
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

static int sweep(struct census *c, const Elf64_Phdr *phdr, struct error *error)
{
	uint8_t code[CHUNK_BYTES];
	uint64_t done = 0;

	while (done < phdr->p_filesz) {
		uint64_t left = phdr->p_filesz - done;
		size_t bytes = left < sizeof(code) ? (size_t)left : sizeof(code);
		int r = image_read(c->image, phdr->p_offset + done, code, bytes, c->sys, error);

		if (r < 0)
			return r;
		uint64_t swept = sweep_chunk(c, code, bytes, phdr->p_vaddr + c->bias + done, bytes == left);

		done += swept;
		c->bytes += swept;
		tell(c);
	}
	return 0;
}

static void print_census(const struct census *c)
{
	if (c->json) {
		json_close(c->text, ']');
		json_open(c->text, "census", '{');
		json_u64(c->text, "bytes", c->bytes);
		for (unsigned i = 0; i < X86_SENSITIVITIES; i++)
			json_u64(c->text, sensitivities[i].name, c->counts[i]);
		json_close(c->text, '}');
		return;
	}
	for (unsigned i = 0; i < X86_SENSITIVITIES; i++)
		text_printf(c->text, "census     %-10s %6u  at ring 3: %s\n", sensitivities[i].name, c->counts[i],
			    sensitivities[i].at_ring3);
}

static bool is_code(const Elf64_Phdr *phdr)
{
	return phdr->p_type == PT_LOAD && phdr->p_flags & PF_X;
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
			r = sweep(&c, &elf.phdrs[i], error);
	if (r == 0)
		print_census(&c);
	return r;
}
