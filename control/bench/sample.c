/* SPDX-License-Identifier: Apache-2.0 */
#include "control/bench/sample.h"

/*
 * Where a guest does not tell its first instruction (`first`; PVH, Solo5, …) it counts from `entry`, just before KVM_RUN: apart by
 * what entering a guest takes. A subject's samples all have the one or the other.
 */
static uint64_t first_ns(const struct sample *sample)
{
	return sample->first_ns ? sample->first_ns : sample->entry_ns;
}

/* From one moment to another, where both are known. */
static bool between(uint64_t from, uint64_t to, double *value)
{
	*value = (double)to - (double)from;
	return from && to && to >= from;
}

/* What a launch cannot be without: where it is 0 it is not known. */
static bool known(uint64_t figure, double *value)
{
	*value = (double)figure;
	return figure;
}

static bool exits(const struct sample *sample, double *value)
{
	*value = (double)sample->exits;
	return sample->counted & COUNTED_EXITS;
}

/* The kernel counts them for each process and thread, and of a pooled machine that has all its memory there may be none. */
static bool faults(const struct sample *sample, double *value)
{
	*value = (double)(sample->minor_faults + sample->major_faults);
	return true;
}

static bool whole(const struct sample *s, double *value) { return known(s->reaped_ns, value); }
static bool guest(const struct sample *s, double *value) { return between(first_ns(s), s->exit_ns, value); }
static bool start(const struct sample *s, double *value) { return known(first_ns(s), value); }
static bool boot(const struct sample *s, double *value) { return between(first_ns(s), s->guest_main_ns, value); }
static bool in_main(const struct sample *s, double *value) { return between(s->guest_main_ns, s->exit_ns, value); }
static bool end(const struct sample *s, double *value) { return between(s->exit_ns, s->reaped_ns, value); }
static bool cpu(const struct sample *s, double *value) { return known(s->user_ns + s->system_ns, value); }
static bool system_calls(const struct sample *s, double *value) { return known(s->system_calls, value); }
static bool memory(const struct sample *s, double *value) { return known(s->peak_bytes, value); }

static bool vmm(const struct sample *sample, double *value)
{
	double all, inside;

	if (!whole(sample, &all) || !guest(sample, &inside) || inside > all)
		return false;
	*value = all - inside;
	return true;
}

const struct metric_row metrics[METRIC_COUNT] = {
	[METRIC_WHOLE] = { "whole", "begun to reaped", "ns", true, false, whole },
	[METRIC_VMM] = { "vmm", "VMM", "ns", true, false, vmm },
	[METRIC_GUEST] = { "guest", "guest", "ns", true, false, guest },
	[METRIC_START] = { "start", "begun to guest", "ns", true, true, start },
	[METRIC_BOOT] = { "boot", "guest to main()", "ns", true, true, boot },
	[METRIC_MAIN] = { "main", "main() to exit", "ns", true, true, in_main },
	[METRIC_END] = { "end", "exit to reaped", "ns", true, true, end },
	[METRIC_CPU] = { "cpu", "CPU time", "ns", true, false, cpu },
	[METRIC_EXITS] = { "exits", "VM exits", "", false, false, exits },
	[METRIC_SYSTEM_CALLS] = { "system_calls", "system calls", "", false, false, system_calls },
	[METRIC_FAULTS] = { "faults", "page faults", "", false, false, faults },
	[METRIC_MEMORY] = { "memory", "peak memory", "bytes", false, false, memory },
};
