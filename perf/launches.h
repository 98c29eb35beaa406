/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PERF_LAUNCHES_H
#define PERF_LAUNCHES_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/invocation.h"
#include "vmm/machine.h"
#include "vmm/snapshot.h"

#define LAUNCH_REPLY_BYTES 4096

/* What is launched, the same each time. */
struct launch_options {
	const char *image;
	const char *const *argv; /* the guest's */
	unsigned argc;
	uint64_t mem_bytes;
	unsigned in_process;     /* clones */
	int null_fd;             /* where their output goes */
};

/* A machine with what it refers to. */
struct clone {
	struct machine_config config;
	struct machine machine;
	struct stop stop;
	struct invocation invocation;
	uint64_t tsc_offset;    /* guest's less host's */
	uint8_t reply[LAUNCH_REPLY_BYTES];
};

/*
 * Microseconds after the request was there: the guest had it; its first instruction with it, by its own stamp where its reply is
 * one; its reply was there. And from then until the machine was warm again.
 */
struct stages {
	float taken, first, replied, reset;
};

/* All of these end the program, and say why, where something does not work. */

/* Runs the image to its end. */
void launch_once(const struct launch_options *o, struct clone *c);

/* Runs the image until it is ready; the snapshot lives as long as the process. */
void launch_snapshot(const struct launch_options *o, struct snapshot *snapshot);

void clone_make(const struct launch_options *o, struct clone *c, const struct snapshot *snapshot);
void clone_ask(struct clone *c);                              /* to its reply */
void clone_reset(struct clone *c);
void clone_end(struct clone *c);
/* Of the last request, which was there at `start` (host's TSC); before its reset, which is not known here. */
struct stages clone_stages(const struct clone *c, uint64_t start);

/* Many clones of a snapshot, each in a thread of its own, so many of them in a process: launches_resident.c. Prints JSON. */
void resident(const struct launch_options *o, unsigned clones, unsigned in_process, unsigned rounds);

#endif
