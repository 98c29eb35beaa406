/* SPDX-License-Identifier: Apache-2.0 */
/* One launch, measured; and the figures that are made of it: a table. */
#ifndef KVICK_CONTROL_BENCH_SAMPLE_H
#define KVICK_CONTROL_BENCH_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

/* kvick tells both, the kernel's trace the first, other programs none. */
enum sample_counted { COUNTED_EXITS = 1, COUNTED_HYPERCALLS = 2, COUNTED_ALL = 3 };

enum sample_result { SAMPLE_GOOD, SAMPLE_FAILED, SAMPLE_TIMED_OUT };

/*
 * Times in nanoseconds after the launch was begun, that is: one by one and in a burst just before vfork() (pooled: before the
 * request is handed over); open loop: when it should have begun. 0: not known. spawn <= entry <= first <= guest_main <= exit <=
 * reaped.
 *
 * No launch can do without CPU time, memory, or system calls: where they are 0 they are not known. Of the kernel's counts 0 is 0.
 */
struct sample {
	uint32_t round;        /* samples of one round belong together */
	uint32_t result;       /* enum sample_result */
	uint64_t begun_ns;     /* after the first launch of all was begun */
	uint64_t late_ns;      /* open loop: by how much it was begun too late; part of every time below */
	uint64_t vmm_main_ns;  /* kvick's main() */
	uint64_t entry_ns, first_ns, guest_main_ns, exit_ns;
	uint64_t reaped_ns;    /* pooled: the machine is ready for the next one */
	uint64_t user_ns, system_ns;
	uint64_t exits, hypercalls, system_calls;
	uint64_t minor_faults, major_faults, peak_bytes;
	uint8_t counted;       /* enum sample_counted, or of them: which are known */
};

/* Rows of every table and plot. The phases of a launch add up to the whole. */
enum metric {
	METRIC_WHOLE,          /* begun to reaped */
	METRIC_VMM,            /* of that, without the guest's own time: METRIC_START + METRIC_END */
	METRIC_GUEST,          /* first instruction to exit */
	METRIC_START,          /* begun to the guest's first instruction; where that is not known, or --trace, to entry */
	METRIC_BOOT,           /* first instruction to main() */
	METRIC_MAIN,           /* main() to exit */
	METRIC_END,            /* exit to reaped */
	METRIC_CPU,            /* user and system */
	METRIC_EXITS, METRIC_SYSTEM_CALLS, METRIC_FAULTS, METRIC_MEMORY,
	METRIC_COUNT,
};

struct metric_row {
	const char *key;       /* "whole", "guest", …: JSON's and CSV's */
	const char *title;     /* "begun to reaped" */
	const char *unit;      /* "ns", "", "bytes" */
	bool is_time, is_phase;
	bool (*get)(const struct sample *sample, double *value); /* false: not known of this one */
};

extern const struct metric_row metrics[METRIC_COUNT];

#endif
