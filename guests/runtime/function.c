/* SPDX-License-Identifier: Apache-2.0 */
/* A function: from the word that it is ready to its reply. */
#include <kvick_function.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

/* Requests that fit are not fetched by a call of their own. Only the pages that one fills are ever touched. */
#define INBOX_BYTES 65536

#define TEXT_BYTES 1024

static uint8_t inbox[INBOX_BYTES] __attribute__((aligned(4096)));

void kvick_reply_is(struct kvick_reply *reply, const void *at, size_t bytes)
{
	reply->at = at;
	reply->bytes = bytes;
}

int kvick_reply_put(struct kvick_reply *reply, const void *from, size_t bytes)
{
	size_t needed;

	if (__builtin_add_overflow(reply->bytes, bytes, &needed))
		return -KVICK_ENOMEM;
	if (reply->at != reply->own || needed > reply->room) {
		size_t room = reply->at == reply->own && needed < 2 * reply->room ? 2 * reply->room : needed;
		uint8_t *own = malloc(room ? room : 1);

		if (!own)
			return -KVICK_ENOMEM;
		memcpy(own, reply->at, reply->bytes);
		free(reply->own);
		reply->at = reply->own = own;
		reply->room = room;
	}
	memcpy(reply->own + reply->bytes, from, bytes);
	reply->bytes = needed;
	return 0;
}

int kvick_reply_printf(struct kvick_reply *reply, const char *format, ...)
{
	char text[TEXT_BYTES];
	va_list arguments;

	va_start(arguments, format);
	int bytes = vsnprintf(text, sizeof(text), format, arguments);

	va_end(arguments);
	return kvick_reply_put(reply, text, bytes < TEXT_BYTES ? (size_t)bytes : TEXT_BYTES - 1);
}

static size_t text_bytes(const char *text, size_t bytes)
{
	return bytes && text[bytes - 1] == '\n' ? bytes - 1 : bytes;
}

int kvick_request_is(const void *request, size_t bytes, const char *word)
{
	bytes = text_bytes(request, bytes);
	return bytes == strlen(word) && memcmp(request, word, bytes) == 0;
}

int kvick_request_number(const void *request, size_t bytes, uint64_t *number)
{
	const char *text = request;
	uint64_t value = 0;

	bytes = text_bytes(text, bytes);
	for (size_t i = 0; i < bytes; i++) {
		unsigned digit = (unsigned)text[i] - '0';

		if (digit > 9 || __builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value))
			return 0;
	}
	*number = value;
	return bytes > 0;
}

/* All of a request that did not fit. */
static const void *fetch(size_t bytes)
{
	void *all = malloc(bytes);
	struct kvick_call call = { .nr = KVICK_CALL_REQUEST, .arg = { (uintptr_t)all, bytes } };

	if (!all) {
		printf("function: no memory for a request of %zu bytes\n", bytes);
		kvick_exit(1);
	}
	kvick_hypercall(&call);
	if (call.ret != (int64_t)bytes)
		kvick_panic("function: the VMM does not hand out the request");
	return all;
}

/* Nothing of what called it returns: the stack guard may be another one from here on. */
__attribute__((no_stack_protector)) void kvick_serve(kvick_handler *handler)
{
	struct kvick_call ready = { .nr = KVICK_CALL_READY, .arg = { (uintptr_t)inbox, sizeof(inbox) } };
	struct kvick_reply reply = { 0 };

	kvick_hypercall(&ready);
	if (ready.ret < 0)
		kvick_panic("function: this VMM has no functions, or has asked already");
	kvick_take_stack_guard();

	size_t bytes = (size_t)ready.ret;
	const void *request = bytes <= sizeof(inbox) ? inbox : fetch(bytes);
	kvick_boot()->guest_tsc[KVICK_TSC_HANDLER] = kvick_rdtsc();
	int status = handler(request, bytes, &reply);
	struct kvick_call done = {
		.nr = KVICK_CALL_REPLY,
		.arg = { (uintptr_t)reply.at, reply.bytes, KVICK_REPLY_EXIT, (uint64_t)status },
	};

	kvick_hypercall(&done);
	kvick_panic("function: the VMM does not take the reply");
}
