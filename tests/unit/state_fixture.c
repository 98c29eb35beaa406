/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/state_fixture.h"

#include <fcntl.h>
#include <linux/virtio_mmio.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <kvick/virtio.h>

#include "virtio/transport.h"

#define DISK_BYTES 0x8000

enum engine_kind state_engine;
uint64_t state_ring;

static void raise_line(const struct virtio_line *line, struct virtio_device *device)
{
	(void)device;
	((struct state_world *)line->context)->raised++;
}

static void lower_line(const struct virtio_line *line, struct virtio_device *device)
{
	(void)line, (void)device;
}

int state_set_up(void **state)
{
	struct state_world *w = calloc(1, sizeof(*w));

	*state = w;
	alarm(60); /* nothing here may hang */
	signal(SIGPIPE, SIG_IGN);
	sys_init(&w->sys);
	w->fd_before = lowest_free_fd();
	w->line = (struct virtio_line){ .raise = raise_line, .lower = lower_line, .context = w };
	driver_create(&w->driver[0], STATE_LIST_AT + GUEST_PAGE_BYTES);
	for (unsigned q = 1; q < STATE_QUEUES; q++) {
		w->driver[q].mem = (struct guest_mem){ .host = w->driver[0].mem.host + q * STATE_PART, .bytes = STATE_PART };
		w->driver[q].begins = q * STATE_PART;
	}
	w->ram = &w->driver[0].mem;
	w->list_at = STATE_LIST_AT;
	w->memfd = memfd_create("disk", MFD_CLOEXEC);
	w->small = memfd_create("small", MFD_CLOEXEC);
	snprintf(w->disk, sizeof(w->disk), "/proc/self/fd/%d", w->memfd);
	snprintf(w->path, sizeof(w->path), "/tmp/kvick-test-state-%d", getpid());
	if (ftruncate(w->memfd, DISK_BYTES) || ftruncate(w->small, DISK_BYTES / 2) || pipe2(w->in, O_CLOEXEC) ||
	    pipe2(w->out, O_CLOEXEC | O_NONBLOCK) || fcntl(w->out[1], F_SETPIPE_SZ, 4096) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, w->pair))
		return -1;
	return 0;
}

static void end(struct state_world *w)
{
	if (!w->made)
		return;
	assert_true(devices_stop(&w->devices));
	devices_free(&w->devices);
	w->made = false;
}

int state_tear_down(void **state)
{
	struct state_world *w = *state;
	const int all[] = { w->in[0], w->in[1], w->out[0], w->out[1], w->pair[0], w->pair[1], w->memfd, w->small };

	end(w);
	for (unsigned i = 0; i < COUNT_OF(all); i++)
		close(all[i]);
	unlink(w->path);
	assert_int_equal(lowest_free_fd(), w->fd_before);
	driver_destroy(&w->driver[0]);
	free(w);
	alarm(0);
	return 0;
}

struct device_config *add_device(struct state_world *w, enum device_kind kind)
{
	struct device_config *config = &w->list[w->count++];

	*config = (struct device_config){ .kind = kind, .terminal = -1, .resized = -1, .input = w->in[0], .output = w->out[1],
					  .net = NET_FD, .cid = 3 };
	config->path = kind == DEVICE_BLOCK ? w->disk : w->path;
	return config;
}

static int try_devices(struct state_world *w)
{
	const struct devices_config config = { .list = w->list, .count = w->count, .engine = state_engine, .legacy = w->legacy };
	const struct devices_host host = { .mem = w->ram, .page = gpa(w->list_at), .stop = &w->stop, .sys = &w->sys,
					   .line = w->legacy ? &w->line : NULL };

	for (unsigned i = 0; i < w->count; i++)
		if (w->list[i].kind == DEVICE_NET)
			w->list[i].fd = dup(w->pair[0]); /* it goes with its device */
	return devices_create(&w->devices, &config, &host, &w->error);
}

void make_devices(struct state_world *w)
{
	if (try_devices(w) < 0)
		fail_msg("%s", w->error.text);
	w->made = true;
	w->device = w->devices.list[w->count - 1];
}

static void put(struct state_world *w, uint64_t offset, uint64_t value)
{
	virtio_mmio_write(w->device, offset, 4, value);
}

/* 3.1.2 */
static void drive_legacy(struct state_world *w, uint64_t features)
{
	const uint32_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

	put(w, VIRTIO_MMIO_GUEST_PAGE_SIZE, GUEST_PAGE_BYTES);
	put(w, VIRTIO_MMIO_STATUS, status);
	put(w, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features);
	for (unsigned q = 0; q < w->device->queue_count; q++) {
		driver_start_legacy(&w->driver[q], STATE_SIZE, (uint32_t)features, GUEST_PAGE_BYTES);
		put(w, VIRTIO_MMIO_QUEUE_SEL, q);
		put(w, VIRTIO_MMIO_QUEUE_NUM, STATE_SIZE);
		put(w, VIRTIO_MMIO_QUEUE_ALIGN, GUEST_PAGE_BYTES);
		put(w, VIRTIO_MMIO_QUEUE_PFN, (w->driver[q].config.desc + q * STATE_PART) / GUEST_PAGE_BYTES);
	}
	put(w, VIRTIO_MMIO_STATUS, status | VIRTIO_CONFIG_S_DRIVER_OK);
	assert_true(virtio_usable(w->device));
}

void drive(struct state_world *w, uint64_t features)
{
	struct kvick_virtio_setup setup = { .device = w->device->index, .queues = w->device->queue_count,
					    .features = BIT(VIRTIO_F_VERSION_1) | state_ring | features };

	memset(w->slots, 0, sizeof(w->slots));
	if (w->legacy) {
		drive_legacy(w, (state_ring & BIT(VIRTIO_RING_F_EVENT_IDX)) | features); /* the others came later */
		return;
	}
	for (unsigned q = 0; q < setup.queues; q++) {
		const struct virtq_config *config = &w->driver[q].config;
		uint64_t base = q * STATE_PART;

		driver_start(&w->driver[q], STATE_SIZE, setup.features);
		setup.queue[q] = (struct kvick_virtio_queue){ .size = STATE_SIZE, .desc = config->desc + base,
							      .driver = config->driver + base, .device = config->device + base };
	}
	assert_int_equal(devices_setup(&w->devices, &setup), 0);
	has_event(w); /* none yet */
}

uint8_t *offer(struct state_world *w, unsigned queue, const void *data, uint32_t bytes, bool writable)
{
	uint64_t at = DRIVER_DATA_AT + w->slots[queue]++ % STATE_SIZE * STATE_SLOT_BYTES;
	const struct driver_part part = { queue * STATE_PART + at, bytes, writable };
	uint8_t *host = w->driver[queue].mem.host + at;

	if (data)
		memcpy(host, data, bytes);
	else
		memset(host, 0xee, bytes);
	assert_true(driver_add(&w->driver[queue], &part, 1, false) >= 0);
	return host;
}

void notify(struct state_world *w, unsigned queue)
{
	virtio_notify(w->device, queue);
	turn(w);
}

void turn(struct state_world *w)
{
	devices_wait(&w->devices, 0, 0, 0);
}

uint32_t used(struct state_world *w, unsigned queue)
{
	uint32_t written;
	uint16_t id;

	for (unsigned i = 0; !driver_has_used(&w->driver[queue]); i++) {
		if (i == 100)
			fail_msg("queue %u: nothing was used", queue);
		devices_wait(&w->devices, 1ull << 62, 10000000, 0);
	}
	assert_int_equal(driver_take_used(&w->driver[queue], &id, &written), 1);
	return written;
}

void none_used(struct state_world *w, unsigned queue)
{
	turn(w);
	assert_false(driver_has_used(&w->driver[queue]));
}

bool has_event(struct state_world *w)
{
	uint64_t bit = KVICK_EVENT_BIT(w->device->index);

	return devices_wait(&w->devices, bit, 0, 0) == (int64_t)bit;
}

const struct kvick_device *listed(const struct state_world *w)
{
	return (const struct kvick_device *)(w->driver[0].mem.host + STATE_LIST_AT) + w->device->index;
}

void save(struct state_world *w)
{
	struct state_writer writer = { .to = w->state, .max = sizeof(w->state) };

	assert_int_equal(devices_pause(&w->devices), 0);
	assert_int_equal(devices_save(&w->devices, &writer), 0);
	assert_int_equal(state_finish(&writer), 0);
	w->bytes = writer.bytes;
}

int load(struct state_world *w)
{
	struct state_reader reader = { .at = w->state, .left = w->bytes, .file = "dir/state", .error = &w->error };
	int r;

	end(w);
	w->error = (struct error){ 0 };
	make_devices(w);
	r = devices_load(&w->devices, &reader);
	if (r < 0)
		return r;
	return state_close(&reader);
}

void go_on_as_another(struct state_world *w)
{
	save(w);
	if (load(w) < 0)
		fail_msg("%s", w->error.text);
	devices_resume(&w->devices);
}

void assert_refused(struct state_world *w, int errnum, const char *says)
{
	char whole[2 * ERROR_TEXT_BYTES];
	int r = load(w);

	snprintf(whole, sizeof(whole), errnum == EBADMSG ? "dir/state: state: section %s; take the snapshot again" :
							   "dir/state: %s", says);
	assert_string_equal(w->error.text, whole);
	assert_int_equal(r, -errnum);
	assert_int_equal(w->error.kind, errnum == EBADMSG ? ERROR_IMAGE : ERROR_USAGE);
}
