/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "vmm/error.h"

#define DEPTH_MAX 4
#define KEY_BYTES_MAX 32
#define SHOWN_BYTES 40 /* of a value, in a message */

unsigned json_utf8(const unsigned char *at)
{
	static const struct {
		unsigned char first_low, first_high, second_low, second_high, length;
	} forms[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	if (at[0] < 0x80)
		return at[0] != '\0';
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		unsigned n = 2;

		if (at[0] < forms[i].first_low || at[0] > forms[i].first_high)
			continue;
		if (at[1] < forms[i].second_low || at[1] > forms[i].second_high)
			return 0;
		while (n < forms[i].length && (at[n] & 0xc0) == 0x80)
			n++;
		return n == forms[i].length ? n : 0;
	}
	return 0;
}

/* ---- reading ---- */

struct reader {
	const char *at, *end;
	const char *file;
	struct error *error;
	unsigned depth;
	struct {
		const char *key;
		int index; /* in the list that its value is; -1: in none */
	} path[DEPTH_MAX]; /* of what is being read */
};

/* What there is instead of what should be: from `at` on, to where a value may end. */
static int bad(struct reader *r, const char *at, const char *format, ...)
{
	char where[DEPTH_MAX * (KEY_BYTES_MAX + 8)] = "", shown[SHOWN_BYTES + 1], what[96];
	size_t used = 0, n = 0;
	va_list args;

	for (unsigned i = 0; i < r->depth; i++) {
		used += (size_t)snprintf(where + used, sizeof(where) - used, "%s%s", i ? "." : "", r->path[i].key);
		if (r->path[i].index >= 0)
			used += (size_t)snprintf(where + used, sizeof(where) - used, "[%d]", r->path[i].index);
	}
	for (; at + n < r->end && n < SHOWN_BYTES && !strchr(",}]\n", at[n]); n++)
		shown[n] = at[n] < ' ' || at[n] > '~' ? '?' : at[n];
	shown[n] = '\0';
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	error_set(r->error, ERROR_IMAGE, EBADMSG, "%s%s%s: %s%s%s; take the snapshot again", r->file, used ? ": " : "", where,
		  shown, n ? ": " : "", what);
	return -EBADMSG;
}

static void skip_space(struct reader *r)
{
	while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
		r->at++;
}

/* That character, after white space? */
static bool take(struct reader *r, char c)
{
	skip_space(r);
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

static bool take_word(struct reader *r, const char *word)
{
	size_t bytes = strlen(word);

	if ((size_t)(r->end - r->at) < bytes || memcmp(r->at, word, bytes) != 0)
		return false;
	r->at += bytes;
	return true;
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* Digits, as many as there are; false: none, or more than 64 bits. */
static bool take_digits(struct reader *r, unsigned base, uint64_t *value)
{
	const char *first = r->at;

	for (*value = 0; r->at < r->end && (unsigned)digit(*r->at) < base; r->at++)
		if (__builtin_mul_overflow(*value, base, value) ||
		    __builtin_add_overflow(*value, (unsigned)digit(*r->at), value))
			return false;
	return r->at > first && (*first != '0' || r->at == first + 1 || base == 16);
}

static int read_number(struct reader *r, const struct json_field *f, uint64_t *into)
{
	const char *at = r->at;

	if (!take_digits(r, 10, into) || (r->at < r->end && strchr(".eE", *r->at)) || *into < f->min || *into > f->max)
		return bad(r, at, "a whole number from %u to %llu is wanted", f->min,
			   (unsigned long long)f->max);
	return 0;
}

static int read_hex(struct reader *r, uint64_t *into)
{
	const char *at = r->at;

	if (!take_word(r, "\"0x") || !take_digits(r, 16, into) || !take_word(r, "\""))
		return bad(r, at, "\"0x\" with up to 16 digits is wanted");
	return 0;
}

static int read_bool(struct reader *r, bool *into)
{
	*into = take_word(r, "true");
	return *into || take_word(r, "false") ? 0 : bad(r, r->at, "true or false is wanted");
}

/* What follows a backslash; 0: nothing that we take. Of \u only what is ASCII: the rest is there as UTF-8. */
static char escaped(struct reader *r)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *c;

	if (r->at == r->end)
		return 0;
	if (take_word(r, "u00"))
		return r->end - r->at >= 2 && digit(r->at[0]) < 8 && digit(r->at[1]) < 16 ?
			       (r->at += 2, (char)(digit(r->at[-2]) << 4 | digit(r->at[-1]))) : 0;
	c = *r->at ? strchr(from, *r->at++) : NULL;
	return c ? to[c - from] : 0;
}

static int read_text(struct reader *r, char *into, size_t room)
{
	const char *at = r->at;
	size_t n = 0;

	if (!take_word(r, "\""))
		return bad(r, at, "a string is wanted");
	while (r->at < r->end && *r->at != '"' && n + 1 < room) {
		char c = *r->at++;

		if ((unsigned char)c < ' ')
			return bad(r, at, "a control character is in it");
		if (c == '\\' && !(c = escaped(r)))
			return bad(r, at, "a backslash and what kvick does not write after it");
		into[n++] = c;
	}
	into[n] = '\0';
	if (!take_word(r, "\""))
		return bad(r, at, "a string of up to %u bytes is wanted", (unsigned)room - 1);
	for (const unsigned char *c = (const void *)into; *c;) {
		unsigned length = json_utf8(c);

		if (!length)
			return bad(r, at, "it is not UTF-8");
		c += length;
	}
	return 0;
}

static int read_object(struct reader *r, const struct json_form *form, uint8_t *into);

static int read_list(struct reader *r, const struct json_field *f, uint8_t *into)
{
	uint64_t *count = (uint64_t *)(void *)into;
	int result;

	*count = 0;
	if (!take(r, '['))
		return bad(r, r->at, "a list is wanted");
	if (take(r, ']'))
		return 0;
	do {
		if (*count == f->max)
			return bad(r, r->at, "more than %u in the list", (unsigned)f->max);
		r->path[r->depth - 1].index = (int)*count;
		result = read_object(r, f->form, into + sizeof(*count) + *count * f->form->bytes);
		if (result < 0)
			return result;
		++*count;
	} while (take(r, ','));
	return take(r, ']') ? 0 : bad(r, r->at, "a comma or ] is wanted");
}

static int read_value(struct reader *r, const struct json_field *f, uint8_t *into)
{
	void *at = into + f->offset;

	skip_space(r);
	switch (f->kind) {
	case JSON_NUMBER:
		return read_number(r, f, at);
	case JSON_HEX:
		return read_hex(r, at);
	case JSON_BOOL:
		return read_bool(r, at);
	case JSON_TEXT:
		return read_text(r, at, f->max);
	case JSON_OBJECT:
		return read_object(r, f->form, at);
	default:
		return read_list(r, f, at);
	}
}

/* The field of a key that is there and whose colon follows; NULL: none, and the error is set. */
static const struct json_field *read_key(struct reader *r, const struct json_form *form, uint64_t seen)
{
	const char *at;

	if (!take(r, '"'))
		return bad(r, r->at, "a key is wanted"), NULL;
	at = r->at;
	for (unsigned i = 0; i < form->count; i++) {
		const struct json_field *f = &form->fields[i];

		if (!take_word(r, f->name) || !take_word(r, "\"")) {
			r->at = at;
			continue;
		}
		if (seen & 1ull << i)
			return bad(r, at - 1, "it is there twice"), NULL;
		return take(r, ':') ? f : (bad(r, at - 1, "a colon is wanted after it"), NULL);
	}
	return bad(r, at - 1, "kvick knows no such key here"), NULL;
}

/* r->depth is 0 for the outermost one, which has no name. */
static int read_object(struct reader *r, const struct json_form *form, uint8_t *into)
{
	uint64_t seen = 0;

	if (!take(r, '{'))
		return bad(r, r->at, "an object is wanted");
	do {
		const struct json_field *f = read_key(r, form, seen);
		int result;

		if (!f)
			return -EBADMSG;
		seen |= 1ull << (f - form->fields);
		r->path[r->depth].key = f->name;
		r->path[r->depth++].index = -1;
		result = read_value(r, f, into);
		if (result < 0)
			return result;
		r->depth--;
	} while (take(r, ','));
	if (!take(r, '}'))
		return bad(r, r->at, "a comma or } is wanted");
	for (unsigned i = 0; i < form->count; i++)
		if (!(seen & 1ull << i))
			return bad(r, r->end, "there is no \"%s\"", form->fields[i].name);
	return 0;
}

int json_read(const char *text, size_t bytes, const struct json_form *form, void *into, const char *file, struct error *error)
{
	struct reader r = { .at = text, .end = text + bytes, .file = file, .error = error };
	int result = read_object(&r, form, into);

	if (result < 0)
		return result;
	skip_space(&r);
	return r.at == r.end ? 0 : bad(&r, r.at, "there is more behind the object");
}

/* ---- writing ---- */

struct writer {
	char *at, *end;
	bool overflow;
};

static void put(struct writer *w, const char *format, ...)
{
	size_t room = (size_t)(w->end - w->at);
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(w->at, room, format, args);
	va_end(args);
	if ((size_t)n < room)
		w->at += n;
	else
		w->overflow = true;
}

static void put_text(struct writer *w, const char *text)
{
	put(w, "\"");
	for (const unsigned char *c = (const void *)text; *c;) {
		unsigned length = json_utf8(c);

		if (!length)
			put(w, "?");
		else if (*c < ' ' || *c == 0x7f)
			put(w, "\\u%04x", *c);
		else
			put(w, "%s%.*s", *c == '"' || *c == '\\' ? "\\" : "", (int)length, c);
		c += length ? length : 1;
	}
	put(w, "\"");
}

static void put_object(struct writer *w, const struct json_form *form, const uint8_t *from, unsigned depth);

static void put_value(struct writer *w, const struct json_field *f, const uint8_t *from, unsigned depth)
{
	const void *at = from + f->offset;
	uint64_t number = 0;

	if (f->kind != JSON_BOOL && f->kind != JSON_TEXT && f->kind != JSON_OBJECT)
		number = *(const uint64_t *)at;
	switch (f->kind) {
	case JSON_NUMBER:
		put(w, "%llu", (unsigned long long)number);
		return;
	case JSON_HEX:
		put(w, "\"0x%016llx\"", (unsigned long long)number);
		return;
	case JSON_BOOL:
		put(w, *(const bool *)at ? "true" : "false");
		return;
	case JSON_TEXT:
		put_text(w, at);
		return;
	case JSON_OBJECT:
		put_object(w, f->form, at, depth + 1);
		return;
	default:
		put(w, "[");
		for (uint64_t i = 0; i < number; i++) {
			put(w, i ? ", " : "");
			put_object(w, f->form, (const uint8_t *)at + sizeof(number) + i * f->form->bytes, depth + 1);
		}
		put(w, "]");
	}
}

static void put_object(struct writer *w, const struct json_form *form, const uint8_t *from, unsigned depth)
{
	put(w, "{");
	for (unsigned i = 0; i < form->count; i++) {
		put(w, "%s%s\"%s\": ", i ? "," : "", depth ? i ? " " : "" : "\n\t", form->fields[i].name);
		put_value(w, &form->fields[i], from, depth);
	}
	put(w, depth ? "}" : "\n}\n");
}

size_t json_write(char *text, size_t max, const struct json_form *form, const void *from)
{
	struct writer w = { .at = text, .end = text + max };

	put_object(&w, form, from, 0);
	return w.overflow ? 0 : (size_t)(w.at - text);
}
