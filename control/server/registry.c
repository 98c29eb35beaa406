/* SPDX-License-Identifier: Apache-2.0 */
#include "control/server/registry.h"

#include <stdlib.h>
#include <string.h>

#include "control/server/server.h"

static unsigned hash(const char *name)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 16777619u;
	return h % REGISTRY_HASH;
}

/* How many IDs workers may have; 0: they stay what kvickd is. */
static uint64_t id_count(const struct registry *registry)
{
	const struct server_options *options = &registry->server->options;

	return options->first_id ? options->last_id - options->first_id + 1 : 0;
}

void registry_begin(struct registry *registry, struct server *server)
{
	registry->server = server;
	TAILQ_INIT(&registry->functions);
	/* No more than there may be functions are ever used. */
	if (id_count(registry) > server->options.functions_max)
		server->options.last_id = server->options.first_id + server->options.functions_max - 1;
	if (id_count(registry))
		registry->ids = memory_get(id_count(registry));
}

void registry_end(struct registry *registry)
{
	if (!registry->server)
		return;
	/* Those whose workers have not been started; all others are gone, but where the loop was broken off. */
	registry_remove_all(registry);
	free(registry->ids);
}

/* An ID is free again when the last process that had it is gone. */
bool registry_full(const struct registry *registry)
{
	unsigned there = registry->count + registry->ending;

	return there >= registry->server->options.functions_max || (registry->ids && there >= id_count(registry));
}

struct function *registry_find(struct registry *registry, const char *name)
{
	struct function *function;

	LIST_FOREACH(function, &registry->by_name[hash(name)], chain) {
		if (strcmp(function->config.name, name) == 0)
			return function;
	}
	return NULL;
}

struct function *registry_add(struct registry *registry, struct function_config *config)
{
	struct function *function;
	uint64_t id = 0;

	while (registry->ids && registry->ids[id])
		id++;
	if (registry->ids)
		registry->ids[id] = 1;
	function = function_new(registry->server, config,
				registry->ids ? (uint32_t)(registry->server->options.first_id + id) : 0);
	TAILQ_INSERT_TAIL(&registry->functions, function, link);
	LIST_INSERT_HEAD(&registry->by_name[hash(function->config.name)], function, chain);
	registry->count++;
	return function;
}

void registry_remove(struct registry *registry, struct function *function)
{
	struct invocation *invocation;
	enum ending ending = registry->server->draining ? ENDING_DRAINED : ENDING_REMOVED;

	TAILQ_REMOVE(&registry->functions, function, link);
	LIST_REMOVE(function, chain);
	registry->count--;
	registry->ending++;
	function->removed = true;
	if (function->creator) /* kvickd ends: whoever leaves, or was answered, is no creator any more */
		request_error(function->creator, MHD_HTTP_SERVICE_UNAVAILABLE, "stopping", "kvickd is stopping");
	function->creator = NULL;
	while ((invocation = TAILQ_FIRST(&function->queue)))
		invocation_stop(invocation, ending, NULL);
	for (uint32_t i = 0; i < function->config.concurrency; i++) {
		invocation = function->slots[i].invocation;
		if (invocation && invocation->state == INVOCATION_RUNNING)
			invocation_over(invocation, ending, NULL);
	}
	if (function->worker.state == WORKER_NONE)
		registry_gone(registry, function);
	else
		worker_kill(&function->worker, "the function was removed");
}

void registry_gone(struct registry *registry, struct function *function)
{
	if (function->id)
		registry->ids[function->id - registry->server->options.first_id] = 0;
	registry->ending--;
	function_end(function);
	server_drained(registry->server);
}

void registry_remove_all(struct registry *registry)
{
	struct function *function;

	while ((function = TAILQ_FIRST(&registry->functions)))
		registry_remove(registry, function);
}
