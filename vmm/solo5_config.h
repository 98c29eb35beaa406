/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator attaches to a Solo5 guest, by the names in its manifest: filled in by control/, never changed afterwards. */
#ifndef KVICK_VMM_SOLO5_CONFIG_H
#define KVICK_VMM_SOLO5_CONFIG_H

#include <stdint.h>

#include "virtio/config.h"

/* All that was said of one name; its device's `kind` is DEVICE_BLOCK or DEVICE_NET. */
struct solo5_attachment {
	const char *name;
	bool attached;          /* else only its sector size or its MAC was said */
	uint16_t block_bytes;   /* 0: not said */
	struct device_config device;
};

struct solo5_config {
	const struct solo5_attachment *list;
	unsigned count;
};

#endif
