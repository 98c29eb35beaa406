/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio console between a driver and two pipes, by each kind of engine. */
#include "tests/unit/engine_fixture.h"

#include <fcntl.h>
#include <kvick/virtio.h>
#include <linux/virtio_console.h>
#include <pty.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "tests/unit/virtq_driver.h"
#include "virtio/devices.h"
#include "virtio/transport.h"

#define RAM   GUEST_MEM_BYTES_MIN
#define SIZE  8
#define READY (1ull << VIRTIO_F_VERSION_1)

enum { INPUT, OUTPUT };

struct world {
	struct sys sys;
	struct error error;
	struct driver driver;
	struct engine *engine;
	struct virtio_device *device;
	struct device_config config;
	struct virtio_line line;
	unsigned raised, fd_before;
	int in[2], out[2], master, slave; /* the guest reads in[0] and writes out[1] */
};

/* Reads by plain calls are answered so, as often: more often than the engine tries. */
static int refusal;
static unsigned refusals;

ssize_t __real_sys_preadv(struct sys *sys, int fd, const struct iovec *iov, unsigned count, uint64_t offset, int flags);
ssize_t __wrap_sys_preadv(struct sys *sys, int fd, const struct iovec *iov, unsigned count, uint64_t offset, int flags);

ssize_t __wrap_sys_preadv(struct sys *sys, int fd, const struct iovec *iov, unsigned count, uint64_t offset, int flags)
{
	if (refusals == 0)
		return __real_sys_preadv(sys, fd, iov, count, offset, flags);
	refusals--;
	return refusal;
}

static void refuse(int with)
{
	if (is_uring())
		skip();
	refusal = with;
	refusals = ENGINE_TRIES_MAX + 1;
}

static void raise_line(const struct virtio_line *line, struct virtio_device *device)
{
	(void)device;
	((struct world *)line->context)->raised++;
}

static void lower_line(const struct virtio_line *line, struct virtio_device *device)
{
	(void)line, (void)device;
}

static int set_up_world(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	*state = w;
	signal(SIGPIPE, SIG_IGN);
	w->fd_before = (unsigned)lowest_free_fd();
	driver_create(&w->driver, RAM);
	w->line = (struct virtio_line){ .raise = raise_line, .lower = lower_line, .context = w };
	w->config = (struct device_config){ .kind = DEVICE_CONSOLE, .terminal = -1, .resized = -1 };
	w->master = w->slave = -1;
	if (pipe(w->in) || pipe(w->out) || fcntl(w->out[1], F_SETPIPE_SZ, 4096) < 0)
		return -1;
	w->config.input = w->in[0];
	w->config.output = w->out[1];
	return 0;
}

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int tear_down_world(void **state)
{
	struct world *w = *state;

	if (w->device)
		virtio_reset(w->device);
	assert_int_equal(engine_destroy(w->engine), 0);
	if (w->device)
		sys_munmap(&w->sys, w->device, w->device->bytes);
	driver_destroy(&w->driver);
	for (unsigned i = 0; i < 2; i++) {
		shut(&w->in[i]);
		shut(&w->out[i]);
	}
	shut(&w->master);
	shut(&w->slave);
	shut(&w->config.resized);
	assert_int_equal(lowest_free_fd(), w->fd_before);
	free(w);
	return 0;
}

/* With so many of the engine's files taken by others. */
static int try_create(struct world *w, unsigned others)
{
	const struct engine_config engine = { .kind = kind, .depth = 3 };
	struct device_context context = { .config = &w->config, .mem = &w->driver.mem, .sys = &w->sys, .error = &w->error };

	assert_int_equal(engine_create(&w->engine, &engine, &w->sys, &w->error), 0);
	while (others-- > 0)
		engine_add_file(w->engine, 0);
	context.engine = w->engine;
	return virtio_console_create(&w->device, &context);
}

/* One queue is the driver's; the other is not used. */
static void set_up_queue(struct world *w, unsigned queue)
{
	struct kvick_virtio_setup setup = { .queues = queue + 1, .features = READY };

	driver_start(&w->driver, SIZE, 0);
	setup.queue[queue] = (struct kvick_virtio_queue){ .size = SIZE, .desc = w->driver.config.desc,
		       .driver = w->driver.config.driver,
							  .device = w->driver.config.device };
	assert_int_equal(virtio_setup(w->device, &setup), 0);
}

static void start_console(struct world *w, unsigned queue)
{
	assert_int_equal(try_create(w, 0), 0);
	virtio_transport_init(w->device, &w->line);
	assert_int_equal(engine_seal(w->engine, &w->error), 0);
	set_up_queue(w, queue);
}

static char *ram(struct world *w, unsigned place)
{
	return guest_mem_span(&w->driver.mem, gpa(DRIVER_DATA_AT + place * 0x4000ull), 0x4000);
}

static void offer(struct world *w, unsigned queue, unsigned place, uint32_t bytes)
{
	const struct driver_part part = { DRIVER_DATA_AT + place * 0x4000ull, bytes, queue == INPUT };

	assert_true(driver_add(&w->driver, &part, 1, false) >= 0);
	virtio_notify(w->device, queue);
}

/* Works until the next buffer is used; how much was written into it. */
static uint32_t next_used(struct world *w)
{
	uint32_t written = 0;
	uint16_t id;

	for (unsigned tries = 0; !driver_has_used(&w->driver); tries++) {
		assert_true(tries < 1000);
		engine_wait(w->engine, 10 * MS, NULL);
	}
	assert_int_equal(driver_take_used(&w->driver, &id, &written), 1);
	return written;
}

static void nothing_is_used(struct world *w)
{
	engine_wait(w->engine, 20 * MS, NULL);
	engine_wait(w->engine, 20 * MS, NULL);
	assert_false(driver_has_used(&w->driver));
}

static void put(struct world *w, const char *text)
{
	assert_int_equal(write(w->in[1], text, strlen(text)), strlen(text));
}

static void input_fills_the_buffers_that_are_there(void **state)
{
	struct world *w = *state;

	start_console(w, INPUT);
	offer(w, INPUT, 0, 4);
	put(w, "seventeen");
	assert_int_equal(next_used(w), 4);
	assert_memory_equal(ram(w, 0), "seve", 4);
	nothing_is_used(w);
	offer(w, INPUT, 1, 100); /* the rest has waited for it */
	assert_int_equal(next_used(w), 5);
	assert_memory_equal(ram(w, 1), "nteen", 5);
	assert_true(w->raised >= 2);
}

/* THREATS 4. */
static void input_outlives_a_reset(void **state)
{
	struct world *w = *state;

	start_console(w, INPUT);
	put(w, "early");
	engine_wait(w->engine, 1000 * MS, NULL);
	assert_true(virtio_reset(w->device)); /* though a read may be under way */
	set_up_queue(w, INPUT);
	offer(w, INPUT, 0, 100);
	assert_int_equal(next_used(w), 5);
	assert_memory_equal(ram(w, 0), "early", 5);
}

/* THREATS 4. */
static void a_buffer_from_before_a_reset_is_never_written_to(void **state)
{
	struct world *w = *state;

	start_console(w, INPUT);
	offer(w, INPUT, 0, 100);
	engine_submit(w->engine);
	assert_true(virtio_reset(w->device));
	put(w, "late");
	engine_wait(w->engine, 1000 * MS, NULL);
	assert_int_equal(ram(w, 0)[0], 0);
}

static void after_the_end_of_input_nothing_comes(void **state)
{
	struct world *w = *state;

	start_console(w, INPUT);
	offer(w, INPUT, 0, 100);
	put(w, "x");
	assert_int_equal(next_used(w), 1);
	offer(w, INPUT, 1, 100);
	shut(&w->in[1]);
	nothing_is_used(w);
	assert_int_equal(engine_in_flight(w->engine), 0); /* nor is it asked for again and again */
	assert_int_equal(w->device->host_error.count, 0);
}

static void input_that_is_not_there_yet_is_waited_for(void **state)
{
	static const int errors[] = { -EAGAIN, -EINTR };
	struct world *w = *state;

	start_console(w, INPUT);
	for (unsigned i = 0; i < COUNT_OF(errors); i++) {
		offer(w, INPUT, i, 100);
		refuse(errors[i]);
		put(w, "text");
		assert_int_equal(next_used(w), 4);
		assert_int_equal(refusals, 0);
	}
	assert_int_equal(w->device->host_error.count, 0);
	assert_int_equal(w->device->metrics[INPUT].requests, 2);
}

static void input_that_fails_ends_and_is_counted(void **state)
{
	struct world *w = *state;

	start_console(w, INPUT);
	offer(w, INPUT, 0, 100);
	refuse(-EIO);
	put(w, "text");
	nothing_is_used(w);
	refusals = 0;
	assert_int_equal(w->device->host_error.count, 1);
	assert_int_equal(w->device->host_error.errnum, EIO);
	assert_int_equal(engine_in_flight(w->engine), 0);
}

static void a_file_is_read_from_where_it_is(void **state)
{
	struct world *w = *state;
	FILE *file = tmpfile();

	fputs("skipped and read", file);
	fflush(file);
	shut(&w->in[0]);
	w->config.input = w->in[0] = dup(fileno(file));
	fclose(file);
	lseek(w->in[0], 8, SEEK_SET);
	start_console(w, INPUT);
	offer(w, INPUT, 0, 100);
	assert_int_equal(next_used(w), 8);
	assert_memory_equal(ram(w, 0), "and read", 8);
	offer(w, INPUT, 1, 100);
	nothing_is_used(w);
}

static void buffers_without_room_are_given_back(void **state)
{
	struct world *w = *state;

	start_console(w, INPUT);
	const struct driver_part part = { DRIVER_DATA_AT, 100, false }; /* readable: the device has no use for it (5.3.6) */

	assert_true(driver_add(&w->driver, &part, 1, false) >= 0);
	virtio_notify(w->device, INPUT);
	put(w, "text");
	assert_int_equal(next_used(w), 0);
	offer(w, INPUT, 1, 100);
	assert_int_equal(next_used(w), 4);
}

static void output_is_used_when_it_is_written(void **state)
{
	struct world *w = *state;
	char got[10000];
	size_t at = 0;

	start_console(w, OUTPUT);
	for (unsigned i = 0; i < 10000; i++)
		ram(w, 0)[i] = (char)(i * 7);
	memcpy(ram(w, 1), "end", 3);
	offer(w, OUTPUT, 0, 10000);
	offer(w, OUTPUT, 1, 0x3);
	nothing_is_used(w); /* the pipe holds 4096 */
	while (at < sizeof(got)) {
		ssize_t n = read(w->out[0], got + at, sizeof(got) - at);

		assert_true(n > 0);
		at += (size_t)n;
		engine_wait(w->engine, 50 * MS, NULL);
	}
	assert_memory_equal(got, ram(w, 0), sizeof(got));
	assert_int_equal(next_used(w), 0);
	assert_int_equal(next_used(w), 0);
	assert_int_equal(read(w->out[0], got, sizeof(got)), 3);
	assert_memory_equal(got, "end", 3);
	assert_int_equal(virtio_console_lost(w->device), 0);
}

/* THREATS 12. */
static void output_that_nobody_reads_is_lost_once_and_buffers_come_back(void **state)
{
	struct world *w = *state;

	start_console(w, OUTPUT);
	shut(&w->out[0]);
	for (unsigned i = 0; i < 3; i++) {
		offer(w, OUTPUT, 0, 10000);
		assert_int_equal(next_used(w), 0);
	}
	assert_int_equal(virtio_console_lost(w->device), EPIPE);
	assert_int_equal(w->device->host_error.count, 1);
	assert_int_equal(w->device->metrics[OUTPUT].errors, 3);
}

/* THREATS 4. */
static void a_reset_ends_output_that_cannot_go_out(void **state)
{
	struct world *w = *state;
	char got[100];

	start_console(w, OUTPUT);
	offer(w, OUTPUT, 0, 0x4000);
	nothing_is_used(w);
	assert_true(virtio_reset(w->device));
	set_up_queue(w, OUTPUT);
	memcpy(ram(w, 1), "new", 3);
	offer(w, OUTPUT, 1, 3);
	for (unsigned tries = 0; !driver_has_used(&w->driver); tries++) {
		assert_true(tries < 1000 && read(w->out[0], got, sizeof(got)) > 0);
		engine_wait(w->engine, MS, NULL);
	}
	next_used(w);
}

/* Facts 7, 12: however long its buffers are. The next byte may go in a second, the next piece in an hour. */
static void start_limited(struct world *w)
{
	w->config.bytes = (struct device_rate){ 1, 4096 };
	start_console(w, OUTPUT);
	memset(ram(w, 0), 'x', 0x4000);
	offer(w, OUTPUT, 0, 0x4000);
}

/* THREATS 12. */
static void a_flood_goes_out_as_a_limit_allows(void **state)
{
	struct world *w = *state;
	char got[8192];

	start_limited(w);
	nothing_is_used(w);
	assert_int_equal(read(w->out[0], got, sizeof(got)), 4096);
	nothing_is_used(w);
	assert_int_equal(engine_in_flight(w->engine), 2); /* input and the timer: no write waits for a place in the pipe */
	assert_int_equal(w->device->metrics[OUTPUT].throttled, 1);
	assert_int_equal(fcntl(w->out[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(read(w->out[0], got, sizeof(got)), -1);
	assert_true(virtio_reset(w->device));
	engine_wait(w->engine, 1000 * MS, NULL);
	assert_int_equal(engine_in_flight(w->engine), 1);
}

static void nothing_waits_for_a_limit_on_a_device_that_needs_a_reset(void **state)
{
	struct world *w = *state;

	start_limited(w);
	virtio_needs_reset(w->device, "a test wants it");
	engine_wait(w->engine, 1000 * MS, NULL); /* the write that was under way */
	assert_int_equal(engine_in_flight(w->engine), 1); /* input */
}

static void a_broken_ring_needs_a_reset(void **state)
{
	struct world *w = *state;
	const struct driver_part part = { RAM, 100, false };

	start_console(w, OUTPUT);
	assert_true(driver_add(&w->driver, &part, 1, false) >= 0);
	virtio_notify(w->device, OUTPUT);
	assert_non_null(w->device->transport.needs_reset);
}

static void input_waits_while_the_device_needs_a_reset(void **state)
{
	struct world *w = *state;

	start_console(w, INPUT);
	offer(w, INPUT, 0, 100);
	virtio_needs_reset(w->device, "a test wants it");
	put(w, "text");
	nothing_is_used(w);
	assert_true(virtio_reset(w->device));
	set_up_queue(w, INPUT);
	offer(w, INPUT, 1, 100);
	assert_int_equal(next_used(w), 4);
	assert_memory_equal(ram(w, 1), "text", 4);
}

static void no_output_is_taken_while_the_device_needs_a_reset(void **state)
{
	struct world *w = *state;
	char got[10000];
	size_t total = 0;
	ssize_t n;

	start_console(w, OUTPUT);
	offer(w, OUTPUT, 0, 10000);
	nothing_is_used(w); /* the pipe holds 4096, and as much has been taken */
	virtio_needs_reset(w->device, "a test wants it");
	assert_int_equal(fcntl(w->out[0], F_SETFL, O_NONBLOCK), 0);
	for (unsigned i = 0; i < 5; i++) {
		while ((n = read(w->out[0], got, sizeof(got))) > 0)
			total += (size_t)n;
		nothing_is_used(w);
	}
	assert_int_equal(total, 8192);
}

static void open_terminal(struct world *w, unsigned short columns, unsigned short rows)
{
	const struct winsize size = { .ws_col = columns, .ws_row = rows };

	assert_int_equal(openpty(&w->master, &w->slave, NULL, NULL, &size), 0);
	w->config.terminal = w->slave;
	w->config.resized = eventfd(0, EFD_NONBLOCK);
}

static struct virtio_console_config told(const struct world *w)
{
	struct virtio_console_config config;

	memcpy(&config, w->device->config, sizeof(config));
	return config;
}

static void without_a_terminal_there_is_no_size(void **state)
{
	struct world *w = *state;

	start_console(w, INPUT);
	assert_false(w->device->features_offered & 1ull << VIRTIO_CONSOLE_F_SIZE);
	assert_false(w->device->features_offered & 1ull << VIRTIO_CONSOLE_F_MULTIPORT);
}

static void a_terminals_size_is_told_and_told_again(void **state)
{
	struct world *w = *state;
	const struct winsize larger = { .ws_col = 132, .ws_row = 50 };
	const uint64_t one = 1;

	open_terminal(w, 80, 24);
	start_console(w, INPUT);
	assert_true(w->device->features_offered & 1ull << VIRTIO_CONSOLE_F_SIZE);
	assert_int_equal(told(w).cols, 80);
	assert_int_equal(told(w).rows, 24);
	for (unsigned i = 0; i < 2; i++) { /* the second time it has not changed */
		assert_int_equal(ioctl(w->master, TIOCSWINSZ, &larger), 0);
		assert_int_equal(write(w->config.resized, &one, sizeof(one)), sizeof(one));
		engine_wait(w->engine, 1000 * MS, NULL);
		assert_int_equal(told(w).cols, 132);
		assert_int_equal(told(w).rows, 50);
		assert_int_equal(w->raised, 1);
		assert_int_equal(w->device->config_generation, 1);
	}
}

static void a_terminals_size_is_told_after_reads_that_came_to_nothing(void **state)
{
	static const int errors[] = { -EAGAIN, -EINTR };
	struct world *w = *state;
	const uint64_t one = 1;

	open_terminal(w, 80, 24);
	start_console(w, INPUT);
	for (unsigned i = 0; i < COUNT_OF(errors); i++) {
		const struct winsize size = { .ws_col = (unsigned short)(100 + i), .ws_row = 50 };

		refuse(errors[i]);
		assert_int_equal(ioctl(w->master, TIOCSWINSZ, &size), 0);
		assert_int_equal(write(w->config.resized, &one, sizeof(one)), sizeof(one));
		for (unsigned tries = 0; told(w).cols != 100 + i; tries++) {
			assert_true(tries < 100);
			engine_wait(w->engine, 10 * MS, NULL);
		}
	}
}

static void one_file_too_many_is_refused(void **state)
{
	struct world *w = *state;
	assert_true(try_create(w, ENGINE_FILES_MAX - 1) < 0);
	assert_says(w->error.text, "--console");
}

#undef TEST
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up_world, tear_down_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(input_fills_the_buffers_that_are_there),
		TEST(input_outlives_a_reset),
		TEST(a_buffer_from_before_a_reset_is_never_written_to),
		TEST(after_the_end_of_input_nothing_comes),
		TEST(input_that_is_not_there_yet_is_waited_for),
		TEST(input_that_fails_ends_and_is_counted),
		TEST(a_file_is_read_from_where_it_is),
		TEST(buffers_without_room_are_given_back),
		TEST(output_is_used_when_it_is_written),
		TEST(output_that_nobody_reads_is_lost_once_and_buffers_come_back),
		TEST(a_reset_ends_output_that_cannot_go_out),
		TEST(a_flood_goes_out_as_a_limit_allows),
		TEST(nothing_waits_for_a_limit_on_a_device_that_needs_a_reset),
		TEST(a_broken_ring_needs_a_reset),
		TEST(input_waits_while_the_device_needs_a_reset),
		TEST(no_output_is_taken_while_the_device_needs_a_reset),
		TEST(without_a_terminal_there_is_no_size),
		TEST(a_terminals_size_is_told_and_told_again),
		TEST(a_terminals_size_is_told_after_reads_that_came_to_nothing),
		TEST(one_file_too_many_is_refused),
	};

	return RUN_FOR_EACH_KIND("console device", tests);
}
