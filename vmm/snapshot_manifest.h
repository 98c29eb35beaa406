/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a snapshot directory's manifest.json says (docs/SNAPSHOT.md): of what the snapshot is, what it needs of a host, and how
 * large and of which checksum its files are. A checksum tells of damage, not of malice.
 */
#ifndef KVICK_VMM_SNAPSHOT_MANIFEST_H
#define KVICK_VMM_SNAPSHOT_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio/config.h"
#include "vmm/snapshot_cpu.h"

struct error;
struct sys;

#define SNAPSHOT_DIR_FORMAT 1 /* of the directory and its manifest; the state's is SNAPSHOT_FORMAT (snapshot.h) */

#define SNAPSHOT_MANIFEST_BYTES_MAX (64u << 10)

struct snapshot_device {
	char kind[16];     /* as its option is called: "disk" */
	char id[32];
	char words[1024];  /* what the option said, with an absolute path; "": nothing, or what is a clone's own */
};

struct snapshot_file {
	uint64_t bytes, checksum;
};

struct snapshot_manifest {
	uint64_t format, state_format;
	char kvick[32];         /* version */
	char image[256], protocol[32];
	uint64_t ring;          /* 0 or 3, as the guest has it */
	bool deprivileged;
	bool ring0_native;      /* where it was taken */
	char cpu_model[16];
	uint64_t memory_bytes;  /* RAM */
	uint64_t behind_bytes;  /* what the memory file has behind it */
	char taken[16];         /* "ready", "after", "entry" */
	char taken_at[80];      /* 2026-11-30T18:05:33Z */
	struct snapshot_cpu cpu; /* features that the guest may be using */
	uint64_t device_count;
	struct snapshot_device devices[KVICK_DEVICES_MAX]; /* right behind their number: json.h */
	struct {
		struct snapshot_file state, memory;
	} files;
	uint64_t checksum;      /* of all before its key */
};

/* 0, or -EBADMSG, -ENOTSUP with an ERROR_IMAGE that names file, key and value. */
int snapshot_manifest_read(struct snapshot_manifest *manifest, const char *text, size_t bytes, const char *file,
			   struct error *error);

/* Formats and checksum are filled in. Returns how long it is; 0: max is too little. */
size_t snapshot_manifest_write(struct snapshot_manifest *manifest, char *text, size_t max);

/* Can it be restored here? 0, or an error that names what this host lacks; `name` is the snapshot's. */
int snapshot_manifest_check_host(const struct snapshot_manifest *manifest, const char *name, struct sys *sys, struct error *error);

/* "disk", "net", …: of a device, in manifests. */
const char *snapshot_device_name(enum device_kind kind);

/* XXH64. */
uint64_t snapshot_checksum(const void *bytes, size_t count, uint64_t seed);

#endif
