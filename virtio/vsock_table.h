/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections of a socket device: places for them, found by their ports, and lists of those that wait for something. None of
 * this takes longer where there are more of them, and a place that was never used has never been touched.
 *
 * All zero is an empty table.
 */
#ifndef KVICK_VIRTIO_VSOCK_TABLE_H
#define KVICK_VIRTIO_VSOCK_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#define VSOCK_CONNECTIONS 4096u
/*
 * The credit of a connection, and its buffer: so much that a stream costs an exit each 512 KiB, for the first few that there are at
 * a time. A guest can have all of it filled, so the others get less. Powers of two.
 */
#define VSOCK_FEW         64u
#define VSOCK_FEW_BYTES   524288u
#define VSOCK_MANY_BYTES  32768u

enum vsock_state {
	VSOCK_FREE,
	VSOCK_HELLO,  /* a program has connected to us, and has not said to which port */
	VSOCK_ASKED,  /* the guest has been asked, or is to be */
	VSOCK_OPEN,
	VSOCK_ENDING, /* the descriptor is closed; a reset is owed to the guest */
};

struct vsock_list {
	struct vsock_connection *first, *last;
	unsigned count;
};

struct vsock_connection {
	enum vsock_state state;
	int fd;
	uint32_t host_port, guest_port;
	unsigned owed;                    /* bits 1 << VIRTIO_VSOCK_OP_* */
	bool readable, writable, hung_up; /* the descriptor, as far as we know */
	bool at_end;                      /* of what the host sends */
	bool deaf;                        /* the host takes nothing any more, but may have sent something yet */
	unsigned guest_shut, told_shut;   /* VIRTIO_VSOCK_SHUTDOWN_* */
	unsigned shut_down;               /* what of guest_shut has been passed on */
	/* 5.10.6.3: counters run freely. */
	uint32_t received, forwarded, forwarded_told;
	uint32_t sent, guest_buffer, guest_forwarded;
	/* The table's own. */
	bool named;
	struct vsock_connection *next_named; /* of those whose ports have the same hash */
	struct vsock_list *in;               /* NULL: none */
	struct vsock_connection *previous, *next;
};

struct vsock_table {
	unsigned top;                            /* places from here on were never used */
	struct vsock_list free_few, free_many;   /* below top */
	struct vsock_connection places[VSOCK_CONNECTIONS];
	struct vsock_connection *named[VSOCK_CONNECTIONS]; /* by hash */
	uint8_t few[VSOCK_FEW][VSOCK_FEW_BYTES], many[VSOCK_CONNECTIONS - VSOCK_FEW][VSOCK_MANY_BYTES];
};

/* To the end of a list, out of the one that it is in. NULL: into none. */
void vsock_list_move(struct vsock_connection *c, struct vsock_list *to);

/* The place that is to be taken next, and stays free until it is; NULL: there is none. */
struct vsock_connection *vsock_table_free(struct vsock_table *table);
void vsock_table_take(struct vsock_table *table, struct vsock_connection *c);
void vsock_table_give_back(struct vsock_table *table, struct vsock_connection *c);

/* From now on it is found by its ports. */
void vsock_table_name(struct vsock_table *table, struct vsock_connection *c, uint32_t host_port, uint32_t guest_port);
struct vsock_connection *vsock_table_find(struct vsock_table *table, uint32_t host_port, uint32_t guest_port);

/* Its place's number, which epoll is told. */
static inline uint64_t vsock_table_number(const struct vsock_table *table, const struct vsock_connection *c)
{
	return (uint64_t)(c - table->places);
}

/* 5.10.6.3, buf_alloc; and the buffer that it is the length of. */
static inline uint32_t vsock_table_credit(const struct vsock_table *table, const struct vsock_connection *c)
{
	return vsock_table_number(table, c) < VSOCK_FEW ? VSOCK_FEW_BYTES : VSOCK_MANY_BYTES;
}

static inline uint8_t *vsock_table_buffer(struct vsock_table *table, const struct vsock_connection *c)
{
	uint64_t i = vsock_table_number(table, c);

	return i < VSOCK_FEW ? table->few[i] : table->many[i - VSOCK_FEW];
}

#endif
