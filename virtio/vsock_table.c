/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio/vsock_table.h"

#include <assert.h>
#include <stddef.h>

void vsock_list_move(struct vsock_connection *c, struct vsock_list *to)
{
	struct vsock_list *from = c->in;

	if (from) {
		*(c->previous ? &c->previous->next : &from->first) = c->next;
		*(c->next ? &c->next->previous : &from->last) = c->previous;
		from->count--;
	}
	c->in = to;
	c->next = NULL;
	c->previous = to ? to->last : NULL;
	if (to) {
		*(to->last ? &to->last->next : &to->first) = c;
		to->last = c;
		to->count++;
	}
}

struct vsock_connection *vsock_table_free(struct vsock_table *table)
{
	if (table->free_few.first)
		return table->free_few.first;
	if (table->free_many.first) /* the few are all taken, then */
		return table->free_many.first;
	return table->top < VSOCK_CONNECTIONS ? &table->places[table->top] : NULL;
}

void vsock_table_take(struct vsock_table *table, struct vsock_connection *c)
{
	assert(c->state == VSOCK_FREE);
	if (vsock_table_number(table, c) == table->top)
		table->top++;
	vsock_list_move(c, NULL);
	*c = (struct vsock_connection){ .fd = -1 };
}

/*
 * Ports are the guest's to choose, and so it can have all its connections in one list: then a packet costs it a walk along
 * them, in its own time.
 */
static struct vsock_connection **bucket(struct vsock_table *table, uint32_t host_port, uint32_t guest_port)
{
	uint64_t hash = ((uint64_t)host_port << 32 | guest_port) * 0x9e3779b97f4a7c15u;

	_Static_assert((VSOCK_CONNECTIONS & (VSOCK_CONNECTIONS - 1)) == 0, "a power of two");
	return &table->named[(hash >> 32) % VSOCK_CONNECTIONS];
}

static void forget_name(struct vsock_table *table, struct vsock_connection *c)
{
	struct vsock_connection **at = bucket(table, c->host_port, c->guest_port);

	while (*at != c)
		at = &(*at)->next_named;
	*at = c->next_named;
	c->named = false;
}

void vsock_table_give_back(struct vsock_table *table, struct vsock_connection *c)
{
	if (c->named)
		forget_name(table, c);
	c->state = VSOCK_FREE;
	vsock_list_move(c, vsock_table_number(table, c) < VSOCK_FEW ? &table->free_few : &table->free_many);
}

void vsock_table_name(struct vsock_table *table, struct vsock_connection *c, uint32_t host_port, uint32_t guest_port)
{
	struct vsock_connection **at = bucket(table, host_port, guest_port);

	assert(!c->named && c->state != VSOCK_FREE);
	c->host_port = host_port;
	c->guest_port = guest_port;
	c->named = true;
	c->next_named = *at;
	*at = c;
}

struct vsock_connection *vsock_table_find(struct vsock_table *table, uint32_t host_port, uint32_t guest_port)
{
	struct vsock_connection *c = *bucket(table, host_port, guest_port);

	while (c && (c->host_port != host_port || c->guest_port != guest_port))
		c = c->next_named;
	return c;
}
