/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot on disk: a directory of `manifest.json`, `state`, `memory` and `working_set` (docs/SNAPSHOT.md).
 *
 * What is in it is hostile: nothing in it is followed that is a link, nothing is read that is not a file, and nothing is believed
 * of another size than the manifest says, or of another checksum; but for memory's, which is looked at on demand.
 */
#ifndef KVICK_VMM_SNAPSHOT_DIR_H
#define KVICK_VMM_SNAPSHOT_DIR_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/snapshot.h"
#include "vmm/snapshot_manifest.h"

struct error;
struct machine;
struct sys;

#define SNAPSHOT_MANIFEST "manifest.json"
#define SNAPSHOT_STATE    "state"
#define SNAPSHOT_MEMORY   "memory"
#define SNAPSHOT_SET      "working_set"

#define SNAPSHOT_NAME_BYTES 256 /* of a file or directory in a folder: NAME_MAX and a NUL */

/* ---- reading ---- */

enum { SNAPSHOT_FILE_MANIFEST, SNAPSHOT_FILE_STATE, SNAPSHOT_FILE_MEMORY, SNAPSHOT_FILE_SET, SNAPSHOT_FILES };

/* Too large for a small stack. */
struct snapshot_dir {
	const char *path;            /* the caller's string */
	int fd;
	int files[SNAPSHOT_FILES];   /* -1: not there, or read and closed */
	uint64_t file_bytes[SNAPSHOT_FILES];
	struct snapshot snapshot;    /* for machine_config.snapshot */
	void *mapping;               /* what holds its state */
	struct working_set set;
	int set_fd, pagemap_fd;      /* -1, or a working set is to be recorded by these */
	struct snapshot_manifest manifest;
};

/*
 * fd: the directory, which is open and from now on the snapshot's; -1: path says where it is. All is read and checked but memory's
 * checksum. 0, or -errno with `error` set, and everything is closed: the format is another, a file is missing, cut short or
 * damaged.
 */
int snapshot_dir_open(struct snapshot_dir *dir, int fd, const char *path, struct sys *sys, struct error *error);

/*
 * The same in two parts, for whoever looks at what is in the files only where it can open none any more: the first opens all, and
 * reads nothing. The directory's descriptor may be closed in between (and is -1 then): no working set is recorded.
 */
int snapshot_dir_open_files(struct snapshot_dir *dir, int fd, const char *path, struct sys *sys, struct error *error);
int snapshot_dir_read(struct snapshot_dir *dir, struct sys *sys, struct error *error);

/* Memory's checksum too: reads all of it. 0, or -errno with `error` set. */
int snapshot_dir_verify(const struct snapshot_dir *dir, struct sys *sys, struct error *error);

/* Whoever made machines of it has ended them, or has memory mapped that stays. */
void snapshot_dir_close(struct snapshot_dir *dir, struct sys *sys);

/*
 * Where there is no working set yet, and nobody is about to record one: opens what the recording wants. Before the sandbox closes.
 * Where that cannot be, a read-only directory, nothing is recorded.
 */
void snapshot_dir_record(struct snapshot_dir *dir, struct sys *sys);

/* At the end of a machine's run, also inside the sandbox: what it has touched is written down. */
void snapshot_dir_recorded(struct snapshot_dir *dir, const struct machine *machine, struct sys *sys);

/* ---- writing ---- */

struct snapshot_save {
	const char *path;
	int folder_fd;               /* that the directory is in */
	int fd;                      /* the directory, under its passing name */
	int memory_fd;               /* for snapshot_take() */
	uint32_t random;             /* in passing names */
	char name[SNAPSHOT_NAME_BYTES], passing[SNAPSHOT_NAME_BYTES];
};

/* What is there already may be nothing, an empty directory or a snapshot. 0, or -errno with `error` set. */
int snapshot_save_begin(struct snapshot_save *save, const char *path, struct sys *sys, struct error *error);

/*
 * Everything is written beside `path`, so that what is there stays as it is until the new one is whole and on the disk: makes that
 * directory, with an empty file for memory. 0, or -errno with `error` set, and nothing is left.
 */
int snapshot_save_make(struct snapshot_save *save, struct sys *sys, struct error *error);

/*
 * memory_fd holds memory. What the manifest says of files is filled in. Puts the new one in place of the old, and removes that. 0,
 * or -errno with `error` set, and what was there is as it was.
 */
int snapshot_save_end(struct snapshot_save *save, struct snapshot_manifest *manifest, const uint8_t *state, size_t state_bytes,
		      struct sys *sys, struct error *error);

/* Instead, at any time: nothing is left of the new one. */
void snapshot_save_abandon(struct snapshot_save *save, struct sys *sys);

/*
 * Of the pages that are not all zero, in their order: each one's is the next one's seed, with its offset. So it does not matter
 * which zeros are holes. 0 or -errno.
 */
int snapshot_memory_checksum(int fd, uint64_t bytes, uint64_t *sum, struct sys *sys);

#endif
