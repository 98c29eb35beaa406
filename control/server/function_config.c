/* SPDX-License-Identifier: Apache-2.0 */
#include "control/server/function_config.h"

#include <stdlib.h>
#include <string.h>

#include "control/server/memory.h"
#include "control/worker/protocol.h"

#define NS_PER_MS       1000000ull
#define STRINGS_MAX     24576u /* twice this, and a header, fit into one control message (WORKER_CONTROL_BYTES_MAX) */
#define DEFAULT_TIMEOUT (30000 * NS_PER_MS)
#define CONCURRENCY     16u    /* unless said otherwise */

#define AT(member) offsetof(struct function_config, member)

enum { NAME, IMAGE, SNAPSHOT, MEMORY, CONCURRENCY_, WARM, QUEUE, TIMEOUT, ENVIRONMENT, ARGUMENTS, FIELDS };

static const struct field fields[FIELDS] = {
	[NAME] = { "name", FIELD_NAME, true, 1, FUNCTION_NAME_BYTES_MAX, AT(name) },
	[IMAGE] = { "image", FIELD_PATH, false, 1, FUNCTION_PATH_BYTES_MAX, AT(image) },
	[SNAPSHOT] = { "snapshot", FIELD_PATH, false, 1, FUNCTION_PATH_BYTES_MAX, AT(snapshot) },
	[MEMORY] = { "memory", FIELD_SIZE, false, WORKER_MEMORY_BYTES_MIN, WORKER_MEMORY_BYTES_MAX, AT(memory_bytes) },
	[CONCURRENCY_] = { "concurrency", FIELD_INTEGER, false, 1, FUNCTION_CONCURRENCY_MAX, AT(concurrency) },
	[WARM] = { "warm", FIELD_INTEGER, false, 0, FUNCTION_CONCURRENCY_MAX, AT(warm) },
	[QUEUE] = { "queue", FIELD_INTEGER, false, 0, 1000000, AT(queue) },
	[TIMEOUT] = { "timeout", FIELD_DURATION, false, NS_PER_MS, 3600000 * NS_PER_MS, AT(timeout_ns) },
	[ENVIRONMENT] = { "environment", FIELD_VARIABLES, false, 0, STRINGS_MAX, AT(environment) },
	[ARGUMENTS] = { "arguments", FIELD_STRINGS, false, 0, STRINGS_MAX, AT(arguments) },
};

int function_config_take(const json_t *root, uint64_t queue_max, struct function_config *config, struct fields_error *error)
{
	uint32_t seen;
	int r;

	*config = (struct function_config){ .concurrency = CONCURRENCY, .warm = 1, .queue = queue_max,
					    .timeout_ns = DEFAULT_TIMEOUT };
	r = fields_take(root, fields, FIELDS, config, &seen, error);
	if (r < 0)
		return r;
	if (!(seen & (1u << IMAGE | 1u << SNAPSHOT)))
		return fields_refuse(error, "missing_field", "image", "an image or a snapshot must be there");
	if ((seen & 1u << IMAGE) && (seen & 1u << SNAPSHOT))
		return fields_refuse(error, "invalid_field", "snapshot", "an image and a snapshot: only one of them may be there");
	if ((seen & 1u << MEMORY) && (seen & 1u << SNAPSHOT))
		return fields_refuse(error, "invalid_field", "memory", "a snapshot has memory of its own");
	if (config->memory_bytes % WORKER_MEMORY_PAGE_BYTES)
		return fields_refuse(error, "invalid_field", "memory", "must be whole pages of %u bytes", WORKER_MEMORY_PAGE_BYTES);
	if (config->warm > config->concurrency)
		return fields_refuse(error, "out_of_range", "warm", "must be at most concurrency, %llu",
				     (unsigned long long)config->concurrency);
	if (config->queue > queue_max)
		return fields_refuse(error, "out_of_range", "queue", "must be at most %llu here", (unsigned long long)queue_max);
	return 0;
}

void function_config_end(struct function_config *config)
{
	free(config->environment.bytes);
	free(config->arguments.bytes);
	config->environment = config->arguments = (struct fields_strings){ 0 };
}

static json_t *array_of(const struct fields_strings *strings)
{
	json_t *array = json_array();
	const char *each = strings->bytes;

	for (uint32_t i = 0; i < strings->count; i++, each += strlen(each) + 1)
		json_array_append_new(array, json_string(each));
	return array;
}

static json_t *object_of(const struct fields_strings *strings)
{
	json_t *object = json_object();
	const char *each = strings->bytes;

	for (uint32_t i = 0; i < strings->count; i++, each += strlen(each) + 1) {
		const char *equals = strchr(each, '=');
		char *name = memory_string(each);

		name[equals - each] = '\0';
		json_object_set_new(object, name, json_string(equals + 1));
		free(name);
	}
	return object;
}

json_t *function_config_json(const struct function_config *config)
{
	json_t *object = json_pack("{s:s, s:I, s:I, s:I, s:I, s:o, s:o}", "name", config->name,
				   "concurrency", (json_int_t)config->concurrency, "warm", (json_int_t)config->warm,
				   "queue", (json_int_t)config->queue, "timeout", (json_int_t)(config->timeout_ns / NS_PER_MS),
				   "environment", object_of(&config->environment), "arguments", array_of(&config->arguments));

	json_object_set_new(object, config->image[0] ? "image" : "snapshot",
			    json_string(config->image[0] ? config->image : config->snapshot));
	if (config->memory_bytes)
		json_object_set_new(object, "memory", json_integer((json_int_t)config->memory_bytes));
	return object;
}
