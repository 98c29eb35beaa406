/* SPDX-License-Identifier: Apache-2.0 */
/* What a function is: what its owner said, validated, and as JSON again. */
#ifndef KVICK_CONTROL_SERVER_FUNCTION_CONFIG_H
#define KVICK_CONTROL_SERVER_FUNCTION_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/server/fields.h"

#define FUNCTION_NAME_BYTES_MAX 63u
#define FUNCTION_PATH_BYTES_MAX 1023u
#define FUNCTION_CONCURRENCY_MAX 1024u

struct function_config {
	char name[FUNCTION_NAME_BYTES_MAX + 1];
	char image[FUNCTION_PATH_BYTES_MAX + 1];    /* one of the two is empty */
	char snapshot[FUNCTION_PATH_BYTES_MAX + 1];
	uint64_t memory_bytes; /* 0: what the image asks for */
	uint64_t concurrency, warm, queue;
	uint64_t timeout_ns;
	struct fields_strings environment, arguments;
};

/* 0 or -EINVAL. function_config_end() in either case. */
int function_config_take(const json_t *root, uint64_t queue_max, struct function_config *config, struct fields_error *error);
void function_config_end(struct function_config *config);
json_t *function_config_json(const struct function_config *config);

#endif
