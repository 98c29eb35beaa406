/* SPDX-License-Identifier: Apache-2.0 */
/* What kvick reports of a launch (`--report json`): peak memory, the ring, which the floor is to run at too. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <jansson.h>

#include "control/bench/memory.h"
#include "control/bench/run.h"
#include "control/bench/run_words.h"
#include "control/bench/unmeasured.h"
#include "control/measure/program.h"

#define TEXT_BYTES_MAX (1u << 20)

/* All of it, to be freed. The other end may have written anything. */
static char *text_in(int fd)
{
	char *text = memory_of(1, TEXT_BYTES_MAX + 1);
	ssize_t n = pread(fd, text, TEXT_BYTES_MAX, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* What is no report of a launch that was good is none. The ring: -1: not known. */
static int take_report(struct runner *runner, char *text)
{
	json_t *report = json_loads(text, 0, NULL);
	json_int_t ring = -1, peak = 0;

	if (report) {
		json_unpack(report, "{s:I}", "ring", &ring);
		json_unpack(report, "{s:{s:I}}", "memory", "peak_resident_bytes", &peak);
		if (runner->subject->kind != SUBJECT_POOLED) {
			text[strcspn(text, "\n")] = '\0';
			runner->results->report = text_of("%s", text);
			runner->results->peak_bytes = peak > 0 ? (uint64_t)peak : 0;
		}
	}
	json_decref(report);
	return ring == 0 || ring == 3 ? (int)ring : -1;
}

static int report_of(struct run *run, struct runner *runner)
{
	const struct subject *s = runner->subject;
	char **argv = plan_launch(run->plan, s, "json=/dev/fd/3");
	int ring = -1, fd = child_descriptor(memfd_create("kvick-bench", MFD_CLOEXEC));

	if (fd >= 0) {
		const struct unmeasured launch = { .subject = s, .argv = argv, .report_fd = fd };

		if (unmeasured_run(run, &launch, NULL, NULL) == s->success) {
			char *text = text_in(fd);

			ring = take_report(runner, text);
			free(text);
		}
		close(fd);
	}
	words_free(argv);
	return ring;
}

static bool has_floor(const struct plan *plan)
{
	return plan->subjects[plan->subject_count - 1].kind == SUBJECT_FLOOR;
}

void reports_take(struct run *run)
{
	bool wants_ring = has_floor(run->plan);
	int ring = -1;

	for (size_t i = 0; i < run->plan->subject_count && !interrupt_signal(); i++) {
		struct runner *runner = &run->runners[i];
		const struct subject *s = runner->subject;

		if (!runner_goes_on(runner))
			continue;
		if (s->kind == SUBJECT_COLD || s->kind == SUBJECT_RESTORED ||
		    (s->kind == SUBJECT_POOLED && wants_ring && ring < 0)) {
			int its = report_of(run, runner);

			ring = ring < 0 ? its : ring;
		} else if (s->kind == SUBJECT_FLOOR && ring >= 0) {
			size_t last = 0;

			while (s->argv[last + 1])
				last++;
			s->argv[last][0] = (char)('0' + ring);
		}
	}
}
