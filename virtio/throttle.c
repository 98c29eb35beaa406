/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio/throttle.h"

#include <errno.h>

#include "virtio/device.h"
#include "vmm/sys.h"

static void timer_done(struct engine_op *op, int32_t result);

void virtio_throttle_init(struct virtio_device *d, const struct device_config *config)
{
	if (!device_is_limited(config))
		return; /* and its page is not touched */
	d->limited = true;
	/* A disk's queues are one thing to whoever pays for it; elsewhere one queue receives and the other sends. */
	d->throttle_count = config->kind == DEVICE_BLOCK ? 1 : VIRTIO_THROTTLES;
	for (unsigned i = 0; i < d->throttle_count; i++) {
		struct virtio_throttle *t = &d->throttles[i];

		limiter_init(&t->limiter, &config->operations, &config->bytes);
		t->device = d;
		t->timer = (struct engine_op){ .code = ENGINE_TIMEOUT, .done = timer_done, .context = t };
	}
}

static struct virtio_throttle *throttle_of(struct virtio_device *d, unsigned queue)
{
	return &d->throttles[queue % d->throttle_count];
}

/* ---- waiting ---- */

static void start_timer(struct virtio_throttle *t)
{
	t->ticking = true;
	engine_start(t->device->engine, &t->timer);
}

static void wait_for(struct virtio_throttle *t, uint64_t ns)
{
	t->waiting = true;
	t->timer.ns = ns;
	t->again = t->ticking;
	if (!t->ticking)
		start_timer(t);
}

static void hold_back(struct virtio_throttle *t, unsigned queue, uint64_t now_ns)
{
	struct virtio_metrics *m = &t->device->metrics[queue];

	if (t->queues & 1u << queue)
		return;
	t->queues |= 1u << queue;
	m->throttled++;
	m->throttled_since_ns = now_ns;
}

static void let_go(struct virtio_throttle *t, unsigned queue, uint64_t now_ns)
{
	struct virtio_metrics *m = &t->device->metrics[queue];

	t->queues &= ~(1u << queue);
	m->throttled_ns += now_ns > m->throttled_since_ns ? now_ns - m->throttled_since_ns : 0;
	virtq_resume(&t->device->queues[queue]);
}

/* The wait is over: each queue that waited goes on, until one of them has used up what there is. */
static void serve(struct virtio_throttle *t)
{
	struct virtio_device *d = t->device;
	uint64_t now = sys_now_ns(d->sys);
	unsigned first = t->next;

	for (unsigned i = 0; i < d->queue_count && !t->waiting && virtio_usable(d); i++) {
		unsigned queue = (first + i) % d->queue_count;

		if (!(t->queues & 1u << queue))
			continue;
		t->next = queue + 1;
		let_go(t, queue, now);
		d->ops->notify(d, queue);
	}
}

static void timer_done(struct engine_op *op, int32_t result)
{
	struct virtio_throttle *t = op->context;

	t->ticking = false;
	if (t->again) {
		t->again = false;
		start_timer(t);
	} else if (t->waiting && result != -ECANCELED) {
		t->waiting = false;
		serve(t);
	}
}

void virtio_throttle_stop(struct virtio_device *d)
{
	if (!d->limited)
		return;
	for (unsigned i = 0; i < d->throttle_count; i++) {
		struct virtio_throttle *t = &d->throttles[i];

		for (unsigned queue = 0; queue < d->queue_count && t->queues; queue++)
			if (t->queues & 1u << queue)
				let_go(t, queue, sys_now_ns(d->sys));
		t->waiting = t->again = false;
		if (t->ticking)
			engine_cancel(d->engine, &t->timer);
	}
}

/* ---- asking ---- */

bool virtio_throttle_ask(struct virtio_device *d, unsigned queue, uint64_t bytes)
{
	struct virtio_throttle *t = throttle_of(d, queue);
	uint64_t now, ns = 0;

	if (!virtio_usable(d))
		return false;
	now = sys_now_ns(d->sys);
	if (!t->waiting)
		ns = limiter_take(&t->limiter, now, bytes);
	if (ns > 0)
		wait_for(t, ns);
	if (t->waiting)
		hold_back(t, queue, now);
	return !t->waiting;
}

int virtio_throttle_chain(struct virtio_device *d, unsigned queue, const struct virtq_chain *chain)
{
	uint64_t bytes = chain->readable_bytes + chain->writable_bytes, beside = d->ops->bytes_beside_data;

	bytes -= bytes < beside ? bytes : beside;
	if (d->ops->data_bytes_max && bytes > d->ops->data_bytes_max)
		bytes = d->ops->data_bytes_max;
	if (virtio_throttle_ask(d, queue, bytes))
		return 1;
	virtq_put_back(&d->queues[queue], chain);
	return 0;
}

void virtio_throttle_charge(struct virtio_device *d, unsigned queue, uint64_t bytes)
{
	limiter_charge(&throttle_of(d, queue)->limiter, sys_now_ns(d->sys), bytes);
}
