/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A function: a handler that is given bytes and gives bytes. docs/FUNCTIONS.md.
 *
 *	static int handle(const void *request, size_t bytes, struct kvick_reply *reply)
 *	{
 *		kvick_reply_is(reply, request, bytes);
 *		return 0;
 *	}
 *
 *	int main(void)
 *	{
 *		kvick_serve(handle);
 *	}
 *
 * What comes before kvick_serve() is done once and is part of the snapshot; the handler is called once in each copy of that.
 */
#ifndef KVICK_FUNCTION_H
#define KVICK_FUNCTION_H

#include <kvick_guest.h>

struct kvick_reply {
	const void *at;
	size_t bytes;
	uint8_t *own; /* malloc'ed, by kvick_reply_put() */
	size_t room;
};

/* The reply is this memory, which is not copied: it must be as it is, and in the initial mapping, when the handler has returned. */
void kvick_reply_is(struct kvick_reply *reply, const void *at, size_t bytes);

/* Appends a copy; 0, or -KVICK_ENOMEM: there is no memory for it, and the reply is as it was. */
int kvick_reply_put(struct kvick_reply *reply, const void *from, size_t bytes);

/* Appends text, at most 1023 bytes of it. */
int kvick_reply_printf(struct kvick_reply *reply, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For requests that are text; a newline at the end is none of it. Is it this word? */
int kvick_request_is(const void *request, size_t bytes, const char *word);
/* Is it a number, in decimal digits? Then 1, and *number is that. */
int kvick_request_number(const void *request, size_t bytes, uint64_t *number);

/*
 * The request may be changed through a pointer that is not const: it is the handler's. What the handler returns becomes the exit
 * status (its low 8 bits), 0 for a good reply.
 */
typedef int kvick_handler(const void *request, size_t bytes, struct kvick_reply *reply);

/*
 * Tells the VMM that the guest is ready, calls the handler with the request that this brings, replies and ends. A request for which
 * there is no memory ends the guest with status 1, without a reply, and a line on the console.
 */
_Noreturn void kvick_serve(kvick_handler *handler);

#endif
