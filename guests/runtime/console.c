/* SPDX-License-Identifier: Apache-2.0 */
/* Text on its way to the VMM, through the buffer in the boot info page. */
#include <stdbool.h>
#include <string.h>

#include "runtime.h"

FILE kvick_console;

static int64_t console_call(const void *data, size_t bytes)
{
	struct kvick_call call = { .nr = KVICK_CALL_CONSOLE_WRITE, .arg = { (uintptr_t)data, bytes } };

	kvick_hypercall(&call);
	return call.ret;
}

int fflush(FILE *stream)
{
	(void)stream;
	if (__atomic_load_n(&kvick_boot()->console.used, __ATOMIC_RELAXED))
		console_call(NULL, 0); /* any exit would do */
	return 0;
}

/* Appends what fits; returns how much that was. */
static size_t append(const void *data, size_t bytes)
{
	struct kvick_console_buffer *console = &kvick_boot()->console;
	uint32_t used, n;

	/*
	 * The VMM may empty the buffer between any two instructions, when the host interrupts it.
	 * Then `used` is no longer what it was, and the bytes went to the wrong place.
	 */
	do {
		used = __atomic_load_n(&console->used, __ATOMIC_RELAXED);
		if (used > KVICK_BOOT_CONSOLE_BYTES)
			__builtin_trap(); /* overwritten: nothing can be printed any more */
		n = KVICK_BOOT_CONSOLE_BYTES - used;
		if (n > bytes)
			n = (uint32_t)bytes;
		memcpy(&console->bytes[used], data, n);
	} while (!__atomic_compare_exchange_n(&console->used, &used, used + n, false, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
	return n;
}

void kvick_console_write(const void *data, size_t bytes)
{
	const char *at = data;
	size_t left = bytes;

	/* Too long for the buffer: the VMM prints that first, then reads the text where it is. */
	while (left > KVICK_BOOT_CONSOLE_BYTES) {
		int64_t n = console_call(at, left);

		if (n <= 0)
			break; /* mapped by the guest itself: only a copy has a known physical address */
		at += n;
		left -= (size_t)n;
	}
	while (left > 0) {
		size_t n = append(at, left);

		at += n;
		left -= n;
		if (left > 0)
			fflush(stdout);
	}
	if (kvick_console.mode == _IONBF || (kvick_console.mode == _IOLBF && memchr(data, '\n', bytes)))
		fflush(stdout);
}

int setvbuf(FILE *stream, char *buffer, int mode, size_t bytes)
{
	(void)buffer;
	(void)bytes;
	if (mode < _IOFBF || mode > _IONBF)
		return -1;
	stream->mode = mode;
	return 0;
}

int fputs(const char *s, FILE *stream)
{
	(void)stream;
	kvick_console_write(s, strlen(s));
	return 0;
}

int puts(const char *line)
{
	fputs(line, stdout);
	kvick_console_write("\n", 1);
	return 0;
}

int putchar(int c)
{
	char byte = (char)c;

	kvick_console_write(&byte, 1);
	return (unsigned char)byte;
}

size_t fwrite(const void *data, size_t size, size_t count, FILE *stream)
{
	(void)stream;
	kvick_console_write(data, size * count);
	return count;
}
