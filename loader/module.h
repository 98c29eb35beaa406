/* SPDX-License-Identifier: Apache-2.0 */
/* A file that lies in RAM beside the image, as boot protocols with a list of them tell of it. */
#ifndef KVICK_LOADER_MODULE_H
#define KVICK_LOADER_MODULE_H

#include "vmm/guest_mem.h"

struct boot_module {
	struct memory_run run;
	const char *string; /* the caller's */
};

#endif
