/* SPDX-License-Identifier: Apache-2.0 */
/* What is behind include/kvick.h. */
#ifndef KVICK_CONTROL_LIBRARY_LIBRARY_H
#define KVICK_CONTROL_LIBRARY_LIBRARY_H

#include <kvick.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/library/watch.h"
#include "vmm/invocation.h"
#include "vmm/machine.h"
#include "vmm/snapshot.h"

/* Strings one after another, and pointers to them. */
struct strings {
	char **list;
	unsigned count;
};

struct kvick_options {
	uint64_t mem_bytes;
	enum ring_choice ring;
	enum cpu_model cpu;
	struct strings arguments, variables; /* arguments: behind the guest's name */
	uint64_t strings_bytes;
	int signal;
	size_t console_bytes;
};

struct kvick_template {
	atomic_uint users;      /* its maker and its machines */
	struct kvick_options *options;
	char *name;             /* for messages: the image's or the directory's */
	const char **argv;      /* the guest's, its name first */
	int image_fd;           /* -1: it is a snapshot */
	const struct protocol *protocol; /* which the image was found to be */
	int pagemap_fd;         /* this process's; -1: the host has none */
	struct kvm kvm;         /* fd -1: not open */
	struct host_facts facts; /* all zero: each machine finds them */
	struct snapshot snapshot;
	uint8_t *state;         /* the snapshot's, where it was taken in this process */
	struct snapshot_dir *dir; /* … or where it was read from a directory */
};

/* What a guest prints. */
struct output {
	void (*give)(void *context, const char *bytes, size_t count);
	void *context;
	int fd;                 /* -1: none */
	int fd_errnum;          /* why it takes nothing any more */
	char *kept;             /* room for the template's console_bytes */
	size_t kept_bytes, kept_max;
	uint64_t bytes, dropped;
	struct watch *watch;
};

struct kvick_vm {
	size_t bytes;           /* of memory that it is in */
	struct kvick_template *of;
	struct watch watch;
	struct output output;
	struct machine_config config;
	struct invocation invocation;
	bool machine_is_made;   /* else nothing is left of it: a reset has failed */
	enum kvick_outcome outcome;
	struct error reason;
	uint64_t reset_ns, resets;
	struct machine machine;
};

/* Fills in the caller's error of ours, and returns what the function is to. r: 0 or -errno. */
int library_result(struct kvick_error *to, const struct error *error, int r);

struct kvick_options *options_copy(const struct kvick_options *options);

/* A machine's configuration, all but what is the machine's own: stop, console. */
void template_config(const struct kvick_template *from, struct machine_config *config);

void template_use(struct kvick_template *from); /* kvick_template_free() ends it */

/* kvick_vm_new(). */
int vm_new(struct kvick_vm **made, struct kvick_template *from, struct error *error);

/*
 * Runs a machine until it has an outcome, which vm_result() tells: 0, or -errno with `error` set. The former likewise where it
 * cannot run.
 */
int vm_go(struct kvick_vm *vm, uint64_t timeout_ns, struct error *error);
int vm_result(struct kvick_vm *vm, struct error *error);

/* Bytes of guest RAM, or of ours, to where output goes. For struct console. */
void output_take(void *output, const uint8_t *from, uint64_t bytes);

#endif
