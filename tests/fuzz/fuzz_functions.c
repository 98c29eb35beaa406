/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON of functions: what clients and the file of state say of one. What is taken is taken again as it is said back, and is the
 * same; what is refused names a code and a reason.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "control/server/function_config.h"

#define QUEUE_MAX 1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void there_and_back(const struct function_config *config)
{
	struct function_config second;
	struct fields_error error;
	json_t *first_json = function_config_json(config), *second_json;

	assert(first_json && function_config_take(first_json, QUEUE_MAX, &second, &error) == 0);
	second_json = function_config_json(&second);
	assert(json_equal(first_json, second_json));
	json_decref(first_json);
	json_decref(second_json);
	function_config_end(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fields_error error = { 0 };
	struct function_config config = { 0 };
	json_t *root = fields_parse((const char *)data, size, &error);

	if (!root || function_config_take(root, QUEUE_MAX, &config, &error) < 0)
		assert(error.code && error.message[0]);
	else
		there_and_back(&config);
	function_config_end(&config);
	json_decref(root);
	return 0;
}
