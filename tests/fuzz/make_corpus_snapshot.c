/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the files in tests/fuzz/corpus/snapshot out of snapshots of kvick's: of each its manifest and its working set without
 * their checksums, and its state, behind the byte that says which of them it is.
 *
 *	make_corpus_snapshot tests/fuzz/corpus/snapshot SNAPSHOT…
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SET_CHECKSUM_END 24

static char bytes[1 << 20];

static size_t load(const char *snapshot, const char *file)
{
	char path[4096];
	size_t count;
	FILE *in;

	snprintf(path, sizeof(path), "%s/%s", snapshot, file);
	in = fopen(path, "rb");
	if (!in) {
		perror(path);
		exit(1);
	}
	count = fread(bytes, 1, sizeof(bytes), in);
	fclose(in);
	return count;
}

static void save(const char *folder, const char *snapshot, const char *file, char part, size_t from, size_t count)
{
	const char *name = strrchr(snapshot, '/');
	char path[4096];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s-%s", folder, name ? name + 1 : snapshot, file);
	out = fopen(path, "wb");
	if (!out || fputc(part, out) == EOF || fwrite(bytes + from, 1, count - from, out) != count - from || fclose(out)) {
		perror(path);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: make_corpus_snapshot FOLDER SNAPSHOT…\n");
		return 2;
	}
	for (int i = 2; i < argc; i++) {
		char *at = NULL;

		bytes[load(argv[i], "manifest.json")] = '\0';
		for (char *next = bytes; (next = strstr(next, "\"checksum\"")); next++)
			at = next;
		save(argv[1], argv[i], "manifest", 0, 0, at ? (size_t)(at - bytes) : 0);
		save(argv[1], argv[i], "set", 1, SET_CHECKSUM_END, load(argv[i], "working_set"));
		save(argv[1], argv[i], "state", 2, 0, load(argv[i], "state"));
	}
	return 0;
}
