/* SPDX-License-Identifier: Apache-2.0 */
/* Methods and paths of the API: docs/openapi.json says the same. */
#ifndef KVICK_CONTROL_SERVER_ROUTES_H
#define KVICK_CONTROL_SERVER_ROUTES_H

#include <stddef.h>

struct request;

struct route {
	const char *method;
	const char *path; /* "*" is a part that is a name */
	size_t body_max;
	void (*handle)(struct request *request);
};

#define ROUTE_BODY_MAX (6u << 20) /* the largest of them */

/*
 * The route, and the name in it. NULL: there is no such path, and `allowed` is empty; or no such method, and it has those that
 * there are, as in Allow.
 */
const struct route *route_find(const char *method, const char *path, char *name, size_t name_room, char *allowed,
			       size_t allowed_room);

#endif
