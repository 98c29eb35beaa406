/* SPDX-License-Identifier: Apache-2.0 */
/* --block:NAME=PATH and the like, as Solo5's own hosts have them: what is attached to the names in a manifest. */
#ifndef KVICK_CONTROL_SOLO5_OPTIONS_H
#define KVICK_CONTROL_SOLO5_OPTIONS_H

#include <kvick/solo5.h>

#include "vmm/solo5_config.h"

struct error;

struct solo5_options {
	unsigned count;
	struct solo5_attachment list[SOLO5_ENTRIES_MAX - 1];
};

/*
 * Each takes what follows the colon, "NAME=VALUE", which is cut up where it is. In any order; each once for a name. 0 or -errno
 * with `error` set.
 */
int solo5_options_block(struct solo5_options *options, char *text, struct error *error);
int solo5_options_sector_size(struct solo5_options *options, char *text, struct error *error);
int solo5_options_net(struct solo5_options *options, char *text, struct error *error);
int solo5_options_mac(struct solo5_options *options, char *text, struct error *error);

#endif
