/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio/devices_state.h"

#include <assert.h>
#include <errno.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "virtio/devices.h"
#include "virtio/transport_internal.h"
#include "vmm/engine.h"
#include "vmm/error.h"

struct devices_state {
	uint32_t count, reserved;
	uint64_t events; /* a native guest's, not reported yet */
};

_Static_assert(sizeof(struct devices_state) == 16, "it is the format");

/* ---- saving ---- */

int devices_pause(struct devices *devices)
{
	return devices->engine ? engine_pause(devices->engine) : 0;
}

static void save_queue(const struct virtio_device *d, unsigned i, struct state_writer *w)
{
	const struct virtq *q = &d->queues[i];
	/* One that is broken, or whose device is, only a reset helps. */
	bool running = q->running && !(d->transport.status & VIRTIO_CONFIG_S_NEEDS_RESET);
	/* A native guest's set-up does without registers. */
	const struct virtq_config *config = running ? &q->config : &d->transport.queue_config[i];
	struct queue_state s = {
		.desc = config->desc, .driver = config->driver, .device = config->device, .size = config->size,
		.align = d->transport.queue_align[i], .pfn = d->transport.queue_pfn[i],
		.flags = d->transport.queue_ready[i] ? QUEUE_READY : 0,
	};

	if (running) {
		struct virtq_position position = virtq_save(q);

		s.next = position.next;
		s.unsignalled = position.unsignalled;
		s.flags |= QUEUE_RUNNING | (position.wrap ? QUEUE_WRAP : 0);
	}
	state_put(w, &s, sizeof(s));
}

static void save_one(const struct virtio_device *d, struct state_writer *w)
{
	struct device_state s = {
		.id = d->ops->id, .queue_count = d->queue_count,
		.features_offered = d->features_offered, .features = d->features,
		.driver_features = d->transport.driver_features,
		.status = d->transport.status, .status_hidden = d->transport.status_hidden,
		.interrupt_status = d->transport.interrupt_status,
		.features_select = d->transport.features_select,
		.driver_features_select = d->transport.driver_features_select,
		.queue_select = d->transport.queue_select,
		.guest_page_bytes = d->guest_page_bytes,
		.config_generation = d->config_generation, .config_bytes = d->config_bytes,
	};

	assert(!d->transport.resetting); /* what it waited for has ended */
	memcpy(s.config, d->config, d->config_bytes);
	state_begin(w, STATE_DEVICE);
	state_put(w, &s, sizeof(s));
	for (unsigned i = 0; i < d->queue_count; i++)
		save_queue(d, i, w);
	if (d->ops->save)
		d->ops->save(d, w);
}

int devices_save(struct devices *devices, struct state_writer *w)
{
	const struct devices_state s = { .count = devices->count, .events = devices->events };

	state_begin(w, STATE_DEVICES);
	state_put(w, &s, sizeof(s));
	for (unsigned i = 0; i < devices->count; i++)
		save_one(devices->list[i], w);
	return w->overflow ? -ENOSPC : 0;
}

/* ---- is that a machine of these devices? ---- */

int device_differs(const struct virtio_device *d, struct state_reader *r, const char *format, ...)
{
	char what[ERROR_TEXT_BYTES / 2];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return error_set(r->error, ERROR_USAGE, EINVAL, "%s: device %u (%s): %s", r->file, d->index, d->ops->name, what);
}

static const struct {
	uint32_t id;
	const char *name; /* as its ops have it */
} kinds[] = {
	{ VIRTIO_ID_BLOCK, "block" }, { VIRTIO_ID_NET, "network" }, { VIRTIO_ID_VSOCK, "vsock" },
	{ VIRTIO_ID_CONSOLE, "console" }, { VIRTIO_ID_RNG, "entropy" },
};

static const char *kind_of(uint32_t id)
{
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].id == id)
			return kinds[i].name;
	return NULL;
}

/* Those that a device of a kind may have or not. */
static const struct {
	uint8_t id, bit;
	const char *name;
} features[] = {
	{ VIRTIO_ID_BLOCK, VIRTIO_BLK_F_BLK_SIZE, "BLK_F_BLK_SIZE" },
	{ VIRTIO_ID_BLOCK, VIRTIO_BLK_F_MQ, "BLK_F_MQ" },
	{ VIRTIO_ID_BLOCK, VIRTIO_BLK_F_DISCARD, "BLK_F_DISCARD" },
	{ VIRTIO_ID_BLOCK, VIRTIO_BLK_F_WRITE_ZEROES, "BLK_F_WRITE_ZEROES" },
	{ VIRTIO_ID_NET, VIRTIO_NET_F_MTU, "NET_F_MTU" },
	{ VIRTIO_ID_NET, VIRTIO_NET_F_CSUM, "NET_F_CSUM" },
	{ VIRTIO_ID_NET, VIRTIO_NET_F_GUEST_CSUM, "NET_F_GUEST_CSUM" },
	{ VIRTIO_ID_NET, VIRTIO_NET_F_GUEST_TSO4, "NET_F_GUEST_TSO4" },
	{ VIRTIO_ID_NET, VIRTIO_NET_F_GUEST_TSO6, "NET_F_GUEST_TSO6" },
	{ VIRTIO_ID_NET, VIRTIO_NET_F_HOST_TSO4, "NET_F_HOST_TSO4" },
	{ VIRTIO_ID_NET, VIRTIO_NET_F_HOST_TSO6, "NET_F_HOST_TSO6" },
};

static int lacks(const struct virtio_device *d, uint64_t lacking, struct state_reader *r)
{
	unsigned bit = (unsigned)__builtin_ctzll(lacking);

	for (unsigned i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (features[i].id == d->ops->id && features[i].bit == bit)
			return device_differs(d, r, "its driver uses VIRTIO_%s, which it does not have here: give it what it had",
					      features[i].name);
	return device_differs(d, r, "its driver uses feature %u, which it does not have here: take the snapshot again", bit);
}

static bool is_legacy(const struct device_state *s)
{
	return !(s->features_offered & FEATURE(VIRTIO_F_VERSION_1));
}

static int look_at_device(const struct virtio_device *d, const struct device_state *s, struct state_reader *r)
{
	const char *kind = kind_of(s->id);
	uint64_t lacking;

	if (!kind)
		return state_bad(r, "device %u is of an unknown kind, %u", d->index, s->id);
	if (s->id != d->ops->id)
		return device_differs(d, r, "it was a device of kind %s: give the same devices in the same order", kind);
	if (is_legacy(s) != virtio_is_legacy(d))
		return device_differs(d, r, "its driver uses the %s interface: write --virtio %s",
				      is_legacy(s) ? "legacy" : "modern", is_legacy(s) ? "legacy" : "modern");
	if (s->queue_count != d->queue_count)
		return device_differs(d, r, "it had %u queues, and has %u here: give it as many", s->queue_count, d->queue_count);
	if (s->features & ~s->features_offered)
		return state_bad(r, "device %u: features that it did not offer", d->index);
	lacking = s->features & ~d->features_offered & ~d->ops->features_kept;
	return lacking ? lacks(d, lacking, r) : 0;
}

/* ---- loading ---- */

/* What is only ever so (transport.c); what a driver may write as it likes is not looked at. NULL, or what is wrong. */
static const char *check_device(const struct virtio_device *d, const struct device_state *s)
{
	const uint32_t bits = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK |
			      VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_NEEDS_RESET | VIRTIO_CONFIG_S_FAILED;
	const uint32_t hidden = is_legacy(s) ? VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK : 0;

	if (s->status & ~bits || s->status_hidden & ~(s->status & hidden))
		return "a status that there is not";
	if (s->status & VIRTIO_CONFIG_S_DRIVER_OK && !(s->status & VIRTIO_CONFIG_S_FEATURES_OK))
		return "driven before features were agreed on";
	if (s->status & VIRTIO_CONFIG_S_FEATURES_OK && !is_legacy(s) && !(s->features & FEATURE(VIRTIO_F_VERSION_1)))
		return "driven without VIRTIO_F_VERSION_1";
	if (s->interrupt_status & ~(uint32_t)(VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG))
		return "an interrupt that there is not";
	if (s->config_bytes != d->config_bytes)
		return "a configuration space of another length";
	return s->reserved ? "a reserved field is not 0" : NULL;
}

static int load_queue(struct virtio_device *d, unsigned i, bool agreed, struct state_reader *r)
{
	struct virtq_position position;
	struct virtq_config *config = &d->transport.queue_config[i];
	struct queue_state s;
	const char *wrong = NULL;

	if (state_get(r, &s, sizeof(s)) < 0)
		return -EBADMSG;
	*config = (struct virtq_config){ .size = s.size, .desc = s.desc, .driver = s.driver, .device = s.device };
	d->transport.queue_align[i] = s.align;
	d->transport.queue_pfn[i] = s.pfn;
	d->transport.queue_ready[i] = s.flags & QUEUE_READY;
	position = (struct virtq_position){ .next = s.next, .wrap = s.flags & QUEUE_WRAP, .unsignalled = s.unsignalled };
	if (s.flags & ~(uint64_t)(QUEUE_READY | QUEUE_RUNNING | QUEUE_WRAP))
		wrong = "flags that there are not";
	else if (!(s.flags & QUEUE_RUNNING))
		return 0;
	else if (!agreed)
		wrong = "it runs before features were agreed on";
	else if (s.size > d->queue_size_max[i])
		wrong = "it is larger than the device offers";
	else if (virtq_load(&d->queues[i], d->mem, config, d->features, &position) < 0)
		wrong = d->queues[i].broken;
	return wrong ? state_bad(r, "device %u (%s): queue %u: %s", d->index, d->ops->name, i, wrong) : 0;
}

/* The driver has read that space: it is told, where this device's is another. */
static void load_config(struct virtio_device *d, const struct device_state *s)
{
	d->config_generation = s->config_generation;
	if (memcmp(s->config, d->config, d->config_bytes) == 0)
		return;
	d->config_generation++;
	if (s->status & VIRTIO_CONFIG_S_DRIVER_OK)
		d->transport.interrupt_status |= VIRTIO_MMIO_INT_CONFIG;
}

static int load_one(struct virtio_device *d, struct state_reader *r)
{
	struct device_state s;
	const char *wrong;
	int result = state_open(r, STATE_DEVICE);

	if (result == 0)
		result = state_get(r, &s, sizeof(s));
	if (result == 0)
		result = look_at_device(d, &s, r);
	if (result < 0)
		return result;
	wrong = check_device(d, &s);
	if (wrong)
		return state_bad(r, "device %u (%s): %s", d->index, d->ops->name, wrong);
	d->features = s.features;
	d->features_offered |= s.features & d->ops->features_kept;
	d->guest_page_bytes = s.guest_page_bytes;
	d->transport.driver_features = s.driver_features;
	d->transport.status = s.status;
	d->transport.status_hidden = s.status_hidden;
	d->transport.interrupt_status = s.interrupt_status;
	d->transport.features_select = s.features_select;
	d->transport.driver_features_select = s.driver_features_select;
	d->transport.queue_select = s.queue_select;
	if (s.status & VIRTIO_CONFIG_S_NEEDS_RESET)
		d->transport.needs_reset = "it did when the snapshot was taken";
	load_config(d, &s);
	/* A legacy driver's run from the first on (3.1.2). */
	for (unsigned i = 0; i < d->queue_count && result == 0; i++)
		result = load_queue(d, i, is_legacy(&s) || s.status & VIRTIO_CONFIG_S_FEATURES_OK, r);
	return result == 0 && d->ops->load ? d->ops->load(d, &s, r) : result;
}

int devices_load(struct devices *devices, struct state_reader *r)
{
	struct devices_state s;
	int result = state_open(r, STATE_DEVICES);

	if (result == 0)
		result = state_get(r, &s, sizeof(s));
	if (result < 0)
		return result;
	if (s.count > KVICK_DEVICES_MAX)
		return state_bad(r, "%u devices, and there are %u at most", s.count, KVICK_DEVICES_MAX);
	if (s.events >= 1ull << s.count)
		return state_bad(r, "events of more than %u devices", s.count);
	if (s.reserved)
		return state_bad(r, "a reserved field is not 0");
	if (s.count != devices->count)
		return error_set(r->error, ERROR_USAGE, EINVAL, "%s: the machine had %u devices, and has %u here: "
				 "give the same devices in the same order", r->file, s.count, devices->count);
	devices->events = s.events;
	devices->loaded = true;
	for (unsigned i = 0; i < devices->count && result == 0; i++)
		result = load_one(devices->list[i], r);
	return result;
}

/* ---- going on ---- */

/* A device that was loaded begins: as if its driver, in this moment, said DRIVER_OK and notified every queue. */
static void begin(struct devices *devices, struct virtio_device *d)
{
	if (devices->line.show)
		devices->line.show(&devices->line, d);
	if (d->transport.interrupt_status)
		devices->line.raise(&devices->line, d);
	if (!virtio_usable(d))
		return;
	transport_driver_ok(d);
	for (unsigned i = 0; i < d->queue_count; i++)
		if (d->queues[i].running && virtio_usable(d))
			d->ops->notify(d, i);
}

void devices_resume(struct devices *devices)
{
	if (!devices->engine)
		return;
	for (unsigned i = 0; i < devices->count && devices->loaded; i++)
		begin(devices, devices->list[i]);
	devices->loaded = false;
	engine_resume(devices->engine);
}
