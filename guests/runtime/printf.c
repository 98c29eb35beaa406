/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include <stdint.h>
#include <string.h>

#include "format.h"
#include "runtime.h"

#define CONSOLE_CHUNK_BYTES 128

/* 64 bits in octal, the longest there is. */
#define DIGITS_MAX 22

__attribute__((weak)) bool kvick_format_double(struct sink *sink, struct conversion *conversion, va_list *args)
{
	(void)sink;
	(void)conversion;
	(void)args;
	return false;
}

static void sink_flush(struct sink *sink)
{
	kvick_console_write(sink->console_chunk, (size_t)(sink->at - sink->console_chunk));
	sink->at = sink->console_chunk;
}

void sink_put(struct sink *sink, const char *text, size_t bytes)
{
	sink->total += bytes;
	while (bytes > 0) {
		size_t room = (size_t)(sink->end - sink->at), n = bytes < room ? bytes : room;

		memcpy(sink->at, text, n);
		sink->at += n;
		text += n;
		bytes -= n;
		if (bytes == 0 || !sink->console_chunk)
			return;
		sink_flush(sink);
	}
}

static void put_repeated(struct sink *sink, char c, size_t count)
{
	while (count-- > 0)
		sink_put(sink, &c, 1);
}

void sink_field(struct sink *sink, const struct conversion *conversion, const char *prefix, size_t zeros,
		const char *body, size_t body_bytes)
{
	size_t bytes = strlen(prefix) + zeros + body_bytes, width = (size_t)conversion->width;
	size_t padding = width > bytes ? width - bytes : 0;

	if (!conversion->left && !conversion->zero)
		put_repeated(sink, ' ', padding);
	sink_put(sink, prefix, strlen(prefix));
	if (!conversion->left && conversion->zero)
		put_repeated(sink, '0', padding);
	put_repeated(sink, '0', zeros);
	sink_put(sink, body, body_bytes);
	if (conversion->left)
		put_repeated(sink, ' ', padding);
}

static void format_unsigned(struct sink *sink, struct conversion *conversion, const char *prefix, uint64_t value)
{
	const char *digits = conversion->type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	unsigned base = conversion->type == 'o' ? 8 : conversion->type == 'x' || conversion->type == 'X' ? 16 : 10;
	char text[DIGITS_MAX], *at = text + sizeof(text);

	for (uint64_t v = value; v > 0; v /= base)
		*--at = digits[v % base];

	size_t bytes = (size_t)(text + sizeof(text) - at);
	size_t least = conversion->precision < 0 ? 1 : (size_t)conversion->precision;

	if (conversion->precision >= 0)
		conversion->zero = false;
	if (conversion->alternate && base == 16 && value != 0)
		prefix = conversion->type == 'X' ? "0X" : "0x";
	if (conversion->alternate && base == 8 && least <= bytes)
		least = bytes + 1;
	sink_field(sink, conversion, prefix, least > bytes ? least - bytes : 0, at, bytes);
}

static int64_t signed_argument(char length, va_list *args)
{
	switch (length) {
	case 'H': return (signed char)va_arg(*args, int);
	case 'h': return (short)va_arg(*args, int);
	case 'l': case 'q': case 'j': case 'z': case 't': return va_arg(*args, int64_t);
	default: return va_arg(*args, int);
	}
}

static uint64_t unsigned_argument(char length, va_list *args)
{
	switch (length) {
	case 'H': return (unsigned char)va_arg(*args, unsigned);
	case 'h': return (unsigned short)va_arg(*args, unsigned);
	case 'l': case 'q': case 'j': case 'z': case 't': return va_arg(*args, uint64_t);
	default: return va_arg(*args, unsigned);
	}
}

static void format_signed(struct sink *sink, struct conversion *conversion, va_list *args)
{
	int64_t value = signed_argument(conversion->length, args);
	const char *sign = value < 0 ? "-" : conversion->plus ? "+" : conversion->space ? " " : "";

	format_unsigned(sink, conversion, sign, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

static void format_string(struct sink *sink, struct conversion *conversion, const char *s)
{
	conversion->zero = false;
	if (!s)
		s = "(null)";
	sink_field(sink, conversion, "", 0, s,
		   conversion->precision < 0 ? strlen(s) : strnlen(s, (size_t)conversion->precision));
}

static void format_one(struct sink *sink, struct conversion *conversion, va_list *args)
{
	char c;

	switch (conversion->type) {
	case 'd': case 'i':
		format_signed(sink, conversion, args);
		return;
	case 'u': case 'x': case 'X': case 'o':
		format_unsigned(sink, conversion, "", unsigned_argument(conversion->length, args));
		return;
	case 'p':
		conversion->type = 'x';
		format_unsigned(sink, conversion, "0x", (uintptr_t)va_arg(*args, void *));
		return;
	case 'c':
		c = (char)va_arg(*args, int);
		conversion->zero = false;
		sink_field(sink, conversion, "", 0, &c, 1);
		return;
	case 's':
		format_string(sink, conversion, va_arg(*args, const char *));
		return;
	case 'f': case 'F': case 'e': case 'E': case 'g': case 'G':
		if (kvick_format_double(sink, conversion, args))
			return;
		/* fall through */
	default:
		sink_put(sink, "%", conversion->type != '%');
		sink_put(sink, &conversion->type, 1);
	}
}

/* A width or precision: digits or an asterisk. */
static int parse_number(const char **format, va_list *args)
{
	int value = 0;

	if (**format == '*') {
		(*format)++;
		return va_arg(*args, int);
	}
	for (; **format >= '0' && **format <= '9'; (*format)++)
		if (value < 100000) /* more is a mistake, and must not overflow */
			value = value * 10 + (**format - '0');
	return value;
}

static bool parse_flag(struct conversion *conversion, char c)
{
	switch (c) {
	case '-': return conversion->left = true;
	case '+': return conversion->plus = true;
	case ' ': return conversion->space = true;
	case '#': return conversion->alternate = true;
	case '0': return conversion->zero = true;
	default: return false;
	}
}

static char parse_length(const char **format)
{
	char c = **format;

	if (!c || !strchr("hlqjztL", c))
		return 0;
	(*format)++;
	if ((c == 'h' || c == 'l') && **format == c) {
		(*format)++;
		return c == 'h' ? 'H' : 'q';
	}
	return c;
}

/* `format` is behind the percent sign; returns what follows the conversion. */
static const char *parse_conversion(struct conversion *conversion, const char *format, va_list *args)
{
	*conversion = (struct conversion){ .precision = -1 };
	while (parse_flag(conversion, *format))
		format++;
	conversion->width = parse_number(&format, args);
	if (conversion->width < 0) {
		conversion->left = true;
		conversion->width = -conversion->width;
	}
	if (*format == '.') {
		format++;
		conversion->precision = parse_number(&format, args);
		if (conversion->precision < 0)
			conversion->precision = -1;
	}
	conversion->length = parse_length(&format);
	conversion->type = *format;
	return *format ? format + 1 : format;
}

static void format_all(struct sink *sink, const char *format, va_list args)
{
	va_list left; /* an array type: only a copy's address is of type va_list * */

	va_copy(left, args);
	while (*format) {
		const char *percent = strchr(format, '%');
		size_t bytes = percent ? (size_t)(percent - format) : strlen(format);

		sink_put(sink, format, bytes);
		format += bytes;
		if (percent) {
			struct conversion conversion;

			format = parse_conversion(&conversion, format + 1, &left);
			if (conversion.type)
				format_one(sink, &conversion, &left);
		}
	}
	va_end(left);
}

int vprintf(const char *format, va_list args)
{
	char chunk[CONSOLE_CHUNK_BYTES];
	struct sink sink = { .at = chunk, .end = chunk + sizeof(chunk), .console_chunk = chunk };

	format_all(&sink, format, args);
	sink_flush(&sink);
	return (int)sink.total;
}

int vfprintf(FILE *stream, const char *format, va_list args)
{
	(void)stream;
	return vprintf(format, args);
}

int vsnprintf(char *to, size_t bytes, const char *format, va_list args)
{
	struct sink sink = { .at = to, .end = bytes > 0 ? to + bytes - 1 : to };

	format_all(&sink, format, args);
	if (bytes > 0)
		*sink.at = '\0';
	return (int)sink.total;
}
