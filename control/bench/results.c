/* SPDX-License-Identifier: Apache-2.0 */
#include "control/bench/results.h"

#include <stdlib.h>

#include "control/bench/memory.h"
#include "control/bench/pairs.h"

#define ROOM_FIRST 256

struct sample *results_add(struct subject_results *subject)
{
	if (subject->sample_count == subject->sample_room) {
		subject->sample_room = subject->sample_room ? 2 * subject->sample_room : ROOM_FIRST;
		subject->samples = memory_more(subject->samples, subject->sample_room, sizeof(*subject->samples));
	}
	subject->samples[subject->sample_count] = (struct sample){ 0 };
	return &subject->samples[subject->sample_count++];
}

static double *room_for(const struct subject_results *subject)
{
	return memory_of(subject->sample_count, sizeof(double));
}

/*
 * By rounds, however launches come: within each the order is random, so that of two subjects that are the same either could have
 * had the other's times, whatever launches at one moment have to do with each other. That makes p exact.
 */
static void compare(const struct plan *plan, const struct subject_results *a, struct subject_results *b)
{
	double *of_a = room_for(a), *of_b = room_for(b);

	for (enum metric metric = 0; metric < METRIC_COUNT; metric++) {
		const struct launches first = { a->samples, a->sample_count, metric };
		const struct launches second = { b->samples, b->sample_count, metric };
		size_t pairs = pairs_by_round(&first, &second, of_a, of_b, NULL);

		compare_pairs(&b->against[metric], of_a, of_b, pairs, plan->alpha);
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
	struct comparison *of[METRIC_COUNT];
	size_t count = 0;

	for (enum metric metric = METRIC_WHOLE + 1; metric < METRIC_COUNT; metric++)
		if (metrics[metric].is_time)
			of[count++] = &subject->against[metric];
	correct_comparisons(of, count, alpha);
}

void results_compute(struct results *results)
{
	for (size_t i = 0; i < results->subject_count; i++) {
		struct subject_results *subject = &results->subjects[i];
		double *values = room_for(subject);

		for (enum metric metric = 0; metric < METRIC_COUNT; metric++) {
			size_t count = launch_values(subject->samples, subject->sample_count, metric, values);

			summarise(&subject->summary[metric], values, count);
		}
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
