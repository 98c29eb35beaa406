/* SPDX-License-Identifier: Apache-2.0 */
/* The entropy device: virtio 1.2, 5.4. One queue, of buffers to be filled. */
#include <stdlib.h>

#include "virtio.h"

struct kvick_rng {
	struct virtio virtio;
};

struct kvick_rng *kvick_rng_open(int device)
{
	struct kvick_rng *rng = malloc(sizeof(*rng));

	if (rng && kvick_virtio_open(&rng->virtio, device, KVICK_ID_ENTROPY, 0, 1, 8) < 0) {
		free(rng);
		return NULL;
	}
	return rng;
}

void kvick_rng_close(struct kvick_rng *rng)
{
	kvick_virtio_close(&rng->virtio);
	free(rng);
}

int64_t kvick_rng_read(struct kvick_rng *rng, void *buffer, uint32_t bytes)
{
	struct vq_segment to = segment(buffer, bytes);

	return kvick_virtio_transfer(&rng->virtio, 0, &to, 0, 1);
}
