/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio/devices.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <linux/virtio_config.h>

#include <kvick/hypercall.h>

#include "virtio/transport.h"
#include "vmm/engine.h"
#include "vmm/error.h"
#include "vmm/sandbox_policy.h"
#include "vmm/stop.h"
#include "vmm/sys.h"

static const struct {
	int (*create)(struct virtio_device **device, const struct device_context *context);
	unsigned depth; /* operations that it may have in flight: more than the engine takes wait inside it */
	unsigned sandbox; /* what it needs there, besides an engine */
	const char *modern; /* its option, where it came with virtio 1.0 or later: there is no legacy interface to it */
} kinds[DEVICE_KINDS] = {
	[DEVICE_BLOCK] = { virtio_block_create, 128, 0, NULL },
	[DEVICE_NET] = { virtio_net_create, 3, SANDBOX_STREAMS, NULL },
	[DEVICE_VSOCK] = { virtio_vsock_create, 1, SANDBOX_SOCKETS, "--vsock" },
	[DEVICE_CONSOLE] = { virtio_console_create, 3, SANDBOX_STREAMS, NULL },
	[DEVICE_ENTROPY] = { virtio_entropy_create, 1, 0, NULL },
};

/* ---- the list in guest RAM ---- */

/* Odd while it is being written: a guest that runs meanwhile (there may be a completion thread) reads again. */
static void list_device(const struct devices *devices, const struct virtio_device *d)
{
	struct kvick_device *entry = guest_mem_span(devices->mem, gpa(devices->page.u + d->index * sizeof(*entry)), sizeof(*entry));
	uint32_t generation = d->config_generation * 2;

	__atomic_store_n(&entry->generation, generation - 1, __ATOMIC_SEQ_CST);
	entry->id = d->ops->id;
	entry->features = d->features_offered;
	entry->queues = (uint16_t)d->queue_count;
	entry->queue_size_max = d->queue_size_max[0];
	entry->config_bytes = d->config_bytes;
	entry->status = d->transport.status & VIRTIO_CONFIG_S_NEEDS_RESET ? KVICK_DEVICE_NEEDS_RESET : 0;
	memcpy(entry->name, d->id, sizeof(entry->name));
	memcpy(entry->config, d->config, d->config_bytes);
	__atomic_store_n(&entry->generation, generation, __ATOMIC_RELEASE);
}

/* A native guest's interrupt line: nobody is interrupted, an event is remembered. */
static void mark_event(const struct virtio_line *line, struct virtio_device *d)
{
	struct devices *devices = line->context;

	d->transport.interrupt_status = 0;
	devices->events |= KVICK_EVENT_BIT(d->index);
}

static void show(const struct virtio_line *line, struct virtio_device *d)
{
	list_device(line->context, d);
}

static void clear_event(const struct virtio_line *line, struct virtio_device *d)
{
	struct devices *devices = line->context;

	devices->events &= ~KVICK_EVENT_BIT(d->index);
}

/* ---- making and ending ---- */

unsigned devices_sandbox(const struct devices *devices, const struct devices_config *config)
{
	unsigned needs = engine_is_io_uring(devices->engine) ? SANDBOX_URING : SANDBOX_SYNC;

	for (unsigned i = 0; i < config->count; i++)
		needs |= kinds[config->list[i].kind].sandbox;
	return needs;
}

void *device_alloc(const struct device_context *context, size_t bytes)
{
	struct virtio_device *d;
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE; /* most of what is large is never used */
	void *at;

	if (sys_mmap(context->sys, NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0, &at) < 0) {
		error_set(context->error, ERROR_HOST, ENOMEM, "no memory for a device: free some");
		return NULL;
	}
	d = at; /* every device begins with it */
	d->bytes = bytes;
	d->mem = context->mem;
	d->engine = context->engine;
	d->sys = context->sys;
	memcpy(d->id, context->config->id, sizeof(d->id));
	virtio_throttle_init(d, context->config);
	return at;
}

int device_add_file(const struct device_context *context, int fd, const char *option)
{
	int r = engine_add_file(context->engine, fd);

	if (r < 0)
		error_set(context->error, ERROR_HOST, -r, "%s: it cannot be registered for I/O: %s", option, strerror(-r));
	return r;
}

void device_discard(const struct device_context *context, struct virtio_device *d)
{
	sys_munmap(context->sys, d, d->bytes);
}

static int create_one(struct devices *devices, const struct device_context *context, bool legacy)
{
	const char *modern = kinds[context->config->kind].modern;
	struct virtio_device *d;
	int r;

	if (legacy && modern)
		return error_set(context->error, ERROR_USAGE, EINVAL, "%s: legacy virtio knows no such device: leave out one of "
				 "the two", modern);
	r = kinds[context->config->kind].create(&d, context);
	if (r < 0)
		return r;
	d->index = devices->count;
	virtio_transport_init(d, &devices->line);
	if (legacy)
		virtio_legacy_init(d);
	devices->list[devices->count++] = d;
	if (devices->line.show)
		list_device(devices, d);
	return 0;
}

/* On the clock of sys_now_ns(). */
static void make_condition(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
}

int devices_create(struct devices *devices, const struct devices_config *config, const struct devices_host *host,
		   struct error *error)
{
	const struct virtio_line events = { .show = show, .raise = mark_event, .lower = clear_event, .context = devices };
	struct device_context context = { .mem = host->mem, .sys = host->sys, .error = error };
	struct engine_config engine = {
		.kind = config->engine,
		.threads = host->lock ? ENGINE_COMPLETION_THREAD : ENGINE_ONE_THREAD,
		.lock = host->lock,
	};
	int r;

	*devices = (struct devices){
		.mem = host->mem,
		.page = host->page,
		.stop = host->stop,
		.lock = host->lock,
		.sys = host->sys,
		.line = host->line ? *host->line : events,
	};
	if (host->lock)
		make_condition(&devices->completed);
	for (unsigned i = 0; i < config->count; i++)
		engine.depth += kinds[config->list[i].kind].depth + (device_is_limited(&config->list[i]) ? VIRTIO_THROTTLES : 0);
	if (engine.depth > ENGINE_DEPTH)
		engine.depth = ENGINE_DEPTH;
	r = engine_create(&devices->engine, &engine, host->sys, error);
	context.engine = devices->engine;
	for (unsigned i = 0; i < config->count && r == 0; i++) {
		context.config = &config->list[i];
		r = create_one(devices, &context, config->legacy);
	}
	if (r == 0)
		r = engine_seal(devices->engine, error);
	if (r < 0 && devices_stop(devices))
		devices_free(devices);
	return r;
}

static void close_all(struct devices *devices)
{
	for (unsigned i = 0; i < devices->count; i++)
		if (devices->list[i]->ops->close)
			devices->list[i]->ops->close(devices->list[i]);
}

bool devices_stop(struct devices *devices)
{
	for (unsigned i = 0; i < devices->count; i++)
		virtio_reset(devices->list[i]);
	if (devices->engine) {
		engine_describe(devices->engine, devices->engine_text, sizeof(devices->engine_text));
		devices->engine_counts = *engine_counts(devices->engine);
	}
	if (engine_destroy(devices->engine) < 0)
		return false;
	devices->engine = NULL;
	if (devices->lock)
		pthread_cond_destroy(&devices->completed);
	close_all(devices);
	return true;
}

void devices_leave(struct devices *devices)
{
	if (engine_in_flight(devices->engine) > 0)
		devices_stop(devices);
	else if (engine_is_io_uring(devices->engine))
		close_all(devices);
}

void devices_free(struct devices *devices)
{
	if (devices->engine) /* could not be stopped */
		return;
	for (unsigned i = 0; i < devices->count; i++)
		sys_munmap(devices->sys, devices->list[i], devices->list[i]->bytes);
	devices->count = 0;
}

int devices_console_lost(const struct devices *devices)
{
	int lost = 0;

	for (unsigned i = 0; i < devices->count && !lost; i++)
		lost = virtio_console_lost(devices->list[i]);
	return lost;
}

/* ---- for guests with interrupts ---- */

#define LOOK_NS 10000000u /* so often a reset that waits looks whether the guest is to end: a signal handler wakes nobody */

int devices_complete(struct devices *devices)
{
	int r = engine_wait(devices->engine, ENGINE_FOREVER, NULL);

	pthread_cond_signal(&devices->completed);
	return r;
}

void devices_wake(struct devices *devices)
{
	engine_wake(devices->engine);
}

uint64_t devices_mmio_read(struct devices *devices, unsigned device, uint64_t offset, unsigned bytes)
{
	return device < devices->count ? virtio_mmio_read(devices->list[device], offset, bytes) : UINT64_MAX;
}

/*
 * Linux's driver does not read the status back, as 2.4.2 wants: when its store of 0 has been made, the device has to be as new, and
 * nothing may land in the driver's memory any more.
 */
static void let_reset_end(struct devices *devices, const struct virtio_device *d)
{
	while (d->transport.resetting && !devices->stop->signal) {
		uint64_t until_ns = sys_now_ns(devices->sys) + LOOK_NS;
		const struct timespec until = { (time_t)(until_ns / 1000000000), (long)(until_ns % 1000000000) };

		pthread_cond_timedwait(&devices->completed, devices->lock, &until);
	}
}

void devices_mmio_write(struct devices *devices, unsigned device, uint64_t offset, unsigned bytes, uint64_t value)
{
	if (device >= devices->count)
		return;
	virtio_mmio_write(devices->list[device], offset, bytes, value);
	engine_submit(devices->engine);
	let_reset_end(devices, devices->list[device]);
}

/* ---- what native guests ask for ---- */

#define TURNS 32u /* of submitting and reaping, before the guest goes on */

static int wait_for_reset(struct devices *devices, struct virtio_device *d)
{
	virtio_reset(d);
	while (d->transport.resetting)
		if (engine_wait(devices->engine, ENGINE_FOREVER, devices->stop) < 0)
			return -EINTR;
	return 0;
}

int64_t devices_setup(struct devices *devices, const struct kvick_virtio_setup *setup)
{
	if (setup->device >= devices->count)
		return -KVICK_EINVAL;

	struct virtio_device *d = devices->list[setup->device];

	/* Interrupted only when the guest is to end. */
	if (wait_for_reset(devices, d) < 0)
		return -KVICK_EIO;
	int r = setup->queues ? virtio_setup(d, setup) : 0;

	engine_submit(devices->engine);
	return r == 0 ? 0 : r == -EINVAL ? -KVICK_EINVAL : -KVICK_EIO;
}

static void notify_all(struct devices *devices, uint64_t notifications)
{
	while (notifications) {
		unsigned bit = (unsigned)__builtin_ctzll(notifications), device = bit / KVICK_NOTIFY_QUEUES;

		notifications &= notifications - 1;
		if (device < devices->count)
			virtio_notify(devices->list[device], bit % KVICK_NOTIFY_QUEUES);
	}
}

static uint64_t take_events(struct devices *devices, uint64_t mask)
{
	uint64_t taken = devices->events & mask;

	devices->events &= ~taken;
	return taken;
}

/*
 * Hands in what is queued, and what that leads to as long as it ends at once: a stream has one write under way at a time, and to
 * come back for each frame would cost the guest an exit for each. Bounded: the guest wants to go on, too.
 */
static void run_engine(struct devices *devices)
{
	for (unsigned i = 0; i < TURNS; i++) {
		engine_submit(devices->engine);
		if (engine_reap(devices->engine) == 0)
			return;
	}
	engine_submit(devices->engine);
}

/* Sleeps until there are some, or for so long: events, or -KVICK_EIO. */
static int64_t wait_for_events(struct devices *devices, uint64_t mask, uint64_t timeout_ns)
{
	uint64_t events = 0, deadline;

	if (timeout_ns == UINT64_MAX || __builtin_add_overflow(sys_now_ns(devices->sys), timeout_ns, &deadline))
		deadline = UINT64_MAX;
	while (!events && !devices->stop->signal) {
		uint64_t left = ENGINE_FOREVER;

		if (deadline != UINT64_MAX) {
			uint64_t now = sys_now_ns(devices->sys);

			if (now >= deadline)
				break;
			left = deadline - now;
		}
		int r = engine_wait(devices->engine, left, devices->stop);

		if (r > 0)
			run_engine(devices);
		events = take_events(devices, mask);
		if (r < 0 && r != -EINTR && !events)
			return -KVICK_EIO;
	}
	return (int64_t)events;
}

int64_t devices_wait(struct devices *devices, uint64_t mask, uint64_t timeout_ns, uint64_t notifications)
{
	int64_t events;

	notify_all(devices, notifications);
	run_engine(devices);
	events = (int64_t)take_events(devices, mask);
	return events || timeout_ns == 0 ? events : wait_for_events(devices, mask, timeout_ns);
}
