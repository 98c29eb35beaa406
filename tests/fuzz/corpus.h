/* SPDX-License-Identifier: Apache-2.0 */
/* What writes a corpus: files that are put together piece by piece and saved in a folder. */
#ifndef KVICK_TESTS_FUZZ_CORPUS_H
#define KVICK_TESTS_FUZZ_CORPUS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The file that is being put together. */
static struct {
	uint8_t data[16384];
	size_t bytes;
} corpus __attribute__((unused));

static inline void put_bytes(const void *from, size_t bytes)
{
	if (bytes > sizeof(corpus.data) - corpus.bytes)
		abort();
	memcpy(corpus.data + corpus.bytes, from, bytes);
	corpus.bytes += bytes;
}

static inline void put(uint64_t value, unsigned bytes)
{
	put_bytes(&value, bytes);
}

/* Ends the program where that fails. */
static inline void corpus_write(const char *folder, const char *name, const void *data, size_t bytes)
{
	char path[4096];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	out = fopen(path, "wb");
	if (!out || fwrite(data, 1, bytes, out) != bytes || fclose(out)) {
		perror(path);
		exit(1);
	}
}

/* What has been put; the next file begins empty. */
static inline void corpus_save(const char *folder, const char *name)
{
	corpus_write(folder, name, corpus.data, corpus.bytes);
	corpus.bytes = 0;
}

#endif
