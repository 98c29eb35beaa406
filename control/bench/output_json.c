/* SPDX-License-Identifier: Apache-2.0 */
/* docs/bench.schema.json says what is in it. All but the samples is made by jansson; those may be millions, and are written out. */
#include "control/bench/bench.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "control/bench/memory.h"
#include "control/bench/output.h"
#include "control/version.h"

static json_t *text(const char *string)
{
	char *clean = string ? utf8_clean(string) : NULL;
	json_t *value = clean ? json_string(clean) : json_null();

	free(clean);
	return value;
}

static json_t *integer(uint64_t value) { return json_integer((json_int_t)value); }

/* JSON has neither NaN nor infinity. */
static json_t *number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static json_t *words(char *const *argv)
{
	json_t *list = json_array();

	for (size_t i = 0; argv && argv[i]; i++)
		json_array_append_new(list, text(argv[i]));
	return list;
}

static json_t *cpus(const struct plan *plan)
{
	json_t *list;

	if (!plan->pinned)
		return json_null();
	list = json_array();
	for (unsigned i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &plan->cpus))
			json_array_append_new(list, integer(i));
	return list;
}

/* A seed has 64 bits, of which a reader whose numbers are floating-point would keep 53: it is a string. */
static json_t *plan_json(const struct plan *plan)
{
	char seed[OUTPUT_NUMBER_BYTES];
	bool open_loop = plan->arrivals == ARRIVALS_OPEN_LOOP;

	snprintf(seed, sizeof(seed), "%llu", (unsigned long long)plan->seed);
	return json_pack("{so so so so ss so so so so so sb sb ss so sf}", "runs", plan->runs ? integer(plan->runs) : json_null(),
			 "time_ns", plan->time_ns ? integer(plan->time_ns) : json_null(), "warm_up", integer(plan->warm_up),
			 "timeout_ns", plan->timeout_ns ? integer(plan->timeout_ns) : json_null(),
			 "arrivals", output_arrivals_names[plan->arrivals],
			 "at_once", plan->arrivals == ARRIVALS_ONE_BY_ONE ? json_null() : integer(plan->at_once),
			 "rate", open_loop ? number(plan->rate) : json_null(),
			 "poisson", open_loop ? json_boolean(plan->poisson) : json_null(),
			 "cpus", cpus(plan), "request", text(plan->request), "drop_caches", plan->drop_caches, "trace", plan->trace,
			 "seed", seed, "threshold", number(plan->threshold), "alpha", plan->alpha);
}

static json_t *estimate_json(const struct estimate *e)
{
	return json_pack("{so so so}", "value", number(e->value), "low", number(e->low), "high", number(e->high));
}

static json_t *summary_json(const struct summary *summary)
{
	json_t *object = json_pack("{so so so so}", "count", integer(summary->count), "min", number(summary->min),
				   "mean", number(summary->mean), "deviation", number(summary->deviation));

	for (unsigned q = 0; q < QUANTILES; q++)
		json_object_set_new(object, quantile_names[q], estimate_json(&summary->quantile[q]));
	return object;
}

static json_t *comparison_json(const struct comparison *c)
{
	return json_pack("{so so so so so ss}", "pairs", integer(c->pairs), "ratio", estimate_json(&c->ratio),
			 "difference", estimate_json(&c->difference), "p", number(c->p), "detectable", number(c->detectable),
			 "verdict", output_verdict_names[c->verdict]);
}

/* A metric that was not seen has no entry. */
static json_t *summaries_json(const struct subject_results *subject)
{
	json_t *object = json_object();

	for (unsigned m = 0; m < METRIC_COUNT; m++)
		if (subject->summary[m].count)
			json_object_set_new(object, metrics[m].key, summary_json(&subject->summary[m]));
	return object;
}

static json_t *comparisons_json(const struct results *results, const struct subject_results *subject)
{
	json_t *object;

	if (subject == &results->subjects[0])
		return json_null();
	object = json_object();
	for (unsigned m = 0; m < METRIC_COUNT; m++)
		if (subject->against[m].pairs)
			json_object_set_new(object, metrics[m].key, comparison_json(&subject->against[m]));
	return object;
}

/* All of a subject but its samples. */
static json_t *subject_json(const struct results *results, const struct subject_results *s)
{
	const struct subject *subject = s->subject;
	json_t *report = s->report ? json_loads(s->report, 0, NULL) : NULL;

	return json_pack("{so ss so so so so so sb so so so so so sb so so so so}", "name", text(subject->name),
			 "kind", output_kind_names[subject->kind], "command", words(subject->argv), "program", text(subject->path),
			 "image", text(subject->image), "peer", text(subject->peer), "success", json_integer(subject->success),
			 "makes_snapshot", subject->makes_snapshot, "launches", integer(s->sample_count),
			 "failed", integer(s->failed), "timed_out", integer(s->timed_out),
			 "not_begun", integer(s->not_begun),
			 "failure", s->failure[0] ? text(s->failure) : json_null(), "given_up", s->given_up,
			 "peak_bytes", s->peak_bytes ? integer(s->peak_bytes) : json_null(), "summary", summaries_json(s),
			 "against_first", comparisons_json(results, s), "report", report ? report : json_null());
}

static json_t *environment_json(const struct environment *environment)
{
	json_t *rows = json_object(), *warnings = json_array();

	for (size_t i = 0; i < environment->row_count; i++)
		json_object_set_new(rows, environment->rows[i].key, text(environment->rows[i].value));
	for (size_t i = 0; i < environment->warning_count; i++)
		json_array_append_new(warnings, json_pack("{ss so}", "key", environment->warnings[i].key,
							  "text", text(environment->warnings[i].text)));
	return json_pack("{so so}", "rows", rows, "warnings", warnings);
}

static json_t *head_json(const struct results *results)
{
	return json_pack("{si ss so so so so so so}", "schema", OUTPUT_SCHEMA, "kvick", KVICK_VERSION,
			 "started_at", integer(results->started_at), "took_ns", integer(results->took_ns),
			 "rounds", integer(results->rounds),
			 "signal", results->signal ? json_integer(results->signal) : json_null(),
			 "plan", plan_json(results->plan), "environment", environment_json(&results->environment));
}

/* Without its braces; what is no more needed after. */
static void put(FILE *stream, json_t *object)
{
	json_dumpf(object, stream, JSON_EMBED | JSON_INDENT(1) | JSON_REAL_PRECISION(12));
	json_decref(object);
}

/* A list for each column: a reader takes those it wants, and names are said once. */
static void put_samples(FILE *stream, const struct subject_results *subject)
{
	for (size_t c = 0; c < output_column_count; c++) {
		const struct output_column *column = &output_columns[c];

		fprintf(stream, "%s\n  \"%s\": [", c ? "," : "", column->key);
		for (size_t i = 0; i < subject->sample_count; i++) {
			uint64_t value;

			if (i)
				putc_unlocked(',', stream);
			if (output_column_get(column, &subject->samples[i], &value))
				output_u64(stream, value);
			else
				fputs_unlocked("null", stream);
		}
		putc(']', stream);
	}
}

static void put_all(FILE *stream, const struct results *results)
{
	fputs("{", stream);
	put(stream, head_json(results));
	fputs(",\"subjects\": [", stream);
	for (size_t i = 0; i < results->subject_count; i++) {
		fputs(i ? ", {" : "{", stream);
		put(stream, subject_json(results, &results->subjects[i]));
		fputs(",\"samples\": {", stream);
		put_samples(stream, &results->subjects[i]);
		fputs("\n}}", stream);
	}
	fputs("]}\n", stream);
}

static void *memory(size_t bytes) { return memory_of(bytes, 1); }

int output_json(const struct results *results, const char *path, struct error *error)
{
	struct output_file file;
	int r = output_open(&file, path, error);

	if (r < 0)
		return r;
	json_set_alloc_funcs(memory, free);
	put_all(file.stream, results);
	return output_close(&file, error);
}
