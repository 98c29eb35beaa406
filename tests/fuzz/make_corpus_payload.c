/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the files in tests/fuzz/corpus/payload: a small kernel as fuzz_payload.c has it, packed hard, quickly and not at all.
 *
 *	make_corpus_payload tests/fuzz/corpus/payload
 */
#include <lz4.h>
#include <lz4hc.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/elf_builder.h"

#define UNIT        257
#define PLAIN_BYTES (20 * UNIT)

static int store(const char *from, char *to)
{
	int i = 0, left = PLAIN_BYTES - 15;

	to[i++] = (char)0xf0;
	for (; left >= 255; left -= 255)
		to[i++] = (char)0xff;
	to[i++] = (char)left;
	memcpy(to + i, from, PLAIN_BYTES);
	return i + PLAIN_BYTES;
}

static int write_file(const char *folder, const char *name, const char *block, int bytes)
{
	const unsigned char units = PLAIN_BYTES / UNIT;
	char path[4096];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	out = fopen(path, "wb");
	if (out && fwrite(&units, 1, 1, out) == 1 && fwrite(&bytes, 4, 1, out) == 1 &&
	    fwrite(block, 1, (size_t)bytes, out) == (size_t)bytes && fclose(out) == 0)
		return 0;
	perror(path);
	return 1;
}

int main(int argc, char **argv)
{
	static struct elf_builder b;
	static char block[LZ4_COMPRESSBOUND(PLAIN_BYTES)];
	const char *plain = (const char *)b.file;
	const uint32_t entry = ELF_TEXT_ADDRESS;

	if (argc != 2) {
		fprintf(stderr, "usage: make_corpus_payload FOLDER\n");
		return 2;
	}
	elf_good(&b);
	elf_phdr(&b, ELF_PH_NOTE)->p_filesz = 0;
	elf_add_note(&b, "Xen", 4, 18, &entry, sizeof(entry));
	return write_file(argv[1], "hard", block, LZ4_compress_HC(plain, block, PLAIN_BYTES, sizeof(block), 12)) |
	       write_file(argv[1], "quick", block, LZ4_compress_default(plain, block, PLAIN_BYTES, sizeof(block))) |
	       write_file(argv[1], "stored", block, store(plain, block));
}
