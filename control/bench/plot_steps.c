/* SPDX-License-Identifier: Apache-2.0 */
/* What kvick itself does meanwhile: the steps of one launch of a subject, by its own report. */
#include "control/bench/page.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#define ROW          18
#define HEAD         24
#define AFTER        14
#define SUBJECTS_HERE 4 /* JSON has them all */

/* A step is named by the mark that it ends with: mark_names in vmm/timeline.c. */
static const struct {
	const char *mark, *title;
	bool guest;
} steps[] = {
	{ "main", "exec", false }, { "plan", "command line", false }, { "kvm_opened", "open /dev/kvm", false },
	{ "vm", "create the VM", false }, { "memory", "memory", false }, { "image", "load the image", false },
	{ "devices", "devices", false }, { "vcpu", "vCPU", false }, { "sandbox", "sandbox", false },
	{ "first_entry", "last checks", false }, { "guest_first_instruction", "enter the guest", false },
	{ "guest_main", "guest: start code", true }, { "guest_handler", "guest: to its handler", true },
	{ "exit", "guest: to its exit", true }, { "torn_down", "tear down", false },
};

#define STEPS (sizeof(steps) / sizeof(steps[0]))

struct step {
	const char *title;
	bool guest;
	double from, to;
};

struct launch {
	struct step steps[STEPS];
	size_t count;
};

/* Of a report, which may lack any of it. */
static void read_launch(struct launch *launch, const char *report)
{
	json_t *root = report ? json_loads(report, 0, NULL) : NULL;
	const json_t *timeline = json_object_get(root, "timeline_ns");
	double at = 0;

	launch->count = 0;
	for (size_t i = 0; i < STEPS; i++) {
		const json_t *mark = json_object_get(timeline, steps[i].mark);
		double to = json_number_value(mark);

		if (!json_is_number(mark) || !(to >= at))
			continue;
		launch->steps[launch->count++] = (struct step){ steps[i].title, steps[i].guest, at, to };
		at = to;
	}
	json_decref(root);
}

static size_t launches_of(struct launch launches[SUBJECTS_HERE], size_t index[SUBJECTS_HERE], const struct results *results)
{
	size_t count = 0;

	for (size_t i = 0; i < results->subject_count && count < SUBJECTS_HERE; i++) {
		read_launch(&launches[count], results->subjects[i].report);
		index[count] = i;
		count += launches[count].count > 1;
	}
	return count;
}

static void put_launch(FILE *f, const struct launch *launch, const struct plot_size *size)
{
	double names = size->width < 500 ? 118 : 150;
	struct scale x = { 0, launch->steps[launch->count - 1].to, names, size->width - 62, false };
	char took[OUTPUT_NUMBER_BYTES];

	for (size_t i = 0; i < launch->count; i++) {
		const struct step *s = &launch->steps[i];
		double y = HEAD + ROW * (double)i, from = scale_at(&x, s->from), to = scale_at(&x, s->to);

		time_text(took, s->to - s->from);
		svg_across(f, "grid", names, y + ROW - 1.5, size->width);
		svg_text(f, "tick", "start", 0, y + 12, s->title);
		svg_rectangle(f, s->guest ? "part guest-main" : "part vmm-start", from, y + 3, fmax(to - from, 1), ROW - 6);
		svg_text(f, "tick", "start", fmax(to, from + 1) + 5, y + 12, took);
	}
}

static void draw(FILE *f, const struct results *results, const struct plot_size *size)
{
	struct launch launches[SUBJECTS_HERE];
	size_t index[SUBJECTS_HERE], count = launches_of(launches, index, results);

	for (size_t i = 0; i < count; i++) {
		char *name = html_cut(results->subjects[index[i]].subject->name, size->name_columns);

		svg_begin(f, size, HEAD + (double)launches[i].count * ROW + AFTER, plot_steps.id, i, plot_steps.title,
			  "Each step of a launch, one below the other, from its begin to its end.");
		svg_text(f, "label", "start", 0, 14, name);
		put_launch(f, &launches[i], size);
		svg_end(f);
		free(name);
	}
}

static bool is_there(const struct results *results)
{
	struct launch launches[SUBJECTS_HERE];
	size_t index[SUBJECTS_HERE];

	return launches_of(launches, index, results) > 0;
}

const struct plot plot_steps = {
	"steps", "Inside kvick",
	"One launch with a report, which takes a little longer and is none of those measured. Before main() it is reckoned.",
	is_there, NULL, draw,
};
