/* SPDX-License-Identifier: Apache-2.0 */
#include "control/test/command.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/test/scratch.h"

#define DISK_PATH_BYTES (SCRATCH_PATH_BYTES + 32)

struct words {
	char **list;
	size_t count, room;
	bool failed;            /* no memory: nothing more is added */
};

/* Takes `word`, which may be NULL for lack of memory. */
static void add(struct words *words, char *word)
{
	if (words->count + 1 >= words->room && !words->failed) {
		size_t room = words->room ? words->room * 2 : 32;
		char **list = realloc(words->list, room * sizeof(*list));

		words->failed = !list;
		if (list) {
			words->list = list;
			words->room = room;
		}
	}
	if (!word || words->failed) {
		words->failed = true;
		free(word);
		return;
	}
	words->list[words->count++] = word;
	words->list[words->count] = NULL;
}

static void add_format(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add_format(struct words *words, const char *format, ...)
{
	char *word = NULL;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&word, format, args);
	va_end(args);
	add(words, n < 0 ? NULL : word);
}

static void add_option(struct words *words, const char *name, const char *value)
{
	if (!value)
		return;
	add(words, strdup(name));
	add(words, strdup(value));
}

static void add_list(struct words *words, const char *name, const char *const *values, const char *scratch)
{
	for (; values && *values; values++) {
		if (name)
			add(words, strdup(name));
		add(words, command_expand(*values, scratch));
	}
}

/* In --disk a comma of the path's is written twice. */
static char *with_commas(const char *path)
{
	char *text = malloc(strlen(path) * 2 + 1), *to = text;

	for (; text && *path; path++) {
		*to++ = *path;
		if (*path == ',')
			*to++ = ',';
	}
	if (text)
		*to = '\0';
	return text;
}

static void add_disk(struct words *words, const struct disk_fixture *disk, size_t number, const char *scratch)
{
	char path[DISK_PATH_BYTES];
	const char *at = disk->path;
	char *escaped;

	if (disk->kind != FIXTURE_AS_IS) {
		scratch_disk(path, sizeof(path), scratch, number);
		at = path;
	}
	if (disk->solo5_name) {
		add_format(words, "--block:%s=%s", disk->solo5_name, at);
		return;
	}
	escaped = with_commas(at);
	add(words, strdup("--disk"));
	if (escaped)
		add_format(words, "%s%s", escaped, disk->words);
	else
		add(words, NULL);
	free(escaped);
}

static void add_devices(struct words *words, const struct test_case *of, const char *scratch)
{
	for (size_t i = 0; i < of->disk_count; i++)
		add_disk(words, &of->disks[i], i, scratch);
	add_list(words, "--net", of->nets, scratch);
	add_list(words, "--vsock", of->vsocks, scratch);
	if (of->rng)
		add(words, strdup("--rng"));
	if (of->console_device)
		add(words, strdup("--console"));
}

char **command_make(const struct command_config *config)
{
	const struct test_case *of = config->of;
	struct words words = { 0 };

	add(&words, strdup("kvick"));
	add(&words, strdup("run"));
	add_option(&words, "--report", config->report);
	add(&words, strdup("--timeout"));
	add_format(&words, "%lluus", (unsigned long long)(config->timeout_ns / 1000 ? config->timeout_ns / 1000 : 1));
	add_option(&words, "--mem", of->mem);
	if (config->ring >= 0)
		add_option(&words, "--ring", config->ring ? "3" : "0");
	else if (of->ring && strcmp(of->ring, "each") != 0)
		add_option(&words, "--ring", of->ring);
	add_option(&words, "--cpu", of->cpu);
	add_option(&words, "--protocol", of->protocol);
	add_option(&words, "--request", of->request_path);
	add_list(&words, "--env", of->env, config->scratch);
	add_devices(&words, of, config->scratch);
	add_list(&words, NULL, (const char *const *)of->options, config->scratch);
	add(&words, strdup(of->image));
	if (of->arguments && of->arguments[0])
		add(&words, strdup("--"));
	add_list(&words, NULL, (const char *const *)of->arguments, config->scratch);
	if (!words.failed)
		return words.list;
	command_free(words.list);
	return NULL;
}

void command_free(char **words)
{
	for (char **word = words; word && *word; word++)
		free(*word);
	free(words);
}

char *command_expand(const char *text, const char *scratch)
{
	const size_t word = strlen(SCRATCH_WORD);
	size_t bytes = strlen(text) + 1;
	char *into, *to;

	for (const char *at = text; (at = strstr(at, SCRATCH_WORD)); at += word)
		bytes += strlen(scratch);
	into = to = malloc(bytes);
	while (into) {
		const char *at = strstr(text, SCRATCH_WORD);
		size_t plain = at ? (size_t)(at - text) : strlen(text);

		to = mempcpy(to, text, plain);
		if (!at)
			break;
		to = stpcpy(to, scratch);
		text = at + word;
	}
	if (into)
		*to = '\0';
	return into;
}

/* In '…' where a shell would see more in it than a word. */
static void print_word(FILE *to, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+:,./@%";

	if (*word && word[strspn(word, plain)] == '\0') {
		fputs(word, to);
		return;
	}
	fputc('\'', to);
	for (; *word; word++) {
		if (*word == '\'')
			fputs("'\\''", to);
		else
			fputc(*word, to);
	}
	fputc('\'', to);
}

char *command_text(const char *program, char *const *words)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *to = open_memstream(&text, &bytes);
	bool failed;

	if (!to)
		return NULL;
	print_word(to, program);
	for (char *const *word = words + 1; *word; word++) {
		fputc(' ', to);
		print_word(to, *word);
	}
	failed = ferror(to);
	if (fclose(to) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}
