/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host facts, remembered until the next boot: one record in a file `host-facts`, in one of these folders:
 * $XDG_RUNTIME_DIR/kvick, /run/kvick for root, /dev/shm/kvick-UID. All are emptied at boot. It is written in the first that
 * is there or can be made, is this user's and takes it, and read from the first that holds one to be believed.
 * $KVICK_HOST_FACTS, an absolute path, names a folder to take instead of them all; empty is as good as not set.
 *
 * The record names the /dev/kvm that it was measured on (a module loaded anew makes a new node), and
 * is believed only where nobody but this user could have written it.
 */
#ifndef KVICK_VMM_HOST_CACHE_H
#define KVICK_VMM_HOST_CACHE_H

#include <stdbool.h>
#include <stdint.h>

struct cpu_table;
struct kvm;
struct sys;
struct host_facts;

#define HOST_CACHE_PATH_BYTES 256

/* On a miss the facts are all zero. */
bool host_cache_read(const struct kvm *kvm, struct host_facts *facts, struct sys *sys);

/*
 * Best effort: a launch does not fail for want of a cache. Returns whether it was written, and where: path, of
 * HOST_CACHE_PATH_BYTES, may be NULL.
 */
bool host_cache_write(const struct kvm *kvm, const struct host_facts *facts, char *path, struct sys *sys);

/* The same of what KVM_GET_SUPPORTED_CPUID says, in a file of its own: a sixth of a launch that asks. */
bool host_cache_read_cpuid(const struct kvm *kvm, struct cpu_table *table, struct sys *sys);
void host_cache_write_cpuid(const struct kvm *kvm, const struct cpu_table *table, struct sys *sys);

/*
 * What a scan has found in an image's text (x86/scan.h), all of it certain: guest-physical addresses, ascending. In one of a few
 * files, by a sum of the text as it is in memory and by the image file's identity, size and times. Not these alone: file systems
 * that are made anew with times of no meaning have all of them alike. One that has changed within the last seconds is not
 * remembered, for it may be about to change again. `count` on a miss: 0.
 */
#define HOST_CACHE_SITES_MAX 1024u
bool host_cache_read_scan(int image_fd, uint64_t text, uint64_t *sites, unsigned *count, struct sys *sys);
void host_cache_write_scan(int image_fd, uint64_t text, const uint64_t *sites, unsigned count, struct sys *sys);

#endif
