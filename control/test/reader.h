/* SPDX-License-Identifier: Apache-2.0 */
/* What reads a manifest: its place in it, and what it has found to be wrong. Inside of manifest*.c. */
#ifndef KVICK_CONTROL_TEST_READER_H
#define KVICK_CONTROL_TEST_READER_H

#include "control/test/manifest.h"
#include "control/test/memory.h"

#define CASE_NAME_BYTES_MAX 100
#define NAMED_FILES_MAX (CASE_LIST_MAX + 8) /* by one section */

/* A file that must be there, or (a golden one) its folder. It is looked at when the section has ended: `skip` may stand below. */
struct named_file {
	const struct manifest_key *key;
	unsigned line;
	const char *path;
	bool may_come;
};

struct reader {
	struct manifest *manifest;
	const struct files_wanted *files_wanted;
	bool no_memory;
	unsigned problem_lines[MANIFEST_PROBLEMS_MAX];
	unsigned line;
	const struct manifest_key *key;  /* NULL: none, or none that is known */
	struct test_case defaults;
	bool had_defaults, had_case;
	bool ignores;                    /* until the next section: it cannot be said where that belongs */
	void *names;                     /* a tree of the cases', tsearch() */
	size_t pattern_bytes;            /* of all patterns, compiled */

	/* Of this section. */
	uint64_t keys_set;               /* bit i: manifest_keys[i] */
	unsigned key_lines[64];
	uint64_t own_lists;              /* bit i: of the list at this key is a copy of our own */
	struct named_file files[NAMED_FILES_MAX];
	unsigned file_count;
};

/* "FILE:LINE: KEY: …" is one more problem. */
void reader_refuse(struct reader *reader, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Memory of the manifest's; NULL is noted. */
void *reader_take(struct reader *reader, size_t bytes);
char *reader_text(struct reader *reader, const char *text, size_t bytes);

/* Text for a message: cut where it is long. */
const char *reader_shown(struct reader *reader, const char *text);

/* Of words, the one that is most like `word`; NULL: none is. */
const char *nearest_word(const char *word, const char *(*name)(size_t i));

const struct manifest_key *manifest_key_find(const char *name);

#endif
