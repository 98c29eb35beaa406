/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine's devices as a native guest's calls see them: the list, set-up, notifications, events. Two entropy devices on the
 * engine; the second's operations are replaced by ones that take their time.
 */
#include "tests/unit/test_unit.h"
#include "tests/unit/virtq_driver.h"

#include <linux/virtio_ids.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

#include <kvick/hypercall.h>

#include "virtio/devices.h"
#include "virtio/transport.h"
#include "vmm/engine_private.h"
#include "vmm/error.h"
#include "vmm/stop.h"
#include "vmm/sys.h"

#define RAM     (1ull << 20)
#define SIZE    8u
#define LIST_AT 0x80000ull
#define MS      1000000ull
#define FOREVER UINT64_MAX

#define BIT(feature) (1ull << (feature))

enum { NOW, LATE, COUNT }; /* the devices */

struct fixture {
	struct sys sys;
	struct error error;
	struct stop stop;
	struct driver driver;
	struct devices devices;
	struct virtio_ops late;
	/* What the late device has in flight. */
	struct engine_op op;
	struct virtq_chain chain;
	bool under_way;
	struct engine_op next; /* started when that is done, if it has a done() */
	uint64_t takes_ns;
	unsigned activated, finished;
	int activate_result;
};

static struct fixture *the; /* for the late device and the signal handler */
static enum engine_kind kind;

/* --- the device that takes its time --- */

static int late_activate(struct virtio_device *device)
{
	(void)device;
	the->activated++;
	return the->activate_result;
}

static void late_done(struct engine_op *op, int32_t result)
{
	struct virtio_device *d = op->context;

	(void)result;
	the->under_way = false;
	the->finished++;
	if (the->next.done)
		engine_start(d->engine, &the->next);
	if (d->transport.resetting) {
		virtio_reset_done(d);
		return;
	}
	virtq_push(&d->queues[0], &the->chain, 1);
	virtio_queue_done(d, 0);
}

static void late_notify(struct virtio_device *d, unsigned queue)
{
	if (the->under_way || virtq_pop(&d->queues[queue], &the->chain) != 1)
		return;
	the->under_way = true;
	the->op = (struct engine_op){ .code = ENGINE_TIMEOUT, .ns = the->takes_ns, .done = late_done, .context = d };
	engine_start(d->engine, &the->op);
}

static bool late_reset(struct virtio_device *d)
{
	(void)d;
	return !the->under_way;
}

/* --- the fixture --- */

static int set_up(void **state)
{
	static const struct device_config list[COUNT] = {
		[NOW] = { .kind = DEVICE_ENTROPY, .id = "rng" },
		[LATE] = { .kind = DEVICE_ENTROPY, .id = "a name of thirty-one characters" },
	};
	struct fixture *f = the = calloc(1, sizeof(*f));
	struct devices_config config = { .list = list, .count = COUNT, .engine = kind };
	const struct devices_host host = { .mem = &f->driver.mem, .page = gpa(LIST_AT), .stop = &f->stop, .sys = &f->sys };

	*state = f;
	sys_init(&f->sys);
	driver_create(&f->driver, RAM);
	driver_start(&f->driver, SIZE, BIT(VIRTIO_F_VERSION_1));
	memset(f->driver.mem.host + LIST_AT, 0, GUEST_PAGE_BYTES);
	if (devices_create(&f->devices, &config, &host, &f->error) < 0)
		fail_msg("%s", f->error.text);
	f->late = *f->devices.list[LATE]->ops;
	f->late.activate = late_activate;
	f->late.notify = late_notify;
	f->late.reset = late_reset;
	f->devices.list[LATE]->ops = &f->late;
	f->takes_ns = 20 * MS;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	assert_true(devices_stop(&f->devices));
	assert_false(f->under_way);
	devices_free(&f->devices);
	driver_destroy(&f->driver);
	free(f);
	return 0;
}

static const struct kvick_device *listed(struct fixture *f, unsigned index)
{
	return (const struct kvick_device *)(f->driver.mem.host + LIST_AT) + index;
}

static struct kvick_virtio_setup good_setup(unsigned device)
{
	return (struct kvick_virtio_setup){
		.device = device,
		.queues = 1,
		.features = BIT(VIRTIO_F_VERSION_1),
		.queue = { { .size = SIZE, .desc = DRIVER_DESC_AT, .driver = DRIVER_DRIVER_AT, .device = DRIVER_DEVICE_AT } },
	};
}

/* The driver, on one device at a time. */
static struct fixture *start(void **state, unsigned device)
{
	struct fixture *f = *state;
	struct kvick_virtio_setup setup = good_setup(device);

	driver_start(&f->driver, SIZE, BIT(VIRTIO_F_VERSION_1));
	assert_int_equal(devices_setup(&f->devices, &setup), 0);
	return f;
}

static void offer(struct fixture *f)
{
	const struct driver_part part = { DRIVER_DATA_AT, 64, true };

	assert_true(driver_add(&f->driver, &part, 1, false) >= 0);
}

static unsigned used(struct fixture *f)
{
	unsigned count = 0;
	uint16_t id;
	uint32_t written;

	while (driver_take_used(&f->driver, &id, &written) == 1)
		count++;
	return count;
}

static int64_t wait_for(struct fixture *f, uint64_t mask, uint64_t timeout_ns, uint64_t notifications)
{
	return devices_wait(&f->devices, mask, timeout_ns, notifications);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 * MS + (uint64_t)now.tv_nsec;
}

/* An available index that has jumped (2.7.13): THREATS 5. */
static void spoil_the_ring(struct fixture *f)
{
	f->driver.avail->idx = (uint16_t)(f->driver.avail->idx + SIZE + 1);
}

/* --- what one call does --- */

#define CHAIN 5u

/* Ended by nobody but the engine, and so at once. */
static void start_link(struct fixture *f)
{
	f->op = (struct engine_op){ .code = ENGINE_TIMEOUT, .ns = FOREVER, .done = f->op.done, .context = f };
	engine_start(f->devices.engine, &f->op);
	engine_cancel(f->devices.engine, &f->op);
}

static void link_done(struct engine_op *op, int32_t result)
{
	struct fixture *f = op->context;

	(void)result;
	if (++f->finished < CHAIN)
		start_link(f);
}

static void what_an_end_leads_to_ends_in_the_same_call(void **state)
{
	struct fixture *f = start(state, NOW);

	f->op.done = link_done;
	start_link(f);
	assert_int_equal(wait_for(f, 3, 0, 0), 0);
	assert_int_equal(f->finished, CHAIN);
}

/* --- the list --- */

static void the_list_says_what_there_is(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < COUNT; i++) {
		assert_int_equal(listed(f, i)->id, VIRTIO_ID_RNG);
		assert_int_equal(listed(f, i)->generation % 2, 0);
		assert_int_equal(listed(f, i)->features, f->devices.list[i]->features_offered);
		assert_true(listed(f, i)->features >> VIRTIO_F_VERSION_1 & 1);
		assert_int_equal(listed(f, i)->queues, 1);
		assert_int_equal(listed(f, i)->queue_size_max, 64);
		assert_int_equal(listed(f, i)->config_bytes, 0);
		assert_int_equal(listed(f, i)->status, 0);
		assert_int_equal(listed(f, i)->reserved, 0);
	}
	assert_string_equal(listed(f, NOW)->name, "rng");
	assert_memory_equal(listed(f, LATE)->name, "a name of thirty-one characters", 32);
	for (unsigned i = COUNT * sizeof(struct kvick_device); i < GUEST_PAGE_BYTES; i++)
		assert_int_equal(f->driver.mem.host[LIST_AT + i], 0);
}

static void change_config(struct fixture *f, uint8_t byte)
{
	struct virtio_device *d = f->devices.list[NOW];

	d->config_bytes = 3;
	d->config[2] = byte;
	virtio_config_changed(d);
}

/* 2.5.1: whether there is a driver yet or not. */
static void the_list_follows_the_configuration(void **state)
{
	struct fixture *f = *state;
	uint32_t generation = listed(f, NOW)->generation;

	change_config(f, 7);
	assert_int_equal(listed(f, NOW)->generation, generation + 2);
	assert_int_equal(listed(f, NOW)->config_bytes, 3);
	assert_int_equal(listed(f, NOW)->config[2], 7);
	assert_int_equal(wait_for(f, 3, 0, 0), 0);
	start(state, NOW);
	change_config(f, 8);
	assert_int_equal(listed(f, NOW)->generation, generation + 4);
	assert_int_equal(listed(f, NOW)->config[2], 8);
	assert_int_equal(wait_for(f, 3, 0, 0), 1);
	change_config(f, 9);
	assert_int_equal(wait_for(f, 3, 0, 0), 1);
}

/* Whatever the guest writes there: it is never read. */
static void a_spoiled_list_harms_nobody(void **state)
{
	struct fixture *f = *state;

	memset(f->driver.mem.host + LIST_AT, 0xff, GUEST_PAGE_BYTES);
	start(state, NOW);
	change_config(f, 7);
	assert_int_equal(listed(f, NOW)->queues, 1);
	assert_int_equal(listed(f, NOW)->generation % 2, 0);
	assert_int_equal(listed(f, LATE)->queues, 0xffff);
}

/* --- set-up --- */

static void setup_fails(struct fixture *f, const struct kvick_virtio_setup *setup, int64_t error)
{
	assert_int_equal(devices_setup(&f->devices, setup), error);
}

/* THREATS 3. */
static void a_device_that_is_not_there_cannot_be_set_up(void **state)
{
	struct fixture *f = start(state, NOW);
	struct kvick_virtio_setup setup = good_setup(COUNT);

	for (uint64_t device = COUNT; device <= UINT32_MAX; device = device * 2 + 1) {
		setup.device = (uint32_t)device;
		setup_fails(f, &setup, -KVICK_EINVAL);
		setup.queues ^= 1;
	}
	assert_true(f->devices.list[NOW]->queues[0].running);
}

/* THREATS 2: docs/ABI.md: whatever is wrong with it, the device is reset. */
static void a_setup_that_is_wrong_leaves_the_device_reset(void **state)
{
	struct fixture *f = start(state, NOW);
	struct kvick_virtio_setup setup = good_setup(NOW);

	setup.queue[0].size = 3;
	setup_fails(f, &setup, -KVICK_EINVAL);
	assert_false(f->devices.list[NOW]->queues[0].running);
	assert_int_equal(f->devices.list[NOW]->transport.status, 0);
	assert_int_equal(listed(f, NOW)->status, 0);
	start(state, NOW);
	setup.queues = 9;
	setup_fails(f, &setup, -KVICK_EINVAL);
	assert_int_equal(f->devices.list[NOW]->transport.status, 0);
}

static void a_device_that_cannot_begin_is_an_io_error(void **state)
{
	struct fixture *f = *state;
	struct kvick_virtio_setup setup = good_setup(LATE);

	f->activate_result = -ENOMEM;
	setup_fails(f, &setup, -KVICK_EIO);
	assert_int_equal(listed(f, LATE)->status, 0);
	f->activate_result = 0;
	start(state, LATE);
}

static void a_second_setup_begins_anew(void **state)
{
	struct fixture *f = start(state, NOW);

	offer(f);
	assert_int_equal(wait_for(f, 3, 0, KVICK_NOTIFY_BIT(NOW, 0)), 1);
	start(state, NOW);
	offer(f);
	assert_int_equal(wait_for(f, 3, 0, KVICK_NOTIFY_BIT(NOW, 0)), 1);
	assert_int_equal(used(f), 1);
}

static void a_setup_without_queues_is_a_reset(void **state)
{
	struct fixture *f = start(state, NOW);
	struct kvick_virtio_setup setup = { .device = NOW };

	assert_int_equal(devices_setup(&f->devices, &setup), 0);
	offer(f);
	assert_int_equal(wait_for(f, 3, 0, KVICK_NOTIFY_BIT(NOW, 0)), 0);
	assert_int_equal(used(f), 0);
}

/* THREATS 4: the call returns when nothing is in flight any more, and nothing of before is heard. */
static void a_setup_waits_for_what_is_in_flight(void **state)
{
	struct fixture *f = start(state, LATE);

	offer(f);
	assert_int_equal(wait_for(f, 3, 0, KVICK_NOTIFY_BIT(LATE, 0)), 0);
	assert_true(f->under_way);
	start(state, LATE);
	assert_int_equal(f->finished, 1);
	assert_int_equal(f->activated, 2);
	assert_int_equal(used(f), 0);
	assert_int_equal(wait_for(f, 3, 0, 0), 0);
}

/* THREATS 4. */
static void the_end_waits_for_what_is_in_flight(void **state)
{
	struct fixture *f = start(state, LATE);

	f->takes_ns = 3600 * 1000 * MS;
	offer(f);
	assert_int_equal(wait_for(f, 3, 0, KVICK_NOTIFY_BIT(LATE, 0)), 0);
	assert_true(f->under_way); /* tear_down() */
}

/* --- notifications --- */

/* THREATS 3. */
static void notifications_of_nothing_are_ignored(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(wait_for(f, 3, 0, UINT64_MAX), 0);
	start(state, NOW);
	offer(f);
	assert_int_equal(wait_for(f, 3, 0, ~KVICK_NOTIFY_BIT(NOW, 0)), 0);
	assert_int_equal(used(f), 0);
	assert_int_equal(wait_for(f, 3, 0, UINT64_MAX), 1);
	assert_int_equal(used(f), 1);
	assert_int_equal(f->devices.list[NOW]->queues[0].counts.notifications, 1);
}

/* --- events --- */

static void an_event_is_reported_once(void **state)
{
	struct fixture *f = start(state, NOW);

	offer(f);
	assert_int_equal(wait_for(f, 3, FOREVER, KVICK_NOTIFY_BIT(NOW, 0)), 1);
	assert_int_equal(used(f), 1);
	assert_int_equal(wait_for(f, 3, 0, 0), 0);
}

static void an_event_outside_the_mask_stays(void **state)
{
	struct fixture *f = start(state, NOW);

	offer(f);
	assert_int_equal(wait_for(f, KVICK_EVENT_BIT(LATE), 0, KVICK_NOTIFY_BIT(NOW, 0)), 0);
	assert_int_equal(wait_for(f, 0, 1 * MS, 0), 0);
	assert_int_equal(wait_for(f, KVICK_EVENT_BIT(NOW), FOREVER, 0), 1);
	assert_int_equal(wait_for(f, KVICK_EVENT_BIT(NOW), 0, 0), 0);
}

/* THREATS 4. */
static void a_reset_takes_its_event_along(void **state)
{
	struct fixture *f = start(state, NOW);

	offer(f);
	assert_int_equal(wait_for(f, 0, 0, KVICK_NOTIFY_BIT(NOW, 0)), 0);
	start(state, NOW);
	assert_int_equal(wait_for(f, 3, 0, 0), 0);
}

static void a_driver_that_wants_no_event_gets_none(void **state)
{
	struct fixture *f = start(state, NOW);

	driver_interrupts_off(&f->driver);
	offer(f);
	assert_int_equal(wait_for(f, 3, 0, KVICK_NOTIFY_BIT(NOW, 0)), 0);
	assert_int_equal(used(f), 1);
}

static void a_wait_ends_with_its_event(void **state)
{
	struct fixture *f = start(state, LATE);
	uint64_t begin = now_ns();

	offer(f);
	assert_int_equal(wait_for(f, 3, FOREVER, KVICK_NOTIFY_BIT(LATE, 0)), 2);
	assert_true(now_ns() - begin >= f->takes_ns);
	assert_int_equal(used(f), 1);
}

/* Other devices go on meanwhile. */
static void a_wait_lasts_as_long_as_asked(void **state)
{
	struct fixture *f = start(state, LATE);
	uint64_t begin = now_ns();

	offer(f);
	assert_int_equal(wait_for(f, KVICK_EVENT_BIT(NOW), 3 * f->takes_ns, KVICK_NOTIFY_BIT(LATE, 0)), 0);
	assert_true(now_ns() - begin >= 3 * f->takes_ns);
	assert_int_equal(f->finished, 1);
	assert_int_equal(wait_for(f, 3, 0, 0), 2);
}

static void a_wait_ends_before_an_event_that_is_later(void **state)
{
	struct fixture *f = start(state, LATE);
	uint64_t begin = now_ns();

	f->takes_ns = 3600 * 1000 * MS;
	offer(f);
	assert_int_equal(wait_for(f, 3, 5 * MS, KVICK_NOTIFY_BIT(LATE, 0)), 0);
	assert_true(now_ns() - begin >= 5 * MS);
	assert_int_equal(f->finished, 0);
}

static void next_done(struct engine_op *op, int32_t result)
{
	(void)op, (void)result;
	the->finished++;
}

/* The guest may compute for a long time before it comes again. */
static void what_is_started_meanwhile_is_submitted_before_the_guest_goes_on(void **state)
{
	struct fixture *f = start(state, LATE);

	f->takes_ns = 0;
	f->next = (struct engine_op){ .code = ENGINE_TIMEOUT, .done = next_done, .ns = 3600 * 1000 * MS };
	offer(f);
	assert_int_equal(wait_for(f, 3, FOREVER, KVICK_NOTIFY_BIT(LATE, 0)), 2);
	assert_int_equal(f->finished, 1);
	assert_int_equal(f->next.own.state, OP_PENDING);
}

static void an_event_of_before_is_reported_without_sleep(void **state)
{
	struct fixture *f = start(state, NOW);
	unsigned calls;

	offer(f);
	wait_for(f, 0, 0, KVICK_NOTIFY_BIT(NOW, 0));
	calls = (unsigned)engine_counts(f->devices.engine)->wait_calls;
	assert_int_equal(wait_for(f, 3, FOREVER, 0), 1);
	assert_true(engine_counts(f->devices.engine)->wait_calls <= calls + 1); /* a look is no sleep */
}

/* --- a device that needs a reset --- */

static void a_broken_ring_is_told_by_status_and_event(void **state)
{
	struct fixture *f = start(state, NOW);

	spoil_the_ring(f);
	assert_int_equal(wait_for(f, 3, FOREVER, KVICK_NOTIFY_BIT(NOW, 0)), 1);
	assert_int_equal(listed(f, NOW)->status, KVICK_DEVICE_NEEDS_RESET);
	assert_int_equal(listed(f, NOW)->generation % 2, 0);
	assert_int_equal(listed(f, LATE)->status, 0);
	assert_int_equal(wait_for(f, 3, 0, KVICK_NOTIFY_BIT(NOW, 0)), 0);
	start(state, NOW);
	assert_int_equal(listed(f, NOW)->status, 0);
	offer(f);
	assert_int_equal(wait_for(f, 3, 0, KVICK_NOTIFY_BIT(NOW, 0)), 1);
	assert_int_equal(used(f), 1);
}

/* --- the end --- */

static void stop_now(int signal)
{
	the->stop.signal = signal;
}

/* Again and again: a signal just before the system call is not seen by it. */
static void stop_soon(void)
{
	const struct sigaction action = { .sa_handler = stop_now };
	const struct itimerval timer = { { 0, 1000 }, { 0, 5000 } };

	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

static void stop_no_more(void)
{
	const struct itimerval timer = { 0 };

	assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

static void entropy_that_the_host_does_not_give_is_its_error(void **state)
{
	struct fixture *f = start(state, NOW);
	const struct virtio_device *d = f->devices.list[NOW];

	offer(f);
	f->sys.fail_errno = ENOSYS;
	f->sys.fail_at = f->sys.calls + 1;
	assert_int_equal(wait_for(f, 1, 0, KVICK_NOTIFY_BIT(NOW, 0)), 1);
	assert_int_equal(used(f), 1);
	assert_int_equal(d->metrics[0].errors, 1);
	assert_int_equal(d->host_error.count, 1);
	assert_int_equal(d->host_error.errnum, ENOSYS);
}

static void a_stop_ends_a_wait(void **state)
{
	static const uint64_t timeouts[] = { FOREVER, FOREVER - 1, 1ull << 63, INT64_MAX, 3600 * 1000 * MS };
	struct fixture *f = start(state, LATE);

	for (unsigned i = 0; i < COUNT_OF(timeouts); i++) {
		f->stop.signal = 0;
		stop_soon();
		assert_int_equal(wait_for(f, 3, timeouts[i], 0), 0);
		stop_no_more();
		assert_int_equal(f->stop.signal, SIGALRM);
		assert_int_equal(wait_for(f, 3, timeouts[i], 0), 0); /* nor does another begin */
	}
}

static void a_wait_that_the_host_refuses_is_an_io_error(void **state)
{
	struct fixture *f = start(state, LATE);

	stop_soon(); /* else the test hangs where it should fail */
	f->sys.fail_at = f->sys.calls + 1;
	f->sys.fail_errno = EPERM;
	assert_int_equal(wait_for(f, 3, FOREVER, 0), -KVICK_EIO);
	stop_no_more();
}

static void a_stop_ends_a_setup(void **state)
{
	struct fixture *f = start(state, LATE);
	struct kvick_virtio_setup setup = good_setup(LATE);

	f->takes_ns = 3600 * 1000 * MS;
	offer(f);
	assert_int_equal(wait_for(f, 3, 0, KVICK_NOTIFY_BIT(LATE, 0)), 0);
	stop_soon();
	setup_fails(f, &setup, -KVICK_EIO);
	stop_no_more();
	assert_true(f->under_way);
	assert_int_equal(f->activated, 1);
}

int main(void)
{
	static const struct {
		enum engine_kind kind;
		const char *name;
	} kinds[] = { { ENGINE_SYNC, "devices, plain system calls" }, { ENGINE_AUTO, "devices, io_uring where it is" } };
	const struct CMUnitTest tests[] = {
		TEST(the_list_says_what_there_is),
		TEST(what_an_end_leads_to_ends_in_the_same_call),
		TEST(the_list_follows_the_configuration),
		TEST(a_spoiled_list_harms_nobody),
		TEST(a_device_that_is_not_there_cannot_be_set_up),
		TEST(a_setup_that_is_wrong_leaves_the_device_reset),
		TEST(a_device_that_cannot_begin_is_an_io_error),
		TEST(a_second_setup_begins_anew),
		TEST(a_setup_without_queues_is_a_reset),
		TEST(a_setup_waits_for_what_is_in_flight),
		TEST(the_end_waits_for_what_is_in_flight),
		TEST(notifications_of_nothing_are_ignored),
		TEST(an_event_is_reported_once),
		TEST(an_event_outside_the_mask_stays),
		TEST(a_reset_takes_its_event_along),
		TEST(a_driver_that_wants_no_event_gets_none),
		TEST(a_wait_ends_with_its_event),
		TEST(a_wait_lasts_as_long_as_asked),
		TEST(a_wait_ends_before_an_event_that_is_later),
		TEST(what_is_started_meanwhile_is_submitted_before_the_guest_goes_on),
		TEST(an_event_of_before_is_reported_without_sleep),
		TEST(a_broken_ring_is_told_by_status_and_event),
		TEST(entropy_that_the_host_does_not_give_is_its_error),
		TEST(a_stop_ends_a_wait),
		TEST(a_wait_that_the_host_refuses_is_an_io_error),
		TEST(a_stop_ends_a_setup),
	};
	int failed = 0;

	for (unsigned i = 0; i < COUNT_OF(kinds); i++) {
		kind = kinds[i].kind;
		failed += cmocka_run_group_tests_name(kinds[i].name, tests, NULL, NULL);
	}
	return failed;
}
