/* SPDX-License-Identifier: Apache-2.0 */
#include "control/bench/results.h"

#include <stdlib.h>

#include "control/bench/statistics_ranks.h"

#define ROOM_FIRST 256

struct sample *results_add(struct subject_results *subject)
{
	if (subject->sample_count == subject->sample_room) {
		subject->sample_room = subject->sample_room ? 2 * subject->sample_room : ROOM_FIRST;
		subject->samples = statistics_memory_more(subject->samples, subject->sample_room, sizeof(*subject->samples));
	}
	subject->samples[subject->sample_count] = (struct sample){ 0 };
	return &subject->samples[subject->sample_count++];
}

static bool value_of(const struct sample *sample, enum metric metric, double *value)
{
	return sample->result == SAMPLE_GOOD && metrics[metric].get(sample, value);
}

static double *room_for(const struct subject_results *subject)
{
	return statistics_memory(subject->sample_count, sizeof(double));
}

static size_t values_of(const struct subject_results *subject, enum metric metric, double *values)
{
	size_t count = 0;

	for (size_t i = 0; i < subject->sample_count; i++)
		count += value_of(&subject->samples[i], metric, &values[count]);
	return count;
}

/* Both are in the order of rounds, in each of which a subject is launched once. Returns how many rounds have both. */
static size_t pairs_of(const struct subject_results *a, const struct subject_results *b, enum metric metric, double *of_a,
		       double *of_b)
{
	size_t pairs = 0, i = 0, j = 0;

	while (i < a->sample_count && j < b->sample_count) {
		const struct sample *x = &a->samples[i], *y = &b->samples[j];

		if (x->round == y->round)
			pairs += value_of(x, metric, &of_a[pairs]) && value_of(y, metric, &of_b[pairs]);
		i += x->round <= y->round;
		j += y->round <= x->round;
	}
	return pairs;
}

static void compare(const struct plan *plan, const struct subject_results *a, struct subject_results *b)
{
	double *of_a = room_for(a), *of_b = room_for(b);

	for (enum metric metric = 0; metric < METRIC_COUNT; metric++) {
		struct comparison *comparison = &b->against[metric];

		if (plan->arrivals == ARRIVALS_ONE_BY_ONE) {
			size_t pairs = pairs_of(a, b, metric, of_a, of_b);

			compare_pairs(comparison, of_a, of_b, pairs, plan->alpha);
		} else {
			size_t a_count = values_of(a, metric, of_a), b_count = values_of(b, metric, of_b);

			compare_lists(comparison, of_a, a_count, of_b, b_count, plan->alpha);
		}
	}
	free(of_a);
	free(of_b);
}

/*
 * The whole time is what was asked about. Where in it a difference lies are seven more questions, so many chances to be wrong once:
 * corrected. Counts answer for themselves.
 */
static void correct(struct subject_results *subject, double alpha)
{
	double p[METRIC_COUNT];
	struct comparison *of[METRIC_COUNT];
	size_t count = 0;

	for (enum metric metric = 0; metric < METRIC_COUNT; metric++) {
		if (!metrics[metric].is_time || metric == METRIC_WHOLE)
			continue;
		of[count] = &subject->against[metric];
		p[count++] = subject->against[metric].p;
	}
	correct_holm(p, count);
	for (size_t i = 0; i < count; i++) {
		of[i]->p = p[i];
		if (of[i]->verdict != VERDICT_NONE && p[i] >= alpha)
			of[i]->verdict = VERDICT_SAME;
	}
}

void results_compute(struct results *results)
{
	for (size_t i = 0; i < results->subject_count; i++) {
		struct subject_results *subject = &results->subjects[i];
		double *values = room_for(subject);

		for (enum metric metric = 0; metric < METRIC_COUNT; metric++)
			summarise(&subject->summary[metric], values, values_of(subject, metric, values));
		free(values);
		if (i == 0)
			continue;
		compare(results->plan, &results->subjects[0], subject);
		correct(subject, results->plan->alpha);
	}
}

void results_free(struct results *results)
{
	for (size_t i = 0; i < SUBJECTS_MAX; i++) {
		free(results->subjects[i].samples);
		free(results->subjects[i].report);
		results->subjects[i] = (struct subject_results){ 0 };
	}
	results->subject_count = 0;
}
