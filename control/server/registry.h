/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that there are. */
#ifndef KVICK_CONTROL_SERVER_REGISTRY_H
#define KVICK_CONTROL_SERVER_REGISTRY_H

#include <sys/queue.h>

#include "control/server/function.h"

#define REGISTRY_HASH 256u

struct registry {
	struct server *server;
	TAILQ_HEAD(function_list, function) functions; /* in the order of their registration */
	LIST_HEAD(, function) by_name[REGISTRY_HASH];
	unsigned count;
	unsigned ending; /* removed, and their workers not gone yet */
	uint8_t *ids;    /* of options.first_id to last_id: which are somebody's */
};

void registry_begin(struct registry *registry, struct server *server);

void registry_end(struct registry *registry);

bool registry_full(const struct registry *registry);
struct function *registry_find(struct registry *registry, const char *name);
/* Takes what is in `config`, and starts it. The name is free, and registry_full() was not. */
struct function *registry_add(struct registry *registry, struct function_config *config);
/* Its invocations end; it itself stays until its worker is gone. */
void registry_remove(struct registry *registry, struct function *function);
/* Its worker is. Frees it. */
void registry_gone(struct registry *registry, struct function *function);
void registry_remove_all(struct registry *registry);

#endif
