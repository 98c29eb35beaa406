/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that are saved and go on: what is in their rings, on its way, or heard by nobody yet. */
#include "tests/unit/state_fixture.h"

#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_console.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "virtio/transport.h"

#define set_up    state_set_up
#define tear_down state_tear_down

enum { RX, TX };

static const struct device_rate one_in_an_hour = { .per_second = 1, .burst = 1 };

/* --- rings --- */

static struct state_world *with_entropy(void **state)
{
	struct state_world *w = *state;

	add_device(w, DEVICE_ENTROPY);
	make_devices(w);
	drive(w, 0);
	return w;
}

static void rings_go_on_where_they_were(void **state)
{
	struct state_world *w = with_entropy(state);

	/* Also where they wrap, and with buffers that nobody was notified of. */
	for (unsigned i = 0; i < 3 * STATE_SIZE; i++) {
		offer(w, 0, NULL, 16, true);
		notify(w, 0);
		assert_int_equal(used(w, 0), 16);
		if (i % 5 == 0)
			go_on_as_another(w);
	}
	offer(w, 0, NULL, 10, true);
	go_on_as_another(w);
	assert_int_equal(used(w, 0), 10);
	none_used(w, 0);
}

static void the_machine_that_was_saved_goes_on(void **state)
{
	struct state_world *w = with_entropy(state);

	offer(w, 0, NULL, 16, true);
	notify(w, 0);
	save(w);
	offer(w, 0, NULL, 8, true);
	devices_resume(&w->devices);
	assert_int_equal(used(w, 0), 16);
	notify(w, 0);
	assert_int_equal(used(w, 0), 8);
}

static void what_a_limit_keeps_back_is_in_the_ring(void **state)
{
	struct state_world *w = *state;

	add_device(w, DEVICE_ENTROPY)->operations = one_in_an_hour;
	make_devices(w);
	drive(w, 0);
	offer(w, 0, NULL, 16, true);
	offer(w, 0, NULL, 8, true);
	notify(w, 0);
	assert_int_equal(used(w, 0), 16);
	none_used(w, 0);
	w->list[0].operations.per_second = 0;
	go_on_as_another(w);
	assert_int_equal(used(w, 0), 8);
}

static void events_that_nobody_has_heard_of_are_heard_later(void **state)
{
	struct state_world *w = with_entropy(state);

	offer(w, 0, NULL, 16, true);
	notify(w, 0);
	go_on_as_another(w);
	assert_true(has_event(w));
	assert_false(has_event(w));
	go_on_as_another(w);
	assert_false(has_event(w)); /* for nothing is no event */
}

static void a_device_that_nobody_drives_stays_so(void **state)
{
	struct state_world *w = *state;

	add_device(w, DEVICE_ENTROPY);
	make_devices(w);
	go_on_as_another(w);
	assert_int_equal(w->device->transport.status, 0);
	assert_false(has_event(w));
	drive(w, 0);
	offer(w, 0, NULL, 16, true);
	notify(w, 0);
	assert_int_equal(used(w, 0), 16);
}

static void a_device_that_needs_a_reset_still_needs_it(void **state)
{
	struct state_world *w = with_entropy(state);

	offer(w, 0, NULL, 16, true);
	virtio_needs_reset(w->device, "a test");
	go_on_as_another(w);
	none_used(w, 0);
	assert_true(listed(w)->status & KVICK_DEVICE_NEEDS_RESET);
	assert_says(w->device->transport.needs_reset, "when the snapshot was taken");
	drive(w, 0);
	assert_false(listed(w)->status & KVICK_DEVICE_NEEDS_RESET);
}

static void a_machine_without_devices_has_state_too(void **state)
{
	struct state_world *w = *state;
	struct state_writer writer = { .to = w->state, .max = sizeof(w->state) };
	struct state_reader reader = { .at = w->state, .file = "dir/state", .error = &w->error };

	assert_int_equal(devices_pause(&w->devices), 0);
	assert_int_equal(devices_save(&w->devices, &writer), 0);
	assert_int_equal(state_finish(&writer), 0);
	reader.left = writer.bytes;
	assert_int_equal(devices_load(&w->devices, &reader), 0);
	assert_int_equal(state_close(&reader), 0);
	devices_resume(&w->devices);
}

/* --- registers --- */

static struct state_world *with_legacy(void **state)
{
	struct state_world *w = *state;

	w->legacy = true;
	add_device(w, DEVICE_ENTROPY);
	make_devices(w);
	return w;
}

static void a_legacy_driver_goes_on(void **state)
{
	struct state_world *w = with_legacy(state);

	drive(w, 0);
	for (unsigned i = 0; i < 2 * STATE_SIZE; i++) {
		offer(w, 0, NULL, 16, true);
		notify(w, 0);
		assert_int_equal(used(w, 0), 16);
		if (i % 5 == 0)
			go_on_as_another(w);
	}
	assert_int_equal(virtio_mmio_read(w->device, VIRTIO_MMIO_QUEUE_PFN, 4), w->driver[0].config.desc / GUEST_PAGE_BYTES);
}

static void an_interrupt_that_was_not_acknowledged_is_raised_again(void **state)
{
	struct state_world *w = with_legacy(state);

	drive(w, 0);
	offer(w, 0, NULL, 16, true);
	notify(w, 0);
	w->raised = 0;
	go_on_as_another(w);
	assert_int_equal(w->raised, 1);
	assert_int_equal(virtio_mmio_read(w->device, VIRTIO_MMIO_INTERRUPT_STATUS, 4), VIRTIO_MMIO_INT_VRING);
}

static void a_driver_may_be_in_the_middle_of_its_beginning(void **state)
{
	struct state_world *w = with_legacy(state);
	const uint32_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

	virtio_mmio_write(w->device, VIRTIO_MMIO_GUEST_PAGE_SIZE, 4, GUEST_PAGE_BYTES);
	virtio_mmio_write(w->device, VIRTIO_MMIO_STATUS, 4, status);
	virtio_mmio_write(w->device, VIRTIO_MMIO_QUEUE_NUM, 4, STATE_SIZE);
	virtio_mmio_write(w->device, VIRTIO_MMIO_QUEUE_ALIGN, 4, GUEST_PAGE_BYTES);
	go_on_as_another(w);
	driver_start_legacy(&w->driver[0], STATE_SIZE, 0, GUEST_PAGE_BYTES);
	virtio_mmio_write(w->device, VIRTIO_MMIO_QUEUE_PFN, 4, w->driver[0].config.desc / GUEST_PAGE_BYTES);
	go_on_as_another(w); /* a queue, and no DRIVER_OK */
	assert_int_equal(virtio_mmio_read(w->device, VIRTIO_MMIO_STATUS, 4), status);
	virtio_mmio_write(w->device, VIRTIO_MMIO_STATUS, 4, status | VIRTIO_CONFIG_S_DRIVER_OK);
	offer(w, 0, NULL, 16, true);
	notify(w, 0);
	assert_int_equal(used(w, 0), 16);
}

/* --- the console --- */

static struct state_world *with_console(void **state)
{
	struct state_world *w = *state;

	add_device(w, DEVICE_CONSOLE);
	make_devices(w);
	drive(w, 0);
	return w;
}

/* All that is there; how much. */
static size_t read_output(struct state_world *w, char *to, size_t most)
{
	ssize_t n = read(w->out[0], to, most);

	return n > 0 ? (size_t)n : 0;
}

static void output_goes_on_where_it_stood(void **state)
{
	struct state_world *w = with_console(state);
	static char text[13000], got[sizeof(text) + 1];
	size_t bytes;

	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i / 97 % 26);
	offer(w, TX, text, sizeof(text), false);
	notify(w, TX); /* more than the pipe takes */
	bytes = read_output(w, got, 4096);
	assert_true(bytes > 0);
	turn(w);
	go_on_as_another(w);
	for (unsigned i = 0; !driver_has_used(&w->driver[TX]); i++) {
		assert_true(i < 1000);
		bytes += read_output(w, got + bytes, sizeof(got) - bytes);
		devices_wait(&w->devices, 1, 1000000, 0);
	}
	bytes += read_output(w, got + bytes, sizeof(got) - bytes);
	assert_int_equal(bytes, sizeof(text));
	assert_memory_equal(got, text, sizeof(text));
	used(w, TX);
	offer(w, TX, "more", 4, false);
	notify(w, TX);
	used(w, TX);
	assert_int_equal(read_output(w, got, sizeof(got)), 4);
	assert_memory_equal(got, "more", 4);
}

static void input_that_the_guest_had_no_buffer_for_is_not_lost(void **state)
{
	struct state_world *w = with_console(state);
	uint8_t *first = offer(w, RX, NULL, 4, true), *second;

	notify(w, RX);
	assert_int_equal(write(w->in[1], "seventeen", 9), 9);
	assert_int_equal(used(w, RX), 4);
	assert_memory_equal(first, "seve", 4);
	go_on_as_another(w);
	second = offer(w, RX, NULL, 100, true);
	notify(w, RX);
	assert_int_equal(used(w, RX), 5);
	assert_memory_equal(second, "nteen", 5);
	offer(w, RX, NULL, 100, true);
	notify(w, RX);
	assert_int_equal(write(w->in[1], "xy", 2), 2);
	assert_int_equal(used(w, RX), 2);
}

static void another_terminal_has_its_own_size(void **state)
{
	struct state_world *w = *state;
	const struct winsize size = { .ws_col = 80, .ws_row = 25 }, other = { .ws_col = 132, .ws_row = 43 };
	struct virtio_console_config config;
	uint32_t generation;
	int master, slave;

	assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
	*add_device(w, DEVICE_CONSOLE) = (struct device_config){ .kind = DEVICE_CONSOLE, .input = w->in[0], .output = w->out[1],
								 .terminal = slave, .resized = w->in[0] };
	make_devices(w);
	drive(w, BIT(VIRTIO_CONSOLE_F_SIZE));
	generation = listed(w)->generation;
	go_on_as_another(w);
	assert_false(has_event(w)); /* the same */
	assert_int_equal(listed(w)->generation, generation);
	assert_int_equal(ioctl(slave, TIOCSWINSZ, &other), 0);
	go_on_as_another(w);
	assert_true(has_event(w));
	memcpy(&config, listed(w)->config, sizeof(config));
	assert_int_equal(config.cols, 132);
	assert_int_equal(listed(w)->generation, generation + 2);
	w->list[0].terminal = -1;
	go_on_as_another(w); /* and none has none */
	assert_true(has_event(w));
	memcpy(&config, listed(w)->config, sizeof(config));
	assert_int_equal(config.cols, 0);
	close(master);
	close(slave);
}

/* --- disks --- */

#define SECTOR 512u

static struct state_world *with_disk(void **state, struct device_rate rate, uint64_t features)
{
	struct state_world *w = *state;

	add_device(w, DEVICE_BLOCK)->operations = rate;
	make_devices(w);
	drive(w, features);
	return w;
}

/* One sector is written; where its status will be. */
static const uint8_t *write_sector(struct state_world *w, uint64_t sector, int byte)
{
	const struct virtio_blk_outhdr header = { .type = VIRTIO_BLK_T_OUT, .sector = sector };
	uint64_t at = DRIVER_DATA_AT + w->slots[0]++ % STATE_SIZE * STATE_SLOT_BYTES;
	const struct driver_part parts[] = { { at, sizeof(header), false }, { at + 0x200, SECTOR, false },
					     { at + 0x100, 1, true } };
	uint8_t *host = w->driver[0].mem.host + at;

	memcpy(host, &header, sizeof(header));
	memset(host + 0x200, byte, SECTOR);
	host[0x100] = 0xee;
	assert_true(driver_add(&w->driver[0], parts, COUNT_OF(parts), false) >= 0);
	return host + 0x100;
}

static int byte_of(const struct state_world *w, uint64_t sector)
{
	uint8_t byte = 0;

	assert_int_equal(pread(w->memfd, &byte, 1, (off_t)(sector * SECTOR)), 1);
	return byte;
}

static void requests_under_way_have_ended_when_state_is_taken(void **state)
{
	const struct device_rate none = { 0 };
	struct state_world *w = with_disk(state, none, 0);
	const uint8_t *status[4];

	for (unsigned i = 0; i < 4; i++)
		status[i] = write_sector(w, i, 'a' + (int)i);
	virtio_notify(w->device, 0);
	assert_true(engine_in_flight(w->devices.engine) > 0);
	go_on_as_another(w);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(used(w, 0), 1);
		assert_int_equal(*status[i], VIRTIO_BLK_S_OK);
		assert_int_equal(byte_of(w, i), 'a' + (int)i);
	}
	assert_true(has_event(w));
	none_used(w, 0);
}

static void requests_that_wait_for_a_limit_are_made_by_another(void **state)
{
	struct state_world *w = with_disk(state, one_in_an_hour, 0);
	const uint8_t *status[3];

	for (unsigned i = 0; i < 3; i++)
		status[i] = write_sector(w, i, 'a' + (int)i);
	notify(w, 0);
	used(w, 0);
	none_used(w, 0);
	w->list[0].operations.per_second = 0;
	go_on_as_another(w);
	for (unsigned i = 1; i < 3; i++) {
		used(w, 0);
		assert_int_equal(*status[i], VIRTIO_BLK_S_OK);
		assert_int_equal(byte_of(w, i), 'a' + (int)i);
	}
}

static void another_disk_is_refused(void **state)
{
	const struct device_rate none = { 0 };
	struct state_world *w = with_disk(state, none, BIT(VIRTIO_BLK_F_DISCARD));
	char path[32];

	save(w);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", w->small);
	w->list[0].path = path;
	assert_refused(w, EINVAL, "device 0 (block): it had 64 sectors, and has 32 here: give it the disk that it had");
	w->list[0].path = w->disk;
	w->list[0].queues = 2;
	assert_refused(w, EINVAL, "device 0 (block): it had 1 queues, and has 2 here: give it as many");
	w->list[0].queues = 1;
	w->list[0].read_only = true; /* a driver of DISCARD finds none there, and that is said first */
	assert_refused(w, EINVAL, "device 0 (block): its driver uses VIRTIO_BLK_F_DISCARD, which it does not have here: "
		       "give it what it had");
	w->list[0].read_only = false;
	assert_int_equal(load(w), 0);
}

static void a_disk_stays_as_writable_as_it_was(void **state)
{
	const struct device_rate none = { 0 };
	struct state_world *w = with_disk(state, none, 0);

	save(w);
	w->list[0].read_only = true;
	assert_refused(w, EINVAL, "device 0 (block): it was writable: leave out `ro`, and let the file be written to");
	drive(w, 0);
	save(w);
	w->list[0].read_only = false;
	assert_refused(w, EINVAL, "device 0 (block): it was read-only: write `ro`");
}

/* --- networks --- */

#define HEADER ((uint32_t)sizeof(struct virtio_net_hdr_v1))

static struct state_world *with_net(void **state, uint64_t features)
{
	struct state_world *w = *state;

	add_device(w, DEVICE_NET)->mac[0] = 2;
	make_devices(w);
	drive(w, features);
	return w;
}

static void a_buffer_that_waits_for_its_frame_is_in_the_ring(void **state)
{
	struct state_world *w = with_net(state, BIT(VIRTIO_NET_F_MRG_RXBUF));
	uint8_t frame[300], *buffers[3];
	unsigned held = 0;

	memset(frame, 'f', sizeof(frame));
	buffers[0] = offer(w, RX, NULL, 120, true);
	buffers[1] = offer(w, RX, NULL, 120, true);
	notify(w, RX);
	/* It takes three: two are popped, and wait for the third. */
	assert_int_equal(send(w->pair[1], frame, sizeof(frame), 0), sizeof(frame));
	for (unsigned i = 0; i < 100 && held < 2; i++) {
		devices_wait(&w->devices, 1ull << 62, 1000000, 0);
		held = w->device->queues[RX].in_flight;
	}
	assert_int_equal(held, 2);
	go_on_as_another(w);
	none_used(w, RX);
	/* That frame was the other's. The next one comes, in the same buffers. */
	memset(frame, 'g', sizeof(frame));
	assert_int_equal(send(w->pair[1], frame, 120 - HEADER, 0), 120 - HEADER);
	assert_int_equal(used(w, RX), 120);
	assert_memory_equal(buffers[0] + HEADER, frame, 120 - HEADER);
	buffers[2] = offer(w, RX, NULL, 400, true);
	notify(w, RX);
	assert_int_equal(send(w->pair[1], frame, sizeof(frame), 0), sizeof(frame));
	assert_int_equal(used(w, RX), 120);
	assert_int_equal(used(w, RX), sizeof(frame) + HEADER - 120);
	assert_memory_equal(buffers[2], frame, sizeof(frame) + HEADER - 120);
}

static void the_machine_that_was_saved_gets_its_frame(void **state)
{
	struct state_world *w = with_net(state, 0);
	const uint8_t frame[60] = "frame";

	assert_int_equal(send(w->pair[1], frame, sizeof(frame), 0), sizeof(frame));
	turn(w);
	save(w);
	devices_resume(&w->devices);
	offer(w, RX, NULL, 400, true);
	notify(w, RX);
	assert_int_equal(used(w, RX), sizeof(frame) + HEADER);
}

static void a_network_has_the_address_that_it_is_given_now(void **state)
{
	struct state_world *w = with_net(state, BIT(VIRTIO_NET_F_MAC));
	static const uint8_t none[6], mine[6] = { 2, 0, 0, 0, 0, 7 };
	uint8_t first[6];
	uint32_t generation = listed(w)->generation;

	memcpy(w->list[0].mac, mine, sizeof(mine));
	go_on_as_another(w);
	assert_true(has_event(w));
	assert_memory_equal(listed(w)->config, mine, sizeof(mine));
	assert_int_equal(listed(w)->generation, generation + 2);
	/* Each that is given none has one of its own. */
	memcpy(w->list[0].mac, none, sizeof(none));
	go_on_as_another(w);
	assert_true(has_event(w));
	memcpy(first, listed(w)->config, sizeof(first));
	assert_memory_not_equal(first, mine, sizeof(mine));
	go_on_as_another(w);
	assert_memory_not_equal(listed(w)->config, first, sizeof(first));
	/* The driver goes on. */
	offer(w, TX, NULL, HEADER + 60, false);
	memset(w->driver[TX].mem.host + DRIVER_DATA_AT, 0, HEADER);
	notify(w, TX);
	used(w, TX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rings_go_on_where_they_were),
		TEST(the_machine_that_was_saved_goes_on),
		TEST(what_a_limit_keeps_back_is_in_the_ring),
		TEST(events_that_nobody_has_heard_of_are_heard_later),
		TEST(a_device_that_nobody_drives_stays_so),
		TEST(a_device_that_needs_a_reset_still_needs_it),
		TEST(a_machine_without_devices_has_state_too),
		TEST(a_legacy_driver_goes_on),
		TEST(an_interrupt_that_was_not_acknowledged_is_raised_again),
		TEST(a_driver_may_be_in_the_middle_of_its_beginning),
		TEST(output_goes_on_where_it_stood),
		TEST(input_that_the_guest_had_no_buffer_for_is_not_lost),
		TEST(another_terminal_has_its_own_size),
		TEST(requests_under_way_have_ended_when_state_is_taken),
		TEST(requests_that_wait_for_a_limit_are_made_by_another),
		TEST(another_disk_is_refused),
		TEST(a_disk_stays_as_writable_as_it_was),
		TEST(a_buffer_that_waits_for_its_frame_is_in_the_ring),
		TEST(the_machine_that_was_saved_gets_its_frame),
		TEST(a_network_has_the_address_that_it_is_given_now),
	};

	return STATE_RUN("devices_state", tests);
}
