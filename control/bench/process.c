/* SPDX-License-Identifier: Apache-2.0 */
/* A launch that is a process: kvick's, somebody else's, the floor. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/bench/run.h"
#include "control/stamps.h"

static bool has_stamps(const struct subject *s)
{
	return s->kind == SUBJECT_COLD || s->kind == SUBJECT_RESTORED;
}

static int begin(struct run *run, struct slot *slot, struct error *error)
{
	const struct subject *s = slot->runner->subject;
	const struct child_config config = {
		.path = s->path, .argv = s->argv, .in = run->null_fd, .out = run->null_fd, .err = run->null_fd,
		.stamps = has_stamps(s) ? slot->stamps_fd : -1, .cpus = run->plan->pinned ? &run->plan->cpus : NULL,
		.envp = left_behind_mark(run),
	};
	int r;

	if (has_stamps(s)) {
		slot->stamps->magic = 0;
		lseek(slot->stamps_fd, 0, SEEK_SET); /* where the last one stopped writing */
	}
	r = child_start(&slot->child, &config, error);
	slot->launch = r == 0 ? run->left_behind.launches : 0;
	return r;
}

static int fd(const struct slot *slot)
{
	return slot->child.pidfd;
}

static uint64_t after(const struct run *run, const struct slot *slot, uint64_t tsc)
{
	return tsc > slot->child.spawned_tsc ? measure_clock_ns(&run->clock, tsc - slot->child.spawned_tsc) : 0;
}

/* A restored function's main() is long past: what begins is its handler, or that it has its request. */
static void take_stamps(const struct run *run, const struct slot *slot, struct sample *sample)
{
	const struct stamps stamps = *slot->stamps;
	uint64_t began = stamps.guest_main ? stamps.guest_main : stamps.handler ? stamps.handler : stamps.taken;

	sample->vmm_main_ns = after(run, slot, stamps.main);
	sample->entry_ns = after(run, slot, stamps.entry);
	sample->first_ns = after(run, slot, stamps.first);
	sample->guest_main_ns = after(run, slot, began);
	sample->exit_ns = after(run, slot, stamps.exit);
	sample->counted = COUNTED_ALL;
	sample->exits = stamps.exits;
	sample->hypercalls = stamps.hypercalls;
	sample->system_calls = stamps.system_calls;
}

/* Of one that says nothing itself: the same moments, as the kernel saw them. What others did is taken, too: it has its room. */
static void take_trace(struct run *run, const struct slot *slot, struct sample *sample)
{
	struct kvm_traced traced;

	kvm_trace_take(&run->trace, slot->child.spawned_tsc, &traced);
	if (has_stamps(slot->runner->subject))
		return;
	run->traced_in_part += slot->counts && !traced.whole;
	sample->entry_ns = after(run, slot, traced.entered_tsc);
	sample->exit_ns = after(run, slot, traced.left_tsc);
	sample->exits = traced.exits;
	sample->counted = traced.entered_tsc ? COUNTED_EXITS : 0;
}

/* A process's peak is at least what we had when it was begun: below that it is not known. */
static uint64_t peak_of(const struct child_end *end)
{
	struct rusage own;

	getrusage(RUSAGE_SELF, &own);
	return end->peak_bytes > (uint64_t)own.ru_maxrss * 1024u ? end->peak_bytes : 0;
}

static void judge(const struct subject *s, int status, bool stamped, struct ended *ended)
{
	if (WIFSIGNALED(status))
		snprintf(ended->why, sizeof(ended->why), "ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		ended_judge(ended, s, WEXITSTATUS(status));
	if (has_stamps(s) && !stamped && !ended->why[0])
		snprintf(ended->why, sizeof(ended->why), "nothing on descriptor 3: a kvick without --report stamps=3?");
	if (ended->why[0])
		ended->sample.result = SAMPLE_FAILED;
}

static void end(struct run *run, struct slot *slot, bool late, struct ended *ended)
{
	const struct subject *s = slot->runner->subject;
	struct child_end child = { 0 };
	struct sample *sample = &ended->sample;
	bool stamped;

	if (late) {
		child_kill(&slot->child, &child);
	} else {
		/* What it leaves would be in the way of what follows. Until it is reaped, its group's number is nobody else's. */
		kill(-slot->child.pid, SIGKILL);
		child_reap(&slot->child, 0, &child);
	}
	slot->launch = 0;
	stamped = has_stamps(s) && slot->stamps->magic == STAMPS_MAGIC;
	ended->begun_ns = slot->child.spawned_ns;
	sample->reaped_ns = stamped ? after(run, slot, child.reaped_tsc) : child.reaped_ns - slot->child.spawned_ns;
	sample->user_ns = child.user_ns;
	sample->system_ns = child.system_ns;
	sample->minor_faults = child.minor_faults;
	sample->major_faults = child.major_faults;
	sample->peak_bytes = peak_of(&child);
	if (stamped)
		take_stamps(run, slot, sample);
	if (run->trace.fd >= 0)
		take_trace(run, slot, sample);
	if (late) {
		sample->result = SAMPLE_TIMED_OUT;
		snprintf(ended->why, sizeof(ended->why), "not over after %.3g s (--timeout)", (double)run->plan->timeout_ns / 1e9);
	} else {
		judge(s, child.status, stamped, ended);
	}
}

const struct slot_kind process_slots = { .begin = begin, .fd = fd, .end = end };
