/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Echoes a virtio console's lines back to it, until one says "quit" or nothing came for SECONDS (for ever unless said).
 *
 *	consolecat [SECONDS]
 *
 * What it says of itself, the console's size among it, goes to the native console.
 */
#include <kvick_virtio.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S UINT64_C(1000000000)

struct line {
	char text[512];
	uint32_t bytes;
};

static void say_size(const struct kvick_port *port, unsigned *columns, unsigned *rows)
{
	unsigned c, r;

	kvick_port_size(port, &c, &r);
	if (c == *columns && r == *rows)
		return;
	*columns = c;
	*rows = r;
	printf("consolecat: %ux%u\n", c, r);
	fflush(stdout);
}

/* Takes what came, and echoes each line once it is whole (or as long as a line can be). False: the last one was "quit". */
static bool echo(struct kvick_port *port, struct line *line, unsigned *lines)
{
	char c;

	while (kvick_port_read(port, &c, 1) == 1) {
		line->text[line->bytes++] = c;
		if (c != '\n' && line->bytes < sizeof(line->text))
			continue;
		if (kvick_port_write(port, line->text, line->bytes) < 0)
			return false;
		++*lines;
		if (line->bytes == 5 && memcmp(line->text, "quit\n", 5) == 0)
			return false;
		line->bytes = 0;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct kvick_port *port = kvick_port_open(kvick_device_find(KVICK_ID_CONSOLE, getenv("DEVICE")));
	uint64_t timeout_ns = argc > 1 ? strtoull(argv[1], NULL, 10) * NS_PER_S : KVICK_FOREVER;
	unsigned lines = 0, columns = ~0u, rows = ~0u;
	struct line line = { .bytes = 0 };
	int64_t r = 1;

	if (!port) {
		puts("consolecat: no console");
		return 1;
	}
	do {
		say_size(port, &columns, &rows);
		if (!echo(port, &line, &lines))
			break;
		r = kvick_port_wait(port, timeout_ns);
	} while (r > 0);
	kvick_port_close(port);
	printf("consolecat: %u lines\n", lines);
	return r < 0;
}
