/* SPDX-License-Identifier: Apache-2.0 */
#include "control/test/ending.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "control/exit_codes.h"
#include "vmm/machine.h"

#define SAID_BYTES (QUOTED_BYTES + 160)

/* By kvick's exit code alone: it was refused before there was a machine to tell of, or it is a kvick that tells nothing. */
static struct ending by_code(int code)
{
	switch (code) {
	case EXIT_USAGE:
	case EXIT_IMAGE:
	case EXIT_HOST:
		return (struct ending){ ENDING_REFUSED, code };
	case EXIT_CRASHED:
		return (struct ending){ ENDING_CRASHED, code };
	case EXIT_TIMEOUT:
		return (struct ending){ ENDING_TIMED_OUT, code };
	case EXIT_RESET:
		return (struct ending){ ENDING_RESET, code };
	default:
		return (struct ending){ ENDING_EXITED, code };
	}
}

struct ending ending_of(const struct test_outcome *outcome, bool killed)
{
	static const enum ending_kind kinds[] = {
		[OUTCOME_NONE] = ENDING_REFUSED,   [OUTCOME_EXITED] = ENDING_EXITED,   [OUTCOME_RESET] = ENDING_RESET,
		[OUTCOME_CRASHED] = ENDING_CRASHED, [OUTCOME_STOPPED] = ENDING_SIGNAL,  [OUTCOME_READY] = ENDING_EXITED,
		[OUTCOME_BROKE_OFF] = ENDING_CRASHED, [OUTCOME_FAILED] = ENDING_HOST,
	};
	const struct stamps *stamps = &outcome->stamps;
	int code = WEXITSTATUS(outcome->status);

	if (WIFSIGNALED(outcome->status))
		return (struct ending){ killed ? ENDING_KILLED : ENDING_SIGNAL, WTERMSIG(outcome->status) };
	if (!outcome->has_stamps || stamps->outcome >= sizeof(kinds) / sizeof(kinds[0]))
		return by_code(code);
	if (stamps->outcome == OUTCOME_STOPPED)
		return code == EXIT_TIMEOUT ? (struct ending){ ENDING_TIMED_OUT, code } :
					      (struct ending){ ENDING_SIGNAL, code - EXIT_SIGNAL };
	/* Its output was lost, or a file of its: then kvick does not pass the guest's exit code on. */
	if (stamps->outcome == OUTCOME_EXITED && code != (int)stamps->status)
		return (struct ending){ ENDING_HOST, code };
	return (struct ending){ kinds[stamps->outcome], code };
}

/* kvick's first message: what it has to say of the end. */
static const char *message(char into[SAID_BYTES], const struct test_outcome *outcome)
{
	char text[QUOTED_BYTES];
	size_t length = outcome->messages ? strcspn(outcome->messages, "\n") : 0;

	if (length == 0)
		return "";
	snprintf(into, SAID_BYTES, ": %s", quoted(text, outcome->messages, length));
	return into;
}

static const char *expectation(char into[64], const struct test_case *of)
{
	static const char *const names[] = {
		[CASE_CRASHES] = "crash", [CASE_TIMES_OUT] = "time out", [CASE_RESETS] = "reset itself",
		[CASE_IS_REFUSED] = "be refused",
	};

	if (of->end != CASE_EXITS)
		return names[of->end];
	snprintf(into, 64, "exit with %d", of->exit_code);
	return into;
}

static const char *happening(char into[128], const struct ending *ending, const struct test_case *of)
{
	switch (ending->kind) {
	case ENDING_EXITED:
		snprintf(into, 128, "it exited with %d", ending->code);
		return into;
	case ENDING_CRASHED:
		return "it crashed";
	case ENDING_TIMED_OUT:
		snprintf(into, 128, "it timed out (timeout = %gs)", (double)of->timeout_ns / 1e9);
		return into;
	case ENDING_RESET:
		return "it reset itself";
	case ENDING_REFUSED:
		snprintf(into, 128, "kvick refused it (exit code %d)", ending->code);
		return into;
	case ENDING_HOST:
		snprintf(into, 128, "the host failed underneath it (exit code %d)", ending->code);
		return into;
	case ENDING_SIGNAL:
		snprintf(into, 128, "kvick was ended by signal %d (%s)", ending->code, strsignal(ending->code));
		return into;
	case ENDING_KILLED:
		snprintf(into, 128, "kvick went on after its time-out, and was killed (timeout = %gs)",
			 (double)of->timeout_ns / 1e9);
		return into;
	}
	return "?";
}

bool ending_expected(const struct test_case *of, const struct ending *ending)
{
	static const enum ending_kind kinds[] = {
		[CASE_EXITS] = ENDING_EXITED, [CASE_CRASHES] = ENDING_CRASHED, [CASE_TIMES_OUT] = ENDING_TIMED_OUT,
		[CASE_RESETS] = ENDING_RESET, [CASE_IS_REFUSED] = ENDING_REFUSED,
	};

	return ending->kind == kinds[of->end] && (of->end != CASE_EXITS || ending->code == of->exit_code);
}

void ending_check(const struct test_outcome *outcome, const struct ending *ending, struct problems *problems)
{
	const struct test_case *of = outcome->of;
	char what[128], should[64], said[SAID_BYTES];

	if (!ending_expected(of, ending)) {
		problems_add(problems, "end: %s, and should %s%s", happening(what, ending, of), expectation(should, of),
			     ending->kind == ENDING_EXITED ? "" : message(said, outcome));
		return;
	}
	/* Or else a host without KVM would pass it. */
	if (of->end == CASE_IS_REFUSED && ending->code == EXIT_HOST && !(of->stderr_matches && of->stderr_matches[0]))
		problems_add(problems, "end: the host could not run it (exit code %d), which is only taken for a refusal where "
			     "`stderr` says which%s", ending->code, message(said, outcome));
}
