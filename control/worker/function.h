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
struct error;
struct machine_config;
struct stop;

#define FUNCTION_SLOTS_MAX 4096u

struct function {
	struct worker_config wanted;
	const char **argv, **envp; /* argv[0] is the function's name */
	bool sandbox;
	int kvm_fd;
	int image_fd;              /* or the snapshot's directory */

	struct host_facts facts;
	struct snapshot snapshot;  /* of the image before its first instruction, or the one that was given */
	uint64_t ram_bytes;        /* of each machine, and what is behind it */
};

/* Takes WORKER_CONFIGURE and its descriptors. 0, or -errno with `error` set: it is none, or says what cannot be. */
int function_configure(struct function *function, const struct control_message *message, struct error *error);

/* What every machine of it is made by, but for what is its slot's. */
void function_machine(const struct function *function, struct machine_config *config, struct stop *stop);

/* Reads the image, or the snapshot, and makes a machine of it, to see that there can be any. 0, or -errno with `error` set. */
int function_prepare(struct function *function, struct error *error);

#endif
