/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host facts, remembered until the next boot: one line in $XDG_RUNTIME_DIR/kvick/host-facts, or
 * /run/kvick/host-facts for root. Both are emptied when the host boots.
 *
 * The line names the /dev/kvm that it was measured on (a module loaded anew makes a new node), and
 * is believed only where nobody but this user could have written it.
 */
#ifndef KVICK_VMM_HOST_CACHE_H
#define KVICK_VMM_HOST_CACHE_H

#include <stdbool.h>

struct kvm;
struct sys;
struct host_facts;

#define HOST_CACHE_PATH_BYTES 256

/* Where it is, or would be; false where this user has no such place. */
bool host_cache_path(char path[HOST_CACHE_PATH_BYTES]);

bool host_cache_read(const struct kvm *kvm, struct host_facts *facts, struct sys *sys);

/* Best effort: a launch does not fail for want of a cache. Returns whether it was written. */
bool host_cache_write(const struct kvm *kvm, const struct host_facts *facts, struct sys *sys);

#endif
