/* SPDX-License-Identifier: Apache-2.0 */
#include "control/server/fields.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/server/memory.h"
#include "control/units.h"

#define NS_PER_MS   1000000u
#define DEPTH_MAX   16 /* far more than anything that is taken */

void fields_printable(char *to, size_t room, const char *from, size_t bytes)
{
	size_t n = 0;

	for (; n + 1 < room && n < bytes && from[n] != '\0'; n++)
		to[n] = from[n] >= 0x20 && from[n] < 0x7f ? from[n] : '?';
	to[n] = '\0';
}

int fields_refuse(struct fields_error *error, const char *code, const char *field, const char *format, ...)
{
	va_list more;

	error->code = code;
	fields_printable(error->field, sizeof(error->field), field ? field : "", SIZE_MAX);
	va_start(more, format);
	vsnprintf(error->message, sizeof(error->message), format, more);
	va_end(more);
	return -EINVAL;
}

/* jansson goes 2048 levels deep, by recursion; freeing is recursive too. Brackets in strings count: they are few. */
static bool too_deep(const char *text, size_t bytes)
{
	unsigned depth = 0;
	bool string = false;

	for (size_t i = 0; i < bytes; i++) {
		if (string && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			string = !string;
		else if (!string && (text[i] == '{' || text[i] == '['))
			depth++;
		else if (!string && (text[i] == '}' || text[i] == ']') && depth)
			depth--;
		if (depth > DEPTH_MAX)
			return true;
	}
	return false;
}

json_t *fields_parse(const char *text, size_t bytes, struct fields_error *error)
{
	json_error_t why;
	char reason[128];
	json_t *root;

	if (too_deep(text, bytes)) {
		fields_refuse(error, "invalid_json", NULL, "nested deeper than %d", DEPTH_MAX);
		return NULL;
	}
	root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &why);
	if (!root) {
		fields_printable(reason, sizeof(reason), why.text, sizeof(why.text));
		fields_refuse(error, "invalid_json", NULL, "line %d, column %d: %s", why.line, why.column, reason);
	}
	return root;
}

static bool is_name(const char *s)
{
	for (size_t i = 0; s[i]; i++) {
		bool letter = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9');

		if (!letter && (i == 0 || (s[i] != '-' && s[i] != '_')))
			return false;
	}
	return s[0] != '\0';
}

static bool is_variable(const char *s)
{
	for (size_t i = 0; s[i]; i++) {
		bool letter = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') || s[i] == '_';

		if (!letter && (i == 0 || s[i] < '0' || s[i] > '9'))
			return false;
	}
	return s[0] != '\0';
}

/* openat2() has the last word on where a path leads; this is for an answer that says what is wrong. */
static bool is_inside(const char *path)
{
	if (path[0] == '/' || path[0] == '\0')
		return false;
	for (const char *part = path; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL) {
		size_t bytes = strcspn(part, "/");

		if (bytes == 0 || (bytes == 1 && part[0] == '.') || (bytes == 2 && part[0] == '.' && part[1] == '.'))
			return false;
	}
	return true;
}

static int wrong_type(const struct field *field, const char *wanted, struct fields_error *error)
{
	return fields_refuse(error, "wrong_type", field->name, "must be %s", wanted);
}

static int take_text(const struct field *field, const json_t *value, void *into, struct fields_error *error)
{
	const char *text = json_string_value(value);
	size_t bytes = text ? strlen(text) : 0;

	if (!text)
		return wrong_type(field, "a string", error);
	if (bytes < field->least || bytes > field->most)
		return fields_refuse(error, "out_of_range", field->name, "has %zu bytes, and must have %" PRIu64 " to %" PRIu64,
				     bytes, field->least, field->most);
	if (field->kind == FIELD_NAME && !is_name(text))
		return fields_refuse(error, "invalid_field", field->name,
				     "must be lower-case letters, digits, - and _, the first a letter or a digit");
	if (field->kind == FIELD_PATH && !is_inside(text))
		return fields_refuse(error, "invalid_field", field->name,
				     "must be a path below the images' directory: relative, no part of it empty, . or ..");
	memcpy(into, text, bytes + 1);
	return 0;
}

static int take_number(const struct field *field, const json_t *value, void *into, struct fields_error *error)
{
	static const struct {
		const char *wanted;
		bool (*unit)(const char *text, uint64_t *number);
		uint64_t each; /* of what a bare number counts */
	} kinds[] = {
		[FIELD_INTEGER] = { "an integer", NULL, 1 },
		[FIELD_SIZE] = { "an integer of bytes, or a string such as \"64M\"", units_size, 1 },
		[FIELD_DURATION] = { "an integer of milliseconds, or a string such as \"2s\"", units_duration, NS_PER_MS },
	};
	uint64_t number = 0;
	bool fits = true;

	if (json_is_integer(value))
		fits = json_integer_value(value) >= 0 &&
			!__builtin_mul_overflow((uint64_t)json_integer_value(value), kinds[field->kind].each, &number);
	else if (json_is_string(value) && kinds[field->kind].unit) {
		if (!kinds[field->kind].unit(json_string_value(value), &number))
			return fields_refuse(error, "invalid_field", field->name, "must be %s", kinds[field->kind].wanted);
	} else {
		return wrong_type(field, kinds[field->kind].wanted, error);
	}
	if (!fits || number < field->least || number > field->most) {
		if (field->kind == FIELD_DURATION)
			return fields_refuse(error, "out_of_range", field->name, "must be %" PRIu64 " to %" PRIu64 " milliseconds",
					     field->least / NS_PER_MS, field->most / NS_PER_MS);
		return fields_refuse(error, "out_of_range", field->name, "must be %" PRIu64 " to %" PRIu64 "%s", field->least,
				     field->most, field->kind == FIELD_SIZE ? " bytes" : "");
	}
	*(uint64_t *)into = number;
	return 0;
}

static int append(const struct field *field, struct fields_strings *strings, const char *text, struct fields_error *error)
{
	size_t bytes = strlen(text) + 1;

	if (strings->size + bytes > field->most)
		return fields_refuse(error, "out_of_range", field->name, "has more than %" PRIu64 " bytes in all", field->most);
	strings->bytes = memory_resize(strings->bytes, strings->size + bytes);
	memcpy(strings->bytes + strings->size, text, bytes);
	strings->size += bytes;
	strings->count++;
	return 0;
}

static int take_strings(const struct field *field, const json_t *value, void *into, struct fields_error *error)
{
	size_t i;
	json_t *each;

	if (!json_is_array(value))
		return wrong_type(field, "an array of strings", error);
	json_array_foreach(value, i, each) {
		int r = json_is_string(each) ? append(field, into, json_string_value(each), error) :
			wrong_type(field, "an array of strings", error);

		if (r < 0)
			return r;
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The order of a hash table is nobody's business. */
static const char **names_in_order(const json_t *object)
{
	const char **names = memory_get((json_object_size(object) + 1) * sizeof(*names)), *name;
	json_t *each;
	size_t n = 0;

	json_object_foreach((json_t *)object, name, each)
		names[n++] = name;
	qsort(names, n, sizeof(*names), by_name);
	return names;
}

static int take_variables(const struct field *field, const json_t *value, void *into, struct fields_error *error)
{
	const char **names;
	int r = 0;

	if (!json_is_object(value))
		return wrong_type(field, "an object of strings", error);
	names = names_in_order(value);
	for (size_t i = 0; names[i] && r == 0; i++) {
		const char *text = json_string_value(json_object_get(value, names[i]));
		char *pair;

		if (!text)
			r = wrong_type(field, "an object of strings", error);
		else if (!is_variable(names[i]))
			r = fields_refuse(error, "invalid_field", field->name,
					  "its names must be letters, digits and _, the first no digit");
		if (r == 0) {
			pair = memory_get(strlen(names[i]) + strlen(text) + 2);
			sprintf(pair, "%s=%s", names[i], text);
			r = append(field, into, pair, error);
			free(pair);
		}
	}
	free(names);
	return r;
}

static int (*const takers[])(const struct field *field, const json_t *value, void *into, struct fields_error *error) = {
	[FIELD_NAME] = take_text,
	[FIELD_PATH] = take_text,
	[FIELD_INTEGER] = take_number,
	[FIELD_SIZE] = take_number,
	[FIELD_DURATION] = take_number,
	[FIELD_STRINGS] = take_strings,
	[FIELD_VARIABLES] = take_variables,
};

int fields_take(const json_t *root, const struct field *fields, unsigned count, void *into, uint32_t *seen,
		struct fields_error *error)
{
	const char *name;
	json_t *value;

	*seen = 0;
	if (!json_is_object(root))
		return fields_refuse(error, "wrong_type", NULL, "must be an object");
	json_object_foreach((json_t *)root, name, value) {
		unsigned i = 0;
		int r;

		while (i < count && strcmp(fields[i].name, name) != 0)
			i++;
		if (i == count)
			return fields_refuse(error, "unknown_field", name, "there is no such field");
		if (json_is_null(value))
			continue;
		r = takers[fields[i].kind](&fields[i], value, (char *)into + fields[i].offset, error);
		if (r < 0)
			return r;
		*seen |= 1u << i;
	}
	for (unsigned i = 0; i < count; i++) {
		if (fields[i].required && !(*seen & 1u << i))
			return fields_refuse(error, "missing_field", fields[i].name, "must be there");
	}
	return 0;
}
