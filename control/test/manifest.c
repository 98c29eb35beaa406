/* SPDX-License-Identifier: Apache-2.0 */
#include "control/test/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/test/pattern.h"
#include "control/test/reader.h"
#include "control/measure/utf8.h"
#include "vmm/error.h"

#define LINE_BYTES_MAX 4096
#define PATH_BYTES_SHOWN 160
#define TIMEOUT_NS 10000000000ull

/* --- problems --- */

void *reader_take(struct reader *reader, size_t bytes)
{
	void *at = memory_take(&reader->manifest->memory, bytes);

	reader->no_memory |= !at;
	return at;
}

char *reader_text(struct reader *reader, const char *text, size_t bytes)
{
	char *copy = memory_text(&reader->manifest->memory, text, bytes);

	reader->no_memory |= !copy;
	return copy;
}

const char *reader_shown(struct reader *reader, const char *text)
{
	size_t bytes = strlen(text), most = 60;
	char *shown;

	if (bytes <= most)
		return text;
	while ((text[most] & 0xc0) == 0x80)
		most--;
	shown = reader_take(reader, most + sizeof("…"));
	if (!shown)
		return "";
	memcpy(shown, text, most);
	return strcpy(shown + most, "…") - most;
}

/* In the file's order: what a whole section tells comes late. */
static void keep(struct reader *reader, const char *text)
{
	size_t at = reader->manifest->problem_count++;
	const char **problems = reader->manifest->problems;

	if (at >= MANIFEST_PROBLEMS_MAX)
		return;
	for (; at > 0 && reader->problem_lines[at - 1] > reader->line; at--) {
		problems[at] = problems[at - 1];
		reader->problem_lines[at] = reader->problem_lines[at - 1];
	}
	problems[at] = text;
	reader->problem_lines[at] = reader->line;
}

/* The first one is told by `error`, the others by manifest_say_more(). Names of files may hold anything: no control characters. */
void reader_refuse(struct reader *reader, const char *format, ...)
{
	char text[ERROR_TEXT_BYTES];
	va_list args;
	int n = snprintf(text, sizeof(text), "%.200s:", reader->manifest->path);

	if (reader->line)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%u:", reader->line);
	n += snprintf(text + n, sizeof(text) - (size_t)n, " %s%s", reader->key ? reader->key->name : "", reader->key ? ": " : "");
	va_start(args, format);
	vsnprintf(text + n, sizeof(text) - (size_t)n, format, args);
	va_end(args);
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	keep(reader, reader_text(reader, text, strlen(text)));
}

void manifest_say_more(const struct manifest *manifest)
{
	size_t told = manifest->problem_count < MANIFEST_PROBLEMS_MAX ? manifest->problem_count : MANIFEST_PROBLEMS_MAX;

	for (size_t i = 1; i < told; i++)
		dprintf(STDERR_FILENO, "kvick: %s\n", manifest->problems[i]);
	if (manifest->problem_count > told)
		dprintf(STDERR_FILENO, "kvick: and %zu more\n", manifest->problem_count - told);
}

/* --- files --- */

/* The end of a long one: what is wrong with it has its place behind. */
static const char *path_end(const char *path)
{
	size_t bytes = strlen(path);
	const char *end = bytes > PATH_BYTES_SHOWN ? path + bytes - PATH_BYTES_SHOWN : path;

	while ((*end & 0xc0) == 0x80)
		end++;
	return end;
}

static void check_file(struct reader *reader, const struct named_file *file)
{
	const char *path = path_end(file->path), *cut = path > file->path ? "…" : "";
	const char *slash = strrchr(file->path, '/'), *folder;
	struct stat s;

	reader->key = file->key;
	reader->line = file->line;
	if (stat(file->path, &s) == 0) {
		if (!S_ISREG(s.st_mode))
			reader_refuse(reader, "%s%s: %s, not a file: write a file's path", cut, path,
				      S_ISDIR(s.st_mode) ? "a folder" : "something special");
		else if (access(file->path, R_OK) < 0)
			reader_refuse(reader, "%s%s: %s: let us read it", cut, path, strerror(errno));
	} else if (!file->may_come || errno != ENOENT) {
		reader_refuse(reader, "%s%s: %s: make it, or write its path from the manifest's folder", cut, path,
			      strerror(errno));
	} else if ((folder = reader_text(reader, file->path, slash == file->path ? 1 : (size_t)(slash - file->path))) &&
		   stat(folder, &s) < 0) {
		reader_refuse(reader, "%s%s: its folder: %s: make that, or write its path from the manifest's folder", cut, path,
			      strerror(errno));
	}
}

/* --- sections --- */

static bool is_set(const struct reader *reader, const char *name)
{
	return reader->keys_set & 1ull << (manifest_key_find(name) - manifest_keys);
}

/* What only the whole of a section tells. */
static void refuse_at(struct reader *reader, const char *name, const char *text)
{
	reader->key = manifest_key_find(name);
	reader->line = reader->key_lines[reader->key - manifest_keys];
	reader_refuse(reader, "%s", text);
}

static void end_case(struct reader *reader, const struct test_case *c)
{
	if (!c->image && !is_set(reader, "image")) {
		reader->key = manifest_key_find("image");
		reader->line = c->line;
		reader_refuse(reader, "the case \"%s\" has none: write image = FILE", c->name);
	}
	if (is_set(reader, "exit code") && c->end != CASE_EXITS)
		refuse_at(reader, "exit code", "only a case that exits has one: leave it out, or write end = exits");
	if (is_set(reader, "reply") && !c->request_path)
		refuse_at(reader, "reply", "only who is asked replies: write request = FILE too");
}

static void end_section(struct reader *reader)
{
	struct manifest *manifest = reader->manifest;
	struct test_case *c = reader->had_case ? &manifest->cases[manifest->case_count - 1] : &reader->defaults;
	const struct files_wanted *wanted = reader->files_wanted;
	unsigned line = reader->line;
	bool check;

	if (reader->ignores) /* it is none: the one before has ended */
		return;
	if (reader->had_case)
		end_case(reader, c);
	check = wanted && !c->skip && (!reader->had_case || wanted->of(wanted->plan, c));
	for (unsigned i = 0; check && i < reader->file_count; i++)
		check_file(reader, &reader->files[i]);
	reader->keys_set = reader->own_lists = reader->file_count = 0;
	reader->line = line;
	reader->key = NULL;
}

struct name {
	const char *text;
	unsigned line;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

static void check_name(struct reader *reader, const char *text)
{
	struct name *name = reader_take(reader, sizeof(*name)), **there;

	if (!*text)
		reader_refuse(reader, "the case has no name: write [case NAME]");
	else if (strlen(text) > CASE_NAME_BYTES_MAX)
		reader_refuse(reader, "[case %s]: a name has up to %d bytes", reader_shown(reader, text), CASE_NAME_BYTES_MAX);
	else if (strpbrk(text, "#,[]*?\\"))
		reader_refuse(reader, "[case %s]: a name has none of # , [ ] * ? \\", text);
	if (!name)
		return;
	*name = (struct name){ text, reader->line };
	there = tsearch(name, &reader->names, compare_names);
	reader->no_memory |= !there;
	if (there && *there != name && *text)
		reader_refuse(reader, "[case %s]: that name is taken at line %u: give each case its own",
			      reader_shown(reader, text), (*there)->line);
}

/* All is what [defaults] says; lists are copied when the case adds to them. */
static void begin_case(struct reader *reader, const char *name)
{
	struct manifest *manifest = reader->manifest;
	struct test_case *c;

	if (manifest->case_count == CASES_MAX) {
		reader_refuse(reader, "[case %s]: one case too many: a manifest has up to %d: make two of it",
			      reader_shown(reader, name), CASES_MAX);
		reader->ignores = true;
		return;
	}
	/* Each time that their number is a power of two. */
	if ((manifest->case_count & (manifest->case_count - 1)) == 0) {
		size_t room = manifest->case_count ? 2 * manifest->case_count : 1;

		c = reallocarray(manifest->cases, room, sizeof(*c));
		if (!c) {
			reader->no_memory = true;
			return;
		}
		manifest->cases = c;
	}
	reader->had_case = true;
	check_name(reader, name);
	c = &manifest->cases[manifest->case_count++];
	*c = reader->defaults;
	c->name = name;
	c->line = reader->line;
}

static void refuse_head(struct reader *reader, const char *name, const char *why)
{
	reader_refuse(reader, "[%s%s", reader_shown(reader, name), why);
	reader->ignores = true;
}

/* [NAME] */
static void take_head(struct reader *reader, char *line)
{
	char *end = line + strlen(line) - 1, *name = line + 1 + strspn(line + 1, " \t");

	end_section(reader);
	reader->ignores = false;
	if (*end != ']') {
		refuse_head(reader, line + 1, ": there is no ] at the line's end: write [defaults] or [case NAME]");
		return;
	}
	while (end > name && strchr(" \t", end[-1]))
		end--;
	*end = '\0';
	if (strcmp(name, "defaults") == 0) {
		if (reader->had_case)
			refuse_head(reader, name, "] stands before all cases: move it up");
		else if (reader->had_defaults)
			refuse_head(reader, name, "] is there twice: write one");
		reader->had_defaults = true;
	} else if (strncmp(name, "case", 4) == 0 && strchr(" \t", name[4])) {
		begin_case(reader, name + 4 + strspn(name + 4, " \t"));
	} else {
		refuse_head(reader, name, "]: no such section: write [defaults] or [case NAME]");
	}
}

/* --- lines --- */

static const char *key_name(size_t i)
{
	return manifest_keys[i].name;
}

const struct manifest_key *manifest_key_find(const char *name)
{
	for (const struct manifest_key *key = manifest_keys; key->name; key++)
		if (strcmp(key->name, name) == 0)
			return key;
	return NULL;
}

static void refuse_name(struct reader *reader, const char *name)
{
	const char *near = nearest_word(name, key_name);

	if (near)
		reader_refuse(reader, "%s: no such key: is it \"%s\"?", reader_shown(reader, name), near);
	else
		reader_refuse(reader, "%s: no such key: `kvick test --keys` lists them", reader_shown(reader, name));
}

static void take_value(struct reader *reader, char *value)
{
	size_t index = (size_t)(reader->key - manifest_keys);
	struct manifest *manifest = reader->manifest;
	bool again = reader->keys_set & 1ull << index;

	if (!*value) {
		reader_refuse(reader, "nothing stands behind the =: write %s = %s", reader->key->name, reader->key->value);
		return;
	}
	if (again && !reader->key->list) {
		reader_refuse(reader, "it is there already, at line %u: write it once", reader->key_lines[index]);
		return;
	}
	reader->keys_set |= 1ull << index;
	reader->key_lines[index] = reader->line;
	reader->key->take(reader, reader->had_case ? &manifest->cases[manifest->case_count - 1] : &reader->defaults, reader->key,
			  value);
}

/* NAME = VALUE, without blanks around. */
static void take_setting(struct reader *reader, char *line)
{
	char *equals = strchr(line, '='), *end = equals;

	if (!reader->had_defaults && !reader->had_case) {
		reader_refuse(reader, "%s: it stands in no section: write [defaults] or [case NAME] above it",
			      reader_shown(reader, line));
		reader->ignores = true;
		return;
	}
	if (!equals) {
		reader_refuse(reader, "%s: no = in it: write KEY = VALUE, [case NAME], or # before a comment",
			      reader_shown(reader, line));
		return;
	}
	while (end > line && strchr(" \t", end[-1]))
		end--;
	*end = '\0';
	reader->key = manifest_key_find(line);
	if (!*line)
		reader_refuse(reader, "nothing stands before the =: write KEY = VALUE");
	else if (!reader->key)
		refuse_name(reader, line);
	else
		take_value(reader, equals + 1 + strspn(equals + 1, " \t"));
}

/* Which key it is that a line is about that nothing of shall be shown. */
static void find_key(struct reader *reader, const char *line, size_t bytes)
{
	const char *equals = memchr(line, '=', bytes);

	reader->key = NULL;
	for (const struct manifest_key *key = manifest_keys; equals && key->name; key++) {
		size_t length = strlen(key->name);

		if ((size_t)(equals - line) >= length && memcmp(key->name, line, length) == 0 &&
		    strspn(line + length, " \t") >= (size_t)(equals - line) - length)
			reader->key = key;
	}
}

static bool check_line(struct reader *reader, const char *line, size_t bytes)
{
	size_t at = utf8_plain(line, bytes);
	unsigned char c = at < bytes ? (unsigned char)line[at] : 0;

	find_key(reader, line, bytes);
	if (bytes > LINE_BYTES_MAX)
		reader_refuse(reader, "%zu bytes in one line: up to %d", bytes, LINE_BYTES_MAX);
	else if (at < bytes && (c < 0x20 || c == 0x7f))
		reader_refuse(reader, "a control character (0x%02x) at byte %zu: in a `console regex` write \\x%02x", c, at + 1, c);
	else if (at < bytes)
		reader_refuse(reader, "byte %zu (0x%02x) is no UTF-8, or a control character: save the file as UTF-8", at + 1, c);
	else
		return true;
	return false;
}

static void take_line(struct reader *reader, char *line, size_t bytes)
{
	while (bytes > 0 && strchr(" \t\r", line[bytes - 1]) && line[bytes - 1])
		bytes--;
	for (; bytes > 0 && (*line == ' ' || *line == '\t'); bytes--)
		line++;
	if (bytes == 0 || !check_line(reader, line, bytes))
		return;
	line[bytes] = '\0';
	reader->key = NULL;
	if (*line == '[')
		take_head(reader, line);
	else if (*line != '#' && !reader->ignores)
		take_setting(reader, line);
}

static void take_lines(struct reader *reader, char *text, size_t bytes)
{
	static const char mark[] = "\xef\xbb\xbf"; /* some editors' sign of UTF-8 */
	char *end = text + bytes;

	if (bytes >= 3 && memcmp(text, mark, 3) == 0)
		text += 3;
	while (text < end && !reader->no_memory) {
		char *newline = memchr(text, '\n', (size_t)(end - text));

		if (!newline)
			newline = end; /* where there is a NUL */
		reader->line++;
		take_line(reader, text, (size_t)(newline - text));
		text = newline + 1;
	}
	end_section(reader);
}

/* --- all of it --- */

static void no_destructor(void *name)
{
	(void)name;
}

static const char *folder_of(struct reader *reader, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *here = *path == '/' ? NULL : getcwd(NULL, 0), *folder;
	size_t bytes = here ? strlen(here) : 0, own = slash ? (size_t)(slash - path) : 0;

	folder = reader_take(reader, bytes + own + 3);
	if (folder && own)
		sprintf(folder, "%s%s%.*s", here ? here : "", here ? "/" : "", (int)own, path);
	else if (folder)
		strcpy(folder, here ? here : "/");
	free(here);
	return folder;
}

int manifest_parse(struct manifest *manifest, const char *path, const char *text, size_t bytes, const struct files_wanted *files,
		   struct error *error)
{
	static char *no_words[] = { NULL };
	static const char *none[] = { NULL };
	struct reader reader = {
		.manifest = manifest,
		.files_wanted = files,
		.defaults = {
			.arguments = no_words, .options = no_words, .env = none, .nets = none, .vsocks = none,
			.stderr_matches = none, .tags = none, .requires = none, .timeout_ns = TIMEOUT_NS,
		},
	};
	char *copy;

	*manifest = (struct manifest){ .path = path };
	if (bytes > MANIFEST_BYTES_MAX)
		return error_set(error, ERROR_USAGE, EFBIG, "%s: more than %u MiB: make two manifests of it", path,
				 MANIFEST_BYTES_MAX >> 20);
	manifest->directory = folder_of(&reader, path);
	copy = reader_text(&reader, text, bytes);
	if (copy && manifest->directory)
		take_lines(&reader, copy, bytes);
	tdestroy(reader.names, no_destructor);
	reader.line = 0;
	reader.key = NULL;
	if (!reader.no_memory && manifest->problem_count == 0 && manifest->case_count == 0)
		reader_refuse(&reader, "no case is in it: write [case NAME], and image = FILE below");
	if (reader.no_memory) {
		manifest->problem_count = 0;
		return error_set(error, ERROR_HOST, ENOMEM, "%s: no memory for it", path);
	}
	return manifest->problem_count == 0 ? 0 : error_set(error, ERROR_USAGE, EINVAL, "%s", manifest->problems[0]);
}

/* Up to one byte more than there may be. */
static ssize_t read_all(int fd, char *text)
{
	size_t have = 0;
	ssize_t n;

	do {
		n = read(fd, text + have, MANIFEST_BYTES_MAX + 1 - have);
		if (n < 0 && errno != EINTR)
			return -errno;
		have += n > 0 ? (size_t)n : 0;
	} while (n != 0 && have <= MANIFEST_BYTES_MAX);
	return (ssize_t)have;
}

int manifest_read(struct manifest *manifest, const char *path, const struct files_wanted *files, struct error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), r = fd < 0 ? -errno : 0;
	char *text = NULL;
	struct stat s;
	ssize_t n;

	*manifest = (struct manifest){ .path = path };
	if (fd < 0)
		return error_set(error, ERROR_USAGE, -r, "%s: %s: write the manifest's path: kvick test [OPTIONS] MANIFEST", path,
				 strerror(-r));
	if (fstat(fd, &s) < 0 || !S_ISREG(s.st_mode)) {
		r = error_set(error, ERROR_USAGE, EINVAL, "%s: not a file: write the path of a manifest", path);
	} else if (!(text = malloc(MANIFEST_BYTES_MAX + 1))) {
		r = error_set(error, ERROR_HOST, ENOMEM, "%s: no memory for it", path);
	} else {
		n = read_all(fd, text);
		r = n < 0 ? error_set(error, ERROR_USAGE, (int)-n, "%s: %s: it cannot be read", path, strerror((int)-n)) :
			    manifest_parse(manifest, path, text, (size_t)n, files, error);
	}
	free(text);
	close(fd);
	return r;
}

void manifest_free(struct manifest *manifest)
{
	patterns_free(manifest->patterns);
	memory_free(manifest->memory);
	free(manifest->cases);
	*manifest = (struct manifest){ 0 };
}
