/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "control/commands.h"
#include "loader/image.h"
#include "vmm/error.h"

COLD int command_take_protocol(const char *value, const struct protocol **protocol, struct error *error)
{
	char names[128];

	*protocol = image_protocol(value);
	return *protocol ? 0 : error_set(error, ERROR_USAGE, EINVAL, "--protocol %s: no such protocol: write one of %s", value,
					 image_protocol_names(names, sizeof(names)));
}
