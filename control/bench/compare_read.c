/* SPDX-License-Identifier: Apache-2.0 */
#include "control/bench/compare.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/bench/memory.h"
#include "control/bench/output.h"
#include "control/bench/pairs.h"
#include "vmm/error.h"

#define FILE_BYTES_MAX (512ull << 20)
#define HELD_BYTES_MAX (3ull << 30) /* while one is read: six times its size for numbers, but 40 times for "[[],[],…" */
#define NAME_BYTES_MAX 1024
#define ROW_BYTES_MAX 1024

/* jansson hands nothing to these, so what it holds is counted here. One file is read at a time. */
static size_t held;

static void *held_get(size_t bytes)
{
	void *memory = held + bytes > HELD_BYTES_MAX ? NULL : malloc(bytes);

	held += memory ? malloc_usable_size(memory) : 0;
	return memory;
}

static void held_free(void *memory)
{
	held -= memory ? malloc_usable_size(memory) : 0;
	free(memory);
}

/* "subjects[1].samples.round[7]", and what is there. */
struct field {
	const char *path; /* of the file */
	char name[128];
	struct error *error;
};

static int refuse(const struct field *field, const json_t *value, const char *wanted)
{
	char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
	int r = error_set(field->error, ERROR_USAGE, EINVAL, "%s: %s: %.60s%s: %s", field->path, field->name,
			  value ? text ? text : "?" : "missing", text && strlen(text) > 60 ? "..." : "", wanted);

	held_free(text);
	return r;
}

static void set_name(struct field *field, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void set_name(struct field *field, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(field->name, sizeof(field->name), format, args);
	va_end(args);
}

/* --- samples --- */

/* The member of `sample` that a column is. */
static void put(struct sample *sample, const struct output_column *column, uint64_t value)
{
	char *at = (char *)sample + column->offset;

	if (column->narrow)
		memcpy(at, &(uint32_t){ (uint32_t)value }, sizeof(uint32_t));
	else
		memcpy(at, &value, sizeof(value));
}

/* What nobody knows was written as null, but for a few columns of which that cannot be. */
static bool may_be_null(const struct output_column *column)
{
	return column->known != KNOWN_ALWAYS;
}

static int read_column(struct recorded_subject *subject, size_t number, const struct output_column *column, const json_t *list,
		       struct field *field)
{
	const json_t *value;
	size_t i;

	json_array_foreach(list, i, value) {
		json_int_t is = json_integer_value(value);

		if (json_is_null(value) && may_be_null(column)) {
			subject->samples[i].counted &= (uint8_t)~column->counted;
			continue;
		}
		if (json_is_integer(value) && is >= 0 && (!column->narrow || is <= UINT32_MAX)) {
			put(&subject->samples[i], column, (uint64_t)is);
			continue;
		}
		set_name(field, "subjects[%zu].samples.%s[%zu]", number, column->key, i);
		return refuse(field, value, may_be_null(column) ? "it should be an integer, not negative, or null" :
								  "it should be an integer, not negative");
	}
	return 0;
}

static int by_round(const void *a, const void *b)
{
	uint32_t x = ((const struct sample *)a)->round, y = ((const struct sample *)b)->round;

	return (x > y) - (x < y);
}

static int check_samples(struct recorded_subject *subject, size_t number, struct field *field)
{
	for (size_t i = 0; i < subject->sample_count; i++) {
		const struct sample *sample = &subject->samples[i];

		if (sample->result > SAMPLE_TIMED_OUT) {
			set_name(field, "subjects[%zu].samples.result[%zu]", number, i);
			return error_set(field->error, ERROR_USAGE, EINVAL, "%s: %s: %u: it should be %d, %d or %d", field->path,
					 field->name, sample->result, SAMPLE_GOOD, SAMPLE_FAILED, SAMPLE_TIMED_OUT);
		}
	}
	/* That they do already is what a file says, and it may say anything. */
	qsort(subject->samples, subject->sample_count, sizeof(*subject->samples), by_round);
	return 0;
}

static int read_samples(struct recorded_subject *subject, size_t number, const json_t *samples, struct field *field)
{
	set_name(field, "subjects[%zu].samples", number);
	if (!json_is_object(samples))
		return refuse(field, samples, "it should be an object with a list for each column");
	for (size_t c = 0; c < output_column_count; c++) {
		const struct output_column *column = &output_columns[c];
		const json_t *list = json_object_get(samples, column->key);
		int r;

		set_name(field, "subjects[%zu].samples.%s", number, column->key);
		if (!json_is_array(list))
			return refuse(field, list, "it should be a list of integers");
		if (c == 0) {
			subject->sample_count = json_array_size(list);
			subject->samples = memory_of(subject->sample_count, sizeof(*subject->samples));
			for (size_t i = 0; i < subject->sample_count; i++)
				subject->samples[i].counted = COUNTED_ALL; /* unless a null says otherwise */
		}
		if (json_array_size(list) != subject->sample_count)
			return error_set(field->error, ERROR_USAGE, EINVAL, "%s: %s: %zu entries: it should have %zu, as %s has",
					 field->path, field->name, json_array_size(list), subject->sample_count,
					 output_columns[0].key);
		r = read_column(subject, number, column, list, field);
		if (r < 0)
			return r;
	}
	return check_samples(subject, number, field);
}

/* --- subjects --- */

static int read_kind(struct recorded_subject *subject, size_t number, const json_t *kind, struct field *field)
{
	set_name(field, "subjects[%zu].kind", number);
	for (enum subject_kind k = SUBJECT_COLD; k <= SUBJECT_FLOOR; k++) {
		if (json_is_string(kind) && strcmp(json_string_value(kind), output_kind_names[k]) == 0) {
			subject->kind = k;
			return 0;
		}
	}
	return refuse(field, kind, "it should be cold, restored, pooled, command or floor");
}

static int read_subject(struct recorded *recorded, const json_t *object, struct field *field)
{
	size_t number = recorded->subject_count;
	struct recorded_subject *subject = &recorded->subjects[recorded->subject_count++];
	const json_t *name = json_object_get(object, "name");
	int r;

	set_name(field, "subjects[%zu]", number);
	if (!json_is_object(object))
		return refuse(field, object, "it should be an object");
	set_name(field, "subjects[%zu].name", number);
	if (!json_is_string(name) || json_string_length(name) == 0 || json_string_length(name) > NAME_BYTES_MAX)
		return refuse(field, name, "it should be a string of 1 to 1024 bytes");
	if (recorded_find(recorded, json_string_value(name)))
		return refuse(field, name, "it is another subject's name already");
	subject->name = text_of("%s", json_string_value(name));
	r = read_kind(subject, number, json_object_get(object, "kind"), field);
	return r < 0 ? r : read_samples(subject, number, json_object_get(object, "samples"), field);
}

static int read_subjects(struct recorded *recorded, const json_t *subjects, struct field *field)
{
	const json_t *subject;
	size_t i;

	set_name(field, "subjects");
	if (!json_is_array(subjects) || json_array_size(subjects) == 0 || json_array_size(subjects) > SUBJECTS_MAX)
		return refuse(field, subjects, "it should be a list of 1 to 16 objects");
	json_array_foreach(subjects, i, subject) {
		int r = read_subject(recorded, subject, field);

		if (r < 0)
			return r;
	}
	return 0;
}

/* --- how and where --- */

static void add_row(struct recorded *recorded, const char *key, char *value)
{
	recorded->rows[recorded->row_count++] = (struct recorded_row){ text_of("%s", key), value };
}

static int read_environment(struct recorded *recorded, const json_t *environment, struct field *field)
{
	json_t *rows = json_object_get(environment, "rows");
	const char *key;
	json_t *value;

	set_name(field, "environment.rows");
	if (!json_is_object(rows) || json_object_size(rows) > ENVIRONMENT_ROWS_MAX)
		return refuse(field, rows, "it should be an object of 40 members at most");
	json_object_foreach(rows, key, value) {
		set_name(field, "environment.rows.%.60s", key);
		if (!json_is_string(value) || json_string_length(value) > ROW_BYTES_MAX || strlen(key) > ROW_BYTES_MAX)
			return refuse(field, value, "it should be a string of 1024 bytes at most");
		add_row(recorded, key, text_of("%s", json_string_value(value)));
	}
	return 0;
}

/* What of the plan changes what is measured. As it is written: it is only held against the other file's. */
static const struct {
	const char *key, *before; /* what held before there was such a key; NULL: it has always been there */
} plan_keys[] = {
	{ .key = "arrivals" }, { .key = "at_once" }, { .key = "rate" }, { .key = "poisson" }, { .key = "cpus" },
	{ .key = "drop_caches" }, { .key = "trace", .before = "false" }, { .key = "request" },
};

static int read_plan(struct recorded *recorded, const json_t *plan, struct field *field)
{
	set_name(field, "plan");
	if (!json_is_object(plan))
		return refuse(field, plan, "it should be an object");
	for (size_t i = 0; i < sizeof(plan_keys) / sizeof(plan_keys[0]); i++) {
		const char *key = plan_keys[i].key, *before = plan_keys[i].before;
		const json_t *value = json_object_get(plan, key);
		char *text = value ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
		bool is_short = text && strlen(text) <= ROW_BYTES_MAX * 4;

		if (!value && before) {
			add_row(recorded, key, text_of("%s", before));
			continue;
		}
		set_name(field, "plan.%s", key);
		if (is_short)
			add_row(recorded, key, text_of("%s", text));
		held_free(text);
		if (!is_short)
			return refuse(field, value, "it should be as kvick bench --json writes it");
	}
	return 0;
}

static int read_head(struct recorded *recorded, const json_t *root, struct field *field)
{
	const json_t *schema = json_object_get(root, "schema"), *started = json_object_get(root, "started_at"),
		     *signal = json_object_get(root, "signal");
	char wanted[96];

	set_name(field, "schema");
	if (!json_is_integer(schema) || json_integer_value(schema) != OUTPUT_SCHEMA) {
		snprintf(wanted, sizeof(wanted), "it should be %d, as this kvick's --json writes: measure again with this one",
			 OUTPUT_SCHEMA);
		return refuse(field, schema, wanted);
	}
	set_name(field, "started_at");
	if (!json_is_integer(started) || json_integer_value(started) < 0)
		return refuse(field, started, "it should be an integer, seconds since 1970");
	recorded->started_at = (uint64_t)json_integer_value(started);
	set_name(field, "signal");
	if (!json_is_integer(signal) && !json_is_null(signal))
		return refuse(field, signal, "it should be an integer or null");
	recorded->signal = json_integer_value(signal);
	return 0;
}

static int read_root(struct recorded *recorded, const json_t *root, struct field *field)
{
	int r;

	set_name(field, "the whole");
	if (!json_is_object(root))
		return refuse(field, root, "it should be an object, as kvick bench --json writes it");
	r = read_head(recorded, root, field);
	if (r == 0)
		r = read_plan(recorded, json_object_get(root, "plan"), field);
	if (r == 0)
		r = read_environment(recorded, json_object_get(root, "environment"), field);
	if (r == 0)
		r = read_subjects(recorded, json_object_get(root, "subjects"), field);
	return r;
}

/* --- the file --- */

struct source {
	int fd, errnum;
	uint64_t bytes;
};

static size_t more(void *buffer, size_t room, void *into)
{
	struct source *source = into;
	ssize_t n;

	do
		n = read(source->fd, buffer, room);
	while (n < 0 && errno == EINTR);
	if (n >= 0) {
		source->bytes += (uint64_t)n;
		source->errnum = source->bytes > FILE_BYTES_MAX ? EFBIG : 0;
	} else {
		source->errnum = errno;
	}
	return source->errnum ? (size_t)-1 : (size_t)n;
}

static int not_read(const char *path, int errnum, struct error *error)
{
	/* What can be put right on the command line, and what cannot. */
	bool usage = errnum == ENOENT || errnum == ENOTDIR || errnum == EACCES || errnum == EISDIR || errnum == ELOOP ||
		     errnum == ENAMETOOLONG;

	if (errnum == EFBIG)
		return error_set(error, ERROR_USAGE, errnum, "%s: more than %llu MiB: compare shorter runs", path,
				 FILE_BYTES_MAX >> 20);
	return error_set(error, usage ? ERROR_USAGE : ERROR_HOST, errnum, "%s: cannot be read: %s", path, strerror(errnum));
}

int recorded_read(struct recorded *recorded, const char *path, struct error *error)
{
	struct source source = { .fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY) };
	struct field field = { .path = path, .error = error };
	json_error_t wrong;
	json_t *root;
	int r;

	*recorded = (struct recorded){ .path = path };
	if (source.fd < 0)
		return not_read(path, errno, error);
	json_set_alloc_funcs(held_get, held_free);
	root = json_load_callback(more, &source, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &wrong);
	close(source.fd);
	if (source.errnum)
		r = not_read(path, source.errnum, error);
	else if (!root && (json_error_code(&wrong) == json_error_out_of_memory || !wrong.text[0])) /* it mostly forgets to say so */
		r = error_set(error, ERROR_USAGE, E2BIG, "%s: it takes more than %llu GiB to read: compare shorter runs", path,
			      HELD_BYTES_MAX >> 30);
	else if (!root)
		r = error_set(error, ERROR_USAGE, EINVAL, "%s: line %d, column %d: no JSON: %s", path, wrong.line, wrong.column,
			      wrong.text);
	else
		r = read_root(recorded, root, &field);
	json_decref(root);
	return r;
}

void recorded_free(struct recorded *recorded)
{
	for (size_t i = 0; i < recorded->subject_count; i++) {
		free(recorded->subjects[i].name);
		free(recorded->subjects[i].samples);
	}
	for (size_t i = 0; i < recorded->row_count; i++) {
		free(recorded->rows[i].key);
		free(recorded->rows[i].value);
	}
	*recorded = (struct recorded){ 0 };
}

bool recorded_was_run(const struct recorded_subject *subject)
{
	double value;

	for (size_t i = 0; subject && i < subject->sample_count; i++)
		if (launch_value(&subject->samples[i], METRIC_WHOLE, &value))
			return true;
	return false;
}

const struct recorded_subject *recorded_floor(const struct recorded *recorded)
{
	for (size_t i = 0; i < recorded->subject_count; i++)
		if (recorded->subjects[i].kind == SUBJECT_FLOOR && recorded_was_run(&recorded->subjects[i]))
			return &recorded->subjects[i];
	return NULL;
}

const struct recorded_subject *recorded_find(const struct recorded *recorded, const char *name)
{
	for (size_t i = 0; i < recorded->subject_count; i++)
		if (recorded->subjects[i].name && strcmp(recorded->subjects[i].name, name) == 0)
			return &recorded->subjects[i];
	return NULL;
}

const char *recorded_row(const struct recorded *recorded, const char *key)
{
	for (size_t i = 0; i < recorded->row_count; i++)
		if (strcmp(recorded->rows[i].key, key) == 0)
			return recorded->rows[i].value;
	return NULL;
}
