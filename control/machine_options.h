/* SPDX-License-Identifier: Apache-2.0 */
/* --machine: what a PC's guest expects besides what every PC has. */
#ifndef KVICK_CONTROL_MACHINE_OPTIONS_H
#define KVICK_CONTROL_MACHINE_OPTIONS_H

#include "vmm/pc/config.h"

struct error;

/* Words between commas, added to what is there: the option may be repeated. 0 or -errno with `error` set. */
int machine_options(struct pc_config *config, const char *words, struct error *error);

#endif
