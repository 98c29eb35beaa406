/* SPDX-License-Identifier: Apache-2.0 */
/* The console device, without VIRTIO_CONSOLE_F_MULTIPORT: virtio 1.2, 5.3. Queue 0 is port 0's input, queue 1 its output. */
#include <stdlib.h>
#include <string.h>

#include "virtio.h"

#define INPUT  0
#define OUTPUT 1

#define INPUT_BUFFERS 8
#define INPUT_BYTES   256

#define F_SIZE (1ull << 0) /* 5.3.3 */

struct kvick_port {
	struct virtio virtio;
	char *current; /* a buffer that is being read; NULL: none */
	uint32_t at, end;
	char input[INPUT_BUFFERS][INPUT_BYTES];
};

static void give_buffer(struct kvick_port *port, char *buffer)
{
	struct vq_segment to = segment(buffer, INPUT_BYTES);

	kvick_virtio_add(&port->virtio, INPUT, &to, 0, 1, buffer);
}

struct kvick_port *kvick_port_open(int device)
{
	struct kvick_port *port = malloc(sizeof(*port));

	if (!port || kvick_virtio_open(&port->virtio, device, KVICK_ID_CONSOLE, F_SIZE, 2, INPUT_BUFFERS) < 0) {
		free(port);
		return NULL;
	}
	port->current = NULL;
	for (unsigned i = 0; i < INPUT_BUFFERS; i++)
		give_buffer(port, port->input[i]); /* a smaller ring takes fewer */
	kvick_virtio_notify(&port->virtio);
	return port;
}

void kvick_port_close(struct kvick_port *port)
{
	kvick_virtio_close(&port->virtio);
	free(port);
}

void kvick_port_size(const struct kvick_port *port, unsigned *columns, unsigned *rows)
{
	uint16_t size[2] = { 0 }; /* 5.3.4 */

	if (port->virtio.features & F_SIZE)
		kvick_device_config(port->virtio.listed, 0, size, sizeof(size));
	*columns = size[0];
	*rows = size[1];
}

int64_t kvick_port_read(struct kvick_port *port, void *buffer, size_t bytes)
{
	void *cookie;
	int r;

	while (!port->current) {
		r = vq_take(&port->virtio.queue[INPUT], &cookie, &port->end);
		if (r <= 0)
			return r;
		port->at = 0;
		if (port->end > 0)
			port->current = cookie;
		else
			give_buffer(port, cookie);
	}
	if (bytes > port->end - port->at)
		bytes = port->end - port->at;
	memcpy(buffer, port->current + port->at, bytes);
	port->at += (uint32_t)bytes;
	if (port->at == port->end) {
		give_buffer(port, port->current);
		port->current = NULL;
	}
	return (int64_t)bytes;
}

int64_t kvick_port_write(struct kvick_port *port, const void *data, uint32_t bytes)
{
	struct vq_segment from = segment(data, bytes);
	int64_t r = bytes ? kvick_virtio_transfer(&port->virtio, OUTPUT, &from, 1, 0) : 0;

	return r < 0 ? r : bytes;
}

int64_t kvick_port_wait(struct kvick_port *port, uint64_t timeout_ns)
{
	return port->current ? 1 : kvick_virtio_wait(&port->virtio, 1u << INPUT, timeout_ns);
}
