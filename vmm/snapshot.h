/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot: a stopped machine's state and memory, of which any number of machines can be made.
 *
 * In memory it is what this structure says; on disk a directory (snapshot_dir.h). What is in it is hostile: whoever reads a part
 * of it checks that against this host and this kvick before a machine has anything of it.
 */
#ifndef KVICK_VMM_SNAPSHOT_H
#define KVICK_VMM_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/guest_mem.h"

struct error;
struct machine;
struct sys;

#define SNAPSHOT_FORMAT 1 /* of the state; another in every kvick that would read it otherwise */

#define SNAPSHOT_RUNS_MAX 64 /* stretches of RAM that are in the memory file; what lies between two that are near is in it too */
#define SNAPSHOT_SET_MAX  256 /* of a working set */

/* Pages that a restored guest is going to touch. */
struct working_set {
	unsigned count;
	struct memory_run reads[SNAPSHOT_SET_MAX];  /* ascending, apart, whole pages */
	unsigned write_count;
	struct memory_run writes[SNAPSHOT_SET_MAX];
};

struct snapshot {
	const char *name;       /* for messages: the directory, or the image that it was taken of */
	const uint8_t *state;   /* of the format of state.h */
	size_t state_bytes;
	int memory_fd;          /* byte N of RAM, and of what is behind it, is at offset N; holes are zero */
	uint64_t memory_bytes;  /* the file's size: RAM and what is behind it */
	const struct working_set *working_set; /* NULL: not known */
};

/*
 * For a machine with devices whose snapshot another thread takes, in its own thread: its I/O is paused from now on (the kernel
 * takes that from no other thread). Nothing but snapshot_take() and machine_end(), here, may follow. 0 or -errno with
 * machine->error set.
 */
int snapshot_pause(struct machine *machine);

/*
 * Takes one of a machine that has been prepared or is between two KVM_RUNs (machine.h), which can go on afterwards: its devices are
 * drained and paused meanwhile. State goes to `writer`'s memory, RAM to memory_fd, an empty file: only what is not zero. Calls
 * progress(context, bytes done, of all), which may be NULL. In a thread that no sandbox has closed over. 0 or -errno with
 * machine->error set.
 */
struct state_writer;
int snapshot_take(struct machine *machine, struct state_writer *writer, int memory_fd,
		  void (*progress)(void *context, uint64_t done, uint64_t all), void *context);

/* What RAM a machine of this process has touched: present pages, by /proc/self/pagemap (pagemap_fd). Written ones are its own. */
int snapshot_working_set(const struct machine *machine, int pagemap_fd, struct working_set *set, struct sys *sys);

#endif
