/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/bench_fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define US 1000ull
#define MS 1000000ull

/* Medians. A phase that is 0 is not known. */
static const struct model {
	const char *name;
	enum subject_kind kind;
	uint64_t start_ns, boot_ns, main_ns, end_ns;
	const char *peer;
} models[] = {
	{ "hello", SUBJECT_COLD, 640 * US, 9 * US, 21 * US, 190 * US, NULL },
	{ "floor", SUBJECT_FLOOR, 0, 0, 0, 520 * US, NULL },
	{ "hello restored", SUBJECT_RESTORED, 700 * US, 1 * US, 14 * US, 170 * US, NULL },
	{ "hello pooled", SUBJECT_POOLED, 30 * US, 1 * US, 14 * US, 22 * US, NULL },
	{ "qemu-microvm", SUBJECT_COMMAND, 0, 0, 0, 164 * MS, "qemu-microvm" },
	{ "solo5-hvt", SUBJECT_COMMAND, 0, 0, 0, 2100 * US, "solo5-hvt" },
	{ "hello --mem 1G", SUBJECT_COLD, 690 * US, 9 * US, 21 * US, 205 * US, NULL },
};

#define MODELS (sizeof(models) / sizeof(models[0]))

static const char report[] =
	"{\"kvick\":\"0.1.0\",\"image\":\"build/guests/hello.elf\",\"outcome\":\"exited\",\"exit_code\":0,\"timeline_ns\":{"
	"\"spawn\":0,\"main\":212000,\"plan\":219000,\"kvm_opened\":236000,\"vm\":391000,\"memory\":420000,\"image\":441000,"
	"\"devices\":442000,\"vcpu\":498000,\"sandbox\":561000,\"first_entry\":588000,\"guest_first_instruction\":622000,"
	"\"guest_main\":631000,\"exit\":652000,\"torn_down\":760000},\"guest_marks\":[]}\n";

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	return *state ^= *state << 17;
}

static double uniform(uint64_t *state) { return ((double)(next(state) >> 11) + 0.5) / 9007199254740992.0; }

/* Around the median, with a tail, and drifting with the round as a host does. */
static uint64_t vary(uint64_t *state, uint64_t median, double drift)
{
	double normal = sqrt(-2 * log(uniform(state))) * cos(2 * M_PI * uniform(state));
	double tail = uniform(state) < 0.02 ? 1 + uniform(state) : 1;

	return (uint64_t)((double)median * drift * exp(0.06 * normal) * tail) + 1;
}

static void fill(struct sample *s, const struct model *model, size_t round, size_t rounds, uint64_t *state)
{
	double drift = 1 + 0.15 * sin(6.0 * (double)round / (double)(rounds ? rounds : 1));
	bool of_kvick = model->start_ns != 0;
	uint64_t start = vary(state, model->start_ns, drift), boot = vary(state, model->boot_ns, drift);
	uint64_t main = vary(state, model->main_ns, drift), end = vary(state, model->end_ns, drift);

	*s = (struct sample){ .round = (uint32_t)round, .begun_ns = round * 3 * MS };
	if (of_kvick) {
		s->vmm_main_ns = start / 3;
		s->entry_ns = start - start / 20;
		s->first_ns = start;
		s->guest_main_ns = start + boot;
		s->exit_ns = start + boot + main;
		s->counted = COUNTED_ALL;
		s->exits = 1 + round % 2;
		s->hypercalls = 1;
		s->system_calls = 61;
	}
	s->reaped_ns = (of_kvick ? s->exit_ns : 0) + end;
	s->user_ns = s->reaped_ns / 5;
	s->system_ns = s->reaped_ns / 2;
	s->minor_faults = 80 + next(state) % 7;
	s->peak_bytes = (of_kvick ? 1500 : 30000) * 1024 + (next(state) % 16) * 4096;
}

static const struct environment environment = {
	.rows = {
		{ "kernel", "kernel", "Linux 6.1.0-28-amd64" }, { "cpu", "CPU", "AMD EPYC 7763 64-Core Processor" },
		{ "cpus", "CPUs", "2 of 2" }, { "kvm", "KVM", "kvm_amd, nested paging" }, { "hz", "HZ", "250" },
		{ "governor", "governor", "not known" },
		{ "mitigations", "mitigations", "spectre_v2: Retpolines; spec_store_bypass: Vulnerable" },
	},
	.row_count = 7,
	.warnings = {
		{ "other_load", "other processes used 31% of the CPUs: end them, or pin the launches to other CPUs (--cpus)" },
		{ "few_runs", "200 runs: p99.9 is hardly more than the maximum; --runs 4000 would do" },
	},
	.warning_count = 2,
};

static void plan_subject(struct made_up *made, size_t i)
{
	const struct model *model = &models[i < MODELS ? i : 0];
	char **argv = made->argv[i];

	if (i < MODELS)
		snprintf(made->names[i], sizeof(made->names[i]), "%s", model->name);
	else
		snprintf(made->names[i], sizeof(made->names[i]), "hello %zu", i);
	argv[0] = (char *)(model->kind == SUBJECT_FLOOR ? "kvick-floor" : model->peer ? model->peer : "kvick");
	argv[1] = model->kind == SUBJECT_FLOOR ? NULL : (char *)"run";
	argv[2] = (char *)"build/guests/hello.elf";
	made->plan.subjects[i] = (struct subject){
		.kind = model->kind, .name = made->names[i], .argv = model->kind == SUBJECT_POOLED ? NULL : argv,
		.path = (char *)"/usr/local/bin/kvick", .peer = model->peer,
		.image = model->start_ns ? "build/guests/hello.elf" : NULL,
	};
}

void made_up(struct made_up *made, size_t subjects, size_t runs)
{
	uint64_t state = 88172645463325252ull;

	memset(made, 0, sizeof(*made));
	made->plan.subject_count = subjects;
	made->plan.runs = runs;
	made->plan.warm_up = 10;
	made->plan.timeout_ns = 10000 * MS;
	made->plan.at_once = 1;
	made->plan.seed = 18446744073709551615ull;
	made->plan.alpha = 0.01;
	made->plan.threshold = 0.05;
	made->results = (struct results){
		.plan = &made->plan, .environment = environment, .subject_count = subjects, .started_at = 1796074276,
		.took_ns = runs * 3 * MS, .rounds = runs,
	};
	for (size_t i = 0; i < subjects; i++) {
		struct subject_results *s = &made->results.subjects[i];

		plan_subject(made, i);
		s->subject = &made->plan.subjects[i];
		s->sample_count = s->sample_room = runs;
		s->samples = calloc(runs ? runs : 1, sizeof(*s->samples));
		for (size_t j = 0; j < runs; j++)
			fill(&s->samples[j], &models[i < MODELS ? i : 0], j, runs, &state);
		if (s->subject->kind == SUBJECT_COLD)
			s->report = strdup(report);
	}
	results_compute(&made->results);
}
