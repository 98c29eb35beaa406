/* SPDX-License-Identifier: Apache-2.0 */
/* Values that are many: keys that may be repeated, words. */
#include <string.h>

#include "control/measure/environment.h"
#include "control/measure/program.h"
#include "control/test/takes.h"
#include "vmm/error.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define TAG_BYTES_MAX 40

/* --- lists --- */

void *list_append(struct reader *reader, void *list, size_t count, size_t each, const char *owner)
{
	uint64_t bit = 1ull << (manifest_key_find(owner) - manifest_keys);
	size_t room = 2;
	char *copy;

	if (count >= CASE_LIST_MAX) {
		reader_refuse(reader, "one too many: a case has up to %d", CASE_LIST_MAX);
		return NULL;
	}
	while (room < count + 1)
		room *= 2;
	if (reader->own_lists & bit && count & (count - 1))
		return list;
	copy = reader_take(reader, (room + 1) * each);
	if (!copy)
		return NULL;
	reader->own_lists |= bit;
	return count ? memcpy(copy, list, count * each) : copy;
}

static size_t length_of(const char *const *list)
{
	size_t n = 0;

	while (list[n])
		n++;
	return n;
}

static bool add(struct reader *reader, struct test_case *c, const struct manifest_key *key, const char *text)
{
	const char ***list = key_at(c, key), **longer;
	size_t n = length_of(*list);

	longer = list_append(reader, *list, n, sizeof(*longer), key->name);
	if (!longer)
		return false;
	longer[n] = text;
	longer[n + 1] = NULL;
	*list = longer;
	return true;
}

void take_list(struct reader *reader, struct test_case *c, const struct manifest_key *key, char *value)
{
	add(reader, c, key, value);
}

/* Words apart at blanks, each looked at. */
static void take_each(struct reader *reader, struct test_case *c, const struct manifest_key *key, char *value,
		      bool (*good)(struct reader *reader, const char *word))
{
	for (char *rest = NULL, *word = strtok_r(value, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest))
		if (!good(reader, word) || !add(reader, c, key, word))
			return;
}

static bool is_tag(struct reader *reader, const char *word)
{
	static const char may[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/+-";
	size_t bytes = strlen(word);

	if (bytes <= TAG_BYTES_MAX && bytes == strspn(word, may))
		return true;
	reader_refuse(reader, "%s: write words of letters, digits and . _ : / + -, with blanks between, each up to %d bytes",
		      reader_shown(reader, word), TAG_BYTES_MAX);
	return false;
}

static const char *feature_name(size_t i)
{
	return features[i].name;
}

static bool is_feature(struct reader *reader, const char *word)
{
	const char *near = nearest_word(word, feature_name);
	char list[ERROR_TEXT_BYTES / 2] = "";

	if (feature_find(word))
		return true;
	for (const struct feature *f = features; f->name && strlen(list) + strlen(f->name) + 3 < sizeof(list); f++) {
		strcat(list, *list ? ", " : "");
		strcat(list, f->name);
	}
	if (near)
		reader_refuse(reader, "%s: no such feature: is it \"%s\"?", reader_shown(reader, word), near);
	else
		reader_refuse(reader, "%s: no such feature: there are %s", reader_shown(reader, word), list);
	return false;
}

void take_tags(struct reader *reader, struct test_case *c, const struct manifest_key *key, char *value)
{
	take_each(reader, c, key, value, is_tag);
}

void take_features(struct reader *reader, struct test_case *c, const struct manifest_key *key, char *value)
{
	take_each(reader, c, key, value, is_feature);
}

/* --- words of a command line --- */

/* What stands for the braces of {scratch} and {manifest_dir} while words are cut apart, to which braces mean something. */
#define BRACE_OPEN  '\x01'
#define BRACE_CLOSE '\x02'

static void mark(char *value, char open, char close, char new_open, char new_close)
{
	static const char *const names[] = { "scratch", "manifest_dir" };

	for (char *c = strchr(value, open); c; c = strchr(c + 1, open))
		for (size_t i = 0; i < COUNT(names); i++)
			if (strncmp(c + 1, names[i], strlen(names[i])) == 0 && c[1 + strlen(names[i])] == close) {
				*c = new_open;
				c[1 + strlen(names[i])] = new_close;
			}
}

/* The same with the manifest's folder in it. NULL: no memory. */
static char *in_folder(struct reader *reader, char *text)
{
	static const char name[] = "{manifest_dir}";
	const char *folder = reader->manifest->directory;
	size_t count = 0;
	char *to, *result;

	for (const char *c = text; (c = strstr(c, name)); c += strlen(name))
		count++;
	if (count == 0)
		return text;
	to = result = reader_take(reader, strlen(text) + count * strlen(folder) + 1);
	for (char *from; result && (from = strstr(text, name)); text = from + strlen(name)) {
		to = mempcpy(to, text, (size_t)(from - text));
		to = stpcpy(to, folder);
	}
	return result ? strcpy(to, text), result : NULL;
}

void take_list_in_folder(struct reader *reader, struct test_case *c, const struct manifest_key *key, char *value)
{
	value = in_folder(reader, value);
	if (value)
		add(reader, c, key, value);
}

void take_env(struct reader *reader, struct test_case *c, const struct manifest_key *key, char *value)
{
	if (*value == '=' || !strchr(value, '='))
		reader_refuse(reader, "%s: write env = NAME=VALUE", reader_shown(reader, value));
	else
		take_list_in_folder(reader, c, key, value);
}

/* What kvick is given anyway, by another key or for the runner. */
static const struct given {
	const char *option, *instead;
} given[] = {
	{ "--mem", "the key memory" },   { "--ring", "the key ring" },       { "--cpu", "the key cpu" },
	{ "--env", "the key env" },      { "--protocol", "the key protocol" }, { "--timeout", "the key timeout" },
	{ "--request", "the key request" }, { "--report", NULL }, { "--help", NULL }, { "-h", NULL }, { "--", "the key arguments" },
};

static bool is_option(struct reader *reader, char **words, size_t i)
{
	size_t length = strcspn(words[i], "=");

	if (i == 0 && words[i][0] != '-') {
		reader_refuse(reader, "%s: no option: one begins with -; what the guest is given is the key arguments",
			      reader_shown(reader, words[i]));
		return false;
	}
	for (const struct given *g = given; g < given + COUNT(given); g++)
		if (strlen(g->option) == length && memcmp(words[i], g->option, length) == 0) {
			if (g->instead)
				reader_refuse(reader, "%s: write %s instead", g->option, g->instead);
			else
				reader_refuse(reader, "%s: not in a test: leave it out", g->option);
			return false;
		}
	return true;
}

void take_words(struct reader *reader, struct test_case *c, const struct manifest_key *key, char *value)
{
	static const char what[] = "words: "; /* the key is told by reader_refuse() */
	struct error error = { 0 };
	char **words, **list;
	size_t count;
	bool good = true;

	mark(value, '{', '}', BRACE_OPEN, BRACE_CLOSE);
	if (words_split(&words, &count, value, "words", &error) < 0) {
		reader->no_memory |= error.kind == ERROR_HOST;
		reader_refuse(reader, "%s", error.text + strlen(what));
		return;
	}
	list = reader_take(reader, (count + 1) * sizeof(*list));
	for (size_t i = 0; list && i < count && good; i++) {
		list[i] = reader_text(reader, words[i], strlen(words[i]));
		good = list[i];
		if (!good)
			break;
		mark(list[i], BRACE_OPEN, BRACE_CLOSE, '{', '}');
		if (key->detail == WORDS_OPTIONS)
			good = is_option(reader, list, i);
		list[i] = in_folder(reader, list[i]);
	}
	words_free(words);
	if (list && good)
		*(char ***)key_at(c, key) = list;
}
