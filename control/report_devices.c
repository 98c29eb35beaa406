/* SPDX-License-Identifier: Apache-2.0 */
#include "control/report_devices.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdbool.h>
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

/* What an error means there. */
static const char *cause(int errnum)
{
	return errnum == ENODATA ? "the file ends before it" : strerror(errnum);
}

/* And the next step. */
static const char *advice(uint32_t id, int errnum)
{
	static const struct {
		uint32_t id;
		int errnum; /* 0: any other */
		const char *text;
	} rows[] = {
		{ VIRTIO_ID_BLOCK, ENODATA, "it was cut short while its guest ran: leave disks alone that are in use" },
		{ VIRTIO_ID_BLOCK, ENOSPC, "make room where it lies" },
		{ VIRTIO_ID_BLOCK, EDQUOT, "make room where it lies" },
		{ VIRTIO_ID_BLOCK, EIO, "look into the kernel's log, its medium may be failing" },
		{ VIRTIO_ID_BLOCK, 0, "look at where it lies" },
		{ VIRTIO_ID_VSOCK, ENOBUFS, "the guest has 4096 connections, which is all it may have: it must close some" },
		{ VIRTIO_ID_VSOCK, EMFILE, "raise the hard limit (ulimit -Hn), each connection takes one" },
		{ VIRTIO_ID_VSOCK, 0, "look at the socket and its folder" },
		{ VIRTIO_ID_NET, EIO, "a tap's interface must be up: `ip link set NAME up`" },
		{ VIRTIO_ID_NET, 0, "look at its other side, and at what memory the host has" },
		{ VIRTIO_ID_CONSOLE, 0, "look at standard input and output" },
		{ VIRTIO_ID_RNG, 0, "the guest got no random bytes: look at the host's kernel" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].id == id && (rows[i].errnum == errnum || rows[i].errnum == 0))
			return rows[i].text;
	return "look at the host";
}

static void begin_line(struct text *text, const struct machine *m, unsigned i)
{
	text_printf(text, "kvick: ");
	name_device(text, m, i);
	if (config_of(m, i)->kind != DEVICE_BLOCK && m->devices.list[i]->id[0])
		text_printf(text, ", id %s", m->devices.list[i]->id);
}

FOR_DEVICES void devices_say(struct text *text, const struct machine *m)
{
	for (unsigned i = 0; i < m->devices.count; i++) {
		const struct virtio_device *d = m->devices.list[i];
		const struct virtio_host_error *e = &d->host_error;

		if (d->notice[0])
			text_printf(text, "kvick: %s\n", d->notice);
		if (e->count > 0 && !e->told) {
			begin_line(text, m, i);
			text_printf(text, ": %s", e->doing);
			if (d->ops->id == VIRTIO_ID_BLOCK)
				text_printf(text, " at sector %llu", (unsigned long long)e->at);
			text_printf(text, ": %s: %s", cause(e->errnum), advice(d->ops->id, e->errnum));
			if (e->count > 1)
				text_printf(text, " (the first of %llu errors)", (unsigned long long)e->count);
			text_printf(text, "\n");
		}
		if (d->transport.needs_reset) {
			begin_line(text, m, i);
			text_printf(text, ": needed a reset by the guest's driver: %s\n", d->transport.needs_reset);
		}
	}
}

static uint64_t measured(const struct virtio_metrics *metrics)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < VIRTIO_LATENCY_BUCKETS; i++)
		count += metrics->latency[i];
	return count;
}

/* What latencies in the i-th bucket are below, in ns; 0: of the last one, nobody knows. */
static uint64_t bound(const struct machine *m, unsigned i)
{
	return i + 1 < VIRTIO_LATENCY_BUCKETS ? timeline_ns(&m->timeline, 1, 1 + (2ull << i)) : 0;
}

/* The time below which so many in a thousand were, in ns; within a power of two it is taken to be spread evenly. */
static uint64_t quantile(const struct machine *m, const struct virtio_metrics *metrics, unsigned per_mille)
{
	uint64_t before = 0, rank = measured(metrics) * per_mille / 1000, ticks = 0;

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

static void us_text(struct text *text, const char *before, uint64_t ns)
{
	text_printf(text, "%s %llu.%llu us", before, (unsigned long long)ns / 1000, (unsigned long long)ns % 1000 / 100);
}

static void latency_text(struct text *text, const struct machine *m, const struct virtio_metrics *metrics)
{
	const char *before = "kvick:     latency:";

	for (unsigned i = 0; i < VIRTIO_LATENCY_BUCKETS; i++) {
		if (metrics->latency[i] == 0)
			continue;
		text_printf(text, "%s %llu", before, (unsigned long long)metrics->latency[i]);
		if (bound(m, i))
			us_text(text, " below", bound(m, i));
		else
			text_printf(text, " longer");
		before = ",";
	}
	text_printf(text, "\n");
}

static void queue_text(struct text *text, const struct machine *m, const struct virtio_device *d, unsigned i)
{
	const struct virtio_metrics *metrics = &d->metrics[i];
	const struct virtq_counts *counts = &d->queues[i].counts;
	bool any = measured(metrics) > 0;

	text_printf(text, "kvick:   queue %u: requests %llu, errors %llu, completions %llu, bytes %llu in %llu out, "
		    "notifications %llu, interrupts %llu", i,
		    (unsigned long long)metrics->requests, (unsigned long long)metrics->errors,
		    (unsigned long long)counts->used,
		    (unsigned long long)counts->bytes_written, (unsigned long long)counts->bytes_read,
		    (unsigned long long)counts->notifications, (unsigned long long)counts->interrupts);
	if (any) {
		us_text(text, ", latency p50", quantile(m, metrics, 500));
		us_text(text, ", p99", quantile(m, metrics, 990));
	}
	if (metrics->throttled > 0)
		text_printf(text, ", throttled %llu, for %llu us in all", (unsigned long long)metrics->throttled,
			    (unsigned long long)metrics->throttled_ns / 1000);
	text_printf(text, "\n");
	if (any)
		latency_text(text, m, metrics);
}

void engine_text(struct text *text, const char *kind, const struct engine_counts *e)
{
	text_printf(text, "kvick: engine %s: operations %llu, calls to submit %llu, to wait %llu, retries %llu\n",
		    kind, (unsigned long long)e->started, (unsigned long long)e->submit_calls,
		    (unsigned long long)e->wait_calls, (unsigned long long)e->retries);
}

void devices_text(struct text *text, const struct machine *m)
{
	if (m->devices.count == 0)
		return;
	engine_text(text, m->devices.engine_text, &m->devices.engine_counts);
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

static void latency_json(struct text *text, const struct machine *m, const struct virtio_metrics *metrics)
{
	json_open(text, "latency", '[');
	for (unsigned i = 0; i < VIRTIO_LATENCY_BUCKETS; i++) {
		if (metrics->latency[i] == 0)
			continue;
		json_open(text, NULL, '{');
		if (bound(m, i))
			json_u64(text, "below_ns", bound(m, i));
		else
			json_string(text, "below_ns", NULL);
		json_u64(text, "count", metrics->latency[i]);
		json_close(text, '}');
	}
	json_close(text, ']');
	if (measured(metrics) > 0) {
		json_u64(text, "latency_p50_ns", quantile(m, metrics, 500));
		json_u64(text, "latency_p99_ns", quantile(m, metrics, 990));
	}
}

static void queue_json(struct text *text, const struct machine *m, const struct virtio_device *d, unsigned i)
{
	const struct virtio_metrics *metrics = &d->metrics[i];
	const struct virtq_counts *counts = &d->queues[i].counts;

	json_open(text, NULL, '{');
	json_u64(text, "requests", metrics->requests);
	json_u64(text, "errors", metrics->errors);
	json_u64(text, "completions", counts->used);
	json_u64(text, "bytes_to_guest", counts->bytes_written);
	json_u64(text, "bytes_from_guest", counts->bytes_read);
	json_u64(text, "notifications", counts->notifications);
	json_u64(text, "interrupts", counts->interrupts);
	latency_json(text, m, metrics);
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

void engine_json(struct text *text, const char *kind, const struct engine_counts *e)
{
	json_open(text, "engine", '{');
	json_string(text, "kind", kind);
	json_u64(text, "operations", e->started);
	json_u64(text, "submit_calls", e->submit_calls);
	json_u64(text, "wait_calls", e->wait_calls);
	json_u64(text, "overflows", e->overflows);
	json_u64(text, "retries", e->retries);
	json_close(text, '}');
}

void devices_json(struct text *text, const struct machine *m)
{
	if (m->devices.count == 0)
		return;
	engine_json(text, m->devices.engine_text, &m->devices.engine_counts);
	json_open(text, "devices", '[');
	for (unsigned i = 0; i < m->devices.count; i++)
		device_json(text, m, i);
	json_close(text, ']');
}
