/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots that we restore: by `kvick snapshot`, of the image, before all runs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/bench/memory.h"
#include "control/bench/run.h"
#include "control/bench/run_words.h"
#include "control/bench/unmeasured.h"
#include "control/measure/program.h"
#include "vmm/error.h"

static bool says_when(const struct subject *s)
{
	for (char **word = s->options; *word; word++)
		if (strncmp(*word, "--after", 7) == 0)
			return true;
	return false;
}

/* The launcher executes kvick-snapshot, which is beside it. */
static char **words_of_snapshot(const struct run *run, const struct subject *s, bool at_entry)
{
	char *timeout = text_of("%lluus", (unsigned long long)(run->plan->timeout_ns / 1000));
	struct words words = { 0 };
	size_t last = 0;
	char **taken;

	while (s->argv[last + 1])
		last++;
	words_add(&words, "kvick");
	words_add(&words, "snapshot");
	words_add_options(&words, s->options, FOR_SNAPSHOT);
	words_add(&words, at_entry ? "--after" : "--timeout");
	words_add(&words, at_entry ? "0" : timeout);
	words_add(&words, "-o");
	words_add(&words, s->argv[last]);
	words_add(&words, s->image);
	if (s->arguments[0])
		words_add(&words, "--");
	words_add_all(&words, s->arguments);
	taken = words_take(&words);
	free(timeout);
	return taken;
}

static int make_snapshot(struct run *run, const struct subject *s, bool at_entry, struct error *error)
{
	char **argv = words_of_snapshot(run, s, at_entry);
	char line[ERROR_TEXT_BYTES / 2], *said;
	int r = unmeasured_run(run, &(struct unmeasured){ .subject = s, .argv = argv, .report_fd = -1 }, &said, error);

	unmeasured_first_line(line, sizeof(line), said, true);
	if (r == -ETIMEDOUT)
		error_set(error, ERROR_HOST, ETIMEDOUT, "kvick snapshot: not over after %.3g s (--timeout)",
			  (double)run->plan->timeout_ns / 1e9);
	else if (r != 0)
		error_set(error, ERROR_IMAGE, 0, "no snapshot: kvick snapshot: exit status %d: %s", r, line);
	free(said);
	words_free(argv);
	return r > 0 ? -EPROTO : r;
}

int snapshot_make(struct run *run, struct runner *runner, struct error *error)
{
	const struct subject *s = runner->subject;
	bool may_be_at_entry = !run->plan->request && !says_when(s);
	struct error first = { 0 };
	int r = make_snapshot(run, s, false, &first);

	if (r < 0 && r != -EINTR && may_be_at_entry && make_snapshot(run, s, true, NULL) == 0) {
		progress_say(run, "%s: a snapshot of it before its first instruction: it never says that it is ready for a "
			     "request", s->name);
		r = 0;
	} else if (r < 0) {
		error_set(error, first.kind, first.errnum, "%s", first.text);
	}
	return r;
}
