/* SPDX-License-Identifier: Apache-2.0 */
/* Why launches fail: those that count are not listened to, so one more says it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/bench/run.h"
#include "control/bench/unmeasured.h"

void failure_explain(struct run *run, struct runner *runner)
{
	struct subject_results *results = runner->results;
	const struct subject *s = runner->subject;
	char line[sizeof(results->failure)], *said;
	size_t used = strlen(results->failure);
	int r;

	if (runner->explained || interrupt_signal())
		return;
	runner->explained = true;
	r = unmeasured_run(run, &(struct unmeasured){ .subject = s, .argv = s->argv, .report_fd = -1 }, &said, NULL);
	unmeasured_first_line(line, sizeof(line), said, s->kind != SUBJECT_COMMAND);
	if (r == s->success)
		snprintf(results->failure + used, sizeof(results->failure) - used, "; the next one did not fail");
	else if (line[0])
		snprintf(results->failure + used, sizeof(results->failure) - used, ": %s", line);
	free(said);
}
