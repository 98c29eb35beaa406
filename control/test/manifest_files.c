/* SPDX-License-Identifier: Apache-2.0 */
/* Values that name files: images, disks, golden files; and patterns of what the console shows. */
#include <string.h>

#include "control/test/pattern.h"
#include "control/test/takes.h"
#include "control/units.h"

#define PATTERN_BYTES_MAX (64u << 20) /* all patterns, compiled */

/* --- files --- */

/* From the manifest's folder. NULL: there is no memory. */
static const char *path_of(struct reader *reader, const char *value)
{
	const char *folder = reader->manifest->directory;
	size_t bytes = strlen(folder) + strlen(value) + 2;
	char *path;

	if (*value == '/')
		return value;
	path = reader_take(reader, bytes);
	return path ? strcat(strcat(strcpy(path, folder), folder[1] ? "/" : ""), value) : NULL;
}

static const char *named_file(struct reader *reader, const char *value, bool may_come)
{
	const char *path = path_of(reader, value);

	if (path && reader->file_count < NAMED_FILES_MAX)
		reader->files[reader->file_count++] = (struct named_file){ reader->key, reader->line, path, may_come };
	return path;
}

void take_file(struct reader *reader, struct test_case *c, const struct manifest_key *key, char *value)
{
	*(const char **)key_at(c, key) = named_file(reader, value, key->detail == FILE_MAY_COME);
}

/* --- the console --- */

static void add_match(struct reader *reader, struct test_case *c, struct console_match match)
{
	struct console_match *list;
	size_t i = c->match_count;

	/* A case's own golden file stands for that of [defaults]. */
	for (size_t k = 0; k < c->match_count && match.kind == CONSOLE_GOLDEN; k++)
		if (c->matches[k].kind == CONSOLE_GOLDEN)
			i = k;
	list = list_append(reader, c->matches, c->match_count, sizeof(*list), "console");
	if (!list)
		return;
	list[i] = match;
	c->matches = list;
	c->match_count += i == c->match_count;
}

void take_console(struct reader *reader, struct test_case *c, const struct manifest_key *key, char *value)
{
	add_match(reader, c, (struct console_match){ .kind = (enum console_kind)key->detail, .text = value, .line = reader->line });
}

void take_golden(struct reader *reader, struct test_case *c, const struct manifest_key *key, char *value)
{
	(void)key;
	value = (char *)(uintptr_t)named_file(reader, value, true);
	if (value)
		add_match(reader, c, (struct console_match){ .kind = CONSOLE_GOLDEN, .text = value, .line = reader->line });
}

void take_pattern(struct reader *reader, struct test_case *c, const struct manifest_key *key, char *value)
{
	struct console_match match = { .kind = (enum console_kind)key->detail, .text = value, .line = reader->line };
	char why[PATTERN_WHY_BYTES];

	match.pattern = pattern_compile(&reader->manifest->patterns, value, why);
	reader->pattern_bytes += match.pattern ? pattern_bytes(match.pattern) : 0;
	reader->no_memory |= !match.pattern && !*why;
	if (!match.pattern)
		reader_refuse(reader, "%s: not a pattern: %s", reader_shown(reader, value), why);
	else if (reader->pattern_bytes > PATTERN_BYTES_MAX)
		reader_refuse(reader, "%s: all patterns together are too large: write shorter repetitions",
			      reader_shown(reader, value));
	else
		add_match(reader, c, match);
}

/* --- disks --- */

/* As in --disk: a path up to the first comma that stands alone; two of them are one of the path's. What is behind it. */
static const char *cut_path(char *value)
{
	char *from = value, *to = value;
	const char *words;

	for (; *from && (*from != ',' || from[1] == ','); from++, to++) {
		*to = *from;
		from += *from == ',';
	}
	words = *from ? from + 1 : from;
	*to = '\0';
	return words;
}

static bool has_word(const char *words, const char *word)
{
	size_t length = strlen(word);

	for (const char *c = words; *c == ','; c += 1 + strcspn(c + 1, ","))
		if (strncmp(c + 1, word, length) == 0 && (c[1 + length] == ',' || !c[1 + length]))
			return true;
	return false;
}

static bool empty_disk(struct reader *reader, struct disk_fixture *disk, const char *value)
{
	disk->kind = FIXTURE_EMPTY;
	if (disk->bytes > 0 && disk->bytes % 512 == 0 && disk->bytes <= INT64_MAX)
		return true;
	reader_refuse(reader, "%s: not a disk's size: write a multiple of 512 bytes, such as 64M", reader_shown(reader, value));
	return false;
}

static bool disk_of_file(struct reader *reader, struct disk_fixture *disk, const char *value)
{
	const char *shown = reader_shown(reader, value);

	if (!*value) {
		reader_refuse(reader, "a path is missing: write 64M, copy FILE or FILE,ro");
		return false;
	}
	if (disk->kind == FIXTURE_AS_IS && (disk->solo5_name || !has_word(disk->words, "ro"))) {
		reader_refuse(reader, "%s: the guest would write to it: write copy %s%s", shown, shown,
			      disk->solo5_name ? "" : ", or put ,ro behind it");
		return false;
	}
	disk->path = named_file(reader, value, false);
	return disk->path;
}

/* 64M, copy FILE or FILE,ro, and further words. */
static bool take_fixture(struct reader *reader, struct disk_fixture *disk, char *value)
{
	bool is_copy = strncmp(value, "copy", 4) == 0 && (value[4] == ' ' || value[4] == '\t');
	const char *words;
	char *kept;

	if (is_copy)
		value += 4 + strspn(value + 4, " \t");
	words = cut_path(value);
	disk->words = kept = reader_take(reader, strlen(words) + 2);
	if (!kept)
		return false;
	if (*words)
		strcpy(kept + 1, words)[-1] = ',';
	disk->kind = is_copy ? FIXTURE_COPY : FIXTURE_AS_IS;
	if (!is_copy && units_size(value, &disk->bytes))
		return empty_disk(reader, disk, value);
	return disk_of_file(reader, disk, value);
}

static void add_disk(struct reader *reader, struct test_case *c, struct disk_fixture *disk)
{
	struct disk_fixture *list = list_append(reader, c->disks, c->disk_count, sizeof(*list), "disk");

	if (!list)
		return;
	list[c->disk_count++] = *disk;
	c->disks = list;
}

void take_disk(struct reader *reader, struct test_case *c, const struct manifest_key *key, char *value)
{
	struct disk_fixture disk = { .line = reader->line };

	(void)key;
	if (take_fixture(reader, &disk, value))
		add_disk(reader, c, &disk);
}

/* NAME=64M or NAME=copy FILE */
void take_solo5_disk(struct reader *reader, struct test_case *c, const struct manifest_key *key, char *value)
{
	struct disk_fixture disk = { .line = reader->line, .solo5_name = value };
	char *equals = strchr(value, '=');

	(void)key;
	if (!equals || equals == value || !equals[1]) {
		reader_refuse(reader, "%s: write NAME=64M or NAME=copy FILE, with a name of the image's manifest",
			      reader_shown(reader, value));
		return;
	}
	*equals++ = '\0';
	if (!take_fixture(reader, &disk, equals + strspn(equals, " \t")))
		return;
	if (*disk.words)
		reader_refuse(reader, "%s: a Solo5 guest's disk takes no words: leave them out",
			      reader_shown(reader, disk.words + 1));
	else
		add_disk(reader, c, &disk);
}
