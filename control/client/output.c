/* SPDX-License-Identifier: Apache-2.0 */
#include "control/client/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

#include "control/commands.h"
#include "vmm/error.h"

#define BINARY_BYTES_SHOWN 1024
#define JSON_AS_PRINTED    (JSON_ENCODE_ANY | JSON_REAL_PRECISION(12)) /* 0.033, not 0.033000000000000002 */

/* Length of the character there if a terminal shows it and does nothing else; 0: it is not such. */
static size_t harmless(const char *bytes, size_t n)
{
	mbstate_t state = { 0 };
	wchar_t c;

	if (*bytes == '\n' || *bytes == '\t')
		return 1;

	size_t length = mbrtowc(&c, bytes, n, &state);

	return length > 0 && length <= n && iswprint((wint_t)c) ? length : 0;
}

static void print_shown(const char *bytes, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t length = harmless(bytes + i, n - i);

		if (length)
			fwrite(bytes + i, 1, length, stdout);
		else
			printf("\\x%02x", (unsigned char)bytes[i]);
		i += length ? length : 1;
	}
}

static void print_bytes(const char *bytes, size_t n)
{
	if (isatty(STDOUT_FILENO))
		print_shown(bytes, n);
	else
		fwrite(bytes, 1, n, stdout);
}

int output_json(const json_t *json)
{
	json_dumpf(json, stdout, JSON_COMPACT | JSON_AS_PRINTED | (isatty(STDOUT_FILENO) ? JSON_ENSURE_ASCII : 0));
	putchar('\n');
	return command_printed_stdio();
}

int output_line(const char *text)
{
	print_bytes(text, strlen(text));
	putchar('\n');
	return command_printed_stdio();
}

/* --- members for people --- */

enum unit { UNIT_BYTES, UNIT_MS };

static const struct {
	const char *member;
	enum unit unit;
} units[] = {
	{ "memory", UNIT_BYTES },
	{ "timeout", UNIT_MS },
};

static char *number(const char *member, json_int_t n)
{
	static const char letters[] = "TGMK";
	char *text = NULL;
	int r = -1;

	for (size_t i = 0; r < 0 && i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(units[i].member, member) != 0)
			continue;
		if (units[i].unit == UNIT_MS)
			r = n && n % 1000 == 0 ? asprintf(&text, "%lld s", (long long)n / 1000) :
						 asprintf(&text, "%lld ms", (long long)n);
		for (unsigned k = 0; r < 0 && letters[k] && n; k++)
			if (n % (1ll << (40 - 10 * k)) == 0)
				r = asprintf(&text, "%lld%c", (long long)n >> (40 - 10 * k), letters[k]);
	}
	if (r < 0)
		r = asprintf(&text, "%lld", (long long)n);
	return r < 0 ? NULL : text;
}

/* To be freed. "-" for what is not there. */
static char *value_text(const char *member, const json_t *value)
{
	char *text;

	if (!value || json_is_null(value))
		text = strdup("-");
	else if (json_is_string(value))
		text = strdup(json_string_value(value));
	else if (json_is_integer(value))
		text = number(member, json_integer_value(value));
	else
		text = json_dumps(value, JSON_AS_PRINTED);
	if (!text)
		return strdup("");
	/* One line each: the rest is left to print_shown() or to whoever reads it. */
	for (char *c = text; *c; c++)
		if (*c == '\n' || *c == '\t')
			*c = ' ';
	return text;
}

static int columns(const char *text)
{
	size_t n = mbstowcs(NULL, text, 0);

	return n == (size_t)-1 ? (int)strlen(text) : (int)n;
}

static void print_padded(const char *text, int width)
{
	print_bytes(text, strlen(text));
	printf("%*s", width > columns(text) ? width - columns(text) : 0, "");
}

int output_object(json_t *object)
{
	json_t *value;
	const char *member;
	int width = 0;

	json_object_foreach(object, member, value)
		width = columns(member) > width ? columns(member) : width;
	json_object_foreach(object, member, value) {
		char *text = value_text(member, value);

		print_padded(member, width + 2);
		print_bytes(text ? text : "", text ? strlen(text) : 0);
		putchar('\n');
		free(text);
	}
	return command_printed_stdio();
}

#define COLUMNS_MAX 8

int output_table(const json_t *objects, const char *const *members, size_t count)
{
	int widths[COLUMNS_MAX];
	size_t rows = json_array_size(objects);

	for (size_t c = 0; c < count; c++) {
		widths[c] = columns(members[c]);
		for (size_t i = 0; i < rows; i++) {
			char *text = value_text(members[c], json_object_get(json_array_get(objects, i), members[c]));

			widths[c] = text && columns(text) > widths[c] ? columns(text) : widths[c];
			free(text);
		}
	}
	for (size_t c = 0; c < count; c++)
		print_padded(members[c], c + 1 < count ? widths[c] + 2 : 0);
	putchar('\n');
	for (size_t i = 0; i < rows; i++) {
		for (size_t c = 0; c < count; c++) {
			char *text = value_text(members[c], json_object_get(json_array_get(objects, i), members[c]));

			print_padded(text ? text : "", c + 1 < count ? widths[c] + 2 : 0);
			free(text);
		}
		putchar('\n');
	}
	return command_printed_stdio();
}

/* --- bytes --- */

int output_text(const char *bytes, size_t n)
{
	print_bytes(bytes, n);
	if (isatty(STDOUT_FILENO) && n && bytes[n - 1] != '\n')
		putchar('\n');
	return command_printed_stdio();
}

int output_reply(const char *bytes, size_t n)
{
	size_t i = 0, length;

	if (!isatty(STDOUT_FILENO))
		return output_text(bytes, n);
	while (i < n && (length = harmless(bytes + i, n - i)))
		i += length;
	if (i == n)
		return output_text(bytes, n);

	int code = output_text(bytes, n < BINARY_BYTES_SHOWN ? n : BINARY_BYTES_SHOWN);

	if (n > BINARY_BYTES_SHOWN)
		fprintf(stderr, "kvick: the reply is no text: the first %d of %zu bytes are shown; --output FILE keeps all\n",
			BINARY_BYTES_SHOWN, n);
	return code;
}

int output_open(struct output_file *file, const char *path, struct error *error)
{
	*file = (struct output_file){ .path = path };
	file->fd = strcmp(path, "-") == 0 ? dup(STDOUT_FILENO) : open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (file->fd < 0 && errno == ENOENT) {
		file->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		file->made = file->fd >= 0;
	}
	return file->fd < 0 ? error_set(error, ERROR_HOST, errno, "--output %s: %s", path, strerror(errno)) : 0;
}

static int write_all(int fd, const char *bytes, size_t n)
{
	while (n) {
		ssize_t done = write(fd, bytes, n);

		if (done < 0 && errno != EINTR)
			return -errno;
		bytes += done > 0 ? done : 0;
		n -= done > 0 ? (size_t)done : 0;
	}
	return 0;
}

int output_write(struct output_file *file, const char *bytes, size_t n, struct error *error)
{
	struct stat status;
	bool is_file = strcmp(file->path, "-") != 0 && fstat(file->fd, &status) == 0 && S_ISREG(status.st_mode);
	int r = is_file && ftruncate(file->fd, 0) < 0 ? -errno : write_all(file->fd, bytes, n);

	if (close(file->fd) < 0 && r == 0)
		r = -errno;
	return r == 0 ? 0 : error_set(error, ERROR_HOST, -r, "--output %s: %s: the reply is lost, or only part of it is there",
				      file->path, strerror(-r));
}

void output_drop(struct output_file *file)
{
	close(file->fd);
	if (file->made)
		unlink(file->path);
}
