/* SPDX-License-Identifier: Apache-2.0 */
/* The function that a worker serves: what kvickd wants, and what its machines are made of. */
#ifndef KVICK_CONTROL_WORKER_FUNCTION_H
#define KVICK_CONTROL_WORKER_FUNCTION_H

#include <stdbool.h>
#include <stdint.h>

#include "control/worker/protocol.h"
#include "vmm/host_probe.h"
#include "vmm/snapshot.h"

struct control_message;
struct snapshot_dir;
struct error;
struct machine_config;
struct stop;

#define FUNCTION_SLOTS_MAX 4096u
#define FUNCTION_FDS_MAX   6u

struct function {
	struct worker_config wanted;
	const char **argv, **envp; /* argv[0] is the function's name */
	bool sandbox;
	int kvm_fd;
	int image_fd;              /* -1: it is a snapshot: */
	struct snapshot_dir *dir;  /* its files are open, the directory is not; NULL: an image */
	int pagemap_fd;            /* -1: none */

	struct host_facts facts;
	struct snapshot snapshot;  /* of the image before its first instruction, or the one that was given */
	uint64_t ram_bytes;        /* of each machine, and what is behind it */
};

/*
 * Takes WORKER_CONFIGURE and its descriptors, and opens what there is to open; nothing that an image or a snapshot says is looked
 * at yet. 0, or -errno with `error` set: it is none, or says what cannot be.
 */
int function_configure(struct function *function, const struct control_message *message, struct error *error);

/* The descriptors that it goes on with, ascending. How many. */
unsigned function_fds(const struct function *function, int fds[FUNCTION_FDS_MAX]);

/* What every machine of it is made by, but for what is its slot's. */
void function_machine(const struct function *function, struct machine_config *config, struct stop *stop);

/* Reads the image, or the snapshot, and makes a machine of it, to see that there can be any. 0, or -errno with `error` set. */
int function_prepare(struct function *function, struct error *error);

#endif
