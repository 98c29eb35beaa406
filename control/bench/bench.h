/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `kvick bench`. */
#ifndef KVICK_CONTROL_BENCH_BENCH_H
#define KVICK_CONTROL_BENCH_BENCH_H

#include "control/bench/results.h"
#include "control/measure/program.h"

struct error;

/*
 * Runs it all: warm-up, rounds, progress on stderr. 0, also where launches failed or a signal came (results->signal): what was
 * measured is there. -errno with `error`: nothing could be measured.
 */
int bench_run(struct results *results, const struct plan *plan, struct error *error);

/* --compare: reads both, prints, returns the exit code: 0 no difference beyond the threshold, 1 slower beyond it, 120, 123. */
int bench_compare(const struct plan *plan, struct error *error);

/* Presets of --vs (peers.c): "qemu-microvm", …. NULL where it is none, and `name` is a command. */
struct peer {
	const char *name;       /* "solo5-hvt" */
	const char *program;    /* along PATH */
	const char *install;    /* how to come by it */
	const char *boots;      /* what a guest must be, for --help and docs */
	int success;            /* exit status of a guest that ended well */
	/* As peer_make(), of an image that is there. */
	int (*make)(struct subject *subject, const char *image, char **arguments, uint64_t mem_bytes, const char *scratch,
		    struct error *error);
};
extern const struct peer peers[]; /* the last one has no name */

/* Where its program is. 0, or -errno with `error`, which says what to install. */
int peer_find(const struct peer *peer, char path[PROGRAM_PATH_BYTES], struct error *error);
/*
 * Makes subject->argv, for words_free(), of the guest's file and arguments; may write files into `scratch`, a folder that is
 * removed at the end. mem_bytes: 0: as much as kvick gives by itself. 0 or -errno with `error`.
 */
int peer_make(struct subject *subject, const struct peer *peer, const char *image, char **arguments, uint64_t mem_bytes,
	      const char *scratch, struct error *error);

/* Outputs, a file each: main.c has the table. `path`: "-" is stdout; a failure leaves no half a file. 0 or -errno. */
int output_text(const struct results *results, const char *path, struct error *error);
int output_json(const struct results *results, const char *path, struct error *error);
int output_csv(const struct results *results, const char *path, struct error *error);
int output_hgrm(const struct results *results, const char *path, struct error *error);
int output_html(const struct results *results, const char *path, struct error *error);

#endif
