/* SPDX-License-Identifier: Apache-2.0 */
#include "control/measure/host.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The first processor's part, and that is all we look at. */
#define CPUINFO_BYTES 8192

void host_printable(char *text, bool keep_newlines)
{
	for (char *c = text; *c; c++)
		if ((*c < 0x20 || *c > 0x7e) && !(keep_newlines && *c == '\n'))
			*c = *c == '\t' ? ' ' : '?';
}

static bool make_path(char path[HOST_PATH_BYTES], const char *format, va_list args)
{
	int root = snprintf(path, HOST_PATH_BYTES, "%s", host_root());
	int n = root < HOST_PATH_BYTES ? vsnprintf(path + root, HOST_PATH_BYTES - (size_t)root, format, args) : -1;

	return n >= 0 && root + n < HOST_PATH_BYTES;
}

bool host_has(const char *format, ...)
{
	char path[HOST_PATH_BYTES];
	va_list args;
	bool made;

	va_start(args, format);
	made = make_path(path, format, args);
	va_end(args);
	return made && access(path, F_OK) == 0;
}

/* Files of /proc and /sys, and such ones as a test makes: nothing that could keep us waiting. */
static ssize_t read_text(char *text, size_t bytes, const char *format, va_list args)
{
	char path[HOST_PATH_BYTES];
	size_t length = 0;
	struct stat st;
	int fd;

	text[0] = '\0';
	if (!make_path(path, format, args))
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -1;
	while (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && length < bytes - 1) {
		ssize_t n = read(fd, text + length, bytes - 1 - length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		length += (size_t)n;
	}
	close(fd);
	for (size_t i = 0; i < length; i++)
		if (text[i] == '\0')
			text[i] = '?';
	text[length] = '\0';
	host_printable(text, true);
	return length > 0 ? (ssize_t)length : -1;
}

ssize_t host_text(char *text, size_t bytes, const char *format, ...)
{
	va_list args;
	ssize_t n;

	va_start(args, format);
	n = read_text(text, bytes, format, args);
	va_end(args);
	return n;
}

static bool read_line(char line[HOST_LINE_BYTES], const char *format, va_list args)
{
	if (read_text(line, HOST_LINE_BYTES, format, args) < 0)
		return false;
	line[strcspn(line, "\n")] = '\0';
	return line[0] != '\0';
}

bool host_line(char line[HOST_LINE_BYTES], const char *format, ...)
{
	va_list args;
	bool there;

	va_start(args, format);
	there = read_line(line, format, args);
	va_end(args);
	return there;
}

bool host_number(uint64_t *number, const char *format, ...)
{
	char line[HOST_LINE_BYTES], *end;
	va_list args;
	bool there;

	va_start(args, format);
	there = read_line(line, format, args);
	va_end(args);
	if (!there || !isdigit((unsigned char)line[0]))
		return false;
	errno = 0;
	*number = strtoull(line, &end, 10);
	return *end == '\0' && errno == 0;
}

bool host_value(char value[HOST_LINE_BYTES], const char *text, const char *key)
{
	size_t length = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, length) != 0 || !strchr(" :", line[length]) || line[length] == '\0')
			continue;
		line += length + strspn(line + length, " :");
		snprintf(value, HOST_LINE_BYTES, "%.*s", (int)strcspn(line, "\n"), line);
		return value[0] != '\0';
	}
	return false;
}

bool host_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
		if ((at == text || strchr(" ,:\n", at[-1])) && strchr(" ,\n", at[length]))
			return true;
	return false;
}

bool host_cpu_flag(const char *flag)
{
	char text[CPUINFO_BYTES], *flags;

	if (host_text(text, sizeof(text), "/proc/cpuinfo") < 0)
		return false;
	flags = strstr(text, "\nflags");
	if (!flags)
		return false;
	flags[1 + strcspn(flags + 1, "\n")] = '\0';
	return host_word(flags, flag);
}

unsigned host_list_count(const char *list)
{
	unsigned long count = 0;

	for (const char *at = list; isdigit((unsigned char)*at);) {
		char *end;
		unsigned long first = strtoul(at, &end, 10), last = first;

		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		if (last < first || last - first > 65535 || count > 65536)
			return 0;
		count += last - first + 1;
		if (*end != ',')
			return *end == '\0' ? (unsigned)count : 0;
		at = end + 1;
	}
	return 0;
}

bool host_finding(const char *subject, bool *good, char text[HOST_LINE_BYTES])
{
	const char *said = host_doctor();
	json_t *root = said ? json_loads(said, 0, NULL) : NULL, *finding;
	bool found = false;
	size_t i;

	json_array_foreach(json_object_get(root, "findings"), i, finding) {
		const char *of = NULL, *verdict = NULL, *what = NULL;

		if (found || json_unpack(finding, "{s:s, s:s, s:s}", "subject", &of, "verdict", &verdict, "text", &what) < 0 ||
		    strcmp(of, subject) != 0)
			continue;
		found = true;
		*good = strcmp(verdict, "ok") == 0;
		snprintf(text, HOST_LINE_BYTES, "%s", what);
		host_printable(text, false);
	}
	json_decref(root);
	return found;
}
