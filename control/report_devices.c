/* SPDX-License-Identifier: Apache-2.0 */
#include "control/report_devices.h"

#include <linux/virtio_ids.h>
#include <errno.h>
#include <string.h>

#include "control/text.h"
#include "virtio/devices.h"
#include "vmm/machine.h"

/* One where the config is: devices are made in its order. */
static const struct device_config *config_of(const struct machine *m, unsigned i)
{
	return &m->config->devices.list[i];
}

static void name_device(struct text *text, const struct machine *m, unsigned i)
{
	const struct virtio_device *d = m->devices.list[i];

	if (config_of(m, i)->kind == DEVICE_BLOCK) {
		text_printf(text, "disk ");
		text_name(text, config_of(m, i)->path);
	} else {
		text_printf(text, "%s", d->ops->name);
	}
}

/* What an error means there, and the next step. */
static const char *cause(int errnum)
{
	return errnum == ENODATA ? "the file ends before it" : strerror(errnum);
}

static const char *advice(int errnum)
{
	switch (errnum) {
	case ENODATA:
		return "it was cut short while its guest ran: leave disks alone that are in use";
	case ENOSPC:
	case EDQUOT:
		return "make room where it lies";
	case EIO:
		return "look into the kernel's log, its medium may be failing";
	default:
		return "look at where it lies";
	}
}

static const char *socket_advice(int errnum)
{
	switch (errnum) {
	case ENOBUFS:
		return "the guest has 1024 connections, which is all it may have: it must close some";
	case EMFILE:
		return "raise the limit (ulimit -n), each connection takes one";
	default:
		return "look at the socket and its folder";
	}
}

void devices_say(struct text *text, const struct machine *m)
{
	for (unsigned i = 0; i < m->devices.count; i++) {
		const struct virtio_host_error *e = &m->devices.list[i]->host_error;
		uint32_t id = m->devices.list[i]->ops->id;

		/* What other devices have lost is told in their own words. */
		if (e->count == 0 || (id != VIRTIO_ID_BLOCK && id != VIRTIO_ID_VSOCK))
			continue;
		text_printf(text, "kvick: ");
		name_device(text, m, i);
		text_printf(text, ": %s", e->doing);
		if (id == VIRTIO_ID_BLOCK)
			text_printf(text, " at sector %llu", (unsigned long long)e->at);
		text_printf(text, ": %s: %s", cause(e->errnum),
			    id == VIRTIO_ID_BLOCK ? advice(e->errnum) : socket_advice(e->errnum));
		if (e->count > 1)
			text_printf(text, " (the first of %llu errors)", (unsigned long long)e->count);
		text_printf(text, "\n");
	}
}

/* The time below which so many in a thousand were, in ns; within a power of two it is taken to be spread evenly. */
static uint64_t quantile(const struct machine *m, const struct virtio_metrics *metrics, unsigned per_mille)
{
	uint64_t before = 0, rank = metrics->requests * per_mille / 1000, ticks = 0;

	for (unsigned i = 0; i < VIRTIO_LATENCY_BUCKETS; i++) {
		uint64_t n = metrics->latency[i];

		if (n > 0 && before + n > rank) {
			ticks = (1ull << i) + (uint64_t)((double)(rank - before) / (double)n * (double)(1ull << i));
			break;
		}
		before += n;
	}
	return timeline_ns(&m->timeline, 1, 1 + ticks);
}

static void queue_text(struct text *text, const struct machine *m, const struct virtio_device *d, unsigned i)
{
	const struct virtio_metrics *metrics = &d->metrics[i];
	const struct virtq_counts *counts = &d->queues[i].counts;
	uint64_t p50 = quantile(m, metrics, 500), p99 = quantile(m, metrics, 990);

	text_printf(text, "kvick:   queue %u: requests %llu, errors %llu, bytes %llu in %llu out, notifications %llu, "
		    "interrupts %llu", i,
		    (unsigned long long)metrics->requests, (unsigned long long)metrics->errors,
		    (unsigned long long)counts->bytes_written, (unsigned long long)counts->bytes_read,
		    (unsigned long long)counts->notifications, (unsigned long long)counts->interrupts);
	if (metrics->requests > 0)
		text_printf(text, ", latency p50 %llu.%llu us, p99 %llu.%llu us", (unsigned long long)p50 / 1000,
			    (unsigned long long)p50 % 1000 / 100, (unsigned long long)p99 / 1000,
			    (unsigned long long)p99 % 1000 / 100);
	if (metrics->throttled > 0)
		text_printf(text, ", throttled %llu, for %llu us in all", (unsigned long long)metrics->throttled,
			    (unsigned long long)metrics->throttled_ns / 1000);
	text_printf(text, "\n");
}

void devices_text(struct text *text, const struct machine *m)
{
	const struct engine_counts *e = &m->devices.engine_counts;

	if (m->devices.count == 0)
		return;
	text_printf(text, "kvick: engine %s: operations %llu, calls to submit %llu, to wait %llu, retries %llu\n",
		    m->devices.engine_text, (unsigned long long)e->started, (unsigned long long)e->submit_calls,
		    (unsigned long long)e->wait_calls, (unsigned long long)e->retries);
	for (unsigned i = 0; i < m->devices.count; i++) {
		const struct virtio_device *d = m->devices.list[i];

		text_printf(text, "kvick: device %u, ", i);
		name_device(text, m, i);
		if (d->id[0])
			text_printf(text, ", id %s", d->id);
		if (d->transport.needs_reset)
			text_printf(text, ", needed a reset: %s", d->transport.needs_reset);
		text_printf(text, "\n");
		for (unsigned queue = 0; queue < d->queue_count; queue++)
			queue_text(text, m, d, queue);
	}
}

static void queue_json(struct text *text, const struct machine *m, const struct virtio_device *d, unsigned i)
{
	const struct virtio_metrics *metrics = &d->metrics[i];
	const struct virtq_counts *counts = &d->queues[i].counts;

	json_open(text, NULL, '{');
	json_u64(text, "requests", metrics->requests);
	json_u64(text, "errors", metrics->errors);
	json_u64(text, "bytes_to_guest", counts->bytes_written);
	json_u64(text, "bytes_from_guest", counts->bytes_read);
	json_u64(text, "notifications", counts->notifications);
	json_u64(text, "interrupts", counts->interrupts);
	json_u64(text, "latency_p50_ns", quantile(m, metrics, 500));
	json_u64(text, "latency_p99_ns", quantile(m, metrics, 990));
	json_u64(text, "throttled", metrics->throttled);
	json_u64(text, "throttled_ns", metrics->throttled_ns);
	json_close(text, '}');
}

static void device_json(struct text *text, const struct machine *m, unsigned i)
{
	const struct virtio_device *d = m->devices.list[i];

	json_open(text, NULL, '{');
	json_string(text, "kind", d->ops->name);
	json_string(text, "id", d->id);
	if (config_of(m, i)->kind == DEVICE_BLOCK)
		json_string(text, "path", config_of(m, i)->path);
	json_string(text, "needed_reset", d->transport.needs_reset);
	json_u64(text, "host_errors", d->host_error.count);
	if (d->host_error.count > 0) {
		json_open(text, "first_host_error", '{');
		json_string(text, "doing", d->host_error.doing);
		json_u64(text, "sector", d->host_error.at);
		json_string(text, "error", cause(d->host_error.errnum));
		json_close(text, '}');
	}
	json_open(text, "queues", '[');
	for (unsigned queue = 0; queue < d->queue_count; queue++)
		queue_json(text, m, d, queue);
	json_close(text, ']');
	json_close(text, '}');
}

void devices_json(struct text *text, const struct machine *m)
{
	const struct engine_counts *e = &m->devices.engine_counts;

	if (m->devices.count == 0)
		return;
	json_open(text, "engine", '{');
	json_string(text, "kind", m->devices.engine_text);
	json_u64(text, "operations", e->started);
	json_u64(text, "submit_calls", e->submit_calls);
	json_u64(text, "wait_calls", e->wait_calls);
	json_u64(text, "overflows", e->overflows);
	json_u64(text, "retries", e->retries);
	json_close(text, '}');
	json_open(text, "devices", '[');
	for (unsigned i = 0; i < m->devices.count; i++)
		device_json(text, m, i);
	json_close(text, ']');
}
