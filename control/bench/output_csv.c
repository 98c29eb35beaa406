/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 4180: a row each launch, lines end with CR LF, what is not known is empty. First the subject, and how the launch ended. */
#include "control/bench/bench.h"

#include <stdlib.h>
#include <string.h>

#include "control/bench/output.h"

/* Control characters are none any more: a comma, a quote and blanks at an end are what has to be quoted. */
static void put_text(FILE *stream, const char *text)
{
	char *clean = utf8_clean(text);

	if (clean[strcspn(clean, ",\" ")] == '\0') {
		fputs(clean, stream);
	} else {
		putc('"', stream);
		for (const char *c = clean; *c; c++) {
			if (*c == '"')
				putc('"', stream);
			putc(*c, stream);
		}
		putc('"', stream);
	}
	free(clean);
}

static bool is_shown(const struct output_column *column) { return column->offset != offsetof(struct sample, result); }

static void put_header(FILE *stream)
{
	fputs("subject,result", stream);
	for (size_t c = 0; c < output_column_count; c++)
		if (is_shown(&output_columns[c]))
			fprintf(stream, ",%s", output_columns[c].key);
	fputs("\r\n", stream);
}

static void put_row(FILE *stream, const struct subject *subject, const struct sample *sample)
{
	uint64_t value;

	put_text(stream, subject->name);
	putc(',', stream);
	fputs(output_result_names[sample->result], stream);
	for (size_t c = 0; c < output_column_count; c++) {
		if (!is_shown(&output_columns[c]))
			continue;
		putc(',', stream);
		if (output_column_get(&output_columns[c], sample, &value))
			output_u64(stream, value);
	}
	fputs("\r\n", stream);
}

int output_csv(const struct results *results, const char *path, struct error *error)
{
	struct output_file file;
	int r = output_open(&file, path, error);

	if (r < 0)
		return r;
	put_header(file.stream);
	for (size_t i = 0; i < results->subject_count; i++)
		for (size_t j = 0; j < results->subjects[i].sample_count; j++)
			put_row(file.stream, results->subjects[i].subject, &results->subjects[i].samples[j]);
	return output_close(&file, error);
}
