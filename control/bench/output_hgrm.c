/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HdrHistogram's percentile format, as outputPercentileDistribution() of AbstractHistogram.java prints it with five ticks for each
 * half of the distance to 100%: what its plotter, hdr-plot and wrk2's readers take. Milliseconds, because that is what they
 * suppose; with six digits, because that is what we have. The values are exact: there are no buckets, and the last line has those
 * that a histogram of three digits would need.
 */
#include "control/bench/bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "control/bench/memory.h"
#include "control/bench/output.h"
#include "control/bench/pairs.h"
#include "control/bench/statistics_ranks.h"

#define NS_PER_MS         1e6
#define TICKS_PER_HALF    5
#define SUB_BUCKETS       2048

/* The whole times of the good ones, sorted. To be freed. */
static double *whole_times(const struct subject_results *subject, size_t *count)
{
	double *values = memory_of(subject->sample_count, sizeof(*values));

	*count = launch_values(subject->samples, subject->sample_count, METRIC_WHOLE, values);
	statistics_sort(values, *count);
	return values;
}

/* PercentileIterator.incrementIterationLevel() */
static double next_level(double level)
{
	return level + 100 / (TICKS_PER_HALF * exp2(trunc(log2(100 / (100 - level))) + 1));
}

static void put_rows(FILE *stream, const double *values, size_t count)
{
	size_t to = 0; /* values that are no greater than the one of the line */

	for (double level = 0; count && to < count; level = next_level(level)) {
		size_t rank = (size_t)ceil(level / 100 * (double)count);

		to = to > rank ? to : rank ? rank : 1;
		while (to < count && values[to] == values[to - 1])
			to++;
		fprintf(stream, "%12.6f %2.12f %10zu %14.2f\n", values[to - 1] / NS_PER_MS, level / 100, to, 1 / (1 - level / 100));
	}
	if (count)
		fprintf(stream, "%12.6f %2.12f %10zu\n", values[count - 1] / NS_PER_MS, 1.0, count);
}

static void put_histogram(FILE *stream, const struct subject_results *subject)
{
	size_t count;
	double *values = whole_times(subject, &count);
	const struct summary *summary = &subject->summary[METRIC_WHOLE];
	double max = count ? values[count - 1] : 0;
	double buckets = max < SUB_BUCKETS ? 1 : floor(log2(max / SUB_BUCKETS)) + 2;

	fprintf(stream, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
	put_rows(stream, values, count);
	fprintf(stream, "#[Mean    = %12.6f, StdDeviation   = %12.6f]\n", count ? summary->mean / NS_PER_MS : 0,
		isfinite(summary->deviation) ? summary->deviation / NS_PER_MS : 0);
	fprintf(stream, "#[Max     = %12.6f, Total count    = %12zu]\n", max / NS_PER_MS, count);
	fprintf(stream, "#[Buckets = %12.0f, SubBuckets     = %12d]\n", buckets, SUB_BUCKETS);
	free(values);
}

/* A name as part of a file's. */
static void file_part(char *part, size_t bytes, const char *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t i;

	for (i = 0; name[i] && i + 1 < bytes; i++)
		part[i] = strchr(plain, name[i]) ? name[i] : '_';
	part[i] = '\0';
}

#define PART_BYTES 64

/* Of one subject: FILE-NAME.hgrm for FILE.hgrm. Where two names become the same, the later one's place is added. */
static char *path_of(const struct results *results, size_t index, const char *path)
{
	char part[PART_BYTES], other[PART_BYTES], place[24] = "";
	const char *base = strrchr(path, '/'), *dot = strrchr(path, '.');
	int head;

	base = base ? base + 1 : path;
	head = (int)((dot && dot > base ? dot : path + strlen(path)) - path);
	file_part(part, sizeof(part), results->subjects[index].subject->name);
	for (size_t i = 0; i < index; i++) {
		file_part(other, sizeof(other), results->subjects[i].subject->name);
		if (strcmp(part, other) == 0)
			snprintf(place, sizeof(place), "-%zu", index + 1);
	}
	return text_of("%.*s-%s%s%s", head, path, part, place, path + head);
}

static int put_file(const struct results *results, size_t index, const char *path, struct error *error)
{
	struct output_file file;
	int r = output_open(&file, path, error);

	if (r < 0)
		return r;
	put_histogram(file.stream, &results->subjects[index]);
	return output_close(&file, error);
}

/* What is no file has them one after the other, each with a comment before it. */
static int put_stream(const struct results *results, const char *path, struct error *error)
{
	struct output_file file;
	int r = output_open(&file, path, error);

	if (r < 0)
		return r;
	for (size_t i = 0; i < results->subject_count; i++) {
		char *name = utf8_clean(results->subjects[i].subject->name);

		fprintf(file.stream, "%s# %s\n", i ? "\n" : "", name);
		put_histogram(file.stream, &results->subjects[i]);
		free(name);
	}
	return output_close(&file, error);
}

int output_hgrm(const struct results *results, const char *path, struct error *error)
{
	int r = 0;

	if (results->subject_count > 1 && output_is_stream(path))
		return put_stream(results, path, error);
	if (results->subject_count == 1)
		return put_file(results, 0, path, error);
	for (size_t i = 0; i < results->subject_count; i++) {
		char *own = path_of(results, i, path);
		int each = put_file(results, i, own, error);

		r = r ? r : each;
		free(own);
	}
	return r;
}
