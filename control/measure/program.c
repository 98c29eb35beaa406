/* SPDX-License-Identifier: Apache-2.0 */
#include "control/measure/program.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/error.h"

/* Seen from this program, which is beside kvick where it was built, or in libexec/kvick. */
static const char *const places[] = { "", "../../bin/" };

int program_of_kvick(const char *name, char path[PROGRAM_PATH_BYTES], struct error *error)
{
	ssize_t n = readlink("/proc/self/exe", path, PROGRAM_PATH_BYTES - 128);
	char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;

	for (size_t i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(slash + 1, 128, "%s%s", places[i], name);
		if (access(path, X_OK) == 0)
			return 0;
	}
	return error_set(error, ERROR_HOST, ENOENT, "%s: neither beside this program nor in its ../../bin: build it by `make all` "
			 "or `make install`", name);
}

static bool can_be_executed(const char *path)
{
	struct stat s;

	return stat(path, &s) == 0 && S_ISREG(s.st_mode) && access(path, X_OK) == 0;
}

int program_find(const char *file, char path[PROGRAM_PATH_BYTES], struct error *error)
{
	const char *at = getenv("PATH");
	int n;

	if (strchr(file, '/')) {
		n = snprintf(path, PROGRAM_PATH_BYTES, "%s", file);
		if (n < PROGRAM_PATH_BYTES && can_be_executed(path))
			return 0;
		return error_set(error, ERROR_USAGE, ENOENT, "%s: no such program, or none that runs: check its path and mode",
				 file);
	}
	if (!at)
		at = "/usr/local/bin:/usr/bin:/bin";
	for (size_t length; *file && *at; at += length + (at[length] == ':')) {
		length = strcspn(at, ":");
		n = snprintf(path, PROGRAM_PATH_BYTES, "%.*s/%s", (int)length, length ? at : ".", file);
		if (length == 0)
			n = snprintf(path, PROGRAM_PATH_BYTES, "./%s", file);
		if (n < PROGRAM_PATH_BYTES && can_be_executed(path))
			return 0;
	}
	return error_set(error, ERROR_USAGE, ENOENT, "%s: not found along PATH: install it, or give its path", file);
}

/* What a shell would do something with, where it is not quoted. */
static const char special[] = "$`|&;<>()*?[]{}#~!\n";

/* One word at *text, its quotes undone, to `to`. False: `why` says what is wrong. */
static bool word(const char **text, char **to, const char **why)
{
	const char *from = *text;
	char quote = '\0';

	for (; *from && (quote || (*from != ' ' && *from != '\t')); from++) {
		if (quote ? *from == quote : *from == '\'' || *from == '"') {
			quote = quote ? '\0' : *from;
		} else if (*from == '\\' && quote != '\'') {
			if (!from[1]) {
				*why = "it ends with \\";
				return false;
			}
			/* Inside of "…" a backslash is one but before these (POSIX, 2.2.3). */
			if (quote == '"' && !strchr("\"\\$`", from[1]))
				*(*to)++ = '\\';
			*(*to)++ = *++from;
		} else if (quote != '\'' && strchr(quote ? "$`" : special, *from) &&
			   (quote || !strchr("#~!{}[]", *from) || from == *text)) {
			*why = "a shell would do something with it: quote it, or write sh -c '…'";
			return false;
		} else {
			*(*to)++ = *from;
		}
	}
	*(*to)++ = '\0';
	*why = "a quotation mark is not closed";
	*text = from;
	return !quote;
}

int words_split(char ***words, size_t *count, const char *text, const char *what, struct error *error)
{
	/* As many words as there can be, and behind them their text: one piece. */
	size_t length = strlen(text), most = length / 2 + 2;
	char **list = malloc(most * sizeof(*list) + length + 1), *to;
	const char *why = NULL;
	size_t n = 0;

	if (!list)
		return error_set(error, ERROR_HOST, ENOMEM, "%s: no memory", what);
	to = (char *)(list + most);
	for (;;) {
		const char *begin;

		text += strspn(text, " \t");
		if (!*text)
			break;
		begin = text;
		list[n++] = to;
		if (!word(&text, &to, &why)) {
			free(list);
			return error_set(error, ERROR_USAGE, EINVAL, "%s: at \"%.40s\": %s", what, begin, why);
		}
	}
	list[n] = NULL;
	*words = list;
	*count = n;
	return 0;
}

void words_free(char **words)
{
	free(words);
}
